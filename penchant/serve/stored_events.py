"""What users did, as the near-line worker left it in a state store: for servers whose log cannot find one user's events."""

from __future__ import annotations

from penchant.serve.events import LiveEvent
from penchant.serve.stores import StateStore, user_key
from penchant.users.state import OPINIONS, UserState


class StoredEvents:
    """See ``penchant.serve.events.UserEvents``; a moment behind the log.

    Args:
        store: Where a worker keeps users.
    """

    def __init__(self, store: StateStore) -> None:
        self.store = store

    def last_of_user(self, user_id: str) -> int:
        """The version of a user's state, which grows whenever it changes; 0 where there is none."""
        return self.store.versions([user_key(user_id)])[0]

    def of_user(self, user_id: str, newest: int = 2000) -> list[LiveEvent]:
        """See ``UserEvents``; no more than a state keeps, and without their ids.

        Raises:
            StorageError: The store cannot be read.
            ArtifactError: The state of this user is damaged.
        """
        (found,) = self.store.get([user_key(user_id)])
        recent = () if found is None else UserState.from_bytes(found.value).recent
        told = [*(did for did in recent[:-newest] if did.action in OPINIONS), *recent[-newest:]]
        return [LiveEvent("", user_id, did.item_id, did.action, did.time, did.value, did.offset, did.partition) for did in told]

    def users(self, limit: int = 1000) -> list[str]:
        """Ids of users with events, in the order of their bytes."""
        return [key.removeprefix(user_key("")) for key in self.store.names(user_key(""), limit=limit)]

    def end(self) -> dict[int, int]:
        """See ``UserEvents``: as far as workers have read."""
        return self.store.positions()
