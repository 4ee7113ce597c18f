"""Portraits of many users at once, as numbers: what models take as features.

``Portraits.of`` tells one person's interests with their evidence; this gives the same weights for a whole batch by products of sparse
matrices, and is held against it in tests.

Letters: B rows, N items, G categories, D width of item vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from penchant.data.histories import Histories
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.portrait import Portraits, PortraitSettings, in_favour


@dataclass(frozen=True)
class Shares:
    """The layers of B portraits, with a weight of every category and all above it; what ``PortraitSettings.least`` hides is in them.

    Attributes:
        short: float32[B, G + 1], shares of the newest events.
        long: float32[B, G + 1], shares of all events.
        potential: float32[B, G + 1], of categories that a user has nothing of: how probable against the most probable one.
    """

    short: np.ndarray
    long: np.ndarray
    potential: np.ndarray


def shares(made: Portraits, histories: Histories) -> Shares:
    """The weights of ``Portraits.of`` for every row.

    Args:
        made: Knows the categories.
        histories: B rows.
    """
    kept = in_favour(histories)
    long = _weights(kept, np.ones(kept.num_events, bool), made.tree)
    short = _weights(kept, recent(kept, made.settings), made.tree)
    return Shares(short, long, potential(made, long))


def recent(histories: Histories, settings: PortraitSettings) -> np.ndarray:
    """bool[E], the short-term events of each row: of its newest days, or of all that happened in these the newest ones."""
    rows = histories.rows
    few = histories.places >= histories.lengths[rows] - settings.short_events
    if not histories.timed or not histories.num_events:
        return few
    newest = np.full(len(histories), np.iinfo(np.int64).min)
    np.maximum.at(newest, rows, histories.times)
    near = histories.times > newest[rows] - settings.short_days * DAY
    whole = np.bincount(rows, near, minlength=len(histories)) == histories.lengths
    return np.where(whole[rows], few, near)


def potential(made: Portraits, long: np.ndarray) -> np.ndarray:
    """float32[B, G + 1], the potential layer of people with long-term weights float32[B, G + 1]."""
    adoption, settings = made.adoption, made.settings
    order = np.argsort(-long, axis=1, kind="stable")[:, : settings.strongest]
    strong = np.zeros(long.shape, bool)
    np.put_along_axis(strong, order, np.take_along_axis(long, order, axis=1) > 0, axis=1)
    known = strong[:, adoption.kept].astype(np.float32)
    scores = np.tile(made.adoption.scores(np.zeros(0, np.int64)), (len(long), 1))
    scores[:, adoption.kept] += known @ adoption.lift / np.sqrt(np.maximum(known.sum(axis=1, keepdims=True), 1.0))
    scores[(long > 0) | (adoption.common <= 0)] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, : settings.potential]
    found = np.zeros(long.shape, np.float32)
    if best.shape[1]:
        top = np.take_along_axis(scores, best, axis=1)
        highest = np.where(np.isfinite(top[:, :1]), top[:, :1], 0.0)
        np.put_along_axis(found, best, np.where(np.isfinite(top), np.exp(top - highest), 0.0), axis=1)
    return found


def marks(tree: CategoryTree) -> sparse.csr_matrix:
    """float32[N + 1, G + 1], what each item says of categories, those above its own included; a rare one says more.

    Rows have length 1, so that the product with weights of a user is a cosine up to that user's length.
    """
    above = sparse.csc_matrix(tree.items @ tree.above)
    held = np.diff(above.indptr)
    rarity = np.log((above.shape[0] + 1.0) / (held + 1.0))
    rarity[0] = 0.0
    found = sparse.csr_matrix(above @ sparse.diags(rarity))
    lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1.0 / np.maximum(lengths, 1e-12)) @ found, dtype=np.float32)


def _weights(histories: Histories, which: np.ndarray, tree: CategoryTree) -> np.ndarray:
    """float32[B, G + 1], the shares of what is in each category or below it, among the events that count."""
    rows, items = histories.rows[which], histories.items[which]
    counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, items)), shape=(len(histories), len(tree.items.indptr) - 1))
    own = sparse.csr_matrix(counts @ tree.items)
    total = np.asarray(own.sum(axis=1)).ravel()
    return (sparse.csr_matrix(own @ tree.above).toarray() / np.maximum(total, 1e-12)[:, None]).astype(np.float32)
