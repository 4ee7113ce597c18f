"""Rules that may change while the service runs: a file is watched, and followed as soon as it is good as a whole.

A file that is refused changes nothing: the rules of before stay, and the service tells what is wrong with it.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from penchant.core.errors import PenchantError
from penchant.pipeline.recommender import Recommender
from penchant.pipeline.rules_file import RulesFile
from penchant.serve.beside import Beside

_log = logging.getLogger("penchant.serve")
_LOOK = 1.0  # seconds between two looks at the file


class LiveRules:
    """The rules of one file, over every catalogue that is served.

    Args:
        path: Of the file. It must be good at the start.

    Raises:
        InputError: The file cannot be read, or a rule is broken; the message names the line.

    Attributes:
        file: The rules that are followed.
        since: UTC seconds from which on they are.
        refused: What is wrong with what the file holds now; None if nothing is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._state()
        self.file = RulesFile.read(path)
        self.since, self.refused = int(time.time()), None
        self._recommenders: weakref.WeakSet[Recommender] = weakref.WeakSet()
        self._lock, self._beside = threading.Lock(), Beside("rules follower", _LOOK, self.look)

    refused: PenchantError | None

    def attach(self, recommender: Recommender) -> None:
        """Let a recommender follow the rules, now and for as long as it is used.

        Raises:
            SettingsError: They do not fit its catalogue; the message names the line.
        """
        with self._lock:
            recommender.policy = self.file.policy(recommender.goods)
            self._recommenders.add(recommender)

    def look(self) -> None:
        """Follow the file if it has changed and is good."""
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._follow(RulesFile.read(self.path))
        except PenchantError as error:
            _log.warning("the rules are not followed: %s", error)
            self.refused = error

    def observe(self, registry: CollectorRegistry) -> None:
        """Tell Prometheus whether the file is followed."""
        told = Gauge("penchant_rules_refused", "1 while the file of rules is not followed for what is wrong with it.", registry=registry)
        told.set_function(lambda: float(self.refused is not None))

    def start(self) -> None:
        """Look at the file again and again."""
        self._beside.start()

    def stop(self) -> None:
        """Look no more."""
        self._beside.stop()

    def _follow(self, file: RulesFile) -> None:
        with self._lock:
            policies = [(one, file.policy(one.goods)) for one in list(self._recommenders)]  # all of them fit, or none is changed
            for recommender, policy in policies:
                recommender.policy = policy
            if file.rules.version != self.file.rules.version:
                self.since = int(time.time())
            self.file, self.refused = file, None

    def _state(self) -> tuple[int, int, int] | None:
        """What changes when the file does; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
