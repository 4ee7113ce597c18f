"""A language model that says what it is told to: for tests of all that asks one."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence

from penchant.core.errors import AnswerError, InputError, PenchantError, require
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.schema import check_answer, check_schema

Script = Callable[[Ask | Choose], "str | Choice | PenchantError"] | Sequence["str | Choice | PenchantError"]

_WORD = re.compile(r"\S+\s*")


class Scripted:
    """See ``LanguageModel``. Its tokens are words: what stands between white space.

    Attributes:
        asked: All questions so far, in order.
        batches: Number of questions of each call.

    Args:
        answers: A function of the question, or answers in the order of questions: a text, which for a choice is one of the options; a
            ``Choice``; or a reason why there is no answer. What the function raises passes, so that it can play an interruption.
        name: See ``LanguageModel``. Models of one name have one fingerprint.
        longest_prompt: Words; a longer conversation has an ``InputError`` in its answer's place.
    """

    def __init__(self, answers: Script, *, name: str = "scripted", longest_prompt: int = 4096) -> None:
        self.name = name
        self.asked: list[Ask | Choose] = []
        self.batches: list[int] = []
        self._answers, self._longest = answers, longest_prompt
        self._lock = threading.RLock()

    def fingerprint(self) -> str:
        """See ``LanguageModel``."""
        return f"scripted {hashlib.sha256(self.name.encode()).hexdigest()[:16]}"

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``.

        Raises:
            InputError: The script has no answer left, or one that breaks the schema: the script is wrong, not the question.
        """
        with self._lock:
            self.batches.append(len(asks))
            return [self._complete(ask) for ask in asks]

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``LanguageModel``.

        Raises:
            InputError: The script has no answer left, or one that is no option.
        """
        with self._lock:
            self.batches.append(len(chooses))
            return [self._choose(choose) for choose in chooses]

    def _complete(self, ask: Ask) -> Completion | PenchantError:
        self.asked.append(ask)
        try:
            read = self._read(ask.messages)
            if ask.schema is not None:
                check_schema(ask.schema)
        except InputError as error:
            return error
        answer = self._say(ask)
        if isinstance(answer, PenchantError):
            return answer
        require(isinstance(answer, str), f"scripted answer {answer!r}", "a text was asked for", "script a text")
        words = _WORD.findall(str(answer))
        cut = len(words) > ask.max_tokens
        if ask.schema is not None:
            if cut:
                return AnswerError("the answer", f"it was cut after {ask.max_tokens} tokens, too early to be of use", "raise max_tokens")
            try:
                check_answer(str(answer), ask.schema)
            except AnswerError as error:
                raise InputError(f"scripted {error.value}", error.rule, "script an answer that is valid") from None
        text = "".join(words[: ask.max_tokens]) if cut else str(answer)
        return Completion(text, cut, read, min(len(words), ask.max_tokens))

    def _choose(self, choose: Choose) -> Choice | PenchantError:
        self.asked.append(choose)
        try:
            read = self._read(choose.messages)
        except InputError as error:
            return error
        answer = self._say(choose)
        if isinstance(answer, PenchantError):
            return answer
        if isinstance(answer, Choice):
            known = answer.scores is None or answer.scores.shape == (len(choose.options),)
            require(0 <= answer.option < len(choose.options) and known, f"scripted {answer}", "there is no such option", "script another")
            return answer
        require(answer in choose.options, f"scripted answer {answer!r}", f"it is none of {choose.options!r}", "script one of them")
        return Choice(choose.options.index(answer), None, read)

    def _say(self, question: Ask | Choose) -> str | Choice | PenchantError:
        place = len(self.asked) - 1
        if callable(self._answers):
            return self._answers(question)
        require(place < len(self._answers), f"question {place + 1}", f"the script has {len(self._answers)} answers", "script more")
        return self._answers[place]

    def _read(self, messages: Sequence[Message]) -> int:
        words = sum(len(_WORD.findall(one.content)) for one in messages)
        require(words <= self._longest, f"a prompt of {words} tokens", f"it may have {self._longest}", "shorten it")
        return words
