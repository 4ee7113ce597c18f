"""Exact top-k under the retriever contract, with a stated rule for ties.

Equal scores are put in a fixed pseudo-random order of the items, the same for every model. ``torch.topk`` alone
leaves ties to chance, and catalogue order can carry information about the answer.

Letters: B rows, N items, k places.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch

from penchant.contracts import TopK
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories

CELLS = 3_000_000  # scores held at a time: 12 MB, which the allocator reuses instead of mapping anew


@lru_cache(maxsize=8)
def tie_order(num_items: int) -> np.ndarray:
    """int64[N + 1], the place of each item among equals; the padding comes last."""
    return np.concatenate([[num_items], generator(20_231, num_items).permutation(num_items)])


def check_k(k: int, num_items: int) -> None:
    """The one rule for the length of a list.

    Raises:
        InputError: k is outside 1..N.
    """
    require(1 <= k <= num_items, f"k={k}", f"a list holds 1 to {num_items} items (the catalogue)", f"pass 1<=k<={num_items}")


def check_request(histories: Histories, k: int, num_items: int, exclude: Histories | None) -> None:
    """The rules that every ``recommend`` puts on its arguments.

    Raises:
        InputError: k is outside 1..N, ``exclude`` has another number of rows, or an item is outside 1..N.
    """
    check_k(k, num_items)
    if exclude is not None:
        require(
            len(exclude) == len(histories),
            f"exclude has {len(exclude)} rows",
            f"there are {len(histories)} histories",
            "pass one row a history",
        )
    for rows in (histories, exclude):
        if rows is not None and rows.num_events:
            low, high = int(rows.items.min()), int(rows.items.max())
            require(
                low >= 1 and high <= num_items,
                f"item codes {low}..{high}",
                f"known codes are 1..{num_items}",
                "encode ids with this model's catalogue",
            )


def exclude_(scores: torch.Tensor, exclude: Histories | None) -> torch.Tensor:
    """Set the scores [B, N + 1] of padding and of excluded items to ``-inf``, in place."""
    scores[:, 0] = -torch.inf
    if exclude is not None and exclude.num_events:
        flat = exclude.rows * scores.shape[1] + exclude.items
        scores.view(-1).index_fill_(0, torch.from_numpy(flat), -torch.inf)
    return scores


def top_k(scores: torch.Tensor, k: int) -> TopK:
    """The k best items a row of float[B, N + 1]; items with score ``-inf`` are not shown (0 in their place)."""
    ties = tie_order(scores.shape[1] - 1)
    best, items = scores.topk(k + 1, dim=1)  # column 0 makes N + 1 columns, so there is always one more
    # Only where the first score left out equals the last one kept did topk choose among equals.
    torn = (best[:, k] == best[:, k - 1]) & torch.isfinite(best[:, k])
    values, chosen = best[:, :k].float().numpy(), items[:, :k].numpy()
    if bool(torn.any()):
        values, chosen = values.copy(), chosen.copy()
        in_order = torch.from_numpy(np.argsort(ties))
        rows = torn.nonzero()[:, 0]
        ranked = scores[rows][:, in_order].sort(dim=1, descending=True, stable=True)
        values[rows.numpy()] = ranked.values[:, :k].float().numpy()
        chosen[rows.numpy()] = in_order[ranked.indices[:, :k]].numpy()
    order = np.lexsort((ties[chosen], -values), axis=-1)
    values = np.take_along_axis(values, order, axis=1)
    chosen = np.where(np.isneginf(values), 0, np.take_along_axis(chosen, order, axis=1))
    return TopK(items=chosen.astype(np.int32), scores=values)


def blocks_of(rows: int, num_items: int, *, most: int = 4096) -> Iterator[slice]:
    """Row ranges small enough for one block of scores, of at most ``most`` rows."""
    step = max(1, min(most, CELLS // (num_items + 1)))
    return (slice(start, min(rows, start + step)) for start in range(0, rows, step))


def join(blocks: list[TopK], k: int) -> TopK:
    """One list of rows from blocks of rows."""
    if not blocks:
        return TopK(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32))
    return TopK(np.concatenate([block.items for block in blocks]), np.concatenate([block.scores for block in blocks]))
