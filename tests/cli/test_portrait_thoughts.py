"""``penchant portraits think`` and ``teach``: what is shown and marked, what is taught, and that what comes next is never read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from penchant.cli import portrait_thoughts
from penchant.cli.main import app
from penchant.core.errors import InputError, PenchantError, UnavailableError, UnknownIdError
from penchant.core.progress import quiet
from penchant.llm.local import LocalModel
from penchant.llm.lora import Example, LoraSettings, Tuned, tune
from penchant.llm.model import Ask, Choice, Choose, Completion
from penchant.llm.scripted import Scripted
from penchant.pipeline.release import load_release
from penchant.serve.backends import opened
from penchant.serve.choices import Choices
from penchant.serve.events import LiveEvent
from penchant.serve.portraits.words import Words, words_key
from penchant.serve.stores import Write
from tests.llm.chat_server import chat_server
from tests.llm.tiny_model import make_tiny
from tests.serve.conftest import make_release, tiny_dataset

THOUGHT = "The person often chooses Space, so Space comes next. A wizard told me."


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 users, each mostly of one genre, none of whom chose anything twice."""
    with quiet():
        return make_release(tmp_path_factory.mktemp("release") / "release")


@pytest.fixture(scope="module")
def roomy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which reads bytes, with room for a whole question."""
    folder = make_tiny(tmp_path_factory.mktemp("models") / "roomy")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2048}))
    return folder


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of a test are kept for it alone."""
    monkeypatch.setattr("penchant.cli.language_models.cache_folder", lambda: tmp_path)


def run(*words: str | Path) -> str:
    """What a command says."""
    with quiet():
        done = CliRunner().invoke(app, ["portraits", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def spaced(question: Ask | Choose) -> str | Choice:
    """Thinks of space, truly and falsely, and chooses it after a thought of it; says harbours of anything else."""
    told = question.messages[-1].content
    if isinstance(question, Ask):
        return THOUGHT
    scores = np.full(len(question.options), -4.0)
    led = "Space" if "Space comes next" in told and "Space" in question.options else "Harbour"
    scores[question.options.index(led)] = -0.1
    return Choice(int(scores.argmax()), scores)


def leave_out_space(state: Path, user: str) -> None:
    """As a reviewer does."""
    words = Words(left_out=[["Space"]], decision="edit", reviewer="someone", time=0.0, events=2, looked_at="")
    with opened(state) as (_, store):
        store.put({words_key(user): Write(words.to_bytes())})


def asking(monkeypatch: pytest.MonkeyPatch, model: Scripted | LocalModel) -> None:
    monkeypatch.setattr(portrait_thoughts, "language_model", lambda *_, **__: model)


def test_thoughts_are_shown_beside_the_portrait_and_what_is_made_up_is_marked(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted(spaced)
    asking(monkeypatch, model)
    args = ("think", "u1", "--release", release, "--thoughts", "2")
    told = json.loads(run(*args, "--json"))
    assert [one["led_to"] for one in told["thoughts"]] == ["Space", "Space"]
    assert told["agreement"] == 1
    assert told["foreseen"][0]["category"] == "Space"
    assert sum(one["chance"] for one in told["foreseen"]) == pytest.approx(1)
    assert sum(one["portrait"]["long"] for one in told["foreseen"]) == pytest.approx(1, abs=0.1)
    first, second = told["thoughts"][0]["sentences"]
    assert (first["borne_out"], first["wrong"]) == (True, "")
    assert (second["borne_out"], second["text"]) == (False, "A wizard told me.")
    assert len({one.seed for one in model.asked if isinstance(one, Ask)}) == 2
    shown = " ".join(run(*args).split())
    assert "Thought 2 led to Space:" in shown
    assert "A wizard told me. (not borne out:" in shown
    assert "100% of 2 thoughts" in shown
    alone = json.loads(run("think", "u1", "--release", release, "--thoughts", "0", "--json"))
    assert alone["thoughts"] == []
    assert len(alone["foreseen"]) == 4


def test_thoughts_of_a_served_user_follow_the_log_the_reviewers_and_the_user(
    release: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Scripted(spaced)
    asking(monkeypatch, model)
    args = ("think", "new", "--release", release, "--state", tmp_path / "state", "--json")
    items = load_release(release).space.catalog.table
    found = dict(zip(items["item_id"].to_list(), items["title"].to_list(), strict=True))
    with opened(tmp_path / "state") as (log, store):
        log.append([LiveEvent(f"e{n}", "new", item, "view", 1_700_000_000 + n) for n, item in enumerate(("i1", "i22"))])
    assert json.loads(run(*args))["foreseen"][0]["category"] == "Space"
    assert any(found["i22"] in one.messages[-1].content for one in model.asked)
    leave_out_space(tmp_path / "state", "new")
    model.asked.clear()
    told = json.loads(run(*args))
    assert "Space" not in {one["category"] for one in told["foreseen"]}
    assert "Space" not in {one["led_to"] for one in told["thoughts"]}
    assert not any(found["i1"] in one.messages[-1].content for one in model.asked), "nothing of it is told"
    with opened(tmp_path / "state") as (_, store):
        Choices(store).personalise("new", False)
    with pytest.raises(InputError, match="wants no personal lists"):
        run(*args)
    with pytest.raises(UnknownIdError):
        run("think", "nobody", "--release", release, "--state", tmp_path / "state")


def test_a_user_without_events_and_servers_without_odds_are_told(release: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with opened(tmp_path / "state") as (log, _):
        log.append([LiveEvent("e1", "new", "i1", "view", 1_700_000_000)])
    leave_out_space(tmp_path / "state", "new")
    with pytest.raises(InputError, match="user_id='new': nothing is left of this user"):
        run("think", "new", "--release", release, "--state", tmp_path / "state")
    with pytest.raises(UnknownIdError):
        run("think", "nobody", "--release", release)
    with (
        chat_server() as server,
        pytest.raises(InputError, match="without likelihoods: thoughts are weighed by them; ask a model in this process"),
    ):
        run("think", "u1", "--release", release, "--server", server.url, "--model", "small")
    assert any(one.get("logprobs") for one in server.asked), "it is asked for odds"
    asking(monkeypatch, Scripted(lambda _: UnavailableError("a server", "it is down", "start it")))
    with pytest.raises(UnavailableError):
        run("think", "u1", "--release", release)


class Read(LocalModel):
    """Remembers what it was asked."""

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``."""
        self.read = [*getattr(self, "read", []), *asks]
        return super().complete(asks)

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``LanguageModel``."""
        self.read = [*getattr(self, "read", []), *chooses]
        return super().choose(chooses)


def _told(question: Ask) -> str:
    """What a question tells of the user."""
    return question.messages[-1].content.split(" Say in one")[0]


@pytest.mark.parametrize("mode", ["optimal", "sub-optimal"])
def test_a_model_is_taught_without_reading_what_comes_next_and_its_folder_thinks(
    mode: str, release: Path, roomy_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learnt: list[Example] = []

    def kept(model: LocalModel, examples: Sequence[Example], folder: Path, settings: LoraSettings) -> Tuned:
        learnt.extend(examples)
        assert (settings.steps, settings.seed) == (2, 3)
        return tune(model, examples, folder, settings)

    monkeypatch.setattr(portrait_thoughts, "tune", kept)
    monkeypatch.setattr(portrait_thoughts, "_TOKENS", 6)
    model = Read(roomy_folder, bf16=False)
    asking(monkeypatch, model)
    out = tmp_path / "taught"
    common = ("--release", release, "--users", "40", "--steps", "2", "--seed", "3", "--thoughts", "1")
    said = " ".join(run("teach", "--mode", mode, "--out", out, *common).split())
    counts = json.loads((out / "lessons.json").read_text())
    assert counts["own"] + counts["template"] == len(learnt) // 2 == 40
    assert f"{counts['own']} of the model's own led" in said
    assert f"{counts['template']} are the template's" in said

    histories, titles = load_release(release).histories, tiny_dataset().catalog.titles()
    asked = [one for one in model.read if isinstance(one, Ask)]
    assert len(asked) == 40, "one thought of each user"
    for row, question in enumerate(asked):
        past = [titles[item - 1] for item in histories.row(row)]
        assert past[-1] not in set(past[:-1])
        told = (question, learnt[2 * row], learnt[2 * row + 1])
        assert all(past[-2] in one.messages[-1].content for one in told), "the question is of this user"
        assert not any(past[-1] in message.content for one in told for message in one.messages), "the newest event is held out"
        assert past[-1] not in learnt[2 * row].answer
        weighed = [one for one in model.read if isinstance(one, Choose) and _told(question) in one.messages[-1].content]
        assert weighed, "the categories are weighed after its thought"
        assert not any(past[-1] in one.messages[-1].content for one in weighed)

    monkeypatch.undo()
    monkeypatch.setattr("penchant.cli.language_models.cache_folder", lambda: tmp_path)
    monkeypatch.setattr(portrait_thoughts, "_TOKENS", 6)
    thought = json.loads(run("think", "u1", "--release", release, "--model", out, "--thoughts", "1", "--json"))
    assert thought["model"] == "taught"
    assert len(thought["thoughts"]) == 1
    with pytest.raises(InputError, match="something lies there already"):
        run("teach", "--mode", mode, "--out", out, *common)


def test_who_opted_out_is_not_learnt_from_and_what_cannot_be_taught_is_told(
    release: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[int] = []

    def counted(histories, *_) -> None:  # type: ignore[no-untyped-def]
        seen.append(len(histories))
        raise UnavailableError("lessons", "none are made", "stop")

    args = ("teach", "--mode", "optimal", "--out", tmp_path / "out", "--release", release, "--model", tiny_folder)
    with monkeypatch.context() as patched:
        patched.setattr(portrait_thoughts, "lessons_of", counted)
        with opened(tmp_path / "state") as (_, store):
            Choices(store).personalise("u1", False)
        for more in ((), ("--state", tmp_path / "state")):
            with pytest.raises(UnavailableError):
                run(*args, *more)
    assert seen == [40, 39]
    with pytest.raises(InputError, match=r"mode=unsupervised: nothing is taught in it: .* pass optimal or sub-optimal"):
        run("teach", "--mode", "unsupervised", "--out", tmp_path / "out")
    with pytest.raises(InputError, match="a server has no weights"):
        run("teach", "--mode", "optimal", "--out", tmp_path / "out", "--server", "http://127.0.0.1:9/v1")
    asking(monkeypatch, Scripted(spaced))
    with pytest.raises(InputError, match="only a model in this process can be taught"):
        run(*args)
    assert not (tmp_path / "out").exists()
