from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.ranking import check_k
from penchant.search.query import MAX_CHARACTERS, clean


@pytest.mark.parametrize(
    ("query", "cleaned"),
    [
        ("  star \t\n wars ", "star wars"),
        ("a\x00b\x07c", "a b c"),
        ("Amélie", "Amélie"),
        ("七人の侍", "七人の侍"),
        ("👨‍👩‍👧 film", "👨‍👩‍👧 film"),
        ("x" * 5000, "x" * MAX_CHARACTERS),
        (" " * 1_000_000 + "star", "star"),
        ("broken \ud83d half", "broken ? half"),
        ("to:be OR (not)", "to:be OR (not)"),
    ],
)
def test_what_is_left(query: str, cleaned: str) -> None:
    assert clean(query) == cleaned


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "\x00\x01", "\u200b", "\ufe0f", " " * 1_000_000])
def test_nothing_left_is_refused(query: str) -> None:
    with pytest.raises(InputError, match="something to look for"):
        clean(query)


@given(st.text(st.characters(), min_size=1, max_size=700))
def test_cleaning_is_done_once(query: str) -> None:
    try:
        cleaned = clean(query)
    except InputError:
        return
    assert cleaned.encode() and cleaned == clean(cleaned)
    assert 1 <= len(cleaned) <= MAX_CHARACTERS


@pytest.mark.parametrize("k", [0, -1, 8])
def test_k_outside_the_catalogue_is_refused(k: int) -> None:
    check_k(1, 7)
    check_k(7, 7)
    with pytest.raises(InputError, match=f"k={k}: a list holds 1 to 7 items"):
        check_k(k, 7)
