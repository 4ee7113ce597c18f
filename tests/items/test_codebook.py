from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.artifacts import write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.data.catalog import Catalog
from penchant.items.codebook import CodeBook, Collisions, code_version, load_quantiser
from penchant.items.item_space import ItemSpace
from penchant.items.product import ProductQuantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE

WIDTH = 6


class Numbers:
    """An encoder of texts that are numbers: each draws its vector; small numbers lie together."""

    def __init__(self, salt: int = 0, width: int = WIDTH) -> None:
        self.salt, self.dim, self.name = salt, width, "numbers"

    def fingerprint(self) -> str:
        return f"numbers-{self.salt}-{self.dim}"

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = [np.random.default_rng([int(text) % 7, self.salt]).standard_normal(self.dim) for text in texts]
        far = [np.random.default_rng([int(text), self.salt]).standard_normal(self.dim) for text in texts]
        return (np.array(rows).reshape(-1, self.dim) * 2 + np.array(far).reshape(-1, self.dim)).astype(np.float32)


def numbers(first: int, count: int) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [f"i{n}" for n in range(first, first + count)], "title": [str(n) for n in range(first, first + count)]})


def make(items: int = 60, quantiser: object = None, collisions: Collisions = Collisions.RANK, events: bool = True) -> ItemSpace:
    counts = np.arange(items + 1)[::-1].copy() if events else None
    chosen = quantiser or ResidualKMeans(2, 4)
    return ItemSpace.build(Catalog(numbers(0, items)), Numbers(), chosen, counts, collisions=collisions)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", list(Collisions))
@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 12), max_size=4), st.integers(1, 30))
def test_appending_never_moves_a_published_code(rule: Collisions, steps: list[int], items: int) -> None:
    space = make(items, collisions=rule)
    for step in steps:
        larger = space.add(numbers(len(space), step), Numbers())
        assert np.array_equal(larger.codes[: len(space) + 1], space.codes)
        assert len(np.unique(larger.codes[1:], axis=0)) == len(larger)
        assert (larger.code_version == space.code_version) == (step == 0)
        larger.check_codes(space.codes, "a model of the smaller space")
        space = larger


def test_rules_differ_only_in_how_they_tell_items_apart() -> None:
    ranked, popular, spread = (make(collisions=rule) for rule in Collisions)
    assert np.array_equal(ranked.codes[:, :-1], popular.codes[:, :-1])
    first = np.unique(ranked.codes[1:, :-1], axis=0, return_inverse=True)[1].ravel()
    for group in np.unique(first):
        ranks = popular.codes[1:, -1][first == group]
        assert np.array_equal(np.argsort(ranks), np.argsort(-popular.events[1:][first == group], kind="stable"))
    assert spread.codes[1:, -1].sum() < ranked.codes[1:, -1].sum()
    assert np.array_equal(spread.codes[:, :-2], ranked.codes[:, :-2])
    assert len({one.book.version for one in (ranked, popular, spread)}) == 3


def test_a_quantiser_that_cannot_spread_says_so() -> None:
    class Plain:
        levels = 2

    with pytest.raises(InputError, match="cannot say how near"):
        CodeBook(Plain(), "x", Collisions.SPREAD)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="have 3 levels"):
        CodeBook(ResidualKMeans(2, 4), "x", given=np.zeros((1, 2), np.int32))
    with pytest.raises(InputError, match="does not tell"):
        _ = CodeBook(Plain(), "x").version  # type: ignore[arg-type]


def test_versions_are_of_content() -> None:
    space, again = make(), make()
    assert space.code_version == again.code_version and space.book.version == again.book.version
    kept = np.maximum(space.codes, 0).astype(np.int16)  # as models keep them
    assert code_version(kept) == space.code_version
    other = space.codes.copy()
    other[5, 0] ^= 1
    assert code_version(other) != space.code_version
    assert code_version(space.codes[:-1]) != space.code_version
    assert make(quantiser=ResidualKMeans(2, 4, seed=3)).book.version != space.book.version
    with pytest.raises(ArtifactError, match="model tandem"):
        space.check_codes(other, "tandem")
    with pytest.raises(ArtifactError, match="model tandem"):
        make(30).check_codes(space.codes, "tandem")  # more items than the space has


@pytest.mark.parametrize(
    "quantiser",
    [ResidualKMeans(2, 4), ProductQuantiser(2, 4), RQVAE(2, 4, latent=4, hidden=(8,), steps=5)],
    ids=lambda quantiser: quantiser.KIND,
)
def test_any_quantiser_is_known_by_its_kind(quantiser: ResidualKMeans, tmp_path: Path) -> None:
    space = make(quantiser=quantiser, collisions=Collisions.POPULARITY)
    space.save(tmp_path / "items")
    again = ItemSpace.load(tmp_path / "items")
    assert type(again.quantiser) is type(quantiser) and again.collisions is Collisions.POPULARITY
    assert (again.code_version, again.book.version) == (space.code_version, space.book.version)
    assert np.array_equal(again.add(numbers(60, 9), Numbers()).codes, space.add(numbers(60, 9), Numbers()).codes)
    with pytest.raises(ArtifactError):
        other = ProductQuantiser if isinstance(quantiser, ResidualKMeans) else ResidualKMeans
        ItemSpace.load(tmp_path / "items", quantiser=other)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with write_artifact(tmp_path / "q", kind="quantum-quantiser"):
        pass
    with pytest.raises(ArtifactError, match="quantum-quantiser"):
        load_quantiser(tmp_path / "q")


def test_retired_codes_are_not_given_again(tmp_path: Path) -> None:
    space = make(10)
    retired = np.concatenate([space.codes[1:, :-1], np.full((10, 1), 99, np.int32)], axis=1)
    parts = {"encoder_name": space.encoder_name, "encoder_fingerprint": space.encoder_fingerprint, "retired": retired}
    kept = ItemSpace(space.catalog, space.vectors, space.codes, space.events, space.quantiser, **parts)  # type: ignore[arg-type]
    twins = numbers(0, 10).with_columns(item_id=pl.col("item_id") + "b")
    kept.save(tmp_path / "items")
    for one in (kept, ItemSpace.load(tmp_path / "items")):
        larger = one.add(twins, Numbers())
        assert (larger.codes[11:, -1] > 99).all()
        assert np.array_equal(larger.retired, retired)
    with pytest.raises(InputError, match="retired"):
        ItemSpace(space.catalog, space.vectors, space.codes, space.events, space.quantiser, **parts | {"retired": retired[:, 1:]})  # type: ignore[arg-type]
