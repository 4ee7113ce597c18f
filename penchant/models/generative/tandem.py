"""Tandem, the house model: one causal encoder over item tokens, and two heads that work in tandem.

Flow     item token = gated ID + codes + vectors, with action, time gap and domain -> causal transformer -> state
         dense head: normalised dot product with the item table, softmax over the catalogue
         code head: the next item's codes, level by level along the trie (``depth``) or all at once (``parallel``)
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
from penchant.models.generative.depth import DepthHead, DepthSettings
from penchant.models.generative.masked import MaskedSettings
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.tokens import ItemTokens, NormalisedTable
from penchant.models.generative.unit_rows import UnitRows
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.kept import Kept
from penchant.nn.transformer import TransformerBlock, init_normal
from penchant.objectives.softmax import FullSoftmax, Objective

GAP_BUCKETS = 32  # powers of two of seconds since the event before: the last one holds gaps beyond 68 years


class TandemSettings(Settings):
    """Shape of the network, what it reads of an item, and its heads."""

    width: int = Field(default=128, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    with_ids: bool = Field(default=True, description="whether items are read by ID")
    with_codes: bool = Field(default=True, description="whether items are read by codes")
    with_vectors: bool = Field(default=True, description="whether items are read by content vectors")
    gate_halfway: float = Field(default=2.0, gt=0, description="training events at which the ID embedding counts half")
    temperature: float = Field(default=0.07, gt=0, description="of the dense head's cosines")
    dense_weight: float = Field(default=1.0, ge=0, description="weight of the dense head's loss")
    code_head: DepthSettings | ParallelSettings | MaskedSettings = Field(default=DepthSettings(), discriminator="kind")
    code_weight: float = Field(default=0.5, ge=0, description="weight of the code head's loss")
    tree_head: DepthSettings | None = Field(default=None, description="of a head along the tree of codes that stayed after `recode`")


class Tandem(Kept, SequenceRetriever[TandemSettings]):
    """One encoder, a dense head and a code head. As a retriever by itself it ranks by the dense head, exactly; see
    ``penchant.models.generative.retrievers`` for retrieval by codes and by both.

    Args:
        codes: int32[N + 1, L], one row an item (``ItemSpace.codes``); unique from row 1 on if the code head walks a trie.
        vectors: float32[N + 1, D], content vectors; all zero rows are fine.
        counts: [N + 1], training events an item.
        settings: Shape of the network.
        head_codes: int32[N + 1, L'], codes of the code head, if they are not those that items are read by.
        objective: Loss of the dense head, given unit vectors; the full softmax at ``settings.temperature`` by default.
        code_objective: Loss over items of a parallel head that has one.
    """

    KIND = "tandem"
    _unit_rows: UnitRows | None = None  # of ``ranked``, while the mode stays what it is

    def __init__(
        self,
        codes: np.ndarray,
        vectors: np.ndarray,
        counts: np.ndarray,
        settings: TandemSettings | None = None,
        *,
        head_codes: np.ndarray | None = None,
        objective: Objective | None = None,
        code_objective: Objective | None = None,
    ) -> None:
        super().__init__()
        require(
            len(codes) == len(vectors) == len(counts) == len(codes if head_codes is None else head_codes),
            f"{len(codes)} codes, {len(vectors)} vectors, {len(counts)} counts",
            "every item has one of each, row 0 is padding",
            "take all from one ItemSpace",
        )
        self.settings = settings = settings or TandemSettings()
        self.num_items, self.max_len = len(codes) - 1, settings.max_len
        self.objective = objective or FullSoftmax(scale=1.0 / settings.temperature)
        self.tokens = ItemTokens(
            codes,
            torch.from_numpy(vectors).float(),
            torch.from_numpy(counts.astype(np.float32)),
            width=settings.width,
            halfway=settings.gate_halfway,
            with_ids=settings.with_ids,
            with_codes=settings.with_codes,
            with_vectors=settings.with_vectors,
        )
        seen = torch.from_numpy(np.flatnonzero(np.asarray(counts)[1:] > 0) + 1)
        rows = torch.cat([torch.zeros(1, dtype=torch.long), seen if len(seen) else torch.arange(1, len(codes))])
        #: int64[M + 1], what the dense loss ranks: items with training events. The others would only ever be negatives there,
        #: and so would learn that nobody wants them.
        self.register_buffer("ranked", rows, persistent=False)
        self.ranked: Tensor
        place = torch.zeros(len(codes), dtype=torch.long).index_put((rows,), torch.arange(len(rows)))
        self.register_buffer("place", place, persistent=False)  # int64[N + 1], where each item stands among them
        self.place: Tensor
        self.actions = nn.Embedding(len(ACTIONS), settings.width)
        self.gaps = nn.Embedding(GAP_BUCKETS, settings.width)
        self.positions = nn.Embedding(settings.max_len, settings.width)
        self.input_norm = nn.LayerNorm(settings.width)
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(settings.width, settings.heads, dropout=settings.dropout) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.code_head = settings.code_head.make(
            codes if head_codes is None else head_codes,
            settings.width,
            embedding=self.tokens.embedding if head_codes is None else None,
            dropout=settings.dropout,
            objective=code_objective,
        )
        self.tree_head = None if settings.tree_head is None else self._tree_head(codes, settings.tree_head)
        init_normal(self)

    def _tree_head(self, codes: np.ndarray, settings: DepthSettings) -> DepthHead:
        return DepthHead(codes, self.settings.width, settings, embedding=self.tokens.embedding, dropout=self.settings.dropout)

    def recode(self, codes: np.ndarray, settings: DepthSettings | ParallelSettings, *, objective: Objective | None = None) -> None:
        """Put an untrained code head over other codes int32[N + 1, L'] in place of the present one.

        A depth head over the item space's codes stays, as ``tree_head``: it still generates along their tree.
        """
        require(len(codes) == self.num_items + 1, f"{len(codes)} codes", f"there are {self.num_items} items and padding", "pass N + 1 rows")
        if isinstance(self.code_head, DepthHead):
            self.tree_head = self.code_head
        tree = None if self.tree_head is None else self.tree_head.settings
        self.settings = self.settings.but(code_head=settings, tree_head=tree)
        self.code_head = settings.make(codes, self.settings.width, embedding=None, dropout=self.settings.dropout, objective=objective)
        init_normal(self.code_head)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        content = self.tokens.some(batch.items) if self.training else self.tables()[0][batch.items]
        x = content + self.actions(batch.actions) + self.gaps(time_gaps(batch.times)) + self.positions(steps)
        x = self.dropout(self.input_norm(x))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def loss(self, batch: Batch) -> Losses:
        """Dense and code loss over all steps that have a target; a head of weight 0 is not computed."""
        settings, has = self.settings, self.place[batch.targets] > 0
        states, targets = self.encode(batch)[has], batch.targets[has]
        total, terms = states.new_zeros(()), {}
        if settings.dense_weight > 0:
            dense = self.objective(F.normalize(states, dim=-1), self.place[targets], self._ranked_table())
            total, terms["next_item"] = total + settings.dense_weight * dense, dense.detach()
        if settings.code_weight > 0:
            codes = self.code_head.loss(states, targets)
            total, terms["codes"] = total + settings.code_weight * codes, codes.detach()
        return Losses(total, terms)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, and forget what follows from weights and buffers."""
        self._unit_rows = None
        return super().train(mode)

    def _ranked_table(self) -> NormalisedTable:
        kind, device = torch.float32, self.ranked.device
        if torch.is_autocast_enabled(device.type):
            kind = torch.get_autocast_dtype(device.type)
        if self._unit_rows is None or self._unit_rows.kind != kind:
            self._unit_rows = UnitRows(self.tokens, self.ranked, kind)
        return NormalisedTable(self.tokens, self.ranked, fast=self._unit_rows)

    @torch.no_grad()
    def tables(self) -> tuple[Tensor, Tensor]:
        """[N + 1, W] twice, made once for inference: item tokens, and unit vectors over the temperature."""

        def make() -> tuple[Tensor, Tensor]:
            rows = self.tokens.all()
            return rows, F.normalize(rows, dim=-1) / self.settings.temperature

        return self.kept(make)

    def score_states(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1], dense logits."""
        return F.normalize(states, dim=-1) @ self.tables()[1].T

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights; codes, vectors and counts are among them."""
        settings = dict(saved.manifest.settings)
        settings.pop("num_items")
        parts = saved.tensors("weights")
        names = ("tokens.codes", "tokens.vectors", "tokens.counts", "code_head.codes")
        codes, vectors, counts, head = (parts[name].numpy() for name in names)
        return cls(codes, vectors, counts, TandemSettings.of(settings), head_codes=None if np.array_equal(codes, head) else head)


def time_gaps(times: Tensor) -> Tensor:
    """int64[B, T]: floor(log2(1 + seconds since the event before)), 0 for a first event and for histories without times."""
    return torch.log2(1.0 + gaps(times).float()).long().clamp_(max=GAP_BUCKETS - 1)
