"""SASRec (Kang and McAuley, ICDM 2018, arXiv:1808.09781): self-attention over the items of a history.

Flow     item + position embeddings -> causal transformer -> state -> inner product with the item table
Departs  pre-norm blocks with GELU; trained with softmax cross-entropy at every step (the paper's binary loss with one
         negative is far weaker); a start token makes the empty history a valid input; scores may be cosines
Letters  B rows, T steps, W width, N items, P steps with a target
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.artifacts import Artifact
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.transformer import TransformerBlock, init_normal
from penchant.objectives.softmax import FullSoftmax, Objective


class SASRecSettings(Settings):
    """Shape of the network."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")


class EmbeddingTable:
    """Output vectors that are an embedding's rows, or those rows at unit length."""

    def __init__(self, embedding: nn.Embedding, *, unit: bool) -> None:
        self.embedding, self.unit = embedding, unit

    def all(self) -> Tensor:
        """float[N + 1, W]."""
        return F.normalize(self.embedding.weight, dim=-1) if self.unit else self.embedding.weight

    def some(self, items: Tensor) -> Tensor:
        """float[..., W]."""
        rows = self.embedding(items)
        return F.normalize(rows, dim=-1) if self.unit else rows


class SASRec(SequenceRetriever[SASRecSettings]):
    """Self-attentive sequential recommendation with tied item vectors.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "sasrec"

    def __init__(self, num_items: int, settings: SASRecSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings or SASRecSettings()
        settings = self.settings
        self.num_items, self.max_len = num_items, settings.max_len
        self.objective = objective or FullSoftmax()
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        self.positions = nn.Embedding(settings.max_len, settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(settings.width, settings.heads, dropout=settings.dropout) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        init_normal(self)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        x = self.dropout(self.items(batch.items) + self.positions(steps))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def loss(self, batch: Batch) -> Losses:
        """Next-item loss over all steps that have a target."""
        has = batch.targets > 0
        loss = self.objective(self._query(self.encode(batch)[has]), batch.targets[has], self._table())
        return Losses(loss, {"next_item": loss.detach()})

    def score_states(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1]."""
        return self._query(states) @ self._table().all().T

    def _query(self, states: Tensor) -> Tensor:
        """States as the item vectors are multiplied with: unit length over the temperature for cosines."""
        temperature = self.settings.temperature
        return states if temperature is None else F.normalize(states, dim=-1) / temperature

    def _table(self) -> EmbeddingTable:
        return EmbeddingTable(self.items, unit=self.settings.temperature is not None)

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights."""
        settings = dict(saved.manifest.settings)
        return cls(settings.pop("num_items"), SASRecSettings.of(settings))
