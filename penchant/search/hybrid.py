"""Search by words and by meaning, fused by rank.

The two scores cannot be compared, so only the ranks count: an item's score is the weighted sum of 1 / (60 + rank) over
the lists that hold it (reciprocal rank fusion, Cormack et al., SIGIR 2009). A third, light list orders what was found
by popularity.

The weights were chosen on the 9,125 films of ml-latest-small (MiniLM; mean NDCG@10; in brackets: equal weights, words
alone): popular titles cut short 0.887 (0.836, 0.902), with a letter missing 0.929 (0.909, 0.902); any title in full
0.990 (0.990, 0.990), cut short 0.914 (0.891, 0.918); tags that users gave 0.029 (0.029, 0.006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import TEXT, ItemSpace
from penchant.ranking import check_k
from penchant.search.lexical import Hits, LexicalIndex
from penchant.search.query import clean
from penchant.search.vector import VectorIndex

RRF = 60
WORDS, MEANING = "words", "meaning"
#: Candidates taken from each list for k results.
POOL, LEAST_POOL = 3, 50
#: Meaning stops where the cosine falls below this share of the best one's.
MEANING_SHARE = 0.6
#: What popularity counts. It only orders what was found, and too little to put a known title below a better known one.
POPULARITY = 0.1
_REMEMBERED = 1024  # query vectors kept


@dataclass(frozen=True)
class SearchResult:
    """One ranked list.

    Attributes:
        items: int32[n], n <= k, best first.
        scores: float32[n], not increasing.
        matched: What found each item: ``"words"``, ``"meaning"`` or both.
    """

    items: np.ndarray
    scores: np.ndarray
    matched: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.items)


class HybridSearch:
    """Searches an item space.

    Args:
        space: N items.
        encoder: The one that made the space's vectors; ``None``: search goes by words alone.
        lexical: An index built before; ``None``: it is built now, in memory.

    Raises:
        InputError: Another encoder, or an index of another number of items.
    """

    def __init__(self, space: ItemSpace, encoder: TextEncoder | None = None, *, lexical: LexicalIndex | None = None) -> None:
        self.num_items = len(space)
        self._events = space.events
        self.lexical = LexicalIndex.build(space.catalog, space.events) if lexical is None else lexical
        require(
            self.lexical.num_items == self.num_items,
            f"an index of {self.lexical.num_items} items",
            f"the space has {self.num_items}",
            "build the index from the space's catalogue",
        )
        self.vector = None if encoder is None else VectorIndex(space.vectors[TEXT])
        if encoder is not None:
            require(
                encoder.fingerprint() == space.encoder_fingerprint,
                f"encoder {encoder.name}",
                f"the space was made with {space.encoder_name} of other weights or settings",
                "pass the encoder that made the space",
            )
            self._vector_of = lru_cache(_REMEMBERED)(lambda text: _frozen(encoder.encode([text])))

    def search(self, query: str, k: int, *, exclude: Sequence[int] | np.ndarray | None = None) -> SearchResult:
        """At most k items for what somebody typed. Only items that have its words, or are near it, are listed.

        Args:
            query: Any text; its first 512 characters are read.
            k: In 1..N.
            exclude: Codes of items that must not appear.

        Raises:
            InputError: The query is blank, or k or a code of ``exclude`` is outside 1..N.
        """
        check_k(k, self.num_items)
        text = clean(query)
        hidden = np.asarray([] if exclude is None else exclude, np.int32)
        fits = not len(hidden) or (int(hidden.min()) >= 1 and int(hidden.max()) <= self.num_items)
        require(fits, f"exclude={hidden.tolist()!r:.60}", f"item codes are 1..{self.num_items}", "encode ids with the catalogue")
        pool = min(self.num_items, max(LEAST_POOL, POOL * k))
        hits, shown = self._by_words(text, pool, hidden)
        lists = [shown, np.zeros(0, np.int32)]
        if self.vector is not None:
            near = self.vector.search(self._vector_of(text), pool, exclude=Histories.of([hidden]))
            cosines = near.scores[0]
            lists[1] = near.items[0][(cosines > 0) & (cosines >= MEANING_SHARE * cosines[0])]
        named = np.unique(np.concatenate(lists))
        popular = named[np.argsort(-self._events[named], kind="stable")]
        items, scores = fuse(*lists, popular, weights=(*_weights(hits), POPULARITY))
        held = [set(ranking.tolist()) for ranking in lists]
        matched = [tuple(name for name, found in zip((WORDS, MEANING), held, strict=True) if item in found) for item in items[:k].tolist()]
        return SearchResult(items[:k], scores[:k], matched)

    def _by_words(self, text: str, pool: int, hidden: np.ndarray) -> tuple[Hits, np.ndarray]:
        """What the index says, and the first ``pool`` items of it that are not hidden, as far as there are so many.

        Thousands may be hidden, and few of them have the words: so it is asked for more only where these do not suffice.
        """
        share = max(1 - len(hidden) / self.num_items, 0.05)  # that is not hidden
        asked = min(self.num_items, round(pool / share) + min(len(hidden), pool))
        while True:
            hits = self.lexical.search(text, asked)
            shown = hits.items[~np.isin(hits.items, hidden)]
            if len(shown) >= pool or len(hits) < asked or asked == self.num_items:
                return hits, shown[:pool]
            asked = min(self.num_items, 4 * asked)


def _weights(hits: Hits) -> tuple[float, float]:
    """What words and meaning count. Words that all fit name something; half a word means little."""
    if hits.partial:
        return 0.5, 1.0
    return 1.0, 0.2 if hits.unfinished else 0.3


def fuse(*rankings: np.ndarray, weights: Sequence[float] | None = None, k: int = RRF) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal rank fusion.

    Args:
        rankings: int[n_i] each, item codes best first, no item twice.
        weights: What each list counts; 1 by default.
        k: The larger, the less the first ranks stand out.

    Returns:
        int32[n] items, best first (equal scores: those of earlier lists first), and their float32[n] scores.

    Raises:
        InputError: Not one weight a list, or a list names an item twice.
    """
    weights = [1.0] * len(rankings) if weights is None else weights
    require(len(weights) == len(rankings), f"{len(weights)} weights", f"there are {len(rankings)} lists", "pass one weight a list")
    require(k >= 0, f"k={k}", "a rank cannot be divided by less than 1", "pass k>=0")
    require(
        all(len(np.unique(ranking)) == len(ranking) for ranking in rankings),
        "a list with an item twice",
        "an item has one rank",
        "remove repeats",
    )
    if not sum(len(ranking) for ranking in rankings):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    gains = [weight / (k + np.arange(1, len(ranking) + 1)) for ranking, weight in zip(rankings, weights, strict=True)]
    items, first, place = np.unique(np.concatenate(rankings), return_index=True, return_inverse=True)
    total = np.bincount(place, weights=np.concatenate(gains))
    order = np.lexsort((first, -total))
    return items[order].astype(np.int32), total[order].astype(np.float32)


def _frozen(vectors: np.ndarray) -> np.ndarray:
    vectors.setflags(write=False)  # it is shared by all who ask the same
    return vectors
