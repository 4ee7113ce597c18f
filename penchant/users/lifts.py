"""How much more often users who have one category have another, of a different domain; see ``penchant.users.intents`` for the formula.

Letters: U users, G categories, K of them.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from penchant.users.categories import CategoryTree


def roots(tree: CategoryTree) -> np.ndarray:
    """int64[G + 1], the category at the top above each."""
    found = np.arange(len(tree.parents))
    for category in range(1, len(found)):  # parents come first
        if tree.parents[category]:
            found[category] = found[tree.parents[category]]
    return found


def lifts(has: sparse.csr_matrix, domains: np.ndarray, *, count: int, prior: float) -> np.ndarray:
    """float32[K, K], how much more often those who have the row's category have the column's than others whose domain is as broad.

    A domain of one category has no breadth; there it is that of all categories together.

    Args:
        has: float32[U, K], 1 or none.
        domains: int64[K].
        count: Strata, at most.
        prior: Users as if expected and seen, beside those who were.
    """
    has = sparse.csr_matrix(has, dtype=np.float32)
    both = (has.T @ has).toarray()
    found = np.zeros(both.shape, np.float32)
    for domain in np.unique(domains):
        inside = np.flatnonzero(domains == domain)
        target = has[:, inside]
        breadth = np.asarray((target if len(inside) > 1 else has).sum(axis=1)).ravel()
        stratum = strata(breadth, count)
        members = sparse.csr_matrix((np.ones(len(stratum), np.float32), (np.arange(len(stratum)), stratum)))
        sizes = np.asarray(members.sum(axis=0)).ravel()
        share = (members.T @ target).toarray() / np.maximum(sizes, 1.0)[:, None]
        expected = (has.T @ members).toarray() @ share
        found[:, inside] = np.log((both[:, inside] + prior) / (expected + prior))
        found[np.ix_(inside, inside)] = 0.0
    return found


def strata(breadth: np.ndarray, count: int) -> np.ndarray:
    """int64[U], 0 for who has nothing, else 1 to ``count`` by quantiles of who has something."""
    some = breadth > 0
    if not some.any():
        return np.zeros(len(breadth), np.int64)
    edges = np.unique(np.quantile(breadth[some], np.linspace(0, 1, count + 1)[1:-1]))
    return np.where(some, np.digitize(breadth, edges) + 1, 0)
