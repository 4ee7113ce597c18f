"""Fossil (He and McAuley, ICDM 2016, arXiv:1609.09152): what one likes for long, plus what follows the newest item.

Flow     state = (sum of the history's vectors) / n^alpha + eta * (newest item's vector) -> inner product with item vectors + bias
Departs  order 1; one eta for everybody, so unknown users are served; every step is a target of a cross-entropy over the
         catalogue (the paper: one pair at a time); the newest item is also part of the sum
Letters  B rows, T steps, W width, N items
"""

from __future__ import annotations

import torch
from optuna.distributions import FloatDistribution
from pydantic import Field
from torch import Tensor, nn

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.transformer import init_normal
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Fossil",
    "Fusing Similarity Models with Markov Chains for Sparse Sequential Recommendation",
    "UCSD, ICDM 2016",
    "arXiv:1609.09152",
)
TINY = {"width": 32, "max_len": 12, "dropout": 0.0, "learning_rate": 1e-2, "epochs": 25, "tokens": 256}
SPACE = {"dropout": FloatDistribution(0.0, 0.6), "learning_rate": FloatDistribution(3e-4, 1e-2, log=True)}


class FossilSettings(Settings):
    """Shape of the model."""

    width: int = Field(default=64, ge=1)
    alpha: float = Field(default=0.5, ge=0, le=1, description="how much a long history's sum is scaled down")
    long: bool = Field(default=True, description="whether the sum over the history takes part")
    short: bool = Field(default=True, description="whether the newest item takes part")
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2)


class Fossil(SequenceRetriever[FossilSettings]):
    """A similarity model fused with a Markov chain. The base class ranks, saves and loads; this one only encodes."""

    KIND = "fossil"
    SETTINGS = FossilSettings

    def __init__(self, num_items: int, settings: FossilSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or FossilSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        self.longs = nn.Embedding(num_items + 1, settings.width)
        self.shorts = nn.Embedding(num_items + 1, settings.width)
        self.outputs = nn.Embedding(num_items + 1, settings.width)
        self.eta = nn.Parameter(torch.ones(()))
        self.biases = nn.Embedding(num_items + 1, 1)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = ItemHead(self.outputs, bias=self.biases)
        init_normal(self, std=0.1)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]; step t sums steps up to t, so one pass makes the state of every step."""
        steps = torch.arange(1, batch.items.shape[1] + 1, device=batch.items.device)
        state = torch.zeros((), device=batch.items.device)
        if self.settings.long:
            state = state + self.longs(batch.items).cumsum(dim=1) / steps[:, None] ** self.settings.alpha
        if self.settings.short:
            state = state + self.eta * self.shorts(batch.items)
        return self.dropout(state)


def build(
    lab: Lab,
    *,
    width: int = 64,
    alpha: float = 0.5,
    long: bool = True,
    short: bool = True,
    dropout: float = 0.3,
    max_len: int = 50,
    learning_rate: float = 2e-3,
    epochs: int = 40,
    tokens: int = 1024,
) -> Fossil:
    """Train Fossil; ``long`` and ``short`` take its two halves in or out."""
    settings = FossilSettings(width=width, alpha=alpha, long=long, short=short, dropout=dropout, max_len=max_len)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(Fossil(lab.num_items, settings), training)


CLAIMS = [
    Claim(
        name="fossil-needs-both-halves",
        says="Similarity and Markov chain together rank better than either alone.",
        subject=Arm("both", "fossil"),
        rivals=[Arm("similarity alone", "fossil", {"short": False}), Arm("Markov chain alone", "fossil", {"long": False})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    )
]
