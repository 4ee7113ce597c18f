"""A portrait between requests: numbers, words, and what has changed in it. It names items by their ids, so it outlives a release."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from penchant.core.errors import ArtifactError
from penchant.core.sealed import sealed, unsealed
from penchant.users.portrait_changes import Change, Told, as_rows, changed, from_rows, weights

#: Author of words that follow from events alone.
EVENTS = "events"
MOST_CHANGES = 50  # kept, the newest
_MAGIC = b"PCP1"
_REPAIR = "delete it: it is made anew when something happens, or somebody asks"


@dataclass(frozen=True)
class Prose:
    """A portrait in words.

    Attributes:
        text: A few sentences.
        author: ``EVENTS``, or the name of a language model.
        made: UTC seconds.
        events: Of the portrait that it was written of.
        of: That portrait, see ``digest``.
    """

    text: str
    author: str
    made: float
    events: int
    of: str


@dataclass(frozen=True)
class StoredPortrait:
    """What is kept of a user's portrait.

    Attributes:
        release: Id of the release whose categories and people it was made by.
        made: UTC seconds.
        seen: Version of the user's state whose events it was made of, at least; 0 where there was none.
        values: Key-value form, see ``Portrait.plain``.
        prose: From events alone, always of ``values``.
        written: By a language model, maybe of an older state; None where none wrote.
        changes: The newest ones, the oldest first.
        told: What changes have told.
    """

    release: str
    made: float
    seen: int
    values: Mapping[str, Any]
    prose: Prose
    written: Prose | None
    changes: tuple[Change, ...]
    told: Told

    @classmethod
    def of(cls, values: Mapping[str, Any], text: str, *, release: str, made: float, seen: int, before: StoredPortrait | None) -> Self:
        """A portrait after another one (None: the first): what a model wrote stays, and changes are added.

        Args:
            values: Key-value form.
            text: The same in words, from events alone.
        """
        prose = Prose(text, EVENTS, made, int(values["events"]), digest(values))
        if before is None:
            return cls(release, made, seen, values, prose, None, (), weights(values))
        found, told = changed(before.told, values, made)
        return cls(release, made, seen, values, prose, before.written, (*before.changes, *found)[-MOST_CHANGES:], told)

    @property
    def events(self) -> int:
        """Number of events seen."""
        return int(self.values["events"])

    @property
    def best(self) -> Prose:
        """A model's words where they are of this state, else those that follow from events."""
        return self.written if self.written is not None and self.written.of == self.prose.of else self.prose

    def with_words(self, written: Prose | None) -> Self:
        """The same with what a model wrote."""
        return replace(self, written=written)

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "told": {layer: as_rows(told) for layer, told in self.told.items()}}

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return sealed(_MAGIC, zlib.compress(json.dumps(self.plain(), ensure_ascii=False, separators=(",", ":")).encode(), 1))

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged, or of another version.
        """
        body = unsealed(_MAGIC, stored, what="a user's portrait", remedy=_REPAIR)
        try:
            told = json.loads(zlib.decompress(body))
            told["changes"] = tuple(Change(**{**one, "path": tuple(one["path"])}) for one in told["changes"])
            told["told"] = {layer: from_rows(rows) for layer, rows in told["told"].items()}
            told["prose"] = Prose(**told["prose"])
            told["written"] = None if told["written"] is None else Prose(**told["written"])
            return cls(**told)
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise ArtifactError(f"{len(stored)} bytes", f"a user's portrait cannot be read ({error})", _REPAIR) from error


def digest(values: Mapping[str, Any]) -> str:
    """What tells one portrait from another, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
