"""Differences of texts can be read both ways."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from penchant.serve.portraits.word_diff import Piece, word_diff

TEXTS = st.lists(st.sampled_from(["tea", "Tea", " ", ", ", "mug", "é", "\n", "."]), max_size=12).map("".join)


@given(TEXTS, TEXTS)
def test_both_texts_are_in_it(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(one.text for one in pieces if one.kind != "added") == before
    assert "".join(one.text for one in pieces if one.kind != "removed") == after


def test_texts_with_little_in_common_are_told_one_after_the_other() -> None:
    assert word_diff("Drinks tea.", "Plays chess at night!") == [Piece("removed", "Drinks tea."), Piece("added", "Plays chess at night!")]


def test_words_are_told_whole() -> None:
    assert word_diff("Likes tea.", "Likes mugs.") == [
        Piece("same", "Likes "),
        Piece("removed", "tea"),
        Piece("added", "mugs"),
        Piece("same", "."),
    ]


def test_long_texts_take_no_longer() -> None:
    began = time.process_time()
    for before, after in (("." * 5_000, ".," * 2_500), ("a b " * 1_250, "b c a " * 833)):
        pieces = word_diff(before, after)
        assert "".join(one.text for one in pieces if one.kind != "added") == before
        assert "".join(one.text for one in pieces if one.kind != "removed") == after
    assert time.process_time() - began < 2


def test_one_word_of_a_long_text_is_found() -> None:
    head, tail = "Likes tea. " * 400, " and mugs" * 400
    assert word_diff(f"{head}Often{tail}", f"{head}Seldom{tail}") == [
        Piece("same", head),
        Piece("removed", "Often"),
        Piece("added", "Seldom"),
        Piece("same", tail),
    ]
