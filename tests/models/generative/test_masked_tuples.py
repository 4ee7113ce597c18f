"""Which tuples there are, and which of them are open in a row."""

from __future__ import annotations

import numpy as np
import torch

from penchant.data.histories import Histories
from penchant.models.generative.masked_tuples import Allowance, CodeTuples, among, ranges

# Items 1 and 4 share all codes. Tuples in order: (0, 0), (0, 2), (1, 2).
CODES = np.array([[0, 2], [1, 2], [0, 0], [0, 2]], np.int32)


def test_the_index_knows_tuples_items_and_postings() -> None:
    index = CodeTuples(CODES, 3)
    assert index.tuples.tolist() == [[0, 0], [0, 2], [1, 2]]
    assert index.tuple_of.tolist() == [1, 2, 0, 1]
    assert index.held.tolist() == [1, 2, 1]
    assert index.items.tolist() == [3, 1, 4, 2] and index.first.tolist() == [0, 1, 3]
    assert index.postings.tolist() == [[2, 1, 0], [1, 0, 2]]
    for level in range(2):
        for code in range(3):
            start = int(index.begins[level, code])
            posted = index.posted[level, start : start + int(index.postings[level, code])].tolist()
            assert posted == [number for number in range(3) if int(index.tuples[number, level]) == code]


def test_a_tuple_is_open_while_one_of_its_items_is() -> None:
    index = CodeTuples(CODES, 3)
    rows, tuples = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 0, 1, 2])
    may = Allowance(index, 2, Histories.of([[1, 1], [4, 1, 3]]), None)
    assert may.lets(rows, tuples).tolist() == [True, True, True, False, False, True]
    assert may.counts(torch.tensor([0, 1])).tolist() == [[2, 1, 0], [0, 0, 1]]
    assert may.lets_item(torch.tensor([0, 0, 1]), torch.tensor([1, 4, 4])).tolist() == [False, True, False]
    allowed = torch.tensor([True, True, False, True, False])
    may = Allowance(index, 2, Histories.of([[1, 1], [4, 3]]), allowed)
    assert may.lets(rows, tuples).tolist() == [True, False, False, False, True, False]
    assert may.counts(torch.tensor([0, 0])).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert may.lets_item(torch.tensor([1, 1]), torch.tensor([1, 2])).tolist() == [True, False]
    assert Allowance(index, 2, None, None).lets(rows, tuples).all()


def test_ranges_and_membership() -> None:
    which, numbers = ranges(torch.tensor([5, 1, 7]), torch.tensor([2, 0, 3]))
    assert which.tolist() == [0, 0, 2, 2, 2] and numbers.tolist() == [5, 6, 7, 8, 9]
    assert among(torch.tensor([1, 4, 9]), torch.tensor([2, 4])).tolist() == [False, True, False]
    assert among(torch.tensor([1]), torch.tensor([], dtype=torch.long)).tolist() == [False]
