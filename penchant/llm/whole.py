"""A model of which all answers are needed: what cannot be asked now ends the run, so that no guess stands for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from penchant.core.errors import BudgetError, PenchantError, UnavailableError
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel

A = TypeVar("A", Completion, Choice)


class Whole:
    """See ``LanguageModel``. A question that has no good answer keeps its reason; one that was never put raises it.

    Measures go through this: over a model that is down, or may not spend more, they would be made of whatever stands for a missing answer.

    Args:
        model: Asked. Of a ``Cached`` one all answers that came are kept, and a further run goes on from there.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.name = model, model.name

    def fingerprint(self) -> str:
        """See ``LanguageModel``."""
        return self.model.fingerprint()

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``.

        Raises:
            UnavailableError: The model is not there, or too slow, for a question at least.
            BudgetError: No more may be spent.
        """
        return _whole(self.model.complete(asks))

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``complete``."""
        return _whole(self.model.choose(chooses))


def _whole(answers: list[A | PenchantError]) -> list[A | PenchantError]:
    for one in answers:
        if isinstance(one, UnavailableError | BudgetError):
            raise one
    return answers
