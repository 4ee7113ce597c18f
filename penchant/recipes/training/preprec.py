"""PrepRec (UIUC, RecSys 2024, arXiv:2401.01497): train on one catalogue, rank another without a common item, by popularity alone.

Flow     counts by periods -> percentiles -> item vectors that change with time -> transformer; trained on ``source``, moved to
         the lab's data with the popularity counted anew. With ``mixed``: a * its scores + (1 - a) * those of a SASRec
Departs  see ``penchant.models.sequence.preprec``; the whole catalogue is ranked, where the paper has 100 sampled negatives;
         scores are standardised a row before they are mixed
Letters  a, weight of PrepRec's scores
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.errors import require
from penchant.data.popularity_dynamics import Popularity
from penchant.models.blend import Blend
from penchant.models.sequence.preprec import PrepRec, PrepRecSettings
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "PrepRec",
    "A Pre-trained Zero-shot Sequential Recommendation Framework via Popularity Dynamics",
    "UIUC, RecSys 2024",
    "arXiv:2401.01497",
)
TINY = {"source": "planted", "width": 16, "hidden": 16, "layers": 1, "max_len": 12, "epochs": 3, "tokens": 256}
SPACE = {"dropout": FloatDistribution(0.05, 0.5), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}
DEPARTS = {"finds_the_planted_item": "it knows items by their popularity alone, and pairs are no matter of popularity"}
#: Weights of PrepRec that validation chooses from; 0 is SASRec alone.
ALPHAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


class Weights(StrEnum):
    """Where the network's weights come from. POPULARITY: there is no network; the present popularity is the score."""

    TRAINED = "trained"
    RANDOM = "random"
    POPULARITY = "popularity"


def build(
    lab: Lab,
    *,
    source: str | None = None,
    weights: str = "trained",
    mixed: float = 0.0,
    alphas: Sequence[float] = ALPHAS,
    coarse_days: float = 10.0,
    fine_days: float = 2.0,
    width: int = 50,
    hidden: int = 100,
    layers: int = 2,
    heads: int = 1,
    dropout: float = 0.2,
    max_len: int = 50,
    learning_rate: float = 1e-3,
    epochs: int = 60,
    tokens: int = 4096,
) -> PrepRec | Blend:
    """Train PrepRec, by default where it ranks, and perhaps a SASRec beside it.

    Args:
        lab: What may be seen; it counts popularity, and trains where there is no source.
        source: Data set to train on instead.
        weights: ``trained``, or a control: ``random`` or ``popularity``.
        mixed: Share of the budget with which a SASRec is trained, to mix its scores in; 0 leaves it out.
        alphas: Weights a of PrepRec in the mixture; validation chooses one.
        coarse_days: Length of a coarse period.
        fine_days: Length of a fine period.
        width: Of states and item vectors.
        hidden: Of the network that reads popularity.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    require(0 <= mixed <= 1, f"mixed={mixed}", "it is a share of the budget", "pass 0<=mixed<=1")

    def popularity(place: Lab) -> tuple[int, Popularity, Popularity]:
        coarse = Popularity.of(place.train, place.num_items, days=coarse_days, decay=0.5)
        return place.num_items, coarse, Popularity.of(place.train, place.num_items, days=fine_days, decay=1.0)

    known = lab
    if source is not None and Weights(weights) is Weights.TRAINED:
        known = lab.other(source) if lab.other else lab
    num_items, coarse, fine = popularity(known)
    network = Weights(weights) is not Weights.POPULARITY
    shape = PrepRecSettings(width=width, hidden=hidden, layers=layers, heads=heads, dropout=dropout, max_len=max_len, network=network)
    model = PrepRec(num_items, shape, coarse, fine)
    if Weights(weights) is Weights.TRAINED:
        training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
        lab.fit(model, training, known.train, share=1.0 - mixed, validate=known.judge(model))
    ready = model.eval() if known is lab else model.moved(*popularity(lab))
    return mixture(lab, ready, alphas, share=mixed, max_len=max_len) if mixed > 0 else ready


def mixture(lab: Lab, model: PrepRec, alphas: Sequence[float], *, share: float, max_len: int) -> Blend:
    """PrepRec and a SASRec that ``share`` of the budget trains, with the weight that ranks validation best."""
    sasrec = SASRec(lab.num_items, SASRecSettings(max_len=max_len))
    training = TrainSettings(max_len=max_len, tokens=1024, learning_rate=2e-3, epochs=60, patience=5, validate_every=2)
    lab.fit(sasrec, training, name="sasrec", share=share)
    return max((Blend([model, sasrec], [alpha, 1.0 - alpha]) for alpha in alphas), key=lab.quality)


PERIODS = {"coarse_days": 10.0, "fine_days": 6.0}
MIXTURE = Arm("PrepRec and SASRec", "preprec", {"mixed": 0.7})
SHARES = "In the mixture SASRec takes 700 steps and PrepRec 300; in other arms SASRec takes all. Validation chooses the weight of PrepRec."

CLAIMS = [
    Claim(
        name="popularity-dynamics-transfer",
        says="Trained on one film service and never on the other, PrepRec ranks the other's films better than present popularity does.",
        subject=Arm("zero-shot", "preprec", {**PERIODS, "source": "ml-100k"}),
        rivals=[Arm("present popularity", "preprec", {**PERIODS, "weights": "popularity"})],
        controls=[Arm("random weights", "preprec", {**PERIODS, "weights": "random"})],
        dataset="ml-latest-small",
        metric="recall@10",
        budget=Budget(steps=1500),
        note="No weight of the zero-shot arm has seen the data it ranks; its popularity is counted from the training events. "
        "Both are film data: of the data sets here no others are timed.",
    ),
    Claim(
        name="popularity-dynamics-add-to-sasrec",
        says="Mixed with SASRec, PrepRec ranks better than SASRec alone, and than SASRec mixed with untrained weights.",
        subject=MIXTURE,
        rivals=[Arm("SASRec", "sasrec")],
        controls=[Arm("random weights and SASRec", "preprec", {"mixed": 1.0, "weights": "random"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=SHARES,
    ),
    Claim(
        name="popularity-dynamics-add-more-than-popularity",
        says="Mixed with SASRec, PrepRec ranks better than present popularity mixed with SASRec.",
        subject=MIXTURE,
        rivals=[Arm("present popularity and SASRec", "preprec", {"mixed": 1.0, "weights": "popularity"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=SHARES,
    ),
]
