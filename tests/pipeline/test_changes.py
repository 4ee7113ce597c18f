"""A release that gets new items, and loses some, while it serves."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from penchant.core.errors import InputError, UnknownIdError
from penchant.core.progress import quiet
from penchant.pipeline.changes import with_items, with_items_again, without_items
from penchant.pipeline.release import Release, load_release
from penchant.search.hybrid import HybridSearch
from tests.serve.conftest import make_release

GENERATING = ("tandem", "tandem-dense", "tandem-codes", "content")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    with quiet():
        return load_release(make_release(tmp_path_factory.mktemp("changes") / "release"))


def twin(release: Release, *, of: int, name: str = "new") -> pl.DataFrame:
    """One row like item ``of``, under another id."""
    table = release.space.catalog.table
    return table[of - 1 : of].with_columns(pl.lit(name).alias("item_id"))


def listed(release: Release, events: list[str], model: str | None = None) -> list[str]:
    found = release.recommender().recommend(events, k=len(release.space.catalog), model=model, explain=False)
    return [one.item_id for one in found.suggestions]


def test_a_new_item_is_generated_recommended_and_found_at_once(release: Release) -> None:
    larger = with_items(release, twin(release, of=3))
    for name in GENERATING:
        assert "new" in listed(larger, ["i3", "i7"], name)
    assert "i3" in listed(larger, ["new"], "popularity") and "new" not in listed(larger, ["i7"], "popularity")
    title = larger.space.catalog.titles()[2]
    found = HybridSearch(larger.space, larger.encoder).search(title, 5)
    assert len(release.space) + 1 in found.items.tolist()


def test_known_items_keep_their_codes_and_their_order(release: Release) -> None:
    larger = with_items(release, twin(release, of=3))
    assert (larger.space.codes[: len(release.space) + 1] == release.space.codes).all()
    for name in ("tandem-dense", "sasrec", "ease", "popularity", "item-knn"):
        before = listed(release, ["i3", "i7"], name)
        assert [item for item in listed(larger, ["i3", "i7"], name) if item != "new"] == before
    assert "new" not in listed(larger, ["i3"], "ease")


def test_somebody_who_knows_only_a_new_item_gets_what_is_like_it(release: Release) -> None:
    larger = with_items(with_items(release, twin(release, of=3)), twin(release, of=4, name="newer"))
    assert listed(larger, ["newer"], "content")[0] == "i4"
    assert len(listed(larger, ["new", "newer"])) > 0


@pytest.mark.parametrize("model", [None, *GENERATING, "sasrec", "popularity"])
def test_a_blocked_item_is_gone_at_once_and_can_come_back(release: Release, model: str | None) -> None:
    blocked = without_items(release, ["i3", "i9"])
    assert not {"i3", "i9"} & set(listed(blocked, ["i7"], model))
    assert "i9" in listed(with_items_again(blocked, ["i9"]), ["i7"], model)
    assert listed(with_items_again(blocked, ["i3", "i9"]), ["i7"], model) == listed(release, ["i7"], model)
    assert listed(blocked, ["i3"], model)  # who liked it is still known for that


def test_when_all_is_blocked_the_list_is_empty(release: Release) -> None:
    empty = without_items(release, release.space.catalog.table["item_id"].to_list())
    assert listed(empty, ["i7"]) == []
    assert listed(empty, ["i7"], "tandem-codes") == []


def test_what_cannot_be_is_refused(release: Release) -> None:
    with pytest.raises(InputError, match="the catalogue has it already"):
        with_items(release, twin(release, of=3, name="i5"))
    with pytest.raises(UnknownIdError, match="item_id='nope'"):
        without_items(release, ["nope"])


def test_a_model_of_other_codes_is_refused(release: Release, tmp_path: Path) -> None:
    codes = release.tandem.tokens.codes.numpy().copy()
    codes[[1, 2]] = codes[[2, 1]]
    with pytest.raises(Exception, match="take both from one release"):
        release.space.check_codes(codes, "tandem")
