from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError
from penchant.users import state as state_module
from penchant.users.decay import Decayed
from penchant.users.state import RECENT, REMEMBERED, Did, UserState

DONE = st.builds(
    Did,
    item_id=st.text(),
    action=st.sampled_from(["view", "like", "undo"]),
    time=st.integers(-(2**40), 2**40),
    value=st.none() | st.floats(allow_nan=False),
)
STATES = st.builds(
    UserState,
    recent=st.lists(DONE, max_size=8).map(tuple),
    known=st.lists(st.integers(0, 2**64 - 1), max_size=8).map(tuple),
    total=st.integers(0, 2**40),
    interests=st.builds(
        Decayed,
        half_life=st.floats(1, 1e9),
        at=st.integers(0, 2**40),
        counts=st.dictionaries(st.text(), st.floats(1e-9, 1e9), max_size=5),
    ),
)


def did(number: int, event_id: str | None = None) -> tuple[str, Did, list[str]]:
    return event_id or f"e{number}", Did(f"i{number}", "view", 1_000 + number), [f"category:{number % 3}"]


@given(state=STATES)
def test_bytes_come_back_as_the_state_they_were(state: UserState) -> None:
    assert UserState.from_bytes(state.to_bytes()) == state


def test_events_add_up_in_order() -> None:
    state = UserState().with_events([did(0), did(1)]).with_events([did(3)])
    assert [one.item_id for one in state.recent] == ["i0", "i1", "i3"]
    assert state.total == 3
    assert set(state.interests.counts) == {"category:0", "category:1"}
    assert state.interests.newest == 1_003


def test_an_id_counts_once_in_a_batch_and_later() -> None:
    once = UserState().with_events([did(1), did(2)])
    assert UserState().with_events([did(1), did(1), did(2)]) == once
    assert once.with_events([did(2), did(1)]) is once


def test_it_stays_small_and_knows_more_ids_than_events() -> None:
    state = UserState()
    for start in range(0, 3_000, 250):
        state = state.with_events([did(number) for number in range(start, start + 250)])
    assert (len(state.recent), len(state.known), state.total) == (RECENT, REMEMBERED, 3_000)
    assert state.with_events([did(1_200)]) is state, "no longer in the ring, still known"
    assert len(state.to_bytes()) < 30_000


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b[:-3], lambda b: b[:20] + b"x" + b[21:], lambda b: b"PCU9" + b[4:]])
def test_damage_is_said_so(spoil) -> None:
    stored = UserState().with_events([did(1)]).to_bytes()
    with pytest.raises(ArtifactError, match="made anew from the event log"):
        UserState.from_bytes(spoil(stored))


@given(st.lists(st.sampled_from(["view", "play", "hide", "like", "undo"]), max_size=40), st.integers(1, 7))
def test_opinions_outlast_the_events_around_them_however_they_came(actions: list[str], batch: int) -> None:
    events = [(f"e{number}", Did(f"i{number}", action, number), []) for number, action in enumerate(actions)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module, "RECENT", 5)
        at_once, in_batches = UserState().with_events(events), UserState()
        for start in range(0, len(events), batch):
            in_batches = in_batches.with_events(events[start : start + batch])
    assert at_once == in_batches
    kept = [one.time for one in at_once.recent]
    opinions = [number for number, action in enumerate(actions[:-5]) if action in ("hide", "like", "undo")]
    assert kept == [*opinions[-5:], *range(max(0, len(actions) - 5), len(actions))]
