"""Who is interested in something: portraits by category, made once, so that every further question is a look-up.

Letters: U users, G categories.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Self

import numpy as np
from scipy import sparse

from penchant.core.errors import InputError, UnknownIdError, require
from penchant.users.categories import CategoryTree
from penchant.users.portrait_shares import Shares


class Layer(StrEnum):
    """Of a portrait."""

    SHORT = "short"
    LONG = "long"
    POTENTIAL = "potential"


@dataclass(frozen=True)
class Interested:
    """Somebody with an interest.

    Attributes:
        row: Of the user, from 0 on.
        weight: Of the interest in the layer.
    """

    row: int
    weight: float


@dataclass(frozen=True)
class InterestIndex:
    """The users of each category, by weight.

    Attributes:
        tree: G categories.
        layers: For each layer where the users of each category begin (int64[G + 2]), their rows (int32) and weights (float32), the
            highest first.
    """

    tree: CategoryTree
    layers: dict[Layer, tuple[np.ndarray, np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, tree: CategoryTree, parts: Iterable[Shares], layers: Collection[Layer] = tuple(Layer)) -> Self:
        """Of the portraits of U users; equal weights in the order of the rows.

        Args:
            tree: G categories.
            parts: The portraits, some rows at a time: of what is not there nothing is kept.
            layers: That are asked for.
        """
        kept: dict[Layer, list[sparse.csr_matrix]] = {layer: [] for layer in layers}
        for part in parts:
            for layer, found in kept.items():
                found.append(sparse.csr_matrix(getattr(part, layer)))
        return cls(tree, {layer: _sorted(found) for layer, found in kept.items() if found})

    def find(self, category: int, layer: Layer = Layer.LONG, *, least: float = 0.0, limit: int | None = None) -> list[Interested]:
        """Those with an interest, the strongest first.

        Args:
            category: In 1..G.
            layer: Where it has to stand; one of those that the index was made of.
            least: Weight that it has at least; 0: any above 0.
            limit: How many are told, at most.

        Raises:
            InputError: There is no such category, or nothing was told of this layer.
        """
        told = ", ".join(self.layers) or "no layer"
        require(layer in self.layers, f"layer={layer}", f"the index has {told}", "make it of this one, too", InputError)
        require(
            0 < category <= len(self.tree), f"category={category}", f"there are {len(self.tree)}", "pass a number from 1 on", InputError
        )
        starts, rows, weights = self.layers[layer]
        begin, end = int(starts[category]), int(starts[category + 1])
        count = int(np.searchsorted(-weights[begin:end], -np.float32(least), side="right"))
        end = begin + (count if limit is None else min(count, limit))
        return [Interested(row, weight) for row, weight in zip(rows[begin:end].tolist(), weights[begin:end].tolist(), strict=True)]


def category_of(tree: CategoryTree, told: str, apart: str = " / ") -> int:
    """The category that is meant by a name, or by names from broad to narrow as in ``"Food / Tea"``.

    Args:
        tree: The categories.
        told: What somebody wrote; capitals do not count.
        apart: What stands between names.

    Raises:
        UnknownIdError: There is none.
        InputError: There are several; the message lists them.
    """
    wanted = told.strip().casefold()
    paths: Sequence[tuple[str, ...]] = [tree.path(category) for category in range(len(tree) + 1)]
    ends = [{apart.join(path[begin:]).casefold() for begin in range(len(path))} for path in paths]
    found = [place for place, names in enumerate(ends) if wanted in names]
    exact = [place for place in found if apart.join(paths[place]).casefold() == wanted]
    found = exact if len(exact) == 1 else found
    if not found:
        near = get_close_matches(told, [apart.join(path) for path in paths[1:]], n=5, cutoff=0.0)
        raise UnknownIdError(f"category={told!r}", "no item is in a category of that name", f"use one such as {', '.join(near)}")
    several = ", ".join(apart.join(paths[place]) for place in found[:10])
    require(len(found) == 1, f"category={told!r}", f"{len(found)} have this name: {several}", "write those above it, too", InputError)
    return found[0]


def _sorted(parts: Sequence[sparse.csr_matrix]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    held = sparse.csc_matrix(sparse.vstack(parts))
    columns = np.repeat(np.arange(len(held.indptr) - 1), np.diff(held.indptr))
    values = np.asarray(held.data, np.float32)
    order = np.lexsort((held.indices, -values, columns))
    return held.indptr.astype(np.int64), held.indices[order].astype(np.int32), values[order]
