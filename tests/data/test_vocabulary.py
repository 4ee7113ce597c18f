"""Vocabulary: ids to codes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError, UnknownIdError
from penchant.data.vocabulary import Vocabulary

words = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=5), unique=True, max_size=12)


@given(words, st.lists(st.text(max_size=2), max_size=5))
def test_there_and_back(ids: list[str], others: list[str]) -> None:
    vocabulary = Vocabulary(ids)
    codes = vocabulary.encode(ids)
    assert codes.dtype == np.int32 and codes.tolist() == list(range(1, len(ids) + 1)) and len(vocabulary) == len(ids)
    assert vocabulary.decode(codes[::-1]) == ids[::-1]
    assert [vocabulary.code(value) for value in ids] == codes.tolist()
    assert vocabulary.encode(others).tolist() == [ids.index(value) + 1 if value in ids else 0 for value in others]
    assert all((value in vocabulary) == (value in ids) for value in others)
    assert vocabulary.table["id"].to_list() == ids and vocabulary.table["code"].to_list() == codes.tolist()


def test_padding_decodes_to_nothing() -> None:
    assert Vocabulary(["a", "b"]).decode(np.array([0, 2, -1, 0])) == ["", "b", "", ""]
    assert Vocabulary([]).decode(np.array([0, 0])) == ["", ""]


def test_errors() -> None:
    with pytest.raises(InputError, match="1 repeated ids"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(UnknownIdError, match=r"item_id='z': no such item_id among the 2 known"):
        Vocabulary(["a", "b"]).code("z", "item_id")
