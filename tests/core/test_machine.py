from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from penchant.core import machine
from penchant.core.machine import describe, matmul_peak, peak_memory_mb


def test_description_is_complete_and_json() -> None:
    found = describe()
    assert found.cpu and found.system and found.python == sys.version.split()[0]
    assert found.cores >= 1 and found.threads == torch.get_num_threads()
    assert 0.5 < found.memory_gb < 100_000
    assert found.packages["torch"] == torch.__version__
    assert len(found.load) == 3 and min(found.load) >= 0
    assert json.loads(json.dumps(found.plain())) == found.plain()


def test_peak_memory_follows_what_was_allocated() -> None:
    code = """
from penchant.core.machine import peak_memory_mb
before = peak_memory_mb()
block = bytearray(b'x' * 150_000_000)
during = peak_memory_mb()
del block
print(before, during, peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, during, after = map(float, done.stdout.split())
    assert 10 < before < 5000
    assert 140 < during - before < 400
    assert after == pytest.approx(during, rel=0.05)


def test_peak_memory_is_this_process() -> None:
    assert 50 < peak_memory_mb() < 100_000


def test_matmul_peak_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_peaks", {})
    calls: list[tuple[object, ...]] = []
    measure = machine._measure

    def counted(dtype: torch.dtype, size: int, seconds: float, device: str) -> float:
        calls.append((dtype, size))
        return measure(dtype, size, seconds, device)

    monkeypatch.setattr(machine, "_measure", counted)
    first = matmul_peak(size=256, seconds=0.05)
    assert matmul_peak(size=256, seconds=0.05) == first
    assert 1e8 < first < 1e15
    matmul_peak(torch.bfloat16, size=64, seconds=0.0)
    assert calls == [(torch.float32, 256), (torch.bfloat16, 64)]


def test_measuring_does_not_move_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_peaks", {})
    before = torch.get_rng_state()
    matmul_peak(size=32, seconds=0.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_commit_only_of_a_tracked_file(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    tracked, other = tmp_path / "machine.py", tmp_path / "other.py"
    tracked.write_text("1")
    other.write_text("1")
    git("add", "machine.py")
    git("commit", "-qm", "x")
    commit = git("rev-parse", "HEAD")
    machine._commit.cache_clear()
    assert machine._commit(tracked) == commit
    assert machine._commit(other) is None
    tracked.write_text("2")
    machine._commit.cache_clear()
    assert machine._commit(tracked) == f"{commit}+changes"
    assert machine._commit(Path("/nonexistent/machine.py")) is None
    machine._commit.cache_clear()
