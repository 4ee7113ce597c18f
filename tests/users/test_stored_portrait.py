"""Stored portraits: the same after a round trip, damage noticed, a model's words only for what they were written of."""

from __future__ import annotations

import pytest

from penchant.core.errors import ArtifactError
from penchant.users.interest_tree import Branch, tree_of
from penchant.users.portrait import Portrait
from penchant.users.stored_portrait import EVENTS, MOST_CHANGES, Prose, StoredPortrait, digest
from tests.users.test_portrait import CHESS, IDS, MADE, MUG, TEA, bought


def stored(portrait: Portrait, before: StoredPortrait | None = None, made: float = 5.0) -> StoredPortrait:
    return StoredPortrait.of(portrait.plain(IDS), portrait.prose(), release="r", made=made, seen=3, before=before)


def test_a_round_trip_changes_nothing() -> None:
    first = stored(MADE.of(bought([TEA] * 3, [0, 30, 60])))
    second = stored(MADE.of(bought([TEA, TEA, MUG, CHESS, CHESS], [0, 1, 2, 3, 4])), first, 6.0)
    second = second.with_words(Prose("Likes chess.", "a-model", 7.0, 5, second.prose.of))
    assert second.changes
    for one in (first, second):
        assert StoredPortrait.from_bytes(one.to_bytes()) == one


def test_a_models_words_are_of_one_state() -> None:
    first = stored(MADE.of(bought([TEA], [0])))
    assert (first.best.author, first.events, first.best.of) == (EVENTS, 1, digest(first.values))
    written = first.with_words(Prose("Drinks tea.", "a-model", 6.0, 1, first.prose.of))
    assert written.best.text == "Drinks tea."
    later = stored(MADE.of(bought([TEA, CHESS], [0, 1])), written, 7.0)
    assert (later.best.author, later.written) == (EVENTS, written.written), "it is kept, and of an older state"


def test_changes_are_bounded() -> None:
    one = None
    for step in range(MOST_CHANGES + 10):
        one = stored(MADE.of(bought([TEA if step % 2 else CHESS], [0])), one, float(step))
    assert one is not None
    assert len(one.changes) == MOST_CHANGES
    assert one.changes[-1].time == MOST_CHANGES + 9


@pytest.mark.parametrize(
    "spoil", [lambda stored: stored[:-1], lambda stored: b"PCPX" + stored[4:], lambda stored: b"", lambda stored: stored + b"x"]
)
def test_damage_is_noticed(spoil: object) -> None:
    whole = stored(MADE.of(bought([TEA], [0]))).to_bytes()
    with pytest.raises(ArtifactError):
        StoredPortrait.from_bytes(spoil(whole))  # type: ignore[operator]


def adds_up(branch: Branch) -> None:
    assert branch.weight == pytest.approx(branch.rest + sum(child.weight for child in branch.children))
    for child in branch.children:
        assert child.path[:-1] == branch.path
        adds_up(child)


def test_a_tree_adds_up() -> None:
    tree = tree_of(MADE.of(bought([TEA, TEA, MUG, CHESS], [0, 1, 2, 3])).long)
    assert (tree.path, tree.weight) == ((), 1.0)
    assert [child.path for child in tree.children] == [("Food",), ("Hobby",), ("Home",)]
    adds_up(tree)
    left = tree_of(MADE.of(bought([TEA, TEA, MUG, CHESS], [0, 1, 2, 3])).without([["Food"]]).long)
    assert left.rest == pytest.approx(0.5)
    adds_up(left)
    assert tree_of(()) == Branch((), 0.0, 0.0, (), ())
