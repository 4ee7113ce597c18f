"""SASRec whose states know a portrait: the interests of the window so far are added to each of them.

Flow     categories of the items so far -> shares of all of them and of the newest ones -> linear -> added to the state, before scoring
Departs  from ``Portraits.of``: what is older than the window is not in it, and short-term are the newest events whatever their days

Letters: B rows, T steps, W width, N items, G categories, U people of the control.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.core.artifacts import Artifact, ArtifactWriter
from penchant.data.batches import Batch
from penchant.data.schema import ACTION_CODE
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.users.together import AGAINST

_AGAINST = [ACTION_CODE[name] for name in AGAINST if name in ACTION_CODE]
_MIX = 2_654_435_761  # scatters sums of item codes


class PortraitStatesSettings(SASRecSettings):
    """Shape of the network."""

    recent: int = Field(default=20, ge=1, description="newest events that are short-term")


class PortraitStates(SASRec):
    """SASRec with portraits.

    Args:
        table: float32[N + 1, G], what each item says of categories; row 0 is zero.
        settings: Shape of the network.
        strangers: float32[U, 2 G], portraits of which one stands for a person's own at all steps, as a control; which one, follows from
            how the window begins.
    """

    KIND = "portrait-states"
    SETTINGS = PortraitStatesSettings
    settings: PortraitStatesSettings

    def __init__(self, table: np.ndarray, settings: PortraitStatesSettings | None = None, strangers: np.ndarray | None = None) -> None:
        settings = settings or PortraitStatesSettings()
        super().__init__(len(table) - 1, settings)
        self.settings = settings
        self.register_buffer("table", torch.from_numpy(np.ascontiguousarray(table, np.float32)))
        self.register_buffer("strangers", torch.zeros(0, 0) if strangers is None else torch.from_numpy(strangers.astype(np.float32)))
        self.table: Tensor
        self.strangers: Tensor
        self.interests = nn.Linear(2 * table.shape[1], settings.width, bias=False)
        nn.init.zeros_(self.interests.weight)  # at first it is SASRec

    def portraits(self, batch: Batch) -> Tensor:
        """float32[B, T, 2 G], of each step: shares of the newest events so far, then of all."""
        counts = ~torch.isin(batch.actions, torch.tensor(_AGAINST, device=batch.actions.device)) & (batch.items > 0)
        if len(self.strangers):
            first = batch.items[:, :2].sum(dim=1) * _MIX % (1 << 31)
            return self.strangers[first % len(self.strangers)][:, None].expand(-1, batch.items.shape[1], -1)
        own = self.table[batch.items] * counts[..., None]
        long = own.cumsum(dim=1)
        number = counts.long().cumsum(dim=1)
        first = torch.searchsorted(number, number - self.settings.recent, right=False)  # the step up to which events are old
        before = torch.where((number > self.settings.recent)[..., None], long.gather(1, first[..., None].expand_as(long)), 0.0)
        both = [part / part.sum(dim=-1, keepdim=True).clamp(min=1e-6) for part in (long - before, long)]
        return torch.cat(both, dim=-1)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        return super().encode(batch) + self.interests(self.portraits(batch))

    def write_parts(self, out: ArtifactWriter) -> None:
        """The shapes of what is no setting."""
        out.json("shapes", {"table": list(self.table.shape), "strangers": list(self.strangers.shape)})

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """Build the network without its weights."""
        settings, shapes = dict(saved.manifest.settings), saved.json("shapes")
        settings.pop("num_items")
        return cls(np.zeros(shapes["table"]), PortraitStatesSettings.of(settings), np.zeros(shapes["strangers"], np.float32))
