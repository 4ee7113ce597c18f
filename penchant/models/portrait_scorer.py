"""Items by how well they fit a portrait: its interests held against their categories. Nothing of it is trained.

Letters: B rows, N items, G categories, U people of the control.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.retrieval.scored import recommend_by_score
from penchant.ranking import exclude_
from penchant.users.portrait import Portraits
from penchant.users.portrait_shares import marks, shares
from penchant.users.saved_portraits import load_portraits, save_portraits


class PortraitScorer:
    """Scores an item by the weighted sum of what the layers of a portrait say of its categories; a scorer.

    Args:
        made: Makes portraits.
        weights: Of the short-term, the long-term and the potential layer.
        strangers: float32[U, 3, G + 1], portraits of other people, one of which stands for everybody's own, as a control; which one,
            follows from the history.
    """

    KIND = "portrait-scorer"

    def __init__(self, made: Portraits, weights: tuple[float, float, float], strangers: np.ndarray | None = None) -> None:
        require(len(weights) == 3, f"{len(weights)} weights", "a portrait has three layers of interests", "pass short, long, potential")
        self.made, self.weights, self.strangers = made, tuple(float(one) for one in weights), strangers
        self._marks = marks(made.tree)
        self.num_items = self._marks.shape[0] - 1  # type: ignore[index]

    def layers(self, histories: Histories) -> np.ndarray:
        """float32[B, 3, G + 1], the portrait of each row, or the stranger's."""
        if self.strangers is not None:
            return self.strangers[someone(histories, len(self.strangers))]
        found = shares(self.made, histories)
        return np.stack([found.short, found.long, found.potential], axis=1)

    def score(self, histories: Histories) -> torch.Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        wanted = np.tensordot(self.layers(histories), np.array(self.weights, np.float32), axes=(1, 0))
        return exclude_(torch.from_numpy(np.ascontiguousarray((self._marks @ wanted.T).T)), None)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``Retriever``."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the weights, the strangers if there are any, and what makes portraits."""
        with write_artifact(folder, kind=self.KIND, settings={"weights": list(self.weights), "strange": self.strangers is not None}) as out:
            save_portraits(self.made, out.path / "portraits")
            if self.strangers is not None:
                out.tensors("strangers", {"layers": self.strangers})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote."""
        saved = read_artifact(folder, kind=cls.KIND)
        strangers = saved.arrays("strangers")["layers"] if saved.manifest.settings["strange"] else None
        return cls(load_portraits(saved.child("portraits")), tuple(saved.manifest.settings["weights"]), strangers)


def someone(histories: Histories, people: int) -> np.ndarray:
    """int64[B], a number below ``people`` that follows from what is in a row, and from nothing else."""
    mixed = np.zeros(len(histories), np.uint64)
    with np.errstate(over="ignore"):
        np.add.at(mixed, histories.rows, histories.items.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return ((mixed >> np.uint64(20)) % np.uint64(people)).astype(np.int64)
