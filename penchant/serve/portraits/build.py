"""Stored portraits of many users at once: what events say for everybody, and a language model's words where somebody writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penchant.core.progress import progress
from penchant.serve.portraits.kept import StoredPortraits
from penchant.serve.refresher import readable
from penchant.users.portrait import Portrait

Write = Callable[[Sequence[Portrait]], Sequence[str | None]]
_BATCH = 512  # users looked at together
_TOLD = 32  # that are written about together: an interruption loses no more


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


def build(portraits: StoredPortraits, users: Sequence[str], *, write: Write | None = None, author: str | None = None) -> Built:
    """See to it that everybody's stored portrait is fresh. To do it again does nothing, and a run that was cut short goes on.

    Servers may run over the same store meanwhile: a user is made once, by whoever takes the place in the queue.

    Args:
        portraits: That starts no thread of its own.
        users: Who did nothing, or opted out of personal lists, has none.
        write: Gives a few sentences about each of some portraits, or None where it has none to say; None: nobody writes. Portraits
            that ``author`` has written about as they are now are left alone. It is not told of interests that reviewers left out.
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
                written += sum(_written(portraits, some[at : at + _TOLD], write, author) for at in range(0, len(some), _TOLD))
            bar.update(len(some))
    return Built(made, fresh, written, time.perf_counter() - started)


def _written(portraits: StoredPortraits, users: Sequence[str], write: Write, author: str) -> int:
    """About how many of these users something was written."""
    known = dict(zip(users, portraits.look(users), strict=True))
    open_ = {
        user: found.portrait.prose.of
        for user, found in known.items()
        if found.portrait and found.fresh and found.portrait.best.author != author
    }
    asked = {
        user: portraits.made().of(person.history).without(known[user].left_out)  # it writes of what may be told
        for user, person in readable(list(open_), portraits.state.unkept).items()
    }
    texts = write(list(asked.values())) if asked else []
    return sum(text is not None and portraits.write(user, text, author, open_[user]) for user, text in zip(asked, texts, strict=True))
