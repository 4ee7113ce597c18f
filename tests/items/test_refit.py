from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError, InputError
from penchant.data.catalog import Catalog
from penchant.items.codebook import Collisions
from penchant.items.drift import churn
from penchant.items.item_space import ItemSpace
from penchant.items.moves import Moves
from penchant.items.product import ProductQuantiser
from penchant.items.refit import errors, refit
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE


class Given:
    """An encoder whose texts are row numbers of given vectors."""

    name = "given"

    def __init__(self, vectors: np.ndarray, mark: str = "given") -> None:
        self.vectors, self.mark, self.dim = vectors.astype(np.float32), mark, vectors.shape[1]

    def fingerprint(self) -> str:
        return self.mark

    def encode(self, texts: list[str]) -> np.ndarray:
        return self.vectors[[int(text) for text in texts]].reshape(-1, self.vectors.shape[1])


def catalog(first: int, end: int) -> Catalog:
    return Catalog(pl.DataFrame({"item_id": [f"i{n}" for n in range(first, end)], "title": [str(n) for n in range(first, end)]}))


def drifted(quantiser: object = None, collisions: Collisions = Collisions.RANK) -> ItemSpace:
    """80 items that the book was fitted to, and 40 of another sort that came later."""
    rng = np.random.default_rng(0)
    old = rng.standard_normal((80, 8)) + 3 * np.eye(8)[rng.integers(0, 4, 80)]
    new = rng.standard_normal((40, 8)) + 3 * np.eye(8)[4 + rng.integers(0, 4, 40)]
    encoder = Given(np.concatenate([old, new]))
    counts = np.arange(81)[::-1].copy()
    space = ItemSpace.build(catalog(0, 80), encoder, quantiser or ResidualKMeans(2, 8), counts, collisions=collisions)  # type: ignore[arg-type]
    return space.add(catalog(80, 120), encoder)


def published_error(space: ItemSpace) -> float:
    return float(errors(space.quantiser, space.vectors["text"][1:], space.codes[1:, :-1]).mean())


@pytest.mark.parametrize("rule", list(Collisions))
@settings(deadline=None, max_examples=6)
@given(st.floats(0, 1))
def test_no_more_move_than_the_budget_allows_and_they_are_those_that_gain_most(rule: Collisions, budget: float) -> None:
    space = drifted(collisions=rule)
    before = space.codes.copy()
    found = refit(space, budget=budget)
    changed = (found.space.codes[1:] != before[1:]).any(axis=1)
    assert changed.sum() == len(found.moves.items) <= budget * 120 + 1e-6
    assert found.waiting == 0 or len(found.moves.items) == int(budget * 120 + 1e-9)
    assert [f"i{n}" for n in np.flatnonzero(changed)] == sorted(found.moves.items, key=lambda one: int(one[1:]))
    assert (found.moves.gain > 0).all() and (np.diff(found.moves.gain) <= 0).all()
    assert len(np.unique(found.space.codes[1:], axis=0)) == 120
    assert np.array_equal(space.codes, before) and space.quantiser is not found.space.quantiser


def test_a_budget_of_nothing_moves_nothing_yet_the_book_follows() -> None:
    space = drifted()
    found = refit(space, budget=0)
    assert found.space.code_version == space.code_version and not found.moves.items
    assert found.space.book.version != space.book.version
    assert found.error_before == pytest.approx(published_error(space))
    assert found.error_after == pytest.approx(published_error(found.space))
    assert found.error_after < 0.9 * found.error_before
    assert "0 of 120 items moved" in found.message()


def test_a_budget_of_all_moves_all_that_gain() -> None:
    space = drifted()
    found = refit(space, budget=1)
    assert found.waiting == 0
    quantiser, vectors = found.space.quantiser, space.vectors["text"][1:]
    gain = errors(quantiser, vectors, space.codes[1:, :-1]) - errors(quantiser, vectors, quantiser.encode(vectors))
    stayed = np.isin(space.catalog.items.ids.to_list(), found.moves.items, invert=True)
    assert (gain[stayed] <= 1e-5).all() and (gain[~stayed] > 0).all()
    assert found.moves.gain == pytest.approx(np.sort(gain[~stayed])[::-1], abs=1e-6)


def test_more_budget_is_less_error() -> None:
    found = [refit(drifted(), budget=budget).error_after for budget in (0, 0.1, 0.3, 1)]
    assert found[0] > found[1] > found[2] >= found[3] - 0.01


def test_codes_that_were_left_are_never_given_again() -> None:
    space = drifted()
    encoder = Given(np.concatenate([space.vectors["text"][1:], space.vectors["text"][1:]]))
    given_out = {tuple(row) for row in space.codes[1:].tolist()}
    moved = 0
    for budget in (0.1, 0.3):
        found = refit(space, budget=budget)
        fresh = {tuple(row) for row in found.moves.new.tolist()}
        assert len(fresh) == len(found.moves.items) and not fresh & given_out
        moved += len(fresh)
        given_out |= fresh
        space = found.space
    assert moved > 0
    twins = space.add(catalog(120, 240), encoder).codes[121:]
    assert not {tuple(row) for row in twins.tolist()} & given_out


def test_stored_codes_are_rewritten() -> None:
    space = drifted()
    found = refit(space, budget=0.3)
    rng = np.random.default_rng(0)
    items = rng.integers(0, 121, (7, 5))  # item 0 is padding: -1 throughout
    stored = space.codes[items]
    rewritten = found.moves.remap(stored)
    assert np.array_equal(rewritten, found.space.codes[items]) and rewritten.dtype == stored.dtype
    assert np.array_equal(found.moves.remap(rewritten), rewritten)  # doing it twice changes nothing
    assert found.moves.remap(stored[:0]).shape == (0, 5, 3)
    assert np.array_equal(refit(space, budget=0).moves.remap(stored), stored)
    with pytest.raises(InputError, match="3 levels"):
        found.moves.remap(stored[..., :2])


def test_moves_and_space_are_saved(tmp_path: Path) -> None:
    found = refit(drifted(), budget=0.1)
    found.moves.save(tmp_path / "moves")
    again = Moves.load(tmp_path / "moves")
    assert again.items == found.moves.items and again.table().equals(found.moves.table())
    assert (again.before, again.after, again.total) == (drifted().code_version, found.space.code_version, 120)
    assert again.table().columns == ["item_id", "old", "new", "gain"] and len(again.table()) == 12
    found.space.save(tmp_path / "items")
    loaded = ItemSpace.load(tmp_path / "items")
    assert loaded.book.version == found.space.book.version and len(loaded.retired) == 12
    with pytest.raises(ArtifactError):
        Moves.load(tmp_path / "items")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ProductQuantiser(2, 8), None),
        (RQVAE(2, 8, latent=4, hidden=(8,), steps=20), None),
        (ResidualKMeans(2, 8), ResidualKMeans(2, 8, seed=5)),
        (ResidualKMeans(2, 8), ResidualKMeans(2, 16)),
        (ResidualKMeans(2, 8), ResidualKMeans(2, 3)),
        (ResidualKMeans(2, 8), ProductQuantiser(2, 8)),
        (ResidualKMeans(2, 8), RQVAE(2, 8, latent=4, hidden=(8,), steps=20)),
    ],
    ids=["product", "rq-vae", "another seed", "more codes", "fewer codes", "to product", "to rq-vae"],
)
def test_quantisers_of_other_kinds_and_sizes(old: ResidualKMeans, new: ResidualKMeans | None) -> None:
    space = drifted(quantiser=type(old)(**old.settings))
    fresh = None if new is None else type(new)(**new.settings)
    still, some = refit(space, fresh, budget=0), refit(space, None if new is None else type(new)(**new.settings), budget=0.2)
    assert still.space.code_version == space.code_version
    assert len(some.moves.items) <= 24
    assert churn(space, some.space).moved == some.moves.share
    assert (some.space.codes[1:, :-1] < np.array(some.space.quantiser.codebook_sizes)).all()
    if new is None:
        assert still.error_before is not None and still.error_after <= still.error_before + 1e-9  # never worse than leaving it


def test_another_encoder() -> None:
    space = drifted()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 8)))[0].T
    other = Given(space.vectors["text"][1:] @ rotation, mark="other")
    found = refit(space, encoder=other, budget=0.1)
    assert found.space.encoder_fingerprint == "other" and found.space.vectors["text"].shape == (121, 12)
    assert found.error_before is None and len(found.moves.items) <= 12
    # The vectors are turned only: the codes still mean what they meant.
    assert found.error_after == pytest.approx(refit(space, budget=0.1).error_after, rel=0.15)
    with pytest.raises(InputError, match="was made with"):
        found.space.add(catalog(200, 201), Given(np.zeros((201, 8))))


@pytest.mark.parametrize("budget", [-0.1, 1.01, float("nan"), float("inf")])
def test_budgets_outside_are_refused(budget: float) -> None:
    with pytest.raises(InputError, match="it is a share of the items"):
        refit(drifted(), budget=budget)


def test_other_levels_and_small_or_empty_catalogues() -> None:
    with pytest.raises(InputError, match="levels=2"):
        refit(drifted(), ResidualKMeans(3, 8))
    for vectors in (np.ones((1, 4)), np.zeros((5, 4)), np.ones((5, 4)), np.eye(3, 4)):
        space = ItemSpace.build(catalog(0, len(vectors)), Given(vectors), ResidualKMeans(2, 16))
        found = refit(space, budget=1)
        assert not found.moves.items and found.space.code_version == space.code_version
        assert found.error_after < 1e-9 + (found.error_before or 0)


def test_a_small_book_grows_with_its_catalogue() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, 4))
    space = ItemSpace.build(catalog(0, 3), Given(vectors), ResidualKMeans(2, 16)).add(catalog(3, 60), Given(vectors))
    assert space.quantiser.codebook_sizes[0] == 3
    still, found = refit(space, budget=0), refit(space, budget=1)
    assert found.space.quantiser.codebook_sizes[0] == 16 and still.space.code_version == space.code_version
    assert found.error_after < 0.5 * still.error_after
