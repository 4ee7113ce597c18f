"""What a text encoder is: texts in, one vector each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors whose inner product measures likeness.

    Attributes:
        name: Short name for people and manifests.
        dim: D, the width of a vector; ``None`` as long as it is not known (before a fit).
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int | None: ...

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32[n, D], rows of unit length; a text with nothing in it gets a row of zeros.

        A text's vector does not depend on the other texts (within 1e-5).
        """
        ...

    def fingerprint(self) -> str:
        """A hash of everything the vectors depend on: equal fingerprints give equal vectors."""
        ...


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """float32[n, D], rows brought to unit length; rows of zeros stay zero."""
    rows = np.asarray(vectors, np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
