"""Product quantisation: parts on their own, and a rotation that makes them more equal."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.items.product import ProductQuantiser, balanced_axes


def skewed(items: int = 800, width: int = 16, seed: int = 0) -> np.ndarray:
    """Correlated vectors whose first dimensions vary most."""
    rng = np.random.default_rng(seed)
    scales = 2.0 ** -np.arange(width)
    mixing = np.linalg.qr(rng.standard_normal((width, width)))[0]
    return ((rng.standard_normal((items, width)) * scales) @ mixing).astype(np.float32)


def error(quantiser: ProductQuantiser, vectors: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(((unit - quantiser.decode(quantiser.encode(vectors))) ** 2).sum(axis=1).mean())


def test_the_rotation_is_orthogonal_and_brings_the_vectors_back_closer() -> None:
    vectors = skewed()
    plain = ProductQuantiser(4, 16, rotated=False).fit(vectors)
    turned = ProductQuantiser(4, 16).fit(vectors)
    np.testing.assert_allclose(turned.rotation @ turned.rotation.T, np.eye(16), atol=1e-5)
    assert np.array_equal(plain.rotation, np.eye(16))
    assert error(turned, vectors) < 0.8 * error(plain, vectors)


def test_parts_do_not_depend_on_each_other() -> None:
    vectors = np.eye(8, dtype=np.float32)
    quantiser = ProductQuantiser(2, 8, rotated=False).fit(vectors)
    codes = quantiser.encode(vectors)
    assert len(np.unique(codes[:4, 0])) == 4 and len(np.unique(codes[4:, 0])) == 1  # the second half has nothing in the first part
    assert len(np.unique(codes[:4, 1])) == 1 and len(np.unique(codes[4:, 1])) == 4


def test_a_width_that_the_parts_do_not_divide_is_filled_up() -> None:
    vectors = skewed(width=10)
    for rotated in (False, True):
        quantiser = ProductQuantiser(4, 16, rotated=rotated).fit(vectors)
        assert quantiser.rotation.shape == (12, 10)
        assert [book.shape[1] for book in quantiser.codebooks] == [3, 3, 3, 3]
        assert error(quantiser, vectors) < 0.5


@pytest.mark.parametrize("items", [17, 24])
def test_fewer_items_than_dimensions(items: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((items, 64)).astype(np.float32)
    vectors[: items // 2] = vectors[0]  # and flat besides
    quantiser = ProductQuantiser(8, 16).fit(vectors)
    assert np.isfinite(quantiser.decode(quantiser.encode(vectors))).all()


def test_bad_settings() -> None:
    for bad in ({"codebook": 0}, {"iterations": 0}, {"points": 0}):
        with pytest.raises(InputError):
            ProductQuantiser(**bad)


def test_the_largest_axes_are_dealt_to_different_parts() -> None:
    rows = np.random.default_rng(0).standard_normal((4000, 8)) * np.array([0.8, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
    axes = balanced_axes(rows, 4, 8)
    part = np.abs(axes).argmax(axis=0) // 2  # where each dimension went
    assert sorted(part[:4].tolist()) == [0, 1, 2, 3]
    assert sorted(part[4:].tolist()) == [0, 1, 2, 3]
