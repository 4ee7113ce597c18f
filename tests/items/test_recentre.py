from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import unit_rows
from penchant.items.recentre import aligned, centred, matched, recentre, relabel
from penchant.items.refit import errors
from penchant.items.residual_kmeans import ResidualKMeans

VECTORS = np.random.default_rng(0).standard_normal((80, 6)).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 25), st.integers(0, 99))
def test_matching_keeps_the_most_rows(before: int, after: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = rng.integers(0, before, rows), rng.integers(0, after, rows)
    names = matched(old, new, (before, after))
    assert len(set(names.tolist())) == after and names.min() >= 0 and names.max() < max(before, after)
    best = max(int((old == np.array(one)[new]).sum()) for one in permutations(range(max(before, after)), after))
    assert int((old == names[new]).sum()) == best


def test_a_renumbered_book_gets_its_labels_back() -> None:
    fitted = ResidualKMeans(2, 8).fit(VECTORS)
    old = fitted.encode(VECTORS)
    other = ResidualKMeans(2, 8).fit(VECTORS)
    other.codebooks = [book[::-1].copy() for book in other.codebooks]
    new = other.encode(VECTORS)
    assert not np.array_equal(new, old)
    assert np.array_equal(aligned(old, new, fitted.codebook_sizes, other.codebook_sizes), old)
    relabel(other, old, new, fitted.codebook_sizes)
    assert np.array_equal(other.encode(VECTORS), old)


def test_a_smaller_book_keeps_the_labels_it_lacks_but_gives_them_to_nobody() -> None:
    old = ResidualKMeans(2, 8).fit(VECTORS).encode(VECTORS)
    small = ResidualKMeans(2, 3).fit(VECTORS)
    relabel(small, old, small.encode(VECTORS), (8, 8))
    assert small.codebook_sizes == (8, 8)
    assert [len(np.unique(column)) for column in small.encode(VECTORS).T] == [3, 3]


@pytest.mark.parametrize("quantiser", [ResidualKMeans(3, 4), ProductQuantiser(3, 4, rotated=False)])
def test_centres_go_to_the_means_of_their_holders(quantiser: ResidualKMeans | ProductQuantiser) -> None:
    quantiser.fit(VECTORS)
    codes = np.random.default_rng(1).integers(0, 4, (80, 3)).astype(np.int32)
    before = errors(quantiser, VECTORS, codes).mean()
    recentre(quantiser, unit_rows(VECTORS), codes, sweeps=30)
    after = errors(quantiser, VECTORS, codes).mean()
    assert after < before
    # Least squares over one-hot codes says how low the error can be at all.
    for part in range(3) if isinstance(quantiser, ProductQuantiser) else [slice(None)]:
        hot = np.concatenate([np.eye(4)[column] for column in codes.T], axis=1)
        target = unit_rows(VECTORS)
        if isinstance(quantiser, ProductQuantiser):
            hot, target = np.eye(4)[codes[:, part]], target[:, 2 * part : 2 * part + 2]
            found = quantiser.decode(codes)[:, 2 * part : 2 * part + 2]
        else:
            found = quantiser.decode(codes)
        best = hot @ np.linalg.lstsq(hot, target, rcond=None)[0]
        assert ((target - found) ** 2).sum() == pytest.approx(((target - best) ** 2).sum(), rel=1e-3)


def test_codes_of_nobody_stay_and_other_kinds_are_refused() -> None:
    quantiser = ResidualKMeans(1, 4).fit(VECTORS)
    before = quantiser.codebooks[0].copy()
    recentre(quantiser, unit_rows(VECTORS), np.zeros((80, 1), np.int32))
    assert np.array_equal(quantiser.codebooks[0][1:], before[1:])
    assert np.allclose(quantiser.codebooks[0][0], unit_rows(VECTORS).mean(axis=0), atol=1e-6)
    with pytest.raises(InputError, match="follow their items"):
        centred(object())  # type: ignore[arg-type]
