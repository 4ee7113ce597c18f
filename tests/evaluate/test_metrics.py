from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional import retrieval as public

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.evaluate.metrics import METRICS, distinct, hits, label, per_row


def reference(ranked: list[int], wanted: list[int], k: int) -> dict[str, float]:
    """The definitions, word by word, for one row."""
    left, marks = set(wanted), []
    for item in ranked[:k]:
        marks.append(item in left)
        left.discard(item)
    n = len(set(wanted))
    ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, n) + 1))
    places = [place for place, hit in enumerate(marks, 1) if hit]
    return {
        "recall": len(places) / n,
        "hit_rate": float(bool(places)),
        "ndcg": sum(1 / math.log2(1 + place) for place in places) / ideal,
        "mrr": 1 / places[0] if places else 0.0,
        "map": sum(sum(marks[:place]) / place for place in places) / min(k, n),
        "precision": len(places) / k,
    }


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], list[int]]:
    """Lists with empty places and repeated items, targets with repeats, cut-offs."""
    rows, places = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    lists = draw(st.lists(st.lists(st.integers(0, 9), min_size=places, max_size=places), min_size=rows, max_size=rows))
    wanted = draw(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=7), min_size=rows, max_size=rows))
    return lists, wanted, draw(st.lists(st.integers(1, places), min_size=1, max_size=3))


@given(cases())
@settings(max_examples=200, deadline=None)
def test_every_metric_equals_its_definition(case: tuple[list[list[int]], list[list[int]], list[int]]) -> None:
    lists, wanted, ks = case
    found = per_row(np.array(lists, np.int32), Histories.of(wanted), ks)
    assert set(found) == {f"{metric}@{k}" for metric in METRICS for k in ks}
    for k in ks:
        for row, (ranked, targets) in enumerate(zip(lists, wanted, strict=True)):
            for metric, value in reference(ranked, targets, k).items():
                assert found[f"{metric}@{k}"][row] == pytest.approx(value, abs=1e-6), (metric, k, row)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_hits_mark_each_target_once(case: tuple[list[list[int]], list[list[int]], list[int]]) -> None:
    lists, wanted, _ = case
    found = hits(np.array(lists), Histories.of(wanted))
    for row, (ranked, targets) in enumerate(zip(lists, wanted, strict=True)):
        assert [ranked[place] for place in np.flatnonzero(found[row])] == [item for item in dict.fromkeys(ranked) if item in targets]


def test_metrics_equal_a_public_library() -> None:
    rng = np.random.default_rng(0)
    rows, items, ks = 40, 30, (1, 5, 10, 30)
    scores = rng.random((rows, items))  # positive: the library takes a score of 0 or less for "not retrieved"
    lists = 1 + np.argsort(-scores, axis=1)
    wanted = [1 + rng.choice(items, size=rng.integers(1, 8), replace=False) for _ in range(rows)]
    found = per_row(lists, Histories.of(wanted), ks)
    for row in range(rows):
        given_scores = torch.from_numpy(scores[row])
        relevant = torch.zeros(items, dtype=torch.long)
        relevant[torch.from_numpy(wanted[row] - 1)] = 1
        for k in ks:
            for name, function in (
                ("recall", public.retrieval_recall),
                ("hit_rate", public.retrieval_hit_rate),
                ("ndcg", public.retrieval_normalized_dcg),
                ("mrr", public.retrieval_reciprocal_rank),
                ("precision", public.retrieval_precision),
            ):
                assert found[f"{name}@{k}"][row] == pytest.approx(float(function(given_scores, relevant, top_k=k)), abs=1e-6), (name, k)
        # Cut short, the library divides by the hits found and not by min(k, n); over the whole ranking both are the same.
        assert found["map@30"][row] == pytest.approx(float(public.retrieval_average_precision(given_scores, relevant)), abs=1e-6)


def test_known_values() -> None:
    found = per_row(np.array([[7, 3, 9]], np.int32), Histories.of([[3, 8]]), [3])
    values = {name: float(value[0]) for name, value in found.items()}
    assert values["recall@3"] == 0.5
    assert values["mrr@3"] == 0.5
    assert values["ndcg@3"] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert values["map@3"] == 0.25
    assert values["precision@3"] == pytest.approx(1 / 3)
    assert all(value.dtype == np.float32 for value in found.values())


def test_many_targets_do_not_change_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    lists = rng.integers(0, 50, (300, 20))
    targets = Histories.of([rng.integers(1, 50, rng.integers(1, 9)) for _ in range(300)])
    whole = hits(lists, targets)
    monkeypatch.setattr("penchant.evaluate.metrics._BLOCK", 64)
    assert whole.any()
    np.testing.assert_array_equal(hits(lists, targets), whole)


def test_distinct_counts_items_once() -> None:
    assert distinct(Histories.of([[3, 3, 2], [], [3]])).tolist() == [2, 0, 1]
    assert distinct(Histories.of([[], []])).tolist() == [0, 0]


def test_a_row_without_target_is_refused() -> None:
    with pytest.raises(InputError, match="1 rows without a target"):
        per_row(np.ones((2, 3), int), Histories.of([[1], []]), [1])


@pytest.mark.parametrize(
    ("lists", "ks"),
    [
        (np.ones((2, 3), int), [4]),
        (np.ones((2, 3), int), [0]),
        (np.ones((2, 3), int), []),
        (np.ones((3, 3), int), [1]),
        (np.ones(3, int), [1]),
    ],
)
def test_shapes_and_cut_offs_are_checked(lists: np.ndarray, ks: list[int]) -> None:
    with pytest.raises(InputError):
        per_row(lists, Histories.of([[1], [2]]), ks)


def test_labels_are_readable() -> None:
    assert (label("ndcg@10"), label("hit_rate@5"), label("map")) == ("NDCG@10", "HitRate@5", "MAP")
