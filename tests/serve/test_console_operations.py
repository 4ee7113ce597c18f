"""The console in real Chromium where running the service is the subject: how it does, releases forth and back, a click that travels."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Page, Route, expect  # noqa: E402

from penchant.core.artifacts import read_artifact, write_artifact  # noqa: E402
from penchant.pipeline.release import KIND, Release, load_release  # noqa: E402
from penchant.pipeline.shelf import Shelf  # noqa: E402
from penchant.serve.app import create_app  # noqa: E402
from penchant.serve.backends import opened  # noqa: E402
from penchant.serve.keys import KeyFile  # noqa: E402
from penchant.serve.service import ServeSettings  # noqa: E402
from tests.serve.test_console import (  # noqa: E402, F401
    AUDIT,
    BROKEN,
    DESKTOP,
    PHONE,
    Open,
    browser,
    cards,
    open_page,
    pytestmark,
    shoot,
    shown_ids,
    wait_for_another_list,
)
from tests.servers import kafka_broker, redis_server, served  # noqa: E402

Shoot = Callable[[Page, str], None]
Server = Callable[..., str]


@pytest.fixture(scope="module")
def shelf(tiny_release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two releases that have been live, and a third that never was."""
    folder = tmp_path_factory.mktemp("shelf")
    made = Shelf(folder / "shelf")
    made.promote(made.add(tiny_release_folder), why="the first one")
    for dataset in ("tiny anew", "tiny untried"):
        settings = {**read_artifact(tiny_release_folder).manifest.settings, "dataset": dataset}
        with write_artifact(folder / dataset, kind=KIND, settings=settings) as out:
            shutil.copytree(
                tiny_release_folder,
                out.path,
                dirs_exist_ok=True,
                ignore=lambda place, _: ["manifest.json"] if Path(place) == tiny_release_folder else [],
            )
        name = made.add(folder / dataset)
        if dataset == "tiny anew":
            made.promote(name, why="two more months of events")
    return made


@pytest.fixture(scope="module")
def operated(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the shelf that follows its log."""
    with (
        opened(tmp_path_factory.mktemp("state")) as (log, store),
        served(create_app(load_release(shelf.live_path()), log=log, store=store, shelf=shelf)) as url,
    ):
        yield url


@pytest.fixture
def home(request: pytest.FixtureRequest) -> str:
    """The server that a test names; the one over the shelf by default."""
    other = next((name for name in ("guarded", "plain", "platform") if name in request.fixturenames), "operated")
    return str(request.getfixturevalue(other)) + "/"


def fact(page: Page, name: str) -> Any:
    return page.locator(".operations .counts div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_how_the_server_does_is_seen_and_followed(
    open_page: Open,  # noqa: F811
    home: str,
    shoot: Shoot,  # noqa: F811
    size: dict[str, int],
    theme: str,
) -> None:
    page = open_page("#/operations", size=size, theme=theme)
    expect(page.get_by_role("heading", level=1)).to_have_text("Operations")
    expect(page.locator(".report .lead")).to_contain_text("tiny")
    expect(fact(page, "Events behind")).to_have_text("0")
    for number in range(30):
        page.request.post(home + "v1/recommend", data={"user_id": f"u{number % 9 + 1}"})
        page.request.get(home + f"v1/items/i{number + 50}")
    page.request.post(home + "v1/events", data={"events": [{"user_id": "ann", "item_id": "i1", "event": "view"}]})
    routes = page.get_by_role("table", name="By route")
    expect(routes).to_contain_text("/v1/recommend")
    expect(routes).to_contain_text("/v1/items/{item_id}")
    expect(fact(page, "Requests a second")).not_to_have_text("0")
    expect(fact(page, "Median")).to_contain_text("ms")
    expect(page.get_by_role("table", name="How they were made")).to_contain_text("generative")
    expect(fact(page, "Newest event followed")).to_contain_text("s ago")
    expect(page.locator(".beats rect.beat").first).to_be_attached()
    expect(page.get_by_role("link", name="None is running")).to_have_attribute("href", "#/experiments")
    expect(page.get_by_role("table", name="On the shelf")).to_be_visible()
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"11-operations-{size['width']}-{theme}")
    page.evaluate("scrollTo(0, 1e9)")
    shoot(page, f"12-operations-below-{size['width']}-{theme}")


def test_looking_ends_while_nobody_sees_it(open_page: Open) -> None:  # noqa: F811
    page = open_page("#/operations")
    expect(fact(page, "Under way")).to_have_text("1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/v1/operations") else None)
    page.wait_for_timeout(5_000)
    assert asked, "it is followed"
    page.evaluate("Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})")
    page.wait_for_timeout(4_500)
    asked.clear()
    page.wait_for_timeout(5_000)
    assert asked == []
    page.evaluate("delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1_000)
    assert len(asked) == 1, "at once, when somebody looks again"
    page.get_by_role("link", name="Report").click()
    page.wait_for_timeout(4_500)
    assert len(asked) <= 2


def test_what_has_the_focus_keeps_it_through_a_new_look(open_page: Open) -> None:  # noqa: F811
    page = open_page("#/operations")
    region = page.get_by_role("region", name="Lag by partition")
    region.focus()
    first = region.element_handle()
    page.wait_for_function("one => !one.isConnected", arg=first)
    expect(region).to_be_focused()


def test_a_release_is_rolled_back_and_promoted_by_keyboard(open_page: Open, home: str, shelf: Shelf, shoot: Shoot) -> None:  # noqa: F811
    page = open_page("#/operations")
    names = {str(one.manifest.settings["dataset"]): one.name for one in shelf.releases()}
    first, second, third = names["tiny"], names["tiny anew"], names["tiny untried"]
    releases = page.get_by_role("table", name="On the shelf")
    rows = releases.locator("tbody tr")
    expect(rows.filter(has_text=second)).to_contain_text("live, served")
    expect(rows.filter(has_text=third)).to_contain_text("needs checks")
    expect(page.get_by_role("button", name=f"Promote {third}")).to_have_count(0)

    page.get_by_role("button", name="Roll back").press("Enter")
    question = page.get_by_role("dialog", name="Roll back?")
    expect(question.get_by_label("Why")).to_be_focused()
    assert page.evaluate(AUDIT, {"phone": False}) == []
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    assert shelf.live == second, "Escape does nothing"
    page.get_by_role("button", name="Roll back").press("Enter")
    question.get_by_label("Why").fill("too many of one kind")
    shoot(page, "13-roll-back")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile(rf"{first} is served, \d+\.\d s after it was made live"))
    expect(rows.filter(has_text=first)).to_contain_text("live, served")
    expect(page.get_by_role("table", name="Changes")).to_contain_text("too many of one kind")
    assert page.request.get(home + "v1/health").json()["dataset"] == "tiny"
    shoot(page, "14-rolled-back")

    page.get_by_role("button", name=f"Promote {second}").press("Enter")
    page.get_by_role("dialog").get_by_label("Why").fill("it was something else")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"{second} is served")
    assert shelf.live == second
    expect(page.locator(".report .lead")).to_contain_text("tiny anew")


def test_a_move_that_is_refused_says_why(open_page: Open) -> None:  # noqa: F811
    page = open_page("#/operations", failures=True)
    page.route("**/v1/releases/rollback", lambda route: route.fulfill(status=503, json=BROKEN))
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_label("Why").fill("to see")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(BROKEN["error"]["rule"])


def test_older_numbers_stay_while_the_server_is_silent(open_page: Open) -> None:  # noqa: F811
    page = open_page("#/operations", failures=True)
    expect(fact(page, "Under way")).to_have_text("1")
    page.route("**/v1/operations", lambda route: route.fulfill(status=503, json=BROKEN))
    failed = page.locator(".operations .failure")
    expect(failed).to_contain_text(BROKEN["error"]["rule"])
    expect(page.locator(".operations")).to_contain_text("The numbers below are older")
    expect(fact(page, "Under way")).to_have_text("1")
    assert page.evaluate(AUDIT, {"phone": False}) == []
    page.unroute("**/v1/operations")
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_have_count(0)


@pytest.fixture
def guarded(tiny_release: Release, tmp_path: Path) -> Iterator[str]:
    keys = KeyFile(tmp_path / "keys.json")
    (tmp_path / "reader").write_text(keys.add("reader", ["read", "events", "users"]))
    (tmp_path / "admin").write_text(keys.add("admin", ["admin"]))
    settings = ServeSettings(keys=keys.path)
    with opened(tmp_path) as (log, store), served(create_app(tiny_release, log=log, store=store, settings=settings, follow=False)) as url:
        yield url


def test_a_key_of_too_small_a_scope_is_exchanged(open_page: Open, guarded: str, tmp_path: Path, shoot: Shoot) -> None:  # noqa: F811
    assert guarded
    page = open_page("#/operations", failures=True)
    question = page.get_by_role("dialog", name="This server asks for a key")
    question.get_by_label("Key").fill((tmp_path / "reader").read_text())
    page.keyboard.press("Enter")
    expect(page.locator(".operations .failure")).to_contain_text("this address needs the scope admin")
    assert page.evaluate(AUDIT, {"phone": False}) == []
    shoot(page, "15-small-key")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    page.wait_for_timeout(5_000)
    assert asked == [], "nobody is asked again and again"
    page.get_by_role("button", name="Use another key").click()
    question.get_by_label("Key").fill((tmp_path / "admin").read_text())
    page.keyboard.press("Enter")
    expect(fact(page, "Under way")).to_have_text("1")
    expect(page.locator(".operations")).to_contain_text("Followed by workers elsewhere")
    expect(page.locator(".operations")).to_contain_text("penchant serve --release SHELF")
    shoot(page, "16-no-shelf")


@pytest.fixture
def plain(tiny_release: Release, tmp_path: Path) -> Iterator[str]:
    """One release, and a log that nobody follows."""
    with opened(tmp_path) as (log, _), served(create_app(tiny_release, log=log)) as url:
        yield url


def test_without_shelf_store_and_traffic_the_page_says_so(open_page: Open, plain: str) -> None:  # noqa: F811
    assert plain
    page = open_page("#/operations", failures=True)  # without a state store nobody keeps experiments
    expect(page.locator(".operations")).to_contain_text("This server serves one release")
    expect(page.locator(".operations")).to_contain_text("Nobody follows the event log here")
    expect(page.locator(".operations")).to_contain_text("No list yet")
    expect(page.get_by_role("link", name="All experiments")).to_be_visible()
    assert page.evaluate(AUDIT, {"phone": False}) == []


def steps(page: Page) -> list[str]:
    """Names of the steps that have come, in order."""
    return page.locator(".step:not([data-waits]) strong").all_inner_texts()


def times(page: Page) -> list[float]:
    told = page.locator(".step:not([data-waits]) .step-time").all_inner_texts()
    return [float(one.strip("+").removesuffix(" ms").replace(",", "")) for one in told]


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_a_click_travels(
    open_page: Open,  # noqa: F811
    home: str,
    shoot: Shoot,  # noqa: F811
    size: dict[str, int],
    theme: str,
) -> None:
    user = f"traveller-{size['width']}-{theme}"
    page = open_page(user=user, size=size, theme=theme)
    before = shown_ids(page)
    expect(page.locator(".trip")).to_be_hidden()
    with page.expect_response("**/v1/events") as answered:
        cards(page).first.get_by_role("button", name="Like").click()
    (place,) = answered.value.json()["places"]
    wait_for_another_list(page, before)
    trip = page.locator(".trip")
    if size is PHONE:
        trip.locator("summary").click()
    expect(trip.locator(".step[data-waits]")).to_have_count(0)
    expect(trip.locator(".step").filter(has_text="In the log")).to_contain_text(f"partition {place['partition']}, offset {place['offset']}")
    expect(trip.locator(".step").filter(has_text="In the history")).to_contain_text("0 events → 1")
    expect(trip.locator(".step").filter(has_text="Followed")).to_contain_text("0% →")
    expect(trip.locator(".step").filter(has_text="New list")).to_contain_text(re.compile("came in|moved"))
    assert sorted(steps(page)) == ["Followed", "In the history", "In the log", "New list", "Sent"]
    assert steps(page)[:2] == ["Sent", "In the log"]
    assert times(page) == sorted(times(page))
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"17-trip-{size['width']}-{theme}")
    found = page.request.get(home + f"v1/users/{user}").json()
    assert found["followed_to"][0]["offset"] > place["offset"]


def test_a_click_on_an_item_is_logged_and_leaves_no_mark(open_page: Open, home: str, shoot: Shoot) -> None:  # noqa: F811
    page = open_page(user="clicker")
    before = shown_ids(page)
    cards(page).first.locator(".card-title a").click()
    panel = page.get_by_role("dialog")
    panel.get_by_role("button", name="Click").press("Enter")
    expect(page.get_by_role("region", name="Last action")).to_contain_text("Clicked: ")
    wait_for_another_list(page, before)
    shoot(page, "18-click")
    page.keyboard.press("Escape")
    expect(page.locator(".trip")).to_contain_text("opened")
    expect(page.locator(".step").filter(has_text="New list")).not_to_have_attribute("data-waits", "yes")
    assert before[0] not in shown_ids(page)
    (did,) = page.request.get(home + "v1/users/clicker").json()["history"]
    assert (did["item_id"], did["event"]) == (before[0], "click")
    page.keyboard.press("Control+z")
    page.wait_for_timeout(300)
    assert page.request.get(home + "v1/users/clicker").json()["events"] == 1, "a click is not taken back"


def test_what_is_not_saved_does_not_travel(open_page: Open) -> None:  # noqa: F811
    def refuse(route: Route) -> None:
        route.fulfill(status=503, json=BROKEN)

    page = open_page(user="unlucky", failures=True)
    shown_ids(page)
    page.route("**/v1/events", refuse)
    cards(page).first.get_by_role("button", name="Like").click()
    expect(page.get_by_role("region", name="Last action")).to_contain_text("Not saved")
    expect(page.locator(".trip")).to_be_hidden()


@pytest.fixture
def platform(tiny_release: Release, tmp_path: Path) -> Iterator[str]:
    """A server whose log is on a broker and whose state is on Redis: it knows of an event what the worker has followed."""
    with (
        redis_server(tmp_path) as redis,
        kafka_broker() as kafka,
        opened(tmp_path, redis=f"redis://127.0.0.1:{redis}/0", kafka=f"127.0.0.1:{kafka}") as (log, store),
        served(create_app(tiny_release, log=log, store=store)) as url,
    ):
        yield url


def test_a_click_travels_through_a_broker(open_page: Open, platform: str, shoot: Shoot) -> None:  # noqa: F811
    assert platform
    page = open_page(user="traveller")
    before = shown_ids(page)
    lists: list[str] = []
    page.on("request", lambda request: lists.append(request.url) if request.url.endswith("/v1/recommend") else None)
    cards(page).first.get_by_role("button", name="Like").click()
    wait_for_another_list(page, before)
    expect(page.locator(".step[data-waits]")).to_have_count(0)
    assert steps(page) == ["Sent", "In the log", "In the history", "Followed", "New list"], "followed before it is seen"
    expect(cards(page).first).to_be_visible()
    expect(page.locator(".history .past-row")).to_have_count(1)
    assert len(lists) == 1, "no list is asked for before the state has the event"
    shoot(page, "19-trip-broker")
    page.goto(page.url.split("#")[0] + "#/operations")
    expect(page.get_by_role("table", name="Lag by partition").locator("tbody tr")).to_have_count(8)
