"""Language models behind any server that speaks the OpenAI chat protocol, hosted or on this machine.

    model = OpenAIServer(ServerSettings(base_url="http://127.0.0.1:8000/v1", model="smollm2"))
    answers = model.complete([Ask((Message("user", "Name a colour."),))])

An answer under a schema is asked for twice at most: first the server is told to hold the model to the schema (``response_format``); if
it refuses that, or does not do it, the schema is told to the model in words. Either answer is checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field, JsonValue, SecretStr

from penchant.core.errors import AnswerError, InputError, PenchantError, SettingsError, require
from penchant.core.settings import Settings
from penchant.llm.chat import Batch, ChatClient, Patience, Reply
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.pace import Pace
from penchant.llm.schema import check_answer, check_schema, chosen, in_words, schema_of_choice
from penchant.llm.spending import Ledger, Prices, Usage

Question = TypeVar("Question", Ask, Choose)
Answer = TypeVar("Answer", Completion, Choice)

_LOOK = 0.1  # seconds
_EACH = 16  # tokens that a template puts around a message, at most
_ALL = 128  # tokens that a template or a server puts before a conversation, at most
_AROUND = 64  # tokens around the chosen option in an answer, at most
_LIKELIEST = 20  # first tokens that the protocol tells at most
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


class ServerSettings(Settings):
    """Of one model on one server."""

    base_url: str = Field(default="http://127.0.0.1:8000/v1", description="address of the server, up to and with /v1")
    model: str = Field(min_length=1, description="name that the server knows the model by")
    key_variable: str = Field(
        default="PENCHANT_LLM_KEY", min_length=1, description="environment variable that holds the key, if one is needed"
    )
    concurrency: int = Field(default=8, ge=1, le=1024, description="requests at once")
    timeout: float = Field(default=120.0, gt=0, le=3600, description="seconds that the server may say nothing")
    retries: int = Field(default=5, ge=0, le=20, description="further requests after one that failed for reasons that pass")
    first_wait: float = Field(default=0.5, ge=0, le=60, description="seconds to wait at most before the first of them; doubles each time")
    longest_wait: float = Field(default=60.0, ge=0, le=3600, description="seconds, the most that is ever waited for a server")
    requests_per_minute: int | None = Field(default=None, ge=1, description="None: any number")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="read and written together; None: any number")
    price_read: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="of a million tokens read, in any currency")
    price_written: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="of a million tokens written")
    spend_limit: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="of all answers together; None: there is none")
    longest_prompt: int | None = Field(default=None, ge=1, description="characters of a conversation; None: the server will say")
    odds: bool = Field(default=False, description="ask how probable options are; it costs a request more where one has several tokens")
    length_field: str = Field(default="max_tokens", min_length=1, description="some models want max_completion_tokens")
    fields: dict[str, JsonValue] = Field(default_factory=dict, description="further fields of each request; None leaves a usual one out")

    def __init__(self, **values: Any) -> None:
        _check_address(values.get("base_url"))  # before all else: no message may quote a password
        super().__init__(**values)
        paid = {"n", "best_of", "model", "messages", self.length_field} & set(self.fields)
        remedy = "leave them out; each question says how long its answer may be"
        require(not paid, f"fields={sorted(paid)}", "they would change what is asked, and what it may cost", remedy, SettingsError)
        priced = self.price_read > 0 or self.price_written > 0
        require(
            self.spend_limit is None or priced, f"spend_limit={self.spend_limit}", "nothing has a price", "pass prices too", SettingsError
        )


class OpenAIServer:
    """See ``LanguageModel``. Any number of threads may ask; limits hold for all of them together.

    Args:
        settings: What to ask, and within which limits.
        key: The server's key; None: out of the environment, and no key where there is none. It is sent to the server and shown nowhere.
    """

    def __init__(self, settings: ServerSettings, key: str | None = None) -> None:
        self.settings, self.name = settings, settings.model
        secret = SecretStr(os.environ.get(settings.key_variable, "") if key is None else key)
        self._ledger = Ledger(Prices(settings.price_read, settings.price_written), settings.spend_limit)
        self._client = ChatClient(
            settings.base_url,
            secret,
            settings.key_variable,
            timeout=settings.timeout,
            patience=Patience(settings.retries, settings.first_wait, settings.longest_wait),
            pace=Pace(settings.requests_per_minute, settings.tokens_per_minute),
            ledger=self._ledger,
        )
        self._words_only: set[str] = set()  # schemas that the server does not take
        self._tells_odds = settings.odds

    @property
    def usage(self) -> Usage:
        """What was sent and paid for so far, with what came to nothing."""
        return self._ledger.usage

    def fingerprint(self) -> str:
        """See ``LanguageModel``: the address, the model, and all settings that change answers."""
        own = self.settings
        rest = json.dumps([own.length_field, own.fields, own.odds], sort_keys=True)
        return f"openai {own.base_url.rstrip('/')} {own.model} {hashlib.sha256(rest.encode()).hexdigest()[:16]}"

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``."""
        return self._all(asks, self._complete)

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``LanguageModel``. Scores are told only with ``odds``, where each option is one of the likeliest first tokens."""
        return self._all(chooses, self._choose)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all(
        self, questions: Sequence[Question], answer: Callable[[Question, Batch], Answer | PenchantError]
    ) -> list[Answer | PenchantError]:
        if not questions:
            return []
        batch = Batch(self.settings.concurrency)
        pool = ThreadPoolExecutor(min(self.settings.concurrency, len(questions)), "language-model")
        try:
            left = set(futures := [pool.submit(answer, one, batch) for one in questions])
            while left:  # in short waits: one without an end is not always ended by an interruption
                done, left = wait(left, timeout=_LOOK, return_when=FIRST_EXCEPTION)
                if any(one.exception() is not None for one in done):
                    break
            return [one.result() for one in futures]
        finally:
            batch.stopped.set()  # whoever still waits, after an interruption, sends nothing more
            pool.shutdown(wait=False, cancel_futures=True)

    def _complete(self, ask: Ask, batch: Batch) -> Completion | PenchantError:
        try:
            self._check(ask.messages)
            if ask.schema is not None:
                check_schema(ask.schema)
        except InputError as error:
            return error
        return self._free(ask, batch) if ask.schema is None else self._shaped(ask, ask.schema, batch)

    def _free(self, ask: Ask, batch: Batch) -> Completion | PenchantError:
        reply = self._send(ask, batch)
        return reply if isinstance(reply, PenchantError) else _completion(reply)

    def _shaped(self, ask: Ask, schema: Mapping[str, Any], batch: Batch) -> Completion | PenchantError:
        """Held to the schema by the server; if that fails, told in words."""
        last: PenchantError | None = None
        known, cost = json.dumps(schema, sort_keys=True), 0.0
        if known not in self._words_only:
            form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}
            reply = self._send(ask, batch, response_format=form)
            if isinstance(reply, PenchantError) and not isinstance(reply, InputError):
                return reply
            if isinstance(reply, Reply):
                cost, found = reply.cost, _completion(reply, schema)
                if isinstance(found, Completion) or not _malformed(reply):
                    return found
            last = reply if isinstance(reply, InputError) else None
        told = Message("user", f"{ask.messages[-1].content}\n\n{in_words(schema)}")
        reply = self._send(replace(ask, messages=(*ask.messages[:-1], told)), batch)
        if isinstance(reply, PenchantError):
            return reply
        if last is not None:  # without response_format it went well
            self._words_only.add(known)
        found = _completion(reply, schema)
        return replace(found, cost=cost + found.cost) if isinstance(found, Completion) else found

    def _choose(self, one: Choose, batch: Batch) -> Choice | PenchantError:
        try:
            self._check(one.messages)
        except InputError as error:
            return error
        weighed, spent = self._weigh(one, batch) if self._tells_odds else (None, 0.0)
        if weighed is not None and not isinstance(weighed, InputError):
            return weighed
        longest = max(len(json.dumps(option)) for option in one.options)  # bytes, as tokens are one byte at least
        found = self._complete(Ask(one.messages, schema_of_choice(one.options), max_tokens=longest + _AROUND), batch)
        if isinstance(found, PenchantError):
            return found
        if weighed is not None:  # without odds it went well
            self._tells_odds = False
        return Choice(chosen(found.text, one.options), None, found.read, spent + found.cost, found.written)

    def _weigh(self, one: Choose, batch: Batch) -> tuple[Choice | PenchantError | None, float]:
        """The choice by the odds of the first token, None where they do not tell all options; and what was spent."""
        reply = self._send(Ask(one.messages, max_tokens=1), batch, logprobs=True, top_logprobs=_LIKELIEST)
        if isinstance(reply, PenchantError):
            return reply, 0.0
        odds = reply.odds
        self._tells_odds = odds is not None
        if odds is None or not all(option in odds for option in one.options):
            return None, reply.cost
        scores = np.array([odds[option] for option in one.options], np.float64)
        return Choice(int(scores.argmax()), scores, reply.read, reply.cost, reply.written), reply.cost

    def _check(self, messages: Sequence[Message]) -> None:
        length = sum(len(one.content) for one in messages)
        most = self.settings.longest_prompt
        require(most is None or length <= most, f"a prompt of {length} characters", f"it may have {most}", "shorten it", InputError)
        for one in messages:
            require(_encodable(one.content), "a prompt", "it holds half of a character (a lone surrogate)", "decode it again", InputError)

    def _send(self, ask: Ask, batch: Batch, **more: Any) -> Reply | PenchantError:
        usual = {
            "temperature": ask.temperature,
            "seed": ask.seed,
            self.settings.length_field: ask.max_tokens,
            **more,
            **self.settings.fields,
        }
        body = {name: value for name, value in usual.items() if value is not None}
        body |= {"model": self.settings.model, "messages": [{"role": one.role, "content": one.content} for one in ask.messages]}
        # A token is one byte at least, so no conversation has more tokens than this.
        read = sum(len(one.content.encode()) + _EACH for one in ask.messages) + len(json.dumps(more)) + _ALL
        return self._client.send(body, read, ask.max_tokens, batch)


def _completion(reply: Reply, schema: Mapping[str, Any] | None = None) -> Completion | AnswerError:
    """The text of an answer, or why it is of no use."""
    if reply.refused is not None:
        return AnswerError("the answer", f"the model refused ({reply.refused[:200]})", "ask in other words, or another model")
    if reply.cut and (schema is not None or not reply.text.strip()):
        return AnswerError("the answer", f"it was cut after {reply.written} tokens, too early to be of use", "raise max_tokens")
    text = reply.text
    if not text.strip():
        return AnswerError("the answer", "it is empty", "ask in other words, or another model")
    if schema is not None:
        fenced = _FENCE.fullmatch(text)
        text = fenced[1] if fenced else text
        try:
            check_answer(text, schema)
        except AnswerError as error:
            return error
    return Completion(text, reply.cut, reply.read, reply.written, reply.cost)


def _malformed(reply: Reply) -> bool:
    """Whether an answer that is of no use might be of use when asked for in other words."""
    return reply.refused is None and not reply.cut and bool(reply.text.strip())


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_address(address: object) -> None:
    if not isinstance(address, str):
        return  # the field's own rule says so
    try:
        parts = urlsplit(address)
        bare = parts.username is None and parts.password is None and not parts.query and not parts.fragment
        usual = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        bare, usual = "@" not in address, False
    require(bare, "base_url", "it holds more than an address", "leave out user, password and query; pass key=...", SettingsError)
    require(usual, f"base_url={address!r}", "it is no address of a server", "pass one as in http://127.0.0.1:8000/v1", SettingsError)
