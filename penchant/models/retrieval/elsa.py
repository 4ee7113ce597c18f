"""ELSA: an item-to-item matrix of low rank that scales to catalogues whose full matrix does not fit.

Vančura et al., "Scalable Linear Shallow Autoencoder for Collaborative Filtering", RecSys 2022, doi:10.1145/3523227.3551482.

    prediction = x (A A' - I), rows of A at unit length, so that no item predicts itself
    loss = mean squared distance between x / |x| and prediction / |prediction|, a row

Letters: B rows, N items, W rank.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.rows import RowBatch, as_rows
from penchant.models.retrieval.scored import recommend_by_score
from penchant.ranking import exclude_


class ELSASettings(Settings):
    """Shape of the model."""

    rank: int = Field(default=256, ge=1)


class ELSA(nn.Module):
    """A scalable linear shallow autoencoder.

    Args:
        num_items: N.
        settings: Its rank.
    """

    KIND = "elsa"

    def __init__(self, num_items: int, settings: ELSASettings | None = None) -> None:
        super().__init__()
        self.settings, self.num_items = settings or ELSASettings(), num_items
        self.items = nn.Embedding(num_items + 1, self.settings.rank)
        nn.init.xavier_uniform_(self.items.weight)

    def table(self) -> Tensor:
        """A, float32[N + 1, W], rows of unit length; the row of padding is zero."""
        unit = F.normalize(self.items.weight, dim=1)
        return torch.cat([torch.zeros_like(unit[:1]), unit[1:]])

    def profiles(self, batch: RowBatch, table: Tensor) -> Tensor:
        """Rows of x A, float[B, W]."""
        return F.embedding_bag(batch.items, table, batch.offsets, mode="sum")

    def loss(self, batch: RowBatch) -> Losses:
        """Squared distance of rows of length 1, which is 2 - 2 cosine, summed over items.

        With p = x A the cosine needs no B x N matrix: x (p A' - x)' = p p' - n and |p A' - x|^2 = p A'A p' - 2 p p' + n for a
        row of n items.
        """
        table = self.table()
        profiles = self.profiles(batch, table).float()
        counts = torch.bincount(batch.rows, minlength=batch.count).float()
        own = profiles.square().sum(dim=1)
        spread = (profiles @ (table.T @ table) * profiles).sum(dim=1) - 2 * own + counts
        cosine = (own - counts) / (counts * spread.clamp_min(1e-6)).sqrt()
        loss = (2 - 2 * cosine).mean()
        return Losses(loss, {"distance": loss.detach()})

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        batch, table = as_rows(histories), self.table()
        scores = self.profiles(batch, table) @ table.T
        scores[batch.rows, batch.items] -= 1.0
        return exclude_(scores, None)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the artifact."""
        with write_artifact(folder, kind=self.KIND, settings={"num_items": self.num_items, **self.settings.plain()}) as out:
            out.tensors("weights", self.state_dict())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        settings = dict(saved.manifest.settings)
        model = cls(settings.pop("num_items"), ELSASettings.of(settings))
        model.load_state_dict(saved.tensors("weights"))
        return model.eval()
