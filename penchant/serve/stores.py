"""The contract of a state store: values by key that change only where nobody else was faster, moved together with the
place in the event log up to which they are true.

``penchant.serve.sqlite_store`` keeps it in one file, ``penchant.serve.redis_store`` on a server. Every store passes
``tests/contracts/test_state_stores.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penchant.serve.events import Positions


@dataclass(frozen=True, slots=True)
class Stored:
    """A value as it was found.

    Attributes:
        value: Its bytes.
        version: Larger than that of any value stored before, under whatever key; so a value that came back after a
            deletion is never taken for the old one.
    """

    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Write:
    """A value to be stored.

    Attributes:
        value: Its bytes; None deletes the key.
        version: Of the value it replaces; 0 where there is none.
        ttl_seconds: After which it is gone; None: never.
    """

    value: bytes | None
    version: int = 0
    ttl_seconds: float | None = None


def user_key(user_id: str) -> str:
    """Where a user's state lies."""
    return f"user:{user_id}"


#: Prefixes of keys that end in a user's id. What is kept of a user under another key must be named here, too: it is by this
#: list that a user's data is found, exported and deleted.
OF_USERS = (user_key(""), "steering:", "portrait:", "review:", "reviewed:")


def key_bytes(key: str) -> bytes:
    """A key as it is stored: any text has bytes, lone surrogates too."""
    return key.encode("utf-8", "surrogatepass")


def key_text(stored: bytes) -> str:
    """What ``key_bytes`` was given."""
    return stored.decode("utf-8", "surrogatepass")


class StateStore(Protocol):
    """Values by key. Safe for several threads and processes."""

    def get(self, keys: Sequence[str]) -> list[Stored | None]:
        """What lies under each key, in one round trip; None where there is nothing, or no longer.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def versions(self, keys: Sequence[str]) -> list[int]:
        """The version of what lies under each key, without the values; 0 where there is nothing, or no longer.

        Raises:
            StorageError: The store cannot be read.
        """
        ...

    def put(self, writes: Mapping[str, Write], *, before: Positions | None = None, after: Positions | None = None) -> bool:
        """All of the writes and the move in the log, or nothing.

        Args:
            writes: By key.
            before: Positions that the store must hold of the partitions of ``after``; a partition left out: none yet.
            after: The positions it holds then. None: values that do not follow from the log.

        Returns:
            Whether it was done; not, if a version or a position is another than expected.

        Raises:
            StorageError: The store cannot be written; it may or may not have been done, as the versions will tell.
        """
        ...

    def positions(self) -> dict[int, int]:
        """Up to where in the log the values are true: the next offset of each partition that was ever moved."""
        ...

    def names(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[str]:
        """At most ``limit`` keys with a prefix that come after ``after``, in the order of their bytes in UTF-8."""
        ...

    def close(self) -> None:
        """Let go of it. A closed store refuses everything else with a ``StorageError``."""
        ...
