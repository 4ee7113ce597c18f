from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from penchant.core.errors import InputError
from penchant.items.pieces import hashed, n_grams, sentence_pieces

CODES = arrays.arrays(np.int32, st.tuples(st.integers(2, 30), st.just(4)), elements=st.integers(0, 6))


@given(CODES, st.sampled_from([1, 2, 4]))
def test_runs_are_equal_where_their_codes_are(codes: np.ndarray, length: int) -> None:
    pieces, rows = n_grams(codes, length)
    assert pieces.shape == (len(codes), 4 // length)
    assert (pieces[0] == -1).all() and pieces[1:].min() >= 0 and pieces.max() < rows
    for run in range(4 // length):
        part = codes[1:, run * length : (run + 1) * length]
        same = (part[:, None] == part[None]).all(axis=-1)
        assert ((pieces[1:, run, None] == pieces[None, 1:, run]) == same).all()
    assert all(not set(pieces[1:, a]) & set(pieces[1:, b]) for a in range(4 // length) for b in range(a))


@given(CODES, st.integers(0, 40))
def test_learnt_pieces_spell_the_codes(codes: np.ndarray, further: int) -> None:
    letters = int((codes.max(axis=0) + 1).sum())
    counts = np.arange(len(codes))
    pieces, rows = sentence_pieces(codes, counts, letters + further)
    assert rows <= letters + further
    assert (pieces[0] == -1).all() and pieces.max() < rows
    same_codes = (codes[1:, None] == codes[None, 1:]).all(axis=-1)
    same_pieces = (pieces[1:, None] == pieces[None, 1:]).all(axis=-1)
    assert (same_codes == same_pieces).all()


def test_learnt_pieces_are_long_where_traffic_is() -> None:
    codes = np.array([[0, 0, 0, 0], *[[0, 1, 2, 3]] * 3, [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]])
    counts = np.array([0, 90, 90, 90, 1, 1, 1])
    pieces, _ = sentence_pieces(codes, counts, 20)
    used = (pieces >= 0).sum(axis=1)
    assert used[1:4].max() == 1
    assert used[4:].min() >= 2


def test_learnt_pieces_are_the_same_each_time() -> None:
    codes = np.random.default_rng(0).integers(0, 8, (200, 4))
    first, second = (sentence_pieces(codes, np.arange(200), 100)[0] for _ in range(2))
    assert (first == second).all()


def test_hashing_uses_all_rows_and_knows_no_item() -> None:
    pieces, rows = hashed(1_000, 16, seed=3)
    assert rows == 16 and pieces.shape == (1_001, 1) and pieces[0] == -1
    assert set(pieces[1:, 0]) == set(range(16))
    assert (pieces == hashed(1_000, 16, seed=3)[0]).all()
    assert (pieces != hashed(1_000, 16, seed=4)[0]).any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda codes: n_grams(codes, 3), "length=3.*divides the 4 levels"),
        (lambda codes: n_grams(codes, 0), "length=0.*divides the 4 levels"),
        (lambda codes: n_grams(codes + 3_000, 4), "fits into memory"),
        (lambda codes: sentence_pieces(codes, np.ones(len(codes), int), 5), "rows=5.*each of 8 codes"),
        (lambda codes: hashed(5, 0), "rows=0.*at least one row"),
    ],
)
def test_bad_input_is_refused(make: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make(np.array([[0, 0, 0, 0], [1, 1, 1, 1]]))  # type: ignore[operator]
