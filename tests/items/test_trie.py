"""The trie holds exactly the codes it was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.items.trie import CodeTrie


def walk(trie: CodeTrie) -> dict[tuple[int, ...], int]:
    """Every item's codes, by walking down from the root."""
    found = {}

    def down(node: int, prefix: tuple[int, ...]) -> None:
        if node >= trie.first_leaf:
            found[prefix] = int(trie.leaf_items[node - trie.first_leaf])
            return
        for edge in range(int(trie.offsets[node]), int(trie.offsets[node + 1])):
            down(edge + 1, (*prefix, int(trie.codes[edge])))

    down(0, ())
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3).flatmap(lambda levels: st.sets(st.tuples(*[st.integers(0, 5)] * levels), min_size=1, max_size=50)), st.randoms())
def test_a_walk_finds_every_item_once(rows: set[tuple[int, ...]], random: object) -> None:
    ordered = list(rows)
    random.shuffle(ordered)  # type: ignore[attr-defined]
    trie = CodeTrie(np.array(ordered, np.int32))
    assert walk(trie) == {codes: place + 1 for place, codes in enumerate(ordered)}
    for place, codes in enumerate(ordered):
        assert [trie.find(codes[: depth + 1]) for depth in range(len(codes))] == trie.path(np.array(place + 1)).tolist()
    below = np.zeros(trie.num_nodes, int)
    np.add.at(below, trie.path(np.arange(1, len(ordered) + 1)).ravel(), 1)
    below[0] = len(ordered)
    assert np.array_equal(trie.items_below(np.arange(trie.num_nodes)), below)
    first, end = trie.leaves_below(np.arange(trie.num_nodes))
    for node, (start, stop) in enumerate(zip(first.tolist(), end.tolist(), strict=True)):
        assert all(node in (0, *trie.path(trie.leaf_items[leaf])) for leaf in range(start, stop))


def test_twins_negative_codes_and_nothing_are_refused() -> None:
    with pytest.raises(InputError, match=r"items 1 and 3 share the codes \[0, 1\]: .*; append a level"):
        CodeTrie(np.array([[0, 1], [0, 2], [0, 1]]))
    with pytest.raises(InputError, match="code -1: codes are not negative"):
        CodeTrie(np.array([[0, -1]]))
    with pytest.raises(InputError, match="a trie needs items and levels"):
        CodeTrie(np.zeros((0, 3), np.int32))


def test_an_unknown_prefix_says_how_far_it_is_known() -> None:
    trie = CodeTrie(np.array([[0, 1], [2, 2]]))
    assert trie.find(()) == 0
    with pytest.raises(InputError, match=r"prefix=\[0, 7\]: .*the first 1 are known"):
        trie.find((0, 7))
    with pytest.raises(InputError, match="no item has these codes"):
        trie.find((0, 1, 0))


def test_memory_stays_under_forty_bytes_an_item() -> None:
    for items in (10_000, 100_000):
        trie = CodeTrie(np.unique(np.random.default_rng(0).integers(0, 256, (items, 3)), axis=0))
        assert trie.nbytes / trie.num_items < 40
