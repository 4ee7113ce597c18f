"""Stored portraits of many users at once: what events say for everybody, and a language model's words where somebody writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penchant.core.progress import progress
from penchant.serve.portraits.kept import StoredPortraits
from penchant.users.portrait import Portrait

_BATCH = 512  # users looked at together


@dataclass(frozen=True)
class Built:
    """What was done.

    Attributes:
        made: Portraits made anew.
        fresh: Portraits that were so already.
        written: Portraits that a language model wrote about.
        seconds: It took.
    """

    made: int
    fresh: int
    written: int
    seconds: float


def build(
    portraits: StoredPortraits, users: Sequence[str], *, write: Callable[[Portrait], str] | None = None, author: str | None = None
) -> Built:
    """See to it that everybody's stored portrait is fresh. To do it again does nothing, and a run that was cut short goes on.

    Servers may run over the same store meanwhile: a user is made once, by whoever takes the place in the queue.

    Args:
        portraits: That starts no thread of its own.
        users: Who did nothing, or opted out of personal lists, has none.
        write: Gives a few sentences about a portrait; None: nobody writes. Portraits that ``author`` has written about as they are
            now are left alone.
        author: Name of the model behind ``write``.

    Raises:
        StorageError: The store does not do what is asked.
    """
    started, made, fresh, written = time.perf_counter(), 0, 0, 0
    with progress("Portraits", len(users), unit="user") as bar:
        for begin in range(0, len(users), _BATCH):
            some = list(users[begin : begin + _BATCH])
            known = sum(one.fresh for one in portraits.look(some))
            portraits.ask(some)
            while portraits.step():
                pass
            fresh += known
            made += sum(one.fresh for one in portraits.look(some)) - known
            if write is not None and author is not None:
                written += sum(_written(portraits, user, write, author) for user in some)
            bar.update(len(some))
    return Built(made, fresh, written, time.perf_counter() - started)


def _written(portraits: StoredPortraits, user: str, write: Callable[[Portrait], str], author: str) -> bool:
    """Whether something was written about a user."""
    (found,) = portraits.look([user])
    stored = found.portrait
    if stored is None or not found.fresh or stored.best.author == author:
        return False
    portrait = portraits.made().of(portraits.state.unkept(user).history)
    return portraits.write(user, write(portrait), author, stored.prose.of)
