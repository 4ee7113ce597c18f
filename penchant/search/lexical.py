"""Search by words: a tantivy index over titles, brands, categories and descriptions.

A word counts where it stands as it is, most of all in the title. The last word may be unfinished ("sta" finds Star
Wars), and words of five letters and more may have one wrong letter. Among equal matches the more popular item wins.

Letters: N items, n hits, k places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import tantivy
from tantivy import Occur, Query

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.core.storage import refusal
from penchant.data.catalog import Catalog
from penchant.ranking import check_k
from penchant.search.query import clean

#: The searched fields and how much a match in each counts.
FIELDS = {"title": 3.0, "brand": 1.5, "categories": 1.5, "description": 0.7}
_SHORT = ("title", "brand", "categories")  # fields in which unfinished and misspelt words are looked for
_PREFIX, _FUZZY = 1.0, 0.6  # what such a match counts, before the field's weight; an exact one counts by BM25
_FUZZY_LETTERS = 5
_POPULARITY = 0.25  # the most popular item's scores are raised by this share
_WORDS = 24
_WORD_LETTERS = 40
_DESCRIPTION = 5_000  # characters of a description that are indexed
_HEAP = 64_000_000  # bytes of the index writer
#: Scripts written without spaces (kana, han): each sign is a word.
_SIGN = r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])"


@dataclass(frozen=True)
class Hits:
    """One ranked list.

    Attributes:
        items: int32[n], best first.
        scores: float32[n], not increasing.
        partial: No item has most of the query's words; these have some.
        unfinished: The last word is no word of the catalogue, but the beginning of one.
    """

    items: np.ndarray
    scores: np.ndarray
    partial: bool = False
    unfinished: bool = False

    def __len__(self) -> int:
        return len(self.items)


class LexicalIndex:
    """N items by their words. Made by ``build`` or ``open``; may be searched from several threads."""

    def __init__(self, index: tantivy.Index) -> None:
        index.register_tokenizer("words", _analyzer())
        self._schema = _schema()
        self._analyzer = _analyzer()
        self._searcher = index.searcher()
        self.num_items = int(self._searcher.num_docs)

    @classmethod
    def build(cls, catalog: Catalog, events: np.ndarray | None = None, *, folder: Path | None = None) -> Self:
        """Index a catalogue.

        Args:
            events: int64[N + 1], training events an item; decide between equal matches.
            folder: Where to keep the index, for example ``index/`` inside an artifact; ``None``: in memory.

        Raises:
            InputError: Not one count an item.
            StorageError: The disk refuses to be written.
        """
        counts = np.zeros(len(catalog) + 1, np.int64) if events is None else events
        require(
            len(counts) == len(catalog) + 1, f"{len(counts)} counts", f"there are {len(catalog)} items and padding", "pass int64[N + 1]"
        )
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            index = tantivy.Index(_schema(), path=None if folder is None else str(folder), reuse=False)
            index.register_tokenizer("words", _analyzer())
            writer = index.writer(_HEAP, 1)  # one thread: items keep catalogue order, so equal scores have one order
            for document in _documents(catalog, counts[1:]):
                writer.add_document(document)
            writer.commit()
            writer.wait_merging_threads()
        except (OSError, ValueError) as error:
            raise (refusal(error, folder or Path()) or StorageError(f"index in {folder}", str(error), "choose an empty folder")) from error
        index.reload()
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what ``build`` put into a folder.

        Raises:
            ArtifactError: There is no such index.
        """
        try:
            return cls(tantivy.Index.open(str(folder)))
        except (OSError, ValueError) as error:
            raise ArtifactError(str(folder), f"it holds no search index ({error})", "build it again") from error

    def search(self, query: str, k: int) -> Hits:
        """At most k items that have most of the query's words; if none has, those that have any.

        Raises:
            InputError: The query is blank, or k is outside 1..N.
        """
        check_k(k, self.num_items)
        text = clean(query)
        words = list(dict.fromkeys(word for word in self._analyzer.analyze(_parted(text)) if len(word) <= _WORD_LETTERS))[-_WORDS:]
        if not words:
            return _hits([], [])
        last = words[-1]
        clauses = [(Occur.Should, self._word(word, unfinished=word == last)) for word in words]
        most = len(words) if len(words) <= 2 else math.ceil(0.6 * len(words))
        found = self._best(clauses, most, k)
        partial = most > 1 and not found
        if partial:
            found = self._best(clauses, 1, k)
        if not found:
            return _hits([], [])
        items = self._searcher.fast_field_values("item", [address for _, address in found])
        return _hits(items, [score for score, _ in found], partial, self._begins_only(last))

    def _best(self, clauses: list[tuple[Occur, Query]], needed: int, k: int) -> list:
        """Scores and addresses of the best items that meet at least ``needed`` clauses."""
        wanted = Query.boolean_query(clauses, minimum_number_should_match=needed)
        return self._searcher.search(wanted, k, count=False, weight_by_field="popularity").hits

    def _word(self, word: str, *, unfinished: bool) -> Query:
        """Matches one word; the best field counts, the others a little."""
        ways = [
            Query.boost_query(Query.term_query(self._schema, field, word, index_option="freq"), weight) for field, weight in FIELDS.items()
        ]
        for field in _SHORT:
            if unfinished:
                ways.append(
                    Query.boost_query(Query.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True), _PREFIX * FIELDS[field])
                )
            if len(word) >= _FUZZY_LETTERS:
                near = Query.fuzzy_term_query(self._schema, field, word, distance=1, prefix=unfinished)
                ways.append(Query.boost_query(near, _FUZZY * FIELDS[field]))
        return Query.disjunction_max_query(ways, 0.1)

    def _begins_only(self, word: str) -> bool:
        """Whether no field has ``word`` itself, but one has a longer word that begins with it."""
        if any(self._searcher.doc_freq(field, word) for field in FIELDS):
            return False
        longer = [(Occur.Should, Query.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True)) for field in _SHORT]
        return bool(self._searcher.search(Query.boolean_query(longer), 1, count=False).hits)


def _hits(items: list, scores: list, partial: bool = False, unfinished: bool = False) -> Hits:
    return Hits(np.array(items, np.int32), np.array(scores, np.float32), partial, unfinished)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("item", stored=False, fast=True)
    builder.add_float_field("popularity", stored=False, fast=True)
    for field in FIELDS:
        builder.add_text_field(field, stored=False, tokenizer_name="words", index_option="freq")
    return builder.build()


def _analyzer() -> tantivy.TextAnalyzer:
    """Words without case and accents. No stemming: it would tie the index to one language."""
    filters = (tantivy.Filter.remove_long(_WORD_LETTERS + 1), tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold())
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


def _parted(text: str) -> str:
    """The text with spaces around the signs of scripts that do without."""
    return pl.select(pl.lit(text).str.replace_all(_SIGN, " $1 ")).item()


def _documents(catalog: Catalog, events: np.ndarray) -> Iterator[tantivy.Document]:
    most = max(1, int(events.max(initial=0)))
    # The engine multiplies a score by log2(2 + popularity); this makes that factor grow from 1 to 1 + _POPULARITY.
    popularity = np.exp2(1 + _POPULARITY * np.log1p(events) / np.log1p(most)) - 2
    rows = catalog.table.select(
        "title",
        "brand",
        categories=catalog.readable_categories().list.join(" "),
        description=pl.col("description").str.slice(0, _DESCRIPTION),
    ).with_columns(pl.all().fill_null("").str.replace_all(_SIGN, " $1 "))
    for item, (weight, texts) in enumerate(zip(popularity.tolist(), rows.iter_rows(), strict=True), start=1):
        document = tantivy.Document()
        document.add_integer("item", item)
        document.add_float("popularity", weight)
        for field, text in zip(FIELDS, texts, strict=True):
            if text:
                document.add_text(field, text)
        yield document
