"""The console in real Chromium where trust is the subject: a server that asks for a key, and a user's own data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Page, expect  # noqa: E402

from penchant.pipeline.release import Release  # noqa: E402
from penchant.serve.app import create_app  # noqa: E402
from penchant.serve.keys import SCOPES, KeyFile  # noqa: E402
from penchant.serve.service import ServeSettings  # noqa: E402
from penchant.serve.sqlite_log import SqliteEventLog  # noqa: E402
from tests.serve.test_console import AUDIT, Open, browser, cards, open_page, pytestmark, shown_ids, wait_for_another_list  # noqa: E402, F401
from tests.servers import served  # noqa: E402


@pytest.fixture
def home(server_url: str, request: pytest.FixtureRequest) -> str:
    """The open server, or the one that asks for keys where a test names it."""
    return str(request.getfixturevalue("guarded")[0] if "guarded" in request.fixturenames else server_url) + "/"


@pytest.fixture
def guarded(tiny_release: Release, tmp_path: Path) -> Iterator[tuple[str, KeyFile]]:
    keys = KeyFile(tmp_path / "keys.json")
    keys.add("ended", ["read"], seconds=0)
    log = SqliteEventLog(tmp_path / "events.sqlite")
    with served(create_app(tiny_release, log=log, settings=ServeSettings(keys=keys.path))) as url:
        yield url, keys
    log.close()


def test_the_page_asks_for_a_key_and_keeps_it_for_the_tab(open_page: Open, guarded: tuple[str, KeyFile]) -> None:  # noqa: F811
    _, keys = guarded
    secret = keys.add("me", list(SCOPES))
    page = open_page(failures=True)
    question = page.get_by_role("dialog", name="This server asks for a key")
    expect(question).to_have_count(1)
    expect(question.get_by_label("Key")).to_be_focused()
    assert page.evaluate(AUDIT, {"phone": False}) == []
    question.get_by_label("Key").fill("pk_00000000_wrong")
    question.get_by_role("button", name="Go on").click()
    expect(question).to_contain_text("not valid")
    page.wait_for_timeout(300)  # the server looks at its file again
    question.get_by_label("Key").fill(f" {secret} ")
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    shown_ids(page)
    page.reload()
    shown_ids(page)
    assert secret not in json.dumps(page.evaluate("({...localStorage})")), "not beyond the tab"
    page.goto(page.url.split("#")[0] + "#/report")
    picture = page.locator("figure img").first
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


def test_who_has_no_key_is_told_so(open_page: Open, guarded: tuple[str, KeyFile]) -> None:  # noqa: F811
    page = open_page(failures=True)
    page.get_by_role("dialog", name="This server asks for a key").get_by_role("button", name="Cancel").click()
    expect(page.locator(".feed .failure")).to_contain_text("this server asks for one")
    assert guarded[1].read()


def data_of(page: Page) -> Any:
    part = page.locator(".yours")
    part.locator("summary").click()
    return part


def test_a_person_looks_at_their_data_opts_out_and_is_forgotten(open_page: Open) -> None:  # noqa: F811
    page = open_page(user="visitor-trust")
    stranger = shown_ids(page)
    cards(page).first.get_by_role("button", name="Like").click()
    mine = wait_for_another_list(page, stranger)
    data = data_of(page)
    expect(data).to_contain_text("Kept: 1 event")
    assert page.evaluate(AUDIT, {"phone": False}) == []
    with page.expect_download() as download:
        data.get_by_role("button", name="Download").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert [(one["user_id"], one["item_id"]) for one in told["held"]["event log"]] == [("visitor-trust", stranger[0])]

    data.get_by_label("Let lists follow what I do").click()
    expect(page.locator(".feed .lead")).to_contain_text("You opted out")
    nobody = wait_for_another_list(page, mine)
    data.get_by_label("Let lists follow what I do").click()
    expect(page.locator(".feed .lead")).to_contain_text("1 event of history")
    assert wait_for_another_list(page, nobody) != nobody

    data.get_by_role("button", name="Forget me").click()
    question = page.get_by_role("dialog", name="Forget this user?")
    expect(question).to_contain_text("visitor-trust")
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(data).to_contain_text("Kept: 1 event")
    data.get_by_role("button", name="Forget me").click()
    question.get_by_role("button", name="Forget").click()
    expect(data).to_contain_text("a search afterwards found nothing")
    expect(data).to_contain_text("Receipt ")
    expect(data).to_contain_text("Kept: 0 events")
    expect(page.locator(".feed .lead")).to_contain_text("No history yet")
    expect(page.locator(".history .past-row")).to_have_count(0)
