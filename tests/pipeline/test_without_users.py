"""A release without some of its users: a whole artifact, in which nobody else has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.pipeline.release import KIND
from penchant.pipeline.without_users import without_users

USERS = ["ann", "ben", "cat", "dan"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tables of a release, and one nested artifact."""
    place = tmp_path / "release"
    events = pl.DataFrame({"user": [1, 1, 2, 3, 3, 3], "item": [5, 6, 5, 7, 8, 9], "time": [1, 2, 3, 4, 5, 6]}).cast(pl.Int32)
    with write_artifact(place, kind=KIND, settings={"dataset": "shop"}) as out:
        with write_artifact(out.path / "models" / "popularity", kind="popularity") as model:
            model.tensors("counts", {"counts": np.arange(4)})
        with write_artifact(out.path / "portraits", kind="portraits") as portraits:
            portraits.tensors("adoption", {"common": np.arange(4)})
        with write_artifact(out.path / "matches", kind="bad-matches") as matches:
            matches.tensors("items", {"likes": np.arange(4)})
        out.table("histories", events)
        out.table("users", pl.DataFrame({"user_id": USERS}))
        out.json("report/report", {"title": "how good"})
    return place


def told(folder: Path) -> dict[str, list[int]]:
    """Items by user."""
    saved = read_artifact(folder, kind=KIND)
    users = saved.table("users")["user_id"].to_list()
    events = saved.table("histories")
    return {user: events.filter(pl.col("user") == code)["item"].to_list() for code, user in enumerate(users, start=1)}


@pytest.mark.parametrize(
    ("gone", "rows"), [(["ann"], 2), (["cat", "ann"], 5), (["dan"], 0), (USERS, 6), (["nobody"], 0), (["an", "ann "], 0), ([], 0)]
)
def test_the_rows_of_these_users_leave_and_no_others(folder: Path, gone: list[str], rows: int) -> None:
    before, old = told(folder), read_artifact(folder).manifest
    assert without_users(folder, gone) == rows
    assert told(folder) == {user: items for user, items in before.items() if user not in gone}
    new = read_artifact(folder).manifest
    assert (new.settings, new.kind) == (old.settings, old.kind)
    if set(gone) & set(USERS):
        assert [parent.id for parent in new.parents] == [old.id]
        assert all(new.files[name] == entry for name, entry in old.files.items() if "/" in name)
    else:
        assert new == old, "nothing to do, nothing written"
    for path in folder.parent.rglob("*.parquet"):
        assert not [user for user in gone if user in USERS and user.encode() in path.read_bytes()]


def test_tables_keep_their_types(folder: Path) -> None:
    before = read_artifact(folder).table("histories").schema
    without_users(folder, ["ann"])
    assert read_artifact(folder).table("histories").schema == before


def test_parts_that_nobody_knows_are_not_passed_on(folder: Path) -> None:
    copy = folder.with_name("copy")
    with write_artifact(copy, kind=KIND) as out:
        for name in ("histories.parquet", "users.parquet"):
            shutil.copy(folder / name, out.path / name)
        out.json("vectors-of-users", {"ann": [1.0]})
    with pytest.raises(InputError, match="vectors-of-users"):
        without_users(copy, ["ann"])
    (folder / "users.parquet").write_bytes(b"spoilt")
    with pytest.raises(ArtifactError):
        without_users(folder, ["ann"])
