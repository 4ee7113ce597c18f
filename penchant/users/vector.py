"""A user's vector between requests: made by a model some time ago, from the events that were known then.

Letters: V width.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.core.sealed import sealed, unsealed

_MAGIC = b"PCV1"
_HEAD = struct.Struct("<QIqd")  # seen, events, newest, made
_REPAIR = "delete it: it is made anew when somebody asks for it"


@dataclass(frozen=True)
class UserVector:
    """What a model makes of a history.

    Attributes:
        values: float32[V]; half precision when stored.
        events: In the history.
        newest: UTC seconds of the newest of them; -1 where nobody knows.
        made: UTC seconds.
        seen: Version of the user's state whose events the history held, at least; 0 where there was none.
    """

    values: np.ndarray
    events: int
    newest: int
    made: float
    seen: int

    def to_bytes(self) -> bytes:
        """As it is stored: 36 bytes and 2 V.

        Raises:
            InputError: A value is not finite, or too large for half precision.
        """
        with np.errstate(over="ignore"):
            half = self.values.astype("<f2")
        require(bool(np.isfinite(half).all()), "NaN or infinity in a vector", "half precision holds up to 65,504", "repair the model")
        return sealed(_MAGIC, _HEAD.pack(self.seen, self.events, self.newest, self.made) + half.tobytes())

    @classmethod
    def from_bytes(cls, stored: bytes) -> UserVector:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged, or of another version.
        """
        body = unsealed(_MAGIC, stored, what="a user's vector", remedy=_REPAIR, least=_HEAD.size)
        seen, events, newest, made = _HEAD.unpack_from(body)
        return cls(np.frombuffer(body, "<f2", offset=_HEAD.size).astype(np.float32), events, newest, made, seen)
