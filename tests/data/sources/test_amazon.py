"""Amazon: small files in the true format of each edition."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from penchant.core.errors import DataError, InputError
from penchant.data.sources import amazon, from_amazon
from penchant.data.validation import ValidationSettings

STARS = [
    ("A2SUAM1J3GNN3B", "B000X", 5.0, 1252800000),
    ("A2SUAM1J3GNN3B", "B000Y", 3.0, 1252713600),
    ("A1RSDE90N6RSZF", "B000X", 4.0, 1252800000),
]


def reviews_2014(**more: Any) -> list[str]:
    return [
        json.dumps(
            {
                "reviewerID": u,
                "asin": i,
                "helpful": [2, 3],
                "reviewText": "It\u00e9",
                "overall": s,
                "unixReviewTime": t,
                "reviewTime": "09 13, 2009",
                **more,
            }
        )
        for u, i, s, t in STARS
    ]


def reviews_2023() -> list[str]:
    return [
        json.dumps(
            {
                "rating": s,
                "title": "Ok",
                "text": "x",
                "images": [],
                "asin": f"{i}child",
                "parent_asin": i,
                "user_id": u,
                "timestamp": t * 1000 + 923,
                "helpful_vote": 0,
                "verified_purchase": True,
            }
        )
        for u, i, s, t in STARS
    ]


META_2014 = [
    "{'asin': 'B000X', 'description': \"It's 5&quot; wide\", 'title': 'Girls Ballet Tutu &amp; Pink', 'price': 3.17, "
    "'imUrl': 'http://x.jpg', 'related': {'also_bought': ['B000Y', 'B000Z']}, 'salesRank': {'Toys & Games': 211836}, "
    "'brand': 'Coxlures', 'categories': [['Sports', 'Dance'], ['Sports', 'Kids']]}",
    "{'asin': 'B000Z', 'title': 'Never reviewed'}",
]
TUTU_2018 = {
    "asin": "B000X",
    "title": "Girls Ballet Tutu &amp; Pink",
    "feature": ["a"],
    "description": ["It's 5&quot;", "<b>wide</b>"],
    "price": "$3.17",
    "rank": ["1 in Toys"],
    "also_buy": ["B000Y"],
    "brand": "Coxlures",
    "category": ["Sports", "Dance", "Kids"],
}
SCRIPT_2018 = {"asin": "B000Z", "title": "var aPageStart = (new Date()).getTime();", "price": ".a-box-inner{}", "brand": "", "category": []}
TUTU_2023 = {
    "main_category": "Sports",
    "title": "Girls Ballet Tutu & Pink",
    "average_rating": 4.8,
    "rating_number": 10,
    "features": ["x"],
    "description": ["It's 5\"", "wide"],
    "price": 3.17,
    "images": [],
    "videos": [],
    "store": "Coxlures",
    "categories": ["Sports", "Dance", "Kids"],
    "details": {"asin": "another"},
    "parent_asin": "B000X",
    "bought_together": None,
}
BARE_2023 = {"main_category": None, "title": "Never reviewed", "price": None, "store": None, "categories": [], "parent_asin": "B000Z"}
META_2018, META_2023 = [json.dumps(TUTU_2018), json.dumps(SCRIPT_2018)], [json.dumps(TUTU_2023), json.dumps(BARE_2023)]


def write(path: Path, lines: list[str]) -> Path:
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


EDITIONS = {
    "2014": (reviews_2014(), META_2014),
    "2018": (reviews_2014(verified=True, image=["u"], vote="2", style={"Size:": "L"}), META_2018),
    "2023": (reviews_2023(), META_2023),
}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("ending", [".json.gz", ".jsonl"])
def test_every_edition_says_the_same(tmp_path: Path, edition: str, ending: str) -> None:
    reviews, metadata = EDITIONS[edition]
    loaded = from_amazon(write(tmp_path / f"Toys{ending}", reviews), write(tmp_path / f"meta_Toys{ending}", metadata))
    dataset = loaded.dataset
    assert dataset.name == "Toys" and dataset.timed and len(loaded.validated.refused) == 0
    assert dataset.catalog.items.ids.to_list() == ["B000X", "B000Y"]  # one described, one only reviewed
    h = dataset.histories
    assert [h.row(r).tolist() for r in (0, 1)] == [[1], [2, 1]] and h.times.tolist() == [1252800000, 1252713600, 1252800000]
    assert dataset.events["value"].to_list() == [4.0, 3.0, 5.0] and dataset.events["event"].unique().to_list() == ["review"]
    item = dataset.catalog.item(1)
    assert item["title"] == "Girls Ballet Tutu & Pink" and item["description"] == "It's 5\" wide" and item["brand"] == "Coxlures"
    assert item["categories"] == ["Sports", "Dance", "Kids"] and item["price"] == pytest.approx(3.17)
    assert dataset.catalog.titles()[1] == "B000Y"
    assert not set(dataset.catalog.table.columns) & {"average_rating", "rating_number", "salesRank", "related", "also_buy"}


@pytest.mark.parametrize("edition", EDITIONS)
def test_all_items(tmp_path: Path, edition: str) -> None:
    reviews, metadata = EDITIONS[edition]
    catalog = from_amazon(write(tmp_path / "r.json", reviews), write(tmp_path / "m.json", metadata), all_items=True).dataset.catalog
    assert catalog.items.ids.to_list() == ["B000X", "B000Y", "B000Z"]
    assert catalog.item(3)["title"] == (None if edition == "2018" else "Never reviewed") and catalog.item(3)["price"] is None


def test_chunks_and_the_slow_way_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "r.json", reviews_2023())
    whole = from_amazon(path).dataset.fingerprint
    monkeypatch.setattr(amazon, "_CHUNK", 50)
    assert from_amazon(path).dataset.fingerprint == whole


def test_broken_lines_are_refused_and_code_is_not_run(tmp_path: Path) -> None:
    reviews = [*reviews_2014(), "{broken", '{"reviewerID": "U", "asin": "B000X", "overall": "five", "unixReviewTime": 1}', "[1]"]
    evil = f"{{'asin': 'B000X', 'title': __import__('pathlib').Path({str(tmp_path / 'gone')!r}).touch()}}"
    path = write(tmp_path / "r.json", reviews)
    loaded = from_amazon(path, write(tmp_path / "m.json", [*META_2014, evil]), settings=ValidationSettings(max_refused=0.5))
    assert loaded.validated.refused["reason"].to_list() == ["the line cannot be read"] * 4
    assert loaded.validated.refused["value"].to_list() == [*reviews[3:], evil[:200]]
    assert loaded.dataset.catalog.item(1)["brand"] == "Coxlures" and not (tmp_path / "gone").exists()


def test_core_is_taken_after_validation(tmp_path: Path) -> None:
    rows = [(f"u{u}", f"i{i}", 5.0, 1000 + i) for u in range(3) for i in range(3)] + [
        ("u9", "i0", 5.0, 1),
        ("u9", "i0", 5.0, 1),
        ("u9", "i1", 5.0, -5),
    ]
    lines = [json.dumps({"reviewerID": u, "asin": i, "overall": s, "unixReviewTime": t}) for u, i, s, t in rows]
    dataset = from_amazon(write(tmp_path / "r.json", lines), core=3, settings=ValidationSettings(max_refused=1)).dataset
    assert dataset.users.ids.to_list() == ["u0", "u1", "u2"] and dataset.histories.lengths.tolist() == [3, 3, 3]
    with pytest.raises(InputError, match="no 4-core"):
        from_amazon(tmp_path / "r.json", core=4, settings=ValidationSettings(max_refused=1))


def test_files_that_are_not_reviews(tmp_path: Path) -> None:
    for lines in (META_2014, ["{}"]):
        with pytest.raises(DataError, match="neither reviewerID and asin"):
            from_amazon(write(tmp_path / "r.json", lines))
    (tmp_path / "empty.json").write_text("")
    with pytest.raises(DataError, match="it is empty"):
        from_amazon(tmp_path / "empty.json")
    with pytest.raises(DataError, match=r"missing\.json"):
        from_amazon(tmp_path / "missing.json")
