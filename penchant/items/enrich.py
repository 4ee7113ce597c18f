"""Items in a language model's words: a short title and a summary, kept only as far as the item's own text bears them out, and attributes.

An attribute is one of the values that are allowed for it, the likeliest; nothing checks it beyond that.

As in Bing's quality work (atlas: Recommendation Quality Improvement) a model writes what a page shows. Its control is the same without
a model: the beginning of the title and the first sentence of the description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from penchant.core.errors import require
from penchant.llm.labels import Labeller
from penchant.llm.model import Ask, Choose, Completion, LanguageModel
from penchant.llm.prompt import Prompt

PLAIN = "without a model"
_WORDS, _ATTRIBUTE = "enrich.v1", "attribute.v1"
_SHORT, _LONG = 60, 240  # characters of a short title and of a summary
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"short_title": {"type": "string", "maxLength": _SHORT}, "summary": {"type": "string", "maxLength": _LONG}},
    "required": ["short_title", "summary"],
    "additionalProperties": False,
}
_TOKENS = 160  # more than the schema allows, in any language of few characters a token
_WORD = re.compile(r"\w+")
_BREAK = re.compile(r"\s+[-–|(\[]|[,;:(\[]\s")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“])")


@dataclass(frozen=True)
class Item:
    """What is known of an item: its own text."""

    title: str
    description: str = ""


@dataclass(frozen=True)
class Enriched:
    """What was made of it.

    Attributes:
        short_title, summary: Every word of content in them is in the item's text.
        attributes: One option of each attribute that was asked for.
        author: Of title and summary: a model's name, or ``PLAIN``.
        dropped: What the author wrote and nothing bears out.
    """

    short_title: str
    summary: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    author: str = PLAIN
    dropped: tuple[str, ...] = ()


def plainly(item: Item) -> Enriched:
    """The same without a model."""
    title = " ".join(item.title.split())
    cut = next((place.start() for place in _BREAK.finditer(title) if place.start() >= _SHORT // 3), len(title))
    first = _SENTENCE_END.split(" ".join(item.description.split()))[0]
    return Enriched(_cut(title[:cut], _SHORT), _cut(first, _LONG))


def strange(text: str, item: Item) -> list[str]:
    """Words of content in a text that the item's own text does not have, in any ending."""
    known = {_stem(word) for word in _WORD.findall(f"{item.title} {item.description}".casefold())}
    found = [word for word in _WORD.findall(text.casefold()) if word not in ENGLISH_STOP_WORDS and len(word) > 1]
    return [word for word in found if _stem(word) not in known]


class Enricher:
    """Makes items readable.

    Args:
        model: Writes and chooses.
        attributes: Options by attribute, such as ``{"audience": ("children", "adults")}``.

    Raises:
        InputError: An attribute has no option, or one twice.
    """

    def __init__(self, model: LanguageModel, attributes: Mapping[str, Sequence[str]] | None = None) -> None:
        self.model = model
        self._words, prompt = Prompt.load(_WORDS), Prompt.load(_ATTRIBUTE)
        self.labellers = {
            name: Labeller(
                model,
                options,
                prompt=Prompt(prompt.name, prompt.system.replace("{{attribute}}", name), prompt.user.replace("{{attribute}}", name)),
            )
            for name, options in (attributes or {}).items()
        }

    def questions(self, item: Item) -> dict[str, Ask | Choose]:
        """What the model is asked: ``"words"``, and each attribute by name."""
        require("words" not in self.labellers, "attribute 'words'", "that is what title and summary are asked as", "name it otherwise")
        words = Ask(self._words.fill(title=item.title, description=item.description), schema=_SCHEMA, max_tokens=_TOKENS)
        text = f"{item.title}. {item.description}"
        return {"words": words, **{name: one.question(text) for name, one in self.labellers.items()}}

    def enriched(self, item: Item, words: Completion | None, attributes: Mapping[str, str]) -> Enriched:
        """What is kept of an answer; where there is none or nothing is left, the words of ``plainly``."""
        plain = plainly(item)
        if words is None:
            return Enriched(plain.short_title, plain.summary, attributes)
        told = json.loads(words.text)
        short, dropped = " ".join(told["short_title"].split()), []
        if not short or strange(short, item):
            dropped.append(short)
            short = ""
        kept = []
        for sentence in filter(None, _SENTENCE_END.split(" ".join(told["summary"].split()))):
            (dropped if strange(sentence, item) else kept).append(sentence)
        author = self.model.name if short or kept else PLAIN
        return Enriched(short or plain.short_title, " ".join(kept) or plain.summary, attributes, author, tuple(filter(None, dropped)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(" ,;:-–|(") + " …"


def _stem(word: str) -> str:
    """Without the endings of plurals and verbs, roughly."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)]
    return word
