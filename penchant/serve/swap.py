"""One release after the other in one process: requests under way end with the release they began with.

``Current`` holds what is made of the release of the moment: in a server, the service that new requests get. ``Following`` looks at a
shelf and loads what was made live there, beside the requests; only when the new service answers does it take the place of the
old one. What cannot be loaded changes nothing.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from penchant.core.errors import PenchantError
from penchant.core.progress import note
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.beside import Beside

_LOOK = 0.5  # seconds between two looks at the shelf
_PATIENCE = 60.0  # seconds that loading has when the server ends
_FIRST, _LONGEST = 10.0, 600.0  # seconds until a release that could not be loaded is tried again, twice as long each time


class OfRelease(Protocol):
    """What is made of a release."""

    @property
    def release(self) -> Release:
        """The release."""
        ...

    def close(self) -> None:
        """End its threads."""
        ...


Made = TypeVar("Made", bound=OfRelease)


class Current(Generic[Made]):
    """The service that answers, and older ones as long as a request uses them.

    Args:
        service: The first one.
    """

    def __init__(self, service: Made) -> None:
        self.service = service
        self._users: Counter[int] = Counter()  # requests by the identity of the service they use
        self._lock = threading.Lock()

    def take(self) -> Made:
        """The service of the moment; give it back when done."""
        with self._lock:
            self._users[id(self.service)] += 1
            return self.service

    def give(self, service: Made) -> None:
        """End the use of what was taken. The last one who does so closes a service that was replaced."""
        with self._lock:
            self._users[id(service)] -= 1
            gone = service is not self.service and self._users[id(service)] == 0
        if gone:
            self._end(service)

    def replace(self, service: Made) -> None:
        """Let new requests have another service."""
        with self._lock:
            old, self.service = self.service, service
            idle = self._users[id(old)] == 0
        if idle:
            self._end(old)

    @property
    def alone(self) -> bool:
        """Whether no older service is used any more."""
        with self._lock:
            return set(self._users) <= {id(self.service)}

    def _end(self, service: Made) -> None:
        with self._lock:
            del self._users[id(service)]  # the number may be another's identity once this one is gone
        service.close()


def settle() -> None:
    """Let the collector clear up, and then never look again through what stays: it would do so while requests wait."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Following(Generic[Made]):
    """A thread that changes over to whatever release is live on a shelf.

    Args:
        shelf: Where to look.
        current: What is changed.
        make: Makes of a release what takes the place of the current one.

    Attributes:
        refused: Name of the release that was made live and cannot be served, with the reason; None if there is none.
        loading: Name of the release that is being loaded.
    """

    def __init__(self, shelf: Shelf, current: Current[Made], make: Callable[[Release], Made]) -> None:
        self.shelf, self.current, self.make = shelf, current, make
        self.refused: tuple[str, str] | None = None
        self.loading: str | None = None
        self._settled = True
        self._pause, self._again = _FIRST, 0.0
        self._beside = Beside("release follower", _LOOK, self._step, patience=_PATIENCE)

    def start(self) -> None:
        """Begin to look."""
        self._beside.start()

    def stop(self) -> None:
        """End, after what is being loaded."""
        self._beside.stop()

    def look(self) -> None:
        """Change over if another release is live than the one that is served; say so if that cannot be done."""
        try:
            name = self.shelf.live
        except PenchantError as error:  # the shelf itself: what is served stays
            self._refuse("the shelf", str(error))
            return
        served = self.current.service.release.path.name
        if name is None or name == served:
            self.refused = None
            return
        if self.refused is not None and self.refused[0] == name and time.monotonic() < self._again:
            return  # a broken release does not get better by trying, a disk that was busy does
        self.loading = name
        try:
            self._change(name)
        except Exception as error:  # of whatever kind: a release that breaks must not end the one that works
            self._refuse(name, str(error))
        finally:
            self.loading = None

    def _change(self, name: str) -> None:
        made = self.make(load_release(self.shelf.live_path()))
        if self._beside.ended:
            made.close()
            return
        self.current.replace(made)
        self.refused, self._settled, self._pause = None, False, _FIRST
        note(f"Changed over to release {name}")

    def _refuse(self, name: str, why: str) -> None:
        if self.refused != (name, why):
            note(f"Not changed over to {name}: {why}")
        self._pause = min(2 * self._pause, _LONGEST) if self.refused is not None and self.refused[0] == name else _FIRST
        self.refused, self._again = (name, why), time.monotonic() + self._pause

    def _step(self) -> None:
        self.look()
        if not self._settled and self.current.alone:  # not before: what is still used would stay for ever
            settle()
            self._settled = True
