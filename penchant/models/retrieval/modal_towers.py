"""Two towers of modalities: what a user likes in each of them, and how much each of them counts for this user.

Source   M3CSR (Kuaishou, RecSys 2024, doi:10.1145/3640457.3688098)
Flow     item: in modality m e_m = C_m[cluster] + W_m features, at unit length; its vector = [MLP(e_1..e_M), e_1, .., e_M]
         user: h from the IDs of the history, h_m from the same history as e_m, by one sequence encoder;
         a = softmax over m of cos(h, h_m) / sharpness; vector = [h, a_1 h_1, .., a_M h_M]; score = inner product / temperature
Loss     softmax over the items of the batch, corrected by -log Q, + weight x how far h_m is from being nearer to the
         target's e_m than to its vectors in other modalities, by a margin
Departs  the form of the intensity and of the pairwise loss is ours, the paper's is not public

The item tower has no IDs, so a new item is on a par with the others.

Letters: B rows, T steps, W width, N items, M modalities, D_m width of their features, P targets of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class ModalSettings(Settings):
    """Shape and loss."""

    width: int = Field(default=64, ge=1)
    hidden: int = Field(default=128, ge=1, description="inside both towers")
    clustered: bool = Field(default=True, description="whether items have trainable cluster vectors beside their features")
    intensity: bool = Field(default=True, description="whether modalities count by user; else evenly")
    sharpness: float = Field(default=0.3, gt=0, description="temperature of the intensity")
    apart: float = Field(default=0.1, ge=0, description="weight of the pairwise loss")
    margin: float = Field(default=0.2, ge=0, description="of the pairwise loss, in cosines")
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=0.1, gt=0)


class ModalTowers(Kept, SequenceRetriever[ModalSettings]):
    """A user tower of interests a modality and an item tower without IDs.

    Args:
        counts: float[N + 1], training events an item.
        features: M arrays float32[N + 1, D_m], not trained; row 0 is ignored.
        clusters: int[N + 1, M], each item's cluster in each modality; row 0 is ignored.
        settings: Shape and loss.
    """

    KIND = "modal_towers"
    share: Tensor
    clusters: Tensor

    def __init__(
        self, counts: np.ndarray, features: Sequence[np.ndarray], clusters: np.ndarray, settings: ModalSettings | None = None
    ) -> None:
        super().__init__()
        self.settings = settings = settings or ModalSettings()
        fits = len(features) > 0 and clusters.shape == (len(counts), len(features)) and all(len(rows) == len(counts) for rows in features)
        shapes = f"{len(counts)} counts, features of {[rows.shape for rows in features]}, clusters of {clusters.shape}"
        require(fits, shapes, "all have a row an item, and clusters a column a modality", "pass [N + 1, ..] each")
        self.num_items, self.max_len, self.modalities = len(counts) - 1, settings.max_len, len(features)
        seen = np.concatenate([[0.0], counts[1:] + 1.0])  # one event more for each, so that no chance is zero
        self.register_buffer("share", torch.from_numpy((seen / seen.sum()).astype(np.float32)))
        start = int(clusters.max(initial=0)) + 1  # the start token's own cluster
        self.register_buffer(
            "clusters", torch.from_numpy(np.concatenate([np.full((1, len(features)), start), clusters[1:]]).astype(np.int32))
        )
        for place, rows in enumerate(features):
            given = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
            self.register_buffer(f"features_{place}", F.normalize(torch.cat([torch.zeros_like(given[:1]), given[1:]]), dim=-1))
        width = settings.width
        self.ids = nn.Embedding(self.num_items + 1, width)  # of histories; row 0: the start token
        self.tables = nn.ModuleList(nn.Embedding(start + 1, width) for _ in features)
        for table in (self.ids, *self.tables):
            nn.init.normal_(table.weight, std=width**-0.5)  # type: ignore[arg-type]
        self.projects = nn.ModuleList(nn.Linear(rows.shape[1], width, bias=False) for rows in features)
        self.pool = CausalPool(width)
        self.dropout = Dropout(settings.dropout)
        self.user = nn.Sequential(nn.Linear(2 * width, settings.hidden), nn.GELU(), nn.Linear(settings.hidden, width))
        self.item = nn.Sequential(nn.Linear(len(features) * width, settings.hidden), nn.GELU(), nn.Linear(settings.hidden, width))

    def modal(self, items: Tensor) -> Tensor:
        """[..., M, W], unit vectors of items int64[...] a modality."""
        found = []
        for place, (table, project) in enumerate(zip(self.tables, self.projects, strict=True)):
            vector = project(getattr(self, f"features_{place}")[items])
            # Without clusters the start token, which has no features, is told from nothing all the same.
            cluster = table(self.clusters[items, place])
            found.append(vector + cluster if self.settings.clustered else torch.where((items > 0)[..., None], vector, cluster))
        return F.normalize(torch.stack(found, dim=-2), dim=-1)

    def rows(self, items: Tensor) -> Tensor:
        """[..., (M + 1) W], vectors of the item tower."""
        modal = self.modal(items).flatten(-2)
        return torch.cat([F.normalize(self.item(modal), dim=-1), modal], dim=-1)

    def item_vectors(self) -> Tensor:
        """float[N + 1, (M + 1) W]; what an index holds."""
        return self.kept(lambda: self.rows(torch.arange(self.num_items + 1, device=self.share.device)))

    def interests(self, items: Tensor) -> Tensor:
        """[B, T, M + 1, W], unit interests after each step of histories int64[B, T]: of behaviour first, then a modality."""
        told = torch.cat([F.normalize(self.ids(items), dim=-1)[..., None, :], self.modal(items)], dim=-2)
        told = self.dropout(told).transpose(1, 2).flatten(0, 1)  # [B (M + 1), T, W]: one encoder for all
        pooled = self.pool(told)
        found = F.normalize(pooled + self.user(torch.cat([pooled, told], dim=-1)), dim=-1)
        return found.view(len(items), self.modalities + 1, *found.shape[1:]).transpose(1, 2)

    def intensities(self, interests: Tensor) -> Tensor:
        """[..., M], how much each modality counts; they sum to 1."""
        if not self.settings.intensity:
            return interests.new_full((*interests.shape[:-2], self.modalities), 1 / self.modalities)
        alike = (interests[..., :1, :] * interests[..., 1:, :]).sum(dim=-1)
        return (alike.float() / self.settings.sharpness).softmax(dim=-1).to(interests.dtype)

    def user_vectors(self, interests: Tensor) -> Tensor:
        """[..., (M + 1) W] of interests [..., M + 1, W]."""
        weighed = interests[..., 1:, :] * self.intensities(interests)[..., None]
        return torch.cat([interests[..., :1, :], weighed], dim=-2).flatten(-2)

    def encode(self, batch: Batch) -> Tensor:
        """User vectors, [B, T, (M + 1) W]: after each step, from the steps up to it."""
        return self.user_vectors(self.interests(batch.items))

    def loss(self, batch: Batch) -> Losses:
        """Softmax over the targets of the batch, and the pairwise loss."""
        settings, has = self.settings, batch.targets > 0
        targets = batch.targets[has]
        interests = self.interests(batch.items)[has]
        owners = torch.arange(len(has), device=has.device)[:, None].expand_as(has)[has]
        masked = repeats(targets, targets) | repeats(owners, owners)
        log_q = mixed_log_q(self.share[targets], self.num_items, len(targets), 0)
        users, keys = self.user_vectors(interests), self.rows(targets)
        ranking = info_nce(users, keys, temperature=settings.temperature, cosine=False, log_q=log_q, masked=masked)
        apart = self.decoupling(interests[:, 1:], keys.unflatten(-1, (-1, settings.width))[:, 1:])
        return Losses(ranking + settings.apart * apart, {"softmax": ranking.detach(), "apart": apart.detach()})

    def decoupling(self, interests: Tensor, items: Tensor) -> Tensor:
        """Mean over m and m' != m of max(0, margin - cos(h_m, e_m) + cos(h_m, e_m')), of [P, M, W] each; 0 where M = 1."""
        if self.modalities == 1:
            return interests.new_zeros(())
        alike = torch.einsum("pmw,pnw->pmn", interests, items).float()
        behind = F.relu(self.settings.margin - alike.diagonal(dim1=1, dim2=2)[..., None] + alike)
        others = ~torch.eye(self.modalities, dtype=torch.bool, device=alike.device)
        return behind[:, others].mean()

    def score_states(self, states: Tensor) -> Tensor:
        """[B, (M + 1) W] -> [B, N + 1]."""
        return states @ self.item_vectors().T / self.settings.temperature

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights. Features and clusters are among the weights."""
        settings, weights = dict(saved.manifest.settings), saved.tensors("weights")
        rows, clusters = settings.pop("num_items") + 1, weights["clusters"].numpy().copy()
        clusters[0] = 0
        features = [weights[f"features_{place}"].numpy() for place in range(clusters.shape[1])]
        return cls(np.ones(rows), features, clusters, ModalSettings.of(settings))
