"""Small values in stores: a mark of kind and version, a checksum, a body. What was cut off or overwritten is told from what is whole.

They are stored as mark (4 bytes), CRC-32 of the body (little-endian), body.
"""

from __future__ import annotations

import zlib

from penchant.core.errors import ArtifactError, require

_BEFORE = 8  # bytes before the body


def sealed(mark: bytes, body: bytes) -> bytes:
    """``body`` as it is stored.

    Args:
        mark: Four bytes of kind and version.
    """
    require(len(mark) == 4, f"mark={mark!r}", "a mark has four bytes", 'pass for example b"PCV1"')
    return mark + zlib.crc32(body).to_bytes(4, "little") + body


def unsealed(mark: bytes, stored: bytes, *, what: str, remedy: str, least: int = 0) -> bytes:
    """The body of what ``sealed`` gave.

    Args:
        what: It should be, for the message.
        remedy: What whoever reads the message can do.
        least: Bytes that a body has.

    Raises:
        ArtifactError: It is damaged, of another version, or something else.
    """
    body = stored[_BEFORE:]
    whole = len(body) >= least and stored[:4] == mark and zlib.crc32(body) == int.from_bytes(stored[4:_BEFORE], "little")
    require(whole, f"{len(stored)} bytes", f"{what}: damaged, or of another version", remedy, ArtifactError)
    return body
