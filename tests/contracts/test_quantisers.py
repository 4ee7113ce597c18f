"""What every quantiser must do, whatever it learns."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.core.errors import ArtifactError, InputError
from penchant.items import quantiser as shared
from penchant.items.experts import ExpertQuantiser
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import Quantiser, UnitQuantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE

WIDTH = 16
TINY: dict[str, Any] = {"levels": 3, "codebook": 16, "latent": 8, "hidden": (32,), "steps": 30}
QUANTISERS: dict[str, Callable[[], UnitQuantiser]] = {
    "residual k-means": lambda: ResidualKMeans(levels=3, codebook=16),
    "balanced residual k-means": lambda: ResidualKMeans(levels=3, codebook=16, capacity=1.0),
    "rq-vae": lambda: RQVAE(**TINY),
    "rq-vae, running means": lambda: RQVAE(**TINY, ema=0.9),
    "rq-vae, uniform": lambda: RQVAE(**TINY, uniform=True),
    "product": lambda: ProductQuantiser(levels=4, codebook=16, rotated=False),
    "optimised product": lambda: ProductQuantiser(levels=4, codebook=16),
    "experts": lambda: ExpertQuantiser(**TINY),
    "product, uneven parts": lambda: ProductQuantiser(levels=3, codebook=16, rotated=False),
}
#: Error at most on a few items, of kinds that do not keep them exactly.
DEPARTS: dict[type[UnitQuantiser], float] = {RQVAE: 1e-4, ExpertQuantiser: 1e-4}  # the last steps of descent still move a perfect network


@pytest.fixture(params=list(QUANTISERS))
def make(request: pytest.FixtureRequest) -> Callable[[], UnitQuantiser]:
    return QUANTISERS[request.param]


def blobs(items: int = 600, groups: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around a few directions, and the direction of each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, items)
    vectors = 4 * rng.standard_normal((groups, WIDTH))[group] + rng.standard_normal((items, WIDTH))
    return vectors.astype(np.float32), group


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def error(quantiser: Quantiser, vectors: np.ndarray, levels: int | None = None) -> float:
    return float(((unit(vectors) - quantiser.decode(quantiser.encode(vectors)[:, :levels])) ** 2).sum(axis=1).mean())


def test_codes_have_the_promised_shape_and_range(make: Callable[[], UnitQuantiser]) -> None:
    vectors, _ = blobs()
    quantiser = make().fit(vectors)
    codes = quantiser.encode(vectors)
    assert isinstance(quantiser, Quantiser)
    assert codes.dtype == np.int32 and codes.shape == (600, quantiser.levels)
    assert codes.min() >= 0
    assert (codes.max(axis=0) < quantiser.codebook_sizes).all()
    assert len(quantiser.codebook_sizes) == quantiser.levels


def test_every_level_brings_the_vectors_back_closer_and_alike_items_share_codes(make: Callable[[], UnitQuantiser]) -> None:
    vectors, group = blobs()
    quantiser = make().fit(vectors)
    errors = [error(quantiser, vectors, level) for level in range(quantiser.levels + 1)]
    assert errors[0] == pytest.approx(1.0)
    assert all(later < earlier for earlier, later in pairwise(errors))
    codes = quantiser.encode(vectors)
    shared_codes = (codes[:, None] == codes[None]).mean(axis=2)
    together = group[:, None] == group[None]
    np.fill_diagonal(together, False)
    assert shared_codes[together].mean() > 3 * shared_codes[group[:, None] != group[None]].mean()


def test_a_row_has_its_codes_in_any_company(make: Callable[[], UnitQuantiser], monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = blobs()
    quantiser = make().fit(vectors)
    codes = quantiser.encode(vectors)
    assert np.array_equal(quantiser.encode(vectors[::-1])[::-1], codes)
    assert np.array_equal(np.concatenate([quantiser.encode(row[None]) for row in vectors[:40]]), codes[:40])
    assert np.array_equal(quantiser.encode(vectors * 1000), codes)  # the length of a vector says nothing
    monkeypatch.setattr(shared, "ROWS", 7)
    assert np.array_equal(quantiser.encode(vectors), codes)


def test_the_same_seed_learns_the_same(make: Callable[[], UnitQuantiser]) -> None:
    vectors, _ = blobs()
    assert np.array_equal(make().fit(vectors).encode(vectors), make().fit(vectors).encode(vectors))


def test_it_forgets_what_it_learnt_before(make: Callable[[], UnitQuantiser]) -> None:
    vectors, _ = blobs()
    again = make().fit(blobs(seed=1)[0]).fit(vectors)
    assert np.array_equal(again.encode(vectors), make().fit(vectors).encode(vectors))


@pytest.mark.parametrize("items", [1, 2, 5])
def test_few_items_are_kept_apart(make: Callable[[], UnitQuantiser], items: int) -> None:
    vectors, _ = blobs(items=items)
    quantiser = make().fit(vectors)
    assert len(np.unique(quantiser.encode(vectors), axis=0)) == items
    assert error(quantiser, vectors) < DEPARTS.get(type(quantiser), 1e-6)


def test_identical_and_empty_texts(make: Callable[[], UnitQuantiser]) -> None:
    one, two = np.eye(2, WIDTH, dtype=np.float32)
    vectors = np.stack([one, one, np.zeros(WIDTH, np.float32), two, np.zeros(WIDTH, np.float32), one])
    codes = make().fit(vectors).encode(vectors).tolist()
    assert codes[0] == codes[1] == codes[5]
    assert codes[2] == codes[4]
    assert codes[0] != codes[3] != codes[2] != codes[0]
    nothing = np.zeros((5, WIDTH), np.float32)
    assert len(np.unique(make().fit(nothing).encode(nothing), axis=0)) == 1


def test_what_was_learnt_is_saved(make: Callable[[], UnitQuantiser], tmp_path: Path) -> None:
    vectors, _ = blobs()
    quantiser = make().fit(vectors)
    quantiser.save(tmp_path / "q")
    again = type(quantiser).load(tmp_path / "q")
    codes = quantiser.encode(vectors)
    assert np.array_equal(again.encode(vectors), codes)
    assert np.array_equal(again.decode(codes), quantiser.decode(codes))
    assert again.settings == quantiser.settings
    with pytest.raises(ArtifactError):
        type(quantiser).load(tmp_path)


def test_bad_vectors_and_codes_are_refused(make: Callable[[], UnitQuantiser], tmp_path: Path) -> None:
    fitted = make().fit(blobs()[0])
    for asked in (lambda: make().encode(np.eye(WIDTH)), lambda: make().decode(np.zeros((1, 1), int)), lambda: make().save(tmp_path / "q")):
        with pytest.raises(InputError, match="not fitted"):
            asked()
    with pytest.raises(InputError, match="at least one point"):
        make().fit(np.empty((0, WIDTH), np.float32))
    with pytest.raises(InputError, match="finite"):
        make().fit(np.full((3, WIDTH), np.nan))
    with pytest.raises(InputError, match="width"):
        fitted.encode(np.eye(WIDTH + 1))
    with pytest.raises(InputError, match="no such entry"):
        fitted.decode(np.full((1, 1), fitted.codebook_sizes[0]))
    with pytest.raises(InputError, match="no such entry"):
        fitted.decode(np.full((1, 1), -1))
    with pytest.raises(InputError, match="levels"):
        fitted.decode(np.zeros((1, fitted.levels + 1), np.int32))
    assert fitted.encode(np.empty((0, WIDTH), np.float32)).shape == (0, fitted.levels)
    assert fitted.decode(np.empty((0, fitted.levels), np.int32)).shape == (0, WIDTH)


def test_a_level_at_least(make: Callable[[], UnitQuantiser]) -> None:
    with pytest.raises(InputError) as caught:
        type(make())(levels=0)
    assert str(caught.value) == "levels=0: a quantiser needs at least one level; pass levels>=1"
