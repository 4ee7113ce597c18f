"""Everything that keeps something of a user: each tells it, deletes it, and says what it still has.

A part that begins to keep something of users joins ``holders_of``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from penchant.core.errors import ArtifactError
from penchant.core.sqlite_file import SqliteFile
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTIONS
from penchant.data.vocabulary import Vocabulary
from penchant.serve.choices import Choices
from penchant.serve.directives import steering_key
from penchant.serve.events import EventLog
from penchant.serve.experiments.hub import Experiments
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.portraits.kept import portrait_key
from penchant.serve.portraits.words import review_key, words_key
from penchant.serve.refresher import Refresher
from penchant.serve.refreshes import places_of
from penchant.serve.served import ServedLog
from penchant.serve.set_aside import DEAD
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState
from penchant.serve.stores import OF_USERS, StateStore, Stored, Write, key_bytes, user_key
from penchant.serve.user_vectors import vector_key
from penchant.users.state import UserState
from penchant.users.stored_portrait import StoredPortrait

_MOST = 1 << 40  # events: all of them
_PAGE = 1000


@dataclass(frozen=True)
class Gone:
    """What a holder deleted.

    Attributes:
        count: Of records.
        traces: Bytes that stood for them in its files.
        kept: What it could not delete, and until when that stays; None: nothing.
    """

    count: int
    traces: Sequence[bytes] = field(default=())
    kept: str | None = None


class Holder(Protocol):
    """Something that keeps data of users.

    Attributes:
        name: As receipts tell it.
        file: Where it lies, as far as it is a file whose bytes can be searched.
    """

    name: str
    file: SqliteFile | None

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """All that is kept of a user, as JSON values."""
        ...

    def forget(self, user_id: str) -> Gone:
        """Delete it."""
        ...

    def find(self, user_id: str) -> int:
        """How many records are there."""
        ...


class FileLog:
    """Events in a SQLite file."""

    name = "event log"

    def __init__(self, log: SqliteEventLog) -> None:
        self.log = log
        self.file: SqliteFile | None = log.file

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """See ``Holder``."""
        return [asdict(event) for event in self.log.of_user(user_id, _MOST)]

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        count, traces = self.log.erase(user_id)
        return Gone(count, traces)

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return self.log.count_of_user(user_id)


class BrokerLog:
    """Events on a broker, which deletes by age alone: they are not read any more, by the places that ``Choice`` holds."""

    name = "event log"
    file: SqliteFile | None = None

    def __init__(self, log: KafkaEventLog) -> None:
        self.log = log

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """Nothing: a broker cannot find one user's events. The state store has the newest."""
        return []

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        return Gone(0, kept=f"records of topic {self.log.topic!r}: not read any more, gone when the topic's retention.ms has passed")

    def find(self, user_id: str) -> int:
        """None that is read."""
        return 0


class States:
    """What workers keep of a user in a state store.

    Args:
        store: Where it lies.
        refreshers: Of this process, which may be about to put the user into a queue there.
    """

    name = "state store"

    def __init__(self, store: StateStore, refreshers: Sequence[Refresher] = ()) -> None:
        self.store, self.refreshers = store, refreshers
        self.file: SqliteFile | None = store.file if isinstance(store, SqliteStateStore) else None

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """See ``Holder``."""
        return [_told(key, found) for key, found in self._found(user_id)]

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        gone, traces = 0, []
        for one in self.refreshers:
            one.forget(user_id)
        while found := self._found(user_id):
            for key, one in found:  # each by itself: a worker may be writing one of them
                if self.store.put({key: Write(None, one.version)}):
                    gone += 1
                    traces += [key_bytes(key) + _whole(one.version) + one.value[:4]]
        return Gone(gone, traces)

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return len(self._found(user_id))

    def _found(self, user_id: str) -> list[tuple[str, Stored]]:
        keys = [prefix + user_id for prefix in OF_USERS]
        # Of vectors and refreshes the keys have a release in them, too, whose id has no colon.
        vectors = self.store.names(vector_key(user_id, ""), limit=_MOST)
        keys += [key for key in vectors if key.rpartition(":")[0] == vector_key(user_id, "")[:-1]]
        keys += places_of(self.store, user_id)
        return [(key, found) for key, found in zip(keys, self.store.get(keys), strict=True) if found is not None]


class DeadLetters:
    """Records that a worker set aside: they may hold events of users, readable or not."""

    name = "dead letters"

    def __init__(self, store: StateStore) -> None:
        self.store = store
        self.file: SqliteFile | None = store.file if isinstance(store, SqliteStateStore) else None

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """See ``Holder``."""
        return [json.loads(found.value) for _, found in self._found(user_id)]

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        found = list(self._found(user_id))
        return Gone(sum(self.store.put({key: Write(None, one.version)}) for key, one in found), [one.value for _, one in found])

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return len(list(self._found(user_id)))

    def _found(self, user_id: str) -> Iterator[tuple[str, Stored]]:
        """The id stands between quotes, in JSON and in what Python writes of an event; nothing else is known of them."""
        quoted = (repr(user_id), json.dumps(user_id), json.dumps(user_id, ensure_ascii=False))
        last = ""
        while keys := self.store.names(DEAD, last, _PAGE):
            for key, found in zip(keys, self.store.get(keys), strict=True):
                if found is not None and any(text in json.loads(found.value)["content"] for text in quoted):
                    yield key, found
            last = keys[-1]


class Answers:
    """Lists that were shown to a user."""

    name = "log of answers"

    def __init__(self, served: ServedLog) -> None:
        self.served = served
        self.file: SqliteFile | None = served.file if isinstance(served, SqliteServedLog) else None

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """See ``Holder``."""
        return [asdict(one) for one in self.served.of_user(user_id)]

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        traces = [one.request_id.encode() + user_id.encode("utf-8", "surrogatepass") for one in self.served.of_user(user_id)[-16:]]
        return Gone(self.served.forget(user_id), traces)

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return len(self.served.of_user(user_id))


class Results:
    """Users that results of experiments count, in this process."""

    name = "results of experiments"
    file: SqliteFile | None = None

    def __init__(self, experiments: Experiments) -> None:
        self.experiments = experiments

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """Nothing that does not follow from lists and events."""
        return []

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        return Gone(self.experiments.forget(user_id))

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return self.experiments.holds(user_id)


class Memory:
    """Users put together in this process. Other servers ask before they use theirs, and let go of it by and by."""

    name = "memory"
    file: SqliteFile | None = None

    def __init__(self, state: LiveState) -> None:
        self.state = state

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """Nothing that is not in the log or the release."""
        return []

    def forget(self, user_id: str) -> Gone:
        """See ``Holder``."""
        return Gone(int(self.state.drop(user_id)))

    def find(self, user_id: str) -> int:
        """See ``Holder``."""
        return int(self.state.holds(user_id))


class Released:
    """The histories of a release, which is never changed: who was forgotten is unknown to it from then on."""

    name = "release"
    file: SqliteFile | None = None

    def __init__(self, catalog: Catalog, users: Vocabulary, histories: Histories, choices: Choices) -> None:
        self.catalog, self.users, self.histories, self.choices = catalog, users, histories, choices

    def export(self, user_id: str) -> list[dict[str, Any]]:
        """See ``Holder``."""
        row = self._row(user_id)
        times = self.histories.times[row].tolist() if self.histories.timed else [None] * (row.stop - row.start)
        events = zip(self.catalog.items.decode(self.histories.items[row]), self.histories.actions[row].tolist(), times, strict=True)
        return [{"item_id": item_id, "event": ACTIONS[action] or None, "timestamp": time} for item_id, action, time in events]

    def forget(self, user_id: str) -> Gone:
        """The choice to be forgotten is made before; what is left to say is where the rows lie."""
        if user_id not in self.users:
            return Gone(0)
        code = self.users.code(user_id)
        count = int(self.histories.offsets[code] - self.histories.offsets[code - 1])
        return Gone(count, kept="rows of the release's files: not read any more, gone with penchant user forget or the next release")

    def find(self, user_id: str) -> int:
        """Events that are still read."""
        row = self._row(user_id)
        return row.stop - row.start

    def _row(self, user_id: str) -> slice:
        code = int(self.users.encode([user_id])[0])
        if not code or self.choices.of([user_id])[0].forgotten is not None:
            return slice(0, 0)
        return slice(int(self.histories.offsets[code - 1]), int(self.histories.offsets[code]))


def holders_of(
    log: EventLog,
    store: StateStore,
    choices: Choices,
    state: LiveState,
    served: ServedLog | None = None,
    experiments: Experiments | None = None,
    refreshers: Sequence[Refresher] = (),
) -> list[Holder]:
    """All that keep something of a user, in the order in which they forget: who is made from another comes after it."""
    logs: list[Holder] = []
    if isinstance(log, SqliteEventLog):
        logs.append(FileLog(log))
    elif isinstance(log, KafkaEventLog):
        logs.append(BrokerLog(log))
    if served is not None:
        logs.append(Answers(served))
    if experiments is not None:
        logs.append(Results(experiments))
    return [
        *logs,
        States(store, refreshers),
        DeadLetters(store),
        Released(state.catalog, state.users, state.histories, choices),
        Memory(state),
    ]


def _told(key: str, found: Stored) -> dict[str, Any]:
    written = key.startswith((review_key(""), words_key(""), steering_key("")))
    if not written and not key.startswith((user_key(""), portrait_key(""))):
        return {"key": key, "bytes": found.value.hex()}
    try:
        if written:
            return {"key": key, "value": json.loads(found.value)}
        if key.startswith(portrait_key("")):
            return {"key": key, "value": StoredPortrait.from_bytes(found.value).plain()}
        state = UserState.from_bytes(found.value)
    except (ArtifactError, ValueError):
        return {"key": key, "damaged": found.value.hex()}
    return {
        "key": key,
        "events": [asdict(did) for did in state.recent],
        "events_ever": state.total,
        "interests": {name: float(count) for name, count in state.interests.counts.items()},
    }


def _whole(number: int) -> bytes:
    """A whole number as SQLite stores it: in as few of 1, 2, 3, 4, 6, 8 bytes as it takes, the largest first."""
    size = next(size for size in (1, 2, 3, 4, 6, 8) if number < 1 << (8 * size - 1))
    return b"" if number in (0, 1) else number.to_bytes(size, "big")
