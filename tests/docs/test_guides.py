"""The guides are run: their files are written, their commands and snippets executed, and what they promise is compared.

A fenced block is run unless ``<!-- long -->`` stands above it. ``csv`` and ``yaml`` blocks are written under their title, ``bash`` and
``python`` blocks are executed, each line of a ``text`` block must occur in what the block before it printed, and ``json``
blocks are requests and answers of the service. Of long blocks the commands and options are checked.
"""

from __future__ import annotations

import json
import re
import shlex
import traceback
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import typer
from starlette.testclient import TestClient
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.progress import quiet
from penchant.data.dataset import Dataset
from penchant.data.schema import ACTIONS, EVENTS, ITEMS
from penchant.items.tfidf import TfidfSvd
from penchant.models.generative.tandem import TandemSettings
from penchant.models.sequence.sasrec import SASRecSettings
from penchant.pipeline.job import JobSettings, run
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.train.settings import TrainSettings
from tests.serve.test_swap import renamed

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHOP, API = DOCS / "bring-your-own-data.md", DOCS / "http-api.md"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what its fence says, and its text."""

    place: str
    line: int
    language: str
    title: str
    text: str
    long: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a block: what it printed, and what went wrong (empty if nothing did)."""

    block: Block
    said: str
    problem: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    opened = 0
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if not opened:
            opened = number
        else:
            language, _, rest = lines[opened - 1].removeprefix("```").partition(" ")
            title = re.search(r'title="([^"]*)"', rest)
            above = next((text.strip() for text in reversed(lines[: opened - 1]) if text.strip()), "")
            text = "\n".join(lines[opened : number - 1]) + "\n"
            found.append(Block(f"{page.name}:{opened}", opened, language, title[1] if title else "", text, above == "<!-- long -->"))
            opened = 0
    assert not opened, f"{page.name}:{opened} has no end"
    return found


def commands(block: Block) -> list[list[str]]:
    """The words of each command, without comments and without variables set for it."""
    lines = block.text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [[word for word in line if not re.fullmatch(r"[A-Z_]+=.*", word)] for line in words if line]


def walk(page: Path, folder: Path) -> list[Outcome]:
    """Run the blocks of a page in a folder, one after the other."""
    outcomes: list[Outcome] = []
    names: dict[str, Any] = {"__name__": "guide"}
    said = ""
    with chdir(folder), quiet():
        for block in blocks(page):
            if block.long:
                continue
            problem = ""
            if block.language in ("csv", "yaml"):
                Path(block.title).write_text(block.text, encoding="utf-8")
            elif block.language == "bash":
                said, problem = in_shell(block)
            elif block.language == "python":
                said, problem = in_python(block, names)
            elif block.language == "text":
                missing = [line for line in block.text.splitlines() if plain(line) not in plain(said)]
                problem = f"not printed: {missing}; but:\n{said}" if missing else ""
            outcomes.append(Outcome(block, said, problem))
    return outcomes


def in_shell(block: Block) -> tuple[str, str]:
    """What the commands print, and why one failed."""
    said = ""
    for words in commands(block):
        if words[0] != "penchant":
            return said, f"not a command of Penchant: {words}"
        done = CliRunner().invoke(app, words[1:])
        said += done.output
        if done.exit_code:
            error = "".join(traceback.format_exception(done.exception)) if done.exception else ""
            return said, f"exit code {done.exit_code} of {shlex.join(words)}\n{done.output}\n{error}"
    return said, ""


def in_python(block: Block, names: dict[str, Any]) -> tuple[str, str]:
    """What the snippet prints, and why it failed. ``names`` are those of the page so far."""
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile("\n" * block.line + block.text, block.place, "exec"), names)
    except Exception:
        return printed.getvalue(), traceback.format_exc()
    return printed.getvalue(), ""


def plain(text: str) -> str:
    """With single blanks, however lines were broken."""
    return " ".join(text.split())


def problems(outcomes: list[Outcome]) -> list[str]:
    return [f"{one.block.place}: {one.problem}" for one in outcomes if one.problem]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outcome]]:
    """The folder in which the guide was followed, and how it went."""
    folder = tmp_path_factory.mktemp("shop")
    return folder, walk(SHOP, folder)


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small release where the quick start's command leaves a large one."""
    folder = tmp_path_factory.mktemp("movies")
    random = np.random.default_rng(3)
    ids = ["50", "172", "181", *map(str, range(1, 38))]
    words = ["star", "wars", "river", "night", "garden", "train", "king", "winter"]
    items = pl.DataFrame({"item_id": ids, "title": [f"The {words[j % 8]} {words[(j // 8 + j) % 8]} {j}" for j in range(len(ids))]})
    users = [str(user) for user in range(190, 215) for _ in range(8)]
    chosen = np.concatenate([random.choice(len(ids), 8, replace=False) for _ in range(25)])
    times = 880_000_000 + 60 * np.arange(len(users))
    events = pl.DataFrame({"user_id": users, "item_id": [ids[j] for j in chosen], "timestamp": times, "event": "rating"})
    dataset = Dataset.build("ml-100k", events, items)
    training = TrainSettings(epochs=1, max_len=16, tokens=512)
    settings = JobSettings(
        codebook=8,
        tandem=TandemSettings(width=16, layers=1, heads=2, max_len=16),
        sasrec=SASRecSettings(width=16, layers=1, heads=2, max_len=16),
        tandem_training=training,
        sasrec_training=training,
        ease_l2=(50.0,),
        candidates=5,
        ks=(10,),
    )
    with quiet():
        run(
            dataset,
            TfidfSvd(8).fit(dataset.catalog.texts()),
            settings,
            work=folder / "work",
            release=folder / "runs" / "ml-100k" / "release",
        )
    return folder


def test_bring_your_own_data(shop: tuple[Path, list[Outcome]]) -> None:
    folder, outcomes = shop
    assert problems(outcomes) == []
    assert {one.block.language for one in outcomes} == {"csv", "bash", "text", "python"}
    assert (folder / "runs" / "my-shop" / "release" / "manifest.json").is_file()
    refused = [json.loads(line) for line in (folder / "my-shop" / "quarantine.jsonl").read_text().splitlines()]
    assert [(row["row"], row["column"], row["value"]) for row in refused] == [(17, "timestamp", "2025-02-30 11:11")]


@pytest.mark.parametrize("page", ["add-a-system.md", "concepts.md", "evaluation.md", "rules.md", "semantic-ids.md"])
def test_pages_that_go_on_with_the_shop(page: str, shop: tuple[Path, list[Outcome]]) -> None:
    outcomes = walk(DOCS / page, shop[0])
    assert problems(outcomes) == []
    assert len(outcomes) >= 2 and any(one.said.strip() for one in outcomes), "these pages show what their snippets print"


@pytest.mark.parametrize("page", [DOCS / "index.md", ROOT / "README.md"], ids=lambda page: page.name)
def test_quick_start(page: Path, movies: Path) -> None:
    outcomes = walk(page, movies)
    assert problems(outcomes) == []
    told = [one for one in outcomes if "print(" in one.block.text]
    assert len(told) == 1 and len(told[0].said.splitlines()) == 5, "one line for each of the five recommendations"


def test_http_api(shop: tuple[Path, list[Outcome]], tmp_path: Path) -> None:
    """The requests of the page are answered as it says, field by field; what an answer holds beyond is not its concern."""
    log, store = SqliteEventLog(tmp_path / "events.sqlite"), SqliteStateStore(tmp_path / "state.sqlite")
    answers = SqliteServedLog(tmp_path / "served.sqlite")
    release, shelf, pairs = shop[0] / "runs" / "my-shop" / "release", Shelf(tmp_path / "shelf"), []
    for folder in (renamed(release, tmp_path / "before", "my-shop, before"), release):
        shelf.promote(shelf.add(folder))
    with TestClient(create_app(load_release(shelf.live_path()), log=log, store=store, shelf=shelf, served=answers)) as client:
        answer = None
        for block in (block for block in blocks(API) if block.language == "json"):
            told = json.loads(block.text)
            method, _, address = block.title.partition(" ")
            if method == "POST":
                last = "" if answer is None else answer.json().get("request_id", "")
                answer = client.post(address.replace("5d3da5e98b8b42469eaca03299a36519", last), json=told)
            elif method == "DELETE":
                pairs.append((block, told, client.delete(address)))
            elif method == "GET":
                pairs.append((block, told, client.get(address)))
            elif answer is not None:
                assert answer.status_code == int(block.title), f"{block.place}: {answer.text}"
                pairs.append((block, told, answer))
        wrong = client.post("/v1/recommend", json={"k": 0}).json()
        assert set(wrong["error"]) == {"value", "rule", "remedy"}
        assert wrong == json.loads(next(block.text for block in blocks(API) if block.title == "422"))
        rows = re.finditer(r"^\| `(GET|POST|DELETE) (/v1/[^`]*)` \|", API.read_text(encoding="utf-8"), re.MULTILINE)
        told_routes = {(found[1], found[2]) for found in rows}
        routes = {(method.upper(), path) for path, methods in client.get("/openapi.json").json()["paths"].items() for method in methods}
        assert told_routes == routes
    for part in (answers, log, store):
        part.close()
    assert len(pairs) >= 7
    for block, told, answer in pairs:
        assert answer.status_code < 400, f"{block.place}: {answer.text}"
        assert differences(told, answer.json()) == [], block.place


def differences(told: Any, real: Any, path: str = "") -> list[str]:
    """Fields of ``told`` that ``real`` does not have, or has in another type. Lists are compared by their first members."""
    if told is None or real is None:
        return []
    if isinstance(told, dict):
        if not isinstance(real, dict):
            return [f"{path}: {real!r}"]
        missing = [f"{path}.{name}: missing" for name in told if name not in real]
        return missing + [line for name in told if name in real for line in differences(told[name], real[name], f"{path}.{name}")]
    if isinstance(told, list):
        if not isinstance(real, list):
            return [f"{path}: {real!r}"]
        return differences(told[0], real[0], f"{path}[0]") if told and real else []
    number = (int, float)
    alike = isinstance(real, number) if type(told) in number else type(real) is type(told)
    return [] if alike else [f"{path}: {real!r} for {told!r}"]


def test_differences_are_found() -> None:
    told = {"a": 1, "b": [{"c": "x"}], "d": None}
    assert differences(told, {"a": 2.5, "b": [{"c": "y", "e": 1}], "d": 3}) == []
    assert differences(told, {"a": "1", "b": [{}], "d": 3}) == [".a: '1' for 1", ".b[0].c: missing"]


def test_long_blocks_name_real_commands() -> None:
    """Help with the same options: an option that does not exist is refused before help is shown."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    checked = []
    for block in (block for page in PAGES for block in blocks(page) if block.language == "bash" and block.long):
        for words in commands(block):
            if words[0] == "make":
                assert words[1] in targets, block.place
            else:
                done = CliRunner().invoke(app, [*words[1:], "--help"])
                assert (words[0], done.exit_code) == ("penchant", 0), f"{block.place}: {done.output}"
            checked.append(words[1])
    assert {"demo", "evaluate", "serve"} <= set(checked)
    assert CliRunner().invoke(app, ["serve", "--no-such-option", "--help"]).exit_code != 0


def test_the_tables_of_columns_are_complete() -> None:
    text = SHOP.read_text(encoding="utf-8")
    for name, schema in (("events", EVENTS), ("items", ITEMS)):
        rows = re.findall(r"^\| (`.*`) \| (.*) \|$", text.split(f"| {name} | what it is |")[1].split("\n\n")[0], re.MULTILINE)
        assert {column for first, _ in rows for column in re.findall(r"`(\w+)`", first)} == set(schema)
        if name == "events":
            actions = next(rest for first, rest in rows if first == "`event`")
            assert re.findall(r"`(\w+)`", actions) == [action for action in ACTIONS if action not in ("", "other")]


def test_the_table_of_commands_is_complete() -> None:
    told = re.findall(r"^\| `penchant (\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(told) == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_architecture_names_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = ROOT / "penchant"
    folders = {path.parent.name for path in package.rglob("__init__.py")} - {"penchant"}
    modules = {path.name for path in package.glob("*.py") if path.stem != "__init__"}
    assert {name for name in folders if f"{name}/`" not in text} | {name for name in modules if f"`{name}`" not in text} == set()


def test_every_page_is_in_the_navigation() -> None:
    told = set(re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert told == {page.name for page in DOCS.glob("*.md")}


def test_links_lead_somewhere() -> None:
    for page in (*PAGES, ROOT / "ARCHITECTURE.md"):
        targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
        assert [target for target in targets if not (page.parent / target).exists()] == [], page.name
