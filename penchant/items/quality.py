"""How good an item is to show, by a written rubric: no model, no clicks.

As in Bing's quality work (atlas: Recommendation Quality Improvement), what is worth a place in a list is said apart from what is clicked.
The rubric finds an item bad where any of this holds:

    thin          its description is missing, or has fewer than 8 words
    boilerplate   three items or more have the same description, but for case, digits and punctuation
    twin          its title is nearly that of the item beside which it is shown: of the words of both, three fifths are shared

Thin and boilerplate are of an item, twin is of a pair.

Letters: N items, V words, n pairs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from penchant.core.errors import require
from penchant.data.catalog import Catalog

_WORD = re.compile(r"[^\W\d_]+")
_TITLE_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Rubric:
    """The limits of the rubric.

    Attributes:
        words: A description has at least so many.
        shared: Items of one description from which on it is boilerplate.
        alike: Share of the words of two titles that both have, from which on they are twins; above 0.
    """

    words: int = 8
    shared: int = 3
    alike: float = 0.6

    def __post_init__(self) -> None:
        require(self.shared >= 2, f"shared={self.shared}", "a description that one item has is its own", "pass shared>=2")
        require(0 < self.alike <= 1, f"alike={self.alike}", "it is a share of words", "pass a share above 0, up to 1")

    def poor(self, catalog: Catalog) -> np.ndarray:
        """bool[N + 1], items whose description is thin or boilerplate; index 0 is False."""
        texts = catalog.table["description"].fill_null("").str.to_lowercase().to_list()
        words = [_WORD.findall(text) for text in texts]
        thin = np.array([len(one) < self.words for one in words], bool)
        alike = pl.Series([" ".join(one) for one in words], dtype=pl.String)
        often = pl.DataFrame({"text": alike}).select(pl.len().over("text")).to_series().to_numpy()
        return np.concatenate([[False], thin | (often >= self.shared)])

    def twins(self, catalog: Catalog) -> Twins:
        """What tells twins of this catalogue."""
        return Twins(catalog, self.alike)


class Twins:
    """Tells pairs of items with nearly the same title.

    Args:
        catalog: N items.
        alike: See ``Rubric``.
    """

    def __init__(self, catalog: Catalog, alike: float) -> None:
        self.alike = alike
        codes: dict[str, int] = {}
        lists = [sorted({codes.setdefault(word, len(codes)) for word in _TITLE_WORD.findall(text.casefold())}) for text in catalog.titles()]
        self._sizes = np.array([0, *map(len, lists)], np.int64)
        starts = np.concatenate([[0], np.cumsum(self._sizes)])
        words = np.fromiter((word for one in lists for word in one), np.int64, int(starts[-1]))
        shape = (len(lists) + 1, max(1, len(codes)))
        self._words = sparse.csr_matrix((np.ones(len(words), np.float32), words, starts), shape=shape)

    def of(self, sources: np.ndarray, items: np.ndarray) -> np.ndarray:
        """bool[n], whether the titles of two items are nearly the same; an item is no twin of itself.

        Args:
            sources: int[n], items beside which others are shown.
            items: int[n], those others.
        """
        both = np.asarray(self._words[sources].multiply(self._words[items]).sum(axis=1)).ravel()
        either = self._sizes[sources] + self._sizes[items] - both
        return (both >= self.alike * np.maximum(either, 1)) & (sources != items)
