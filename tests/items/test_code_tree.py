from __future__ import annotations

import json
import time
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items import code_tree
from penchant.items.code_tree import CodeTree, describe_prefix
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans

CODES = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (2, 0, 0), (2, 0, 1), (2, 3, 0)]
ITEMS = pl.DataFrame(
    {
        "item_id": [f"i{n}" for n in range(6)],
        "title": ["The Star War", "Star Trek 2", "Star Sci-Fi", "Love Story", "A Love of Love", None],
        "categories": [["Space", "War"], ["Space"], ["Space"], ["Romance"], ["Romance"], None],
    }
)


def make(items: pl.DataFrame, codes: Sequence[Sequence[int]], events: Sequence[int]) -> ItemSpace:
    table = np.array([[-1] * len(codes[0]), *codes], np.int32)
    vectors = {"text": np.zeros((len(table), 2), np.float32)}
    return ItemSpace(
        Catalog(items), vectors, table, np.array([0, *events]), ResidualKMeans(), encoder_name="none", encoder_fingerprint="none"
    )


@pytest.fixture(scope="module")
def space() -> ItemSpace:
    return make(ITEMS, CODES, [1, 9, 5, 2, 2, 7])


def test_the_root(space: ItemSpace) -> None:
    root = describe_prefix(space)
    assert (root["prefix"], root["levels"], root["items"], root["words"]) == ([], 3, 6, [])
    assert root["categories"] == [
        {"name": "Space", "share": 0.5},
        {"name": "Romance", "share": pytest.approx(1 / 3)},
        {"name": "War", "share": pytest.approx(1 / 6)},
    ]
    first, second = root["children"]
    assert (first["code"], first["items"], second["code"], second["items"]) == (0, 3, 2, 3)
    assert set(first["words"]) == {"space", "star"}  # "war", "trek", "sci-fi": of one item only; "the": of every kind of item
    assert first["categories"] == [{"name": "Space", "share": 1.0}, {"name": "War", "share": pytest.approx(1 / 3)}]
    assert first["examples"] == ["Star Trek 2", "Star Sci-Fi", "The Star War"]  # by events
    assert set(second["words"]) == {"love", "romance"}
    assert second["examples"] == ["i5", "Love Story", "A Love of Love"]  # an item without title shows its id
    json.dumps(root)


def test_an_inner_node_and_a_leaf(space: ItemSpace) -> None:
    inner = describe_prefix(space, (2,))
    assert (inner["prefix"], inner["items"]) == ([2], 3)
    assert [(child["code"], child["items"]) for child in inner["children"]] == [(0, 2), (3, 1)]
    assert inner["children"][1] == {"code": 3, "items": 1, "words": [], "categories": [], "examples": ["i5"]}
    leaf = describe_prefix(space, (0, 1, 0))
    assert (leaf["items"], leaf["children"], leaf["categories"]) == (1, [], [{"name": "Space", "share": 1.0}])
    assert leaf["words"][0] == "sci-fi"  # no other item has it


@pytest.mark.parametrize("prefix", [(1,), (0, 2), (0, 0, 0, 0), (-1,), (7, 7)])
def test_an_unknown_prefix_is_refused(space: ItemSpace, prefix: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="prefix"):
        describe_prefix(space, prefix)


def test_the_tables_are_made_once_a_space(space: ItemSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    describe_prefix(space)
    monkeypatch.setattr(code_tree, "CodeTree", None)
    assert describe_prefix(space)["items"] == 6


def test_at_most_five_words_and_three_categories_and_examples() -> None:
    words = [" ".join(f"{chr(97 + a)}{chr(97 + b)}" for b in range(9)) for a in range(2)]
    items = pl.DataFrame({"item_id": list("abcdefgh"), "title": words * 4, "categories": [["p", "q", "r", "s"]] * 8})
    node = describe_prefix(make(items, [(n % 2, n) for n in range(8)], [0] * 8), (0,))
    assert len(node["words"]) == 5 and [share["name"] for share in node["categories"]] == ["p", "q", "r"]
    assert all(len(child["examples"]) == 1 for child in node["children"])


def test_a_catalogue_without_titles_and_categories() -> None:
    bare = make(pl.DataFrame({"item_id": ["a", "b"]}), [(0, 0), (0, 1)], [0, 0])
    root = CodeTree(bare).describe()
    assert root["children"] == [{"code": 0, "items": 2, "words": [], "categories": [], "examples": ["a", "b"]}]


def test_a_large_catalogue_is_described_quickly() -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(20) for b in range(20) for c in range(10)])
    titles = [" ".join(row) for row in vocabulary[rng.integers(0, len(vocabulary), (20_000, 5))]]
    codes = np.stack([rng.integers(0, 64, 20_000), rng.integers(0, 64, 20_000), np.arange(20_000)], axis=1)
    space = make(pl.DataFrame({"item_id": [str(n) for n in range(20_000)], "title": titles}), codes.tolist(), [1] * 20_000)
    tree = CodeTree(space)
    assert space.trie.num_items == 20_000
    start = time.perf_counter()
    root = tree.describe()
    assert time.perf_counter() - start < 2.0  # about 0.1 s on an idle machine
    assert sum(child["items"] for child in root["children"]) == 20_000
