"""Item IDs that need no quantiser: the schemes that "How to Index Item IDs" (Hua et al., SIGIR-AP 2023, arXiv:2305.06569) compares.

    random         RID   a random number, written in digits
    independent    IID   one code an item
    sequential     SID   a number in order of first consumption, written in digits: neighbours share digits
    collaborative  CID   a path of clusters of the graph of items consumed together, and the place within the last one
    by_category    SemID the path of categories, and the place within the last one
    by_title       TID   the words of the title
    hybrid         HID   a path of one of the others, and one code an item

All give int32[N + 1, L] with distinct rows from 1 on and -1 in row 0. Only training events may be passed, or the order
of what is to be predicted shows in the IDs.

Letters: N items, L levels, E events.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh
from sklearn.cluster import KMeans

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes


def random(num_items: int, *, base: int = 100, seed: int = 0) -> np.ndarray:
    """A random number an item, in digits of ``base``."""
    _check(num_items, base=base)
    return digits(generator(seed).permutation(num_items), base)


def independent(num_items: int) -> np.ndarray:
    """One code an item, L = 1."""
    _check(num_items)
    return _padded(np.arange(num_items)[:, None])


def sequential(train: Histories, num_items: int, *, base: int = 100) -> np.ndarray:
    """Numbers in order of first consumption, user by user, in digits of ``base``; items without events come last."""
    _check(num_items, base=base)
    items, first = np.unique(train.items, return_index=True)
    order = np.concatenate([items[np.argsort(first)], np.setdiff1d(np.arange(1, num_items + 1), items)])
    places = np.empty(num_items, np.int64)
    places[order - 1] = np.arange(num_items)
    return digits(places, base)


def collaborative(train: Histories, num_items: int, *, clusters: int = 20, largest: int = 500, seed: int = 0) -> np.ndarray:
    """Spectral clusters of the graph of items that the same users had, split again while larger than ``largest``.

    Items that nothing connects are dealt out evenly.

    Args:
        train: What users had.
        num_items: N.
        clusters: That a group of items is split into.
        largest: Items a group may keep.
        seed: Of the clustering.
    """
    _check(num_items, clusters=clusters, largest=largest)
    require(clusters >= 2, f"clusters={clusters}", "a group is split into two at least", "pass clusters>=2")
    had = sparse.csr_matrix((np.ones(len(train.items), np.float32), (train.rows, train.items - 1)), shape=(len(train), num_items))
    had.data[:] = 1
    together = (had.T @ had).tocsr()
    together.setdiag(0)
    together.eliminate_zeros()
    paths = np.zeros((num_items, 0), np.int64)
    waiting = [np.arange(num_items)]
    while waiting:  # one level at a time
        column, below = np.zeros(num_items, np.int64), []
        for group in waiting:
            if len(group) <= largest:
                continue
            column[group] = _split(sparse.csr_matrix(together[group][:, group]), clusters, seed)
            below += [group[column[group] == one] for one in np.unique(column[group])]
        if not below:
            break
        paths = np.concatenate([paths, column[:, None]], axis=1)
        waiting = below
    return _padded(unique_codes(paths.astype(np.int32)))


def by_category(categories: Sequence[Sequence[str]]) -> np.ndarray:
    """The path of categories, coarse to fine, of N items; shorter paths stay where they end."""
    _check(len(categories))
    depth = max(1, *(len(path) for path in categories))
    return _padded(unique_codes(_numbered([["/".join(path[: level + 1]) for level in range(depth)] for path in categories])))


def by_title(titles: Sequence[str], *, words: int = 8) -> np.ndarray:
    """The first words of N titles, lower case; a shorter title ends with an empty word."""
    _check(len(titles), words=words)
    return _padded(unique_codes(_numbered([[*title.lower().split()[:words], *[""] * words][:words] for title in titles])))


def hybrid(codes: np.ndarray) -> np.ndarray:
    """The path of IDs int32[N + 1, L] whose last level only tells items apart, and in its place a code of the item's own."""
    _check(len(codes) - 1)
    return _padded(np.concatenate([codes[1:, :-1], np.arange(len(codes) - 1)[:, None]], axis=1))


def digits(numbers: np.ndarray, base: int) -> np.ndarray:
    """int32[N + 1, L] of distinct int64[N] from 0 on: their digits, the highest first, row 0 being -1."""
    count = 1
    while base**count <= int(numbers.max()):
        count += 1
    return _padded(numbers[:, None] // base ** np.arange(count - 1, -1, -1) % base)


def _split(graph: sparse.csr_matrix, clusters: int, seed: int) -> np.ndarray:
    """int64[n], the cluster of each of n nodes: k-means in the space of the largest eigenvectors of the normalised graph."""
    degrees = np.asarray(graph.getnnz(axis=1))
    count, main = len(degrees), np.flatnonzero(degrees)
    out = np.arange(count) % clusters  # what hangs on nothing
    if len(main) <= clusters + 1:
        return out
    inside = graph[main][:, main].astype(np.float64)
    scale = sparse.diags(np.asarray(inside.sum(axis=1)).ravel() ** -0.5)
    start = generator(seed).standard_normal(len(main))
    _, vectors = eigsh(scale @ inside @ scale, k=min(clusters, len(main) - 2), which="LA", v0=start)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    found = KMeans(clusters, random_state=seed).fit_predict(vectors)
    out[main] = found
    # A graph that does not fall apart gives one cluster; then it is dealt out, or splitting would never end.
    return out if len(np.unique(found)) > 1 else np.arange(count) % clusters


def _numbered(rows: Sequence[Sequence[str]]) -> np.ndarray:
    """int32[N, L], each level's strings as numbers in alphabetical order."""
    table = np.array(rows, dtype=object)
    return np.stack([np.unique(table[:, level].astype(str), return_inverse=True)[1] for level in range(table.shape[1])], axis=1).astype(
        np.int32
    )


def _padded(codes: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full((1, codes.shape[1]), -1), codes]).astype(np.int32)


def _check(num_items: int, **numbers: int) -> None:
    require(num_items >= 1, f"{num_items} items", "IDs need items", "pass at least one item")
    for name, value in numbers.items():
        require(value >= (2 if name == "base" else 1), f"{name}={value}", "it is too small to tell items apart", f"pass a larger {name}")
