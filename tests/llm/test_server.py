"""Servers of the chat protocol, and all the ways in which they fail."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from penchant.core.errors import AnswerError, BudgetError, InputError, PenchantError, SettingsError, UnavailableError
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.server import OpenAIServer, ServerSettings
from tests.llm.chat_server import Body, ChatServer, Say, chat_server, completion, first, obedient

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
BUSY = Say({"error": {"message": "busy"}}, 503)


def settings(server: ChatServer | str, **changes: Any) -> ServerSettings:
    url = server if isinstance(server, str) else server.url
    usual: dict[str, Any] = {"base_url": url, "model": "small", "first_wait": 0.01, "longest_wait": 1.0, "retries": 2, "timeout": 10.0}
    return ServerSettings(**usual | changes)


def ask(text: str = "Name a colour.", **more: Any) -> Ask:
    return Ask((Message("user", text),), **more)


def one(say: Callable[[Body], Say], question: Ask | None = None, **changes: Any) -> tuple[Completion | PenchantError, ChatServer]:
    with chat_server(say) as server, OpenAIServer(settings(server, **changes)) as model:
        (answer,) = model.complete([question or ask()])
    return answer, server


def fails(answer: object, error: type[PenchantError], words: str) -> None:
    assert isinstance(answer, error), answer
    assert words in str(answer)


def test_what_is_asked_reaches_the_server_and_its_answer_comes_back() -> None:
    question = Ask((Message("system", "Be brief."), Message("user", "Grüß Gott 🙂")), max_tokens=7, temperature=0.5, seed=3)
    answer, server = one(obedient, question)
    assert answer == Completion("I was asked: Grüß Gott 🙂", False, 10, 6)
    (body,) = server.asked
    assert body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüß Gott 🙂"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "seed": 3,
    }


def test_fields_are_renamed_added_and_left_out() -> None:
    answer, server = one(
        lambda _: Say(completion("yes")), length_field="max_completion_tokens", fields={"temperature": None, "reasoning_effort": "low"}
    )
    assert isinstance(answer, Completion)
    assert server.asked[0].keys() == {"model", "messages", "max_completion_tokens", "seed", "reasoning_effort"}


def test_many_are_asked_at_once_but_no_more_than_allowed() -> None:
    def slow(body: Body) -> Say:
        return Say(obedient(body).body, wait=0.05)

    with chat_server(slow) as server, OpenAIServer(settings(server, concurrency=4)) as model:
        started = time.monotonic()
        answers = model.complete([ask(f"number {place}") for place in range(16)])
        seconds = time.monotonic() - started
    assert [a.text for a in answers if isinstance(a, Completion)] == [f"I was asked: number {place}" for place in range(16)]
    assert server.most == 4
    assert seconds < 16 * 0.05


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_what_passes_is_tried_again(status: int) -> None:
    answer, server = one(first(Say({"error": {"message": "later"}}, status), Say(b"<html>", status)))
    assert isinstance(answer, Completion)
    assert len(server.asked) == 3


def test_what_does_not_pass_in_time_is_unavailable() -> None:
    answer, server = one(lambda _: BUSY)
    fails(answer, UnavailableError, "HTTP 503")
    assert len(server.asked) == 3, "once, and two retries"


def test_the_clients_own_retries_are_off() -> None:
    _, server = one(lambda _: Say({"error": {"message": "x"}}, 500, {"x-should-retry": "true"}), retries=0)
    assert len(server.asked) == 1


@pytest.mark.parametrize("told", ["0.3", format_datetime(datetime.now(UTC) + timedelta(days=-1))])
def test_a_server_is_left_alone_as_long_as_it_wants(told: str) -> None:
    busy = Say({"error": {"message": "busy"}}, 429, {"retry-after": told})
    answer, server = one(first(busy))
    assert isinstance(answer, Completion)
    assert server.times[1] - server.times[0] >= (0.3 if told == "0.3" else 0.0)


def test_other_questions_leave_it_alone_too() -> None:
    busy = Say({"error": {"message": "busy"}}, 429, {"retry-after": "0.4"})
    with chat_server(first(busy, then=lambda body: Say(obedient(body).body, wait=0.1))) as server:
        model = OpenAIServer(settings(server, concurrency=2))
        assert all(isinstance(a, Completion) for a in model.complete([ask(str(place)) for place in range(4)]))
    gaps = [later - server.times[0] for later in server.times[2:]]
    assert min(gaps) >= 0.4


def test_a_rest_that_is_too_long_is_not_waited_for() -> None:
    started = time.monotonic()
    answer, server = one(lambda _: Say({"error": {"message": "tomorrow"}}, 429, {"retry-after": "86400"}))
    fails(answer, UnavailableError, "tomorrow")
    assert (len(server.asked), time.monotonic() - started < 5) == (1, True)


def test_slow_answers_are_given_up() -> None:
    answer, server = one(lambda _: Say(completion("late"), wait=5.0), timeout=0.1, retries=1)
    fails(answer, UnavailableError, "said nothing for 0.1 s")
    assert len(server.asked) == 2


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    model = OpenAIServer(settings(f"http://127.0.0.1:{port}/v1", concurrency=2, first_wait=0.05))
    started = time.monotonic()
    answers = model.complete([ask(str(place)) for place in range(200)])
    assert {type(answer) for answer in answers} == {UnavailableError}
    assert "127.0.0.1" in str(answers[0])
    assert model.usage.requests < 30, "most were not sent, once it was clear"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}', b'"\xff"'])
def test_answers_that_are_not_of_the_protocol(body: bytes) -> None:
    answer, server = one(lambda _: Say(body))
    fails(answer, AnswerError, "no answer of the chat protocol")
    assert len(server.asked) == 2
    answer, _ = one(first(Say(body)))
    assert isinstance(answer, Completion), "one broken answer is mended by a second try"


def test_connections_that_break_off() -> None:
    answer, _ = one(first(Say(b'{"choi', headers={"content-length": "1000", "connection": "close"})))
    assert isinstance(answer, Completion)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (completion(None, refusal="I will not."), "I will not."),
        (completion("half", finish_reason="content_filter"), "filter"),
        (completion(""), "empty"),
        (completion(" \n"), "empty"),
        (completion(None), "empty"),
        (completion("", finish_reason="length"), "raise max_tokens"),
    ],
)
def test_refusals_and_nothing_at_all(said: Body, words: str) -> None:
    answer, server = one(lambda _: Say(said))
    fails(answer, AnswerError, words)
    assert len(server.asked) == 1, "asking the same again is of no use"


def test_a_text_may_be_cut_but_not_an_object() -> None:
    cut = completion('{"colour": "re', finish_reason="length")
    answer, _ = one(lambda _: Say(cut))
    assert isinstance(answer, Completion)
    assert answer.cut
    answer, server = one(lambda _: Say(cut), ask(schema=SCHEMA))
    fails(answer, AnswerError, "raise max_tokens")
    assert len(server.asked) == 1


def test_the_server_is_told_the_schema() -> None:
    answer, server = one(obedient, ask(schema=SCHEMA))
    assert isinstance(answer, Completion)
    assert json.loads(answer.text)["count"] >= 1
    form = server.asked[0]["response_format"]
    assert (form["type"], form["json_schema"]["strict"], form["json_schema"]["schema"]) == ("json_schema", True, SCHEMA)


def told_in_words(text: str, otherwise: Say) -> Callable[[Body], Say]:
    return lambda body: Say(completion(text)) if "JSON schema" in body["messages"][-1]["content"] else otherwise


@pytest.mark.parametrize("text", ['{"colour": "red", "count": 2}', '```json\n{"colour": "red", "count": 2}\n```\n'])
@pytest.mark.parametrize(
    "otherwise", [Say({"error": {"message": "response_format?"}}, 400), Say(completion("Sure! Red.")), Say(completion("[]"))]
)
def test_where_the_server_cannot_the_model_is_told_in_words(text: str, otherwise: Say) -> None:
    answer, server = one(told_in_words(text, otherwise), ask(schema=SCHEMA), price_written=1e6)
    assert isinstance(answer, Completion)
    assert json.loads(answer.text) == {"colour": "red", "count": 2}
    assert ["response_format" in body for body in server.asked] == [True, False]
    in_vain = 0 if isinstance(otherwise.body, bytes) or otherwise.status == 400 else otherwise.body["usage"]["completion_tokens"]
    assert answer.cost == answer.written + in_vain


def test_a_server_that_takes_no_schema_is_asked_in_words_from_then_on() -> None:
    say = told_in_words('{"colour": "red", "count": 2}', Say({"error": {"message": "response_format?"}}, 400))
    with chat_server(say) as server, OpenAIServer(settings(server)) as model:
        for _ in range(3):
            assert isinstance(model.complete([ask(schema=SCHEMA)])[0], Completion)
    assert ["response_format" in body for body in server.asked] == [True, False, False, False]


@pytest.mark.parametrize("text", ['{"colour": "red", "count": 0}', '{"colour": "red", "count": NaN}', "{}", "red", "[" * 100_000])
def test_an_answer_that_breaks_the_schema_is_no_answer(text: str) -> None:
    answer, server = one(lambda _: Say(completion(text)), ask(schema=SCHEMA))
    assert isinstance(answer, AnswerError)
    assert len(str(answer)) < 500
    assert len(server.asked) == 2


def test_one_bad_question_does_not_stop_the_others() -> None:
    bad = [
        ask(schema={"type": "nonsense"}),
        ask(schema={"$ref": "http://127.0.0.1:9/other"}),
        ask(schema={"enum": [object()]}),
        ask("x" * 30_000),
        ask("half a character \ud83d"),
    ]
    with chat_server() as server, OpenAIServer(settings(server, concurrency=1)) as model:
        answers = model.complete([ask("first"), *bad, ask("last")])
    assert [type(a) for a in answers] == [Completion, *[InputError] * len(bad), Completion]


def test_a_prompt_that_is_too_long_is_not_sent() -> None:
    answer, server = one(obedient, ask("x" * 11), longest_prompt=10)
    fails(answer, InputError, "a prompt of 11 characters: it may have 10")
    assert server.asked == []


def test_choices() -> None:
    options = ("Ja 🙂", 'ein "Zitat"', "Nein")
    with chat_server() as server, OpenAIServer(settings(server)) as model:
        answers = model.choose([Choose((Message("user", f"{place}?"),), options) for place in range(30)])
    assert all(isinstance(a, Choice) and a.scores is None for a in answers)
    assert {a.option for a in answers if isinstance(a, Choice)} == {0, 1, 2}
    schema = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["choice"]["enum"] == list(options)


def test_a_choice_of_something_else_is_none() -> None:
    with chat_server(lambda _: Say(completion('{"choice": "c"}'))) as server, OpenAIServer(settings(server)) as model:
        (answer,) = model.choose([Choose((Message("user", "?"),), ("a", "b"))])
    assert isinstance(answer, AnswerError)
    assert "schema" in str(answer)


def weighing(odds: dict[str, float] | None) -> Callable[[Body], Say]:
    content = [{"token": "x", "logprob": -1.0, "top_logprobs": [{"token": t, "logprob": p} for t, p in (odds or {}).items()]}]

    def say(body: Body) -> Say:
        asked = body.get("logprobs") is True and body["max_tokens"] == 1
        return Say(completion("a", logprobs={"content": content} if odds else None, finish_reason="length")) if asked else obedient(body)

    return say


def test_scores_are_told_where_the_first_token_decides() -> None:
    with chat_server(weighing({"Yes": -2.5, "No": -0.25, "yes": -3.0})) as server:
        model = OpenAIServer(settings(server, odds=True))
        single, several = model.choose(
            [Choose((Message("user", "?"),), ("Yes", "No")), Choose((Message("user", "?"),), ("Yes", "Maybe not"))]
        )
    assert isinstance(single, Choice)
    assert isinstance(several, Choice)
    assert single.scores is not None
    assert (single.option, single.scores.tolist(), several.scores) == (1, [-2.5, -0.25], None)


@pytest.mark.parametrize("refuses", [True, False])
def test_a_server_that_tells_no_odds_is_asked_for_them_once(refuses: bool) -> None:
    def say(body: Body) -> Say:
        return Say({"error": {"message": "logprobs?"}}, 400) if refuses and "logprobs" in body else weighing(None)(body)

    with chat_server(say) as server, OpenAIServer(settings(server, odds=True)) as model:
        for _ in range(2):
            assert isinstance(model.choose([Choose((Message("user", "?"),), ("a", "b"))])[0], Choice)
    assert ["logprobs" in body for body in server.asked] == [True, False, False]


def test_a_prompt_that_is_too_long_says_nothing_of_odds() -> None:
    with chat_server(weighing({"a": -1.0, "b": -2.0})) as server, OpenAIServer(settings(server, odds=True)) as model:
        long, short = (model.choose([Choose((Message("user", text),), ("a", "b"))])[0] for text in ("x" * 30_000, "x"))
    assert isinstance(short, Choice)
    assert short.scores is not None
    assert isinstance(long, Choice | InputError)


def test_halves_of_characters_stop_nothing() -> None:
    half = "\ud83d"
    with chat_server(lambda _: Say(completion(json.dumps({"choice": half})))) as server, OpenAIServer(settings(server)) as model:
        asks = [ask(schema={"enum": [half]}), ask(schema={"type": "object"}), ask("whole")]
        answers = model.complete(asks)
        (choice,) = model.choose([Choose((Message("user", "?"),), (half, "b"))])
    assert [type(answer) for answer in answers] == [InputError, AnswerError, Completion]
    assert isinstance(choice, InputError)


def test_what_is_spent_is_told() -> None:
    prices = {"price_read": 1.0, "price_written": 10.0}
    with chat_server() as server, OpenAIServer(settings(server, **prices)) as model:
        answers = model.complete([ask("a b"), ask("c")])
        usage = model.usage
    costs = [a.cost for a in answers if isinstance(a, Completion)]
    assert costs == pytest.approx([(10 + 5 * 10) / 1e6, (10 + 4 * 10) / 1e6])
    assert (usage.requests, usage.read, usage.written, usage.cost) == (2, 20, 9, pytest.approx(sum(costs)))


def test_the_limit_of_spending_is_never_passed_and_nothing_more_is_sent() -> None:
    def say(body: Body) -> Say:
        return Say(completion("one two", usage={"prompt_tokens": 0, "completion_tokens": 100}), wait=0.01)

    with chat_server(say) as server, OpenAIServer(settings(server, price_written=10_000.0, spend_limit=10.5, concurrency=8)) as model:
        answers = model.complete([ask(str(place), max_tokens=100) for place in range(40)])
        assert sum(isinstance(a, Completion) for a in answers) == len(server.asked) == 10, "1 each"
        assert {type(a) for a in answers} == {Completion, BudgetError}
        fails(next(a for a in answers if isinstance(a, BudgetError)), BudgetError, "spend_limit=10.5: of it 0.5 is left")
        assert model.usage.cost == pytest.approx(10.0)
        fails(model.complete([ask(max_tokens=100)])[0], BudgetError, "raise the limit")
        assert isinstance(model.complete([ask(max_tokens=10)])[0], Completion), "what surely fits is sent"
    assert len(server.asked) == 11


def test_what_the_server_does_not_tell_counts_as_the_most_it_can_cost() -> None:
    with chat_server(lambda _: Say(completion("hm", usage=None))) as server:
        model = OpenAIServer(settings(server, price_written=1e6, spend_limit=25.0))
        first_, second, third = (model.complete([ask(max_tokens=10)])[0] for _ in range(3))
    assert isinstance(first_, Completion)
    assert (first_.written, first_.cost, type(second), type(third)) == (0, 10.0, Completion, BudgetError)


@pytest.mark.parametrize(
    "said", [Say({"error": {"message": "pay", "code": "insufficient_quota"}}, 429), Say({"error": {"message": "pay"}}, 402)]
)
def test_an_empty_account_is_a_limit_of_spending(said: Say) -> None:
    answer, server = one(lambda _: said)
    fails(answer, BudgetError, "pay")
    assert len(server.asked) == 1


def test_requests_are_spread_over_the_minute() -> None:
    with chat_server() as server, OpenAIServer(settings(server, requests_per_minute=600)) as model:
        model.complete([ask(str(place)) for place in range(5)])
    gaps = [later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False)]
    assert server.times[-1] - server.times[0] >= 0.35
    assert min(gaps) > 0.03


def test_a_key_is_sent_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("SOME_KEY", secret)
    caplog.set_level(logging.DEBUG)
    refused = Say({"error": {"message": f"Incorrect API key provided: {secret[:5]}***{secret[-4:]}"}}, 401)
    echoed = Say({"error": {"message": f"you sent {secret}"}}, 422)
    with chat_server(first(refused, echoed)) as server:
        own = settings(server, key_variable="SOME_KEY", retries=0)
        model = OpenAIServer(own)
        answers = [model.complete([ask()])[0] for _ in range(3)]
        model.close()
    fails(answers[0], UnavailableError, "set SOME_KEY")
    fails(answers[1], InputError, "you sent ***")
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {secret}"}
    shown = "".join(map(repr, [*answers, own, own.plain(), model, vars(model), vars(model._client), model.usage])) + model.fingerprint()
    shown += caplog.text + "".join(repr(record.args) for record in caplog.records)
    assert secret not in shown
    assert secret[-4:] not in str(answers[0])
    assert all(error.__context__ is None and error.__cause__ is None for error in answers if isinstance(error, PenchantError))


def test_without_a_key_none_of_another_server_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    monkeypatch.delenv("PENCHANT_LLM_KEY", raising=False)
    _, server = one(obedient)
    assert "another" not in server.headers[0]["authorization"]


def test_fingerprints_tell_models_apart() -> None:
    base = ServerSettings(model="a")
    others = [base, base.but(model="b"), base.but(base_url="http://127.0.0.1:1/v1"), base.but(fields={"top_p": 0.5}), base.but(odds=True)]
    marks = [OpenAIServer(one).fingerprint() for one in others]
    assert len(set(marks)) == len(others)
    assert OpenAIServer(base.but(concurrency=3, timeout=5.0), key="k").fingerprint() == marks[0], "answers do not depend on these"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base_url": "http://me:hunter2@127.0.0.1/v1"}, "more than an address"),
        ({"base_url": "https://127.0.0.1/v1?key=hunter2"}, "more than an address"),
        ({"base_url": "http://me:hunter2@127.0.0.1:port/v1"}, "more than an address"),
        ({"base_url": "ftp://127.0.0.1"}, "no address of a server"),
        ({"base_url": "localhost:8000"}, "no address of a server"),
        ({"spend_limit": 3.0}, "nothing has a price"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"price_read": float("nan")}, "price_read"),
        ({"colour": "red"}, "no field of that name"),
        ({"fields": {"n": 8}}, "what it may cost"),
        ({"fields": {"max_tokens": 500}}, "what it may cost"),
        ({"model": ""}, "model"),
    ],
)
def test_settings_that_break_rules(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        ServerSettings(**{"model": "small", **values})
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that starts tests in the background has them ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
def test_an_interruption_ends_it_at_once_and_nothing_more_is_sent(interruptible: None) -> None:
    with chat_server() as server, OpenAIServer(settings(server, requests_per_minute=30, concurrency=3)) as model:  # one each 2 s
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.complete([ask(str(place)) for place in range(9)])
        time.sleep(2.5)
    assert len(server.asked) == 1
