"""A user's vector between requests: made by a model some time ago, from the events that were known then.

Letters: V width.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import ArtifactError, require

_MAGIC = b"PCV1"
_HEAD = struct.Struct("<4sIQIqd")  # magic, checksum, seen, events, newest, made
_CHECKED = 8  # bytes before what the checksum is of
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
        body = _HEAD.pack(_MAGIC, 0, self.seen, self.events, self.newest, self.made)[_CHECKED:] + half.tobytes()
        return _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body

    @classmethod
    def from_bytes(cls, stored: bytes) -> UserVector:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged, or of another version.
        """
        whole = len(stored) >= _HEAD.size and stored[:4] == _MAGIC and zlib.crc32(stored[8:]) == int.from_bytes(stored[4:8], "little")
        require(whole, f"{len(stored)} bytes", "a user's vector is damaged, or of another version", _REPAIR, ArtifactError)
        _, _, seen, events, newest, made = _HEAD.unpack_from(stored)
        return cls(np.frombuffer(stored, "<f2", offset=_HEAD.size).astype(np.float32), events, newest, made, seen)
