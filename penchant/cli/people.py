"""The users of a release and what they did since, for commands that work beside servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penchant.core.errors import UnknownIdError, require
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import release_at
from penchant.serve.backends import opened
from penchant.serve.brokers import Brokers
from penchant.serve.choices import Choices
from penchant.serve.events import EventLog
from penchant.serve.portraits.fitted import fitted
from penchant.serve.portraits.kept import StoredPortraits
from penchant.serve.service import Backend
from penchant.serve.state import LiveState, Person
from penchant.serve.stores import StateStore


@dataclass(frozen=True)
class People:
    """What is open.

    Attributes:
        folder: Of log and state, as far as they are files.
    """

    release: Release
    folder: Path
    log: EventLog
    store: StateStore
    choices: Choices
    state: LiveState

    def person(self, user: str) -> Person:
        """A user who did something.

        Raises:
            UnknownIdError: Nobody of this id did.
        """
        found = self.state.person(user)
        unknown = "neither the release nor the log knows this user"
        known = found.known or len(found.past) > 0
        require(known, f"user_id={user!r}", unknown, "pass the id of a user who did something", UnknownIdError)
        return found

    def portraits(self) -> StoredPortraits:
        """What is kept of portraits; nothing is made of its own accord."""
        return StoredPortraits(self.store, fitted(self.release), self.release.id, self.state, starts=False)


@contextmanager
def people_of(release: Path, state: Path | None, redis: str | None, kafka: str | Brokers | None) -> Iterator[People]:
    """The users of a release, or of the live one of a shelf.

    Args:
        release: Folder of a release, or a shelf.
        state: Folder of log and state; None: beside the release.
        redis: See ``penchant.serve.backends.opened``.
        kafka: See there.

    Raises:
        ArtifactError: The release or a file is damaged.
        StorageError: A server does not answer, or the disk refused.
    """
    loaded = load_release(release_at(release))
    folder = state or release.parent / "state"
    with opened(folder, redis=redis, kafka=kafka) as (log, store):
        choices, events = Choices(store), Backend.of(log, store).events
        people = LiveState(loaded.space.catalog, loaded.users, loaded.histories, events, positions=loaded.positions, choices=choices)
        yield People(loaded, folder, log, store, choices, people)
