"""Content neighbours by an index: what it finds is ranked as the exact model ranks it."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.retrieval.content import ContentNeighbours
from penchant.pipeline.indexed import IndexedContent
from penchant.search.approximate import FlatIndex, ItemIndex, IVFPQIndex


def made(index: ItemIndex, items: int = 2_000) -> tuple[ContentNeighbours, IndexedContent]:
    random = np.random.default_rng(0)
    centres = random.normal(size=(20, 16))
    vectors = centres[random.integers(20, size=items + 1)] + 0.3 * random.normal(size=(items + 1, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    vectors[0] = 0
    exact = ContentNeighbours(vectors)
    index.add(vectors[1:])
    return exact, IndexedContent(exact, index)


HISTORIES = Histories.of([[3], [5, 900, 17], [44, 45, 46, 47]])


def test_with_an_exact_index_the_lists_are_the_same() -> None:
    exact, indexed = made(FlatIndex())
    for exclude in (None, HISTORIES):
        expected, found = exact.recommend(HISTORIES, 10, exclude=exclude), indexed.recommend(HISTORIES, 10, exclude=exclude)
        assert found.items.tolist() == expected.items.tolist()
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_a_short_index_finds_most_of_them() -> None:
    exact, indexed = made(IVFPQIndex())
    expected, found = exact.recommend(HISTORIES, 20), indexed.recommend(HISTORIES, 20)
    shared = [len(set(a) & set(b)) / 20 for a, b in zip(expected.items.tolist(), found.items.tolist(), strict=True)]
    assert np.mean(shared) > 0.9


def test_where_much_is_excluded_the_exact_model_answers() -> None:
    exact, indexed = made(FlatIndex(), items=100)
    histories = Histories.of([[3], [5, 90, 17]])
    nearest = exact.recommend(histories, 90)
    exclude = Histories.of(list(nearest.items))
    expected, found = exact.recommend(histories, 10, exclude=exclude), indexed.recommend(histories, 10, exclude=exclude)
    assert found.items.tolist() == expected.items.tolist()
    assert not set(found.items[0].tolist()) & set(nearest.items[0].tolist())


def test_bad_requests_say_why() -> None:
    _, indexed = made(FlatIndex(), items=20)
    with pytest.raises(InputError, match="k=21"):
        indexed.recommend(Histories.of([[1]]), 21)
