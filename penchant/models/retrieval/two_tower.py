"""Two towers: one turns a history into a vector, the other an item, and the nearest items are what is recommended.

Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019,
doi:10.1145/3298689.3346996; uniform extra items: Yang et al., "Mixed Negative Sampling", WWW 2020 companion.

    item = unit(id row + W text);  user = unit(MLP(pooled history, newest item));  score = user . item / temperature
    loss = cross-entropy over the items that stand in the batch, scores corrected by -log Q(item)

A popular item stands in many batches and is a negative too often. Q(j) is its chance of standing in this one: with P
targets and M extra items, (P share_j + M / N) / (P + M). Serving uses plain scores.

Letters: B rows, T steps, W width, N items, D text width, P targets of a batch, M extra items.
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
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.kept import Kept
from penchant.nn.pooling import CausalPool
from penchant.objectives.contrast import info_nce, mixed_log_q, repeats


class TwoTowerSettings(Settings):
    """Shape and loss."""

    width: int = Field(default=64, ge=1)
    hidden: int = Field(default=128, ge=1, description="inside the user tower")
    attentive: bool = Field(default=True, description="weigh the history by a learned score; else its plain mean")
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=0.1, gt=0)
    corrected: bool = Field(default=True, description="whether scores are corrected by -log Q in training")
    extra: int = Field(default=0, ge=0, description="M, uniform items beside those of the batch")


class TwoTower(Kept, SequenceRetriever[TwoTowerSettings]):
    """A user tower and an item tower that meet only in an inner product.

    Args:
        counts: float[N + 1], training events an item.
        texts: float32[N + 1, D], text vectors; D = 0 leaves them out. Row 0 is ignored.
        settings: Shape and loss.
    """

    KIND = "two_tower"
    share: Tensor
    texts: Tensor

    def __init__(self, counts: np.ndarray, texts: np.ndarray, settings: TwoTowerSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TwoTowerSettings()
        require(len(counts) == len(texts), f"{len(counts)} counts, {len(texts)} texts", "both have a row an item", "pass [N + 1] each")
        self.num_items, self.max_len = len(counts) - 1, settings.max_len
        seen = np.concatenate([[0.0], counts[1:] + 1.0])  # one event more for each, so that no chance is zero
        self.register_buffer("share", torch.from_numpy((seen / seen.sum()).astype(np.float32)))
        self.register_buffer("texts", torch.from_numpy(np.ascontiguousarray(texts, np.float32)))
        width = settings.width
        self.ids = nn.Embedding(self.num_items + 1, width)  # row 0: the start token
        nn.init.normal_(self.ids.weight, std=width**-0.5)
        self.project = nn.Linear(texts.shape[1], width, bias=False) if texts.shape[1] else None
        self.pool = CausalPool(width, attentive=settings.attentive)
        self.dropout = Dropout(settings.dropout)
        self.tower = nn.Sequential(nn.Linear(2 * width, settings.hidden), nn.GELU(), nn.Linear(settings.hidden, width))

    def rows(self, items: Tensor) -> Tensor:
        """Item vectors before they are brought to unit length, [..., W]."""
        found = self.ids(items)
        return found if self.project is None else found + self.project(self.texts[items])

    def item_vectors(self) -> Tensor:
        """float[N + 1, W], unit rows of the item tower; what an index holds."""
        return self.kept(lambda: F.normalize(self.rows(torch.arange(self.num_items + 1, device=self.share.device)), dim=-1))

    def encode(self, batch: Batch) -> Tensor:
        """Unit user vectors, [B, T, W]: after each step, from the steps up to it."""
        found = self.dropout(F.normalize(self.rows(batch.items), dim=-1))
        pooled = self.pool(found)
        return F.normalize(pooled + self.tower(torch.cat([pooled, found], dim=-1)), dim=-1)

    def loss(self, batch: Batch) -> Losses:
        """Softmax over the targets of the batch and the extra items.

        Repeats of the positive, and other targets of the same row, are no negatives.
        """
        settings, has = self.settings, batch.targets > 0
        targets = batch.targets[has]
        extra = torch.randint(1, self.num_items + 1, (settings.extra,)).to(targets.device)
        items = torch.cat([targets, extra])
        owners = torch.arange(len(has), device=has.device)[:, None].expand_as(has)[has]
        masked = repeats(targets, items) | repeats(owners, torch.cat([owners, owners.new_full((len(extra),), -1)]))
        log_q = self.log_chance(items, len(targets), len(extra)) if settings.corrected else None
        keys = F.normalize(self.rows(items), dim=-1)
        loss = info_nce(self.encode(batch)[has], keys, temperature=settings.temperature, cosine=False, log_q=log_q, masked=masked)
        return Losses(loss, {"softmax": loss.detach()})

    def log_chance(self, items: Tensor, drawn: int, extra: int) -> Tensor:
        """Each item's log Q, float32: of ``drawn`` places filled by popularity and ``extra`` ones filled evenly."""
        return mixed_log_q(self.share[items], self.num_items, drawn, extra)

    def score_states(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1]."""
        return states @ self.item_vectors().T / self.settings.temperature

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights. Text vectors and shares are among the weights."""
        settings = dict(saved.manifest.settings)
        rows, texts = settings.pop("num_items") + 1, saved.tensors("weights")["texts"]
        return cls(np.ones(rows), texts.numpy(), TwoTowerSettings.of(settings))
