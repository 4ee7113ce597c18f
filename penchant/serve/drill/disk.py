"""A disk that can be full: a small file system where this machine lets one be mounted, else processes that may write no more."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from penchant.core.errors import InputError, StorageError

_SIZE = 64 << 20  # bytes of the file system
_PIECES = (1 << 20, 1 << 12, 1)  # bytes that are written at a time, until not even one fits


@contextmanager
def small(folder: Path) -> Iterator[bool]:
    """A file system in memory at ``folder``, unmounted afterwards; whether there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "penchant-drill", str(folder)]
    mounted = shutil.which("mount") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


@contextmanager
def full(folder: Path, processes: Sequence[int]) -> Iterator[str]:
    """Nothing more can be written to ``folder``; says why.

    Args:
        folder: Where ``small`` was asked for.
        processes: By their numbers, that are limited where there is no file system to fill.

    Raises:
        InputError: This machine allows neither.
    """
    if os.path.ismount(folder):
        filler = folder / "filler"
        _fill(filler)
        try:
            yield "a file system without room"
        finally:
            filler.unlink()
        return
    with _limited(processes):
        yield "processes that may write no more bytes to any file"


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in _PIECES:
            piece = bytes(size)
            while True:
                try:
                    file.write(piece)
                except OSError:
                    break
    if not path.stat().st_size:
        raise StorageError(f"{path}", "nothing could be written", "try it with a disk that has room")


@contextmanager
def _limited(processes: Sequence[int]) -> Iterator[None]:
    limits = importlib.import_module("resource") if os.name == "posix" else None
    if not hasattr(limits, "prlimit"):
        raise InputError("a full disk", "this machine allows neither to mount a file system nor to limit a process", "try it on Linux")
    kind = limits.RLIMIT_FSIZE  # type: ignore[union-attr]
    before = {process: limits.prlimit(process, kind) for process in processes}  # type: ignore[union-attr]
    try:
        for process, (_, hard) in before.items():
            limits.prlimit(process, kind, (0, hard))  # type: ignore[union-attr]
        yield
    finally:
        for process, limit in before.items():
            limits.prlimit(process, kind, limit)  # type: ignore[union-attr]
