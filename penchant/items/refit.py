"""A code book that follows its catalogue, with a budget of codes that may move.

Items come, and after a while the centres do not lie where the items are. Learning the codes anew renumbers them all:
every model, trie and stored history would have to be made again. Here the new book begins under the labels of the old
one; its centres are brought to the items that hold them, which moves no code; and then a stated share of the items
moves, those that gain the most. A table says which, so that stored codes can be rewritten.

Letters: N items, D vector width, L levels of a code, m items that would gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.items.codebook import CodeBook
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import TEXT, ItemSpace
from penchant.items.moves import Moves
from penchant.items.quantiser import ROWS, Quantiser, UnitQuantiser, unit_rows
from penchant.items.recentre import Centred, centred, recentre, relabel

_ROUNDS = 5  # choices of who moves and where the centres lie, in turns
_LEAST = 1e-6  # squared distances closer than this are equal: float32 tells no more


@dataclass(frozen=True)
class Refit:
    """A new version of an item space.

    Attributes:
        space: With the new code book. Item numbers, catalogue and events are as they were.
        moves: What became of the codes.
        error_before: Mean squared error of the codes under the old book, at unit length; ``None`` where the encoder is another one.
        error_after: Of the new codes under the new book.
        waiting: Items that would gain too, had the budget been larger.
    """

    space: ItemSpace
    moves: Moves
    error_before: float | None
    error_after: float
    waiting: int

    def message(self) -> str:
        """In one line."""
        before = "" if self.error_before is None else f" (before: {self.error_before:.4f})"
        moved = f"{len(self.moves.items)} of {self.moves.total} items moved ({self.moves.share:.1%})"
        return f"{moved}; {self.waiting} more would gain. Mean squared error of the codes: {self.error_after:.4f}{before}."


def refit(space: ItemSpace, quantiser: Quantiser | None = None, *, encoder: TextEncoder | None = None, budget: float = 0.05) -> Refit:
    """A new version of a space, whose book is fitted to all items it has now, and in which at most a share of them has other codes.

    Of the items that would be nearer to their vectors under other codes, those that gain the most move. The others keep
    their codes: a budget of 0 moves nothing (the centres follow all the same), one of 1 moves all that gain. A code that
    an item leaves is retired.

    Where the quantiser is set up as the old one and the encoder is the same, it begins from the old centres. An RQ-VAE then
    keeps its networks, and often its centres; one with another seed learns new networks. In all other cases the quantiser is
    fitted anew and its labels are matched to the old ones.

    Args:
        quantiser: To be fitted, with as many levels as the old one; ``None``: one set up as the old one.
        encoder: If the texts are to be encoded anew; ``None``: the vectors are those of the space.
        budget: The most that may move, as a share of the items.

    Raises:
        InputError: The budget is outside 0..1, the levels differ, or the codes of a quantiser are no centres.
    """
    require(0 <= budget <= 1, f"budget={budget}", "it is a share of the items", "pass 0<=budget<=1")
    old = centred(space.quantiser)
    new = centred(_like(old) if quantiser is None or quantiser is old else quantiser)
    levels = f"{new.levels} levels of the quantiser"
    require(
        new.levels == old.levels, levels, f"the codes were made with {old.levels}", f"pass levels={old.levels}, or build a new item space"
    )
    same = encoder is None or encoder.fingerprint() == space.encoder_fingerprint
    vectors = space.vectors[TEXT][1:] if encoder is None or same else encoder.encode(space.catalog.texts())
    codes = space.codes[1:, :-1]
    _begin(new, old if same else None, vectors, codes, old.codebook_sizes)
    _follow(new, vectors, codes, budget)

    fingerprint = space.encoder_fingerprint if encoder is None else encoder.fingerprint()
    book = CodeBook(new, fingerprint, space.collisions, space.book.given)
    wanted, wish, gain = _gains(book, vectors, codes)
    chosen = _best(gain, budget, len(space))
    rows = wanted[chosen]
    settled = book.settle(wish[chosen], space.events[1 + rows])
    published = space.codes.copy()
    published[1 + rows] = settled
    grown = type(space)(
        space.catalog,
        {**space.vectors, TEXT: np.concatenate([np.zeros((1, vectors.shape[1]), np.float32), vectors])},
        published,
        space.events,
        new,
        encoder_name=space.encoder_name if encoder is None else encoder.name,
        encoder_fingerprint=fingerprint,
        collisions=space.collisions,
        retired=np.concatenate([space.retired, space.codes[1 + rows]]),
    )
    ids = space.catalog.table["item_id"].gather(rows).to_list()
    moves = Moves(ids, space.codes[1 + rows], settled, gain[chosen], len(space), space.code_version, grown.code_version)
    before = float(errors(old, vectors, codes).mean()) if same else None
    after = float(errors(new, vectors, published[1:, :-1]).mean())
    return Refit(grown, moves, before, after, waiting=len(wanted) - len(rows))


def errors(quantiser: Quantiser, vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """float64[n], squared distances of float32[n, D], brought to unit length, from what codes int[n, l] give back."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), ROWS):
        part = slice(start, start + ROWS)
        found[part] = ((unit_rows(vectors[part]) - quantiser.decode(codes[part])) ** 2).sum(axis=1)
    return found


def _like(old: Centred) -> Centred:
    """Unfitted, with the same settings."""
    return cast(Centred, type(old)(**cast(Mapping[str, Any], old.settings)))


def _begin(new: Centred, old: Centred | None, vectors: np.ndarray, codes: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Under the labels of the old codes int[N, L - 1]: from the old centres, or fitted and matched to them.

    A book that was learnt from too few points to be full is fitted anew: it may grow.
    """
    alike = old is not None and type(new) is type(old) and new.settings == old.settings
    if alike and old is not None and all(size >= new.codebook for size in sizes):
        new.restore({name: array.copy() for name, array in old.arrays().items()})
        new.width = old.width
        return
    new.fit(vectors)
    relabel(new, codes, new.encode(vectors), sizes)


def _follow(new: Centred, vectors: np.ndarray, codes: np.ndarray, budget: float) -> None:
    """Bring the centres to their items in turns with the choice of who moves, on as many rows as the quantiser learns from.

    The centres stay that gave the least error: among the latents of an RQ-VAE, nearer is not always better.
    """
    if len(vectors) > new.most:
        rows = np.sort(generator(new.seed).choice(len(vectors), new.most, replace=False))
        vectors, codes = vectors[rows], codes[rows]
    points, book, trial = unit_rows(vectors), CodeBook(new, ""), codes
    least, best = float(errors(new, vectors, codes).mean()), new.codebooks
    for turn in range(1 + _ROUNDS if budget > 0 else 1):
        if turn:
            wanted, wish, gain = _gains(book, vectors, codes)
            chosen = _best(gain, budget, len(codes))
            trial = codes.copy()
            trial[wanted[chosen]] = wish[chosen]
        recentre(new, points, trial)
        error = float(errors(new, vectors, trial).mean())
        if error < least:
            least, best = error, new.codebooks
    new.codebooks = best


def _gains(book: CodeBook, vectors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows int64[m] that would be better off with other codes of the quantiser, those codes int32[m, L - 1], and gains float64[m]."""
    quantiser = cast(UnitQuantiser, book.quantiser)
    wanted = np.flatnonzero((quantiser.encode(vectors) != codes).any(axis=1))
    wish = book.wish(vectors[wanted])  # where collisions are spread, not always the nearest codes
    gain = errors(quantiser, vectors[wanted], codes[wanted]) - errors(quantiser, vectors[wanted], wish)
    better = gain > _LEAST
    return wanted[better], wish[better], gain[better]


def _best(gain: np.ndarray, budget: float, items: int) -> np.ndarray:
    """The places of the largest gains (equal: the first), as many as the budget has room for."""
    return np.argsort(-gain, kind="stable")[: int(np.floor(budget * items + 1e-9))]
