"""What was just done, each with the user's stored vector of before it: what learns from events as they come learns from this.

Letters: B events, V width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penchant.data.vocabulary import Vocabulary
from penchant.serve.user_vectors import UserVectors


class Lessons:
    """Gathered from one taking to the next.

    Args:
        users: Vectors of users.
        items: Of the catalogue.
        most: Events that may wait; further ones are left out.
    """

    def __init__(self, users: UserVectors, items: Vocabulary, most: int) -> None:
        self.users, self.items, self.most = users, items, most
        self._seen: list[tuple[np.ndarray, int]] = []

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(item id, user id) of what was just done. Users whose vector has seen the event, or who have none, teach nothing.

        Raises:
            StorageError: The store does not do what is asked.
        """
        if not pairs or len(self._seen) >= self.most:
            return
        seen = pairs[: self.most - len(self._seen)]  # whoever reads a long log is not held up by looking for what is too much anyway
        codes = self.items.encode([item for item, _ in seen])
        known = [(user, int(code)) for (_, user), code in zip(seen, codes, strict=True) if code]
        people = list(dict.fromkeys(user for user, _ in known))
        read = zip(people, self.users.look(people), strict=True)
        before = {user: one.vector.values for user, one in read if one is not None and not one.fresh}
        self._seen += [(before[user], code) for user, code in known if user in before]

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors float32[B, V] and item codes int64[B], which are forgotten here."""
        seen, self._seen = self._seen, []
        vectors = np.array([vector for vector, _ in seen], np.float32)
        return vectors, np.array([code for _, code in seen], np.int64)
