"""The one interface to language models, whatever runs them: many questions at a time, an answer or a reason for each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from penchant.core.errors import InputError, PenchantError, require

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Ask:
    """What a text is asked for.

    Attributes:
        messages: The conversation that the text continues; the last one is the user's.
        schema: JSON schema that the text is valid under; None leaves it free.
        max_tokens: Longer texts are cut.
        temperature: 0 takes the likeliest token each time; else tokens are drawn.
        seed: Decides what is drawn.

    Raises:
        InputError: There is no message, or a number is out of its range.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_messages(self.messages)
        require(self.max_tokens >= 1, f"max_tokens={self.max_tokens}", "a text has at least one token", "pass max_tokens>=1", InputError)
        require(
            0 <= self.temperature < float("inf"),
            f"temperature={self.temperature}",
            "it is a number from 0 on",
            "pass temperature>=0",
            InputError,
        )

    def key(self) -> str:
        """SHA-256 of everything that the answer depends on beside the model."""
        return _digest(["ask", _plain(self.messages), self.schema, self.max_tokens, self.temperature, self.seed if self.temperature else 0])


@dataclass(frozen=True)
class Choose:
    """Which of several texts follows.

    Attributes:
        messages: The conversation that is continued.
        options: Different texts, of which one is chosen.

    Raises:
        InputError: There is no message, or no option, or one is empty or comes twice.
    """

    messages: tuple[Message, ...]
    options: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_messages(self.messages)
        require(len(self.options) > 0, "options=()", "something can be chosen among one text or more", "pass options")
        require(all(self.options), f"options={self.options!r}", "one of them is empty", "pass texts")
        require(len(set(self.options)) == len(self.options), f"options={self.options!r}", "one of them comes twice", "pass each once")

    def key(self) -> str:
        """SHA-256 of everything that the answer depends on beside the model."""
        return _digest(["choose", _plain(self.messages), self.options])


@dataclass(frozen=True)
class Completion:
    """A text that a model wrote.

    Attributes:
        text: It is valid under the schema that was asked for.
        cut: Whether it ended because of ``max_tokens``.
        read, written: Tokens of the conversation, and of the text.
        cost: What it cost, in the currency of the prices that the model was given.
    """

    text: str
    cut: bool = False
    read: int = 0
    written: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What a model chose.

    Attributes:
        option: Place of the chosen text among the options.
        scores: float64[options], natural logarithm of how probable each text is after the conversation; None where the model tells
            nothing but its choice.
        read: Tokens of the conversation.
        cost: As in ``Completion``.
        written: Tokens that the model wrote in order to tell its choice; none where it weighs the options alone.
    """

    option: int
    scores: np.ndarray | None = None
    read: int = 0
    cost: float = 0.0
    written: int = 0


@runtime_checkable
class LanguageModel(Protocol):
    """Answers questions in the order they are asked. A question that cannot be answered has its reason in the answer's place.

    Attributes:
        name: For people.
    """

    name: str

    def fingerprint(self) -> str:
        """Tells models apart that may answer differently; no secret is in it."""
        ...

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """A text for each.

        Reasons in place of a text: ``InputError`` (the prompt is too long, the schema is none), ``AnswerError`` (what came is of no
        use: refused, malformed, or cut where a schema was asked for), ``UnavailableError`` (the server is down or too slow),
        ``BudgetError`` (a limit of spending is reached).
        """
        ...

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """One option for each; reasons as in ``complete``."""
        ...


def ended(answer: Completion) -> str:
    """The text as far as it came to an end: of one that was cut, without what follows the last full stop."""
    if not answer.cut:
        return answer.text
    place = max(answer.text.rfind(sign) for sign in ".!?")
    return answer.text[: place + 1]


def _check_messages(messages: tuple[Message, ...]) -> None:
    require(len(messages) > 0, "messages=()", "a model answers something", "pass at least one message")
    require(messages[-1].role == "user", f"messages end with {messages[-1].role!r}", "a model answers a user", "end with a user's message")


def _plain(messages: tuple[Message, ...]) -> list[list[str]]:
    return [[one.role, one.content] for one in messages]


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=True).encode()).hexdigest()
