"""Item neighbours by the rows that a history touches: the exact model's list, as far as it goes with the history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.retrieval.linear import LinearItemModel
from penchant.pipeline.neighbours import SparseNeighbours

ITEMS = 60


def fitted(seed: int = 0) -> LinearItemModel:
    """Of eighths, so that sums are exact and many are equal; a third of the items are beside the matrix."""
    random = np.random.default_rng(seed)
    kept = np.sort(random.choice(np.arange(1, ITEMS + 1), 40, replace=False)).astype(np.int32)
    dense = random.integers(1, 9, (40, 40)) / 8 * (random.random((40, 40)) < 0.15)
    return LinearItemModel(sparse.csr_matrix(dense.astype(np.float32)), kept, ITEMS)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(1, ITEMS), max_size=12), min_size=1, max_size=4), st.integers(1, ITEMS), st.booleans())
def test_the_lists_are_those_of_the_exact_model_that_score(rows: list[list[int]], k: int, seen: bool) -> None:
    exact, histories = fitted(), Histories.of(rows)
    exclude = histories if seen else None
    expected, found = exact.recommend(histories, k, exclude=exclude), SparseNeighbours(exact).recommend(histories, k, exclude=exclude)
    scoring = expected.scores > 0
    assert found.items.tolist() == np.where(scoring, expected.items, 0).tolist()
    assert found.scores.tolist() == np.where(scoring, expected.scores, -np.inf).tolist()


def test_nobody_s_history_names_nothing() -> None:
    assert not SparseNeighbours(fitted()).recommend(Histories.of([[]]), 5).items.any()


def test_bad_requests_say_why() -> None:
    with pytest.raises(InputError, match="k=61"):
        SparseNeighbours(fitted()).recommend(Histories.of([[1]]), 61)
