"""Which item is clicked beside another, and which is worth its place: one network, two heads, mixed after both are calibrated.

Recommendation quality (Bing, RecSys 2024): a list by clicks alone prefers what draws clicks; a second head, which learnt what a rubric or
a language model says of pages, is mixed in. Scores of two losses have no common scale, so each is made a probability first (Platt).

Flow     [source; candidate; their product] -> a hidden layer -> a click logit, to which the likeness of the two is added, and a logit
         of being bad -> Platt's calibration of each -> click + b x (1 - bad)
Departs  the paper reads both texts together in a cross-encoder; here their vectors are made apart, so that a catalogue can be scored

Letters: B rows, C candidates, N items, W width of item vectors, H hidden, P pairs, n scores, S sources.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.errors import require
from penchant.core.seeds import generator

_LIKENESS = 5.0  # what a cosine counts at first, in logits


@dataclass(frozen=True)
class PairBatch:
    """Sources, each with candidates of which the first was clicked.

    Attributes:
        sources: int64[B].
        items: int64[B, C], column 0 was clicked, column 1 is near the source and only judged, the others were not clicked.
        bad: float32[B, C], how surely each is bad; nan where nobody said.
    """

    sources: Tensor
    items: Tensor
    bad: Tensor

    @property
    def num_targets(self) -> int:
        """Sources."""
        return len(self.sources)

    def to(self, device: torch.device | str) -> PairBatch:
        return PairBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class QualityMix(nn.Module):
    """Scores candidates beside a source.

    Args:
        vectors: float32[N + 1, W], unit vectors of items; row 0 is zeros. They are not trained.
        hidden: H.
    """

    vectors: Tensor

    def __init__(self, vectors: np.ndarray, hidden: int = 48) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.from_numpy(np.ascontiguousarray(vectors, np.float32)))
        width = vectors.shape[1]
        self.of_source, self.of_item = nn.Linear(width, hidden), nn.Linear(width, hidden, bias=False)
        self.of_product = nn.Linear(width, hidden, bias=False)
        self.heads = nn.Linear(hidden, 2)
        self.likeness = nn.Parameter(torch.tensor(_LIKENESS))

    def forward(self, sources: Tensor, items: Tensor) -> Tensor:
        """float32[B, C, 2], logits of being clicked and of being bad.

        Args:
            sources: int64[B].
            items: int64[B, C].
        """
        item = self.vectors[items]
        return self._logits(self.vectors[sources][:, None], item, self.of_item(item))

    def _logits(self, source: Tensor, item: Tensor, known: Tensor) -> Tensor:
        """float32[..., C, 2] from vectors of sources, float32[..., 1, W], and of items, with what the first layer makes of the latter."""
        product = source * item
        hidden = F.gelu(self.of_source(source) + known + self.of_product(product))
        return self.heads(hidden) + F.pad((self.likeness * product.sum(-1))[..., None], (0, 1))

    def loss(self, batch: PairBatch) -> Losses:
        """-log sigmoid(clicked - not clicked), and the binary cross-entropy of what is known to be good or bad."""
        found = self(batch.sources, batch.items)
        clicks, known = found[..., 0], ~batch.bad.isnan()
        pair = -F.logsigmoid(clicks[:, :1] - clicks[:, 2:]).mean()
        said = F.binary_cross_entropy_with_logits(found[..., 1], batch.bad.nan_to_num(), reduction="none")
        quality = (said * known).sum() / known.sum().clamp(min=1)
        return Losses(pair + quality, {"pair": pair.detach(), "quality": quality.detach()})

    @torch.no_grad()
    def catalogue(self, sources: np.ndarray) -> np.ndarray:
        """float32[S, N + 1, 2], logits of every item beside each source. Those of item 0 mean nothing.

        Args:
            sources: int[S].
        """
        known = self.of_item(self.vectors)
        found = [self._logits(self.vectors[source][None], self.vectors, known).float().numpy() for source in sources.tolist()]
        return np.stack(found) if found else np.zeros((0, len(self.vectors), 2), np.float32)


class PairBatches:
    """Pairs that were clicked, each with a near item and with others at random; see ``penchant.data.batches.Batches``.

    Args:
        sources: int64[P].
        clicked: int64[P].
        near: int64[N + 1, K], items with near vectors; column 1 of a batch is one of them.
        bad: float32[N + 1], how surely an item is bad wherever it is shown; nan where nobody said.
        twins: Tells with int64 arrays of sources and items whether a pair is bad, of items of which something is said.
        size: B.
        others: Candidates that were not clicked.
        seed: Of the order.
    """

    def __init__(
        self, sources: np.ndarray, clicked: np.ndarray, near: np.ndarray, bad: np.ndarray, twins: Any, *, size: int, others: int, seed: int
    ) -> None:
        require(len(sources) > 0, "0 pairs", "clicks are learnt from items that went together", "give it longer histories")
        self.sources, self.clicked, self.near, self.bad, self.twins = sources, clicked, near, bad, twins
        self.size, self.others, self.seed = size, others, seed

    def plan(self, epoch: int) -> list[np.ndarray]:
        """See ``penchant.data.batches.Batches``."""
        order = generator(self.seed, epoch).permutation(len(self.sources))
        return [order[start : start + self.size] for start in range(0, len(order), self.size)]

    def batch(self, rows: np.ndarray) -> PairBatch:
        """See ``penchant.data.batches.Batches``."""
        sources = self.sources[rows]
        near = self.near[sources, torch.randint(self.near.shape[1], (len(rows),)).numpy()]
        drawn = torch.randint(1, len(self.bad), (len(rows), self.others)).numpy()
        items = np.column_stack([self.clicked[rows], near, drawn])
        twins = self.twins(np.repeat(sources, items.shape[1]), items.ravel()).reshape(items.shape)
        bad = np.where(twins & ~np.isnan(self.bad[items]), 1.0, self.bad[items]).astype(np.float32)
        return PairBatch(torch.from_numpy(sources), torch.from_numpy(items), torch.from_numpy(bad))


@dataclass(frozen=True)
class Platt:
    """A logit as a probability that is right on average.

    Attributes:
        slope: Of the logit.
        shift: Added to it.
    """

    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, logits: np.ndarray, happened: np.ndarray) -> Self:
        """Learn it; where all or none happened there is nothing to learn, and the logit stays.

        Args:
            logits: float[n].
            happened: bool[n].
        """
        if happened.all() or not happened.any():
            return cls()
        model: Any = LogisticRegression(C=1e6, max_iter=1000).fit(logits[:, None], happened)
        return cls(float(model.coef_[0, 0]), float(model.intercept_[0]))

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """float64[...], probabilities.

        Args:
            logits: float[...].
        """
        return 1 / (1 + np.exp(-(self.slope * logits.astype(np.float64) + self.shift)))
