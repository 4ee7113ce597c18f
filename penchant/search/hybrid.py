"""Search by words and by meaning, fused by reciprocal ranks (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from penchant.core.errors import require
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import ItemSpace
from penchant.search.lexical import MAX_CHARACTERS, LexicalIndex
from penchant.search.vector import VectorIndex

RANK_OFFSET = 60.0
#: Candidates from each side for a list of k.
POOL = 4
LEAST_POOL = 50
#: An item is called found by meaning when its cosine reaches this share of the best one's.
MEANING_SHARE = 0.6
WORDS, MEANING = "words", "meaning"


@dataclass(frozen=True)
class SearchResult:
    """Items for a query.

    Attributes:
        items: int32[n], best first.
        scores: float32[n], fused.
        matched: For each item, what found it: ``"words"``, ``"meaning"`` or both.
    """

    items: np.ndarray
    scores: np.ndarray
    matched: list[tuple[str, ...]]


def fuse(*rankings: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal rank fusion of item lists, best first: each adds 1 / (60 + rank) to its items.

    Returns:
        items int32[n] and scores float32[n], best first; equal scores keep the order of first appearance.
    """
    joined = np.concatenate([np.asarray(ranking, np.int32) for ranking in rankings])
    shares = np.concatenate([1.0 / (RANK_OFFSET + np.arange(1, len(ranking) + 1)) for ranking in rankings])
    items, first, place = np.unique(joined, return_index=True, return_inverse=True)
    scores = np.bincount(place, weights=shares, minlength=len(items))
    order = np.lexsort((first, -scores))
    return items[order], scores[order].astype(np.float32)


class HybridSearch:
    """Both indexes over one item space.

    Args:
        space: The items, with the vectors called ``"text"``.
        encoder: What made those vectors; None searches by words alone.
    """

    def __init__(self, space: ItemSpace, encoder: TextEncoder | None) -> None:
        self.lexical = LexicalIndex(space.catalog)
        self.vector = VectorIndex(space.vectors["text"])
        self.num_items = len(space.catalog)
        self.encoder = encoder
        self._query_vector = lru_cache(maxsize=2_048)(self._encode)

    def search(self, query: str, k: int, *, exclude: np.ndarray | None = None) -> SearchResult:
        """The best items for what somebody typed.

        Args:
            query: Any text; beyond 1,000 characters it is cut.
            k: Length of the list, 1..N; fewer come back when fewer match.
            exclude: Items that must not appear.

        Raises:
            InputError: The query is blank, or k is out of range.
        """
        require(bool(query.strip()), f"query={query[:20]!r}", "a search needs at least one letter", "type something")
        require(
            1 <= k <= self.num_items, f"k={k}", f"a list holds 1 to {self.num_items} items (the catalogue)", f"pass 1<=k<={self.num_items}"
        )
        pool = min(self.num_items, max(LEAST_POOL, POOL * k))
        by_words = self.lexical.search(query, pool)[0]
        by_meaning = self._by_meaning(query, pool)
        if exclude is not None and len(exclude):
            by_words, by_meaning = (found[~np.isin(found, exclude)] for found in (by_words, by_meaning))
        items, scores = fuse(by_words, by_meaning)
        words, meaning = set(by_words.tolist()), set(by_meaning.tolist())
        matched = [tuple(name for name, found in ((WORDS, words), (MEANING, meaning)) if item in found) for item in items[:k].tolist()]
        return SearchResult(items[:k], scores[:k], matched)

    def _by_meaning(self, query: str, pool: int) -> np.ndarray:
        if self.encoder is None:
            return np.zeros(0, np.int32)
        vector = self._query_vector(query.strip()[:MAX_CHARACTERS])
        found = self.vector.search(vector[None], pool)
        near = (found.items[0] > 0) & (found.scores[0] > 0) & (found.scores[0] >= MEANING_SHARE * found.scores[0, 0])
        return found.items[0][near]

    def _encode(self, query: str) -> np.ndarray:
        assert self.encoder is not None
        return self.encoder.encode([query])[0]
