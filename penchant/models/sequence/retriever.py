"""What every network over histories shares: encoding in blocks, scoring, recommending, saving.

Letters: B rows, T steps, W width, N items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from penchant.contracts import Losses, TopK
from penchant.core.artifacts import Artifact, ArtifactWriter, read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.batches import Batch, by_length, collate
from penchant.data.histories import Histories
from penchant.models.sequence.head import ItemHead
from penchant.nn.transformer import last_valid
from penchant.ranking import blocks_of, check_request, exclude_, join, top_k

TOKENS = 8192  # padded steps encoded at a time


S = TypeVar("S", bound=Settings)


class SequenceRetriever(nn.Module, ABC, Generic[S]):
    """A network that turns a history into one state and ranks items by it.

    A subclass gives ``KIND``, ``SETTINGS``, ``settings``, ``num_items``, ``max_len``, ``head`` and the method ``encode``.
    One whose head is its own overrides ``score_states`` and ``loss`` instead; one that needs more than settings and
    weights to be restored says so in ``write_parts`` and ``from_artifact``.
    """

    KIND: str
    SETTINGS: type[S]
    settings: S
    num_items: int
    max_len: int
    head: ItemHead

    @abstractmethod
    def encode(self, batch: Batch) -> Tensor:
        """States [B, T, W]; step t knows the steps up to t."""

    def score_states(self, states: Tensor) -> Tensor:
        """float32[B, N + 1] from last states [B, W]."""
        return self.head.scores(states)

    def loss(self, batch: Batch) -> Losses:
        """Next-item loss over all steps that have a target."""
        has = batch.targets > 0
        loss = self.head.loss(self.encode(batch)[has], batch.targets[has])
        return Losses(loss, {"next_item": loss.detach()})

    @torch.no_grad()
    def states(self, histories: Histories) -> Tensor:
        """float32[B, W], the state after each history. An empty history gives the state of the start token."""
        cut = histories.lengths >= self.max_len
        recent = histories.last(self.max_len - 1)
        if len(recent) == 1:
            batch = collate(recent, begins=~cut, targets=False)
            return last_valid(self.encode(batch), batch.lengths)
        out: Tensor | None = None
        for rows in by_length(recent.lengths + 1, TOKENS):
            batch = collate(recent.take(rows), begins=~cut[rows], targets=False)
            states = last_valid(self.encode(batch), batch.lengths)
            out = states.new_empty(len(recent), states.shape[1]) if out is None else out
            out[torch.from_numpy(rows)] = states
        return torch.empty(0, 0) if out is None else out

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        return exclude_(self.score_states(self.states(histories)), None)

    @torch.no_grad()
    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        check_request(histories, k, self.num_items, exclude)
        states = self.states(histories)
        blocks = [
            top_k(exclude_(self.score_states(states[rows]), None if exclude is None else exclude.take(np.arange(rows.start, rows.stop))), k)
            for rows in blocks_of(len(histories), self.num_items)
        ]
        return join(blocks, k)

    def write_parts(self, out: ArtifactWriter) -> None:
        """Write what ``from_artifact`` needs besides settings and weights."""

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """Build the network without its weights."""
        settings = dict(saved.manifest.settings)
        return cls(settings.pop("num_items"), cls.SETTINGS.of(settings))  # type: ignore[call-arg]

    def save(self, folder: Path) -> None:
        """Write the artifact: settings, parts, weights."""
        settings = {"num_items": self.num_items, **self.settings.plain()}
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            out.tensors("weights", {name: value.contiguous() for name, value in self.state_dict().items()})
            self.write_parts(out)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        model = cls.from_artifact(saved)
        model.load_state_dict(saved.tensors("weights"))
        return model.eval()
