"""Something that a process does again and again beside its requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from penchant.core.errors import PenchantError

_log = logging.getLogger("penchant.serve")


class Beside:
    """A thread that acts every so many seconds, from ``start`` to ``stop``. What goes wrong is logged, and tried again the next time.

    Args:
        name: Of the thread, as logs tell it.
        seconds: Between two times.
        act: What is done.
        patience: Seconds that ``stop`` waits for what is being done; None: as long as it takes.
    """

    def __init__(self, name: str, seconds: float, act: Callable[[], object], *, patience: float | None = None) -> None:
        self.name, self.seconds, self.act, self.patience = name, seconds, act, patience
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ended(self) -> bool:
        """Whether it was told to stop."""
        return self._ended.is_set()

    def start(self) -> None:
        """Begin."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self.patience)
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(self.seconds):
            try:
                self.act()
            except PenchantError as error:
                _log.warning("%s: %s", self.name, error)
            except Exception:  # of whatever kind: the next time may do better
                _log.exception("%s: nobody has thought of this", self.name)
