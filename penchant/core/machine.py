"""The machine a number was measured on: what it is, what this process took from it, and how fast it multiplies."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import torch

from penchant import __version__


@dataclass(frozen=True)
class Machine:
    """What a result should say about where it came from.

    Attributes:
        cpu: Model of the processor.
        cores: Logical cores this process may use.
        threads: Threads torch computes with.
        memory_gb: Main memory, in 10^9 bytes.
        system: Operating system and its version.
        python: Version of Python.
        packages: Versions of penchant, torch, numpy and polars.
        load: Processes that wanted a core, on average over the last 1, 5 and 15 minutes. Above ``cores``, times are too long.
        commit: Git commit of the Penchant checkout, ending in ``+changes`` if files differ from it; ``None`` if installed.
    """

    cpu: str
    cores: int
    threads: int
    memory_gb: float
    system: str
    python: str
    packages: dict[str, str]
    load: tuple[float, float, float]
    commit: str | None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "load": list(self.load)}


def describe() -> Machine:
    """Describe the machine we run on, as it is now."""
    one, five, fifteen = psutil.getloadavg()
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={"penchant": __version__, "torch": torch.__version__, "numpy": np.__version__, "polars": pl.__version__},
        load=(round(one, 2), round(five, 2), round(fifteen, 2)),
        commit=_commit(Path(__file__)),
    )


def reset_peak_memory() -> bool:
    """Let ``peak_memory_mb`` count from now on; whether this system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_mb() -> float:
    """The most main memory this process held at once (resident set) since it began or since the last reset, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: unlike getrusage, not inherited from the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    resource = importlib.import_module("resource")  # not on Windows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def matmul_peak(dtype: torch.dtype = torch.float32, *, size: int = 1024, seconds: float = 0.3, device: str = "cpu") -> float:
    """The fastest product of two square matrices seen on this machine, in floating-point operations a second.

    It is what model FLOPs utilisation is a share of. Measured once a process for each dtype, size, device and count of
    threads; the best of many products counts, as other work on the machine can only make one slower.

    Args:
        dtype: Of both matrices and the product.
        size: Rows and columns of each.
        seconds: How long to measure; at least three products are made.
        device: Where.
    """
    key = (dtype, size, device, torch.get_num_threads())
    if key not in _peaks:
        _peaks[key] = _measure(dtype, size, seconds, device)
    return _peaks[key]


_peaks: dict[tuple[torch.dtype, int, str, int], float] = {}


@torch.inference_mode()
def _measure(dtype: torch.dtype, size: int, seconds: float, device: str) -> float:
    own = torch.Generator(device).manual_seed(0)  # not the global one: a measurement must not move a run
    left, right = (torch.rand(size, size, device=device, generator=own).to(dtype) for _ in range(2))
    product = left @ right  # the first one also loads code and starts threads
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    wait()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(left, right, out=product)
        wait()
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


@cache
def _cpu() -> str:
    name = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.partition(":") for line in info.read_text().splitlines())
        name = next((value.strip() for key, _, value in lines if key.strip() in {"model name", "Model"}), "")
    elif sys.platform == "darwin":
        name = _output(["sysctl", "-n", "machdep.cpu.brand_string"], Path.home()) or ""
    return name or platform.processor() or platform.machine() or "unknown"


@cache
def _commit(file: Path) -> str | None:
    """The commit that ``file`` belongs to, if git tracks it: an installed copy may lie inside somebody else's checkout."""
    if _output(["git", "ls-files", "--error-unmatch", file.name], file.parent) is None:
        return None
    commit = _output(["git", "rev-parse", "HEAD"], file.parent)
    changed = _output(["git", "status", "--porcelain", "--untracked-files=no"], file.parent)
    return f"{commit}+changes" if commit and changed else commit


def _output(command: list[str], folder: Path) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
