"""Search by words, on tantivy: BM25 over title, brand, categories and description, as one types.

A query is data, never query syntax: it is cut into words by the index's own analyser, and each word becomes a term.
The last word also matches as a prefix (it may still be being typed), and words of five letters or more forgive one
wrong letter, at a lower weight.
"""

from __future__ import annotations

import numpy as np
import tantivy

from penchant.core.errors import require
from penchant.data.catalog import Catalog

#: Fields with their weights.
FIELDS = {"title": 4.0, "brand": 2.0, "categories": 1.5, "description": 1.0}
ANALYSER = "words"
MAX_CHARACTERS = 1_000
MAX_WORDS = 16
FUZZY_LETTERS = 5


class LexicalIndex:
    """An in-memory index of a catalogue.

    Args:
        catalog: N items.
    """

    def __init__(self, catalog: Catalog) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("item", stored=True)
        for name in FIELDS:
            builder.add_text_field(name, stored=False, tokenizer_name=ANALYSER)
        self.schema = builder.build()
        self.index = tantivy.Index(self.schema)
        self.analyser = (
            tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
            .filter(tantivy.Filter.remove_long(60))
            .filter(tantivy.Filter.lowercase())
            .filter(tantivy.Filter.ascii_fold())
            .build()
        )
        self.index.register_tokenizer(ANALYSER, self.analyser)
        self._fill(catalog)

    def _fill(self, catalog: Catalog) -> None:
        table = catalog.table
        columns = {
            "title": table["title"].to_list(),
            "brand": table["brand"].to_list(),
            "categories": catalog.readable_categories().list.join(" ").to_list(),
            "description": table["description"].to_list(),
        }
        writer = self.index.writer(heap_size=64_000_000, num_threads=1)
        for place in range(len(catalog)):
            document = tantivy.Document(item=place + 1)
            for name, values in columns.items():
                if values[place]:
                    document.add_text(name, values[place])
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()

    def words(self, query: str) -> list[str]:
        """The words of a query, as the index knows words; at most 16 of the first 1,000 characters."""
        return self.analyser.analyze(query[:MAX_CHARACTERS])[:MAX_WORDS]

    def search(self, query: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The best items for a query.

        Returns:
            items int32[n] and BM25 scores float32[n], best first, n <= k; nothing where no word matches.

        Raises:
            InputError: k is below 1.
        """
        require(k >= 1, f"k={k}", "a list has at least one place", "pass k>=1")
        words = self.words(query)
        if not words:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        searcher = self.index.searcher()
        clauses = [(tantivy.Occur.Should, self._word(word, last=place == len(words) - 1)) for place, word in enumerate(words)]
        found = searcher.search(tantivy.Query.boolean_query(clauses), limit=k).hits
        items = [searcher.doc(address)["item"][0] for _, address in found]
        return np.array(items, np.int32), np.array([score for score, _ in found], np.float32)

    def _word(self, word: str, *, last: bool) -> tantivy.Query:
        """The alternatives of one word over all fields; the best one counts."""
        query = tantivy.Query
        choices = []
        for name, weight in FIELDS.items():
            choices.append(query.boost_query(query.term_query(self.schema, name, word), weight))
            if last and len(word) >= 2:
                begins = query.fuzzy_term_query(self.schema, name, word, distance=0, prefix=True)
                choices.append(query.boost_query(begins, 0.5 * weight))
            if len(word) >= FUZZY_LETTERS:
                near = query.fuzzy_term_query(self.schema, name, word, distance=1, prefix=last)
                choices.append(query.boost_query(near, 0.25 * weight))
        return query.disjunction_max_query(choices, tie_breaker=0.1)
