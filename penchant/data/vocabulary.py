"""String ids at the edges, dense int32 inside. Code 0 is padding and "unknown"; codes run from 1 to N."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from penchant.core.errors import UnknownIdError, require


class Vocabulary:
    """A fixed list of N distinct ids. ``vocabulary.ids[j]`` has code ``j + 1``.

    Args:
        ids: The ids in code order.

    Raises:
        InputError: An id occurs twice.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = pl.Series("id", ids, dtype=pl.String).rechunk()
        require(
            self.ids.n_unique() == len(self.ids) if len(self.ids) else True,
            f"{len(self.ids) - self.ids.n_unique()} repeated ids",
            "every id of a vocabulary must be distinct",
            "remove the repeated rows",
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, value: object) -> bool:
        return value in self._codes

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.ids.to_list(), start=1)}

    @cached_property
    def table(self) -> pl.DataFrame:
        """Columns ``id`` (str) and ``code`` (int32), for joins over large tables."""
        return pl.DataFrame({"id": self.ids, "code": np.arange(1, len(self) + 1, dtype=np.int32)})

    def encode(self, ids: Sequence[str]) -> np.ndarray:
        """Codes int32[n] of ids; 0 where an id is unknown."""
        codes = self._codes
        return np.fromiter((codes.get(value, 0) for value in ids), dtype=np.int32, count=len(ids))

    def code(self, value: str, what: str = "id") -> int:
        """The code of one id.

        Raises:
            UnknownIdError: The id is not in the vocabulary; ``what`` names it in the message.
        """
        found = self._codes.get(value)
        if found is None:
            raise UnknownIdError(f"{what}={value!r}", f"no such {what} among the {len(self):,} known", f"pass a known {what}")
        return found

    def decode(self, codes: np.ndarray) -> list[str]:
        """Ids of codes in 1..N. Code 0 decodes to the empty string."""
        flat = np.asarray(codes).ravel()
        taken = self.ids.gather(np.maximum(flat.astype(np.int64) - 1, 0)).to_list() if len(self) else [""] * len(flat)
        return [value if code > 0 else "" for value, code in zip(taken, flat, strict=True)]
