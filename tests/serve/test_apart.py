"""Networks in a process of their own: the same answers; whatever happens to that process, lists are made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from starlette.testclient import TestClient

from penchant.core.errors import InputError, UnavailableError
from penchant.data.histories import Histories
from penchant.pipeline.release import Release
from penchant.pipeline.spent import spent
from penchant.serve.apart import Apart, names_of, networks_of, tasks_of
from penchant.serve.app import create_app
from penchant.serve.remote import RemoteExplainer, RemoteGenerator, RemoteHead
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore

HISTORIES = Histories.of([[3], [5, 9, 17, 4], [44, 45]])


def refused() -> None:
    raise InputError("n=0", "there has to be one", "pass n>=1")


def worked() -> float:
    began = time.thread_time()
    while time.thread_time() - began < 0.2:
        pass
    return 0.2


def simple(_: Path) -> dict[str, Callable[..., Any]]:
    return {"sum": lambda *values: sum(values), "refused": refused, "worked": worked, "slept": time.sleep}


def broken(_: Path) -> dict[str, Callable[..., Any]]:
    raise ValueError("no such release")


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    made = Apart(Path(), ["sum", "refused", "worked", "slept"], make=simple)
    made.wait_ready()
    yield made
    made.close()


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def there(apart: Apart) -> bool:
    try:
        return apart.ask("sum", 1, 2) == 3
    except UnavailableError:
        return False


def test_what_is_asked_is_answered_and_what_is_raised_is_raised_here(apart: Apart) -> None:
    assert apart.ask("sum", 1, 2, 3) == 6
    with pytest.raises(InputError, match="pass n>=1"):
        apart.ask("refused")
    assert apart.ask("sum", 2, 2) == 4


def test_its_time_counts_for_whoever_asked(apart: Apart) -> None:
    before = spent()
    apart.ask("worked")
    assert spent() - before >= 0.2


def test_an_answer_that_nobody_waited_for_is_not_the_next_one_s(apart: Apart) -> None:
    with pytest.raises(UnavailableError, match="in time"):
        apart.ask("slept", 0.5, seconds=0.05)
    assert apart.ask("slept", 0.0) is None
    assert apart.ask("sum", 4, 5) == 9


def test_a_killed_process_is_told_at_once_and_replaced(apart: Apart) -> None:
    first = apart.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(UnavailableError, match="try again"):
        for _ in range(1_000):
            apart.ask("sum", 1, 2)
            time.sleep(0.01)
    until(lambda: there(apart))
    assert apart.pid != first


def test_what_cannot_be_loaded_is_refused_and_leaves_nothing_behind() -> None:
    made = Apart(Path("nowhere"), ["sum"], make=broken)
    with pytest.raises(UnavailableError, match="could not be loaded"):
        made.wait_ready()
    made.close()
    with pytest.raises(UnavailableError):
        made.ask("sum", 1)


def test_it_ends_with_who_began_it_even_if_that_is_killed() -> None:
    script = (
        "from pathlib import Path\nimport os\nfrom penchant.serve.apart import Apart\nfrom tests.serve.test_apart import simple\n"
        "if __name__ == '__main__':\n"
        "    made = Apart(Path(), ['sum'], make=simple)\n    made.wait_ready()\n    print(made.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == -signal.SIGKILL
    pid = int(told.stdout)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@pytest.fixture(scope="module")
def networks(tiny_release: Release) -> Iterator[Apart]:
    made = Apart(tiny_release.path, names_of(tiny_release))
    made.wait_ready()
    yield made
    made.close()


def test_networks_say_the_same_there(tiny_release: Release, networks: Apart) -> None:
    assert set(networks_of(tiny_release)) == {"tandem", "tandem-dense", "tandem-codes", "sasrec"}
    for name in networks_of(tiny_release):
        expected = tiny_release.models[name].recommend(HISTORIES, 10, exclude=HISTORIES)
        found = RemoteGenerator(networks, name).recommend(HISTORIES, 10, exclude=HISTORIES)
        assert found.items.tolist() == expected.items.tolist()
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    items = np.array([7, 8])
    np.testing.assert_allclose(
        RemoteExplainer(networks).chances(HISTORIES, items), tiny_release.explainer().chances(HISTORIES, items), rtol=1e-5
    )
    tasks = tasks_of(tiny_release)
    assert list(tasks) == names_of(tiny_release)
    many = HISTORIES.take(np.arange(40) % 3)
    np.testing.assert_allclose(RemoteHead(networks).users(many), tasks["users"](many), rtol=1e-4, atol=1e-6)


def test_a_server_makes_the_same_lists_and_lives_on_without_its_networks(tiny_release: Release, tmp_path: Path) -> None:
    log, store = SqliteEventLog(tmp_path / "events.sqlite"), SqliteStateStore(tmp_path / "state.sqlite")
    answers: dict[bool, list[Any]] = {}
    bodies = [{"user_id": "u3", "k": 8}, {"user_id": "u4", "k": 5, "model": "tandem"}, {"events": ["i7", "i9"], "k": 6}]
    for apart in (False, True):
        app = create_app(tiny_release, log=log, store=store, settings=ServeSettings(apart=apart), follow=False)
        with TestClient(app, raise_server_exceptions=False) as client:
            told = [client.post("/v1/recommend", json=body).json() for body in bodies]
            answers[apart] = [[(one["item_id"], one["reason"]["text"]) for one in answer["items"]] for answer in told]
            if apart:
                service = app.state.current.service
                assert service.apart is not None
                assert "penchant_networks_ready 1.0" in client.get("/metrics").text
                os.kill(service.apart.pid, signal.SIGKILL)
                until(lambda: client.post("/v1/recommend", json=bodies[1]).status_code == 503)
                until(lambda: "penchant_networks_ready 0.0" in client.get("/metrics").text)  # a line hears of it before the watch
                left = client.post("/v1/recommend", json=bodies[0]).json()
                assert len(left["items"]) == 8
                assert "tandem" in left["parts"]["missing"]
                until(lambda: client.post("/v1/recommend", json=bodies[1]).status_code == 200)
    assert answers[True] == answers[False]
    log.close()
    store.close()
