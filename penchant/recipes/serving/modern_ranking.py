"""Modern Ranking Platform (Zalando, 2024, arXiv:2409.02856): a generator over the catalogue, then a ranker with a head an action.

Flow     SASRec without each user's newest events -> 100 candidates -> an MLP over state, candidate, score and place by SASRec and by
         item neighbours, and the item's popularity -> a probability a head (watched, liked, disliked); their weighted sum ranks
Departs  the tower of customers is SASRec's, under a softmax over the catalogue; the ranker is small; ratings stand for actions:
         liked from 4 on, disliked up to 2. Policy comes after, see ``penchant.pipeline``
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import Retriever
from penchant.data.schema import ACTION_CODE
from penchant.models.retrieval.linear import item_knn
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.serving import ranking
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Modern Ranking Platform",
    "Building a Scalable, Effective, and Steerable Search and Ranking Platform",
    "Zalando, 2024",
    "arXiv:2409.02856",
)
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
SPACE = {"dropout": FloatDistribution(0.1, 0.6), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}
#: The heads and the actions that count for each; every action is a watch.
HEADS = {"watched": (), "liked": (ACTION_CODE["like"],), "disliked": (ACTION_CODE["dislike"],)}


def build(
    lab: Lab,
    *,
    ranked: bool = True,
    drawn: bool = False,
    newest: int = 5,
    candidates: int = 100,
    watched: float = 1.0,
    liked: float = 1.0,
    disliked: float = 0.0,
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
    """Train a generator and a ranker, or the generator alone.

    Args:
        lab: What may be seen.
        ranked: Whether there is a ranker. Without one the generator learns from all events, for the whole budget.
        drawn: Whether the ranker learns from random candidates instead of the generator's, as a control.
        newest: Events a user that the ranker learns from, and the generator does not.
        candidates: That are ranked.
        watched: Weight of that head's probability.
        liked: The same.
        disliked: The same.
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
    if not ranked:
        return lab.fit(SASRec(lab.num_items, shape), training, name="generator").eval()
    return ranking.ranked(
        lab,
        training,
        shape,
        lambda older: [item_knn(older, lab.num_items)],
        list(HEADS.values()),
        (watched, liked, disliked),
        newest=newest,
        candidates=candidates,
        hidden=hidden,
        share=share,
        drawn=drawn,
    )


CLAIMS = [
    Claim(
        name="a-ranker-adds-to-its-generator",
        says="A ranker with a head an action ranks a generator's candidates better than the generator and popularity do.",
        subject=Arm("generator and ranker", "modern_ranking"),
        rivals=[
            Arm("generator, all events", "modern_ranking", {"ranked": False}),
            Arm("popularity", "popularity"),
        ],
        controls=[Arm("ranker of random candidates", "modern_ranking", {"drawn": True})],
        dataset="ml-100k-liked",
        metric="ndcg@10",
        budget=Budget(steps=1500),
        note="The generator alone learns from all events for the whole budget; below a ranker it lacks each user's newest five, which the "
        "ranker learns from, and a fifth of the steps.",
    ),
]
