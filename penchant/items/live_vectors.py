"""Vectors of head items that follow what is done just now, and stay near what was learnt.

    v_h <- v_h + rate |r_h| sum over events of (1[the event is of h] - p_h(u)) u / |u|,   p = softmax over items of u . v

then back into the ball of radius ``drift`` |r_h| around r_h, the released vector: online gradient ascent of the events' likelihood,
projected (Zinkevich, ICML 2003). What is done as often as expected, by those of whom it is expected, moves nothing: an item is drawn
to users who take it unexpectedly, and away from those who do not though it was expected. (Without the second part vectors
move to the mean of their users, all alike, which made lists worse; see ``benchmarks.tiers``.)

Letters: B events, H head items, M other items, V width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from pydantic import Field

from penchant.core.sealed import sealed, unsealed
from penchant.core.settings import Settings

_MAGIC = b"PCH2"
_LEAST = 1e-12  # a shorter vector has no direction


class LiveVectorSettings(Settings):
    """How far vectors move."""

    rate: float = Field(default=0.01, gt=0, le=1, description="of the vector's length, an event that was not expected at all")
    drift: float = Field(default=0.3, ge=0, le=1, description="of the released vector's length that it may be away, at most")
    sampled: int = Field(default=4_096, ge=1, description="M: other items of the softmax, drawn evenly, where there are more")


def chances(users: np.ndarray, heads: np.ndarray, others: np.ndarray, each: float = 1.0) -> np.ndarray:
    """float32[B, H], how probable each head item is as the next of each user.

    Args:
        users: float32[B, V]; inner products with items' vectors are logits.
        heads: float32[H, V].
        others: float32[M, V], items that are not head.
        each: Items that each of the others stands for.
    """
    own, rest = users @ heads.T, users @ others.T
    top = np.maximum(own.max(axis=1, initial=-np.inf), rest.max(axis=1, initial=-np.inf))[:, None]
    own, rest = np.exp(own - top), np.exp(rest - top)
    return own / (own.sum(axis=1) + each * rest.sum(axis=1))[:, None]


def moved(
    vectors: np.ndarray, released: np.ndarray, users: np.ndarray, taken: np.ndarray, expected: np.ndarray, settings: LiveVectorSettings
) -> np.ndarray:
    """float32[H, V] after some events.

    Args:
        vectors: float32[H, V], as they are.
        released: float32[H, V].
        users: float32[B, V], of those who did something; their lengths say nothing.
        taken: int[B], the place among the H of what each did, -1 for another item.
        expected: float32[B, H], see ``chances``.
        settings: How far.
    """
    units = users / np.maximum(np.linalg.norm(users, axis=1, keepdims=True), _LEAST)
    surprise = (taken[:, None] == np.arange(len(vectors))).astype(np.float32) - expected
    return near(vectors + settings.rate * np.linalg.norm(released, axis=1, keepdims=True) * (surprise.T @ units), released, settings.drift)


def near(vectors: np.ndarray, released: np.ndarray, drift: float) -> np.ndarray:
    """float32[H, V]: where a vector is further than ``drift`` times the released one's length, the point of the ball next to it."""
    away = vectors - released
    far = np.linalg.norm(away, axis=1, keepdims=True)
    allowed = drift * np.linalg.norm(released, axis=1, keepdims=True)
    return (released + away * np.minimum(1.0, allowed / np.maximum(far, _LEAST))).astype(np.float32)


def to_bytes(vectors: Mapping[str, np.ndarray]) -> bytes:
    """Vectors float32[V] by item id, as they are stored: in single precision, as small steps would be lost in half."""
    names = json.dumps(list(vectors)).encode()
    rows = np.array(list(vectors.values()), "<f4").tobytes()
    return sealed(_MAGIC, len(names).to_bytes(4, "little") + names + rows)


def from_bytes(stored: bytes) -> dict[str, np.ndarray]:
    """What ``to_bytes`` was given.

    Raises:
        ArtifactError: It is damaged, or of another version.
    """
    body = unsealed(_MAGIC, stored, what="live vectors", remedy="delete them: they are made anew", least=4)
    end = 4 + int.from_bytes(body[:4], "little")
    names = json.loads(body[4:end])
    rows = np.frombuffer(body[end:], "<f4").astype(np.float32)
    return dict(zip(names, rows.reshape(len(names), -1), strict=True)) if names else {}
