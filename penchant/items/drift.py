"""Drift and churn: whether new items still fit a code book, and what a new version of one changes.

Letters: N items, n new items, L levels of the quantiser, K codes of a level.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.catalog import Catalog
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import TEXT, ItemSpace
from penchant.items.quantiser import Quantiser, UnitQuantiser
from penchant.items.refit import errors

FEWEST = 10  # items below which a fifth cannot be held out
_DRAWS = 20  # samples of the old items that tell what chance does
WORSE = 1.25  # error of new items, as a multiple of that of held-out ones, from which on they are said to have drifted
SHIFTED = 1.5  # the same for the shift of use, against what chance does


@dataclass(frozen=True)
class LevelDrift:
    """One level l of the codes, counted from 1.

    Attributes:
        level: l.
        error: Mean squared error of the items that the book was fitted to, after l levels, at unit length.
        error_new: Of the new items.
        error_unseen: Of a fifth of the old items under a book fitted to the others: what new items of the same sort would have;
            ``None`` for fewer than 10 items.
        ratio: ``error_new / error``; ``None`` where the book gives the old items back exactly.
        shift: Jensen-Shannon divergence of the use of level l's codes by old and by new items, in bits: 0 for the same use, 1 for
            codes that the others do not use.
        shift_chance: Mean shift of as many items drawn from the old ones: few items differ from many by chance alone.
    """

    level: int
    error: float
    error_new: float
    error_unseen: float | None
    ratio: float | None
    shift: float
    shift_chance: float


@dataclass(frozen=True)
class Drift:
    """New items against a code book.

    Attributes:
        items: N.
        new: n.
        levels: One entry a level of the quantiser.
        unheld: Share of the new items whose first code no old item has.
    """

    items: int
    new: int
    levels: tuple[LevelDrift, ...]
    unheld: float

    @property
    def drifted(self) -> bool:
        """Whether the new items are coded clearly worse than held-out ones of the old sort, or first codes are used quite otherwise."""
        first, last = self.levels[0], self.levels[-1]
        worse = last.error_unseen is not None and last.error_new > WORSE * last.error_unseen
        return worse or first.shift > max(0.05, SHIFTED * first.shift_chance)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "levels": [asdict(level) for level in self.levels], "drifted": self.drifted}

    def message(self) -> str:
        """For a person, in a few sentences."""
        first, last = self.levels[0], self.levels[-1]
        unseen = "" if last.error_unseen is None else f", {last.error_unseen:.4f} for held-out items of the old sort"
        said = (
            f"{self.new} new items against a book of {self.items}. Squared error of whole codes: {last.error_new:.4f} for new items, "
            f"{last.error:.4f} for those of the book{unseen}. Use of first codes shifts by {first.shift:.3f} bits "
            f"({first.shift_chance:.3f} by chance); {self.unheld:.1%} of the new items have a first code that nobody has."
        )
        return (
            f"{said} {'The new items have drifted: a re-fit will help.' if self.drifted else 'No drift to speak of: the book fits them.'}"
        )


def drift(space: ItemSpace, items: pl.DataFrame | Catalog, encoder: TextEncoder, *, seed: int = 0) -> Drift:
    """How well new items fit the code book of a space, before they are added.

    Args:
        items: Rows of n >= 1 new items.
        encoder: The one that made the space.
        seed: Of what is drawn.

    Raises:
        InputError: There is no new item, or the encoder is another one.
    """
    space.check_encoder(encoder)
    catalog = items if isinstance(items, Catalog) else Catalog(items)
    fitted = space.events[1:] > 0
    vectors = space.vectors[TEXT][1:]
    return drift_of(space.quantiser, vectors[fitted] if fitted.any() else vectors, encoder.encode(catalog.texts()), seed=seed)


def drift_of(quantiser: Quantiser, old: np.ndarray, new: np.ndarray, *, seed: int = 0) -> Drift:
    """The same of vectors: float32[N, D] that the quantiser was fitted to, and float32[n, D] of new items.

    Raises:
        InputError: One of them is empty, or the widths differ.
    """
    require(len(old) > 0, "0 old items", "drift is measured against the items of the book", "pass at least one")
    require(len(new) > 0, "0 new items", "drift is measured on new items", "pass at least one")
    rng = generator(seed)
    before, after = quantiser.encode(old), quantiser.encode(new)
    unseen = held_out_errors(quantiser, old, seed)
    both = np.concatenate([before, after])
    draws = [rng.permutation(len(both)) for _ in range(_DRAWS)]  # who is old and who is new, dealt anew
    levels = []
    for level, size in enumerate(quantiser.codebook_sizes, start=1):
        column, mixed = before[:, level - 1], both[:, level - 1]
        error = float(errors(quantiser, old, before[:, :level]).mean())
        error_new = float(errors(quantiser, new, after[:, :level]).mean())
        levels.append(
            LevelDrift(
                level=level,
                error=error,
                error_new=error_new,
                error_unseen=None if unseen is None else unseen[level - 1],
                ratio=error_new / error if error > 1e-9 else None,
                shift=divergence(column, after[:, level - 1], size),
                shift_chance=float(np.mean([divergence(mixed[draw[: len(old)]], mixed[draw[len(old) :]], size) for draw in draws])),
            )
        )
    return Drift(len(old), len(new), tuple(levels), unheld=float((~np.isin(after[:, 0], before[:, 0])).mean()))


def held_out_errors(quantiser: Quantiser, vectors: np.ndarray, seed: int = 0) -> list[float] | None:
    """L errors of a fifth of float32[N, D] under a quantiser of the same settings fitted to the others; ``None`` where it cannot be had."""
    if len(vectors) < FEWEST or not isinstance(quantiser, UnitQuantiser):
        return None
    order = generator(seed, 5).permutation(len(vectors))
    part = len(order) // 5
    fresh = type(quantiser)(**quantiser.settings).fit(vectors[np.sort(order[part:])])  # pyright: ignore[reportCallIssue]
    rows = vectors[order[:part]]
    codes = fresh.encode(rows)
    return [float(errors(fresh, rows, codes[:, :level]).mean()) for level in range(1, quantiser.levels + 1)]


def divergence(first: np.ndarray, second: np.ndarray, size: int) -> float:
    """Jensen-Shannon divergence of how often int[n] and int[m] have each of 0..size-1, in bits."""
    p, q = np.bincount(first, minlength=size) / len(first), np.bincount(second, minlength=size) / len(second)
    both = (p + q) / 2
    return sum(float((share[share > 0] * np.log2(share[share > 0] / both[share > 0])).sum()) for share in (p, q)) / 2


@dataclass(frozen=True)
class Churn:
    """What became of the codes of the items that two versions share.

    Attributes:
        items: How many these are.
        moved: Share of them with other codes.
        levels: Share with another code at each level; the last level is the one that tells items apart.
        prefixes: Share with another prefix of each length.
        moved_events: Share of events whose item moved, by events of the newer version; ``None`` without events. What models notice.
        levels_events: The same at each level.
        tree: Distance of the two trees, whatever their labels: 0 where each pair of items shares prefixes of the same length in both, 1
            where no pair shares any in both.
    """

    items: int
    moved: float
    levels: tuple[float, ...]
    prefixes: tuple[float, ...]
    moved_events: float | None
    levels_events: tuple[float, ...] | None
    tree: float

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), **{name: list(getattr(self, name) or ()) for name in ("levels", "prefixes", "levels_events")}}

    def message(self) -> str:
        """For a person, in a few sentences."""
        each = ", ".join(f"level {level} {share:.1%}" for level, share in enumerate(self.levels, start=1))
        events = "" if self.moved_events is None else f" They have {self.moved_events:.1%} of the events."
        return f"{self.moved:.1%} of {self.items} items have other codes ({each}).{events} Distance of the trees: {self.tree:.3f} of 1."


def churn(before: ItemSpace, after: ItemSpace) -> Churn:
    """Compare the codes of two versions; items are matched by id.

    Raises:
        InputError: No item is in both, or the codes have different numbers of levels.
    """
    require(
        before.levels == after.levels,
        f"codes of {before.levels} and of {after.levels} levels",
        "only versions of one book are compared",
        "pass two spaces with as many levels",
    )
    ids = [one.catalog.table.select("item_id").with_row_index("row") for one in (before, after)]
    rows = ids[0].join(ids[1], on="item_id", suffix="_after")
    require(len(rows) > 0, "0 items in both", "versions are compared by the items that they share", "pass two versions of one catalogue")
    here, there = (rows[name].to_numpy().astype(np.int64) + 1 for name in ("row", "row_after"))
    old, new, events = before.codes[here], after.codes[there], after.events[there]
    other = old != new
    weights = events / events.sum() if events.any() else None
    return Churn(
        items=len(rows),
        moved=float(other.any(axis=1).mean()),
        levels=tuple(other.mean(axis=0).tolist()),
        prefixes=tuple(np.logical_or.accumulate(other, axis=1).mean(axis=0).tolist()),
        moved_events=None if weights is None else float(weights @ other.any(axis=1)),
        levels_events=None if weights is None else tuple((weights @ other).tolist()),
        tree=tree_distance(old, new),
    )


def tree_distance(old: np.ndarray, new: np.ndarray) -> float:
    """1 - (sum over pairs of the smaller depth) / (sum of the larger), for int[N, L] twice; 0 where no pair shares anything in either.

    A pair's depth is the length of its common prefix. The smaller depth is at least l where a pair shares l codes in both
    trees, so pairs need only be counted in groups.
    """
    depths = [sum(_pairs(codes[:, : level + 1]) for level in range(codes.shape[1])) for codes in (old, new)]
    common = 0
    for level in range(old.shape[1]):
        common += _pairs(np.concatenate([old[:, : level + 1], new[:, : level + 1]], axis=1))
    most = sum(depths) - common
    return 1 - common / most if most else 0.0


def _pairs(codes: np.ndarray) -> int:
    """How many pairs of rows are equal."""
    sizes = np.unique(codes, axis=0, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())
