"""What two layers know of a user, as one vector: the offline layer (months, as of the release) and the near-line one (since).

Each counts by confidence and recency: a layer of n events whose newest is t seconds older than that of the other weighs

    trust * n / (n + halfway) * 2 ** -(t / half_life)

The second factor is the shrinkage of a mean of n observations towards nothing; the third forgets as
``penchant.users.decay`` does. Only the difference of the ages matters: who was away for a year is no less known for it.
``trust`` is for how a vector was made: a mean of items' vectors says less than what a network made of their order.

Letters: V width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from penchant.core.settings import Settings
from penchant.users.decay import DAY

#: Trust in a mean of items' vectors beside a network's state: between what is best in the two situations of ``benchmarks.layers``.
MEAN = 0.25


class LayerSettings(Settings):
    """How layers are weighed."""

    halfway: float = Field(default=5.0, gt=0, description="events at which a layer counts half of what it could")
    half_life: float = Field(default=90.0 * DAY, gt=0, description="seconds after which the older layer counts half")


@dataclass(frozen=True)
class Layer:
    """What one layer knows.

    Attributes:
        vector: float32[V]; its length says nothing.
        events: That it was made of.
        newest: UTC seconds of the newest of them; -1 where nobody knows, which is as new as the other.
        trust: In how it was made, above 0; alone a layer counts fully whatever it is.
    """

    vector: np.ndarray
    events: int
    newest: int
    trust: float = 1.0


def weights(layers: Sequence[Layer | None], settings: LayerSettings | None = None) -> list[float]:
    """The share of each layer, 0..1, together 1; all 0 where none knows anything. None and layers of no events get 0."""
    settings = settings or LayerSettings()
    known = [layer for layer in layers if layer is not None and layer.events > 0]
    latest = max((layer.newest for layer in known), default=-1)
    raw = [0.0 if layer is None else _weight(layer, latest, settings) for layer in layers]
    total = sum(raw)
    return [one / total for one in raw] if total > 0 else raw


def merged(layers: Sequence[Layer | None], settings: LayerSettings | None = None) -> np.ndarray | None:
    """float32[V]: the sum of the layers' unit vectors by their weights; None where none knows anything."""
    shares = weights(layers, settings)
    parts = [share * _unit(layer.vector) for share, layer in zip(shares, layers, strict=True) if layer is not None and share > 0]
    return np.stack(parts).sum(axis=0).astype(np.float32) if parts else None


def _weight(layer: Layer, latest: int, settings: LayerSettings) -> float:
    age = max(latest - layer.newest, 0) if layer.newest >= 0 else 0
    return layer.trust * layer.events / (layer.events + settings.halfway) * 2.0 ** -(age / settings.half_life)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
