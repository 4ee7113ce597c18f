"""Artifacts: folders that are either whole or absent.

An artifact is written under a temporary name beside its place, forced to the disk, and renamed. Its manifest lists
the SHA-256 of every file, which are checked again on reading. An artifact may hold others: a release holds models.

    with write_artifact(folder, kind="sasrec", settings={"width": 64}) as out:
        out.tensors("weights", model.state_dict())
    weights = read_artifact(folder, kind="sasrec").tensors("weights")
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from penchant.core.errors import ArtifactError, InputError, PenchantError, require
from penchant.core.folders import Stamp, file_hash, find, move_in, new_name, occupant, stamp_of, sweep, walk
from penchant.core.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    check_kind,
    check_name,
    check_stray,
    check_suffix,
    make_manifest,
    manifest_bytes,
    parse_manifest,
    plain_settings,
)
from penchant.core.storage import refusal, sync_file, sync_folder, writing

T = TypeVar("T")
_AGAIN = "make the artifact again, or fetch it again"


class ArtifactWriter:
    """Where a new artifact is put together; see ``write_artifact``.

    Attributes:
        path: The temporary folder. Further files of the allowed kinds, sub-folders and whole artifacts may be written here.
        manifest: What was written; set when the block has ended.
    """

    manifest: Manifest

    def __init__(self, path: Path) -> None:
        self.path = path

    def tensors(self, name: str, tensors: Mapping[str, torch.Tensor | np.ndarray]) -> None:
        """Write ``<name>.safetensors``. Tensors that share memory are stored once each."""
        save_file(_independent(tensors), self._target(name, ".safetensors"))

    def table(self, name: str, frame: pl.DataFrame) -> None:
        """Write ``<name>.parquet``."""
        frame.write_parquet(self._target(name, ".parquet"), compression="zstd")

    def json(self, name: str, value: object) -> None:
        """Write ``<name>.json``. NaN and infinity are refused (``InputError``), as JSON has no such values."""
        try:
            text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}.json", f"it must hold JSON values ({error})", "pass numbers, text, lists, dicts, None") from None
        self._target(name, ".json").write_bytes(text.encode())

    def _target(self, name: str, suffix: str) -> Path:
        check_name(name)
        path = self.path / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@contextmanager
def write_artifact(
    folder: Path, *, kind: str, settings: Mapping[str, Any] = {}, parents: Sequence[Manifest] = (), overwrite: bool = True
) -> Iterator[ArtifactWriter]:
    """Write the artifact ``folder``: whole at the end of the block, or not at all.

    Args:
        folder: Its place. Folders above it are made.
        kind: What it is; ``read_artifact`` can insist on it.
        settings: JSON values.
        parents: Manifests of what it was made from.
        overwrite: Whether an older artifact of that name is replaced. Folders that are no artifacts never are.

    Raises:
        InputError: A bad kind, name or setting, or ``folder`` is taken.
        ArtifactError: A file of a kind that artifacts do not hold was left in the folder.
        StorageError: The disk is full, or may not be written.
    """
    folder = Path(folder).absolute()
    check_kind(kind)
    settings = plain_settings(settings)
    _check_place(folder, overwrite)
    temporary = new_name(folder)
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            sweep(folder)
            temporary.mkdir()
        writer = ArtifactWriter(temporary)
        yield writer
        writer.manifest = _finish(temporary, kind, settings, parents)
        move_in(temporary, folder)
    except BaseException as error:  # Ctrl-C too: nothing half-made may stay
        shutil.rmtree(temporary, ignore_errors=True)
        refused = None if isinstance(error, PenchantError) else refusal(error, folder)
        if refused is not None:
            raise refused from error
        raise


class Artifact:
    """An artifact on the disk. Made by ``read_artifact``.

    Attributes:
        manifest: What it holds.
        path: Where it lies.
    """

    def __init__(self, manifest: Manifest, path: Path, stamp: Stamp) -> None:
        self.manifest = manifest
        self.path = path
        self._stamp = stamp

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of ``<name>.safetensors``, on the CPU."""
        return self._read(f"{name}.safetensors", load_file)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The same as numpy arrays. numpy has no bfloat16: such tensors are widened to float32."""
        tensors = self.tensors(name)
        return {key: (value.float() if value.dtype == torch.bfloat16 else value).numpy() for key, value in tensors.items()}

    def table(self, name: str) -> pl.DataFrame:
        """The table of ``<name>.parquet``."""
        return self._read(f"{name}.parquet", lambda path: pl.read_parquet(path, glob=False, hive_partitioning=False))

    def json(self, name: str) -> Any:
        """The value of ``<name>.json``."""
        return self._read(f"{name}.json", lambda path: json.loads(path.read_bytes()))

    def child(self, name: str) -> Path:
        """The path of a listed file, or of a folder that holds listed files (an artifact inside this one, an index).

        Raises:
            ArtifactError: The manifest lists no such name.
        """
        files = self.manifest.files
        known = name in files or any(file.startswith(f"{name}/") for file in files)
        listed = ", ".join(sorted(files)) or "nothing"
        require(known, f"{name!r} in {self.path}", "the artifact has no such file", f"it holds: {listed}", ArtifactError)
        return self.path / name

    def unchanged(self) -> bool:
        """Whether the folder still holds what was opened, and no newer artifact took its place."""
        return stamp_of(self.path) == self._stamp

    def _read(self, name: str, reader: Callable[[Path], T]) -> T:
        path = self.child(name)
        value, failure = None, None
        try:
            value = reader(path)
        except (OSError, ValueError, SafetensorError, pl.exceptions.PolarsError) as error:
            failure = error
        require(self.unchanged(), str(self.path), "it was replaced while it was read", "read it again from the start", ArtifactError)
        if failure is not None:
            raise ArtifactError(str(path), f"it cannot be read ({failure})", _AGAIN) from failure
        return cast(T, value)


def read_artifact(folder: Path, *, kind: str | None = None, verify: bool = True) -> Artifact:
    """Open an artifact.

    Args:
        folder: Its place. After a crash while it was replaced, the older copy beside it is opened.
        kind: The kind it must have.
        verify: Compare the SHA-256 of every file (those of artifacts inside it too). If false, only the presence and
            size of each file are checked, which is enough inside an artifact that was verified.

    Raises:
        ArtifactError: It is missing, incomplete, altered, of another kind or of a newer format.
    """
    folder = Path(folder).absolute()
    while True:
        place, stamp, data = find(folder)
        manifest = parse_manifest(data, place / MANIFEST)
        right = kind is None or manifest.kind == kind
        require(right, f"kind={manifest.kind!r} in {folder}", f"an artifact of kind {kind!r} is needed", "give its folder", ArtifactError)
        artifact = Artifact(manifest, place, stamp)
        try:
            _check_files(place, manifest, verify)
            return artifact
        except ArtifactError:
            if artifact.unchanged():
                raise
            # A writer put a newer artifact in this place while we looked: look at that one.


def _independent(tensors: Mapping[str, torch.Tensor | np.ndarray]) -> dict[str, torch.Tensor]:
    """Contiguous CPU tensors of which no two share memory, as safetensors wants them."""
    seen: set[int] = set()
    plain: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        tensor = value.detach().cpu().contiguous() if isinstance(value, torch.Tensor) else _from_numpy(name, np.asarray(value))
        address = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if address in seen else tensor
        seen.add(address)
    return plain


def _from_numpy(name: str, value: np.ndarray) -> torch.Tensor:
    native = value.astype(value.dtype.newbyteorder("="), copy=False)
    try:
        return torch.from_numpy(np.require(native, requirements=["C", "W"]))
    except TypeError:
        rule = "tensors hold numbers or truth values"
        raise InputError(f"{name!r} has dtype {value.dtype}", rule, "write text and objects with table() or json()") from None


def _finish(temporary: Path, kind: str, settings: Mapping[str, Any], parents: Sequence[Manifest]) -> Manifest:
    """List what lies in ``temporary``, write its manifest, and force all to the disk."""
    files: dict[str, FileEntry] = {}
    nested: dict[str, str] = {}
    folders = [temporary]
    for path in walk(temporary):
        name = path.relative_to(temporary).as_posix()
        require(not path.is_symlink(), f"{name!r}", "an artifact holds files, not links", "copy the file itself", ArtifactError)
        if path.is_dir():
            folders.append(path)
            continue
        if path.suffix == ".lock":  # what an open search index leaves behind
            continue
        check_name(name)
        require(name != MANIFEST, f"file {name!r}", "that name belongs to the manifest", "choose another name")
        check_suffix(name)
        if path.name == MANIFEST:
            nested[name] = parse_manifest(path.read_bytes(), path).id
        files[name] = FileEntry(sha256=file_hash(path), bytes=path.stat().st_size)
        sync_file(path)
    manifest = make_manifest(kind=kind, settings=settings, parents=parents, files=files, nested=nested)
    (temporary / MANIFEST).write_bytes(manifest_bytes(manifest))
    sync_file(temporary / MANIFEST)
    for path in folders:
        sync_folder(path)
    return manifest


def _check_place(folder: Path, overwrite: bool) -> None:
    """Refuse to write over what is no artifact, or over an artifact when that is not wanted."""
    state = occupant(folder)
    rule = "something that is no artifact is there"
    require(state != "other", f"folder={folder}", rule, "choose a new folder, or remove what is there")
    free = overwrite or state == "none"
    require(free, f"folder={folder}", "an artifact is there already", "pass overwrite=True, or choose a new folder")


def _check_files(place: Path, manifest: Manifest, verify: bool) -> None:
    for name, entry in manifest.files.items():
        path = place / name
        try:
            size = path.stat().st_size
            require(size == entry.bytes, f"{path} has {size} bytes", f"the manifest says {entry.bytes}", _AGAIN, ArtifactError)
            if verify:
                found = file_hash(path)
                rule = f"the manifest says {entry.sha256[:12]}..., so it was changed"
                require(found == entry.sha256, f"{path} has SHA-256 {found[:12]}...", rule, _AGAIN, ArtifactError)
        except OSError as error:
            raise ArtifactError(str(path), f"the manifest lists it, but it cannot be read ({error.strerror})", _AGAIN) from error
    for path in walk(place):
        name = path.relative_to(place).as_posix()
        if name not in manifest.files and path.is_file() and not path.name.startswith("."):
            check_stray(name, place)
