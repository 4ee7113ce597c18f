"""New centres under old labels: what lets a code book follow its items while the items keep their codes.

A quantiser that was learnt anew numbers its codes by chance. Here its labels are matched to the old ones, and its code
vectors are brought to where the holders of each code are.

Letters: n rows, D vector width, L levels, K codes of a level, H width in which codes are learnt (D, or that of latents).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array

from penchant.core.errors import InputError
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import Quantiser, total
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE

Centred = ResidualKMeans | RQVAE | ProductQuantiser
_NOWHERE = 1e3  # where a code lies that nobody has: no row of unit length, and no latent, is near


def centred(quantiser: Quantiser) -> Centred:
    """The quantiser, if its codes are centres that can be moved and numbered.

    Raises:
        InputError: They are not.
    """
    if not isinstance(quantiser, Centred):
        raise InputError(
            f"a quantiser of class {type(quantiser).__name__}",
            "only centres of residual k-means, RQ-VAE and product quantisation can follow their items",
            "take one of these, or build a new item space",
        )
    return quantiser


def matched(old: np.ndarray, new: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """Names for new labels, so that as many rows as possible keep the label they had (Hungarian method on joint counts).

    Args:
        old: int[n], labels 0..K-1.
        new: int[n], labels 0..K'-1 of the same rows.
        sizes: K and K'.

    Returns:
        int64[K'], the name of each new label, all different and below max(K, K').
    """
    before, after = sizes
    together = np.bincount(old.astype(np.int64) * after + new, minlength=before * after).reshape(before, after)
    rows, columns = linear_sum_assignment(together, maximize=True)
    names = np.full(after, -1)
    names[columns] = rows
    spare = np.setdiff1d(np.arange(max(before, after)), rows)
    names[names < 0] = spare[: int((names < 0).sum())]
    return names


def aligned(old: np.ndarray, new: np.ndarray, old_sizes: Sequence[int], new_sizes: Sequence[int]) -> np.ndarray:
    """int[n, L], new codes with their labels matched to the old codes int[n, L], level by level."""
    levels = zip(old.T, new.T, zip(old_sizes, new_sizes, strict=True), strict=True)
    return np.stack([matched(before, after, sizes)[after] for before, after, sizes in levels], axis=1).astype(new.dtype)


def relabel(quantiser: Centred, old: np.ndarray, new: np.ndarray, old_sizes: Sequence[int]) -> None:
    """Number the codes of a fitted quantiser after the old codes int[n, L] of the rows it gives int[n, L].

    No level gets fewer codes than it had: an old code for which there is no new one lies far from everything.
    """
    books = []
    for level, book in enumerate(quantiser.codebooks):
        size = max(len(book), old_sizes[level])
        placed = np.full((size, book.shape[1]), _NOWHERE, np.float32)
        placed[matched(old[:, level], new[:, level], (old_sizes[level], len(book)))] = book
        books.append(placed)
    quantiser.codebooks = books


def recentre(quantiser: Centred, rows: np.ndarray, codes: np.ndarray, *, sweeps: int = 3) -> None:
    """Bring every code vector to the mean of what its holders need of it, given their other codes; codes of nobody stay.

    Each step lowers the squared error of the given codes where the quantiser learns them (for an RQ-VAE among latents).

    Args:
        quantiser: A fitted one; it is changed.
        rows: float64[n, D], unit or zero rows.
        codes: int[n, L], which need not be the nearest ones.
        sweeps: Passes over the levels; parts of a product do not depend on each other and need one.
    """
    if isinstance(quantiser, ProductQuantiser):
        parts = np.split(rows @ quantiser.rotation.T.astype(np.float64), quantiser.levels, axis=1)
        triples = zip(parts, codes.T, quantiser.codebooks, strict=True)
        quantiser.codebooks = [_means(part, chosen, book) for part, chosen, book in triples]
        return
    books = list(quantiser.codebooks)
    left = (quantiser.latents(rows) if isinstance(quantiser, RQVAE) else rows) - total(books, codes)
    for _ in range(sweeps):
        for level, chosen in enumerate(codes.T):
            needed = left + books[level][chosen]
            books[level] = _means(needed, chosen, books[level])
            left = needed - books[level][chosen]
    quantiser.codebooks = books


def _means(rows: np.ndarray, chosen: np.ndarray, book: np.ndarray) -> np.ndarray:
    """float32[K, H], means of the rows float64[n, H] that hold each code int[n]; a code of nobody keeps its vector."""
    held = np.bincount(chosen, minlength=len(book))[:, None]
    sums = csr_array((np.ones(len(chosen)), (chosen, np.arange(len(chosen)))), (len(book), len(chosen))) @ rows
    return np.where(held > 0, sums / np.maximum(held, 1), book).astype(np.float32)
