"""The k-core, against a slow reference."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import DataError, InputError
from penchant.data.kcore import k_core


def slow(rows: list[tuple[str, str]], user_min: int, item_min: int) -> list[int]:
    """Drop one bad event after another until none is bad."""
    kept = list(range(len(rows)))
    while True:
        users, items = Counter(rows[k][0] for k in kept), Counter(rows[k][1] for k in kept)
        bad = [k for k in kept if users[rows[k][0]] < user_min or items[rows[k][1]] < item_min]
        if not bad:
            return kept
        kept.remove(bad[0])


def frame(rows: list[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row").with_row_index("row")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_equals_the_slow_way(rows: list[tuple[str, str]], user_min: int, item_min: int) -> None:
    assert k_core(frame(rows), user_min=user_min, item_min=item_min)["row"].to_list() == slow(rows, user_min, item_min)


def test_a_chain_falls_round_by_round(caplog: pytest.LogCaptureFixture) -> None:
    """Each user shares one item with the next, so dropping the end drops the next end, and so on."""
    rows = [(f"u{n}", f"i{n + step}") for n in range(6) for step in (0, 1)]
    with caplog.at_level("INFO"):
        assert len(k_core(frame(rows), user_min=2, item_min=2)) == 0
    assert "0 of 12 events left after" in caplog.text


def test_other_columns_and_order_stay() -> None:
    events = frame([("a", "x"), ("b", "y"), ("a", "x")]).with_columns(value=pl.Series([1.0, 2.0, 3.0]))
    assert k_core(events, user_min=2, item_min=2)["value"].to_list() == [1.0, 3.0]


def test_bad_calls() -> None:
    with pytest.raises(InputError, match="user_min=0"):
        k_core(frame([]), user_min=0)
    with pytest.raises(DataError, match="item_id"):
        k_core(pl.DataFrame({"user_id": ["a"]}))
