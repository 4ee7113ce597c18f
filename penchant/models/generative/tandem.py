"""Tandem, the house model: one causal encoder over item tokens, and two heads that work in tandem.

Flow     item token = gated ID + codes + vectors, with action, time gap and domain -> causal transformer -> state
         dense head: normalised dot product with the item table, softmax over the catalogue
         code head: a depth decoder that generates the next item's codes along the trie
Sources  the house design (ARCHITECTURE.md, "Tandem"); dense and code retrieval side by side as in LIGER
         (arXiv:2411.18814); one token an item as in RPG (arXiv:2506.05781)
Letters  B rows, T steps, W width, N items, L levels, D dimensions of the item vectors, P steps with a target
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.artifacts import Artifact
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.clock import gaps
from penchant.data.schema import ACTIONS
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import TrieTensors
from penchant.models.generative.depth import CodeEmbedding, DepthDecoder
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.transformer import TransformerBlock, init_normal
from penchant.objectives.softmax import FullSoftmax, Objective

GAP_BUCKETS = 32  # powers of two of seconds since the event before: the last one holds gaps beyond 68 years


class TandemSettings(Settings):
    """Shape of the network and weights of its two losses."""

    width: int = Field(default=128, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    temperature: float = Field(default=0.07, gt=0, description="of the dense head's cosines")
    code_temperature: float = Field(default=0.07, gt=0, description="of the code head's cosines")
    code_weight: float = Field(default=0.5, ge=0, description="weight of the code head's loss, a level")
    gate_halfway: float = Field(default=2.0, gt=0, description="training events at which the ID embedding counts half")


class ItemTokens(nn.Module):
    """Item vectors from ID, codes and content: gate(count) * ID + sum of code embeddings + projected vectors.

    The gate n / (n + halfway) falls with rarity; an item without training events stands on its content alone.

    Args:
        codes: int[N + 1, L], row 0 ignored.
        vectors: float32[N + 1, D], row 0 zero.
        counts: float32[N + 1], training events.
        embedding: The shared code embedding.
    """

    def __init__(self, codes: Tensor, vectors: Tensor, counts: Tensor, embedding: CodeEmbedding, *, width: int, halfway: float) -> None:
        super().__init__()
        self.halfway = halfway
        self.register_buffer("codes", codes)
        self.register_buffer("vectors", vectors)
        self.register_buffer("counts", counts)
        self.codes: Tensor
        self.vectors: Tensor
        self.counts: Tensor
        self.ids = nn.Embedding(len(codes), width)  # row 0: the start token
        self.embedding = embedding
        self.project = nn.Linear(vectors.shape[1], width, bias=False)

    def some(self, items: Tensor) -> Tensor:
        """int64[...] -> [..., W]."""
        real = (items > 0)[..., None]
        gate = (self.counts[items] / (self.counts[items] + self.halfway))[..., None]
        content = self.embedding(self.codes[items]).sum(dim=-2) + self.project(self.vectors[items])
        return torch.where(real, gate * self.ids(items) + content, self.ids(items))

    def all(self) -> Tensor:
        """[N + 1, W]."""
        return self.some(torch.arange(len(self.codes), device=self.codes.device))


class NormalisedTable:
    """Unit vectors of items, for the dense head's cosines."""

    def __init__(self, tokens: ItemTokens) -> None:
        self.tokens = tokens

    def all(self) -> Tensor:
        """[N + 1, W]."""
        return F.normalize(self.tokens.all(), dim=-1)

    def some(self, items: Tensor) -> Tensor:
        """[..., W]."""
        return F.normalize(self.tokens.some(items), dim=-1)


class Tandem(SequenceRetriever[TandemSettings]):
    """One encoder, a dense head and a code head. As a retriever by itself it ranks by the dense head, exactly; see
    ``penchant.models.generative.retrievers`` for retrieval by codes and by both.

    Args:
        codes: int32[N + 1, L], unique rows from 1 on (``ItemSpace.codes``).
        vectors: float32[N + 1, D], content vectors; all zero rows are fine.
        counts: [N + 1], training events an item.
        settings: Shape of the network.
        objective: Loss of the dense head, given unit vectors; the full softmax at ``settings.temperature`` by default.
    """

    KIND = "tandem"

    def __init__(
        self,
        codes: np.ndarray,
        vectors: np.ndarray,
        counts: np.ndarray,
        settings: TandemSettings | None = None,
        *,
        objective: Objective | None = None,
    ) -> None:
        super().__init__()
        require(
            len(codes) == len(vectors) == len(counts),
            f"{len(codes)} codes, {len(vectors)} vectors, {len(counts)} counts",
            "every item has one of each, row 0 is padding",
            "take all three from one ItemSpace",
        )
        self.settings = settings = settings or TandemSettings()
        self.num_items, self.max_len = len(codes) - 1, settings.max_len
        self.objective = objective or FullSoftmax(scale=1.0 / settings.temperature)
        self.trie = TrieTensors(CodeTrie(codes[1:]))
        safe = torch.from_numpy(np.maximum(codes, 0)).long()
        embedding = CodeEmbedding((safe.amax(dim=0) + 1).tolist(), settings.width)
        self.tokens = ItemTokens(
            safe,
            torch.from_numpy(vectors).float(),
            torch.from_numpy(counts.astype(np.float32)),
            embedding,
            width=settings.width,
            halfway=settings.gate_halfway,
        )
        self.actions = nn.Embedding(len(ACTIONS), settings.width)
        self.gaps = nn.Embedding(GAP_BUCKETS, settings.width)
        self.positions = nn.Embedding(settings.max_len, settings.width)
        self.input_norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(settings.width, settings.heads, dropout=settings.dropout) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.decoder = DepthDecoder(embedding, settings.width, scale=1.0 / settings.code_temperature, dropout=settings.dropout)
        init_normal(self)
        self._table: Tensor | None = None
        self.register_load_state_dict_post_hook(lambda model, keys: model.forget_tables())

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        content = self.tokens.some(batch.items) if self.training else self.raw_table()[batch.items]
        x = content + self.actions(batch.actions) + self.gaps(time_gaps(batch.times)) + self.positions(steps)
        x = self.dropout(self.input_norm(x))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def loss(self, batch: Batch) -> Losses:
        """Dense and code loss over all steps that have a target."""
        has = batch.targets > 0
        states, targets = self.encode(batch)[has], batch.targets[has]
        dense = self.objective(F.normalize(states, dim=-1), targets, NormalisedTable(self.tokens))
        codes = self.decoder.loss(states, self.tokens.codes[targets])
        total = dense + self.settings.code_weight * codes / self.tokens.codes.shape[1]
        return Losses(total, {"next_item": dense.detach(), "codes": codes.detach()})

    def train(self, mode: bool = True) -> Self:
        """Switch between training and inference."""
        self.forget_tables()
        return super().train(mode)

    def forget_tables(self) -> None:
        """Drop the tables made for inference, as the weights may have changed."""
        self._table = None

    def raw_table(self) -> Tensor:
        """[N + 1, W], item tokens for inference, made once."""
        if self._table is None:
            with torch.no_grad():
                table = self.tokens.all()
                self._unit_table = F.normalize(table, dim=-1) / self.settings.temperature
                self._table = table  # last, as another thread may be waiting for both
        return self._table

    def score_states(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1], dense logits."""
        self.raw_table()
        return F.normalize(states, dim=-1) @ self._unit_table.T

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights; codes, vectors and counts are among them."""
        settings = dict(saved.manifest.settings)
        settings.pop("num_items")
        parts = saved.tensors("weights")
        codes, vectors, counts = (parts[f"tokens.{name}"].numpy() for name in ("codes", "vectors", "counts"))
        return cls(codes, vectors, counts, TandemSettings.of(settings))


def time_gaps(times: Tensor) -> Tensor:
    """int64[B, T]: floor(log2(1 + seconds since the event before)), 0 for a first event and for histories without times."""
    return torch.log2(1.0 + gaps(times).float()).long().clamp_(max=GAP_BUCKETS - 1)
