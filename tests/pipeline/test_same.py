"""One ranking for everybody: the lists of the model that looks at every item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.retrieval.popularity import Popularity
from penchant.pipeline.same import SameForAll

ITEMS = 30
EXACT = Popularity(np.random.default_rng(0).integers(0, 5, ITEMS + 1))  # many are equal


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(1, ITEMS), max_size=ITEMS), min_size=1, max_size=4), st.integers(1, ITEMS), st.booleans())
def test_the_lists_are_those_of_the_model(rows: list[list[int]], k: int, seen: bool) -> None:
    histories = Histories.of(rows)
    exclude = histories if seen else None
    expected, found = EXACT.recommend(histories, k, exclude=exclude), SameForAll(EXACT).recommend(histories, k, exclude=exclude)
    assert found.items.tolist() == expected.items.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


def test_bad_requests_say_why() -> None:
    with pytest.raises(InputError, match="k=31"):
        SameForAll(EXACT).recommend(Histories.of([[1]]), 31)
