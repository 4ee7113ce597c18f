"""load(): a path, then a name below PENCHANT_DATA, then a download."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from penchant.core.errors import DataError, InputError
from penchant.data.schema import ACTIONS
from penchant.data.sources import known, known_names, load


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    tables(folder / "shop", 2)
    tables(folder / "ml-100k", 3)
    (folder / "not-a-set").mkdir()
    monkeypatch.setenv("PENCHANT_DATA", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def tables(folder: Path, events: int) -> Path:
    folder.mkdir(parents=True)
    pl.DataFrame({"user_id": ["u"] * events, "item_id": [str(n) for n in range(events)]}).write_csv(folder / "events.csv")
    return folder


def test_path_then_name(data: Path, tmp_path: Path) -> None:
    assert load("shop").dataset.summary()["events"] == 2
    assert load(data / "shop").dataset.name == "shop"
    tables(tmp_path / "shop", 4)  # now there is such a path too
    assert load("shop").dataset.summary()["events"] == 4


def test_names(data: Path) -> None:
    assert known_names() == ["complete-journey", "ml-100k", "ml-100k-liked", "shop"]
    with pytest.raises(InputError, match=r"data='shoop'.*one of: complete-journey, ml-100k, ml-100k-liked, shop"):
        load("shoop")
    for strange in ("not-a-set", "../data", ""):
        with pytest.raises((InputError, DataError)):
            load(strange)


def test_a_folder_comes_before_a_download(data: Path) -> None:
    assert load("ml-100k").dataset.summary()["events"] == 3


def test_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "u.data").write_text("1\t1\t5\t100\n")
    (tmp_path / "cache" / "u.item").write_text("1|Toy Story (1995)|||" + "|0" * 19 + "\n")
    monkeypatch.setenv("PENCHANT_DATA", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(known, "fetch", lambda name: asked.append(name) or tmp_path / "cache")
    dataset = load("ml-100k").dataset
    assert asked == ["ml-100k"] and dataset.name == "ml-100k" and dataset.catalog.titles() == ["Toy Story"]
    with pytest.raises(DataError, match="transactions"):
        load("complete-journey")
    assert asked == ["ml-100k", "complete-journey"]


def test_raw_movielens_folder_and_single_files(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,5,100\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,Toy Story (1995),Comedy\n")
    assert load(tmp_path).dataset.catalog.titles() == ["Toy Story"]
    with pytest.raises(DataError, match="use from_csv"):
        load(tmp_path / "ratings.csv")


def test_likes_and_dislikes_are_what_ratings_mean(data: Path) -> None:
    rated = pl.DataFrame({"user_id": ["a"] * 5, "item_id": list("vwxyz"), "value": [1.0, 2.0, 3.0, 4.0, 5.0], "event": ["rating"] * 5})
    rated.write_csv(data / "ml-100k" / "events.csv")
    dataset = load("ml-100k-liked").dataset
    assert dataset.name == "ml-100k-liked"
    assert [ACTIONS[code] for code in dataset.histories.actions] == ["dislike", "dislike", "rating", "like", "like"]
    assert load("ml-100k").dataset.events["event"].unique().to_list() == ["rating"]
