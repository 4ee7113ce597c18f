"""Scaling laws: how the loss falls with the number of parameters, L(N) = E + (N0 / N)^a, and how far that can be trusted.

Zhang et al., RecSys 2024, arXiv:2311.11351. N leaves embedding tables out: they grow with the catalogue, not with the
network, and would hide the law.

Letters: S sizes, R rows, N parameters (in this module not items).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar, nnls
from torch import nn

from penchant.contracts import Scorer
from penchant.core.errors import require
from penchant.data.splits import Targets
from penchant.ranking import blocks_of

#: Exponents that are looked at.
STEEPEST, FLATTEST = 5.0, 0.01
#: Three numbers are fitted; fewer points than this would be met by almost any curve.
FEWEST = 5


@dataclass(frozen=True)
class PowerLaw:
    """L(N) = floor + (scale / N) ** exponent.

    Attributes:
        floor: E, the loss that no size goes below.
        scale: N0, in parameters; 0 for a loss that does not fall.
        exponent: a.
    """

    floor: float
    scale: float
    exponent: float

    def loss(self, sizes: Sequence[float] | np.ndarray) -> np.ndarray:
        """float[S], the loss of each size."""
        return self.floor + (self.scale / np.asarray(sizes, np.float64)) ** self.exponent


def fit(sizes: Sequence[float], losses: Sequence[float]) -> PowerLaw:
    """The law with the least squared error.

    For a given exponent the law is linear in the other two, so only the exponent is searched.

    Args:
        sizes: S numbers of parameters.
        losses: S losses, all of one catalogue and one evaluation.

    Raises:
        InputError: There are fewer than five different sizes.
    """
    x, y = np.asarray(sizes, np.float64), np.asarray(losses, np.float64)
    require(len(x) == len(y), f"{len(x)} sizes, {len(y)} losses", "each size has one loss", "pass as many of both")
    require(len(set(x)) >= FEWEST, f"{len(set(x))} sizes", "three numbers are fitted", f"pass at least {FEWEST} sizes")
    unit = float(x.min())

    def solved(log_exponent: float) -> tuple[np.ndarray, float]:
        terms = np.stack([np.ones_like(x), (x / unit) ** -np.exp(log_exponent)], axis=1)
        return nnls(terms, y)

    grid = np.linspace(np.log(FLATTEST), np.log(STEEPEST), 200)
    best = int(np.argmin([solved(point)[1] for point in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    exponent = float(minimize_scalar(lambda point: solved(point)[1], bounds=around, method="bounded", options={"xatol": 1e-10}).x)  # type: ignore[attr-defined]
    (floor, rise), _ = solved(exponent)
    exponent = float(np.exp(exponent))
    return PowerLaw(float(floor), unit * float(rise) ** (1 / exponent), exponent)


@dataclass(frozen=True)
class Extrapolation:
    """A law fitted to small sizes, held against larger ones.

    Attributes:
        law: What was fitted.
        sizes, losses: Of the larger networks, which the fit did not see.
        predicted: By the law.
        constant: The loss of the largest network that was fitted: what one would say without a law.
    """

    law: PowerLaw
    sizes: np.ndarray
    losses: np.ndarray
    predicted: np.ndarray
    constant: float

    @property
    def error(self) -> float:
        """Mean relative error of the law."""
        return float(np.mean(np.abs(self.predicted - self.losses) / self.losses))

    @property
    def constant_error(self) -> float:
        """Mean relative error of the constant."""
        return float(np.mean(np.abs(self.constant - self.losses) / self.losses))


def extrapolate(sizes: Sequence[float], losses: Sequence[float], *, held: int = 2) -> Extrapolation:
    """Fit to all but the ``held`` largest sizes and predict those."""
    require(held >= 1, f"held={held}", "a prediction is tested on at least one size", "pass held>=1")
    order = np.argsort(sizes, kind="stable")
    x, y = np.asarray(sizes, np.float64)[order], np.asarray(losses, np.float64)[order]
    law = fit(x[:-held].tolist(), y[:-held].tolist())
    return Extrapolation(law, x[-held:], y[-held:], law.loss(x[-held:]), float(y[-held - 1]))


def network_parameters(network: nn.Module) -> int:
    """Trained numbers outside embedding tables."""
    tables = {id(part.weight) for part in network.modules() if isinstance(part, nn.Embedding)}
    return sum(p.numel() for p in network.parameters() if p.requires_grad and id(p) not in tables)


def next_item_loss(model: Scorer, targets: Targets) -> float:
    """Mean cross-entropy (nats) of each row's first target among all items, by the softmax of the scores."""
    total = 0.0
    for rows in blocks_of(len(targets), model.num_items):
        chosen = np.arange(rows.start, rows.stop)
        scores = model.score(targets.histories.take(chosen)).double().numpy()[:, 1:]
        wanted = targets.items.items[targets.items.offsets[chosen]] - 1
        top = scores.max(axis=1, keepdims=True)
        total += float((np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0] - scores[np.arange(len(chosen)), wanted]).sum())
    return total / len(targets)
