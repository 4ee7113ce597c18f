"""The console in real Chromium, used as a person would, against a running server with a small release."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Route, expect  # noqa: E402

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
AUDIT = (Path(__file__).parent / "console_audit.js").read_text(encoding="utf-8")
BROKEN = {"error": {"value": "state.db", "rule": "the state store did not answer", "remedy": "ask again in a moment"}}
HOSTILE = "<img src=x onerror=\"window.harmed=1\"><script>window.harmed=1</script> & 'more'"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

from penchant.serve.experiments.answers import ResultOut  # noqa: E402

expect.set_options(timeout=15_000)  # milliseconds; a busy machine is not a fault of the page


def told_interval(units: int) -> dict[str, float | int]:
    return {"estimate": 0.05, "low": 0.05 - 40 / units, "high": 0.05 + 40 / units, "p": 0.01, "units": units}


TOLD = ResultOut.model_validate(
    {
        "experiment": {
            "name": "told",
            "state": "running",
            "started": 1_790_000_000.0,
            "ended": None,
            "why": None,
            "experiment": {
                "name": "told",
                "arms": [{"name": "as-is", "share": 0.5}, {"name": "changed", "share": 0.5, "weights": {"ease": 2.0}}],
                "metrics": [{"name": "clicks", "events": ["click"]}],
            },
        },
        "verdict": "better",
        "meaning": "changed is better than as-is by clicks.",
        "arms": [
            {"name": name, "share": 0.5, "users": 500, "counted": 490, "lists": 2_000, "metrics": {"clicks": 0.3}, "off_policy": None}
            for name in ("as-is", "changed")
        ],
        "sample_ratio": 1.0,
        "alarm": False,
        "comparisons": [
            {
                "arm": "changed",
                "metric": "clicks",
                "difference": told_interval(1_000),
                "adjusted": told_interval(1_000),
                "correlation": 0.5,
                "relative": 0.2,
                "looks": [{"at": 1_790_000_000.0 + units, "interval": told_interval(units)} for units in range(100, 1_001, 100)],
            }
        ],
        "preference": None,
        "guardrails": [{"arm": "changed", "metric": "milliseconds", "margin": 5.0, "difference": told_interval(1_000), "state": "holds"}],
        "shadows": [{"arm": "s", "lists": 4, "dropped": 0, "failed": 0, "overlap": 0.5, "correlation": None, "milliseconds": 3.0}],
    }
).model_dump(mode="json")

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def home(server_url: str) -> str:
    return server_url.rstrip("/") + "/"


@pytest.fixture
def someone(server_url: str, browser: Browser) -> dict[str, Any]:
    """The user with the most events among the first twenty."""
    context = browser.new_context()
    users = context.request.get(server_url.rstrip("/") + "/v1/users?search=&limit=20").json()["users"]
    context.close()
    return max(users, key=lambda user: user["events"])


@pytest.fixture
def open_page(browser: Browser, home: str) -> Iterator[Open]:
    """Open the page at a size and theme; at the end there must have been no JavaScript error on any page."""
    contexts, errors = [], []

    def opened(where: str = "", *, size: Any = DESKTOP, theme: Any = "light", user: str | None = None, failures: bool = False) -> Page:
        context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)

        def heard(message: ConsoleMessage) -> None:
            refused = failures and "Failed to load resource" in message.text
            if message.type in ("error", "warning") and not refused:
                errors.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if user is not None:
            page.add_init_script(f"localStorage.getItem('penchant.user') ?? localStorage.setItem('penchant.user', {json.dumps(user)})")
        page.goto(home + where)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[[Page, str], None]:
    folder = Path(os.environ.get("PENCHANT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def shot(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return shot


def cards(page: Page) -> Locator:
    return page.locator(".cards > .card")


def shown_ids(page: Page) -> list[str]:
    expect(page.locator(".cards[aria-busy]")).to_have_count(0)
    expect(cards(page).first).to_be_visible()
    return cards(page).evaluate_all("found => found.map(card => card.dataset.item)")


def wait_for_another_list(page: Page, before: list[str]) -> list[str]:
    page.wait_for_function(
        "before => { const list = document.querySelector('.cards');"
        " return !list.hasAttribute('aria-busy') && [...list.children].map(card => card.dataset.item).join() !== before }",
        arg=",".join(before),
    )
    return shown_ids(page)


def sent(request: Request) -> dict[str, Any]:
    body = request.post_data_json
    assert isinstance(body, dict)
    return body


def title_of(card: Locator) -> str:
    return card.locator(".card-title").inner_text()


def test_a_person_finds_likes_hides_and_looks_around(open_page: Open, someone: dict[str, Any], shoot: Callable[[Page, str], None]) -> None:
    page = open_page()
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular with everyone")
    popular = shown_ids(page)
    shoot(page, "01-nobody")

    # picks a user
    page.get_by_label("Choose a user").fill(someone["user_id"])
    page.get_by_role("option").filter(has=page.get_by_text(someone["user_id"], exact=True)).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"For {someone['user_id']}")
    before = wait_for_another_list(page, popular)
    expect(page.locator(".history .past-row").first).to_be_visible()
    reasons = page.locator(".reason a")
    expect(reasons.first).to_be_visible()
    expect(page.locator(".card .tag").first).to_be_visible()
    shoot(page, "02-recommendations")

    # follows a reason to the item it names
    cause = reasons.first.inner_text()
    reasons.first.click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=2)).to_have_text(cause)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    # searches as one types, opens an item, likes it
    title = title_of(cards(page).nth(1))
    page.get_by_role("combobox", name="Search the catalogue").fill(title)
    option = page.get_by_role("option").filter(has=page.get_by_text(title, exact=True)).first
    expect(option.locator(".tag").first).to_have_text(re.compile("words|meaning"))
    shoot(page, "03-search")
    option.click()
    expect(panel.get_by_role("heading", level=2)).to_have_text(title)
    like = panel.get_by_role("button", name="Like")
    expect(like).to_have_attribute("aria-pressed", "false")
    expect(panel.get_by_role("heading", name="Similar items")).to_be_visible()
    like.click()
    expect(panel.get_by_role("button", name="Liked")).to_have_attribute("aria-pressed", "true")
    shoot(page, "04-item")
    page.keyboard.press("Escape")

    # sees the list follow, and the like in the history
    after = wait_for_another_list(page, before)
    assert set(after) - set(before) or after != before
    expect(page.locator(".history .past-row").first).to_contain_text(title)
    expect(page.locator(".history .past-row").first).to_contain_text("liked")
    expect(page.locator("#live")).not_to_be_empty()
    shoot(page, "05-liked")

    # hides one: it leaves at once; undo brings it back
    first = cards(page).first
    gone, name = after[0], title_of(first)
    first.get_by_role("button", name="Hide").click()
    expect(page.locator(f'.card[data-item="{gone}"]')).to_have_count(0)
    expect(page.get_by_role("region", name="Last action")).to_contain_text(name)
    wait_for_another_list(page, after)
    expect(page.locator(f'.card[data-item="{gone}"]')).to_have_count(0)
    shoot(page, "06-hidden")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.card[data-item="{gone}"]')).to_have_count(1)
    expect(page.locator(f'.card[data-item="{gone}"] .change')).to_contain_text("new")

    # takes the like back from the item itself
    page.locator(".history .past-row a").first.click()
    panel.get_by_role("button", name="Liked").click()
    expect(panel.get_by_role("button", name="Like").first).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")

    # walks the codes, reads the report, goes back
    page.get_by_role("link", name="Codes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Semantic IDs")
    page.get_by_role("button", name="Watch").click()
    stage = page.get_by_role("list", name="What was held after each code")
    expect(stage.get_by_role("heading", name="Items")).to_be_visible()  # the last column comes by itself
    path = stage.locator(".beam-level").nth(-2).locator(".held").first
    path.hover()
    expect(stage.locator(".held[data-way]").first).to_be_visible()
    assert page.locator(".beam-ends .held").count() > 0
    shoot(page, "07-beam")
    page.locator(".branch a").first.click()
    expect(page.get_by_role("navigation", name="Path of codes")).to_contain_text("All items")
    shoot(page, "07-codes")
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("table").first).to_be_visible()
    shoot(page, "08-report")
    page.go_back()
    expect(page).to_have_url(re.compile(r"#/codes/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Semantic ID ")
    expect(page.locator(".foot-facts")).to_contain_text("ms")


def test_a_new_visitor_begins_with_nothing_and_the_list_follows(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="New visitor").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("For visitor-[a-z0-9]{6}"))
    expect(page.locator(".feed .lead")).to_contain_text("No history yet: like something")
    expect(page.locator(".history .empty")).to_contain_text("No history yet")
    before = shown_ids(page)
    title = title_of(cards(page).first)
    cards(page).first.get_by_role("button", name="Like").click()
    wait_for_another_list(page, before)
    expect(page.locator(".feed .lead")).to_contain_text("1 event of history")
    expect(page.locator(".history .past-row")).to_have_count(1)
    expect(page.locator(".history .past-row")).to_contain_text(title)
    who = page.locator(".person-name").inner_text()
    page.reload()
    expect(page.locator(".person-name")).to_have_text(who)


def test_liking_without_a_user_makes_one(open_page: Open) -> None:
    page = open_page()
    before = shown_ids(page)
    cards(page).first.get_by_role("button", name="Like").click()
    wait_for_another_list(page, before)
    expect(page.locator(".person-name")).to_have_text(re.compile("visitor-[a-z0-9]{6}"))


def test_any_id_may_be_typed(open_page: Open) -> None:
    page = open_page()
    box = page.get_by_label("Choose a user")
    box.fill("somebody else")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("For somebody else")
    expect(page.locator(".person")).to_contain_text("nothing is known yet")


def test_every_model_can_answer_alone(open_page: Open, home: str, someone: dict[str, Any]) -> None:
    page = open_page(user=someone["user_id"])
    shown_ids(page)
    for model in page.request.get(home + "v1/health").json()["models"]:
        with page.expect_response("**/v1/recommend") as answered:
            page.get_by_label("Answered by").select_option(model)
        assert sent(answered.value.request)["model"] == model
        assert answered.value.status == 200
        assert shown_ids(page) == [item["item_id"] for item in answered.value.json()["items"]]


def test_the_report_says_which_is_best_in_words(open_page: Open, home: str) -> None:
    page = open_page("#/report")
    report = page.request.get(home + "v1/report").json()
    table = page.get_by_role("table").first
    models = {row["model"] for row in report["rows"]}
    expect(table.locator("tbody th")).to_have_count(len(models))
    assert set(table.locator("tbody th").all_inner_texts()) == models
    assert table.get_by_text("best", exact=True).count() >= 1
    for sentence in report["verdicts"]:
        expect(page.locator(".verdicts")).to_contain_text(sentence)
    expect(page.locator("figure img")).to_have_count(len(report["figures"]))
    page.wait_for_function("() => [...document.querySelectorAll('figure img')].every(image => image.complete && image.naturalWidth > 0)")


def test_the_keyboard_alone_is_enough(open_page: Open, someone: dict[str, Any]) -> None:
    page = open_page(user=someone["user_id"])
    before = shown_ids(page)
    press = page.keyboard.press

    # the first stop skips to the content
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    press("Enter")
    expect(page.locator("main")).to_be_focused()

    # "/" reaches the search; the arrows choose, Enter opens, Escape closes, the focus is back
    search = page.get_by_role("combobox", name="Search the catalogue")
    press("/")
    expect(search).to_be_focused()
    page.keyboard.type(title_of(cards(page).first))
    expect(page.get_by_role("option").first).to_be_visible()
    expect(search).to_have_attribute("aria-expanded", "true")
    press("ArrowDown")
    active = page.locator("#search-options").get_by_role("option", selected=True)
    expect(active).to_have_count(1)
    expect(search).to_have_attribute("aria-activedescendant", str(active.get_attribute("id")))
    press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(search).to_be_focused()
    page.keyboard.type("x")
    press("Escape")
    press("Escape")
    expect(search).to_have_value("")

    # Tab alone reaches the first card's Hide; Enter hides; the focus stays in the list; Control Z undoes
    hide = cards(page).first.get_by_role("button", name="Hide")
    for _ in range(60):
        press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus must be visible"
        if hide.evaluate("button => button === document.activeElement"):
            break
    expect(hide).to_be_focused()
    press("Enter")
    after = wait_for_another_list(page, before)
    assert before[0] not in after
    assert page.evaluate("document.activeElement.closest('.card') !== null")
    press("Control+z")
    expect(page.locator(f'.card[data-item="{before[0]}"]')).to_have_count(1)


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_every_view_is_readable_and_fits(
    open_page: Open, home: str, someone: dict[str, Any], shoot: Callable[[Page, str], None], size: dict[str, int], theme: str
) -> None:
    page = open_page(size=size, theme=theme, user=someone["user_id"])
    first = shown_ids(page)[0]
    word = title_of(cards(page).first).split()[0]
    views = {
        "recommend": ("#/recommend", ".history .past-row, .history summary"),
        "item": (f"#/item/{first}", "dialog .details"),
        "codes": ("#/codes", ".branch"),
        "report": ("#/report", "table"),
        "experiments": ("#/experiments", ".try"),
        "search": (f"#/search/{word}", ".card"),
    }
    for name, (where, ready) in views.items():
        page.goto(home + where)
        expect(page.locator(ready).first).to_be_visible()
        assert page.evaluate(AUDIT, {"phone": size is PHONE}) == [], name
        shoot(page, f"view-{name}-{size['width']}-{theme}")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(ground) > 600) == (theme == "light")


def test_the_theme_is_remembered(open_page: Open) -> None:
    page = open_page(theme="light")
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_accessible_name(re.compile("Theme: dark"))
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")


def test_titles_are_text_whatever_they_hold(open_page: Open) -> None:
    def poison(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for item in body["items"]:
            item["title"] = HOSTILE
            item["categories"] = [HOSTILE]
            cause = {"item_id": item["item_id"], "title": HOSTILE}
            item["reason"] = {"text": f"Because you watched {HOSTILE} (both {HOSTILE})", "because": [cause], "shared": [[HOSTILE]]}
            if item["rank"] == 2:
                interest = {"path": ["All", HOSTILE], "events": 3, "of": 4, "evidence": [cause]}
                item["reason"] = {"text": f"Fits your interest in {HOSTILE}", "because": [], "shared": [], "interest": interest}
            item["matched"] = ["words"]
        route.fulfill(response=answer, json=body)

    page = open_page()
    page.route("**/v1/recommend", poison)
    page.route("**/v1/search", poison)
    page.reload()
    shown_ids(page)
    assert title_of(cards(page).first) == HOSTILE
    expect(cards(page).first.locator(".reason a")).to_have_text(HOSTILE)
    expect(cards(page).first.locator(".reason")).to_have_attribute("title", HOSTILE)
    expect(cards(page).nth(1).locator(".reason")).to_have_text(f"Fits your interest in {HOSTILE} · {HOSTILE}")
    expect(cards(page).nth(1).locator(".reason")).to_have_attribute("title", f"All › {HOSTILE}")
    page.get_by_role("combobox", name="Search the catalogue").fill("a")
    expect(page.get_by_role("option").first).to_contain_text(HOSTILE)
    assert page.evaluate("window.harmed") is None
    assert page.locator("main img, main script, header img").count() == 0


def test_an_error_gives_its_three_parts_and_a_way_to_try_again(open_page: Open, someone: dict[str, Any]) -> None:
    page = open_page(failures=True, user=someone["user_id"])
    shown_ids(page)
    page.route("**/v1/recommend", lambda route: route.fulfill(status=503, json=BROKEN))
    page.reload()
    failed = page.locator(".feed .failure")
    for part in BROKEN["error"].values():
        expect(failed).to_contain_text(part)
    expect(page.locator("#live")).to_contain_text(BROKEN["error"]["rule"])
    page.unroute("**/v1/recommend")
    failed.get_by_role("button", name="Try again").click()
    shown_ids(page)
    expect(failed).to_have_count(0)


def test_an_action_that_is_not_saved_is_taken_back(open_page: Open, someone: dict[str, Any]) -> None:
    page = open_page(failures=True, user=someone["user_id"])
    before = shown_ids(page)
    tried: list[str] = []

    def refuse(route: Route) -> None:
        tried.append(sent(route.request)["events"][0]["event_id"])
        route.fulfill(status=503, json=BROKEN)

    page.route("**/v1/events", refuse)
    cards(page).first.get_by_role("button", name="Hide").click()
    notice = page.get_by_role("region", name="Last action")
    expect(notice).to_contain_text("Not saved")
    expect(notice).to_contain_text(BROKEN["error"]["remedy"])
    expect(page.locator(f'.card[data-item="{before[0]}"]')).to_have_count(1)
    page.unroute("**/v1/events")
    with page.expect_request("**/v1/events") as again:
        notice.get_by_role("button", name="Try again").click()
    assert [sent(again.value)["events"][0]["event_id"]] == tried
    expect(page.locator(f'.card[data-item="{before[0]}"]')).to_have_count(0)
    notice.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.card[data-item="{before[0]}"]')).to_have_count(1)


def test_older_searches_are_dropped_and_parts_that_are_missing_are_named(open_page: Open) -> None:
    def slow_and_partial(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "parts": {"used": ["popularity"], "missing": ["ease"]}})

    page = open_page()
    page.route("**/v1/recommend", slow_and_partial)
    page.reload()
    expect(page.locator(".note")).to_contain_text("Answered without ease")
    expect(page.locator(".foot-facts")).to_contain_text("ease")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(sent(request)["query"]) if request.url.endswith("/v1/search") else None)
    search = page.get_by_role("combobox", name="Search the catalogue")
    search.press_sequentially("abcdefgh", delay=20)
    page.wait_for_function("() => !document.querySelector('.search .popup').hidden")
    assert asked[-1] == "abcdefgh"
    assert len(asked) < 4, "typing on must not ask for every letter"


def test_without_a_connection_the_page_says_so(open_page: Open) -> None:
    page = open_page(failures=True)
    shown_ids(page)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    page.get_by_label("Answered by").select_option(index=1)
    expect(page.locator(".feed .failure")).to_contain_text("the server cannot be reached")
    page.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_be_hidden()
    page.locator(".feed").get_by_role("button", name="Try again").click()
    shown_ids(page)


def test_the_first_load_is_small_and_asks_nobody_else(open_page: Open, home: str) -> None:
    page = open_page("#/recommend")
    shown_ids(page)
    entries = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(e => [e.name, e.encodedBodySize])"
    )
    assert [name for name, _ in entries if not name.startswith(home)] == []
    assert sum(size for _, size in entries) < 60_000


def test_an_experiment_is_started_read_and_stopped_by_keyboard(open_page: Open, home: str, shoot: Callable[[Page, str], None]) -> None:
    page = open_page("#/experiments")
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")
    name = f"more-ease-{os.getpid()}"
    page.get_by_label("Name").fill(name)
    page.get_by_label("Generator").select_option("ease")
    page.get_by_label("Percent of users").fill("30")
    page.get_by_label("Within").select_option("60")
    with page.expect_request("**/v1/experiments") as asked:
        page.get_by_role("button", name="Start").press("Enter")
    assert sent(asked.value)["arms"] == [{"name": "as-is", "share": 0.7}, {"name": "changed", "share": 0.3, "weights": {"ease": 2}}]
    expect(page).to_have_url(re.compile(f"#/experiments/{name}$"))
    expect(page.locator(".report .lead")).to_contain_text("So far: no difference shown yet")
    expect(page.get_by_role("table", name="Arms")).to_contain_text("changed")
    shoot(page, "09-experiment")
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.locator(".report .lead")).to_contain_text("Ended")
    page.get_by_role("link", name="All experiments").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments")
    expect(page.get_by_role("table")).to_contain_text(name)
    page.get_by_label("Name").fill(name)
    answer = page.request.post(home + "v1/experiments", data={"name": name})
    assert answer.status == 422


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_the_result_of_an_experiment_is_readable(
    open_page: Open, home: str, shoot: Callable[[Page, str], None], size: dict[str, int], theme: str
) -> None:
    """Numbers that would take a thousand users, in the shape of the service's own description."""
    page = open_page("#/experiments", size=size, theme=theme)
    page.route("**/v1/experiments/told", lambda route: route.fulfill(json=TOLD))
    page.goto(home + "#/experiments/told")
    figure = page.locator(".over-time")
    expect(figure).to_contain_text("0.0500 now, between 0.0100 and 0.0900")
    assert figure.locator("polyline").evaluate("line => line.points.numberOfItems") == len(TOLD["comparisons"][0]["looks"])
    expect(page.get_by_role("table", name="Guardrails")).to_contain_text("holds")
    assert page.evaluate(AUDIT, {"phone": size is PHONE}) == []
    shoot(page, f"10-result-{size['width']}-{theme}")
