"""How a network over a code trie is asked for items: what is decoded (``Task``), and by which search.

A search is a small settings object that is called with a task. ``Plain`` and ``Exact`` are here, ``Sampled`` and
``Diverse`` have files of their own.

Letters: B rows, N items, w places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.generative.beam import Found, LevelLogProbs, TrieTensors, beam_search

#: Rounding differs between beams of different widths: scores closer than this, of the score and by itself, count as equal.
SLACK = 1e-4
#: Log-probabilities of codes held at a time in the last pass of an exact search, 200 MB, and prefixes a network sees at a time.
CELLS, PATHS = 50_000_000, 4096


@dataclass(frozen=True)
class Task:
    """What is to be decoded.

    Attributes:
        trie: Of all items.
        rows: B.
        log_probs: Those of the next level, for some of the rows (``slice(None)``: for all).
        exclude: B rows of items that must not come back.
        allowed: bool[N + 1], items that may come back in any row; None: all.
    """

    trie: TrieTensors
    rows: int
    log_probs: Callable[[Tensor | slice], LevelLogProbs]
    exclude: Histories | None = None
    allowed: Tensor | None = None

    def of(self, rows: Tensor) -> Task:
        """The task of the rows int64[b] alone."""
        exclude = None if self.exclude is None else self.exclude.take(rows.numpy())
        return Task(self.trie, len(rows), lambda some: self.log_probs(rows[some]), exclude, self.allowed)

    def beam(self, width: int, floor: Tensor | None = None) -> Found:
        """Beam search over all its rows; see ``beam_search``."""
        width = min(width, self.trie.trie.num_items)
        return beam_search(
            self.trie, self.rows, self.log_probs(slice(None)), width=width, exclude=self.exclude, allowed=self.allowed, floor=floor
        )


class Search(Protocol):
    """A way to decode."""

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """At most ``places`` items a row.

        Returns:
            Items int64[B, w] in the order of the search (0 where none is left), and their log-probabilities float32[B, w]
            (``-inf`` there). Whenever a row may be given ``places`` items, so many come.
        """
        ...


@dataclass(frozen=True)
class Plain:
    """Beam search: best first, as far as the beam finds them.

    Args:
        width: Prefixes kept a level; a longer list widens it.
    """

    width: int = 50

    def __post_init__(self) -> None:
        check_width(self.width)

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """See ``Search``."""
        found = task.beam(max(self.width, places))
        return found.items[:, :places], found.scores[:, :places]


@dataclass(frozen=True)
class Exact:
    """Beam search that goes on until its lists are those of exhaustive scoring (but for the order of equal scores).

    Rows whose lists are not certain after a first beam are searched once more, for all prefixes above the score of the last
    item found: nothing below it can lead to a better one. From a beam of 50 that costs 0.3 to 0.9 times what doubling the
    beam until all is certain does (12,101 items with random codes, flat to sharp distributions).

    Args:
        width: Prefixes kept a level at first.
    """

    width: int = 50

    def __post_init__(self) -> None:
        check_width(self.width)

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """See ``Search``."""
        found = task.beam(max(self.width, places))
        items, scores = found.items[:, :places].clone(), found.scores[:, :places].clone()
        uncertain = torch.nonzero(~found.certified(places))[:, 0]
        # A flat distribution keeps most of the trie, and the log-probabilities of a level for every prefix in it.
        at_once = max(1, CELLS // (task.trie.trie.num_items * (task.trie.largest_code + 1)))
        for rest in uncertain.split(at_once) if len(uncertain) else ():
            last, part = scores[rest, -1], task.of(rest)
            sliced = replace(part, log_probs=partial(_in_slices, part))
            again = sliced.beam(task.trie.trie.num_items, last - SLACK * (1 + last.abs()))
            items[rest], scores[rest] = again.items[:, :places], again.scores[:, :places]
        return items, scores


def _in_slices(task: Task, rows: Tensor | slice) -> LevelLogProbs:
    """The task's log-probabilities, made for some of the prefixes at a time."""
    log_probs, most = task.log_probs(rows), max(1, PATHS // task.rows)
    return lambda chosen: torch.cat([log_probs(part) for part in chosen.split(most, dim=1)], dim=1)


def check_width(width: int) -> None:
    """The one rule for beams.

    Raises:
        InputError: It holds nothing.
    """
    require(width >= 1, f"width={width}", "a beam holds at least one prefix", "pass width>=1")
