"""Queries that nobody typed yet: written for items by a language model or from their words, and kept only if they find the item.

As at Best Buy, Spotify and Amazon Music (atlas: Embedding Long Tail, Query Recommendations, Playlist Search) a model writes queries where
no log has any. What it writes is often a copy of the title, or says nothing of the item; so a query is kept only if a search over the
catalogue brings the item back, and if it is no copy. The control writes without a model.

Letters: N items, n queries, k places, D width of vectors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.items.encoders import TextEncoder
from penchant.items.enrich import Item
from penchant.llm.model import Ask, Completion, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import plain

#: Finds items: from n queries and k to int[n, k] codes, best first, 0 where there are no more.
Search = Callable[[Sequence[str], int], np.ndarray]

_PROMPT = "queries.v1"
_LETTERS = 60  # of a query
_TOKENS_A_QUERY = 40  # more than the schema allows
_CHANCE = 0.7  # a small model that always takes the likeliest word writes the title again and again
_WORD = re.compile(r"\w+")
_COPY = 0.75  # share of the words of query and title that both have, from which on the query is a copy


@dataclass(frozen=True)
class Query:
    """What somebody might type.

    Attributes:
        text: In lower case, on one line.
        item: Code of the item it was written for.
    """

    text: str
    item: int


class Fate(StrEnum):
    """What became of a query. COPY: of the title. TWICE: it is there already, for the same item. LOST: no search brings the item back."""

    KEPT = "kept"
    COPY = "copy"
    TWICE = "twice"
    LOST = "lost"


class QueryWriter:
    """Asks a language model for queries.

    Args:
        model: Writes.
        count: Queries an item.

    Raises:
        InputError: ``count`` is below 1.
    """

    def __init__(self, model: LanguageModel, count: int = 4) -> None:
        require(count >= 1, f"count={count}", "an item gets at least one query", "pass count>=1")
        self.model, self.count, self._prompt = model, count, Prompt.load(_PROMPT)

    def question(self, item: Item) -> Ask:
        """What the model is asked of an item.

        Args:
            item: Its own text, which stands in quotation marks.
        """
        text = {"type": "string", "minLength": 3, "maxLength": _LETTERS}
        queries: dict[str, Any] = {"type": "array", "items": text, "minItems": self.count, "maxItems": self.count}
        schema = {"type": "object", "properties": {"queries": queries}, "required": ["queries"], "additionalProperties": False}
        messages = self._prompt.fill(title=item.title, description=item.description, count=str(self.count))
        return Ask(messages, schema=schema, max_tokens=_TOKENS_A_QUERY * self.count, temperature=_CHANCE)

    def write(self, items: Sequence[tuple[int, Item]]) -> list[Query]:
        """Queries of items; none for an item of which the model gave no answer.

        Args:
            items: With their codes.
        """
        found = self.model.complete([self.question(item) for _, item in items])
        answers = [(code, one) for (code, _), one in zip(items, found, strict=True) if isinstance(one, Completion)]
        return [query for code, one in answers for query in self.read(code, one)]

    def read(self, code: int, answer: Completion) -> list[Query]:
        """The queries of an answer, tidied.

        Args:
            code: Of the item.
            answer: To its question.
        """
        texts = (tidy(one) for one in json.loads(answer.text)["queries"])
        return [Query(text, code) for text in texts if text]


def tidy(text: str) -> str:
    """A query on one line, in lower case, without orders to a model and without signs at its ends.

    Args:
        text: As it was written.
    """
    return plain(text, _LETTERS).casefold().strip(" .,;:!?\"'")


def from_words(code: int, item: Item, count: int = 4) -> list[Query]:
    """Queries without a model: two or three words of the title, and the first words of the description in between.

    Args:
        code: Of the item; decides which words are taken.
        item: Its own text.
        count: Queries, at most.
    """
    dice, found = generator(code), []
    title, description = (_content(text) for text in (item.title, item.description))
    for number in range(count):
        words = description[:4] if number % 2 and description else title
        size = min(len(words), 2 + number % 2)
        places = np.sort(dice.choice(len(words), size, replace=False)) if size else []
        found.append(" ".join(words[place] for place in places))
    return [Query(text, code) for text in dict.fromkeys(map(tidy, found)) if text]


class RoundTrip:
    """Keeps the queries that find their item.

    Args:
        titles: Of N items, in code order.
        searches: Each may bring the item back; one is enough.
        k: Among how many places.
        batch: Queries searched at a time.

    Raises:
        InputError: There is no search, or ``k`` is below 1.
    """

    def __init__(self, titles: Sequence[str], searches: Sequence[Search], *, k: int = 20, batch: int = 512) -> None:
        require(len(searches) > 0, "searches=()", "a round trip needs a way back", "pass at least one search")
        require(k >= 1, f"k={k}", "the item has to come back somewhere", "pass k>=1")
        self._titles = [set(_WORD.findall(title.casefold())) for title in titles]
        self.searches, self.k, self.batch = tuple(searches), k, batch

    def fates(self, queries: Sequence[Query]) -> list[Fate]:
        """What becomes of each.

        Args:
            queries: Of any items.
        """
        found: list[Fate] = []
        seen: set[Query] = set()
        for start in range(0, len(queries), self.batch):
            part = queries[start : start + self.batch]
            back = self._back(part)
            for query, comes in zip(part, back.tolist(), strict=True):
                fate = Fate.COPY if self._copy(query) else Fate.TWICE if query in seen else Fate.KEPT if comes else Fate.LOST
                seen.add(query)
                found.append(fate)
        return found

    def kept(self, queries: Sequence[Query]) -> list[Query]:
        """Those that find their item and are no copies.

        Args:
            queries: Of any items.
        """
        return [query for query, fate in zip(queries, self.fates(queries), strict=True) if fate is Fate.KEPT]

    def _back(self, queries: Sequence[Query]) -> np.ndarray:
        """bool[n], whether one of the searches brings the item back."""
        items = np.array([query.item for query in queries])[:, None]
        texts = [query.text for query in queries]
        return np.any([(search(texts, self.k) == items).any(axis=1) for search in self.searches], axis=0)

    def _copy(self, query: Query) -> bool:
        words, title = set(_WORD.findall(query.text)), self._titles[query.item - 1]
        return len(words & title) >= _COPY * max(1, len(words | title))


def by_vectors(encoder: TextEncoder, vectors: np.ndarray) -> Search:
    """A search by likeness of texts.

    Args:
        encoder: Of queries.
        vectors: float32[N + 1, D] of items by the same encoder; row 0 is not found.
    """

    def search(queries: Sequence[str], k: int) -> np.ndarray:
        near = encoder.encode(queries) @ vectors.T
        near[:, 0] = -np.inf
        found = np.argsort(-near, axis=1, kind="stable")[:, : min(k, len(vectors) - 1)]
        return np.where(np.take_along_axis(near, found, axis=1) > 0, found, 0)  # a query without known words is like nothing

    return search


def _content(text: str) -> list[str]:
    """Words in order, each once, without the commonest and without single letters."""
    words = dict.fromkeys(word for word in _WORD.findall(text.casefold()) if len(word) > 1 or word.isdigit())
    return [word for word in words if word not in ENGLISH_STOP_WORDS]
