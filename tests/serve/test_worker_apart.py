"""A server's worker in a process of its own: begun again when it ends, ended with whoever began it, and it follows the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from penchant.serve.worker_apart import WorkerApart
from tests.serve.test_apart import until
from tests.serve.test_server import ask, running

ROOT = Path(__file__).resolve().parents[2]


def following(folder: Path) -> None:
    """A worker that follows nothing: says that it is there, and that it was told to end."""
    told = threading.Event()

    def end(*_: object) -> None:
        told.set()

    signal.signal(signal.SIGTERM, end)
    (folder / f"began {os.getpid()}").touch()
    told.wait()
    (folder / f"ended {os.getpid()}").touch()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_worker_is_replaced_and_the_last_one_is_asked_to_end(tmp_path: Path) -> None:
    worker = WorkerApart(following, tmp_path)
    first = worker.pid
    assert first is not None
    until((tmp_path / f"began {first}").exists)
    os.kill(first, signal.SIGKILL)
    until(lambda: worker.pid != first and (tmp_path / f"began {worker.pid}").exists())
    second = worker.pid
    worker.close()
    assert second is not None
    assert gone(second)
    assert (tmp_path / f"ended {second}").exists()
    assert not (tmp_path / f"ended {first}").exists()


def test_it_ends_with_who_began_it_even_if_that_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\nimport os, sys, time\nfrom penchant.serve.worker_apart import WorkerApart\n"
        "from tests.serve.test_worker_apart import following, until\n"
        "if __name__ == '__main__':\n"
        "    folder = Path(sys.argv[1])\n    made = WorkerApart(following, folder)\n"
        "    until(lambda: (folder / f'began {made.pid}').exists())\n    print(made.pid, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.returncode == -signal.SIGKILL, told.stderr
    pid = int(told.stdout)
    until(lambda: gone(pid))
    assert (tmp_path / f"ended {pid}").exists()


@pytest.mark.slow
def test_a_server_with_networks_apart_has_its_worker_apart_too(tiny_release_folder: Path, tmp_path: Path) -> None:
    with running(tiny_release_folder, tmp_path, signal.SIGTERM, '{"apart": true}') as url:
        event = {"event_id": "e", "user_id": "somebody new", "item_id": "i3", "event": "purchase"}
        assert ask(f"{url}v1/events", {"events": [event]})["accepted"] == 1
        until(lambda: "i3" in str(ask(f"{url}v1/trending")))
        beside = [one.pid for one in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]
        assert len(beside) >= 2  # networks and worker
    until(lambda: all(map(gone, beside)))
