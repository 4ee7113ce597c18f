"""One release after the other in one server: requests under way end with the release they began with.

``Current`` holds the service that new requests get. ``Following`` looks at a shelf and loads what was made live there, beside
the requests; only when the new service answers does it take the place of the old one. What cannot be loaded changes nothing.
"""

from __future__ import annotations

import gc
import threading
from collections import Counter

from penchant.core.errors import PenchantError
from penchant.core.progress import note
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.service import Service

_LOOK = 0.5  # seconds between two looks at the shelf
_PATIENCE = 60.0  # seconds that loading has when the server ends


class Current:
    """The service that answers, and older ones as long as a request uses them.

    Args:
        service: The first one.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._users: Counter[int] = Counter()  # requests by the identity of the service they use
        self._lock = threading.Lock()

    def take(self) -> Service:
        """The service of the moment; give it back when done."""
        with self._lock:
            self._users[id(self.service)] += 1
            return self.service

    def give(self, service: Service) -> None:
        """End the use of what was taken. The last one who does so closes a service that was replaced."""
        with self._lock:
            self._users[id(service)] -= 1
            gone = service is not self.service and self._users[id(service)] == 0
        if gone:
            self._end(service)

    def replace(self, service: Service) -> None:
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

    def _end(self, service: Service) -> None:
        with self._lock:
            del self._users[id(service)]  # the number may be another's identity once this one is gone
        service.close()


def settle() -> None:
    """Let the collector clear up, and then never look again through what stays: it would do so while requests wait."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Following:
    """A thread that serves whatever release is live on a shelf.

    Args:
        shelf: Where to look.
        current: What is changed.

    Attributes:
        refused: Name of the release that was made live and cannot be served, with the reason; None if there is none.
        loading: Name of the release that is being loaded.
    """

    def __init__(self, shelf: Shelf, current: Current) -> None:
        self.shelf, self.current = shelf, current
        self.refused: tuple[str, str] | None = None
        self.loading: str | None = None
        self._ended, self._settled = threading.Event(), True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="release follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being loaded."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
            self._thread = None

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
        if self.refused is not None and self.refused[0] == name:
            return  # it does not get better by trying
        self.loading = name
        try:
            self._change(name)
        except Exception as error:  # of whatever kind: a release that breaks must not end the one that works
            self._refuse(name, str(error))
        finally:
            self.loading = None

    def _change(self, name: str) -> None:
        backend = self.current.service.backend
        service = Service.of(load_release(self.shelf.live_path()), backend)
        if self._ended.is_set():
            service.close()
            return
        if backend.near_line is not None:
            backend.near_line.know(service.release.space.catalog)
        self.current.replace(service)
        self.refused, self._settled = None, False
        note(f"Release {name} is served")

    def _refuse(self, name: str, why: str) -> None:
        if self.refused != (name, why):
            note(f"{name} is not served: {why}")
        self.refused = (name, why)

    def _run(self) -> None:
        while not self._ended.wait(_LOOK):
            self.look()
            if not self._settled and self.current.alone:  # not before: what is still used would stay for ever
                settle()
                self._settled = True
