from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from polars.testing import assert_frame_equal

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError, PenchantError, StorageError
from penchant.core.manifest import Manifest, dated, manifest_bytes


def _write(folder: Path, value: int = 1) -> Manifest:
    with write_artifact(folder, kind="demo", settings={"width": value}) as out:
        out.tensors("weights", {"w": torch.full((3, 2), float(value))})
        out.table("rows", pl.DataFrame({"a": [value, 2], "b": ["x", None]}))
        out.json("extra", {"v": value})
        (out.path / "notes").mkdir()
        (out.path / "notes" / "readme.md").write_text("hello")
    return out.manifest


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read(tmp_path: Path) -> None:
    parent = _write(tmp_path / "parent", 7)
    with write_artifact(tmp_path / "deep" / "a", kind="demo", settings={"sizes": (1, 2)}, parents=[parent]) as out:
        out.tensors("part/weights", {"w": torch.arange(6).reshape(2, 3), "n": np.float32(2.5) * np.ones(())})
        out.json("extra", [1, None, "ü"])
    read = read_artifact(tmp_path / "deep" / "a", kind="demo")
    assert read.manifest == out.manifest
    assert read.manifest.settings == {"sizes": [1, 2]}
    assert [(p.kind, p.id) for p in read.manifest.parents] == [("demo", parent.id)]
    assert torch.equal(read.tensors("part/weights")["w"], torch.tensor([[0, 1, 2], [3, 4, 5]]))
    assert read.arrays("part/weights")["n"].shape == () and read.arrays("part/weights")["n"] == 2.5
    assert read.json("extra") == [1, None, "ü"]
    assert _names(tmp_path / "deep") == ["a"]  # nothing temporary stays


DTYPES = [np.float32, np.float64, np.float16, np.int8, np.int32, np.int64, np.uint8, np.bool_]
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1) | st.none(), st.text() | st.none(), st.floats(), st.lists(st.integers(0, 9))), max_size=5
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrays=st.dictionaries(st.text(min_size=1).filter(lambda t: t != "__metadata__"), ARRAYS, max_size=3), value=JSON, rows=ROWS)
def test_roundtrip(arrays: dict[str, np.ndarray], value: object, rows: list[tuple[object, ...]]) -> None:
    schema = {"i": pl.Int64, "s": pl.String, "f": pl.Float64, "l": pl.List(pl.Int32)}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "a"
        with write_artifact(folder, kind="demo", settings={"value": value}) as out:
            out.tensors("t", arrays)
            out.table("f", frame)
            out.json("j", value)
        read = read_artifact(folder)
        found = read.arrays("t")
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape
            assert found[name].tobytes() == array.tobytes()  # bytes, so that NaN equals NaN
        assert_frame_equal(read.table("f"), frame)
        assert read.json("j") == value and read.manifest.settings == {"value": value}


def test_tensors_that_share_memory_or_are_not_contiguous(tmp_path: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    fixed = np.arange(4)
    fixed.setflags(write=False)
    given = {"tied": table, "again": table, "slice": table[1:], "turned": table.T, "half": table.bfloat16()}
    with write_artifact(tmp_path / "a", kind="demo") as out:
        out.tensors("t", given)
        out.tensors("n", {"fixed": fixed, "same": fixed, "big": fixed.astype(">i8"), "turned": np.arange(6).reshape(2, 3).T})
    read = read_artifact(tmp_path / "a")
    for name, tensor in read.tensors("t").items():
        assert torch.equal(tensor, given[name]) and tensor.dtype == given[name].dtype
    assert read.arrays("t")["half"].dtype == np.float32
    assert np.array_equal(read.arrays("n")["big"], fixed) and np.array_equal(read.arrays("n")["turned"], np.arange(6).reshape(2, 3).T)


def test_the_date_can_be_given_for_a_block(tmp_path: Path) -> None:
    with dated(1_600_000_000), write_artifact(tmp_path / "old", kind="thing"):
        pass
    with write_artifact(tmp_path / "new", kind="thing"):
        pass
    old, new = (read_artifact(tmp_path / name).manifest for name in ("old", "new"))
    assert old.created == "2020-09-13T12:26:40+00:00" < new.created
    assert old.id == new.id, "when something was written does not make it another thing"


def test_same_content_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second, other = _write(tmp_path / "a"), _write(tmp_path / "b"), _write(tmp_path / "c", 2)
    assert first.created == "2023-11-14T22:13:20+00:00"
    assert first.id == second.id != other.id
    for name in [*first.files, "manifest.json"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "tomorrow")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH='tomorrow'"):
        _write(tmp_path / "d")
    assert _names(tmp_path) == ["a", "b", "c"]


def test_artifacts_inside_an_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for moment in ("1700000000", "1700000001"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", moment)
        with write_artifact(tmp_path / moment, kind="release") as out:
            _write(out.path / "models" / "tandem")
            (out.path / "index").mkdir()
            (out.path / "index" / "abc.term").write_bytes(b"words")
            (out.path / "index" / "writer.lock").write_bytes(b"")
        ids.append(out.manifest.id)
    assert ids[0] == ids[1]  # the moment of writing is no content
    release = read_artifact(tmp_path / moment, kind="release")
    assert "models/tandem/rows.parquet" in release.manifest.files and "index/writer.lock" not in release.manifest.files
    assert read_artifact(release.child("models/tandem"), kind="demo").json("extra") == {"v": 1}
    assert release.child("index").is_dir()
    (tmp_path / moment / "models" / "tandem" / "extra.json").write_text('{"v":2}')
    with pytest.raises(ArtifactError, match=r"models/tandem/extra\.json"):
        read_artifact(tmp_path / moment)


def test_one_changed_byte_in_any_file(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    for path in [path for path in (tmp_path / "a").rglob("*") if path.is_file()]:
        data = path.read_bytes()
        for place in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(ArtifactError) as caught:
                read_artifact(tmp_path / "a")
            assert str(path) in str(caught.value) and "again" in caught.value.remedy
        path.write_bytes(data)
    assert read_artifact(tmp_path / "a").json("extra") == {"v": 1}


def test_every_byte_of_the_manifest_counts(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(ArtifactError):
            read_artifact(tmp_path / "a", verify=False)
    for text in (b"", b"[]", b"{}", b"null", b'{"seal": 1, "format": 1}', b"[" * 100_000, data + b"\n", data.replace(b"\n", b"\r\n")):
        path.write_bytes(text)
        with pytest.raises(ArtifactError):
            read_artifact(tmp_path / "a")


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder"):
        read_artifact(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match=r"has no manifest\.json"):
        read_artifact(tmp_path / "empty")
    _write(tmp_path / "a")
    with pytest.raises(ArtifactError, match=r"kind='demo'.*kind 'sasrec' is needed"):
        read_artifact(tmp_path / "a", kind="sasrec")
    artifact = read_artifact(tmp_path / "a")
    with pytest.raises(ArtifactError, match=r"'other\.safetensors'.*no such file; it holds: extra\.json, notes/readme\.md"):
        artifact.tensors("other")
    with pytest.raises(ArtifactError, match="no such file"):
        artifact.child("../b")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a" / "remark.md").write_bytes(b"x")
    read_artifact(tmp_path / "a")
    for name in ("weights.pkl", "notes/model.pt", "run.sh"):
        (tmp_path / "a" / name).write_bytes(b"x")
        with pytest.raises(ArtifactError, match="may run code; remove it"):
            read_artifact(tmp_path / "a")
        (tmp_path / "a" / name).unlink()
    (tmp_path / "a" / "rows.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"rows\.parquet.*lists it, but it cannot be read"):
        read_artifact(tmp_path / "a", verify=False)


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a/../../x.json", "C:/x.json", "a\\..\\x.json", "", "a//b.json"])
def test_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    manifest = _write(tmp_path / "a")
    evil = manifest.model_copy(update={"files": {**manifest.files, name: manifest.files["extra.json"]}})
    (tmp_path / "a" / "manifest.json").write_bytes(manifest_bytes(evil))
    with pytest.raises(ArtifactError, match="must stay inside the artifact"):
        read_artifact(tmp_path / "a")
    with pytest.raises(InputError, match="must stay inside"), write_artifact(tmp_path / "b", kind="demo") as out:
        out.json(f"{name[:-5]}/../x", 1)


def test_newer_format(tmp_path: Path) -> None:
    manifest = _write(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_bytes(manifest_bytes(manifest.model_copy(update={"format": 2})))
    with pytest.raises(ArtifactError, match=r"format=2 .*reads formats up to 1; install a newer version"):
        read_artifact(tmp_path / "a")


def test_refused_content_leaves_nothing(tmp_path: Path) -> None:
    for name in ("model.pt", "w.pkl", "a.npy", "index/w.pkl", "words", "run.py"):
        with pytest.raises(ArtifactError, match="an artifact holds only"), write_artifact(tmp_path / "a", kind="demo") as out:
            (out.path / name).parent.mkdir(exist_ok=True)
            (out.path / name).write_bytes(b"x")
    with pytest.raises(ArtifactError, match="not links"), write_artifact(tmp_path / "a", kind="demo") as out:
        (out.path / "x.json").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"kind='A B'"), write_artifact(tmp_path / "a", kind="A B"):
        pass
    for bad in ({"x": float("nan")}, {"x": object()}, {1: 2}, {"x": "\ud800"}):
        with pytest.raises(InputError, match="settings="), write_artifact(tmp_path / "a", kind="demo", settings=bad):  # type: ignore[arg-type]
            pass
    with pytest.raises(InputError, match=r"metrics\.json"), write_artifact(tmp_path / "a", kind="demo") as out:
        out.json("metrics", {"loss": float("inf")})
    with pytest.raises(InputError, match="'names' has dtype <U1"), write_artifact(tmp_path / "a", kind="demo") as out:
        out.tensors("t", {"names": np.array(["a"])})
    assert _names(tmp_path) == []


def test_only_artifacts_are_replaced(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    with pytest.raises(InputError, match="an artifact is there already"), write_artifact(tmp_path / "a", kind="demo", overwrite=False):
        pass
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="no artifact is there"), write_artifact(tmp_path / "home", kind="demo"):
        pass
    (tmp_path / "empty").mkdir()
    _write(tmp_path / "empty", 3)
    _write(tmp_path / "a", 2)
    assert read_artifact(tmp_path / "a").json("extra") == {"v": 2}
    assert _names(tmp_path) == ["a", "empty", "home"] and (tmp_path / "home" / "letter.txt").exists()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit])
def test_interrupted_writing_keeps_the_old_one(tmp_path: Path, failure: type[BaseException]) -> None:
    _write(tmp_path / "a")
    with pytest.raises(failure), write_artifact(tmp_path / "a", kind="demo") as out:
        out.json("extra", {"v": 2})
        raise failure
    assert _names(tmp_path) == ["a"] and read_artifact(tmp_path / "a").json("extra") == {"v": 1}


def test_crash_between_the_two_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / ".a.old-123")
    found = read_artifact(tmp_path / "a")
    assert found.json("extra") == {"v": 1} and found.path.name == ".a.old-123"
    _write(tmp_path / "a", 2)
    assert read_artifact(tmp_path / "a").json("extra") == {"v": 2} and _names(tmp_path) == ["a"]
    # and if the second rename itself fails, the old one is put back
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(errno.EIO, "broken disk")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match="check the disk"):
        _write(tmp_path / "a", 3)
    assert read_artifact(tmp_path / "a").json("extra") == {"v": 2} and _names(tmp_path) == ["a"]


def test_old_leftovers_are_swept(tmp_path: Path) -> None:
    for name, age in ((".a.new-dead", 8 * 24 * 3600), (".a.new-busy", 60)):
        (tmp_path / name).mkdir()
        moment = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (moment, moment))
    _write(tmp_path / "a")
    assert _names(tmp_path) == [".a.new-busy", "a"]


def test_replaced_while_open(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    artifact = read_artifact(tmp_path / "a")
    assert artifact.unchanged()
    _write(tmp_path / "a", 2)
    assert not artifact.unchanged()
    with pytest.raises(ArtifactError, match="replaced while it was read; read it again"):
        artifact.json("extra")


def test_unreadable_content_without_verifying(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    for name in ("weights.safetensors", "rows.parquet", "extra.json"):
        path = tmp_path / "a" / name
        path.write_bytes(b"\xff" * path.stat().st_size)
    artifact = read_artifact(tmp_path / "a", verify=False)
    for read in (lambda: artifact.tensors("weights"), lambda: artifact.table("rows"), lambda: artifact.json("extra")):
        with pytest.raises(ArtifactError, match="cannot be read"):
            read()


def test_readers_while_it_is_replaced(tmp_path: Path) -> None:
    """Every reader sees one whole artifact, old or new, while two writers replace it."""
    failures: list[BaseException] = []
    counts: list[int] = []
    done = threading.Event()

    def rewrite(times: int) -> None:
        for value in range(times):
            with write_artifact(tmp_path / "a", kind="demo") as out:
                out.json("a", value)
                out.json("b", [value] * (1 + value % 7))

    def read() -> None:
        count = 0
        while not done.is_set():
            artifact = read_artifact(tmp_path / "a", kind="demo")
            try:
                value, again = artifact.json("a"), artifact.json("b")
            except ArtifactError as error:
                assert "replaced while" in error.rule
                continue
            assert set(again) == {value} and len(again) == 1 + value % 7
            count += 1
        counts.append(count)

    def run(work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except (AssertionError, PenchantError, OSError) as error:
                failures.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    rewrite(1)
    readers = [run(read) for _ in range(2)]
    writers = [run(lambda: rewrite(60)) for _ in range(2)]
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert failures == [] and min(counts) > 0
    assert _names(tmp_path) == ["a"]


def _full_disk(tmp_path: Path) -> Path | None:
    """A mounted file system of 256 KiB, where the system lets us make one."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        return None
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], capture_output=True, check=False)
    return place if done.returncode == 0 else None


@pytest.mark.parametrize("what", ["tensors", "table", "json", "file"])
def test_full_disk(tmp_path: Path, what: str) -> None:
    place = _full_disk(tmp_path)
    if place is None:
        pytest.skip("needs the right to mount a small file system")
    noise = np.random.default_rng(0).standard_normal(100_000)
    try:
        _write(place / "a")
        with pytest.raises(StorageError) as caught, write_artifact(place / "a", kind="demo") as out:
            if what == "tensors":
                out.tensors("t", {"x": noise})
            elif what == "table":
                out.table("t", pl.DataFrame({"x": noise}))
            elif what == "json":
                out.json("t", noise.tolist())
            else:
                (out.path / "t.txt").write_bytes(noise.tobytes())
        assert caught.value.remedy == "free some space, or choose a folder on another disk"
        assert str(place / "a") in caught.value.value and "No space left" in caught.value.rule
        assert _names(place) == ["a"] and read_artifact(place / "a").json("extra") == {"v": 1}
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_place_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match=r"Permission denied.*choose a folder you may write to"):
        _write(tmp_path / "a")


def test_errors_of_the_caller_pass_untouched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_artifact(tmp_path / "a", kind="demo"):
        (tmp_path / "missing.csv").read_text()
    assert _names(tmp_path) == []


def test_manifest_is_readable_by_people(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    fields = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert fields["kind"] == "demo" and fields["files"]["notes/readme.md"]["bytes"] == 5
    assert len(fields["files"]["extra.json"]["sha256"]) == 64
