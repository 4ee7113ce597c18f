"""The platform as processes, on files or on Redis and a broker, with visitors; and whether it kept what it acknowledged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.core.errors import StorageError
from penchant.pipeline.shelf import release_at
from penchant.serve.backends import opened
from penchant.serve.drill.programs import Program, broker, free_port, penchant, redis
from penchant.serve.drill.visitors import Seen, Visitors
from penchant.serve.logged import read_log
from penchant.serve.stores import user_key
from penchant.users.state import UserState

_CATCH_UP = 120.0  # seconds that the worker has at the end
_VISITORS, _ITEMS = 40, 500
_LOOK = 0.1


@dataclass(frozen=True)
class Kept:
    """What is there of what was acknowledged.

    Attributes:
        acknowledged: Events.
        lost: Of them, those that the log does not hold.
        miscounted: Users whose state holds another number of events than the log has of them.
        seconds: That the worker took to catch up in the end.
    """

    acknowledged: int
    lost: int
    miscounted: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether everything counts exactly once."""
        return self.lost == self.miscounted == 0


@dataclass(frozen=True)
class Scene:
    """Processes and visitors.

    Attributes:
        programs: By role: ``server``, ``worker``, and on servers ``redis`` and ``broker``.
        places: Where log and state are, as arguments of ``penchant.serve.backends.opened``.
    """

    folder: Path
    programs: dict[str, Program]
    places: dict[str, str | None]
    visitors: Visitors

    def kept(self, seen: Seen) -> Kept:
        """Wait until the worker has read everything, and compare.

        Raises:
            StorageError: It does not catch up.
        """
        started = time.monotonic()
        with opened(self.folder, redis=self.places["redis"], kafka=self.places["kafka"]) as (log, store):
            end = log.end()
            begin = log.begin()
            while any(store.positions().get(partition, begin[partition]) < end[partition] for partition in end):
                if time.monotonic() - started > _CATCH_UP:
                    raise StorageError("the worker", f"it has not caught up after {_CATCH_UP:g} s", f"see {self.folder}")
                time.sleep(_LOOK)
            seconds = time.monotonic() - started
            logged = read_log(log, end)
            ids = set(logged["event_id"].to_list())
            acknowledged = [event_id for mine in seen.acknowledged.values() for event_id in mine]
            counts = dict(logged.group_by("user_id").len().iter_rows())
            users = list(counts)
            states = store.get([user_key(user) for user in users])
            totals = [0 if found is None else UserState.from_bytes(found.value).total for found in states]
        return Kept(
            acknowledged=len(acknowledged),
            lost=sum(event_id not in ids for event_id in acknowledged),
            miscounted=sum(total != counts[user] for user, total in zip(users, totals, strict=True)),
            seconds=seconds,
        )


@contextmanager
def scene(release: Path, folder: Path, *, on_servers: bool, seed: int = 0, extra: tuple[str, ...] = ()) -> Iterator[Scene]:
    """The platform, started; all ended afterwards.

    Args:
        release: Folder of a release or a shelf.
        folder: For files and logs of the processes.
        on_servers: On Redis and a broker; else on files.
        seed: Of what visitors do.
        extra: Further arguments of ``penchant serve``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    programs: dict[str, Program] = {}
    places: dict[str, str | None] = {"redis": None, "kafka": None}
    if on_servers:
        programs |= {"redis": redis(folder, free_port()), "broker": broker(free_port())}
        places = {"redis": f"redis://127.0.0.1:{programs['redis'].port}/0", "kafka": f"127.0.0.1:{programs['broker'].port}"}
    where = ["--release", str(release), "--state", str(folder)]
    where += [part for name, place in places.items() if place is not None for part in (f"--{name}", place)]
    port = free_port()
    serving = ("serve", *where, "--port", str(port), "--no-follow", *extra)
    programs["server"] = penchant("server", *serving, port=port, log=folder / "server.log")
    programs["worker"] = penchant("worker", "worker", *where, log=folder / "worker.log")
    items = _some_items(release)
    visitors = Visitors(port, [f"visitor-{number}" for number in range(_VISITORS)], items, seed=seed)
    made = Scene(folder, programs, places, visitors)
    try:
        for program in programs.values():
            program.start()
        yield made
    finally:
        for program in reversed(programs.values()):
            program.go_on()
            program.kill()


def _some_items(release: Path) -> list[str]:
    table = pl.read_parquet(release_at(release) / "items" / "catalog.parquet", columns=["item_id"])
    return table["item_id"].head(_ITEMS).to_list()
