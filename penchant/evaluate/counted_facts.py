"""Sentences that count events, or tell what items have in common, looked up: names and numbers have to be those that were counted.

Two sentences of reasons say more than ``penchant.evaluate.facts`` can look up. Each is known by its whole form and checked part by part;
all others go through the checker of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penchant.evaluate.facts import Checker, Evidence, Statement

_COUNTED = re.compile(r"Fits your interest in (.+): ([\d,]+) of your ([\d,]+) events are in (.+?)\.?")
_COMMON = re.compile(r"(Because you .+) \((both|all) (.+)\)\.?")


@dataclass(frozen=True)
class Counted(Evidence):
    """Evidence with what was counted.

    Attributes:
        events: Of the user; what was turned down does not count.
        counts: How many of them are in each category.
        kinds: Categories of the user's items, by title.
    """

    events: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)


class CountedChecker(Checker):
    """Looks up what a text says, numbers of events and common categories too, where the evidence has them."""

    def check(self, text: str, evidence: Evidence) -> list[Statement]:
        """See ``Checker``."""
        found = super().check(text, evidence)
        return [self._again(one, evidence) for one in found] if isinstance(evidence, Counted) else found

    def _again(self, one: Statement, evidence: Counted) -> Statement:
        """What became of a sentence, by its form where it has one of the two."""
        if counted := _COUNTED.fullmatch(one.text):
            name, events, of, same = counted.groups()
            wrong = _miscounted(name, same, _number(events), _number(of), evidence)
            return Statement(one.text, wrong, () if wrong else (("interest", name),))
        if common := _COMMON.fullmatch(one.text):
            return self._common_of(one.text, common, evidence)
        return one

    def _common_of(self, text: str, said: re.Match[str], evidence: Counted) -> Statement:
        """A reason that names events, and in brackets what the item has in common with all of them."""
        rest, how, told = said.groups()
        stated = super().check(rest, evidence)
        wrong = next((one.wrong for one in stated if one.wrong), "")
        if wrong:
            return Statement(text, wrong)
        facts = [fact for one in stated for fact in one.facts]
        titles = [name for kind, name in facts if kind == "had"]
        if (how == "both") != (len(titles) == 1):
            return Statement(text, f"{len(titles) + 1} items are not {how!r}")
        names = _listed(told, {*evidence.attributes, *(name for kinds in evidence.kinds.values() for name in kinds)})
        if not names:
            return Statement(text, f"nobody knows about {told}")
        for name in names:
            if name not in evidence.attributes:
                return Statement(text, f"{name!r} is not among what the item is")
            for title in titles:
                if name not in evidence.kinds.get(title, frozenset()):
                    return Statement(text, f"{name!r} is not among what {title!r} is")
        return Statement(text, facts=(*facts, *(("attribute", name) for name in names)))


def _miscounted(name: str, same: str, events: int, of: int, evidence: Counted) -> str:
    """What is wrong with an interest and its numbers."""
    if name != same:
        return f"events in {same!r} are told of {name!r}"
    if name not in evidence.attributes:
        return f"{name!r} is not among what the item is"
    true = evidence.counts.get(name, 0)
    if (events, of) != (true, evidence.events):
        return f"{true:,} of {evidence.events:,} events are in {name!r}"
    return ""


def _number(digits: str) -> int:
    return int(digits.replace(",", "") or -1)


def _listed(text: str, known: Iterable[str]) -> list[str]:
    """Known names joined by "and", which may have one inside; nothing where the text is not such a list."""
    for name in sorted(known, key=len, reverse=True):
        if text == name:
            return [name]
        if text.startswith(f"{name} and "):
            rest = _listed(text[len(name) + 5 :], known)
            if rest:
                return [name, *rest]
    return []
