"""The platform as processes, on files or on Redis and a broker, with visitors; and whether it kept what it acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.core.errors import StorageError
from penchant.pipeline.shelf import Shelf, release_at
from penchant.serve.backends import opened
from penchant.serve.drill.disk import small
from penchant.serve.drill.programs import PATIENCE, Program, broker, free_port, penchant, redis, wire
from penchant.serve.drill.switches import Switches
from penchant.serve.drill.visitors import Seen, Visitors
from penchant.serve.events import EventLog
from penchant.serve.keys import KeyFile
from penchant.serve.logged import read_log
from penchant.serve.stores import StateStore, user_key
from penchant.users.state import UserState

_CATCH_UP = 600.0  # seconds that the worker has to catch up
_VISITORS, _ITEMS = 40, 500
_LOOK = 0.1
_KEY_SECONDS = 7 * 86_400.0
_NO_SERVERS: Mapping[str, str | None] = {"redis": None, "kafka": None}
_FOLLOWS = "The worker follows"
_BESIDE = ("server", "worker")  # programs that start at the same time


@dataclass(frozen=True)
class Setting:
    """What a scene has besides the usual.

    Attributes:
        arguments: Further ones of ``penchant serve``.
        rules: Makes the content of a file of rules that it follows.
        keys: Whether it asks for keys.
        altered: Whether server and worker heed switches, see ``penchant.serve.drill.altered``.
        wires: ``redis`` and ``broker``, as far as they are reached through a wire.
        small_disk: Whether log and state lie on a disk that can be filled.
        batch: Events that a visitor writes at a time.
    """

    arguments: tuple[str, ...] = ()
    rules: Callable[[], str] | None = None
    keys: bool = False
    altered: bool = False
    wires: tuple[str, ...] = ()
    small_disk: bool = False
    batch: int = 1


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
        folder: Of all that is made for it.
        programs: By role: ``server``, ``worker``, and on servers ``redis`` and ``broker``; wires are ``redis wire`` and ``broker wire``.
        places: Where log and state are, as arguments of ``penchant.serve.backends.opened``.
        visitors: Who use it.
    """

    folder: Path
    programs: dict[str, Program]
    places: Mapping[str, str | None]
    visitors: Visitors

    @property
    def state(self) -> Path:
        """Folder of log and state, as far as they are files."""
        return self.folder / "state"

    @property
    def shelf(self) -> Shelf:
        """Of the release that is served."""
        return Shelf(self.folder / "shelf")

    @property
    def switches(self) -> Switches:
        """Of wires and of altered programs."""
        return Switches(self.folder / "switches")

    def data(self) -> AbstractContextManager[tuple[EventLog, StateStore]]:
        """Log and store, as another process sees them."""
        return opened(self.state, redis=self.places["redis"], kafka=self.places["kafka"])

    def caught_up(self) -> tuple[int, float]:
        """Wait until the worker has dealt with all that the log holds now; how many records that were, and the seconds it took.

        Raises:
            StorageError: It does not catch up.
        """
        with self.data() as (log, store):
            end, begin = log.end(), log.begin()

            def behind() -> int:
                known = store.positions()
                return sum(max(end[partition] - known.get(partition, begin[partition]), 0) for partition in end)

            count = behind()
            return count, until(lambda: not behind(), "the worker", "it has not caught up", _CATCH_UP)

    def kept(self, seen: Seen) -> Kept:
        """Wait until the worker has read everything, and compare.

        Raises:
            StorageError: It does not catch up.
        """
        _, seconds = self.caught_up()
        with self.data() as (log, store):
            logged, _ = read_log(log, log.end())
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


def until(there: Callable[[], bool], what: str, rule: str, patience: float = PATIENCE) -> float:
    """Wait until something is so; the seconds that it took.

    Raises:
        StorageError: It is not so in time.
    """
    started = time.monotonic()
    while not there():
        if time.monotonic() - started > patience:
            raise StorageError(what, f"{rule} after {patience:g} s", "see what its processes say, or try it on a machine that is less busy")
        time.sleep(_LOOK)
    return time.monotonic() - started


@contextmanager
def scene(release: Path, folder: Path, *, on_servers: bool, seed: int = 0, setting: Setting | None = None) -> Iterator[Scene]:
    """The platform, started over a shelf with one release; all ended afterwards.

    Args:
        release: Folder of a release or a shelf.
        folder: For files and logs of the processes.
        on_servers: On Redis and a broker; else on files.
        seed: Of what visitors do.
        setting: What it has besides the usual.

    Raises:
        InputError: A program is not installed.
        StorageError: One did not start.
    """
    setting = setting or Setting()
    with ExitStack() as stack:
        (folder / "switches").mkdir(parents=True, exist_ok=True)
        if setting.small_disk:
            stack.enter_context(small(folder / "state"))
        programs, places = _servers(folder, setting) if on_servers else ({}, _NO_SERVERS)
        port, key, extra = free_port(), None, list(setting.arguments)
        if setting.rules is not None:
            (folder / "rules.yaml").write_text(setting.rules(), encoding="utf-8")
            extra += ["--rules", str(folder / "rules.yaml")]
        if setting.keys:
            key = KeyFile(folder / "keys.json").add("visitors", ["read", "events"], seconds=_KEY_SECONDS)
            extra += ["--keys", str(folder / "keys.json")]
        users = [f"visitor-{number}" for number in range(_VISITORS)]
        visitors = Visitors(port, users, _some_items(release), batch=setting.batch, key=key, seed=seed)
        made = Scene(folder, programs, places, visitors)
        made.shelf.promote(made.shelf.add(release_at(release)), why="drill")
        where = ["--release", str(made.shelf.folder), "--state", str(made.state), *options(places)]
        altered = made.switches.folder if setting.altered else None
        serving = ("serve", *where, "--port", str(port), "--no-follow", *extra)
        programs["server"] = penchant("server", *serving, port=port, log=folder / "server.log", altered=altered)
        programs["worker"] = penchant("worker", "worker", *where, log=folder / "worker.log", says=_FOLLOWS, altered=altered)
        stack.callback(_end, programs)
        for role, program in programs.items():
            program.start(wait=role not in _BESIDE)
        for role in _BESIDE:
            programs[role].wait()
        yield made


def _servers(folder: Path, setting: Setting) -> tuple[dict[str, Program], Mapping[str, str | None]]:
    """Redis and broker, and the wires to them; and how they are reached."""
    ports = {name: free_port() for name in ("redis", "broker")}
    reached = {name: free_port() if name in setting.wires else port for name, port in ports.items()}
    programs = {"redis": redis(folder, ports["redis"]), "broker": broker(ports["broker"], reached["broker"])}
    for name in setting.wires:
        programs[f"{name} wire"] = wire(f"{name} wire", folder / "switches", reached[name], ports[name])
    return programs, {"redis": f"redis://127.0.0.1:{reached['redis']}/0", "kafka": f"127.0.0.1:{reached['broker']}"}


def options(places: Mapping[str, str | None]) -> list[str]:
    """The same places as options of the command line."""
    return [part for name, place in places.items() if place is not None for part in (f"--{name}", place)]


def _end(programs: Mapping[str, Program]) -> None:
    for program in reversed(list(programs.values())):
        program.go_on()
        program.kill()


def _some_items(release: Path) -> list[str]:
    table = pl.read_parquet(release_at(release) / "items" / "catalog.parquet", columns=["item_id"])
    return table["item_id"].head(_ITEMS).to_list()
