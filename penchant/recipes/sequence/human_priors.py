"""Human priors by multi-head decoding (Meta 2025, arXiv:2511.10492): SASRec or HSTU with a head a category.

Flow     encoder -> a general head, and a head for each of the commonest categories, trained on items of its own -> an item's
         score is the best among its heads
Departs  softmax over the catalogue in place of 4,096 or more drawn negatives; small encoders; a switch predicts the next item's
         categories from the history and makes the heads' scores comparable. The true category of the next item is never seen
Letters  N items, G groups
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.controls import shuffled
from penchant.models.sequence.hstu import HSTU, HSTUSettings
from penchant.models.sequence.priors import Composition, HumanPriors, PriorSettings, groups_of
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Human priors",
    "Don't Waste It: Guiding Generative Recommenders with Structured Human Priors via Multi-head Decoding",
    "Meta, 2025",
    "arXiv:2511.10492",
)
EXTENDS = "sasrec"
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {  # ``trust`` trades accuracy for variety: tuning for accuracy alone would settle it
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
}


class Encoder(StrEnum):
    """What heads are put over."""

    SASREC = "sasrec"
    HSTU = "hstu"


def build(
    lab: Lab,
    *,
    encoder: Encoder = Encoder.SASREC,
    composition: Composition = Composition.SIDES,
    groups: int = 18,
    known: bool = True,
    ahead: int = 1,
    segments: int = 1,
    switch_weight: float = 1.0,
    trust: float = 0.8,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> HumanPriors:
    """Train an encoder with heads of categories.

    Args:
        lab: What may be seen; items have categories.
        encoder: What heads are put over.
        composition: How heads of segments and of categories make those that score.
        groups: Categories with a head, at most; the commonest.
        known: Whether items have their own categories; otherwise those of a random other item, as a control.
        ahead: Events ahead that heads learn from.
        segments: Parts of these with heads of their own.
        switch_weight: Of the loss that predicts the next item's categories; 0 merges raw scores.
        trust: How much that prediction counts in scores; below 1 lists are more varied.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    _, carried = groups_of(lab.catalog.readable_categories().to_list(), groups)
    shape = {"width": width, "layers": layers, "heads": heads, "dropout": dropout, "max_len": max_len, "temperature": temperature}
    network = SASRec(lab.num_items, SASRecSettings(**shape)) if encoder == Encoder.SASREC else HSTU(lab.num_items, HSTUSettings(**shape))
    settings = PriorSettings(composition=Composition(composition), ahead=ahead, segments=segments, switch_weight=switch_weight, trust=trust)
    model = HumanPriors(network, carried if known else shuffled(carried, lab.seed), settings)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


_NOTE = (
    "Genres are the priors. That lists are more varied as well (genres a list, distance within a list) is a property of whole lists and "
    "no metric of claims: this claim is about accuracy alone."
)
CLAIMS = [
    Claim(
        name="human-priors-cost-no-accuracy",
        says="With a head a genre, set to more varied lists, SASRec ranks no worse than without, within 5%.",
        subject=Arm("heads of genres", "human_priors"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="ml-100k",
        metric="ndcg@10",
        margin=-0.05,
        budget=ML_100K,
        note=_NOTE,
    ),
    Claim(
        name="human-priors-beat-sasrec",
        says="SASRec ranks better with a head a genre than without.",
        subject=Arm("heads of genres", "human_priors"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=_NOTE,
    ),
    Claim(
        name="human-priors-mean-something",
        says="Heads of genres rank better than the same heads with genres given to random items.",
        subject=Arm("heads of genres", "human_priors"),
        rivals=[Arm("heads of shuffled genres", "human_priors", {"known": False})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=_NOTE,
    ),
    Claim(
        name="human-priors-need-a-switch",
        says="Heads rank better where a switch predicts the next genres than where their raw scores are compared.",
        subject=Arm("with a switch", "human_priors"),
        rivals=[Arm("raw scores", "human_priors", {"switch_weight": 0.0})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note="The rival is the merge as the paper states it, with full-softmax losses.",
    ),
]
