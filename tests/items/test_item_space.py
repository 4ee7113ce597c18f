from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import ArtifactError, InputError
from penchant.data.catalog import Catalog
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.tfidf import TfidfSvd


def table(first: int = 0, count: int = 40) -> pl.DataFrame:
    kinds = [("Horror", "night"), ("Romance", "love"), ("Western", "ranch"), ("Space", "star")]
    rows = [
        {
            "item_id": f"i{n}",
            "title": f"{kinds[n % 4][1]} {'' if n % 5 else 'story'}",
            "categories": [kinds[n % 4][0]],
            "colour": "red" if n % 2 else "blue",
        }
        for n in range(first, first + count)
    ]
    return pl.DataFrame(rows)


COUNTS = np.concatenate([[7], np.arange(40, 0, -1)])


@pytest.fixture(scope="module")
def encoder() -> TfidfSvd:
    return TfidfSvd(8).fit(Catalog(table()).texts())


@pytest.fixture(scope="module")
def space(encoder: TfidfSvd) -> ItemSpace:
    return ItemSpace.build(Catalog(table()), encoder, ResidualKMeans(2, 4), COUNTS)


def test_shapes_padding_and_distinct_codes(space: ItemSpace, encoder: TfidfSvd) -> None:
    assert len(space) == 40 and space.levels == 3
    assert space.vectors["text"].shape == (41, 8) and not space.vectors["text"][0].any()
    assert np.array_equal(space.vectors["text"][1:], encoder.encode(space.catalog.texts()))
    assert space.codes.dtype == np.int32 and space.codes[0].tolist() == [-1, -1, -1]
    assert len(np.unique(space.codes[1:], axis=0)) == 40 and space.codes[1:].min() == 0
    assert np.array_equal(space.codes[1:, :2], space.quantiser.encode(space.vectors["text"][1:]))
    assert space.codebook_sizes == (4, 4, space.codes[:, 2].max() + 1)
    assert space.events[0] == 0 and space.events[1] == 40
    assert space.tiers[0] == 0 and space.tiers[1] == 3 and space.tiers[40] == 1 and space.tiers.dtype == np.int8
    assert space.trie.num_items == 40 and space.trie is space.trie


def test_the_quantiser_sees_only_items_with_events(encoder: TfidfSvd) -> None:
    catalog = Catalog(table())
    counts = np.zeros(41, np.int64)
    counts[1:9] = 1
    space = ItemSpace.build(catalog, encoder, ResidualKMeans(2, 4), counts)
    expected = ResidualKMeans(2, 4).fit(encoder.encode(catalog.texts()[:8]))
    assert np.array_equal(space.codes[1:, :2], expected.encode(space.vectors["text"][1:]))
    everything = ItemSpace.build(catalog, encoder, ResidualKMeans(2, 4))
    fitted = ResidualKMeans(2, 4).fit(space.vectors["text"][1:])
    assert np.array_equal(everything.codes[1:, :2], fitted.encode(space.vectors["text"][1:]))
    assert not everything.tiers.any()


def test_new_items_get_codes_and_move_nothing(space: ItemSpace, encoder: TfidfSvd) -> None:
    new = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["night", None, "star story"],
            "categories": [["Horror"], None, ["Space"]],
            "pages": [1, 2, 3],
        }
    )
    larger = space.add(new, encoder)
    assert len(larger) == 43 and len(space) == 40
    assert larger.catalog.items.ids.to_list() == [*space.catalog.items.ids, "a", "b", "c"]
    assert np.array_equal(larger.codes[:41], space.codes)
    assert np.array_equal(larger.vectors["text"][:41], space.vectors["text"])
    assert np.allclose(larger.vectors["text"][41:], encoder.encode(["night. Horror", "", "star story. Space"]), atol=1e-6)
    assert np.array_equal(larger.codes[41:, :2], space.quantiser.encode(larger.vectors["text"][41:]))
    assert larger.codes[41, :2].tolist() == space.codes[5, :2].tolist()  # the same words as item i4
    assert larger.codes[41, 2] == space.codes[(space.codes[:, :2] == space.codes[5, :2]).all(axis=1), 2].max() + 1
    assert len(np.unique(larger.codes[1:], axis=0)) == 43
    assert larger.events[41:].tolist() == [0, 0, 0] and larger.tiers[41:].tolist() == [0, 0, 0]
    assert np.array_equal(larger.tiers[:41], space.tiers)
    assert larger.catalog.table["pages"].to_list()[40:] == [1, 2, 3] and larger.catalog.table["colour"][40] is None
    assert larger.trie.num_items == 43


def test_adding_in_two_steps_is_adding_at_once(space: ItemSpace, encoder: TfidfSvd) -> None:
    at_once = space.add(table(40, 20), encoder)
    in_steps = space.add(Catalog(table(40, 5)), encoder).add(table(45, 15), encoder)
    assert np.array_equal(at_once.codes, in_steps.codes)
    assert len(space.add(table().clear(), encoder)) == 40


@pytest.mark.parametrize(
    ("items", "rule"),
    [
        (pl.DataFrame({"item_id": ["x", "x"]}), "occurs twice"),
        (pl.DataFrame({"item_id": ["x", "i3"]}), "has it already"),
        (pl.DataFrame({"item_id": ["x", None]}), "needs an id"),
        (pl.DataFrame({"item_id": ["x", ""]}), "needs an id"),
        (pl.DataFrame({"title": ["x"]}), "item_id"),
        (pl.DataFrame({"item_id": ["x"], "year": ["soon"]}), "do not fit"),
        (pl.DataFrame({"item_id": ["x"], "colour": [["red"]]}), "do not fit"),
    ],
)
def test_bad_new_items_are_refused(space: ItemSpace, encoder: TfidfSvd, items: pl.DataFrame, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        space.add(items, encoder)


def test_another_encoder_is_refused(space: ItemSpace) -> None:
    with pytest.raises(InputError, match="was made with tfidf-svd"):
        space.add(table(40, 1), TfidfSvd(8).fit(["something else"]))


def test_save_and_load(space: ItemSpace, encoder: TfidfSvd, tmp_path: Path) -> None:
    space.save(tmp_path / "items")
    again = ItemSpace.load(tmp_path / "items")
    assert again.catalog.table.equals(space.catalog.table)
    assert np.array_equal(again.codes, space.codes) and again.codes.dtype == np.int32
    assert np.array_equal(again.events, space.events) and np.array_equal(again.tiers, space.tiers)
    assert again.vectors.keys() == {"text"} and np.array_equal(again.vectors["text"], space.vectors["text"])
    assert np.array_equal(again.add(table(40, 9), encoder).codes, space.add(table(40, 9), encoder).codes)


def test_a_changed_or_missing_file_is_refused(space: ItemSpace, tmp_path: Path) -> None:
    space.save(tmp_path / "items")
    for name in ("vectors.safetensors", "catalog.parquet", "quantiser/learnt.safetensors", "manifest.json"):
        file = tmp_path / "items" / name
        whole = file.read_bytes()
        changed = bytearray(whole)
        changed[len(changed) // 2] ^= 1
        file.write_bytes(changed)
        with pytest.raises(ArtifactError):
            ItemSpace.load(tmp_path / "items")
        file.write_bytes(whole)
    ItemSpace.load(tmp_path / "items")
    (tmp_path / "items" / "codes.safetensors").unlink()
    with pytest.raises(ArtifactError):
        ItemSpace.load(tmp_path / "items")


def test_one_item_items_without_text_and_bad_counts(tmp_path: Path) -> None:
    one = Catalog(pl.DataFrame({"item_id": ["only"], "title": ["Only"]}))
    encoder = TfidfSvd().fit(one.texts())
    assert ItemSpace.build(one, encoder, ResidualKMeans(), np.array([0, 3])).codes.tolist() == [[-1] * 4, [0, 0, 0, 0]]
    bare = Catalog(pl.DataFrame({"item_id": ["a", "b", "c"]}))
    space = ItemSpace.build(bare, TfidfSvd().fit(bare.texts()), ResidualKMeans())
    assert space.codes[1:].tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2]]
    space.save(tmp_path / "bare")
    assert ItemSpace.load(tmp_path / "bare").codes.tolist() == space.codes.tolist()
    with pytest.raises(InputError, match="counts"):
        ItemSpace.build(bare, encoder, ResidualKMeans(), np.array([1, 2, 3]))
    with pytest.raises(InputError, match="0 items"):
        ItemSpace.build(Catalog(pl.DataFrame({"item_id": pl.Series([], dtype=pl.String)})), encoder, ResidualKMeans())
