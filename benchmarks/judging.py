"""Bad matches on MovieLens-100K: whether a classifier that learnt from a judge leaves out films that people then rate 1 or 2.

Of each user the oldest 60% of ratings are the taste (4 and 5 liked, 1 and 2 disliked), the next 20% are what a judge labels a sample of,
the newest 20% are the test, whose truth is the rating. A light classifier learns from 1,500 labels of: the small local model; the truth
(an upper bound); the truth with a fifth of labels turned; the model's labels shuffled 20 times (the control, mean and range). Then the
worst 20% of the test are left out, by each classifier, by likes of the film alone, and by chance. Intervals: 95% by drawing users, seed 0.

Run: python -m benchmarks.judging [--labels 1500]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.harness import row, write
from penchant.core.assets import cache_folder
from penchant.core.progress import stage
from penchant.data.sources import load
from penchant.items.minilm import MiniLM
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.users.match import MatchFilter, MatchJudge, PairFeatures, Taste, kept

TASTE, JUDGED, LEFT_OUT, DRAWS, SHUFFLES = 0.6, 0.8, 0.2, 500, 20


def pairs() -> tuple[list[str], list[Taste], dict[str, list[tuple[int, Taste, int, bool]]]]:
    """Texts of films, tastes, and by part (user, taste, item, bad) of all later ratings; 1 and 2 are bad, 3 and more are not."""
    dataset = load("ml-100k").dataset
    events = dataset.events.sort("user_id", "timestamp", "position")
    codes = {item: code for code, item in enumerate(dataset.catalog.items.ids, start=1)}
    tastes, parts = [], {"judged": [], "test": []}
    for number, (_, of_user) in enumerate(events.group_by("user_id", maintain_order=True)):
        rated = [(codes[item], value) for item, value in of_user.select("item_id", "value").iter_rows()]
        cuts = [int(share * len(rated)) for share in (TASTE, JUDGED)]
        taste = Taste(
            tuple(item for item, value in rated[: cuts[0]] if value >= 4), tuple(item for item, value in rated[: cuts[0]] if value <= 2)
        )
        tastes.append(taste)
        for name, ratings in (("judged", rated[cuts[0] : cuts[1]]), ("test", rated[cuts[1] :])):
            parts[name] += [(number, taste, item, value <= 2) for item, value in ratings]
    return dataset.catalog.titles(), tastes, parts


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1_500)
    count = parser.parse_args().labels
    titles, tastes, parts = pairs()
    vectors = np.concatenate([np.zeros((1, 384), np.float32), MiniLM.fetch().encode(load("ml-100k").dataset.catalog.texts())])
    known, dice = PairFeatures.counting(vectors, tastes), np.random.default_rng(0)
    judged = [parts["judged"][place] for place in dice.choice(len(parts["judged"]), count, replace=False)]
    test = parts["test"]
    features, seen = (known.of([(taste, item) for _, taste, item, _ in part]) for part in (test, judged))
    users, bad = np.array([user for user, *_ in test]), np.array([one[3] for one in test])
    truth = np.array([one[3] for one in judged], np.float64)
    share = float(np.mean([one[3] for one in parts["judged"]]))  # known in any shop that asks a few people
    model = LocalModel.fetch()
    with stage("judge"):
        found = MatchJudge(Cached(model, cache_folder() / "answers.sqlite"), titles, bad=share).bad(
            [(taste, item) for _, taste, item, _ in judged]
        )
    labels = np.array([one if isinstance(one, float) else share for one in found])
    arms = {
        f"labels of {model.name}": labels,
        "true labels, a fifth turned": np.where(dice.random(count) < 0.2, 1 - truth, truth),
        "true labels": truth,
    }
    scores = {name: MatchFilter.fit(seen, given).bad(features) for name, given in arms.items()}
    shuffled = [MatchFilter.fit(seen, dice.permutation(labels)).bad(features) for _ in range(SHUFFLES)]
    scores["few likes"] = -features[:, 4].astype(np.float64)
    scores["chance"] = dice.random(len(test))
    rows = [
        row(f"{model.name} itself against ratings, of {count:,}", "AUC", float(roc_auc_score(truth, labels))),
        row("bad matches of all, in the test", "share", float(bad.mean())),
    ]
    for name, worst in scores.items():
        stays = kept(worst, LEFT_OUT)
        low, high = _interval(users, lambda which, worst=worst: _gain(worst[which], bad[which]))
        rows += [
            row(f"{name}: against ratings", "AUC", float(roc_auc_score(bad, worst))),
            row(f"{name}: bad matches left after a fifth is left out", "share", float(bad[stays].mean())),
            row(f"{name}: fewer bad matches than by chance", "share", _gain(worst, bad), low=round(low, 4), high=round(high, 4)),
            row(f"{name}: good matches lost", "share", float(1 - (~bad[stays]).sum() / (~bad).sum())),
        ]
    for what, unit, values in (
        ("against ratings", "AUC", [float(roc_auc_score(bad, worst)) for worst in shuffled]),
        ("fewer bad matches than by chance", "share", [_gain(worst, bad) for worst in shuffled]),
    ):
        span = {"low": round(min(values), 4), "high": round(max(values), 4)}
        rows.append(
            row(f"control: labels of {model.name}, shuffled, mean of {SHUFFLES} times: {what}", unit, float(np.mean(values)), **span)
        )
    write("judging", rows)


def _gain(worst: np.ndarray, bad: np.ndarray) -> float:
    return float(1 - bad[kept(worst, LEFT_OUT)].mean() / bad.mean())


def _interval(users: np.ndarray, measure: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """95%, by drawing users with replacement."""
    dice = np.random.default_rng(0)
    order = np.argsort(users, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(users))[:-1])
    drawn = [measure(np.concatenate([groups[one] for one in dice.integers(0, len(groups), len(groups))])) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
