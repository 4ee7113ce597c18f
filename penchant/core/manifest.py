"""The manifest of an artifact: what a folder holds, from what it was made, and the SHA-256 of each file.

``manifest.json`` is written in one canonical form and ends in a seal, the SHA-256 of all its other fields, so one
changed byte anywhere in it is noticed. The seal finds damage and mistakes; it is not a signature.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant import __version__
from penchant.core.errors import ArtifactError, InputError, require

FORMAT = 1
MANIFEST = "manifest.json"
ALLOWED_SUFFIXES = frozenset({".safetensors", ".parquet", ".json", ".jsonl", ".png", ".svg", ".md", ".txt"})
"""What an artifact may hold: nothing that runs code when it is read."""
INDEX_FOLDER = "index"
"""Below a folder of this name any file may lie (search indexes choose their own suffixes), except what runs code."""
_RUNS_CODE = frozenset(
    {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy", ".npz", ".py", ".pyc", ".so", ".dll", ".dylib", ".exe"}
)
_KIND = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DATE: ContextVar[int | None] = ContextVar("date of artifacts", default=None)


class FileEntry(BaseModel):
    """One file: its SHA-256 in hexadecimal and its size."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    sha256: str
    bytes: int


class Parent(BaseModel):
    """An artifact this one was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    kind: str
    id: str


class Manifest(BaseModel):
    """What ``manifest.json`` says.

    Attributes:
        format: Version of this layout.
        kind: What the artifact is, for example ``"sasrec"``.
        id: Hash over kind, settings and files: equal content has equal id, whenever and wherever it was made.
        version: The version of Penchant that wrote it.
        created: UTC time in ISO form.
        parents: What it was made from.
        settings: JSON values.
        files: By relative name with forward slashes; the manifest itself is not among them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    format: int
    kind: str
    id: str
    version: str
    created: str
    parents: list[Parent]
    settings: dict[str, Any]
    files: dict[str, FileEntry]


def make_manifest(
    *, kind: str, settings: Mapping[str, Any], parents: Iterable[Manifest], files: Mapping[str, FileEntry], nested: Mapping[str, str]
) -> Manifest:
    """A manifest for new content, dated now, or by ``dated`` or ``SOURCE_DATE_EPOCH`` (seconds) for repeatable bytes.

    Args:
        nested: For each file that is the manifest of an artifact inside this one, that artifact's id. It stands in
            for the file's hash in our id, so that the id does not change with the time of writing.
    """
    content = {
        "kind": kind,
        "settings": dict(settings),
        "files": {name: nested.get(name, entry.sha256) for name, entry in files.items()},
    }
    return Manifest(
        format=FORMAT,
        kind=kind,
        id=hashlib.sha256(_canonical(content)).hexdigest()[:32],
        version=__version__,
        created=_now(),
        parents=[Parent(kind=parent.kind, id=parent.id) for parent in parents],
        settings=dict(settings),
        files=dict(files),
    )


def manifest_bytes(manifest: Manifest) -> bytes:
    """The one text of a manifest, seal included."""
    return _sealed(manifest.model_dump(mode="python"))


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Read a manifest back.

    Raises:
        ArtifactError: The bytes are not what ``manifest_bytes`` wrote, or the format is newer than we know.
    """
    remedy = "make the artifact again, or fetch it again"
    try:
        fields = json.loads(data)
        fields.pop("seal")
        newest = fields["format"]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise ArtifactError(str(path), "it is not a manifest of Penchant", remedy) from None
    if isinstance(newest, int) and newest > FORMAT:
        rule = f"this version of Penchant ({__version__}) reads formats up to {FORMAT}"
        raise ArtifactError(f"format={newest} in {path}", rule, "install a newer version of Penchant")
    try:
        intact = _sealed(fields) == data
        manifest = Manifest.model_validate(fields)
    except (ValueError, ValidationError, RecursionError):
        intact, manifest = False, None
    if not intact or manifest is None:
        raise ArtifactError(str(path), "it was changed after it was written", remedy)
    for name in manifest.files:
        check_name(name, ArtifactError)
        check_suffix(name)
    return manifest


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``settings`` as JSON gives it back (tuples become lists).

    Raises:
        InputError: A value is not JSON: an object, NaN, infinity, or a key that is not a string.
    """
    try:
        plain = json.loads(_canonical(dict(settings)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"settings={settings!r:.200}", f"they must be JSON values ({error})", "pass numbers, text, lists, dicts") from None
    require(plain.keys() == settings.keys(), f"settings={settings!r:.200}", "keys must be strings", "name each setting")
    return plain


def check_kind(kind: str) -> None:
    """Raise ``InputError`` unless ``kind`` is a plain lower-case name."""
    good = _KIND.fullmatch(kind) is not None
    require(good, f"kind={kind!r}", "a kind is made of a-z, 0-9, '.', '_', '-'", 'pass a name such as "sasrec"')


def check_name(name: str, error: type[InputError | ArtifactError] = InputError) -> None:
    """Raise ``error`` unless ``name`` is relative, with forward slashes, and stays inside the artifact."""
    parts = name.split("/")
    good = all(part not in ("", ".", "..") for part in parts) and not any(mark in name for mark in ("\\", ":", "\0"))
    require(
        good, f"file name {name!r}", "it must stay inside the artifact", 'use a relative name such as "weights" or "part/weights"', error
    )


def check_suffix(name: str) -> None:
    """Raise ``ArtifactError`` unless a file of this name may be part of an artifact."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    indexed = INDEX_FOLDER in path.parts[:-1]
    good = suffix not in _RUNS_CODE and (indexed or suffix in ALLOWED_SUFFIXES)
    rule = f"an artifact holds only {', '.join(sorted(ALLOWED_SUFFIXES))} (and search indexes below '{INDEX_FOLDER}/')"
    require(good, f"file {name!r}", rule, "store weights as safetensors, tables as Parquet, the rest as JSON", ArtifactError)


def check_stray(name: str, folder: Path) -> None:
    """Raise ``ArtifactError`` if the unlisted file ``name`` is of a kind no artifact may hold."""
    try:
        check_suffix(name)
    except ArtifactError:
        rule = "the manifest does not list it, and files of its kind may run code"
        raise ArtifactError(f"file {name!r} in {folder}", rule, "remove it") from None


def _canonical(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sealed(fields: Mapping[str, Any]) -> bytes:
    return _canonical({**fields, "seal": hashlib.sha256(_canonical(dict(fields))).hexdigest()})


@contextmanager
def dated(seconds: int) -> Iterator[None]:
    """Let artifacts that are written in the block be of this time (UTC seconds): the same content then has the same bytes."""
    before = _DATE.set(seconds)
    try:
        yield
    finally:
        _DATE.reset(before)


def _now() -> str:
    if (given := _DATE.get()) is not None:
        return datetime.fromtimestamp(given, UTC).isoformat(timespec="seconds")
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if fixed is None:
        return datetime.now(UTC).isoformat(timespec="seconds")
    require(fixed.isdigit(), f"SOURCE_DATE_EPOCH={fixed!r}", "it must be whole seconds since 1970", "set a number, or unset it")
    return datetime.fromtimestamp(int(fixed), UTC).isoformat(timespec="seconds")
