"""Whatever is made, and in whatever order people decide: a person's words are served until a person decides otherwise."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.serve.portraits.words import CHANGED, NEW, NEW_WORDS, Proposal, Words, decided, proposed
from penchant.users.stored_portrait import Prose, StoredPortrait

NAMES = ["Tea", "Chess", "Mugs"]


def values(events: int, counts: list[int]) -> dict[str, Any]:
    whole = max(sum(counts), 1)
    long = [{"path": [name], "weight": count / whole, "evidence": []} for name, count in zip(NAMES, counts, strict=True) if count]
    return {"events": events, "newest": events, "short": [], "long": long, "potential": [], "rare": [], "due": []}


class Desk:
    """One user, a model that writes, a person who decides; ``mine`` is what the person last said that should be served."""

    def __init__(self) -> None:
        self.counts, self.events, self.now = [1, 0, 0], 1, 0.0
        self.portrait: StoredPortrait | None = None
        self.words: Words | None = None
        self.waiting: Proposal | None = None
        self.mine: str | None = None
        self.looks = 0

    def asks(self) -> None:
        assert self.portrait is not None
        self.waiting = proposed(self.portrait, self.words, self.waiting, self.now) or self.waiting

    def regenerate(self, item: int) -> None:
        self.now, self.events = self.now + 1, self.events + 1
        self.counts[item] += 1
        made = values(self.events, self.counts)
        self.portrait = StoredPortrait.of(made, f"events {self.events}", release="r", made=self.now, seen=0, before=self.portrait)
        self.asks()

    def model_writes(self, text: int) -> None:
        if self.portrait is not None:
            self.portrait = self.portrait.with_words(Prose(f"model {text}", "m", self.now, self.events, self.portrait.prose.of))
            self.asks()

    def decide(self, decision: Any) -> None:
        if self.waiting is None:
            return
        asked, self.waiting = self.waiting, None
        self.looks += 1
        self.words = decided(asked, self.words, decision, "ann", self.now, text=f"ann {self.looks}", left_out=[])
        self.mine = {"accept": asked.text, "edit": f"ann {self.looks}", "reject": self.mine}[decision]


STEPS = st.one_of(
    st.tuples(st.just("regenerate"), st.integers(0, 2)),
    st.tuples(st.just("model_writes"), st.integers(0, 3)),
    st.tuples(st.just("decide"), st.sampled_from(["accept", "edit", "reject"])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_a_persons_words_are_never_silently_replaced(steps: list[tuple[str, Any]]) -> None:
    desk = Desk()
    for name, what in steps:
        getattr(desk, name)(what)
        assert (None if desk.words is None else desk.words.text) == desk.mine
        if desk.words is not None:
            assert Words.from_bytes(desk.words.to_bytes()) == desk.words


def test_who_accepted_is_asked_again_once_much_has_changed() -> None:
    desk = Desk()
    desk.regenerate(0)
    assert desk.waiting is None, "what follows from events alone needs nobody"
    desk.model_writes(1)
    assert desk.waiting is not None and (desk.waiting.why, desk.waiting.text) == (NEW, "model 1")
    desk.decide("accept")
    desk.regenerate(0)
    assert desk.waiting is None
    desk.regenerate(1)
    assert desk.waiting is not None and desk.waiting.why == CHANGED
    desk.decide("edit")
    desk.model_writes(2)
    assert desk.waiting is not None and desk.waiting.why == NEW_WORDS
    desk.decide("reject")
    desk.model_writes(2)
    assert desk.waiting is None, "the same words are not put up twice"


def test_what_waits_is_only_replaced_by_newer_words_of_a_model() -> None:
    desk = Desk()
    desk.regenerate(0)
    desk.model_writes(1)
    desk.regenerate(1)
    assert desk.waiting is not None and desk.waiting.text == "model 1"
    desk.model_writes(2)
    assert (desk.waiting.text, desk.waiting.why) == ("model 2", NEW)


def test_what_was_left_out_stays_so_until_somebody_says_otherwise() -> None:
    desk = Desk()
    desk.regenerate(0)
    desk.model_writes(1)
    assert desk.waiting is not None
    first = decided(desk.waiting, None, "accept", "ann", 1.0, text="", left_out=[["Tea"]])
    assert decided(desk.waiting, first, "reject", "ann", 2.0, text="").left_out == [["Tea"]]
    assert decided(desk.waiting, first, "reject", "ann", 2.0, text="", left_out=[]).left_out == []
    assert decided(desk.waiting, None, "reject", "ann", 2.0, text="").left_out == []
