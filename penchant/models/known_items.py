"""A model that was trained on fewer items, in a larger catalogue: it goes on as it was, and never names a new item.

Letters: B rows, N items that it knows, M >= N items of the catalogue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.contracts import Scorer, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.blend import model_class
from penchant.models.generative.beam import listed
from penchant.ranking import check_request


class KnownItems:
    """Leaves events on new items out of what the model reads; new items score ``-inf``.

    Args:
        model: Over N items.
        num_items: M.
    """

    KIND = "known-items"

    def __init__(self, model: Scorer, num_items: int) -> None:
        known = model.num_items
        require(num_items >= known, f"num_items={num_items}", f"the model knows {known}", "pass at least as many")
        self.model, self.num_items = model, num_items

    def score(self, histories: Histories) -> Tensor:
        """float32[B, M + 1]."""
        scores = self.model.score(histories.where(histories.items <= self.model.num_items))
        return F.pad(scores, (0, self.num_items - self.model.num_items), value=-torch.inf)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The model's own k best, ties as it breaks them; where k > N, the last places are empty."""
        check_request(histories, k, self.num_items, exclude)
        known = self.model.num_items
        rest = None if exclude is None else exclude.where(exclude.items <= known)
        found = self.model.recommend(histories.where(histories.items <= known), min(k, known), exclude=rest)
        return listed(torch.from_numpy(found.items), torch.from_numpy(found.scores), k)

    def save(self, folder: Path) -> None:
        """Write the size of the catalogue and, inside, the artifact of the model."""
        names = [type(self.model).__module__, type(self.model).__name__]
        with write_artifact(folder, kind=self.KIND, settings={"num_items": self.num_items, "class": names}) as out:
            self.model.save(out.path / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote.

        Raises:
            ArtifactError: The model is of a class that is none of Penchant's models.
        """
        saved = read_artifact(folder, kind=cls.KIND)
        settings = saved.manifest.settings
        return cls(model_class(*settings["class"]).load(saved.child("model")), settings["num_items"])
