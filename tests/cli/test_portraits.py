"""``penchant portraits``: shown in words and as JSON, built for all, found by interest, and checked for what words do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import UnavailableError, UnknownIdError
from penchant.core.progress import quiet
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.pipeline.release import load_release
from penchant.serve.backends import opened
from penchant.serve.choices import Choices
from penchant.serve.events import LiveEvent
from penchant.serve.portraits.words import Proposal
from penchant.users.intents import Intent, Intents, Source
from tests.serve.conftest import make_release

run = CliRunner().invoke


def test_a_portrait_is_shown(tmp_path: Path) -> None:
    with quiet():
        folder = make_release(tmp_path / "release")
    release = load_release(folder)
    told = run(app, ["portraits", "show", "u1", "--release", str(folder), "--json"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    portrait = json.loads(told.output)
    history = release.histories.row(release.users.code("u1") - 1)
    assert portrait["events"] == len(history)
    assert (portrait["user_id"], portrait["release"]) == ("u1", release.id)
    assert sum(one["weight"] for one in portrait["long"] if len(one["path"]) == 1) == pytest.approx(1, abs=0.1)
    had = {release.space.catalog.items.ids[item - 1] for item in history.tolist()}
    assert all(item_id in had for one in portrait["long"] for item_id in one["evidence"])
    shown = run(app, ["portraits", "show", "u1", "--release", str(folder)], catch_exceptions=False)
    assert f"{len(history)} event" in shown.output
    assert portrait["long"][0]["path"][-1] in shown.output
    with pytest.raises(UnknownIdError):
        run(app, ["portraits", "show", "nobody", "--release", str(folder)], catch_exceptions=False)


def test_intents_are_shown_with_what_they_stand_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet():
        folder = make_release(tmp_path / "release")
    release = load_release(folder)
    item = int(release.histories.row(release.users.code("u1") - 1)[0])
    intent = Intent(1, ("Garden", "Ferns"), 1.8, (Source(2, ("Space",), 1.0, item),))
    monkeypatch.setattr(Intents, "of", lambda self, history: [intent])
    args = ["portraits", "show", "u1", "--release", str(folder)]
    told = json.loads(run(app, [*args, "--json"], catch_exceptions=False).output)
    source = {"path": ["Space"], "share": 1.0, "item_id": release.space.catalog.items.ids[item - 1]}
    assert told["intents"] == [{"path": ["Garden", "Ferns"], "strength": 1.8, "because": [source]}]
    shown = run(app, args, catch_exceptions=False, env={"COLUMNS": "200"}).output
    assert "Garden / Ferns" in shown
    assert f"Space: {release.space.catalog.titles()[item - 1]}" in " ".join(shown.split())


def test_portraits_of_all_users_are_built_once(tmp_path: Path) -> None:
    with quiet():
        folder = make_release(tmp_path / "release")
    args = ["portraits", "build", "--release", str(folder), "--state", str(tmp_path / "state")]
    with opened(tmp_path / "state") as (log, store):
        assert store.names("portrait:") == []
        log.append([LiveEvent("e1", "u1", "i1", "view", 1_700_000_000)])
    assert "40 portraits made" in run(app, args, catch_exceptions=False).output
    with opened(tmp_path / "state") as (_, store):
        assert len(store.names("portrait:", limit=100)) == 40
    again = run(app, args, catch_exceptions=False).output
    assert "0 portraits made" in again
    assert "40 were fresh" in again
    shown = [
        json.loads(run(app, ["portraits", "show", "u1", "--release", str(folder), "--json", *more], catch_exceptions=False).output)
        for more in ([], ["--state", str(tmp_path / "state")])
    ]
    assert shown[1]["events"] == shown[0]["events"] + 1
    assert shown[1]["author"] == "events"


def test_who_is_interested_is_found_in_release_and_log(tmp_path: Path) -> None:
    with quiet():
        folder = make_release(tmp_path / "release")
    portrait = json.loads(run(app, ["portraits", "show", "u1", "--release", str(folder), "--json"], catch_exceptions=False).output)
    name = " / ".join(portrait["long"][0]["path"])
    args = ["portraits", "find", name, "--release", str(folder), "--users", "100"]
    assert "u1" in run(app, args, catch_exceptions=False).output
    with opened(tmp_path / "state") as (_, store):
        Choices(store).personalise("u1", False)
    told = run(app, [*args, "--state", str(tmp_path / "state")], catch_exceptions=False).output
    assert "of 39 users" in told
    assert "u1 " not in told
    refused = run(app, ["portraits", "find", "Nothing at all", "--release", str(folder)])
    assert "no item is in a category of that name" in str(refused.exception or refused.output)


def test_people_of_whom_swapped_words_change_much_wait_for_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prejudiced(asked: Ask | Choose) -> Choice:
        scores = np.array([4.0, 3.0, 2.0, 0.0]) if "woman" in asked.messages[-1].content else np.array([0.0, 2.0, 3.0, 4.0])
        return Choice(int(scores.argmax()), scores)

    monkeypatch.setattr("penchant.cli.portraits.language_model", lambda *_, **__: Scripted(prejudiced))
    with quiet():
        folder = make_release(tmp_path / "release")
    args = ["portraits", "check", "--release", str(folder), "--users", "6", "--others", "10", "--least", "0.3"]
    alone = run(app, args, catch_exceptions=False).output
    assert "6 of 6 people are flagged; none waits for review" in alone
    with opened(tmp_path / "state") as (_, store):
        Choices(store).personalise("u1", False)
    told = run(app, [*args, "--state", str(tmp_path / "state")], catch_exceptions=False).output
    assert "6 of 6 people are flagged; 6 of them wait for review" in told
    with opened(tmp_path / "state") as (_, store):
        waiting = store.names("review:", limit=100)
        assert len(waiting) == 6
        assert "review:u1" not in waiting, "who wants no personal lists is not looked at"
        (one,) = store.get(waiting[:1])
        assert one is not None
        proposal = Proposal.from_bytes(one.value)
        assert "instead of 'a" in proposal.why
        assert proposal.holds
    down = UnavailableError("a server", "it is down", "start it")
    monkeypatch.setattr("penchant.cli.portraits.language_model", lambda *_, **__: Scripted(lambda _: down))
    with pytest.raises(UnavailableError):
        run(app, args, catch_exceptions=False)
    monkeypatch.setattr("penchant.cli.portraits.language_model", lambda *_, **__: Scripted(prejudiced))
    few = run(app, [*args[:-6], "--users", "100", "--others", "100", "--least", "0.3"], catch_exceptions=False).output
    assert "1 of 1 people" in few, "of few people all but one tell what the model says of anybody"
