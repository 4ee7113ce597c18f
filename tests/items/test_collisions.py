from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penchant.core.errors import InputError
from penchant.items.collisions import spread_codes, unique_codes
from penchant.items.residual_kmeans import ResidualKMeans


def test_unique_codes_ranks_duplicates_in_row_order() -> None:
    codes = np.array([[1, 2], [1, 3], [1, 2], [0, 0], [1, 2]], np.int32)
    assert unique_codes(codes).tolist() == [[1, 2, 0], [1, 3, 0], [1, 2, 1], [0, 0, 0], [1, 2, 2]]
    assert unique_codes(codes).dtype == np.int32
    assert unique_codes(np.empty((0, 2), np.int32)).shape == (0, 3)


def test_new_rows_never_take_a_published_rank_even_after_a_gap() -> None:
    taken = np.array([[1, 2, 0], [1, 2, 5]], np.int32)  # ranks 1..4 belonged to items removed since
    assert unique_codes(np.array([[1, 2], [1, 3], [1, 2]], np.int32), taken=taken).tolist() == [[1, 2, 6], [1, 3, 0], [1, 2, 7]]


def test_the_popular_come_first_in_their_group() -> None:
    codes = np.array([[1], [2], [1], [1], [2]], np.int32)
    counts = np.array([3, 1, 9, 3, 5])
    order = np.argsort(-counts, kind="stable")
    assert unique_codes(codes, order=order)[:, 1].tolist() == [1, 1, 0, 2, 0]
    taken = np.array([[1, 4]], np.int32)
    assert unique_codes(codes, taken=taken, order=order)[:, 1].tolist() == [6, 1, 5, 7, 0]
    assert np.array_equal(unique_codes(codes, order=np.arange(5)), unique_codes(codes))
    for bad in (np.arange(4), np.zeros(5, int)):
        with pytest.raises(InputError, match="permutation"):
            unique_codes(codes, order=bad)


def test_unique_codes_refuses_other_shapes() -> None:
    with pytest.raises(InputError):
        unique_codes(np.zeros((2, 3), np.int32), taken=np.zeros((2, 3), np.int32))
    with pytest.raises(InputError):
        unique_codes(np.zeros(3, np.int32))


@settings(deadline=None, max_examples=80)
@given(hnp.arrays(np.int32, st.tuples(st.integers(0, 30), st.integers(1, 3)), elements=st.integers(0, 2)), st.integers(0, 30))
def test_appending_rows_is_the_same_as_having_had_them(codes: np.ndarray, cut: int) -> None:
    whole = unique_codes(codes)
    assert len(np.unique(whole, axis=0)) == len(codes)
    assert np.array_equal(whole[:, :-1], codes)
    first = unique_codes(codes[:cut])
    assert np.array_equal(np.concatenate([first, unique_codes(codes[cut:], taken=first)]), whole)


class Line:
    """Codes of numbers: the first is given, the second the nearest of 0..K-1."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        return np.stack([vectors[:, 0], self.last_distances(vectors).argmin(axis=1)], axis=1).astype(np.int32)

    def last_distances(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors[:, 1:] - np.arange(self.size)) ** 2.0


def test_the_closest_keeps_its_codes_and_the_others_take_the_nearest_free() -> None:
    vectors = np.array([[0, 2.3], [0, 2.1], [0, 1.9], [0, 3.2], [1, 2.4], [0, 2.2]])
    # Below 0, rows 1 and 2 are as close to 2: the first keeps it. 3 is held by a row that does not collide.
    assert spread_codes(Line(6), vectors).tolist() == [[0, 4], [0, 2], [0, 1], [0, 3], [1, 2], [0, 0]]


def test_without_room_an_item_keeps_the_codes_it_had() -> None:
    vectors = np.array([[0, 0.3], [0, 0.1], [0, 0.2], [1, 0.0]])
    codes = spread_codes(Line(2), vectors)
    assert codes.tolist() == [[0, 1], [0, 0], [0, 0], [1, 0]]  # row 0 is nearest to the one free code
    assert unique_codes(codes)[:, -1].tolist() == [0, 0, 1, 0]


def test_published_codes_stay_where_they_are() -> None:
    taken = np.array([[0, 1], [0, 2]], np.int32)
    assert spread_codes(Line(4), np.array([[0, 1.0], [0, 3.0]]), taken=taken).tolist() == [[0, 0], [0, 3]]
    with pytest.raises(InputError, match="levels"):
        spread_codes(Line(4), np.zeros((1, 2)), taken=np.zeros((1, 3), np.int32))


def test_nothing_moves_where_nothing_collides() -> None:
    vectors = np.array([[0, 1.0], [0, 2.0]])
    assert np.array_equal(spread_codes(Line(4), vectors), Line(4).encode(vectors))
    assert spread_codes(Line(4), np.empty((0, 2))).shape == (0, 2)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 3), st.integers(1, 16), st.integers(0, 2**16))
def test_codes_are_shared_only_where_there_is_no_room(rows: int, cut: int, prefixes: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.stack([rng.integers(0, prefixes, rows), rng.integers(0, 2 * size, rows) / 2], axis=1)
    first = spread_codes(Line(size), vectors[:cut])
    codes = np.concatenate([first, spread_codes(Line(size), vectors[cut:], taken=first)])
    whole = spread_codes(Line(size), vectors)
    for found in (codes, whole):
        assert np.array_equal(found[:, 0], vectors[:, 0])
        for prefix in range(prefixes):
            below = found[found[:, 0] == prefix, 1]
            assert len(np.unique(below)) == min(len(below), size)
    before = Line(size).encode(vectors)
    alone = np.array([(before == row).all(axis=1).sum() == 1 for row in before], bool)
    assert np.array_equal(whole[alone], before[alone])


def test_a_single_level_is_spread_too() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    quantiser = ResidualKMeans(levels=1, codebook=40).fit(vectors)
    again = np.concatenate([vectors[:20], vectors[:20] + 1e-3])
    assert len(np.unique(quantiser.encode(again))) < 25
    assert sorted(spread_codes(quantiser, again).ravel().tolist()) == list(range(40))
