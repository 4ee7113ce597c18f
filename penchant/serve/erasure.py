"""Export and erasure of one user, through everything that keeps something of them; an erasure ends in a receipt.

The choice to be forgotten is stored first: from that moment on nothing old is read, whatever is still being deleted. The
receipt says what was deleted where, and what a scan found afterwards: in tables and keys, and in the bytes of files.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penchant.core.errors import UnknownIdError
from penchant.core.sqlite_file import SqliteFile
from penchant.serve.choices import Choices
from penchant.serve.events import EventLog
from penchant.serve.holders import Gone, Holder
from penchant.serve.stores import StateStore, Write

_PREFIX = "receipt:"
_PATIENCE = 2.0  # seconds for a worker that read events just before they were erased to store what follows from them
_PAUSE = 0.02


@dataclass(frozen=True)
class Receipt:
    """What an erasure did. It does not name the user.

    Attributes:
        receipt: Its id.
        user: Keyed hash of the user's id.
        time: UTC seconds.
        deleted: Records, by holder.
        found: Records that a scan found afterwards, by holder; all 0.
        traces: Byte strings of deleted records that were found in files afterwards; 0.
        kept: What could not be deleted and is not read any more, and until when it stays.
        seconds: It took.
    """

    receipt: str
    user: str
    time: int
    deleted: Mapping[str, int]
    found: Mapping[str, int]
    traces: int
    kept: Sequence[str]
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was found afterwards."""
        return not any(self.found.values()) and not self.traces


class Eraser:
    """Exports and forgets users.

    Args:
        log: What users do.
        store: Where receipts lie.
        choices: Where it is noted that a user was forgotten.
        holders: What keeps something of users, in the order in which they forget.
        clock: UTC seconds.
    """

    def __init__(
        self, log: EventLog, store: StateStore, choices: Choices, holders: Sequence[Holder], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.log, self.store, self.choices, self.holders, self._clock = log, store, choices, list(holders), clock

    def export(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """All that is kept of a user, by holder.

        Raises:
            StorageError: A store cannot be read.
        """
        return {holder.name: holder.export(user_id) for holder in self.holders}

    def forget(self, user_id: str) -> Receipt:
        """Delete what is kept of a user. To do it again does no harm.

        Raises:
            StorageError: A store did not do what was asked; ask again.
        """
        started = time.perf_counter()
        self.choices.forget(user_id, self.log.end())
        gone: dict[str, Gone] = {}
        for holder in self.holders:
            gone[holder.name] = holder.forget(user_id)
            if holder is self.holders[0]:
                self._let_workers_finish()
        traces = self._scrub(gone)
        receipt = Receipt(
            receipt=uuid.uuid4().hex,
            user=self.choices.hashed(user_id),
            time=int(self._clock()),
            deleted={name: one.count for name, one in gone.items()},
            found={holder.name: holder.find(user_id) for holder in self.holders},
            traces=traces,
            kept=[one.kept for one in gone.values() if one.kept is not None],
            seconds=round(time.perf_counter() - started, 3),
        )
        self.store.put({_PREFIX + receipt.receipt: Write(json.dumps(asdict(receipt)).encode())})
        return receipt

    def receipt(self, receipt_id: str) -> Receipt:
        """A receipt that was given before.

        Raises:
            UnknownIdError: None of that id was.
        """
        (found,) = self.store.get([_PREFIX + receipt_id])
        if found is None:
            raise UnknownIdError(f"receipt_id={receipt_id!r}", "there is no such receipt", "pass the id that an erasure gave")
        return Receipt(**json.loads(found.value))

    def _let_workers_finish(self) -> None:
        """Wait until what was read of the log before the erasure is stored, so that it is deleted with the rest."""
        ends, deadline = self.log.end(), time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            known = self.store.positions()
            if all(known.get(partition, end) >= end for partition, end in ends.items()):
                return
            time.sleep(_PAUSE)

    def _scrub(self, gone: Mapping[str, Gone]) -> int:
        """Empty write-ahead logs, rewrite files that still hold bytes of what was deleted; how many such bytes remain."""
        files: dict[int, tuple[SqliteFile, list[bytes]]] = {}
        for holder in self.holders:
            if holder.file is not None:
                files.setdefault(id(holder.file), (holder.file, []))[1].extend(gone[holder.name].traces)
        remaining = 0
        for file, traces in files.values():
            file.scrub()
            if file.holds(traces):
                file.scrub(rewrite=True)
                remaining += file.holds(traces)
        return remaining
