"""One request to a server that speaks the OpenAI chat protocol: sent in its turn, sent again where that helps, and paid for.

What can go wrong becomes one of the project's errors. The key is in none of them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, SecretStr, ValidationError

from penchant.core.errors import AnswerError, BudgetError, InputError, PenchantError, UnavailableError
from penchant.llm.extra import needed
from penchant.llm.pace import Pace, backoff
from penchant.llm.spending import Ledger

if TYPE_CHECKING:
    import openai

_AGAIN = {408, 409, 429}  # and 500 or more
_PAID_UP = "insufficient_quota"  # a 429 that no waiting mends
_SHOWN = 200  # characters that an error quotes of what a server said
_FAILED_ALIKE = 3  # questions in a row without an answer, at least, before a server counts as down


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        text: Of the answer; empty if there is none.
        cut: Whether it ended because of the limit of tokens.
        refused: Why the model, or a filter of its server, refused; None: it did not.
        odds: Natural logarithms of how probable each of the likeliest first tokens was; None where the server does not tell.
        read, written: Tokens; 0 where the server does not tell.
        cost: In the currency of the prices.
    """

    text: str
    cut: bool
    refused: str | None
    odds: Mapping[str, float] | None
    read: int
    written: int
    cost: float


@dataclass(frozen=True)
class Patience:
    """How long a failing server is tried.

    Attributes:
        retries: Further requests after the first.
        first: Seconds, the most to wait before the first of them; the bound doubles each time.
        longest: Seconds, where the doubling ends. A server that wants to rest longer counts as down.
    """

    retries: int
    first: float
    longest: float


class Batch:
    """Questions that are asked together. Once a server seems to be down, the rest of them is not sent."""

    def __init__(self, concurrency: int) -> None:
        self.stopped = threading.Event()
        self._enough = max(_FAILED_ALIKE, concurrency)
        self._lock = threading.Lock()
        self._failed = 0

    def tell(self, *, answered: bool) -> None:
        """Count a question that the server answered in some way, or finally did not."""
        with self._lock:
            self._failed = 0 if answered else self._failed + 1

    @property
    def down(self) -> bool:
        """Whether so many questions in a row had no answer that asking on is in vain."""
        with self._lock:
            return self._failed >= self._enough


@dataclass(frozen=True)
class _Failure:
    """Of one request: what it comes to, how often it may be sent again, and when at the earliest."""

    error: PenchantError
    again: int = 0
    wait: float | None = None


class ChatClient:
    """Sends requests, from any number of threads.

    Args:
        address: Up to and with ``/v1``.
        key: Sent to that address and shown nowhere.
        key_variable: Where a key would come from, for messages.
        timeout: Seconds without a word from the server.
        patience: With failures.
        pace: Of requests.
        ledger: Of costs.
    """

    def __init__(
        self, address: str, key: SecretStr, key_variable: str, *, timeout: float, patience: Patience, pace: Pace, ledger: Ledger
    ) -> None:
        self._address, self._key, self._key_variable = address, key, key_variable
        self._timeout, self._patience, self._pace, self.ledger = timeout, patience, pace, ledger
        # Its own retries are off: they know nothing of the pace, the spending, and the other requests of the batch.
        self._openai = needed("openai")
        self._client = self._openai.OpenAI(base_url=address, api_key=key.get_secret_value() or "none", timeout=timeout, max_retries=0)

    def send(self, body: Mapping[str, Any], read: int, written: int, batch: Batch) -> Reply | PenchantError:
        """Send a request until there is an answer or no hope of one.

        Args:
            body: As the protocol has it.
            read: Tokens, the most that the conversation can have.
            written: Likewise the answer.
            batch: The questions it belongs to.

        Returns:
            The answer; or ``InputError`` (the server says that the request is wrong), ``AnswerError`` (what came is not of the
            protocol), ``UnavailableError``, ``BudgetError``.
        """
        tried = 0
        while True:
            if not batch.down:
                batch.stopped.wait(self._pace.turn(read + written))
            if batch.down or batch.stopped.is_set():
                return UnavailableError(self._address, "the questions before had no answer, so this one was not sent", "ask again later")
            try:
                self.ledger.admit(read, written)
            except BudgetError as error:
                return error
            outcome, used = self._once(body)
            cost = self.ledger.settle(read, written, used)
            if used is not None:
                self._pace.correct(read + written, sum(used))
            if not isinstance(outcome, _Failure):
                batch.tell(answered=True)
                return _reply(outcome, cost)
            tried += 1
            too_long = outcome.wait is not None and outcome.wait > self._patience.longest
            if tried > min(outcome.again, self._patience.retries) or too_long:
                batch.tell(answered=not isinstance(outcome.error, UnavailableError))
                return outcome.error
            if outcome.wait is not None:
                self._pace.rest(outcome.wait)
            # What many were told to wait for alike is spread, too.
            batch.stopped.wait((outcome.wait or 0.0) + backoff(tried, self._patience.first, self._patience.longest))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _once(self, body: Mapping[str, Any]) -> tuple[_Body | _Failure, tuple[int, int] | None]:
        """What one request comes to, and the tokens that were used; None: they are not known."""
        rest = {name: value for name, value in body.items() if name not in {"model", "messages"}}
        often = self._patience.retries
        try:
            raw = self._client.chat.completions.with_raw_response.create(model=body["model"], messages=body["messages"], extra_body=rest)
            answer = _Body.model_validate_json(raw.content)
        except self._openai.APITimeoutError:
            error = UnavailableError(self._address, f"it said nothing for {self._timeout:g} s", "raise timeout, or ask fewer at once")
            return _Failure(error, often), None
        except self._openai.APIConnectionError as failed:
            why = self._clean(str(failed.__cause__ or failed))
            error = UnavailableError(self._address, f"the server does not answer ({why})", "start it, or correct base_url")
            return _Failure(error, often), (0, 0)
        except self._openai.APIStatusError as failed:
            return self._refused(failed), (0, 0)
        except (self._openai.OpenAIError, ValidationError, ValueError):  # not of the protocol, or not even JSON
            error = AnswerError(self._address, "what it sent is no answer of the chat protocol", "see whether base_url ends as it should")
            return _Failure(error, 1), None
        return answer, None if answer.usage is None else (answer.usage.prompt_tokens, answer.usage.completion_tokens)

    def _refused(self, failed: openai.APIStatusError) -> _Failure:
        status, words = failed.status_code, self._clean(failed.message)
        value = f"HTTP {status} from {self._address}"
        if status == 402 or failed.code == _PAID_UP:
            return _Failure(BudgetError(value, f"the account has nothing left to spend ({words})", "top it up"))
        if status in _AGAIN or status >= 500:
            error = UnavailableError(value, f"the server cannot answer now ({words})", "ask again later, or fewer at once")
            return _Failure(error, self._patience.retries, _retry_after(failed.response.headers))
        if status in {401, 403}:  # its words may hold a part of the key, so they are not told
            return _Failure(UnavailableError(value, "the server wants another key", f"set {self._key_variable}, or pass key=..."))
        if status == 404 or status < 400:
            return _Failure(UnavailableError(value, f"there is no such address or model ({words})", "correct base_url and model"))
        return _Failure(InputError(value, f"the server takes no such request ({words})", "change the question, or shorten it"))

    def _clean(self, text: str) -> str:
        """One line, not too long, and without the key."""
        key = self._key.get_secret_value()
        line = " ".join((text.replace(key, "***") if key else text).split())
        return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


_Count = Annotated[int, Field(ge=0)]


class _Odd(BaseModel):
    token: str
    logprob: float


class _Token(BaseModel):
    top_logprobs: list[_Odd] = []


class _Odds(BaseModel):
    content: list[_Token] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Answer(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Odds | None = None


class _Usage(BaseModel):
    prompt_tokens: _Count
    completion_tokens: _Count = 0


class _Body(BaseModel):
    """What of an answer of the protocol is used here."""

    choices: Annotated[list[_Answer], Field(min_length=1)]
    usage: _Usage | None = None


def _reply(body: _Body, cost: float) -> Reply:
    first = body.choices[0]
    refused = first.message.refusal or ("a filter held it back" if first.finish_reason == "content_filter" else None)
    tokens = first.logprobs.content if first.logprobs else None
    odds = {one.token: one.logprob for one in tokens[0].top_logprobs} if tokens else None
    used = (body.usage.prompt_tokens, body.usage.completion_tokens) if body.usage else (0, 0)
    return Reply(first.message.content or "", first.finish_reason == "length", refused, odds or None, *used, cost)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wants to be left alone; None: it does not say."""
    told = headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time())
    except ValueError:
        return None
