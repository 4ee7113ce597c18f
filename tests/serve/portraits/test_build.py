"""Portraits of everybody: once, for those who may have one, and with a model's words where somebody writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from penchant.core.errors import ArtifactError, require
from penchant.core.progress import quiet
from penchant.pipeline.release import Release
from penchant.serve.choices import Choices
from penchant.serve.portraits.build import Built, build
from penchant.serve.portraits.fitted import fitted
from penchant.serve.portraits.kept import StoredPortraits
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.state import LiveState, Person
from penchant.users.portrait import Portrait
from tests.serve.shop import Shop


@pytest.fixture
def shop(tiny_release: Release, tmp_path: Path) -> Iterator[Shop]:
    with Shop.opened(tiny_release, tmp_path) as shop, quiet():
        yield shop


def kept(shop: Shop, release: Release, name: str = "") -> StoredPortraits:
    catalog = release.space.catalog
    state = LiveState(catalog, release.users, release.histories, shop.log, choices=Choices(shop.store))
    return StoredPortraits(shop.store, fitted(release), name or release.id, state, starts=False)


def numbers(built: Built) -> tuple[int, int, int]:
    return built.made, built.fresh, built.written


def test_everybody_has_one_and_nobody_is_made_twice(shop: Shop, tiny_release: Release) -> None:
    users = tiny_release.users.ids.to_list()
    portraits = kept(shop, tiny_release)
    assert numbers(build(portraits, [*users, "stranger"])) == (len(users), 0, 0)
    assert numbers(build(portraits, users)) == (0, len(users), 0)
    shop.follow([("u1", "i1"), ("new", "i2")])
    assert numbers(build(portraits, [*users, "new"])) == (2, len(users) - 1, 0)
    assert shop.store.versions(["portrait:stranger"]) == [0]
    (found,) = portraits.look(["new"])
    assert found.portrait is not None and found.portrait.events == 1


def test_another_release_makes_them_anew_and_changes_go_on(shop: Shop, tiny_release: Release) -> None:
    shop.follow([("ann", "i1")])
    build(kept(shop, tiny_release), ["ann"])
    shop.follow([("ann", "i2"), ("ann", "i6")])
    build(kept(shop, tiny_release), ["ann"])
    other = kept(shop, tiny_release, "other")
    assert numbers(build(other, ["ann"])) == (1, 0, 0)
    (found,) = other.look(["ann"])
    assert found.portrait is not None and found.portrait.release == "other" and found.portrait.changes


def test_who_opted_out_has_none(shop: Shop, tiny_release: Release) -> None:
    portraits = kept(shop, tiny_release)
    build(portraits, ["u1"])
    Choices(shop.store).personalise("u1", False)
    shop.follow([("u1", "i1")])
    assert numbers(build(portraits, ["u1", "u2"])) == (1, 0, 0)
    assert portraits.look(["u1"])[0].portrait is None


def test_a_model_writes_once_about_what_is_there(shop: Shop, tiny_release: Release) -> None:
    asked: list[Portrait] = []

    def write(portraits: Sequence[Portrait]) -> list[str | None]:
        asked.extend(portraits)
        return [f"Of {one.events} events." for one in portraits]

    portraits = kept(shop, tiny_release)
    users = ["u1", "u2", "stranger"]
    assert numbers(build(portraits, users, write=write, author="a-model")) == (2, 0, 2)
    assert numbers(build(portraits, users, write=write, author="a-model")) == (0, 2, 0)
    (found,) = portraits.look(["u1"])
    assert found.portrait is not None and found.waiting is not None
    assert (found.portrait.best.author, found.portrait.best.text) == ("a-model", f"Of {asked[0].events} events.")
    assert (found.waiting.why, found.waiting.author) == ("new", "a-model")
    shop.follow([("u1", "i1")])
    assert numbers(build(portraits, users)) == (1, 1, 0)
    assert numbers(build(portraits, users, write=write, author="a-model")) == (0, 2, 1)


def test_who_has_nothing_to_say_changes_nothing(shop: Shop, tiny_release: Release) -> None:
    portraits = kept(shop, tiny_release)
    assert numbers(build(portraits, ["u1", "u2"], write=lambda some: [None] * len(some), author="a-model")) == (2, 0, 0)
    (found,) = portraits.look(["u1"])
    assert found.portrait is not None
    assert found.portrait.best.author == "events"


def test_nothing_is_written_about_another_state(shop: Shop, tiny_release: Release) -> None:
    portraits = kept(shop, tiny_release)
    build(portraits, ["u1"])
    (before,) = portraits.look(["u1"])
    assert before.portrait is not None
    shop.follow([("u1", "i1")])
    build(portraits, ["u1"])
    assert not portraits.write("u1", "Late.", "a-model", before.portrait.prose.of)
    assert not portraits.write("nobody", "Late.", "a-model", before.portrait.prose.of)


def test_a_model_is_not_told_what_a_reviewer_left_out(shop: Shop, tiny_release: Release) -> None:
    portraits = kept(shop, tiny_release)
    shop.follow([("ann", "i1"), ("ann", "i2")])
    build(portraits, ["ann"])
    reviews = Reviews(portraits, Choices(shop.store))
    reviews.ask("ann", "a look")
    reviews.decide("ann", portraits.look(["ann"])[0].place, "reject", "rae", left_out=[["Space"]])
    asked: list[Portrait] = []

    def write(some: Sequence[Portrait]) -> list[str | None]:
        asked.extend(some)
        return ["Cooks."] * len(some)

    assert numbers(build(portraits, ["ann"], write=write, author="a-model")) == (0, 1, 1), "and it is of the portrait that is stored"
    assert [one.path for one in asked[0].long] == [("Kitchen",)]
    assert not any(one.path[0] == "Space" for one in (*asked[0].short, *asked[0].potential, *asked[0].rare))


def test_nothing_is_written_about_who_cannot_be_read(shop: Shop, tiny_release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    portraits = kept(shop, tiny_release)
    build(portraits, ["u1", "u2"])
    unkept = portraits.state.unkept

    def spoilt(user: str) -> Person:
        require(user != "u1", "3 bytes", "a state is damaged", "forget the user", ArtifactError)
        return unkept(user)

    monkeypatch.setattr(portraits.state, "unkept", spoilt)
    assert numbers(build(portraits, ["u1", "u2"], write=lambda some: ["Cooks."] * len(some), author="a-model")) == (0, 2, 1)
