"""Users whose vectors are to be made anew: a queue in the state store, in which nobody stands twice.

A key a user and model is both the place in the queue and the claim on the work. It is written where there is none yet, so of
all threads and processes that miss a vector one writes it; it is taken by a change of its value, so one of them works; and
it ends by itself, so a worker that was killed does not keep a user waiting for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penchant.serve.stores import StateStore, Write

_WANTED, _TAKEN = b"wanted", b"taken"
_TRIES = 5  # against others who take from the same queue
_ALL = 1 << 40  # places in queues

#: Keys of those who wait begin so; the model and the user follow.
REFRESH = "refresh:"


def places_of(store: StateStore, user_id: str, models: str = "") -> list[str]:
    """Keys of a user's places in all queues, or in those of models that begin so.

    Raises:
        StorageError: The store cannot be read.
    """
    return [key for key in store.names(REFRESH + models, limit=_ALL) if key.split(":", 2)[2] == user_id]


class Refreshes:
    """The queue of one model.

    Args:
        store: Shared by all who want and who work.
        model: Version of the model that makes the vectors.
        ends_seconds: After which a place in the queue, or a claim, is given up.
    """

    def __init__(self, store: StateStore, model: str, *, ends_seconds: float = 60.0) -> None:
        self.store, self.ends_seconds = store, ends_seconds
        self._prefix = f"{REFRESH}{model}:"

    def want(self, users: Iterable[str]) -> int:
        """Put users into the queue; how many were in none.

        Raises:
            StorageError: The store does not do what is asked.
        """
        keys = [self._prefix + user for user in dict.fromkeys(users)]
        for _ in range(_TRIES):
            free = [key for key, version in zip(keys, self.store.versions(keys), strict=True) if not version]
            if not free or self.store.put({key: Write(_WANTED, ttl_seconds=self.ends_seconds) for key in free}):
                return len(free)
        return sum(self.store.put({key: Write(_WANTED, ttl_seconds=self.ends_seconds)}) for key in keys)  # all at once never worked

    def take(self, most: int) -> dict[str, int]:
        """Users that nobody else works for, at most ``most``, and the versions of the claims.

        Raises:
            StorageError: The store does not do what is asked.
        """
        for _ in range(_TRIES):
            mine = self._wanted(most)
            if not mine:
                return {}
            if self.store.put({name: Write(_TAKEN, version, self.ends_seconds) for name, version in mine.items()}):
                return {name.removeprefix(self._prefix): now for name, now in zip(mine, self.store.versions(list(mine)), strict=True)}
        return {}

    def done(self, claims: Mapping[str, int], results: Mapping[str, Mapping[str, Write]]) -> int:
        """Store what was made and give up the claims, in one step; how many users that worked for.

        Where it does not, because a claim had ended or somebody else stored the same, each user is tried alone.

        Args:
            claims: As ``take`` gave them.
            results: What is to be stored for each user; users without any keep their claims until they end.

        Raises:
            StorageError: The store does not do what is asked.
        """
        steps = [{**writes, self._prefix + user: Write(None, claims[user])} for user, writes in results.items()]
        if not steps:
            return 0
        if self.store.put({key: write for step in steps for key, write in step.items()}):
            return len(steps)
        return sum(self.store.put(step) for step in steps)

    def waiting(self, most: int = 1_000) -> int:
        """Users in the queue or being worked for, counted up to ``most``.

        Raises:
            StorageError: The store cannot be read.
        """
        return len(self.store.names(self._prefix, limit=most))

    def _wanted(self, most: int) -> dict[str, int]:
        """Keys that nobody has taken, with their versions."""
        found: dict[str, int] = {}
        after = ""
        while len(found) < most and (names := self.store.names(self._prefix, after, limit=most)):
            there = zip(names, self.store.get(names), strict=True)
            found |= {name: one.version for name, one in there if one is not None and one.value == _WANTED}
            after = names[-1]
        return dict(list(found.items())[:most])
