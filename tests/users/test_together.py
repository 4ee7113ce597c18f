from __future__ import annotations

from penchant.users.state import Did
from penchant.users.together import SESSION, pairs


def did(item: str, time: int, action: str = "view") -> Did:
    return Did(item, action, time)


def test_items_of_one_session_go_together_both_ways() -> None:
    assert sorted(pairs([did("tea", 0)], [did("cup", 60)])) == [("cup", "tea", 60), ("tea", "cup", 60)]
    assert list(pairs([did("tea", 0)], [did("cup", SESSION + 1)])) == []
    assert list(pairs([did("tea", 0)], [did("tea", 1)])) == [], "an item does not go with itself"


def test_the_three_newest_others_count_once_each() -> None:
    before = [did(item, 0) for item in ("a", "b", "c", "d", "d")]
    assert {other for item, other, _ in pairs(before, [did("new", 1)]) if item == "new"} == {"b", "c", "d"}


def test_what_is_new_goes_with_what_is_new() -> None:
    found = list(pairs([], [did("a", 0), did("b", 1), did("c", 2)]))
    assert {frozenset(pair[:2]) for pair in found} == {frozenset("ab"), frozenset("ac"), frozenset("bc")}
    assert len(found) == 6


def test_what_is_turned_down_goes_with_nothing() -> None:
    new = [did("a", 0), did("b", 1, "hide"), did("c", 2, "dislike"), did("a", 3, "undo"), did("d", 4)]
    assert {frozenset(pair[:2]) for pair in pairs([did("e", 0, "dislike")], new)} == {frozenset("ad")}
