"""Whether what is said of a recommendation is borne out: sentence by sentence, against the facts it may stand on.

Fluent explanations are mostly unsupported and score high on likeness all the same (atlas: factual consistency of explanations). So
nothing is compared for likeness here: names of items and categories are found in a sentence and looked up, together with whom the
sentence says them of, and whether it denies them. What says more than can be looked up is not supported.

The rules read English sentences of the kind that templates and models write about lists; they do not understand language. How often
they err is measured on edited sentences (``benchmarks.explanations``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_YEAR = re.compile(r"\s*\((?:18|19|20)\d\d\)$")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"“A-Z0-9])")
_CLAUSE = re.compile(r";|,?\s+(?:but|while|although|though|whereas|however)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“]([^\"”]{2,100})[\"”]")
_DENIED = re.compile(
    r"\b(?:not|never|no|nor|neither|without|hardly|cannot|\w+n['’]t|dislike[sd]?|hate[sd]?|avoid(?:s|ed)?)\b", re.IGNORECASE
)
_LIKES = re.compile(
    r"\b(?:you|your|user|person|they|their|people)\b.*\b(?:like|likes|liked|love|loves|enjoy|enjoys|enjoyed|interests?|interested|fan|tastes?|prefers?"
    r"|often|mostly|lately|usually|much|mainly|fond|chooses?|chose|chosen|history)\b|\b(?:interests?|tastes?|fondness|love|liking)\b",
    re.IGNORECASE,
)
_CHOSEN = re.compile(r"\b(?:chooses?|chose|chosen|had|has|have|owns?|owned)\b", re.IGNORECASE)
_LISTED = re.compile(r"[\s,\"“”]*(?:(?:and|or)[\s\"“”]*)?", re.IGNORECASE)
_SUBJECT = re.compile(r"[\"”]?\s*(?:is|are|was|were|has|have|fits?|match(?:es)?|shares?|may|might|belongs?)\b", re.IGNORECASE)
_LONGEST = 20  # words of a name

#: Words of sentences about lists and what people like, which tell nothing that could be looked up; see also scikit-learn's stop words.
_SAID = (
    "album albums bit book books brand brands category categories chance choice choices choose chooses chose chosen comes event events",
    "enjoy enjoyed enjoys especially fan film films fit fits fond game games genre genres given good great history include includes",
    "interest interested interests item items just kind know lately let like liked likely likes list look looking lot love",
    "loved loves mainly make makes match matches mix movie movies named new nice past people perfect person pick picks popular",
    "prefer prefers probably product products quite reason recent recently recommend recommended recommendation recommends right say",
    "shares shown similar since sort suggest suggested suits taste tastes thing things think time title titles try type user",
    "users usual usually want way",
)
COMMON = ENGLISH_STOP_WORDS | {word for line in _SAID for word in line.split()}


@dataclass(frozen=True)
class Evidence:
    """What may be said of an item that is shown to a user.

    Attributes:
        item: Its title.
        attributes: What it is: categories, brand.
        had: Titles of the user's items, each with the verbs of what was done to it ("bought").
        interests: Categories of the user's portrait.
        text: The item's own description, whose words may be used.
    """

    item: str
    attributes: tuple[str, ...] = ()
    had: Mapping[str, frozenset[str]] = field(default_factory=dict)
    interests: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Statement:
    """A sentence and what came of looking it up.

    Attributes:
        text: The sentence.
        wrong: Why it is not supported; empty of one that is.
        facts: What it tells that is true, as pairs such as ("had", "Heat (1995)"), ("attribute", "Drama").
    """

    text: str
    wrong: str = ""
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def supported(self) -> bool:
        """Everything that can be looked up is true, something can, and nothing is said beside."""
        return not self.wrong


class Mention(NamedTuple):
    """A name found in a text: where, of what kind, and which names it may stand for."""

    start: int
    end: int
    kind: Literal["title", "category"]
    names: frozenset[str]


class Names:
    """Finds titles and categories of a catalogue in a text, the longest first. A title is found without its year, too.

    A title of one word is found in quotation marks, or with a capital inside a sentence; as a category where it is one.

    Args:
        titles: Of items.
        categories: Names of categories and brands.
    """

    def __init__(self, titles: Iterable[str], categories: Iterable[str]) -> None:
        self._found: dict[Literal["title", "category"], dict[tuple[str, ...], set[str]]] = {
            "category": defaultdict(set),
            "title": defaultdict(set),
        }
        for name in categories:
            self._found["category"][_words(name)].add(name)
        for name in titles:
            self._found["title"][_words(name)].add(name)
            self._found["title"][_words(_YEAR.sub("", name))].add(name)
        for known in self._found.values():
            known.pop((), None)

    def find(self, text: str) -> list[Mention]:
        """Names in a text, in its order, none inside another."""
        words = list(_WORD.finditer(text))
        lowered = [_plain(word[0]) for word in words]
        found, place = [], 0
        while place < len(words):
            mention, length = self._at(text, words, lowered, place)
            if mention is not None:
                found.append(mention)
            place += length
        return found

    def _at(self, text: str, words: list[re.Match[str]], lowered: list[str], place: int) -> tuple[Mention | None, int]:
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            key = tuple(lowered[place : place + length])
            start, end = words[place].start(), words[place + length - 1].end()
            quoted = text[:start].endswith(('"', "“"))
            for kind in ("title", "category") if quoted or length > 1 else ("category", "title"):
                names = self._found[kind].get(key)
                named = kind == "category" or quoted or length > 1 or (text[start].isupper() and place > 0)
                if names and named:
                    return Mention(start, end, kind, frozenset(names)), length
        return None, 1


class Checker:
    """Looks up what a text says.

    Args:
        names: Finds names of the catalogue.
        verbs: Everything that users do to items, in the past ("bought").
    """

    def __init__(self, names: Names, verbs: Iterable[str]) -> None:
        self.names = names
        self._verbs = [(verb, re.compile(rf"\b{re.escape(verb)}\b", re.IGNORECASE)) for verb in sorted(set(verbs), key=len, reverse=True)]
        self._common = COMMON | {word for verb, _ in self._verbs for word in _words(verb)}

    def check(self, text: str, evidence: Evidence) -> list[Statement]:
        """Each sentence of a text, looked up. A name with a full stop in it does not end one."""
        masked = _masked(text, self.names.find(text), "X")
        cuts = [0, *(one.end() for one in _SENTENCE.finditer(masked)), len(text)]
        return [self._sentence(text[start:end].strip(), evidence) for start, end in pairwise(cuts) if text[start:end].strip()]

    def kept(self, text: str, evidence: Evidence) -> str:
        """The sentences that are supported."""
        return " ".join(one.text for one in self.check(text, evidence) if one.supported)

    def _sentence(self, text: str, evidence: Evidence) -> Statement:
        mentions = self.names.find(text)
        invented = [
            one[1] for one in _QUOTED.finditer(text) if not any(one.start() < found.end and found.start < one.end() for found in mentions)
        ]
        if invented:
            return Statement(text, f"nothing of the catalogue is called {invented[0]!r}")
        facts: list[tuple[str, str]] = []
        for start, end in _clauses(text, mentions):
            inside = [one for one in mentions if start <= one.start < end]
            wrong = self._clause(text, start, end, inside, evidence, facts)
            if wrong:
                return Statement(text, wrong)
        if not facts:
            return Statement(text, "nothing in it can be looked up")
        beside = self._beside(text, mentions, evidence)
        if beside:
            return Statement(text, f"nobody knows about {', '.join(beside[:3])}")
        return Statement(text, facts=tuple(facts))

    def _clause(
        self, text: str, start: int, end: int, mentions: Sequence[Mention], evidence: Evidence, facts: list[tuple[str, str]]
    ) -> str:
        """What is wrong with a clause; what is right goes to ``facts``."""
        masked = _masked(text, mentions)[start:end]
        denied = bool(_DENIED.search(masked))
        near, last = "", 0  # what is said right before a name, or before the list that it is in
        for one in mentions:
            before = masked[: one.start - start]
            listed = _LISTED.fullmatch(before[last:]) and not _SUBJECT.match(masked[one.end - start :])
            near, last = (near if listed else "") + before[last:], one.end - start
            if one.kind == "title":
                had = one.names & set(evidence.had)
                name = next(iter(sorted(had or one.names)))
                if had:
                    verbs = [verb for verb, pattern in self._verbs if pattern.search(before)]
                    if denied:
                        return f"{name!r} is among what the user had"
                    if verbs and not any(verb in evidence.had[title] for verb in verbs for title in had):
                        return f"{name!r} was not {verbs[-1]}"
                    facts.append(("had", name))
                elif evidence.item in one.names:
                    if not denied and (_CHOSEN.search(near) or any(pattern.search(near) for _, pattern in self._verbs)):
                        return f"{evidence.item!r} is what is recommended, not what the user had"
                    facts.append(("item", evidence.item))
                elif not denied:
                    return f"the user did not have {name!r}"
                continue
            (name, *_) = sorted(one.names)
            of_user = bool(_LIKES.search(before))
            known = evidence.interests if of_user else evidence.attributes
            if (name in known) is denied:
                whose = "the user's interests" if of_user else "what the item is"
                return f"{name!r} is {'' if denied else 'not '}among {whose}"
            if not denied:
                facts.append(("interest" if of_user else "attribute", name))
        return ""

    def _beside(self, text: str, mentions: Sequence[Mention], evidence: Evidence) -> list[str]:
        """Words that are neither common nor among what is known."""
        known = self._common | set(_words(evidence.text))
        return [word for word in _words(_masked(text, mentions)) if word.split("'")[0] not in known and not _DENIED.fullmatch(word)]


def precision(statements: Sequence[Statement]) -> float:
    """Share of statements that are supported; 0 of none."""
    return sum(one.supported for one in statements) / max(len(statements), 1)


def recall(statements: Sequence[Statement], reference: Collection[tuple[str, str]]) -> float:
    """Share of the facts that could be told which supported statements tell; 1 where there is none.

    Args:
        statements: Of one text.
        reference: Facts as ``Statement.facts`` has them. An interest counts as the attribute that it is told of.
    """
    told = {("attribute" if kind == "interest" else kind, name) for one in statements if one.supported for kind, name in one.facts}
    return len(told & set(reference)) / len(set(reference)) if reference else 1.0


def _clauses(text: str, mentions: Sequence[Mention]) -> list[tuple[int, int]]:
    """From where to where each clause goes; names are never cut."""
    masked = _masked(text, mentions)
    cuts = [0, *(one.start() for one in _CLAUSE.finditer(masked)), len(text)]
    return [(start, end) for start, end in pairwise(cuts) if end > start]


def _masked(text: str, mentions: Sequence[Mention], sign: str = " ") -> str:
    """The text with signs in place of names, whose words mean nothing."""
    for one in mentions:
        text = text[: one.start] + sign * (one.end - one.start) + text[one.end :]
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(_plain(word) for word in _WORD.findall(text))


def _plain(word: str) -> str:
    return word.casefold().replace("’", "'")
