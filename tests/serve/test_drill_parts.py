"""What drills are made of, each by itself: switches, an altered program, a slow wire, a full disk, a spoilt release, the reckoning."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError, StorageError
from penchant.core.manifest import dated
from penchant.pipeline.release import KIND
from penchant.pipeline.shelf import Shelf
from penchant.serve.drill import offline, releases
from penchant.serve.drill.altered import hanging, steppable
from penchant.serve.drill.disk import full, small
from penchant.serve.drill.drilled import Trouble, _recovery, _usual, reckoned
from penchant.serve.drill.faults import FAULTS, chosen
from penchant.serve.drill.programs import Program, free_port
from penchant.serve.drill.report import write
from penchant.serve.drill.scene import Kept, Scene, until
from penchant.serve.drill.switches import CLOCK, DELAY, HANG, Switches
from penchant.serve.drill.visitors import FAILED, OK, REFUSED, Seen, Visit, Visitors
from penchant.serve.drill.wire import listen


def test_a_switch_is_off_until_it_is_turned(tmp_path: Path) -> None:
    switches = Switches(tmp_path / "switches")
    assert switches.value(CLOCK) == 0.0
    switches.turn(CLOCK, -7.5)
    assert Switches(tmp_path / "switches").value(CLOCK) == -7.5


def test_the_clock_of_an_altered_program_is_off_by_what_its_switch_says(tmp_path: Path) -> None:
    switches = Switches(tmp_path)
    clock = steppable(switches)
    assert abs(clock() - time.time()) < 1
    switches.turn(CLOCK, -86_400.0)
    until(lambda: abs(clock() + 86_400 - time.time()) < 1, "clock", "it was not stepped", 5)


def test_a_method_hangs_as_long_as_its_switch_is_on(tmp_path: Path) -> None:
    switches, answers = Switches(tmp_path), list[int]()
    double = hanging(lambda number: 2 * number, switches)
    assert double(2) == 4
    switches.turn(HANG, 1.0)
    caller = threading.Thread(target=lambda: answers.append(double(3)))
    caller.start()
    caller.join(0.1)
    assert answers == []
    switches.turn(HANG, 0.0)
    caller.join(5)
    assert answers == [6]


def test_a_wire_carries_what_comes_as_late_as_it_is_told(tmp_path: Path) -> None:
    switches = Switches(tmp_path)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def asked(port: int) -> tuple[bytes, float]:
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        answer = await reader.readexactly(5)
        writer.close()
        return answer, time.monotonic() - started

    async def tried() -> None:
        port = free_port()
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            carrier = asyncio.create_task(listen(switches, port, server.sockets[0].getsockname()[1]))
            await asyncio.sleep(0.05)
            assert (await asked(port))[0] == b"hello"
            switches.turn(DELAY, 0.2)
            answer, seconds = await asked(port)
            assert answer == b"hello"
            assert seconds >= 0.4, "there and back"
            carrier.cancel()
            await asyncio.gather(carrier, return_exceptions=True)
            with pytest.raises(OSError, match=r"."):
                await asked(port)

    asyncio.run(tried())


WRITER = """
import sys, time
with open(sys.argv[1], "ab", buffering=0) as file:
    while True:
        try:
            file.write(bytes(4096))
            print("written", flush=True)
        except OSError as error:
            print(error.errno, flush=True)
        time.sleep(0.01)
"""


@pytest.mark.parametrize("mounted", [True, False])
def test_a_full_disk_refuses_a_running_program_and_then_no_longer(mounted: bool, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small(folder) if mounted else nullcontext(folder.mkdir()) as there:
        if mounted and not there:
            pytest.skip("this machine lets nobody mount a file system")
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder / "file")], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        try:
            assert writer.stdout.readline() == "written\n"
            try:
                with full(folder, [writer.pid]):
                    told = next(line for line in writer.stdout if line != "written\n")
            except InputError as refused:
                pytest.skip(str(refused))
            assert os.strerror(int(told)) in ("No space left on device", "File too large")
            assert next(line for line in writer.stdout if line == "written\n")
        finally:
            writer.kill()
            writer.communicate()
    assert not os.path.ismount(folder)


def test_what_is_spoilt_is_a_copy_and_is_refused(tiny_release_folder: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    name = shelf.add(tiny_release_folder)
    shelf.promote(name)
    seen = set[str]()
    for number in range(12):
        other = releases._copy(shelf, name, f"broken-{number}")
        _, how = releases._spoil(shelf.folder / "releases" / other, np.random.default_rng(number))
        seen.add(how)
        with pytest.raises(ArtifactError):
            shelf.promote(other)
        releases._point(shelf, other)
        assert shelf.live == other
    assert len(seen) == 3
    read_artifact(tiny_release_folder)
    read_artifact(shelf.folder / "releases" / name)


JOB = """
import pathlib, shutil, sys, time
made, shelf = map(pathlib.Path, sys.argv[1:])
(shelf / ".work").mkdir(parents=True, exist_ok=True)
(shelf / ".work" / "plan.json").write_text("{}")
time.sleep(0.3)
if not (shelf / "releases").exists():
    shutil.copytree(made, shelf / "releases" / made.name)
    (shelf / "shelf.json").write_text('{"version": 1, "moves": []}')
"""


@pytest.fixture
def offered(tiny_release_folder: Path, tmp_path: Path) -> Scene:
    """A scene in which nothing runs, with a live release."""
    made = Scene(tmp_path, {}, {}, Visitors(1, ["ann"], [f"i{number}" for number in range(1, 31)]))
    made.shelf.promote(made.shelf.add(tiny_release_folder))
    return made


def jobs(monkeypatch: pytest.MonkeyPatch, folder: Path, *contents: int | None) -> None:
    """The first job makes a release of the first content, and so on; None: it fails."""
    programs = []
    for place, content in enumerate(contents):
        release = folder / f"job-{place}" / "release"
        with write_artifact(release, kind=KIND, settings={"dataset": "data"}) as out:
            out.json("content", content)
        script = "raise SystemExit(3)" if content is None else JOB
        programs.append(lambda shelf, script=script, release=release: [sys.executable, "-c", script, str(release), str(shelf)])
    commands = iter(programs)
    monkeypatch.setattr(offline, "_job", lambda scene, data, shelf: Program("job", next(commands)(shelf)))


def test_what_a_killed_job_makes_is_compared_with_what_it_should(offered: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dated(1_600_000_000):
        jobs(monkeypatch, tmp_path, 7, 7, 7, 8, None)
    random = np.random.default_rng(0)
    assert offline.killed(offered, random)["killed after"] > 0
    events = pl.read_parquet(tmp_path / "offline" / "data" / "events.parquet")
    assert set(events["item_id"]) <= set(offered.visitors.items)
    assert len(events) > 50
    offline.killed(offered, random)
    with pytest.raises(StorageError, match="differ from an undisturbed run"):
        offline.killed(offered, random)
    with pytest.raises(StorageError, match="it ended with 3"):
        offline.killed(offered, random)


def visit(began: float, outcome: str = OK, *, wrote: bool = False, missing: tuple[str, ...] = ()) -> Visit:
    return Visit(wrote, began, 0.01, outcome, "dense" if outcome == OK else "", missing)


def test_what_happened_is_reckoned_over_the_time_of_trouble() -> None:
    before = [visit(0.1 * number) for number in range(10)]
    during = [visit(2.0, FAILED), visit(2.5, missing=("tandem",)), visit(2.9, REFUSED), visit(2.4, REFUSED, wrote=True)]
    during += [visit(3.4), visit(3.45, wrote=True)]
    seen = Seen(visits=[*before, *during, visit(4.0), visit(9.0)])
    shown = replace(reckoned("clock", False, [Trouble(1.9, 3.0, 0.5)], seen), kept=Kept(1, 0, 0, 0.0))
    assert (shown.asked, shown.answered, shown.taken) == (4, 0.5, 0.5)
    assert shown.outage == pytest.approx(5.0), "between two answers, whenever"
    assert (shown.recovery, dict(shown.missing), dict(shown.rungs)) == (0.5, {"tandem": 1}, {"dense": 2})
    assert shown.good
    assert not replace(shown, kept=Kept(1, 1, 0, 0.0)).good
    assert not replace(shown, failed="oh").good
    never = replace(reckoned("clock", False, [Trouble(1.9, 3.0, None)], seen), kept=Kept(1, 0, 0, 0.0))
    assert never.recovery is None
    assert not never.good


def test_all_is_well_again_when_enough_in_a_row_went_as_before(tmp_path: Path) -> None:
    visitors = Visitors(1, ["ann"], ["i1"])
    made, now = Scene(tmp_path, {}, {}, visitors), time.monotonic()
    lists = [visit(now + 0.1 * number, missing=("tandem", "trending") if number < 5 else ("trending",)) for number in range(15)]
    visitors.seen.visits += [*lists, *(visit(now + 0.4 + 0.1 * number, wrote=True) for number in range(3))]
    assert _usual([visit(now, missing=("trending",)), visit(now)]) == {"trending"}
    found = _recovery(made, now, {"trending"})
    assert found == pytest.approx(0.5), "from the first list without what was missing on"


def test_a_report_keeps_what_it_holds_of_other_drills_and_hides_no_failure(tmp_path: Path) -> None:
    over = {"dataset": "toys", "items": 60, "users": 40}
    one = replace(reckoned("clock", True, [Trouble(0.0, 1.0, 0.0)], Seen()), over=over, told={"seconds": [0.5, 2.0]})
    failed = replace(one, failed="the worker: it has not caught up; look")
    for found in (failed, replace(one, fault="crowd", kept=Kept(10, 0, 0, 0.1)), replace(one, backend="files")):
        write(found, tmp_path / "drills.json")
    told = (tmp_path / "drills.md").read_text()
    assert told.count("\n| clock |") == 4
    assert "**fails**: the worker: it has not caught up; look" in told
    assert "| crowd | servers | 1 | 10 | 0 | 0 |" in told
    assert "- clock on servers: seconds: 0.5, 2" in told
    write(replace(one, kept=Kept(7, 0, 0, 0.1)), tmp_path / "drills.json")
    assert "**fails**: the worker" not in (tmp_path / "drills.md").read_text()
    drills = json.loads((tmp_path / "drills.json").read_text())["drills"]
    assert {(drilled["fault"], drilled["backend"]): drilled["good"] for drilled in drills} == {
        ("crowd", "servers"): True,
        ("clock", "files"): False,
        ("clock", "servers"): True,
    }


def test_a_program_is_ready_when_it_says_so_anew(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
    program = Program("p", command, log=tmp_path / "log", says="ready")
    for _ in range(2):
        program.start()
        program.kill()
    assert (tmp_path / "log").read_text() == "ready\nready\n"


def test_what_does_not_come_is_said() -> None:
    with pytest.raises(StorageError, match="the cat: it is not here after 0 s"):
        until(lambda: False, "the cat", "it is not here", 0.0)


def test_faults_are_found_by_name() -> None:
    assert chosen(None) == list(FAULTS)
    assert [fault.name for fault in chosen(["clock"])] == ["clock"]
    rules = chosen(["clock"])[0].setting.rules
    assert rules is not None
    assert "diversity" in rules()
