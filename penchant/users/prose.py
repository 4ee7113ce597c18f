"""Portraits in a language model's words, as far as the portrait bears them out."""

from __future__ import annotations

from collections.abc import Sequence

from penchant.core.errors import BudgetError, PenchantError, UnavailableError
from penchant.evaluate.facts import Checker, Evidence, Names
from penchant.llm.model import Ask, Completion, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Interest, Portrait

_PROMPT = "portrait.v1"
_NAMED = 3  # interests of a layer
_TOKENS = 60


class ProseWriter:
    """Writes about portraits, many at a time. What is said of a person is looked up: categories that are not theirs are not named.

    Args:
        model: Writes.
        tree: All categories that could be named.
    """

    def __init__(self, model: LanguageModel, tree: CategoryTree) -> None:
        self.model, self.author = model, model.name
        self._prompt = Prompt.load(_PROMPT)
        self._checker = Checker(Names((), tree.names[1:]), ())

    def question(self, portrait: Portrait) -> Ask:
        """What the model is asked."""
        layers = {"long": portrait.long, "short": portrait.short, "rare": portrait.rare}
        return Ask(self._prompt.fill(**{name: ", ".join(_narrow(layer)) for name, layer in layers.items()}), max_tokens=_TOKENS)

    def write(self, portraits: Sequence[Portrait]) -> list[str | None]:
        """The sentences about each that are borne out; None where there is none, or no answer, or no interest to write of.

        Raises:
            UnavailableError, BudgetError: Nothing was answered, and nothing will be: the model is not there, or may not spend more.
        """
        told = [row for row, one in enumerate(portraits) if one.long or one.short or one.rare]
        answers = self.model.complete([self.question(portraits[row]) for row in told])
        ends = [one for one in answers if isinstance(one, UnavailableError | BudgetError)]
        if ends and all(isinstance(one, PenchantError) for one in answers):  # else a question that always fails would end every run
            raise ends[0]
        found: list[str | None] = [None] * len(portraits)
        for row, answer in zip(told, answers, strict=True):
            if not isinstance(answer, PenchantError):
                found[row] = self._borne_out(answer, portraits[row]) or None
        return found

    def _borne_out(self, answer: Completion, portrait: Portrait) -> str:
        names = tuple(dict.fromkeys(name for one in (*portrait.long, *portrait.short, *portrait.rare) for name in one.path))
        sentences = self._checker.check(answer.text, Evidence("", names, {}, names))
        if answer.cut and not answer.text.rstrip().endswith("."):
            del sentences[-1:]  # half of one may say what the whole did not
        return " ".join(one.text for one in sentences if one.supported)


def _narrow(layer: Sequence[Interest]) -> list[str]:
    """Names of the strongest interests with none below them."""
    above = {one.path[:depth] for one in layer for depth in range(1, len(one.path))}
    return list(dict.fromkeys(one.path[-1] for one in layer if one.path not in above))[:_NAMED]
