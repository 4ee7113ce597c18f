"""The tree of semantic IDs in words: what the items below a prefix have in common, against the rest of the catalogue.

Letters: N items, W words (or categories), C children of a node.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from penchant.items.item_space import ItemSpace

_WORDS = 5
_CATEGORIES = 3
_EXAMPLES = 3
_LEAST = 1.0  # standard deviations by which a word must be more frequent than elsewhere


class CodeTree:
    """Describes nodes of an item space's code tree.

    Args:
        space: Its titles and categories give the words, its events the examples.
    """

    def __init__(self, space: ItemSpace) -> None:
        catalog = space.catalog
        self.space = space
        self.titles = np.array(catalog.titles(), object)
        categories = catalog.readable_categories()
        text = catalog.table["title"].fill_null("") + " " + categories.list.join(" ")
        # Words of two letters and more, in any script, each once an item; digits and signs only part them.
        found = text.str.to_lowercase().str.extract_all(r"\p{L}[\p{L}\p{M}'’-]*\p{L}").list.unique(maintain_order=True)
        self.words, self._words = _incidence(found, without=ENGLISH_STOP_WORDS)
        self._totals = np.asarray(self._words.sum(axis=0)).ravel()
        self.categories, self._categories = _incidence(categories.list.unique(maintain_order=True))

    def describe(self, prefix: tuple[int, ...] = (), *, children: bool = True) -> dict[str, Any]:
        """What lies below a prefix; ``children=False`` leaves out what lies below each next code.

        Returns:
            ``prefix``, ``levels`` (L), ``items`` below, ``words`` (those that set these items apart from the others, at
            most 5; none for the root), ``categories`` (``name`` and ``share`` of the items, at most 3) and
            ``children``: for each next code ``code``, ``items``, ``words``, ``categories`` and ``examples`` (the 3
            most popular titles). Children are in the order of their codes; a full prefix has none.

        Raises:
            InputError: No item has the prefix.
        """
        trie = self.space.trie
        trie.find(prefix)
        depth = len(prefix)
        rows = np.flatnonzero((self.space.codes[1:, :depth] == np.array(prefix, np.int32)).all(axis=1))
        (words,), (categories,) = self._common(rows, np.zeros(len(rows), np.int64), 1)
        below: list[dict[str, Any]] = []
        if children and depth < self.space.levels:
            codes, group = np.unique(self.space.codes[1 + rows, depth], return_inverse=True)
            sizes = np.bincount(group)
            described = zip(codes, sizes, *self._common(rows, group, len(codes)), self._examples(rows, group, sizes), strict=True)
            below = [
                {"code": int(code), "items": int(items), "words": words, "categories": categories, "examples": examples}
                for code, items, words, categories, examples in described
            ]
        return {
            "prefix": list(prefix),
            "levels": self.space.levels,
            "items": len(rows),
            "words": words,
            "categories": categories,
            "children": below,
        }

    def _common(self, rows: np.ndarray, group: np.ndarray, groups: int) -> tuple[list[list[str]], list[list[dict[str, Any]]]]:
        """Words and category shares of each group of item rows."""
        member = csr_array((np.ones(len(rows)), (group, rows)), shape=(groups, len(self.space)))
        sizes = np.bincount(group, minlength=groups)
        at, word, count = _cells(member @ self._words)
        score = _log_odds(count, sizes[at], self._totals[word], len(self.space))
        telling = (score >= _LEAST) & ((count >= 2) | (sizes[at] <= 2))  # a common word is that of more than one item
        best = _best(at[telling], word[telling], score[telling], groups, _WORDS)
        words = [[self.words[number] for number in chosen] for chosen, _ in best]
        at, category, count = _cells(member @ self._categories)
        shares = _best(at, category, count, groups, _CATEGORIES)
        named = [
            [{"name": self.categories[number], "share": float(count / size)} for number, count in zip(*chosen, strict=True)]
            for chosen, size in zip(shares, sizes, strict=True)
        ]
        return words, named

    def _examples(self, rows: np.ndarray, group: np.ndarray, sizes: np.ndarray) -> list[list[str]]:
        """The titles of the most popular items of each group; equally popular: the lower item code."""
        order = np.lexsort((rows, -self.space.events[1 + rows], group))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return [self.titles[rows[order[start : min(end, start + _EXAMPLES)]]].tolist() for start, end in pairwise(starts)]


def describe_prefix(space: ItemSpace, prefix: tuple[int, ...] = (), *, children: bool = True) -> dict[str, Any]:
    """``CodeTree(space).describe(prefix, children=children)``; the tree's tables are made once a space.

    Raises:
        InputError: No item has the prefix.
    """
    tree = _TREES.get(space)
    if tree is None:
        tree = _TREES[space] = CodeTree(space)
    return tree.describe(prefix, children=children)


_TREES: WeakKeyDictionary[ItemSpace, CodeTree] = WeakKeyDictionary()


def _incidence(lists: pl.Series, without: Collection[str] = ()) -> tuple[list[str], csr_array]:
    """The distinct values in alphabetical order, and float64[N, W] with 1 where an item has a value."""
    table = (
        pl.DataFrame({"value": lists}).with_row_index("item").explode("value").drop_nulls().filter(~pl.col("value").is_in(list(without)))
    )
    values = table["value"].unique().sort()
    numbers = table.join(pl.DataFrame({"value": values}).with_row_index("number"), on="value", how="left")
    cells = (np.ones(len(numbers)), (numbers["item"].to_numpy(), numbers["number"].to_numpy()))
    return values.to_list(), csr_array(cells, shape=(len(lists), len(values)))


def _cells(table: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and value of the cells that are not 0."""
    cells = table.tocoo()
    return cells.row, cells.col, cells.data


def _log_odds(count: np.ndarray, size: np.ndarray, total: np.ndarray, items: int) -> np.ndarray:
    """How far a word is more frequent in a group than outside it: log odds ratio, in standard deviations.

    The word's frequency in the whole catalogue serves as prior (with the weight of one item on each side), so that
    rare words need evidence. Negative or 0 where the word does not set the group apart.
    """
    prior = total / items
    inside, outside = count + prior, total - count + prior
    odds = np.log(inside / (size - count + 1.0)) - np.log(outside / (items - size - (total - count) + 1.0))
    return odds / np.sqrt(1.0 / inside + 1.0 / outside)


def _best(at: np.ndarray, column: np.ndarray, score: np.ndarray, groups: int, most: int) -> list[tuple[list[int], list[float]]]:
    """The columns with the highest scores of each group, best first (equal: the lower column), and the scores."""
    order = np.lexsort((column, -score, at))
    starts = np.searchsorted(at[order], np.arange(groups))
    ends = np.minimum(np.append(starts[1:], len(order)), starts + most)
    chosen = (order[start:end] for start, end in zip(starts, ends, strict=True))
    return [(column[places].tolist(), score[places].tolist()) for places in chosen]
