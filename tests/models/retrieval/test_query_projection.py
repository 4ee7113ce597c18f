"""Search by projected vectors: nothing changes at first, pairs are learnt, and no item is its own negative."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.models.retrieval.query_projection import QueryBatch, QueryBatches, QueryProjection
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings


def world(items: int = 30, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of items, and of queries that are those of the items with their halves in each other's place."""
    dice = np.random.default_rng(0)
    vectors = dice.normal(size=(items + 1, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    return vectors, np.roll(vectors, width // 2, axis=1)[1:]


def test_at_first_it_searches_by_the_vectors_as_they_are() -> None:
    vectors, _ = world()
    found = QueryProjection(vectors).search(vectors[1:], 5)
    assert found.shape == (30, 5)
    np.testing.assert_array_equal(found[:, 0], np.arange(1, 31))
    assert QueryProjection(vectors).search(vectors[1:3], 99).shape == (2, 30), "no more places than items, and never item 0"
    assert found.min() == 1


def test_it_learns_how_queries_speak_of_items_that_it_never_saw() -> None:
    vectors, queries = world(400)
    model, codes = QueryProjection(vectors), np.arange(1, 401)
    unseen = slice(300, 400)
    before = (model.search(queries[unseen], 10) == codes[unseen, None]).any(axis=1).mean()
    training = TrainSettings(epochs=60, learning_rate=1e-2, warmup_steps=5, weight_decay=0.0, bf16=False)
    Trainer(training).fit(model, QueryBatches(queries[:300], codes[:300], size=100))
    after = (model.search(queries[unseen], 10) == codes[unseen, None]).any(axis=1).mean()
    assert before < 0.2
    assert after > 0.8


def test_the_same_item_under_another_query_is_no_negative() -> None:
    vectors, queries = world()
    model, rows = QueryProjection(vectors), torch.from_numpy(queries)
    twice = model.loss(QueryBatch(rows[[0, 0, 1]], torch.tensor([1, 1, 2]))).total
    once = model.loss(QueryBatch(rows[[0, 1]], torch.tensor([1, 2]))).total
    first = model.loss(QueryBatch(rows[[0]], torch.tensor([1]))).total
    assert torch.isfinite(twice)
    assert float(first.detach()) == 0.0
    assert float(twice.detach()) == pytest.approx(float(once.detach()), rel=0.5)
    with pytest.raises(InputError, match="0 pairs"):
        QueryBatches(queries[:0], np.zeros(0, np.int64))
