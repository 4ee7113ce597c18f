"""Vectors of head items that follow who does something with them now, and stay near what was learnt.

    v <- v + rate * (|r| u - v), then back into the ball of radius ``drift`` |r| around r

where r is the released vector and u the unit mean of the users' vectors: a step of online gradient descent on the squared
distance, projected (Zinkevich, ICML 2003).

Letters: H items, V width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from pydantic import Field

from penchant.core.sealed import sealed, unsealed
from penchant.core.settings import Settings

_MAGIC = b"PCH1"
_LEAST = 1e-12  # a shorter vector has no direction


class LiveVectorSettings(Settings):
    """How far vectors move."""

    rate: float = Field(default=0.05, gt=0, le=1, description="of the way to the users, a step")
    drift: float = Field(default=0.3, ge=0, le=1, description="of the released vector's length that it may be away, at most")


def moved(vectors: np.ndarray, released: np.ndarray, users: np.ndarray, settings: LiveVectorSettings) -> np.ndarray:
    """float32[H, V] after one step.

    Args:
        vectors: float32[H, V], as they are.
        released: float32[H, V].
        users: float32[H, V], means of the vectors of those who did something with each; their lengths say nothing.
        settings: How far.
    """
    lengths = np.linalg.norm(released, axis=1, keepdims=True)
    units = users / np.maximum(np.linalg.norm(users, axis=1, keepdims=True), _LEAST)
    return near(vectors + settings.rate * (lengths * units - vectors), released, settings.drift)


def near(vectors: np.ndarray, released: np.ndarray, drift: float) -> np.ndarray:
    """float32[H, V]: where a vector is further than ``drift`` times the released one's length, the point of the ball next to it."""
    away = vectors - released
    far = np.linalg.norm(away, axis=1, keepdims=True)
    allowed = drift * np.linalg.norm(released, axis=1, keepdims=True)
    return (released + away * np.minimum(1.0, allowed / np.maximum(far, _LEAST))).astype(np.float32)


def to_bytes(vectors: Mapping[str, np.ndarray]) -> bytes:
    """Vectors float32[V] by item id, as they are stored: in half precision."""
    names = json.dumps(list(vectors)).encode()
    rows = np.array(list(vectors.values()), "<f2").tobytes()
    return sealed(_MAGIC, len(names).to_bytes(4, "little") + names + rows)


def from_bytes(stored: bytes) -> dict[str, np.ndarray]:
    """What ``to_bytes`` was given.

    Raises:
        ArtifactError: It is damaged, or of another version.
    """
    body = unsealed(_MAGIC, stored, what="live vectors", remedy="delete them: they are made anew", least=4)
    end = 4 + int.from_bytes(body[:4], "little")
    names = json.loads(body[4:end])
    rows = np.frombuffer(body, "<f2", offset=end).astype(np.float32)
    return dict(zip(names, rows.reshape(len(names), -1), strict=True)) if names else {}
