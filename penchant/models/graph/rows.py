"""What every model with a learned row for each user shares: who is speaking at inference, recommending, saving.

A learned row stands for the user's training events. So a row of histories whose user is known and which holds all of
that user's training items (and perhaps newer ones) is answered by the learned row; newer events do not move it. Any
other history (an unknown user, or other events than were trained on) is folded in: sum of e_i / sqrt(degree of i) over
its items, as one step of the graph would give. An empty history gets the mean of all users' rows.

Letters: U users, N items, W width, R rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.pairs import Pairs
from penchant.models.graph.propagation import spread
from penchant.models.retrieval.scored import recommend_by_score

S = TypeVar("S", bound=Settings)


class RowRetriever(nn.Module, ABC, Generic[S]):
    """A table of users and one of items. A subclass gives ``KIND``, ``SETTINGS``, ``loss`` and ``score``.

    Args:
        pairs: Who had what in training.
        settings: Of the subclass.
        width: Of the rows.
        deviation: Of the first weights.
    """

    KIND: str
    SETTINGS: type[S]

    def __init__(self, pairs: Pairs, settings: S, *, width: int, deviation: float) -> None:
        super().__init__()
        self.pairs, self.settings, self.num_items = pairs, settings, pairs.num_items
        self.users = nn.Embedding(pairs.num_users + 1, width)
        self.items = nn.Embedding(pairs.num_items + 1, width)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=deviation)

    @abstractmethod
    def score(self, histories: Histories) -> Tensor:
        """float32[R, N + 1]; column 0 is ``-inf``."""

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the artifact: settings, pairs, weights."""
        settings = {"num_users": self.pairs.num_users, "num_items": self.num_items, **self.settings.plain()}
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            out.tensors("weights", self.state_dict())
            out.tensors("pairs", {"users": self.pairs.users, "items": self.pairs.items})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        settings, edges = dict(saved.manifest.settings), saved.arrays("pairs")
        pairs = Pairs(edges["users"], edges["items"], settings.pop("num_users"), settings.pop("num_items"))
        model = cls(pairs, cls.SETTINGS.of(settings))  # type: ignore[call-arg]
        model.load_state_dict(saved.tensors("weights"))
        return model.eval()


@torch.no_grad()
def represent(
    pairs: Pairs, users: Tensor, items: Tensor, histories: Histories, *, learned: bool = True, same_length: bool = False
) -> Tensor:
    """float32[R, W]: learned rows of users whose training events the history continues, folded-in ones of others.

    Args:
        pairs: Of training.
        users: float32[U + 1, W].
        items: float32[N + 1, W].
        histories: R rows.
        learned: Whether learned rows count; otherwise everybody is folded in.
        same_length: Bring folded-in rows to the mean length of learned ones. An inner product ranks alike without;
            a network that was trained on learned rows does not.
    """
    degrees = np.maximum(pairs.item_degrees, 1)
    rows, codes = np.divmod(np.unique(histories.rows * (pairs.num_items + 1) + histories.items), pairs.num_items + 1)
    lengths = np.bincount(rows, minlength=len(histories))
    weights = 1 / np.sqrt(degrees[codes] * lengths[rows])
    offsets = torch.from_numpy(np.cumsum(lengths) - lengths)
    found = spread(items, torch.from_numpy(codes), offsets, torch.from_numpy(weights.astype(np.float32)))
    present = users[torch.from_numpy(np.flatnonzero(pairs.user_degrees))]
    if same_length:
        found = F.normalize(found, dim=1) * present.norm(dim=1).mean()
    found[torch.from_numpy(lengths == 0)] = present.mean(dim=0)
    if learned:
        known = np.flatnonzero(pairs.continued_by(histories))
        found[torch.from_numpy(known)] = users[torch.from_numpy(histories.users[known].astype(np.int64))]
    return found
