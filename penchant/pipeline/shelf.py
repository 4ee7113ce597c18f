"""A shelf of releases: each in a folder that is never changed, one of them live.

shelf/
shelf.json       which one is live, and every move so far
releases/NAME/   a release; NAME is its time and the beginning of its id

Which one is live is one small file that is replaced as a whole. So it changes at one moment for all who look, and a process
that dies while it changes leaves the old one or the new one.
"""

from __future__ import annotations

import datetime
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import Field

from penchant.core.artifacts import read_artifact
from penchant.core.errors import ArtifactError, InputError, SettingsError, require
from penchant.core.folders import move_in, new_name, stamp_of
from penchant.core.manifest import Manifest
from penchant.core.settings import Settings
from penchant.core.storage import locked, replace_text, writing
from penchant.pipeline.release import KIND

POINTER, FOLDER = "shelf.json", "releases"
Way = Literal["promoted", "rolled back"]


class Move(Settings):
    """One change of the live release.

    Attributes:
        at: UTC time, ISO 8601.
        before: Name of the release that was live, None if there was none.
        after: Name of the one that is live since.
        way: Forward or back.
        why: What somebody said about it.
        checks: What the checks found, see ``penchant.pipeline.promotion``; None where they were not asked.
    """

    at: str
    before: str | None
    after: str
    way: Way
    why: str = ""
    checks: dict[str, Any] | None = None


class Pointer(Settings):
    """What lies in ``shelf.json``.

    Attributes:
        moves: The oldest first; the live release is where the newest one led.
    """

    version: Literal[1] = 1
    moves: tuple[Move, ...] = Field(default=())


@dataclass(frozen=True)
class Shelved:
    """A release on the shelf.

    Attributes:
        name: Of its folder.
        manifest: What it holds.
        live: Whether it is the one that is served.
    """

    name: str
    path: Path
    manifest: Manifest
    live: bool


class Shelf:
    """See the module.

    Args:
        folder: Made when something is put there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @staticmethod
    def at(folder: Path) -> bool:
        """Whether there is a shelf at ``folder``, and not, say, a release."""
        return (folder / POINTER).is_file()

    def add(self, release: Path) -> str:
        """Put a copy of a release on the shelf and return its name. One that lies there already stays as it is.

        Files are linked where that is possible: they never change.

        Raises:
            ArtifactError: It is no release, or damaged.
            StorageError: The disk refused.
        """
        manifest = read_artifact(release, kind=KIND).manifest
        name = _name(manifest)
        with self._alone():
            if stamp_of(self.folder / FOLDER / name) is None:
                self._copy(Path(release), self.folder / FOLDER / name)
            if not Shelf.at(self.folder):
                self._write(Pointer())
        return name

    def releases(self) -> list[Shelved]:
        """All on the shelf that can be read, the oldest first; for the others see ``damaged``.

        Raises:
            ArtifactError: The shelf itself is damaged.
        """
        live = self.live
        found = [Shelved(place.name, place, told, place.name == live) for place, told in self._looked() if isinstance(told, Manifest)]
        return sorted(found, key=lambda one: (one.manifest.created, one.name))

    def damaged(self) -> dict[str, ArtifactError]:
        """What lies on the shelf and cannot be read, by name: one such does not keep anybody from the others."""
        return {place.name: told for place, told in self._looked() if isinstance(told, ArtifactError)}

    def get(self, name: str) -> Shelved:
        """The release with a name, or the only one whose name or id begins like that.

        Raises:
            InputError: There is none, or more than one.
            ArtifactError: It is damaged.
        """
        damaged = self.damaged().get(name)
        if damaged is not None:
            raise damaged
        every = self.releases()
        found = [one for one in every if one.name == name] or [
            one for one in every if one.name.startswith(name) or one.manifest.id.startswith(name)
        ]
        names = ", ".join(one.name for one in (found or every)) or "none"
        rule = "no release of that name on the shelf" if not found else "more than one release begins like that"
        require(len(found) == 1, f"release {name!r}", rule, f"pass one of: {names}")
        return found[0]

    @property
    def live(self) -> str | None:
        """Name of the release that is served; None as long as nothing was promoted."""
        moves = self.moves()
        return moves[-1].after if moves else None

    def live_path(self) -> Path:
        """Folder of the release that is served.

        Raises:
            InputError: Nothing was promoted yet.
        """
        live = self.live
        require(live is not None, f"{self.folder}", "no release of this shelf is live", "promote one: penchant release promote NAME")
        return self.folder / FOLDER / str(live)

    def moves(self) -> tuple[Move, ...]:
        """Every change of the live release, the oldest first.

        Raises:
            ArtifactError: ``shelf.json`` is damaged.
        """
        return self._read().moves

    def promote(self, name: str, *, why: str = "", checks: Mapping[str, Any] | None = None) -> Move:
        """Make a release live, whatever the checks said: they are the caller's to heed.

        Raises:
            InputError: There is no such release, or it is live.
            ArtifactError: It is damaged.
        """
        found = self.get(name)
        require(not found.live, f"release {found.name}", "it is live already", "promote another, or leave it")
        read_artifact(found.path, kind=KIND)  # verified to the last byte before anybody is told
        return self._move(found.name, "promoted", why, checks)

    def rollback(self, *, why: str = "") -> Move:
        """Make the release live that was so before the present one was promoted. Asked again, it goes back further.

        Raises:
            InputError: There was none before it.
        """
        stack: list[str] = []  # names as they would have to be left, the live one last
        for move in self.moves():
            if move.way == "rolled back":
                stack.pop()
            else:
                stack.append(move.after)
        require(len(stack) > 1, f"{self.folder}", "no release was live before this one", "promote another one instead")
        read_artifact(self.folder / FOLDER / stack[-2], kind=KIND)
        return self._move(stack[-2], "rolled back", why, None)

    def remove(self, name: str) -> None:
        """Take a release off the shelf.

        Raises:
            InputError: It is live, or there is no such release.
        """
        found = self.get(name)
        require(not found.live, f"release {found.name}", "it is live", "promote another one first")
        gone = new_name(found.path)
        with self._alone(), writing(found.path):
            found.path.rename(gone)
            shutil.rmtree(gone)

    def _move(self, name: str, way: Way, why: str, checks: Mapping[str, Any] | None) -> Move:
        with self._alone():
            pointer = self._read()
            before = pointer.moves[-1].after if pointer.moves else None
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            move = Move(at=now, before=before, after=name, way=way, why=why, checks=None if checks is None else dict(checks))
            self._write(Pointer(moves=(*pointer.moves, move)))
        return move

    def _looked(self) -> Iterator[tuple[Path, Manifest | ArtifactError]]:
        for place in sorted((self.folder / FOLDER).glob("[!.]*")):
            try:
                yield place, read_artifact(place, kind=KIND, verify=False).manifest
            except ArtifactError as error:
                yield place, error

    def _read(self) -> Pointer:
        path = self.folder / POINTER
        try:
            return Pointer.of(json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise InputError(f"{self.folder}", "there is no shelf", "put a release there: penchant release add RELEASE") from None
        except (ValueError, TypeError, SettingsError) as error:
            rule = f"it is no list of moves ({error})"
            raise ArtifactError(f"{path}", rule, "put back a copy, or delete it and promote the release that is to be live") from error

    def _write(self, pointer: Pointer) -> None:
        replace_text(self.folder / POINTER, json.dumps(pointer.plain(), indent=1, allow_nan=False) + "\n")

    def _copy(self, release: Path, place: Path) -> None:
        temporary = new_name(place)
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copytree(release, temporary, copy_function=_linked)
                move_in(temporary, place)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def _alone(self) -> FileLock:
        """Nobody else changes the shelf meanwhile."""
        return locked(self.folder / ".lock")


def release_at(place: Path) -> Path:
    """The folder of a release: of the live one, where ``place`` is a shelf.

    Raises:
        InputError: Nothing on the shelf is live.
    """
    return Shelf(place).live_path() if Shelf.at(place) else place


def _name(manifest: Manifest) -> str:
    when = datetime.datetime.fromisoformat(manifest.created)
    return f"{when:%Y%m%dT%H%M%S}-{manifest.id[:8]}"


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES):
            raise
        shutil.copy2(source, target)
    return target
