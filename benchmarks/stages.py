"""The stages of a ranking platform, one after the other: popularity, a generator, a ranker of its candidates, and policy.

MovieLens 100K with likes and dislikes; recipe ``modern_ranking`` with the settings and the budget of its claim, three seeds. Policy is the
platform's own: of two neighbours at most one has a given first genre, and one place in twenty goes to films with at most EVENTS
training events. What policy costs is told as NDCG; that it does what it says is counted in the lists. Then lists of the ranker
with all weight on one head: those that rank by likes should be of items that are liked more often, and those that rank dislikes
down of items that are disliked less.

Run: python -m benchmarks.stages [--quick]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch

from benchmarks.harness import row, write
from penchant.claims.claim import Budget
from penchant.claims.discover import recipe
from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.contracts import Retriever, TopK
from penchant.core.progress import note
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.evaluate.protocol import Evaluation, Seen, evaluate
from penchant.evaluate.significance import compare
from penchant.models.ranking.ranked import Ranked
from penchant.pipeline.policy import Policy
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Explore, Rules, Spacing
from penchant.pipeline.rules.terms import Range, Where

DATA, K, SEEDS, STEPS, QUICK = "ml-100k-liked", 10, (0, 1, 2), 1_500, 40
EVENTS, CHANCE, CANDIDATES = 20, 0.05, 100
RULES = Rules(
    rules=(
        Spacing(by="category", window=2, most=1),
        Explore(chance=CHANCE, where=Where(events=Range(most=EVENTS))),
    )
)
WEIGHTS = {"watched": (1.0, 0.0, 0.0), "liked": (0.0, 1.0, 0.0), "not disliked": (0.0, 0.0, -1.0)}


class Governed:
    """A retriever's candidates as the policy shows them.

    Args:
        model: Names candidates.
        policy: Over the same catalogue.
    """

    def __init__(self, model: Retriever, policy: Policy) -> None:
        self.model, self.policy, self.num_items = model, policy, model.num_items

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``Retriever``."""
        found = self.model.recommend(histories, max(k, CANDIDATES), exclude=exclude)
        out = TopK(np.zeros((len(histories), k), np.int32), np.full((len(histories), k), -np.inf, np.float32))
        for place in range(len(histories)):
            one, barred = histories.take(np.array([place])), np.zeros(self.num_items + 1, bool)
            barred[0] = True
            if exclude is not None:
                barred[exclude.take(np.array([place])).items] = True
            named = found.items[place] > 0
            items, scores = found.items[place][named], found.scores[place][named]
            asked = Asked(one, k, now=int(one.times.max(initial=0)), seed=str(int(one.users[0])))
            shown = self.policy.choose(asked, items, scores - scores.min(initial=0.0), barred).shown
            out.items[place, : len(shown.items)] = shown.items
            out.scores[place, : len(shown.items)] = np.arange(len(shown.items), 0, -1)
        return out


def stages(world: World, lab: Lab) -> tuple[dict[str, Evaluation], dict[str, np.ndarray]]:
    """What each stage recommends to the test users; and lists int32[R, K] of the ranker by its weights."""
    models: dict[str, Retriever] = {"popularity": recipe("popularity").build(lab)}
    own = recipe("modern_ranking")
    for name, told in (("generator", {"ranked": False}), ("generator and ranker", {})):
        seed_everything(lab.seed)
        models[name] = own.build(world.lab(lab.seed, lab.budget), **told)
    ranked = models["generator and ranker"]
    assert isinstance(ranked, Ranked)
    goods = Goods(world.dataset.catalog, events=lab.counts)
    models["generator, ranker and policy"] = Governed(ranked, Policy(RULES, goods))
    test = world.split.test
    found = {name: evaluate(model, test, name=name, seen=Seen.REMOVED, ks=(K,)) for name, model in models.items()}
    weighed = {
        name: Ranked(ranked.model, ranked.others, ranked.ranker, weights).recommend(test.histories, K, exclude=test.histories).items
        for name, weights in WEIGHTS.items()
    }
    return found, weighed


def neighbours_alike(lists: np.ndarray, keys: np.ndarray) -> float:
    """The share of neighbouring places whose items share a key that is not 0."""
    named = keys[lists[:, :K]]
    return float(((named[:, 1:] == named[:, :-1]) & (named[:, 1:] > 0)).mean())


def share_of(histories: Histories, action: str, size: int) -> np.ndarray:
    """float[N + 1], the share of an item's events with that action, a little towards the mean."""
    own = histories.actions == ACTION_CODE[action]
    counts = [np.bincount(histories.items[which], minlength=size + 1) for which in (own, np.ones_like(own))]
    return (counts[0] + 5 * own.mean()) / (counts[1] + 5)


def rows_of(world: World, found: list[tuple[dict[str, Evaluation], dict[str, np.ndarray]]]) -> list[dict[str, object]]:
    """What came out, over all seeds."""
    lab = world.lab(0)
    values: Mapping[str, np.ndarray] = {
        name: np.mean([seed[name].metrics[f"ndcg@{K}"] for seed, _ in found], axis=0) for name in found[0][0]
    }
    rows = [row(f"NDCG@{K}, {name}", "", float(one.mean())) for name, one in values.items()]
    names = list(values)
    for before, after in pairwise(names):
        gain = compare(values[after], values[before])
        rows.append(row(f"{after} less {before}", "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p))
    keys, little = Goods(world.dataset.catalog).keys("category"), lab.counts <= EVENTS
    for name in names[-2:]:
        lists = np.concatenate([seed[name].lists[:, :K] for seed, _ in found])
        alike, new = neighbours_alike(lists, keys), float(little[lists].mean())
        ruled = name == names[-1]
        rows.append(row(f"neighbours with one first genre, {name}", "share", alike, **({"bar": 0.0} if ruled else {})))
        rows.append(row(f"places of films with at most {EVENTS} training events, {name}", "share", new))
        if ruled:
            rows.append(row(f"the same less {CHANCE:g}, either way", "share", abs(new - CHANCE), bar=0.01))
    shares = {"liked": share_of(lab.train, "like", lab.num_items), "disliked": share_of(lab.train, "dislike", lab.num_items)}
    for told, share in shares.items():
        for name in WEIGHTS:
            lists = np.concatenate([weighed[name] for _, weighed in found])
            rows.append(row(f"how often items of lists by the head {name!r} were {told}", "share", float(share[lists].mean())))
    return rows


def main(steps: int) -> None:
    """Train every stage, and say what came out."""
    torch.set_num_threads(1)
    world = Worlds().open(DATA, "leave-one-out")
    found = [stages(world, world.lab(seed, Budget(steps=steps))) for seed in (SEEDS if steps == STEPS else SEEDS[:1])]
    rows = rows_of(world, found)
    for one in rows:
        note(" ".join(f"{key}={one[key]}" for key in ("what", "ours", "low", "high", "p") if one.get(key) is not None))
    if steps == STEPS:
        write("stages", rows)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else STEPS)
