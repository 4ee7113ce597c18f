"""Several scorers as one: the weighted sum of their scores, each row of scores brought to mean 0 and deviation 1.

Scores of different models have different units (logits, cosines, sums of weights). Standardised over the catalogue, a
row at a time, they can be added; a row that does not tell items apart becomes zeros and leaves the word to the others.

Letters: B rows, N items, k places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from penchant.contracts import Scorer, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, require
from penchant.data.histories import Histories
from penchant.models.retrieval.scored import recommend_by_score
from penchant.ranking import exclude_

#: Where the classes of parts may come from; an artifact names no other code.
HOME = "penchant.models."


class Blend:
    """Ranks by the weighted sum of standardised scores.

    Args:
        parts: Models of one catalogue.
        weights: One a part; only their ratios matter for the ranking.
    """

    KIND = "blend"

    def __init__(self, parts: Sequence[Scorer], weights: Sequence[float]) -> None:
        require(len(parts) > 0, "parts=[]", "a blend needs a model", "pass one or more")
        require(len(weights) == len(parts), f"{len(weights)} weights for {len(parts)} parts", "one weight a part", "pass as many")
        require(all(math.isfinite(weight) for weight in weights), f"weights={list(weights)}", "weights are finite", "pass numbers")
        sizes = sorted({part.num_items for part in parts})
        require(len(sizes) == 1, f"catalogues of {sizes} items", "all parts rank one catalogue", "train them on the same data")
        self.parts, self.weights, self.num_items = list(parts), [float(weight) for weight in weights], sizes[0]

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        scores = (weight * standardised(part.score(histories)) for part, weight in zip(self.parts, self.weights, strict=True) if weight)
        return exclude_(sum(scores, start=torch.zeros(len(histories), self.num_items + 1)), None)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the weights and, inside, the artifact of each part."""
        classes = [[type(part).__module__, type(part).__name__] for part in self.parts]
        with write_artifact(folder, kind=self.KIND, settings={"weights": self.weights, "classes": classes}) as out:
            for index, part in enumerate(self.parts):
                part.save(out.path / f"part-{index}")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved blend, ready to recommend.

        Raises:
            ArtifactError: A part is of a class that is none of Penchant's models.
        """
        saved = read_artifact(folder, kind=cls.KIND)
        settings = saved.manifest.settings
        return cls(
            [model_class(*names).load(saved.child(f"part-{index}")) for index, names in enumerate(settings["classes"])], settings["weights"]
        )


def standardised(scores: Tensor) -> Tensor:
    """float32[B, N + 1] with mean 0 and deviation 1 over the items of each row; a row of equal scores becomes zeros, and so does column 0.

    Items at ``-inf`` stay there and do not count.
    """
    items = scores[:, 1:].double()
    known = torch.isfinite(items)
    count = known.sum(dim=1, keepdim=True).clamp(min=1)
    centred = items - items.masked_fill(~known, 0).sum(dim=1, keepdim=True) / count
    spread = (centred.masked_fill(~known, 0).square().sum(dim=1, keepdim=True) / count).sqrt()
    size = items.masked_fill(~known, 0).abs().amax(dim=1, keepdim=True)
    even = spread <= 1e-7 * size  # no more than rounding: equal scores
    found = torch.where(even & known, 0.0, centred / spread.masked_fill(even, 1.0))
    return torch.cat([torch.zeros_like(scores[:, :1]), found.float()], dim=1)


def model_class(module: str, name: str) -> Any:
    """A model's class by the names under which it was saved.

    Raises:
        ArtifactError: It is none of Penchant's models.
    """
    found = getattr(import_module(module), name, None) if module.startswith(HOME) else None
    known = isinstance(found, type) and found.__module__ == module and hasattr(found, "load")
    require(known, f"class {module}.{name}", f"parts are models below {HOME[:-1]}", "make the artifact again", ArtifactError)
    return found
