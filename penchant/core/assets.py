"""Assets: data and models fetched once, verified, and kept in a folder of the user.

    folder = fetch("ml-100k")        # holds u.data, ... or ml-100k.inter, ...: the files of one variant

Environment: ``PENCHANT_CACHE`` (where they are kept), ``PENCHANT_OFFLINE=1`` (never use the network),
``PENCHANT_CONNECT_SECONDS`` (patience with each source, default 4).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from penchant.core.downloads import AssetFile, matches
from penchant.core.errors import AssetError, InputError, require
from penchant.core.pins import ASSETS, Asset, Variant
from penchant.core.progress import note
from penchant.core.storage import replace_text, writing

_MARKER = ".verified.json"
_DOWNLOADS = "downloads"


def fetch(asset: str | Asset, *, verify: bool = False) -> Path:
    """The folder that holds the files of one variant of ``asset``, downloaded now if they are not there yet.

    Files found before are trusted while their size and time of change stay the same; otherwise they are hashed again.

    Args:
        asset: A name out of ``ASSETS``, or an asset of your own.
        verify: Hash all files again, whatever their times say.

    Raises:
        InputError: No asset has that name.
        AssetError: No source could give it; the message tells each one's reason, and what to do.
        StorageError: The disk is full, or may not be written.
    """
    if isinstance(asset, str):
        require(asset in ASSETS, f"asset={asset!r}", "there is no asset of that name", f"use one of: {', '.join(ASSETS)}", InputError)
        asset = ASSETS[asset]
    home = cache_folder() / "assets" / asset.name
    if not verify and (ready := _ready(asset, home)):
        return ready
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        with _turn(home, asset.name):
            if not verify and (ready := _ready(asset, home)):  # another process fetched it while we waited
                return ready
            for variant in asset.variants:  # whatever is there already wins over the network
                if not _lacking(variant, home / variant.name):
                    return _mark(variant, home / variant.name)
            return _bring(asset, home)


def cache_folder() -> Path:
    """Where downloads and other things that can be made again are kept: ``PENCHANT_CACHE``, or the system's place."""
    if chosen := os.environ.get("PENCHANT_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "penchant" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "penchant"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penchant"


def offline() -> bool:
    """Whether ``PENCHANT_OFFLINE`` forbids the network."""
    return os.environ.get("PENCHANT_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}


@contextmanager
def _turn(home: Path, name: str) -> Iterator[None]:
    """One process at a time fetches an asset; the others wait, and say so."""
    lock = FileLock(home.with_name(f"{home.name}.lock"))
    try:
        lock.acquire(timeout=0.5)
    except Timeout:
        note(f"waiting for another process that fetches {name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _ready(asset: Asset, home: Path) -> Path | None:
    """The folder of the first variant whose files are marked as verified and were not touched since."""
    for variant in asset.variants:
        folder = home / variant.name
        try:
            marked = json.loads((folder / _MARKER).read_text())
            if all(marked.get(file.name) == _trace(folder, file) for file in variant.files):
                return folder
        except (OSError, ValueError, AttributeError):
            continue
    return None


def _mark(variant: Variant, folder: Path) -> Path:
    """Note that the files of ``folder`` were found right as they are now."""
    text = json.dumps({file.name: _trace(folder, file) for file in variant.files})
    replace_text(folder / _MARKER, text)
    return folder


def _trace(folder: Path, file: AssetFile) -> list[str | int]:
    status = (folder / file.name).stat()
    return [file.sha256, status.st_size, status.st_mtime_ns]


def _lacking(variant: Variant, folder: Path) -> list[AssetFile]:
    return [file for file in variant.files if not matches(folder / file.name, file)]


def _bring(asset: Asset, home: Path) -> Path:
    """Ask each source of each variant in turn."""
    reasons: list[str] = []
    for variant in asset.variants:
        folder = home / variant.name
        for source in variant.sources:
            try:
                source.bring(_lacking(variant, folder), folder, home / _DOWNLOADS, online=not offline())
            except AssetError as error:
                reasons.append(f"{source.label}: {error.rule}")
                continue
            return _mark(variant, folder)
    raise AssetError(f"asset {asset.name}", f"no source could give it ({'; '.join(reasons)})", _remedy(asset, home))


def _remedy(asset: Asset, home: Path) -> str:
    ways = ["unset PENCHANT_OFFLINE" if offline() else "connect to the internet and try again (what was loaded is kept)"]
    by_hand = [source.by_hand for variant in asset.variants for source in variant.sources if source.by_hand]
    if by_hand:
        ways.append(f"put {' or '.join(by_hand)} into {home / _DOWNLOADS}")
    else:
        first = asset.variants[0]
        ways.append(f"put {', '.join(file.name for file in first.files)} into {home / first.name}")
    ways.append("set PENCHANT_CACHE to the cache folder of a machine that has it")
    return "; or ".join(ways)
