from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.items import schemes

ITEMS = 60
#: Users of the first half of the catalogue and users of the second, and items 59 and 60 that nobody had.
HALVES = Histories.of([list(1 + np.random.default_rng(user).permutation(29)[:8] + (29 if user % 2 else 0)) for user in range(200)])
MADE: dict[str, Callable[[], np.ndarray]] = {
    "random": lambda: schemes.random(ITEMS, base=10),
    "independent": lambda: schemes.independent(ITEMS),
    "sequential": lambda: schemes.sequential(HALVES, ITEMS, base=10),
    "collaborative": lambda: schemes.collaborative(HALVES, ITEMS, clusters=2, largest=20),
    "by category": lambda: schemes.by_category(
        [["shop", f"aisle {item % 5}", f"shelf {item % 15}"][: 1 + item % 3] for item in range(ITEMS)]
    ),
    "hybrid": lambda: schemes.hybrid(MADE["collaborative"]()),
    "by title": lambda: schemes.by_title([f"The {'red' if item % 2 else 'blue'} thing" for item in range(ITEMS)], words=3),
}


@pytest.mark.parametrize("name", MADE)
def test_every_item_has_codes_of_its_own(name: str) -> None:
    codes = MADE[name]()
    assert codes.dtype == np.int32 and len(codes) == ITEMS + 1
    assert (codes[0] == -1).all() and (codes[1:] >= 0).all()
    assert len(np.unique(codes[1:], axis=0)) == ITEMS
    assert np.array_equal(codes, MADE[name]())


def test_numbers_are_written_in_digits() -> None:
    assert schemes.digits(np.array([0, 7, 123]), 10).tolist() == [[-1, -1, -1], [0, 0, 0], [0, 0, 7], [1, 2, 3]]
    assert schemes.digits(np.array([0, 1, 2, 3]), 2).tolist()[1:] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert schemes.digits(np.array([0]), 10).tolist() == [[-1], [0]]


def test_items_consumed_one_after_the_other_share_digits() -> None:
    codes = schemes.sequential(Histories.of([[5, 3, 9], [3, 1]]), 10, base=3)
    numbers = codes[1:] @ 3 ** np.arange(codes.shape[1] - 1, -1, -1)
    assert numbers[[4, 2, 8, 0]].tolist() == [0, 1, 2, 3]
    assert sorted(numbers.tolist()) == list(range(10))


def test_items_that_the_same_users_had_share_a_cluster() -> None:
    first = MADE["collaborative"]()[1:59, 0]
    assert len(np.unique(first[:29])) == len(np.unique(first[29:])) == 1
    assert first[0] != first[29]
    largest = np.unique(MADE["collaborative"]()[1:, :-1], axis=0, return_counts=True)[1].max()
    assert largest <= 20


def test_categories_are_a_path_and_titles_are_words() -> None:
    codes = schemes.by_category([["a", "x"], ["a", "y"], ["b", "x"], ["a"], ["a", "x"]])
    assert codes[1, 0] == codes[2, 0] == codes[4, 0] != codes[3, 0]
    assert codes[1, 1] != codes[3, 1]  # x under a is not x under b
    assert codes[1, :2].tolist() == codes[5, :2].tolist()
    words = schemes.by_title(["Red shoe", "red  Hat", "blue shoe", ""], words=2)
    assert words[1, 0] == words[2, 0] and words[1, 1] == words[3, 1]


def test_a_hybrid_keeps_the_path_and_gives_each_item_a_code() -> None:
    path, both = MADE["collaborative"](), MADE["hybrid"]()
    assert np.array_equal(both[:, :-1], path[:, :-1])
    assert both[1:, -1].tolist() == list(range(ITEMS))


def test_nothing_connects_the_items() -> None:
    nobody = Histories.of([[]])
    assert len(np.unique(schemes.collaborative(nobody, 50, clusters=3, largest=5)[1:], axis=0)) == 50
    assert len(np.unique(schemes.sequential(nobody, 50)[1:], axis=0)) == 50


def test_bad_input() -> None:
    with pytest.raises(InputError, match="0 items"):
        schemes.independent(0)
    with pytest.raises(InputError, match="base=1"):
        schemes.random(5, base=1)
    with pytest.raises(InputError, match="clusters=1"):
        schemes.collaborative(HALVES, ITEMS, clusters=1)
    with pytest.raises(InputError, match="words=0"):
        schemes.by_title(["a"], words=0)
