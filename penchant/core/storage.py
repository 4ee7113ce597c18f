"""When the disk refuses: one way to recognise it and say it, and durable writes."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from penchant.core.errors import StorageError

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_NO_LEAVE = {errno.EACCES, errno.EPERM, errno.EROFS}
_REMEDY = {
    **dict.fromkeys(_NO_SPACE, "free some space, or choose a folder on another disk"),
    **dict.fromkeys(_NO_LEAVE, "choose a folder you may write to"),
    errno.EIO: "check the disk, or choose a folder on another one",
}


def refusal(error: BaseException, path: Path) -> StorageError | None:
    """``error`` as a ``StorageError`` about ``path`` when the disk refused a write, else ``None``.

    Polars and safetensors raise errors of their own that carry the system's number only as ``(os error 28)``,
    so their text is read. A folder that may not be written counts only when ``error`` is an ``OSError``.
    """
    code = error.errno if isinstance(error, OSError) else None
    if code is None and (found := re.search(r"\(os error (\d+)\)", str(error))):
        code = int(found[1])
    if code is None or code not in _REMEDY or (code in _NO_LEAVE and not isinstance(error, OSError)):
        return None
    return StorageError(f"writing {path}", f"the disk refused it ({os.strerror(code)})", _REMEDY[code])


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a refusal of the disk inside the block into a ``StorageError`` about ``path``; let all else pass."""
    try:
        yield
    except Exception as error:
        refused = refusal(error, path)
        if refused is None:
            raise
        raise refused from error


def replace_text(path: Path, text: str) -> None:
    """Write a small text file whole or not at all: beside its place under another name, synced, then renamed. Folders above it are made.

    Raises:
        StorageError: The disk refused.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            sync_file(draft)
            draft.replace(path)
            sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def locked(path: Path) -> FileLock:
    """A lock that processes share, to be held in a ``with`` block; folders above it are made.

    Raises:
        StorageError: The disk refused.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def sync_file(path: Path) -> None:
    """Wait until the bytes of ``path`` are on the disk."""
    with path.open("r+b") as file:  # Windows refuses to sync what is open for reading only
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in ``path`` are on the disk. Windows has no such call, so nothing happens there."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
