"""What the same person did with within minutes: pairs of items, from one person's events in the order they arrived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penchant.users.state import Did

SESSION = 1_800  # seconds between two things that belong together, at most
_BACK = 3  # distinct items before that an item is paired with
#: What is done against an item, or takes something back.
AGAINST = frozenset({"dislike", "hide", "undo"})


def pairs(before: Sequence[Did], new: Sequence[Did]) -> Iterator[tuple[str, str, int]]:
    """(item, item it goes with, UTC seconds) for each new event and the items before it in its session; both ways.

    Args:
        before: What the person did until then, oldest first; no more of it than may matter is looked at.
        new: What was done now, in order.
    """
    newest = [did for did in before[-4 * _BACK :] if did.action not in AGAINST]
    for did in new:
        if did.action in AGAINST:
            continue
        near: list[str] = []
        for other in reversed(newest):
            if abs(did.time - other.time) <= SESSION and other.item_id != did.item_id and other.item_id not in near:
                near.append(other.item_id)
                if len(near) == _BACK:
                    break
        for item_id in near:
            yield item_id, did.item_id, did.time
            yield did.item_id, item_id, did.time
        newest = [*newest[-4 * _BACK :], did]
