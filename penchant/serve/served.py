"""What was served: the record of an answer, and the contract of the log that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Served:
    """One answered list.

    Attributes:
        request_id: Of the answer.
        at: UTC seconds.
        user_id: None for nobody in particular.
        release: Its id.
        rung: The way the list was made.
        items: Item ids, in the order shown.
        propensities: The probability with which each stood at its place.
        arms: Arm of each experiment that the user was in.
        milliseconds: From the request's arrival to its answer.
        replay: What else made the list, as JSON values.
    """

    request_id: str
    at: float
    user_id: str | None
    release: str
    rung: str
    items: tuple[str, ...]
    propensities: tuple[float, ...]
    arms: Mapping[str, str]
    milliseconds: float
    replay: Mapping[str, Any]


class ServedLog(Protocol):
    """Answers in the order of their times. Safe for several threads."""

    def append(self, served: Served) -> None:
        """Keep an answer, soon: it is never waited for."""
        ...

    def keep(self, content: str) -> str:
        """Keep, soon, what many answers share, as long as any of them; its name."""
        ...

    def kept(self, name: str) -> str:
        """What lies under a name.

        Raises:
            UnknownIdError: Nothing does.
        """
        ...

    def flush(self) -> None:
        """Wait until what was appended can be read."""
        ...

    def get(self, request_id: str) -> Served | None:
        """The answer to one request; None where it is not kept."""
        ...

    def since(self, at: float, limit: int = 1000, after: str = "") -> list[Served]:
        """At most ``limit`` answers of a time from ``at`` on, in order of time; of ``at`` itself those after request ``after``."""
        ...

    def users(self, after: str = "", limit: int = 1000) -> list[str]:
        """At most ``limit`` users with answers, in the order of their ids, those after one."""
        ...

    def of_user(self, user_id: str) -> list[Served]:
        """All answers to one user that are kept, the oldest first."""
        ...

    def forget(self, user_id: str, before: float = inf) -> int:
        """Delete all answers to one user, or those before a time; how many there were.

        Raises:
            StorageError: They were not deleted.
        """
        ...
