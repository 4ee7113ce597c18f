"""Explanations of a list: from the facts of user and item, by a template or a language model, and looked up before anybody reads them.

What drove an item is found by the model that recommends (``penchant.pipeline.reasons``); a language model only puts it into words. A
sentence of it that is not borne out, or is true but not why, is dropped. Where nothing is left, or no event drove the item, the template's
words stand; they are made of the same facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from penchant.core.errors import PenchantError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTIONS
from penchant.evaluate.counted_facts import Counted, CountedChecker
from penchant.evaluate.facts import Checker, Evidence, Names, Statement
from penchant.llm.model import Ask, Completion, LanguageModel, ended
from penchant.llm.prompt import Prompt
from penchant.pipeline.kinship import OFTEN
from penchant.pipeline.reasons import CHOSE, VERBS, Reason, because, verb_of
from penchant.users.portrait import Portrait, in_favour

TEMPLATE = "template"
_PROMPT = "explain.v1"
_NAMED = 3  # interests told, and categories of an item
_TOKENS = 60


@dataclass(frozen=True)
class Explanation:
    """Why an item is shown, in words that were looked up.

    Attributes:
        text: For people.
        author: Who wrote it: ``"template"``, or the name of a model.
        dropped: Sentences of the author that are not borne out.
        failed: Why a model wrote nothing, where it did not.
    """

    text: str
    author: str
    dropped: tuple[Statement, ...] = ()
    failed: str = ""


@dataclass(frozen=True)
class Case:
    """An item of a user's list, with all that may be said of it.

    Attributes:
        evidence: The facts.
        because: Titles of the events that drove it, each with what was last done to it, as a verb; empty where no single event did.
    """

    evidence: Evidence
    because: tuple[tuple[str, str], ...]


class Explanations:
    """Makes explanations for one catalogue.

    Attributes:
        titles, categories: Of its items, in code order.

    Args:
        catalog: Of the items.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.titles = catalog.titles()
        self.categories = [tuple(dict.fromkeys(found or ())) for found in catalog.readable_categories().to_list()]
        self._prompt = Prompt.load(_PROMPT)

    @cached_property
    def checker(self) -> Checker:
        """Looks up names of this catalogue."""
        return CountedChecker(Names(self.titles, {name for names in self.categories for name in names}), VERBS.values())

    def cases(self, history: Histories, portrait: Portrait, items: Sequence[tuple[int, Reason]]) -> list[Case]:
        """The facts of a user's list.

        Args:
            history: One row.
            portrait: Of the same user.
            items: Codes, each with what drove it.
        """
        had: dict[str, frozenset[str]] = {}
        kinds: dict[str, frozenset[str]] = {}
        for code, action in zip(history.items.tolist(), history.actions.tolist(), strict=True):
            title = self.titles[code - 1]
            had[title] = had.pop(title, frozenset()) | {VERBS.get(ACTIONS[action], CHOSE)}  # the newest last
            kinds[title] = kinds.get(title, frozenset()) | frozenset(self.categories[code - 1])
        did = in_favour(history).items.tolist()
        counts = Counter(name for code in did for name in self.categories[code - 1])
        interests = tuple(dict.fromkeys(one.path[-1] for one in (*portrait.long, *portrait.short) if one.weight >= OFTEN))
        texts = self.catalog.table["description"]
        return [
            Case(
                Counted(
                    self.titles[item - 1],
                    self.categories[item - 1],
                    had,
                    interests,
                    texts[item - 1] or "",
                    events=len(did),
                    counts=counts,
                    kinds=kinds,
                ),
                tuple((self.titles[code - 1], verb_of(history, code)) for code in reason.because),
            )
            for item, reason in items
        ]

    def template(self, case: Case) -> Explanation:
        """A sentence or two without a model."""
        shared = [name for name in case.evidence.interests if name in case.evidence.attributes][:_NAMED]
        said = []
        if case.because:
            said.append(f"Because you {because(case.because)}.")
        if shared:
            said.append(f"It is {_and(shared)}, which you often choose.")
        elif case.evidence.attributes:
            said.append(f"It is {_and(case.evidence.attributes[:_NAMED])}.")
        return Explanation(" ".join(said) or "It fits what people alike choose.", TEMPLATE)

    def question(self, case: Case) -> Ask:
        """What a model is asked of an item that events drove: those with the first one's verb."""
        evidence, verb = case.evidence, case.because[0][1]
        messages = self._prompt.fill(
            item=evidence.item,
            attributes=", ".join(evidence.attributes[:_NAMED]),
            verb=verb,
            because=", ".join(title for title, done in case.because if done == verb),
            interests=", ".join(evidence.interests[:_NAMED]),
        )
        return Ask(messages, max_tokens=_TOKENS)

    def written(self, model: LanguageModel, cases: Sequence[Case]) -> list[Explanation]:
        """A model's words for each case as far as they are borne out, or the template's. Items that no event drove are not asked about."""
        found = [self.template(case) for case in cases]
        asked = [place for place, case in enumerate(cases) if case.because]
        answers = model.complete([self.question(cases[place]) for place in asked])
        for place, answer in zip(asked, answers, strict=True):
            found[place] = self.looked_up(cases[place], answer, model.name)
        return found

    def looked_up(self, case: Case, answer: Completion | PenchantError, author: str) -> Explanation:
        """An answer without what is not borne out; the template's words where nothing is left."""
        plain = self.template(case)
        if isinstance(answer, PenchantError):
            return Explanation(plain.text, TEMPLATE, failed=str(answer))
        told = [_to_the_point(one, case) for one in self.checker.check(ended(answer), case.evidence)]
        kept = [one.text for one in told if one.supported]
        dropped = tuple(one for one in told if not one.supported)
        return Explanation(" ".join(kept), author, dropped) if kept else Explanation(plain.text, TEMPLATE, dropped)


def deleted(drops: np.ndarray, past: np.ndarray, because: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """How much the chance of each item falls without what its explanation names, and without any event on average.

    Args:
        drops: float32[n, k], see ``reasons.score_drops``.
        past: int32[n], the events taken away.
        because: Of each of k items the codes that are named.

    Returns:
        Two of float64[k], the mean over the named events and over all of them; not-a-number where none is named.
    """
    named = np.array(
        [drops[np.isin(past, codes), column].mean() if len(codes) else np.nan for column, codes in enumerate(because)], np.float64
    )
    return named, drops.mean(axis=0).astype(np.float64)


def _to_the_point(one: Statement, case: Case) -> Statement:
    """The statement, unsupported where it names other events than those that drove the item, or interests that the item is not of."""
    causes = {title for title, _ in case.because}
    for kind, name in one.facts:
        if (kind == "had" and name not in causes) or (kind == "interest" and name not in case.evidence.attributes):
            return Statement(one.text, f"{name!r} is true of the user, but not why")
    return one


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
