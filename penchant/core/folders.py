"""Folders replaced as a whole: renaming into place, finding what a crash left aside, hashes and stamps.

Beside a folder ``release`` may lie ``.release.new-...`` (being written) and ``.release.old-...`` (just replaced). Only
between the two renames of a replacement is there no ``release``; if the process dies there, the old one is found aside.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Literal

from penchant.core.errors import ArtifactError
from penchant.core.manifest import MANIFEST
from penchant.core.storage import sync_folder

Stamp = tuple[int, int, int]
"""Inode, time of change in nanoseconds and size of a manifest: tells one artifact from another in the same place."""
_LEFTOVER_SECONDS = 7 * 24 * 3600
_ATTEMPTS = 10
_PAUSE_SECONDS = 0.005
_RACE = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)


def new_name(folder: Path) -> Path:
    """A path beside ``folder`` under which its next content may be put together."""
    return folder.parent / f".{folder.name}.new-{uuid.uuid4().hex[:12]}"


def occupant(folder: Path) -> Literal["none", "artifact", "other"]:
    """What is in the place of ``folder``; an empty folder counts as none."""
    for _ in range(_ATTEMPTS):  # another writer may be replacing it, so one look does not suffice to say "other"
        if (folder / MANIFEST).is_file():
            return "artifact"
        with suppress(FileNotFoundError):
            if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
                return "none"
        time.sleep(_PAUSE_SECONDS)
    return "other"


def walk(place: Path) -> list[Path]:
    """All that lies below ``place``.

    Raises:
        ArtifactError: The folder was taken away meanwhile.
    """
    try:
        return sorted(place.rglob("*"))
    except OSError as error:
        raise ArtifactError(str(place), f"it cannot be read ({error.strerror})", "check its permissions, or read it again") from error


def move_in(temporary: Path, folder: Path) -> None:
    """Rename into place. An older artifact is renamed aside first, where ``read_artifact`` finds it after a crash."""
    for attempt in range(_ATTEMPTS):
        aside = folder.parent / f".{folder.name}.old-{uuid.uuid4().hex[:12]}"
        try:
            if folder.exists():
                folder.rename(aside)
            temporary.rename(folder)
            break
        except OSError as error:
            if aside.exists() and not folder.exists():
                with suppress(OSError):
                    aside.rename(folder)
            if error.errno not in _RACE or attempt == _ATTEMPTS - 1:  # else another writer of this artifact was quicker
                raise
    sync_folder(folder.parent)
    sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what killed writers left beside ``folder``, as far as nobody can need it any more."""
    if (folder / MANIFEST).is_file():
        for old in _beside(folder, "old"):
            (old / MANIFEST).unlink(missing_ok=True)  # first, so that a half removed folder is never taken for a whole one
            shutil.rmtree(old, ignore_errors=True)
    for new in _beside(folder, "new"):
        with suppress(FileNotFoundError):  # another writer may just have renamed its own
            if time.time() - new.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(new, ignore_errors=True)


def _beside(folder: Path, state: str) -> list[Path]:
    return list(folder.parent.glob(f".{glob.escape(folder.name)}.{state}-*"))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp_of(place: Path) -> Stamp | None:
    """The stamp of the artifact in ``place`` as it is now, or ``None`` if there is none."""
    try:
        status = (place / MANIFEST).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def find(folder: Path) -> tuple[Path, Stamp, bytes]:
    """The place of the artifact ``folder``, the stamp of its manifest, and the manifest's bytes."""
    for _ in range(_ATTEMPTS):  # a writer that replaces it needs a moment between its two renames
        for place in (folder, *_beside(folder, "old")):
            try:
                with (place / MANIFEST).open("rb") as file:
                    status = os.fstat(file.fileno())
                    return place, (status.st_ino, status.st_mtime_ns, status.st_size), file.read()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise ArtifactError(str(place / MANIFEST), f"it cannot be read ({error.strerror})", "check its permissions") from error
        time.sleep(_PAUSE_SECONDS)
    if folder.exists():
        rule = f"it has no {MANIFEST}, so it is no artifact, or not a whole one"
        raise ArtifactError(str(folder), rule, "make the artifact again, or fetch it again")
    raise ArtifactError(str(folder), "there is no such folder", "check the path, or make the artifact first")
