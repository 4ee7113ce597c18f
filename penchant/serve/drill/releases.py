"""A release that is spoilt and made live all the same, as a tool that copies files and checks nothing would do."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.core.manifest import MANIFEST
from penchant.core.storage import replace_text
from penchant.pipeline.shelf import FOLDER, POINTER, Move, Pointer, Shelf
from penchant.serve.drill.scene import Scene, until
from penchant.serve.drill.visitors import OK, Line


def spoilt(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    """A copy of the served release loses a bit, its end or a whole file, and is live for a moment; then one that is whole is.

    Raises:
        StorageError: The server took it, did not say why it refuses it, or did not go on to the next one.
    """
    shelf, line = scene.shelf, Line(scene.visitors.port, scene.visitors.key)
    served = str(shelf.live)
    number = len(shelf.moves())
    broken, whole = (_copy(shelf, served, f"{name}-{number}") for name in ("broken", "whole"))
    file, how = _spoil(shelf.folder / FOLDER / broken, random)
    try:
        shelf.promote(broken)
    except ArtifactError:
        pass
    else:
        raise StorageError(f"promotion of a release with {file} {how}", "it was not refused", "see penchant.core.artifacts")
    _point(shelf, broken)
    seconds = until(lambda: str(_told(line).get("refused")).startswith(broken), "/v1/releases", f"it does not say that {broken} is refused")
    told = _told(line)
    require(told["served"] == served, f"{told['served']}", "a spoilt release is served", "see penchant.serve.swap", StorageError)
    _point(shelf, whole)
    back = until(lambda: _told(line).get("served") == whole, whole, "it is not served")
    shutil.rmtree(shelf.folder / FOLDER / broken)
    line.close()
    reason = str(told["refused"]).replace(f"{shelf.folder}{os.sep}", "")
    return {"spoilt": file, "how": how, "reason": reason, "seconds until refused": seconds, "seconds until the next": back}


def _copy(shelf: Shelf, name: str, other: str) -> str:
    shutil.copytree(shelf.folder / FOLDER / name, shelf.folder / FOLDER / other, copy_function=os.link)
    return other


def _spoil(release: Path, random: np.random.Generator) -> tuple[str, str]:
    """Spoil one file of a release, which may be linked: what is changed is a copy."""
    files = sorted(path for path in release.rglob("*") if path.is_file() and path.stat().st_size)
    path = release / MANIFEST if random.random() < 0.2 else files[int(random.integers(len(files)))]  # read first, and by itself
    content = bytearray(path.read_bytes())
    path.unlink()
    how = ("one bit turned", "cut in half", "gone")[int(random.integers(3))]
    if how == "one bit turned":
        content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    if how != "gone":
        path.write_bytes(content if how == "one bit turned" else content[: len(content) // 2])
    return str(path.relative_to(release)), how


def _point(shelf: Shelf, name: str) -> None:
    """Make a release live without a look at it."""
    pointer = Pointer.of(json.loads((shelf.folder / POINTER).read_bytes()))
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    move = Move(at=now, before=shelf.live, after=name, way="promoted", why="drill")
    replace_text(shelf.folder / POINTER, json.dumps(Pointer(moves=(*pointer.moves, move)).plain()))


def _told(line: Line) -> dict[str, Any]:
    outcome, told = line.ask("/v1/releases")
    return told if outcome == OK else {}
