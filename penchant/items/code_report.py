"""How good semantic IDs are: what they keep of the vectors, how evenly they are used, what prefixes mean, how long they last.

Letters: n items, D vector width, L levels of the quantiser.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.items.code_checks import Neighbours, Stability, Tables, neighbour_agreement, projected, stability, tables
from penchant.items.collisions import unique_codes
from penchant.items.quantiser import Quantiser


@dataclass(frozen=True)
class LevelReport:
    """One level l of the codes, counted from 1.

    Attributes:
        level: l.
        codes: Size of the codebook.
        used: How many of its codes some item has.
        entropy: Of the codes' use, in bits; log2(codes) would be perfectly even.
        perplexity: 2 ** entropy, the number of evenly used codes that would have this entropy.
        prefixes: Distinct prefixes of length l.
        mse: Mean squared distance of the (unit) vectors from what the first l levels give back.
        mse_shuffled: The same with each item given another item's codes: what codes without meaning would reach.
        purity: Share of items, among those that share their prefix with another, that carry its commonest category.
            ``None`` without categories or without shared prefixes.
        purity_shuffled: The same with the categories shuffled over the items.
    """

    level: int
    codes: int
    used: int
    entropy: float
    perplexity: float
    prefixes: int
    mse: float
    mse_shuffled: float
    purity: float | None
    purity_shuffled: float | None


@dataclass(frozen=True)
class CodeReport:
    """All levels, and how many items could not be told apart.

    Attributes:
        items: n.
        levels: One entry a level of the quantiser.
        collisions: Items that share all L codes with another item.
        collisions_after: The same once the level for duplicates is appended; 0 unless the codes are broken.
        largest_group: Items in the largest set with the same L codes.
        neighbours: Whether near items have like codes; ``None`` for one item.
        tables: Embedding tables by codes and by IDs.
        tables_million: The same for a million items that use the codes as these do.
        stability: What becomes of codes when items come; ``None`` if it was not asked for, or for fewer than 10 items.
    """

    items: int
    levels: tuple[LevelReport, ...]
    collisions: int
    collisions_after: int
    largest_group: int
    neighbours: Neighbours | None
    tables: Tables
    tables_million: Tables
    stability: Stability | None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        values = json.loads(json.dumps(asdict(self), allow_nan=False))
        for name in ("tables", "tables_million"):
            one: Tables = getattr(self, name)
            values[name] |= {"codes": one.codes, "ids": one.ids, "ratio": one.ratio}
        return values

    def sentences(self) -> list[str]:
        """What the numbers say, a sentence each."""
        said = [
            f"{self.collisions} of {self.items} items share all codes with another before the last level, {self.collisions_after} after it."
        ]
        if self.neighbours is not None:
            n = self.neighbours
            said.append(
                f"{n.first:.0%} of an item's {n.k} nearest neighbours have its first code; {n.first_shuffled:.0%} if codes are shuffled."
            )
        if self.stability is not None:
            s = self.stability
            said.append(
                f"Fitted to 80% of the items, the error of the others is {s.error_unseen:.4f}, of its own {s.error_seen:.4f}. "
                f"A new fit to all changes {s.changed[-1]:.0%} of the codes, {s.changed_aligned[-1]:.0%} with matched labels."
            )
        now, later = self.tables, self.tables_million
        said.append(
            f"Embeddings of codes: {now.code_rows:,} for {now.items:,} items; for a million items that use codes alike about "
            f"{later.code_rows:,} ({later.ratio:,.0f} times fewer than with an embedding an item)."
        )
        return said


def code_report(
    vectors: np.ndarray,
    quantiser: Quantiser,
    *,
    codes: np.ndarray | None = None,
    categories: pl.Series | None = None,
    seed: int = 0,
    refits: bool = False,
) -> CodeReport:
    """Measure a fitted quantiser on the items it was (or was not) fitted on.

    Args:
        vectors: float32[n, D], n >= 1; compared at unit length, as the quantiser sees them.
        quantiser: A fitted one.
        codes: int[n, L], where items have other codes than the nearest ones; ``None``: what the quantiser gives.
        categories: list[str] an item. Categories that every item has are left out: they cannot tell prefixes apart.
        seed: Of what is shuffled and drawn.
        refits: Whether stability is measured, for which the quantiser is fitted twice more.

    Raises:
        InputError: There is no item, or not one list of categories or L codes an item.
    """
    require(len(vectors) > 0, "0 vectors", "a report needs items", "pass at least one vector")
    if categories is not None:
        require(
            len(categories) == len(vectors),
            f"{len(categories)} lists of categories",
            f"there are {len(vectors)} items",
            "pass one list an item",
        )
    if codes is None:
        codes = quantiser.encode(vectors)
    rows = f"codes of shape {codes.shape}"
    shape = (len(vectors), quantiser.levels)
    require(codes.shape == shape, rows, f"there are {len(vectors)} items and {quantiser.levels} levels", f"pass int{list(shape)}")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    shuffle = generator(seed).permutation(len(codes))
    labels = None if categories is None else _labels(categories)
    levels = []
    for level, size in enumerate(quantiser.codebook_sizes, start=1):
        prefix = np.unique(codes[:, :level], axis=0, return_inverse=True)[1].ravel()
        counts = np.bincount(codes[:, level - 1], minlength=size)
        share = counts[counts > 0] / len(codes)
        entropy = float(-(share * np.log2(share)).sum()) + 0.0  # + 0.0: a single code gives 0, not -0
        levels.append(
            LevelReport(
                level=level,
                codes=size,
                used=len(share),
                entropy=entropy,
                perplexity=2.0**entropy,
                prefixes=int(prefix.max()) + 1,
                mse=_mse(unit, quantiser.decode(codes[:, :level])),
                mse_shuffled=_mse(unit, quantiser.decode(codes[shuffle, :level])),
                purity=None if labels is None else _purity(prefix, labels),
                purity_shuffled=None if labels is None else _purity(prefix[shuffle], labels),
            )
        )
    groups = np.unique(codes, axis=0, return_counts=True)[1]
    left = np.unique(unique_codes(codes), axis=0, return_counts=True)[1]
    return CodeReport(
        items=len(codes),
        levels=tuple(levels),
        collisions=int(groups[groups > 1].sum()),
        collisions_after=int(left[left > 1].sum()),
        largest_group=int(groups.max()),
        neighbours=neighbour_agreement(vectors, codes, seed=seed),
        tables=tables(codes, quantiser.codebook_sizes),
        tables_million=projected(codes, quantiser.codebook_sizes, seed=seed),
        stability=stability(vectors, quantiser, seed=seed) if refits else None,
    )


def _mse(unit: np.ndarray, approximation: np.ndarray) -> float:
    return float(((unit - approximation) ** 2).sum(axis=1, dtype=np.float64).mean())


def _labels(categories: pl.Series) -> pl.DataFrame:
    """Columns ``item`` (row) and ``category``, one row each, without those that every item has."""
    table = pl.DataFrame({"category": categories}).with_row_index("item").explode("category").drop_nulls().unique()
    everywhere = pl.len().over("category") == len(categories)
    return table.filter(~everywhere)


def _purity(prefix: np.ndarray, labels: pl.DataFrame) -> float | None:
    sizes = np.bincount(prefix)
    shared = int(sizes[sizes > 1].sum())
    if not shared or not len(labels):
        return None
    best = (
        labels.with_columns(prefix=prefix[labels["item"].to_numpy()], size=sizes[prefix[labels["item"].to_numpy()]])
        .filter(pl.col("size") > 1)
        .group_by("prefix", "category")
        .len()
        .group_by("prefix")
        .agg(pl.col("len").max())
    )
    return float(best["len"].sum()) / shared
