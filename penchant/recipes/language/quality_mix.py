"""Recommendation quality (Bing, RecSys 2024): clicks and quality are learnt apart, calibrated, and mixed.

Flow     pairs of items that people had one soon after the other are clicks -> a rubric or a language model says which items are bad
         -> one network, two heads (``penchant.models.ranking.quality_mix``) -> both calibrated on validation -> of the 50 likeliest
         clicks the ten best by click + b x (1 - bad)
Departs  purchases stand for clicks, and other items for what was shown and not clicked; text vectors made apart stand for a cross-encoder
         over both texts; titles and descriptions are the shop's own; half of the items are labelled and the other half is judged unseen

b is the largest of ``WEIGHTS`` with which NDCG@10 on validation loses at most 5%. What is bad is said by the written rubric of
``penchant.items.quality`` whoever labelled; for half of the items no label was ever seen.

Letters: N items, R source items of the test, S sources, K candidates, W width of text vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError, require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.metrics import hits, per_row
from penchant.items.quality import Rubric
from penchant.llm.labels import Labeller
from penchant.llm.model import Choice, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.models.ranking.quality_mix import PairBatches, Platt, QualityMix
from penchant.recipes.language.shared import language_model
from penchant.train.settings import TrainSettings

PAPER = Paper("Recommendation quality", "Recommendation quality improvement", "Microsoft Bing, RecSys 2024", "doi:10.1145/3640457.3688062")
TINY = {"language": None, "labelled": 20, "hidden": 8, "learning_rate": 5e-3, "epochs": 3}
#: What b is chosen from: of 50 candidates about one is what came next, so that probabilities of clicks are small.
WEIGHTS = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.05, 0.1)
_K, _TOP, _MAY_LOSE = 50, 10, 0.05
_NDCG = f"ndcg@{_TOP}"
_APART = 3  # places between two items that count as bought together
_NEAR = 20  # items by text, of which one is judged with each pair
_VALIDATED = 500  # users whom early stopping looks at, at most; calibration and b go by all
_BAD, _GOOD = "Bad", "Good"


class Labels(StrEnum):
    """Who says which items are bad: the written rubric, or the language model."""

    RUBRIC = "rubric"
    MODEL = "model"


@dataclass(frozen=True)
class Mixed:
    """Ranks the catalogue beside an item.

    Attributes:
        model: Both heads.
        click, bad: Their calibration.
        b: Weight of quality.
        unlabelled: bool[N + 1], items of which no label was seen.
    """

    model: QualityMix
    click: Platt
    bad: Platt
    b: float
    unlabelled: np.ndarray

    def top(self, items: np.ndarray, logits: np.ndarray, b: float | None = None) -> np.ndarray:
        """int64[S, 10], best first.

        Args:
            items: int64[S, K], see ``candidates``.
            logits: float32[S, K, 2].
            b: Weight of quality; the chosen one by default.
        """
        worth = self.click(logits[..., 0]) + (self.b if b is None else b) * (1 - self.bad(logits[..., 1]))
        return np.take_along_axis(items, np.argsort(-worth, axis=1, kind="stable")[:, :_TOP], axis=1)


def build(
    lab: Lab,
    *,
    labels: str = Labels.RUBRIC,
    shuffled: bool = False,
    twins: bool = True,
    b: float | None = None,
    labelled: int | None = None,
    language: str | None = None,
    hidden: int = 48,
    learning_rate: float = 2e-3,
    epochs: int = 6,
) -> Mixed:
    """Label, train both heads, calibrate them, choose b.

    Args:
        lab: Clicks are of its training events; calibration and b are of validation.
        labels: Who labels, see ``Labels``.
        shuffled: Give each labelled item the label of another: a control.
        twins: Whether the head is taught which pairs are twins, too, which the rubric knows whoever labels.
        b: Weight of quality; None chooses it on validation.
        labelled: Items that are labelled, half of them by default.
        language: The model that labels, see ``language_model``; None leaves it to the rubric.
        hidden: H of the network.
        learning_rate: Top of the schedule.
        epochs: Passes over the pairs.

    Raises:
        InputError: There is no such ``labels``.
    """
    require(labels in tuple(Labels), f"labels={labels!r}", "nobody labels so", f"use one of: {', '.join(Labels)}", InputError)
    rubric = Rubric()
    chosen = 1 + generator(0, 1).permutation(lab.num_items)[: labelled or lab.num_items // 2]  # the same for every seed: labels cost
    if labels == Labels.MODEL and language is not None:
        said = judged(language_model(language), lab, chosen)
    else:
        said = rubric.poor(lab.catalog)[chosen].astype(np.float32)
    bad = np.full(lab.num_items + 1, np.nan, np.float32)
    bad[chosen] = generator(lab.seed, 2).permutation(said) if shuffled else said
    alike = rubric.twins(lab.catalog)
    pairs = PairBatches(
        *_together(lab.train),
        _nearest(lab.vectors),
        bad,
        alike.of if twins else _none,
        size=256,
        others=6,
        seed=lab.seed,
    )
    model = QualityMix(lab.vectors, hidden)
    few = asked(lab.valid.sample(_VALIDATED))

    def quality() -> float:
        return float(per_row(candidates(model, few[0])[0], few[1], (_TOP,))[_NDCG].mean())

    training = TrainSettings(learning_rate=learning_rate, epochs=epochs, warmup_steps=20, bf16=False)
    lab.fit(model, training, pairs, validate=quality).eval()
    sources, wanted = asked(lab.valid)
    items, logits = candidates(model, sources)
    clicked = hits(items, wanted)
    known = ~np.isnan(bad[items])
    is_bad = (bad[items] > 0.5) | (pairs.twins(np.repeat(sources, items.shape[1]), items.ravel()).reshape(items.shape))
    click, worse = Platt.fit(logits[..., 0].ravel(), clicked.ravel()), Platt.fit(logits[..., 1][known], is_bad[known])
    found = Mixed(model, click, worse, 0.0, np.isnan(bad))
    reached = {one: float(per_row(found.top(items, logits, one), wanted, (_TOP,))[_NDCG].mean()) for one in WEIGHTS}
    best = max(one for one in WEIGHTS if reached[one] >= (1 - _MAY_LOSE) * reached[0.0])
    return Mixed(model, click, worse, best if b is None else b, np.isnan(bad))


def measure(model: Mixed, world: World) -> Mapping[str, np.ndarray]:
    """float64[R] of each item that people of the test had last: what is wrong with the ten items beside it, and NDCG@10 of what came next.

    The frontier over b is told too, as ``ndcg@10, b=0.1`` and ``bad in top 10, b=0.1``.

    Args:
        model: Ranks.
        world: Whose test events are what people had next, and whose catalogue the rubric judges.
    """
    rubric, (sources, wanted) = Rubric(), asked(world.split.test)
    poor, twins = rubric.poor(world.dataset.catalog), rubric.twins(world.dataset.catalog)
    items, logits = candidates(model.model, sources)
    found: dict[str, np.ndarray] = {}
    for b, told in ((model.b, ""), *((one, f", b={one:g}") for one in WEIGHTS)):
        top = model.top(items, logits, b)
        twin = twins.of(np.repeat(sources, top.shape[1]), top.ravel()).reshape(top.shape)
        bad = poor[top] | twin
        found |= {f"bad in top 10{told}": bad.mean(axis=1), f"{_NDCG}{told}": per_row(top, wanted, (_TOP,))[_NDCG]}
        if not told:
            unseen = (bad & model.unlabelled[top]).mean(axis=1)
            found |= {"twins in top 10": twin.mean(axis=1), "bad and never labelled in top 10": unseen, "b": np.full(len(top), b)}
    return found


def candidates(model: QualityMix, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest clicks beside each source, best first: int64[S, K] items and float32[S, K, 2] logits.

    Args:
        model: Scores.
        sources: int64[S]; no item is beside itself.
    """
    items, logits = [], []
    for start in range(0, len(sources), 256):
        part = sources[start : start + 256]
        found = model.catalogue(part)
        clicks = found[..., 0].copy()
        clicks[:, 0] = clicks[np.arange(len(part)), part] = -np.inf
        best = np.argsort(-clicks, axis=1, kind="stable")[:, : min(_K, clicks.shape[1] - 2)]
        items.append(best)
        logits.append(np.take_along_axis(found, best[..., None], axis=1))
    return np.concatenate(items), np.concatenate(logits)


def asked(targets: Targets) -> tuple[np.ndarray, Histories]:
    """int64[S], each item that somebody had last, and S rows of what these people had next, each item once.

    Args:
        targets: An evaluation's.
    """
    wanted: dict[int, set[int]] = {}
    for row in range(len(targets)):
        before, next_ = targets.histories.row(row), targets.items.row(row)
        if len(before):
            wanted.setdefault(int(before[-1]), set()).update(set(next_.tolist()) - {int(before[-1])})
    sources = sorted(source for source, want in wanted.items() if want)
    return np.array(sources, np.int64), Histories.of([sorted(wanted[source]) for source in sources])


def judged(model: LanguageModel, lab: Lab, codes: np.ndarray) -> np.ndarray:
    """float32[n], how surely a language model finds items bad; nan where it gave no answer.

    Args:
        model: Judges.
        lab: Has the catalogue; the share of bad items is told from the rubric, as a shop would from a few pages that it read.
        codes: int[n] of items.
    """
    bad = float(np.clip(Rubric().poor(lab.catalog)[codes].mean(), 0.01, 0.99))
    labeller = Labeller(model, (_BAD, _GOOD), prompt=Prompt.load("quality.v1"), shares={_BAD: bad, _GOOD: 1 - bad})
    titles, descriptions = lab.catalog.titles(), lab.catalog.table["description"].fill_null("").to_list()
    found = model.choose([labeller.question({"title": titles[code - 1], "description": descriptions[code - 1]}) for code in codes])
    read = [labeller.read(one) if isinstance(one, Choice) else None for one in found]
    return np.array(
        [np.nan if one is None else float(1 - one.label if one.chances is None else one.chances[0]) for one in read], np.float32
    )


def _none(sources: np.ndarray, _items: np.ndarray) -> np.ndarray:
    """bool[n]: no pair is of twins."""
    return np.zeros(len(sources), bool)


def _together(histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of different items that a person had within three places, both ways round: int64[P] twice."""
    items, rows, found = histories.items.astype(np.int64), histories.rows, []
    for apart in range(1, _APART + 1):
        first, second = items[:-apart], items[apart:]
        right = (rows[:-apart] == rows[apart:]) & (first != second)
        found += [np.column_stack([first, second])[right], np.column_stack([second, first])[right]]
    pairs = np.concatenate(found)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def _nearest(vectors: np.ndarray) -> np.ndarray:
    """int64[N + 1, K], the nearest other items by text."""
    near = vectors @ vectors.T
    near[:, 0] = -np.inf
    np.fill_diagonal(near, -np.inf)
    return np.argsort(-near, axis=1, kind="stable")[:, : min(_NEAR, len(vectors) - 2)]


_TOLD = ("bad in top 10", "ndcg@10", "twins in top 10", "bad and never labelled in top 10", "b")
_DATA = {
    "dataset": "amazon-office",
    "rows": "items",
    "budget": Budget(steps=600),
    "shown": (*_TOLD, *(f"{name}, b={one:g}" for one in WEIGHTS for name in _TOLD[:2])),
}
_NOTE = (
    "Items that people bought one after the other stand in for clicks. Bad is what the written rubric of penchant.items.quality says: no "
    "description of its own, or nearly the title of the item beside which it is shown; half of the items, the same for every seed, are "
    "labelled. The frontier over b is among the metrics."
)
_RUBRIC, _CLICKS = Arm("clicks and quality", "quality_mix"), Arm("clicks alone", "quality_mix", {"b": 0.0})
_SHUFFLED = Arm("labels shuffled", "quality_mix", {"shuffled": True, "twins": False})
_BY_MODEL = {"labels": Labels.MODEL, "labelled": 600, "language": ""}
CLAIMS = [
    Claim(
        name="quality-mix-drops-bad-items",
        says="Mixing a calibrated quality head into clicks leaves fewer bad items among the first ten than clicks alone.",
        subject=_RUBRIC,
        rivals=[_CLICKS],
        controls=[_SHUFFLED],
        metric="bad in top 10",
        lower=True,
        note=_NOTE,
        **_DATA,
    ),
    Claim(
        name="quality-mix-keeps-clicks",
        says="With quality mixed in, the ten items are at most 10% worse at what people had next than by clicks alone.",
        subject=_RUBRIC,
        rivals=[_CLICKS],
        metric="ndcg@10",
        margin=-0.1,
        note=_NOTE,
        **_DATA,
    ),
    Claim(
        name="quality-mix-with-model-labels",
        says="Labels of a small language model are good enough for the quality head to leave fewer bad items among the first ten.",
        subject=Arm("labels of the model", "quality_mix", _BY_MODEL),
        rivals=[_CLICKS],
        controls=[Arm("its labels shuffled", "quality_mix", {**_BY_MODEL, "shuffled": True})],
        metric="bad in top 10",
        lower=True,
        note=f"{_NOTE} The language model labels 600 items; twins are taught by their titles, whoever labels, and in the control too.",
        **_DATA,
    ),
]
