"""Lanes: many requests, one call; nobody waits for others without need, and nobody suffers from another's row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from penchant.contracts import TopK
from penchant.core.errors import InputError, TrainingError
from penchant.data.histories import Histories
from penchant.pipeline import calls as calls_module
from penchant.pipeline.breaker import Breaker
from penchant.pipeline.calls import BUSY, FAILED, LATE, AtOnce, OneByOne
from penchant.pipeline.lane import Generator, Lane
from tests.contracts.planted import CASES

NOTHING = Histories.of([[]])


class Echo:
    """Names the last item of each history, k times; poison items fail; it can be held up."""

    def __init__(self, poison: int = 0) -> None:
        self.poison, self.sizes = poison, list[int]()
        self.go, self.entered = threading.Event(), threading.Event()
        self.go.set()

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        self.entered.set()
        assert self.go.wait(20)
        assert exclude is not None
        assert len(exclude) == len(histories)
        self.sizes.append(len(histories))
        if self.poison in histories.items:
            raise TrainingError("weights", "this row breaks me", "train again")
        last = np.array([[histories.row(row)[-1]] * k for row in range(len(histories))], np.int32)
        return TopK(last, last.astype(np.float32))


@contextmanager
def lane(generator: Generator, **settings: object) -> Iterator[Lane]:
    made = Lane(generator, **settings)  # type: ignore[arg-type]
    yield made
    made.close()


def held(echo: Echo, lane: Lane) -> None:
    """Let the lane begin one row and stay in it."""
    echo.go.clear()
    echo.entered.clear()
    lane.ask(Histories.of([[1]]), 1, NOTHING)
    assert echo.entered.wait(20)


def test_what_gathers_while_the_generator_works_is_one_call() -> None:
    echo = Echo()
    with lane(echo, most=8) as made:
        held(echo, made)
        answers = [made.ask(Histories.of([[code]]), k, NOTHING) for code, k in ((5, 1), (6, 3), (7, 2))]
        echo.go.set()
        found = [asked.answer.result(20).items.tolist() for asked in answers if asked is not None]
    assert found == [[[5]], [[6, 6, 6]], [[7, 7]]]
    assert echo.sizes == [1, 3]


def test_rows_with_times_and_rows_without_are_apart() -> None:
    echo = Echo()
    timed = Histories.of([[5]], times=[[100]])
    with lane(echo) as made:
        held(echo, made)
        answers = [made.ask(row, 1, NOTHING) for row in (timed, Histories.of([[6]]), timed)]
        echo.go.set()
        assert [asked.answer.result(20).items.item() for asked in answers if asked is not None] == [5, 6, 5]
    assert echo.sizes == [1, 2, 1]


def test_each_answer_has_its_own_time() -> None:
    slow, calls = Echo(), AtOnce({"slow": Echo(), "quick": Echo()})
    calls.lanes["slow"].generator = slow
    slow.go.clear()
    threading.Timer(0.3, slow.go.set).start()
    told = calls.call(["slow", "quick"], Histories.of([[5]]), 1, NOTHING).milliseconds
    assert told["slow"] >= 250
    assert told["quick"] < told["slow"]
    calls.close()


def test_who_hangs_is_left_behind_though_there_is_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "HANG", 0.2)
    hung, calls = Echo(), AtOnce({"hung": Echo(), "quick": Echo()})
    calls.lanes["hung"].generator = hung
    hung.go.clear()
    told = calls.call(["hung", "quick"], Histories.of([[5]]), 1, NOTHING)
    assert list(told.lists) == ["quick"]
    assert told.missing == {"hung": LATE}
    hung.go.set()
    calls.close()


def test_a_batch_has_its_limit() -> None:
    echo = Echo()
    with lane(echo, most=2) as made:
        held(echo, made)
        answers = [made.ask(Histories.of([[code]]), 1, NOTHING) for code in (5, 6, 7)]
        echo.go.set()
        assert [asked.answer.result(20).items.item() for asked in answers if asked is not None] == [5, 6, 7]
    assert echo.sizes == [1, 2, 1]


def test_the_first_waits_for_others_no_longer_than_it_was_told() -> None:
    echo = Echo()
    with lane(echo, most=3, wait_seconds=20.0) as made:
        answers = [made.ask(Histories.of([[code]]), 1, NOTHING) for code in (5, 6, 7)]
        assert [asked.answer.result(10).items.item() for asked in answers if asked is not None] == [5, 6, 7], "a full batch waits no more"
    with lane(echo, most=3, wait_seconds=0.05) as made:
        asked = made.ask(Histories.of([[5]]), 1, NOTHING)
        assert asked is not None
        assert asked.answer.result(10).items.item() == 5
    assert echo.sizes == [3, 1]


def test_a_row_that_fails_fails_alone() -> None:
    echo = Echo(poison=6)
    with lane(echo) as made:
        held(echo, made)
        answers = [made.ask(Histories.of([[code]]), 1, NOTHING) for code in (5, 6, 7)]
        echo.go.set()
        good, bad, other = (asked.answer for asked in answers if asked is not None)
        assert (good.result(20).items.item(), other.result(20).items.item()) == (5, 7)
        with pytest.raises(TrainingError, match="this row breaks me"):
            bad.result(20)


def test_too_many_are_refused_at_once() -> None:
    echo = Echo()
    with lane(echo, waiting=2) as made:
        held(echo, made)
        answers = [made.ask(Histories.of([[5]]), 1, NOTHING) for _ in range(3)]
        assert answers[2] is None
        echo.go.set()
        assert all(asked.answer.result(20) for asked in answers if asked is not None)


def test_a_lane_ends_and_begins_again_when_it_is_asked() -> None:
    row = Histories.of([[5]])
    with lane(Echo()) as made:
        first = made.ask(row, 1, NOTHING)
        thread = made._thread
        made.close()
        assert first is not None
        assert first.answer.result(20).items.item() == 5, "what waited is answered"
        assert thread is not None
        thread.join(10)
        assert not thread.is_alive()
        again = made.ask(row, 1, NOTHING)
        assert again is not None
        assert again.answer.result(20).items.item() == 5


@pytest.mark.parametrize(("settings", "told"), [({"most": 0}, "most=0"), ({"wait_seconds": -1.0}, "wait_seconds=-1")])
def test_bad_settings_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Lane(Echo(), **settings)  # type: ignore[arg-type]


def test_batched_or_not_the_lists_are_the_same() -> None:
    generators = {name: CASES[name].make(0) for name in ("ease", "popularity", "sasrec", "content")}
    rows = [Histories.of([items]) for items in ([3], [7, 9], [1, 2, 3, 4], [12])]
    alone = [OneByOne(generators).call(list(generators), row, 5, row) for row in rows]
    calls = AtOnce(generators, wait_seconds=0.2)  # long enough for all to be one batch
    together: list[dict[str, TopK]] = [{} for _ in rows]

    def ask(place: int) -> None:
        together[place] = calls.call(list(generators), rows[place], 5, rows[place]).lists

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for expected, found in zip(alone, together, strict=True):
        assert list(found) == list(generators)
        for name, one in expected.lists.items():
            assert found[name].items.tolist() == one.items.tolist()
            np.testing.assert_allclose(found[name].scores, one.scores, rtol=1e-5)
    assert calls.lanes["sasrec"].batches < len(rows)
    calls.close()


def test_what_is_late_fails_or_rests_is_missing_with_its_reason() -> None:
    hung, bad = Echo(), Echo(poison=5)
    calls = AtOnce({"good": Echo(), "hung": hung, "bad": bad})
    calls.lanes["hung"].breaker = Breaker(failures=2, rest_seconds=60)
    hung.go.clear()
    row = Histories.of([[5]])
    for _ in range(2):
        started = time.perf_counter()
        found = calls.call(["hung", "good", "bad"], row, 1, NOTHING, seconds=0.2)
        assert time.perf_counter() - started < 5
        assert list(found.lists) == ["good"]
        assert found.missing == {"hung": LATE, "bad": FAILED}
        assert set(found.milliseconds) == {"hung", "good", "bad"}
    assert calls.call(["hung"], row, 1, NOTHING, seconds=0.2).missing == {"hung": BUSY}
    hung.go.set()
    calls.lanes["hung"].breaker.succeeded()
    assert calls.call(["hung"], row, 1, NOTHING, seconds=20).missing == {}
    assert hung.sizes[0] == 1, "a row that nobody waits for is not begun"
    assert len(hung.sizes) == 2
    calls.close()


def test_who_is_too_busy_does_not_rest_and_without_time_nobody_is_asked() -> None:
    echo = Echo()
    calls = AtOnce({"echo": echo})
    calls.lanes["echo"].breaker = Breaker(failures=1, rest_seconds=60)
    row = Histories.of([[5]])
    for _ in range(3):
        assert calls.call(["echo"], row, 1, NOTHING, seconds=0.0).missing == {"echo": LATE}
    assert echo.sizes == []
    held(echo, calls.lanes["echo"])
    waiting = calls.lanes["echo"].ask(row, 1, NOTHING)
    late = calls.lanes["echo"].ask(row, 1, NOTHING)
    assert waiting is not None
    assert late is not None
    echo.go.set()
    assert waiting.answer.result(20).items.item() == 5
    calls.lanes["echo"].give_up(late)
    assert not calls.lanes["echo"].breaker.resting, "others were answered meanwhile"
    calls.close()


def test_what_takes_long_is_expected_to() -> None:
    calls = AtOnce({"echo": Echo()})
    assert calls.expected("echo") == 0.0
    for _ in range(10):
        calls.lanes["echo"].pace.took(0.3)
    assert calls.expected("echo") == 0.3
    calls.close()


def test_quick_ones_are_called_by_whoever_asks_and_take_their_places_among_the_others() -> None:
    threads = dict[str, str]()

    class Noting(Echo):
        def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
            threads[str(histories.items[-1])] = threading.current_thread().name
            return super().recommend(histories, k, exclude=exclude)

    calls = AtOnce({"quick": Noting(), "slow": Echo(), "bad": Echo(poison=5)}, quick=["quick", "bad"])
    told = calls.call(["quick", "slow", "bad"], Histories.of([[5]]), 1, NOTHING)
    assert threads == {"5": threading.current_thread().name}
    assert list(told.lists) == ["quick", "slow"]
    assert told.missing == {"bad": FAILED}
    assert calls.cost("quick") > 0
    for _ in range(calls.lanes["bad"].breaker.failures):
        calls.call(["bad"], Histories.of([[5]]), 1, NOTHING)
    assert calls.call(["bad"], Histories.of([[5]]), 1, NOTHING).missing == {"bad": BUSY}
    calls.close()
