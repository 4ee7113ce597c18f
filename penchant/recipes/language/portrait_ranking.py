"""Portraits as features of a ranker: what a generator names is ordered by how well it fits a person's interests, too.

Flow     SASRec without each user's newest events -> 100 candidates -> an MLP over state, candidate, and score and place by SASRec, by item
         neighbours and by the short-term, the long-term and the potential layer of the portrait -> the order
Departs  no paper's system; the ranker is that of ``modern_ranking`` with one head, and its portraits are exact ones
Letters  none
"""

from __future__ import annotations

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import Retriever, Scorer
from penchant.data.histories import Histories
from penchant.models.portrait_scorer import PortraitScorer
from penchant.models.retrieval.linear import item_knn
from penchant.models.sequence.sasrec import SASRecSettings
from penchant.recipes.language.portrait_vectors import strangers
from penchant.recipes.serving.ranking import ranked
from penchant.train.settings import TrainSettings
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits

PAPER = Paper("Portrait ranking", "Portraits of people as features of a ranker", "Penchant, 2026", "ARCHITECTURE.md")
TINY = {
    "width": 32,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
    "newest": 1,
    "candidates": 10,
}
_LAYERS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def build(
    lab: Lab,
    *,
    portraits: bool = True,
    own: bool = True,
    newest: int = 5,
    candidates: int = 100,
    share: float = 0.8,
    hidden: int = 64,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> Retriever:
    """Train a generator and a ranker.

    Args:
        lab: What may be seen; items have categories.
        portraits: Whether the ranker knows portraits.
        own: Whether they are a person's own; otherwise those of training users, as a control.
        newest: Events a user that the ranker learns from, and the generator does not.
        candidates: That are ranked.
        share: Of the budget that the generator takes.
        hidden: Of the ranker.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most, of each part.
        tokens: Padded steps a batch of the generator.
    """
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    shape = SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len)

    def others(older: Histories) -> list[Scorer]:
        neighbours: list[Scorer] = [item_knn(older, lab.num_items)]
        if not portraits:
            return neighbours
        made = Portraits.fit(older, CategoryTree.of(lab.catalog))
        told = None if own else strangers(made, lab)
        return [*neighbours, *(PortraitScorer(made, layer, told) for layer in _LAYERS)]

    return ranked(lab, training, shape, others, [()], [1.0], newest=newest, candidates=candidates, hidden=hidden, share=share)


CLAIMS = [
    Claim(
        name="portraits-add-to-a-ranker",
        says="A ranker that knows portraits orders candidates better than one without, and than one with strangers' portraits.",
        subject=Arm("ranker with portraits", "portrait_ranking"),
        rivals=[Arm("ranker without", "portrait_ranking", {"portraits": False})],
        controls=[Arm("ranker with strangers' portraits", "portrait_ranking", {"own": False})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=1500),
        note="The arms of a seed have the same generator: nothing of portraits takes part in its training.",
    ),
]
