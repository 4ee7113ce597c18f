"""A generator and a ranker as one retriever: the candidates of one, in the order of the other.

Letters: B rows, C candidates, A heads, k places.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch

from penchant.contracts import Scorer, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.blend import model_class
from penchant.models.ranking.candidates import named
from penchant.models.ranking.multi_task import MultiTaskRanker, MultiTaskSettings
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.ranking import check_request

_ROWS = 256  # ranked at a time


class Ranked:
    """Ranks the generator's candidates by the weighted sum of the heads' probabilities.

    Args:
        model: The generator.
        others: Further scorers that the ranker was trained with.
        ranker: Knows the generator's vectors.
        weights: float[A], of the heads; a negative one ranks down what is probable.
        candidates: C, at least; lists of more places are made of as many.
    """

    KIND = "ranked"

    def __init__(
        self,
        model: SequenceRetriever[Any],
        others: Sequence[Scorer],
        ranker: MultiTaskRanker,
        weights: Sequence[float],
        *,
        candidates: int = 100,
    ) -> None:
        heads, scorers = ranker.settings.heads, ranker.settings.scorers
        require(
            len(others) + 1 == scorers, f"{len(others)} other scorers", f"the ranker knows {scorers}, the generator included", "pass those"
        )
        require(len(weights) == heads, f"{len(weights)} weights", f"the ranker has {heads} heads", "pass one a head")
        require(candidates >= 1, f"candidates={candidates}", "a ranker ranks something", "pass candidates>=1")
        self.model, self.others, self.ranker, self.candidates = model, list(others), ranker.eval(), candidates
        self.weights = [float(one) for one in weights]
        self.num_items = model.num_items

    @torch.no_grad()
    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best of the candidates; scores are the weighted sums, equal ones in the generator's order."""
        check_request(histories, k, self.num_items, exclude)
        items, given = named(self.model, self.others, histories, min(max(self.candidates, k), self.num_items), exclude)
        states = self.model.states(histories)
        scores = torch.full(items.shape, -torch.inf)
        for start in range(0, len(items), _ROWS):
            part = slice(start, start + _ROWS)
            chances = self.ranker(states[part], items[part], given[part]).sigmoid()
            scores[part] = (chances @ chances.new_tensor(self.weights)).masked_fill(items[part] == 0, -torch.inf)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
        return TopK(items.gather(1, order).int().numpy(), scores.gather(1, order).numpy())

    def save(self, folder: Path) -> None:
        """Write the weights and, inside, the scorers and the ranker."""
        scorers = [self.model, *self.others]
        settings = {
            "weights": self.weights,
            "candidates": self.candidates,
            "classes": [[type(one).__module__, type(one).__name__] for one in scorers],
            "ranker": self.ranker.settings.plain(),
        }
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            for place, one in enumerate(scorers):
                one.save(out.path / f"scorer-{place}")
            out.tensors("ranker", {name: value.contiguous() for name, value in self.ranker.state_dict().items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote.

        Raises:
            ArtifactError: A scorer is of a class that is none of Penchant's models.
        """
        saved = read_artifact(folder, kind=cls.KIND)
        settings, weights = saved.manifest.settings, saved.tensors("ranker")
        ranker = MultiTaskRanker(weights["vectors"].numpy(), weights["features"].numpy(), MultiTaskSettings.of(settings["ranker"]))
        ranker.load_state_dict(weights)
        model, *others = (model_class(*names).load(saved.child(f"scorer-{place}")) for place, names in enumerate(settings["classes"]))
        return cls(model, others, ranker, settings["weights"], candidates=settings["candidates"])
