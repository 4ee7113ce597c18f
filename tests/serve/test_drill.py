"""The drills in short: real processes are killed, hang, forget and have no room, and nothing that was acknowledged is lost."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import InputError, StorageError
from penchant.serve.backends import opened
from penchant.serve.drill import faults
from penchant.serve.drill.drilled import drill
from penchant.serve.drill.faults import FAULTS, Fault
from penchant.serve.drill.programs import Program, free_port
from penchant.serve.drill.scene import Scene
from penchant.serve.drill.visitors import Seen, Visitors
from penchant.serve.events import LiveEvent
from penchant.serve.stores import Write
from penchant.serve.worker import Worker
from penchant.users.state import UserState

KNOWN = {fault.name: fault for fault in FAULTS}


def one_after_the_other(*names: str) -> Fault:
    """All of these as one fault: processes take longer to start than most faults last."""
    setting = replace(KNOWN["hang networks"].setting, rules=KNOWN["clock"].setting.rules, altered=True, small_disk=True)
    return Fault("several", "", lambda scene, random: {name: KNOWN[name].act(scene, random) for name in names}, setting=setting)


@pytest.mark.parametrize(
    ("fault", "on_servers"),
    [
        (one_after_the_other("kill server", "full disk", "spoilt release", "clock", "kill networks", "hang networks"), False),
        (KNOWN["hang model"], False),
        (KNOWN["stop redis"], True),
    ],
    ids=["on files", "a model", "on servers"],
)
def test_nothing_acknowledged_is_lost_or_counted_twice(
    fault: Fault, on_servers: bool, tiny_release_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "OUTAGE", 1.0)
    try:
        shown = drill(fault, tiny_release_folder, tmp_path / "drill", on_servers=on_servers, rounds=1)
    except InputError as missing:
        pytest.skip(str(missing))
    assert shown.failed is None
    assert shown.kept is not None
    assert shown.kept.acknowledged > 20
    assert (shown.kept.lost, shown.kept.miscounted) == (0, 0)
    assert shown.broken == []
    assert shown.good
    assert shown.asked > 0
    assert shown.recovery is not None


def test_what_is_missing_or_counted_twice_is_found(tiny_release_folder: Path, tmp_path: Path) -> None:
    """The drill itself must be able to fail."""
    with opened(tmp_path / "state") as (log, store):
        log.append([LiveEvent(f"e{number}", "ann", "i1", "view", 1_000) for number in range(5)])
        worker = Worker(log, store, lambda _: ())
        while worker.step():
            pass
    visitors = Visitors(1, ["ann"], ["i1"])
    made = Scene(tmp_path, {}, {"redis": None, "kafka": None}, visitors)
    whole = made.kept(Seen(acknowledged={"ann": ["e0", "e4"]}))
    assert (whole.acknowledged, whole.lost, whole.miscounted, whole.good) == (2, 0, 0, True)
    lost = made.kept(Seen(acknowledged={"ann": ["e0", "e9"]}))
    assert (lost.lost, lost.good) == (1, False)
    with opened(tmp_path / "state") as (log, store):
        (key,) = store.names("user:")
        (state,) = store.get([key])
        assert state is not None
        spoilt = UserState.from_bytes(state.value)
        store.put({key: Write(replace(spoilt, total=6).to_bytes(), state.version)})
    doubled = made.kept(Seen())
    assert (doubled.miscounted, doubled.good) == (1, False)


def test_a_program_that_does_not_start_says_so(tmp_path: Path) -> None:
    program = Program("nothing", [sys.executable, "-c", "pass"], free_port(), log=tmp_path / "log")
    with pytest.raises(StorageError, match="it did not start"):
        program.start()


def test_the_command_lists_faults_and_refuses_others() -> None:
    done = CliRunner().invoke(app, ["drill", "--list"], catch_exceptions=False)
    assert all(fault.name in done.output for fault in FAULTS)
    with pytest.raises(InputError, match="no such faults"):
        CliRunner().invoke(app, ["drill", "flood"], catch_exceptions=False)
