"""The protocol: rank the whole catalogue for every row, in blocks, and measure the lists.

No sampled negatives. What happens with items the user already had is a stated choice (``Seen``); reports give both.

Letters: R rows, N items, K places of a list (the largest cut-off).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter

import numpy as np

from penchant.contracts import Retriever
from penchant.core.errors import require
from penchant.core.progress import progress
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.metrics import hits, per_row

KS = (5, 10, 20, 50)

TIES = "Equal scores are put in one fixed pseudo-random order of the items, the same for every model, so catalogue order decides nothing."


class Seen(StrEnum):
    """What happens with items that stand in the row's visible history.

    REMOVED: they cannot be recommended. A target that the user had before can then never be found and counts as a
        miss; ``Evaluation.repeated`` says how many targets that are.
    KEPT: they compete like all others.
    """

    REMOVED = "removed"
    KEPT = "kept"


@dataclass(frozen=True)
class Evaluation:
    """One model under one rule.

    Attributes:
        model: Name for reports.
        seen: The rule for seen items.
        ks: Cut-offs, ascending, at most N.
        lists: int32[R, K], best first; 0 is an empty place.
        metrics: float32[R] by name, see ``penchant.evaluate.metrics``.
        seconds: Time the model took to rank all rows; measuring is not included.
        repeated: Share of target events whose item stands in the row's visible history.
        notes: What a reader must know, e.g. that a cut-off was lowered to the size of the catalogue.
    """

    model: str
    seen: Seen
    ks: tuple[int, ...]
    lists: np.ndarray
    metrics: dict[str, np.ndarray]
    seconds: float
    repeated: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lists)

    @property
    def users_per_second(self) -> float:
        return len(self) / max(self.seconds, 1e-9)

    def mean(self, name: str) -> float:
        """The mean of one metric over all rows, e.g. of ``"ndcg@10"``."""
        require(name in self.metrics, f"metric={name!r}", "it was not measured", f"use one of: {', '.join(self.metrics)}")
        return float(self.metrics[name].mean(dtype=np.float64))


def evaluate(
    model: Retriever,
    targets: Targets,
    *,
    name: str,
    seen: Seen = Seen.REMOVED,
    ks: Sequence[int] = KS,
    block: int = 1024,
) -> Evaluation:
    """Rank all N items for every row and measure.

    Args:
        model: Whatever has ``recommend``.
        targets: What the model sees and what it should find.
        name: The model's name in reports.
        seen: Whether items of the visible history may be recommended.
        ks: Cut-offs; those above N become N, with a note.
        block: Rows asked at once. More is faster until memory for [block, N] scores runs out.

    Raises:
        InputError: There are no rows, a row has no target, a target is outside 1..N, or the model breaks the
            retriever contract.
    """
    size = model.num_items
    require(len(targets) > 0, "0 rows", "an evaluation needs at least one user", "use a split with test users")
    require(block >= 1, f"block={block}", "a block holds at least one row", "pass block>=1")
    low, high = int(targets.items.items.min(initial=1)), int(targets.items.items.max(initial=1))
    require(
        low >= 1 and high <= size, f"targets {low}..{high}", f"{name} ranks items 1..{size}", "evaluate with the catalogue of the training"
    )
    cuts, notes = capped(ks, size)
    lists, seconds = ranked(model, targets.histories, k=cuts[-1], seen=seen, block=block, name=name)
    return Evaluation(
        model=name,
        seen=seen,
        ks=cuts,
        lists=lists,
        metrics=per_row(lists, targets.items, cuts),
        seconds=seconds,
        repeated=repeated_share(targets, size),
        notes=notes,
    )


def ranked(model: Retriever, histories: Histories, *, k: int, seen: Seen, block: int, name: str) -> tuple[np.ndarray, float]:
    """The lists int32[R, k] of all rows, and the seconds that ``recommend`` took."""
    lists = np.zeros((len(histories), k), np.int32)
    seconds = 0.0
    with progress(f"rank with {name}, seen items {seen}", total=len(histories), unit="users") as bar:
        for start in range(0, len(histories), block):
            part = histories.take(np.arange(start, min(start + block, len(histories))))
            began = perf_counter()
            top = model.recommend(part, k, exclude=part if seen is Seen.REMOVED else None)
            seconds += perf_counter() - began
            _check_lists(top.items, part, k, model.num_items, name)
            if start == 0 and seen is Seen.REMOVED:  # one block is enough to see a model that ignores the rule
                shown = int(hits(top.items, part).sum())
                require(shown == 0, f"{name} recommended {shown} excluded items", "excluded items never appear", "mend its recommend")
            lists[start : start + len(part)] = top.items
            bar.update(len(part))
    return lists, seconds


def capped(ks: Sequence[int], num_items: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The cut-offs, ascending and at most N, and a note where that changed them."""
    require(len(ks) > 0 and min(ks) >= 1, f"ks={tuple(ks)}", "cut-offs are positive", "pass for example ks=(10, 20)")
    above = sorted({k for k in ks if k > num_items})
    cuts = tuple(sorted({min(k, num_items) for k in ks}))
    note = f"The catalogue has {num_items:,} items: cut-offs {', '.join(map(str, above))} are given at {num_items}."
    return cuts, (note,) if above else ()


def repeated_share(targets: Targets, num_items: int) -> float:
    """Share of target events whose item the row's visible history already holds, 0..1."""
    width = num_items + 1
    wanted = targets.items.rows * width + targets.items.items
    had = targets.histories.rows * width + targets.histories.items
    return float(np.isin(wanted, had).mean()) if len(wanted) else 0.0


def _check_lists(items: np.ndarray, part: Histories, k: int, num_items: int, name: str) -> None:
    require(
        items.shape == (len(part), k),
        f"{name} gave lists of shape {items.shape}",
        f"{len(part)} rows of {k} were asked",
        "mend its recommend",
    )
    low, high = int(items.min()), int(items.max())
    require(
        low >= 0 and high <= num_items,
        f"{name} gave items {low}..{high}",
        f"items are 1..{num_items}, 0 an empty place",
        "mend its recommend",
    )
