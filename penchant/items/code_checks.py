"""What codes are worth beyond their error: whether near items share them, whether they last, and how small they make a model.

Letters: n items, D vector width, L levels of the quantiser, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.items.quantiser import Quantiser, UnitQuantiser, unit_rows
from penchant.items.recentre import aligned
from penchant.items.refit import errors

FEWEST = 10  # items of which four fifths can be a catalogue
_ASKED = 2000  # items whose neighbours are looked at
_BLOCK = 256  # of them at a time


@dataclass(frozen=True)
class Neighbours:
    """Whether an item's nearest neighbours among the vectors have codes like its own.

    Attributes:
        k: Neighbours an item.
        first: Share of them that have its first code.
        first_shuffled: The same with each item given another item's codes.
        prefix: Mean length of the longest common prefix, as a share of L.
        prefix_shuffled: The same with shuffled codes.
    """

    k: int
    first: float
    first_shuffled: float
    prefix: float
    prefix_shuffled: float


@dataclass(frozen=True)
class Stability:
    """What a book fitted to 80% of the items does for the rest, and what a new fit to all does to those 80%.

    Attributes:
        error_seen: Mean squared error of the 80%, at unit length.
        error_unseen: Of the other 20%.
        changed: Share of the 80% with another prefix of each length once the book is fitted anew to all items.
        changed_aligned: The same when new labels are matched to the old ones, level by level.
    """

    error_seen: float
    error_unseen: float
    changed: tuple[float, ...]
    changed_aligned: tuple[float, ...]


@dataclass(frozen=True)
class Tables:
    """Embedding tables of a model that reads codes, and of one that reads item IDs.

    Attributes:
        items: How many there are.
        width: Numbers of an embedding.
        code_rows: Embeddings of codes: the codes of all levels, and of the level that makes them unique.
        collisions: Share of the items that share the quantiser's codes with another.
    """

    items: int
    width: int
    code_rows: int
    collisions: float

    @property
    def codes(self) -> int:
        """Numbers in the table of codes."""
        return self.code_rows * self.width

    @property
    def ids(self) -> int:
        """Numbers in a table with an embedding an item."""
        return self.items * self.width

    @property
    def ratio(self) -> float:
        """``ids / codes``."""
        return self.ids / self.codes


def neighbour_agreement(vectors: np.ndarray, codes: np.ndarray, *, k: int = 10, seed: int = 0) -> Neighbours | None:
    """Of at most 2000 items, drawn with ``seed``; equally near neighbours are taken by chance. ``None`` for one item.

    Args:
        vectors: float32[n, D], compared by cosine.
        codes: int[n, L].
        k: Neighbours, or n - 1 where there are fewer.

    Raises:
        InputError: k is below 1.
    """
    require(k >= 1, f"k={k}", "at least one neighbour is looked at", "pass k>=1")
    k = min(k, len(vectors) - 1)
    if k < 1:
        return None
    rng = generator(seed, 7)
    order = rng.permutation(len(vectors))  # ties are broken by place: after a shuffle, by chance
    rows, shown = unit_rows(vectors[order]).astype(np.float32), codes[order]
    near = []
    for start in range(0, min(_ASKED, len(rows)), _BLOCK):
        stop = min(start + _BLOCK, _ASKED, len(rows))
        scores = rows[start:stop] @ rows.T
        scores[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        near.append(np.argpartition(-scores, k - 1, axis=1)[:, :k])
    found = np.concatenate(near)
    asked = np.arange(len(found))[:, None]

    def common(table: np.ndarray) -> np.ndarray:
        return np.logical_and.accumulate(table[found] == table[asked], axis=2)

    real, mixed = common(shown), common(shown[rng.permutation(len(shown))])
    return Neighbours(k, float(real[..., 0].mean()), float(mixed[..., 0].mean()), float(real.mean()), float(mixed.mean()))


def stability(vectors: np.ndarray, quantiser: Quantiser, *, seed: int = 0) -> Stability | None:
    """Fit two fresh quantisers with the settings of the given one, to 80% of float32[n, D] and to all; ``None`` for fewer than 10 items.

    Quantisers that do not tell their settings give ``None`` too.
    """
    if len(vectors) < FEWEST or not isinstance(quantiser, UnitQuantiser):
        return None
    order = generator(seed, 8).permutation(len(vectors))
    seen, unseen = np.sort(order[len(order) // 5 :]), order[: len(order) // 5]
    small, large = (type(quantiser)(**quantiser.settings).fit(rows) for rows in (vectors[seen], vectors))  # pyright: ignore[reportCallIssue]
    before, after, later = small.encode(vectors[seen]), large.encode(vectors[seen]), small.encode(vectors[unseen])
    matched = aligned(before, after, small.codebook_sizes, large.codebook_sizes)
    return Stability(
        error_seen=float(errors(small, vectors[seen], before).mean()),
        error_unseen=float(errors(small, vectors[unseen], later).mean()),
        changed=_changed(before, after),
        changed_aligned=_changed(before, matched),
    )


def tables(codes: np.ndarray, sizes: Sequence[int], *, width: int = 128) -> Tables:
    """Of the present items, int[n, L]."""
    groups = np.unique(codes, axis=0, return_counts=True)[1]
    return Tables(len(codes), width, sum(sizes) + int(groups.max()), float(groups[groups > 1].sum()) / len(codes))


def projected(codes: np.ndarray, sizes: Sequence[int], items: int = 1_000_000, *, width: int = 128, seed: int = 0) -> Tables:
    """Of a larger catalogue whose items use each level's codes as often as int[n, L] do, levels independent of each other.

    Real levels hang together, so real collisions will be more; the codes of the quantiser are as many whatever comes.
    """
    rng = generator(seed, 9)
    key = np.zeros(items, np.int64)
    for level, size in enumerate(sizes):
        share = np.bincount(codes[:, level], minlength=size) / len(codes)
        key = key * size + rng.choice(size, items, p=share)
        if level + 1 < len(sizes) and int(key.max(initial=0)) > 2**62 // max(sizes):
            key = np.unique(key, return_inverse=True)[1].ravel()  # smaller names for the same groups
    groups = np.unique(key, return_counts=True)[1]
    return Tables(items, width, sum(sizes) + int(groups.max()), float(groups[groups > 1].sum()) / items)


def _changed(before: np.ndarray, after: np.ndarray) -> tuple[float, ...]:
    """Share of rows with another prefix of each length."""
    return tuple(np.logical_or.accumulate(before != after, axis=1).mean(axis=0).tolist())
