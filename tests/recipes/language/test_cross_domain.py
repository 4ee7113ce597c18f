"""Departments of which nothing is known, measured."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.data.histories import Histories
from penchant.recipes.language.cross_domain import CrossDomain, asked_about, distinct, lists, others, parts
from tests.users.test_intents import SOAP, WIPES, crowd, domain, made


def test_households_are_in_one_part_each() -> None:
    learn, choose, ask = parts(100)
    assert (len(learn), len(choose), len(ask)) == (60, 20, 20)
    assert sorted([*learn, *choose, *ask]) == list(range(100))
    assert all(np.array_equal(one, other) for one, other in zip(parts(100), parts(100), strict=True))


def test_departments_of_enough_items_and_buyers_are_asked_about() -> None:
    whole = asked_about(made(), crowd(), 1, 0.01)
    assert set(whole) == {domain("Food"), domain("Care"), domain("Toys")}
    assert whole[domain("Care")].tolist() == made().items(domain("Care")).tolist()
    assert set(asked_about(made(), crowd(), 7, 0.01)) == {domain("Food"), domain("Care")}
    assert asked_about(made(), crowd().where(np.zeros(crowd().num_events, bool)), 1, 0.01) == {}


def test_the_department_is_hidden_and_what_is_bought_later_is_wanted() -> None:
    history = Histories.of([[SOAP[0], 1, SOAP[1], WIPES[0], SOAP[1]], [1, 1]], times=[[1, 2, 11, 12, 13], [1, 2]])
    asked: list[list[int]] = []

    def ranks(histories: Histories, department: int) -> np.ndarray:
        asked.extend(histories.row(row).tolist() for row in range(len(histories)))
        return np.tile(-np.arange(len(made().items(department)), dtype=float), (len(histories), 1))

    model = CrossDomain(ranks, {domain("Care"): made().items(domain("Care"))}, cut=10)
    found = model.quality(history, np.array([0, 1]))
    assert asked == [[1]], "what was bought elsewhere before"
    places = [made().items(domain("Care")).tolist().index(item) for item in (WIPES[0], SOAP[1])]
    gain = sum(1 / np.log2(2 + place) for place in places) / (1 + 1 / np.log2(3))
    assert found["ndcg@10"] == pytest.approx([gain])
    assert found["recall@10"] == pytest.approx([1.0])


def test_somebody_elses_history_is_asked_with() -> None:
    rows = np.array([3, 5, 8, 9])
    assert all((others(rows, seed) != rows).all() and sorted(others(rows, seed)) == rows.tolist() for seed in range(5))


def test_lists_of_small_departments_end_early() -> None:
    found = lists(np.array([[0.1, 0.3, 0.2]]), np.array([7, 9, 4]))
    assert found.tolist() == [[9, 4, 7, 0, 0, 0, 0, 0, 0, 0]]


def test_each_item_counts_once() -> None:
    found = distinct(Histories.of([[4, 2, 4], [4, 4]]))
    assert [found.row(row).tolist() for row in range(2)] == [[4, 2], [4]]
