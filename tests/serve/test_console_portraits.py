"""Portraits and reviews on the page, in real Chromium: looked at, followed while events come, decided about with the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from fastapi import FastAPI  # noqa: E402
from playwright.sync_api import Page, Route, expect  # noqa: E402

from penchant.pipeline.release import Release  # noqa: E402
from penchant.serve.app import create_app  # noqa: E402
from penchant.serve.backends import opened  # noqa: E402
from tests.serve.portraits.test_intents import planted  # noqa: E402
from tests.serve.test_console import (  # noqa: E402, F401
    AUDIT,
    BROKEN,
    DESKTOP,
    HOSTILE,
    PHONE,
    Open,
    browser,
    open_page,
    pytestmark,
    shoot,
)
from tests.servers import served  # noqa: E402

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def shop(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, FastAPI]]:
    """A server that follows its log, and the application in it."""
    with opened(tmp_path_factory.mktemp("state")) as (log, store):
        app = create_app(tiny_release, log=log, store=store)
        with served(app) as url:
            yield url, app


@pytest.fixture
def home(shop: tuple[str, FastAPI]) -> str:
    return shop[0].rstrip("/") + "/"


def does(page: Page, home: str, user: str, *items: str) -> None:
    events = [{"user_id": user, "item_id": item, "event": "view"} for item in items]
    assert page.request.post(home + "v1/events", data={"events": events}).ok


def stored(page: Page, home: str, user: str, events: int) -> dict[str, Any]:
    for _ in range(100):
        found = page.request.get(home + f"v1/users/{user}/portrait").json()
        if found["kept"] and found["kept"]["fresh"] and found["kept"]["events"] == events:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"not stored: {found['kept']}")


def writes(app: FastAPI, user: str, text: str) -> None:
    """A language model writes about a stored portrait."""
    portraits = app.state.current.service.portraits
    (found,) = portraits.look([user])
    assert portraits.write(user, text, "a-model", found.portrait.prose.of)


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_a_portrait_is_read_with_the_keyboard(
    open_page: Open,  # noqa: F811
    home: str,
    shoot: Shoot,  # noqa: F811
    size: dict[str, int],
    theme: str,
) -> None:
    page = open_page("#/portrait/u1", size=size, theme=theme)
    expect(page.get_by_role("heading", level=1)).to_have_text("Portrait of u1")
    for title in ("Lately", "All along", "May come to like", "Due again", "Seldom, but again", "All interests", "What changed"):
        expect(page.get_by_role("heading", level=2, name=re.compile(f"^{title}"))).to_be_visible()
    lately = page.get_by_role("region", name="All along")
    first = lately.locator("summary").first
    first.focus()
    page.keyboard.press("Enter")
    evidence = lately.locator(".because a").first
    expect(evidence).to_be_visible()
    page.locator(".tree summary").first.click()
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"20-portrait-{size['width']}-{theme}")
    title = evidence.inner_text()
    evidence.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", name=title)).to_be_visible()
    page.keyboard.press("Escape")
    expect(evidence).to_be_focused()


def test_a_click_changes_the_portrait_moments_later(open_page: Open, home: str) -> None:  # noqa: F811
    page = open_page()
    does(page, home, "mover", "i1")
    stored(page, home, "mover", 1)
    page.goto(home + "#/portrait/mover")
    expect(page.locator(".portrait-words")).to_contain_text("1 event")
    page.get_by_role("region", name="Lately").locator("summary").first.click()
    does(page, home, "mover", "i2", "i6", "i10")
    expect(page.locator(".portrait-words")).to_contain_text("4 events")
    expect(page.get_by_role("region", name="What changed")).to_contain_text("Kitchen came in")
    expect(page.get_by_role("region", name="Lately").locator("details[open]")).to_have_count(1)


def test_what_may_be_wanted_elsewhere_unfolds_to_why(
    open_page: Open,  # noqa: F811
    tiny_release: Release,
    tmp_path: Path,
    shoot: Shoot,  # noqa: F811
) -> None:
    with opened(tmp_path) as (log, store):
        app = create_app(replace(tiny_release, intents=planted(tiny_release)), log=log, store=store)
        with served(app) as url:
            home, page = url.rstrip("/") + "/", open_page()
            does(page, home, "stargazer", "i1")
            page.goto(home + "#/portrait/stargazer")
            elsewhere = page.get_by_role("region", name="May want elsewhere")
            elsewhere.locator("summary").first.focus()
            page.keyboard.press("Enter")
            expect(elsewhere).to_contain_text("Garden")
            expect(elsewhere).to_contain_text("3.0\u00d7")
            expect(elsewhere.locator(".because")).to_contain_text("Space")
            expect(elsewhere.locator(".because a")).to_have_attribute("href", re.compile("i1$"))
            assert page.evaluate(AUDIT, {"phone": False}) == []
            shoot(page, "20-portrait-intents")


def test_the_portrait_of_whoever_one_is(open_page: Open, home: str) -> None:  # noqa: F811
    page = open_page(user="u2")
    page.locator(".person").get_by_role("link", name="Portrait").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Portrait of u2")
    page.get_by_label("Look at a user").fill("u3")
    page.get_by_role("option").filter(has=page.get_by_text("u3", exact=True)).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Portrait of u3")
    assert page.url.endswith("#/portrait/u3")
    page.goto(home + "#/portrait/nobody-knows")
    expect(page.locator(".portrait")).to_contain_text("Nothing is known of this user yet")


def test_without_a_user_or_an_answer_the_page_says_so(open_page: Open, home: str) -> None:  # noqa: F811
    page = open_page("#/portrait", failures=True)
    expect(page.locator(".portrait")).to_contain_text("Nobody is chosen")

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json=BROKEN)

    page.route("**/portrait", refuse)
    page.goto(home + "#/portrait/u1")
    expect(page.locator(".failure")).to_contain_text("the state store did not answer")
    page.unroute("**/portrait")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".layers")).to_be_visible()


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_a_reviewer_decides(
    open_page: Open,  # noqa: F811
    home: str,
    shop: tuple[str, FastAPI],
    shoot: Shoot,  # noqa: F811
    size: dict[str, int],
    theme: str,
) -> None:
    user = f"told-{size['width']}"
    page = open_page("#/reviews", size=size, theme=theme)
    does(page, home, user, "i1", "i5")
    stored(page, home, user, 2)
    writes(shop[1], user, f"Dreams of rockets {HOSTILE}")
    does(page, home, user, "i9")
    stored(page, home, user, 3)
    page.reload()
    expect(page.get_by_role("link", name=user, exact=True)).to_be_visible()
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"21-reviews-{size['width']}-{theme}")
    page.get_by_role("link", name=user, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Review of {user}")
    expect(page.locator(".diff ins").first).to_be_visible()
    expect(page.locator(".diff del").first).to_be_visible()
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"22-review-{size['width']}-{theme}")
    page.get_by_label("Text, as it is to be served").fill("Reads about space.")
    page.locator(".leave input").last.check()
    page.get_by_role("button", name="Save this text").press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()  # it is asked for
    page.get_by_label("Your name").fill("rae")
    page.get_by_role("button", name="Save this text").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Review queue")
    expect(page.get_by_role("table", name="The newest first").locator("tbody tr").first).to_contain_text("edited")
    page.goto(home + f"#/portrait/{user}")
    expect(page.locator(".portrait-words")).to_have_text("Reads about space.")
    expect(page.locator(".words-of")).to_contain_text("Looked at by rae")
    assert page.evaluate("window.harmed") is None


def test_a_portrait_is_put_before_people_and_a_late_decision_is_refused(open_page: Open, home: str) -> None:  # noqa: F811
    page = open_page("#/portrait/u5", failures=True)
    page.get_by_role("button", name="Ask for a review").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("odd")
    dialog.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("link", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review of u5")
    version = page.request.get(home + "v1/reviews/u5").json()["version"]
    assert page.request.post(home + "v1/reviews/u5", data={"version": version, "decision": "accept", "reviewer": "max"}).ok
    page.get_by_label("Your name").fill("rae")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".decide .failure")).to_contain_text("nothing waits for a decision")


def test_what_was_left_out_stays_on_the_page_of_a_review(open_page: Open, home: str) -> None:  # noqa: F811
    page = open_page()
    does(page, home, "keeper", "i1")
    stored(page, home, "keeper", 1)
    api = home + "v1/reviews"
    assert page.request.post(api, data={"user_id": "keeper", "why": "odd"}).ok
    version = page.request.get(api + "/keeper").json()["version"]
    body = {"version": version, "decision": "accept", "reviewer": "max", "left_out": [["Of old"]]}
    assert page.request.post(api + "/keeper", data=body).ok
    assert page.request.post(api, data={"user_id": "keeper", "why": "odd again"}).ok
    page.goto(home + "#/reviews/keeper")
    expect(page.get_by_label("Of old")).to_be_checked()
    page.get_by_label("Your name").fill("rae")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review queue")
    assert page.request.get(home + "v1/users/keeper/portrait").json()["left_out"] == [["Of old"]]
