"""A server's worker in a process of its own: begun again when it ends, ended with whoever began it, and it follows the log."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from penchant.serve.worker_apart import WorkerApart

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def following(folder: Path) -> None:
    """A worker that follows nothing: says that it is there, and that it was told to end."""
    told = threading.Event()

    def end(*_: object) -> None:
        told.set()

    signal.signal(signal.SIGTERM, end)
    (folder / f"began {os.getpid()}").touch()
    told.wait()
    (folder / f"ended {os.getpid()}").touch()


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


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
    script = (
        "import sys\nfrom pathlib import Path\nfrom penchant.serve.server import serve\nfrom penchant.serve.service import ServeSettings\n"
        "if __name__ == '__main__':\n"
        "    serve(Path(sys.argv[1]), port=0, data_dir=Path(sys.argv[2]), settings=ServeSettings(apart=True))\n"
    )
    file = tmp_path / "served.py"  # a process that is spawned has to find who began it
    file.write_text(script, encoding="utf-8")
    command = [sys.executable, str(file), str(tiny_release_folder), str(tmp_path / "state")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stderr is not None
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+/", said)) is None:
            said += server.stderr.readline()
        event = {"event_id": "e", "user_id": "somebody new", "item_id": "i3", "event": "purchase"}
        request = urllib.request.Request(
            f"{found[0]}v1/events", json.dumps({"events": [event]}).encode(), {"content-type": "application/json"}
        )
        assert urllib.request.urlopen(request, timeout=30).status == 202

        def followed() -> bool:
            with urllib.request.urlopen(f"{found[0]}v1/trending", timeout=30) as answer:
                return "i3" in answer.read().decode()

        until(followed)
        children = psutil.Process(server.pid).children(recursive=True)
        assert sum("spawn_main" in " ".join(one.cmdline()) for one in children) >= 2  # networks and worker
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    assert server.returncode == 0
    until(lambda: all(gone(child.pid) for child in children))
