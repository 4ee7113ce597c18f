"""Portraits in a real store: a person's words outlive whatever is made, workers elsewhere keep portraits fresh, damage is mended."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError, InputError, UnknownIdError, require
from penchant.pipeline.release import Release
from penchant.serve.choices import Choices
from penchant.serve.near_line import NearLine
from penchant.serve.portraits.kept import Found, StoredPortraits, portrait_key
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.portraits.words import Proposal, review_key, words_key
from penchant.serve.state import Person
from penchant.serve.stores import Write
from penchant.serve.work import Refreshing
from tests.serve.portraits.test_build import kept
from tests.serve.shop import Shop

STEPS = st.one_of(
    st.tuples(st.just("does"), st.integers(1, 60)),
    st.tuples(st.just("writes"), st.integers(0, 3)),
    st.tuples(st.just("asks"), st.none()),
    st.tuples(st.sampled_from(["accept", "edit", "reject"]), st.integers(0, 99)),
)


def found(portraits: StoredPortraits, user: str = "ann") -> Found:
    return portraits.look([user])[0]


def refreshed(portraits: StoredPortraits, user: str = "ann") -> None:
    portraits.ask([user])
    while portraits.step():
        pass


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=14))
def test_whatever_is_made_a_persons_words_are_replaced_by_persons_alone(tiny_release: Release, steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Shop.opened(tiny_release, Path(folder)) as shop:
        portraits = kept(shop, tiny_release)
        reviews, mine = Reviews(portraits, Choices(shop.store)), None
        shop.follow([("ann", "i1")])
        refreshed(portraits)
        for name, what in steps:
            now = found(portraits)
            assert now.portrait is not None
            if name == "does":
                shop.follow([("ann", f"i{what}")])
                refreshed(portraits)
            elif name == "writes":
                portraits.write("ann", f"model {what}", "m", now.portrait.prose.of)
            elif name == "asks":
                reviews.ask("ann", "a look")
            elif now.waiting is not None:
                text = f"ann {what}"
                reviews.decide("ann", now.place, name, "rae", text=text)  # type: ignore[arg-type]
                mine = {"accept": now.waiting.text, "edit": text, "reject": mine}[name]
            words = found(portraits).words
            assert (None if words is None else words.text) == mine


def test_a_worker_elsewhere_keeps_portraits_fresh(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        near_line = NearLine(shop.log, shop.store)
        refreshing = Refreshing(tiny_release, near_line)
        try:
            shop.worker = near_line.worker
            shop.follow([("ann", "i1"), ("ann", "i2")])
            for _ in range(300):
                one = found(kept(shop, tiny_release))
                if one.fresh and one.portrait is not None and one.portrait.events == 2:
                    break
                time.sleep(0.02)
            assert one.fresh
            assert one.portrait is not None
            assert one.portrait.events == 2
        finally:
            refreshing.close()


def test_damage_is_mended_or_left_out(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        shop.follow([("ann", "i1")])
        refreshed(portraits)
        assert shop.store.put({portrait_key("ann"): Write(b"spoilt", found(portraits).version), words_key("ann"): Write(b"spoilt")})
        spoilt = found(portraits)
        assert (spoilt.portrait, spoilt.fresh, spoilt.words) == (None, False, None)
        refreshed(portraits)
        assert found(portraits).fresh


def test_nobody_is_reviewed_who_was_forgotten(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        shop.follow([("ann", "i1")])
        refreshed(portraits)
        portraits.drop("ann")
        portraits.drop("ann")
        with pytest.raises(UnknownIdError):
            Reviews(portraits, Choices(shop.store)).ask("ann", "a look")


def test_who_opts_out_while_a_portrait_is_made_has_none(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        shop.follow([("ann", "i1")])
        queue = portraits.refresher.queue
        queue.want(["ann"])
        claims = queue.take(10)
        made = portraits._make(list(claims))
        Choices(shop.store).personalise("ann", False)
        portraits.drop("ann")
        assert queue.done(claims, made) == 0
        assert shop.store.versions([portrait_key("ann")]) == [0]
        refreshed(portraits)
        assert shop.store.versions([portrait_key("ann")]) == [0]
        assert queue.waiting() == 0


def test_what_waits_goes_with_the_portrait_of_who_opted_out_elsewhere(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        shop.follow([("ann", "i1")])
        refreshed(portraits)
        Reviews(portraits, Choices(shop.store)).ask("ann", "a look")
        Choices(shop.store).personalise("ann", False)
        shop.follow([("ann", "i2")])
        refreshed(portraits)
        assert shop.store.versions([portrait_key("ann"), review_key("ann")]) == [0, 0]


@pytest.mark.parametrize("before", [False, True])
def test_one_whose_state_is_spoilt_keeps_nobody_from_a_portrait(
    tiny_release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        unkept = portraits.state.unkept

        def spoilt(user: str) -> Person:
            require(user != "ben", "3 bytes", "a state is damaged", "forget the user", ArtifactError)
            return unkept(user)

        if before:  # then they are in the queue whatever their state
            shop.follow([("ben", "i1")])
            refreshed(portraits, "ben")
        shop.follow([("ann", "i1"), ("ben", "i2"), ("cat", "i1")])
        monkeypatch.setattr(portraits.state, "unkept", spoilt)
        portraits.ask(["ann", "ben", "cat"])
        assert portraits.step() == 2
        assert [found(portraits, user).fresh for user in ("ann", "ben", "cat")] == [True, False, True]


def test_nothing_is_decided_where_no_portrait_is_kept(tiny_release: Release, tmp_path: Path) -> None:
    with Shop.opened(tiny_release, tmp_path) as shop:
        portraits = kept(shop, tiny_release)
        waits = Proposal(why="new", asked=0.0, text="Drinks tea.", author="a-model", events=1)
        assert shop.store.put({review_key("ann"): Write(waits.to_bytes())})
        with pytest.raises(InputError, match="no portrait is kept"):
            Reviews(portraits, Choices(shop.store)).decide("ann", found(portraits).place, "accept", "rae")
        assert shop.store.versions([words_key("ann")]) == [0]
