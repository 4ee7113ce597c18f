"""Item tokens: what a network reads for an item, made of its ID, its codes and its content.

Letters: N items, W width, L levels, K_l codes of level l, D dimensions of the content vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require


def compact(codes: np.ndarray) -> Tensor:
    """Codes as they are kept: int16 where they fit, else int32; the -1 of padding becomes 0."""
    return torch.from_numpy(np.maximum(codes, 0).astype(np.int16 if int(codes.max(initial=0)) < 2**15 else np.int32))


class CodeEmbedding(nn.Module):
    """One table for the codes of all levels.

    Args:
        sizes: K_l for each level.
        width: W.
    """

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.sizes = tuple(int(size) for size in sizes)
        self.table = nn.Embedding(sum(self.sizes), width)
        starts = torch.tensor([0, *self.sizes[:-1]]).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.starts: Tensor

    def forward(self, codes: Tensor) -> Tensor:
        """int64[..., L] -> [..., L, W]."""
        return self.table(codes + self.starts)

    def first(self, codes: Tensor) -> Tensor:
        """int64[..., l] codes of the first l levels -> [..., l, W]."""
        return self.table(codes + self.starts[: codes.shape[-1]])

    def level(self, level: int) -> Tensor:
        """[K_l, W]."""
        start = int(self.starts[level])
        return self.table.weight[start : start + self.sizes[level]]


class ItemTokens(nn.Module):
    """Item vectors from ID, codes and content: gate(count) * ID + sum of code embeddings + projected vectors.

    The gate n / (n + halfway) falls with rarity; an item without training events stands on its content alone.

    Args:
        codes: int[N + 1, L], row 0 ignored.
        vectors: float32[N + 1, D], row 0 zero.
        counts: float32[N + 1], training events.
        width: W.
        halfway: Training events at which the ID embedding counts half.
        with_ids: Whether the ID embedding takes part.
        with_codes: Whether the code embeddings take part.
        with_vectors: Whether the projected vectors take part.

    Raises:
        InputError: None of the three takes part.
    """

    def __init__(
        self,
        codes: np.ndarray,
        vectors: Tensor,
        counts: Tensor,
        *,
        width: int,
        halfway: float = 2.0,
        with_ids: bool = True,
        with_codes: bool = True,
        with_vectors: bool = True,
    ) -> None:
        super().__init__()
        require(with_ids or with_codes or with_vectors, "tokens of nothing", "an item is known by ID, codes or vectors", "switch one on")
        self.halfway = halfway
        self.register_buffer("codes", compact(codes))
        self.register_buffer("vectors", vectors)
        self.register_buffer("counts", counts)
        self.codes: Tensor
        self.vectors: Tensor
        self.counts: Tensor
        self.start = nn.Parameter(torch.empty(width).normal_(std=0.02))
        self.ids = nn.Embedding(len(codes), width, padding_idx=0) if with_ids else None
        self.embedding = CodeEmbedding([int(size) + 1 for size in codes.max(axis=0)], width) if with_codes else None
        self.project = nn.Linear(vectors.shape[1], width, bias=False) if with_vectors else None

    def some(self, items: Tensor) -> Tensor:
        """int64[...] -> [..., W]; item 0 is the start token."""
        parts = []
        if self.ids is not None:
            gate = (self.counts[items] / (self.counts[items] + self.halfway))[..., None]
            parts.append(gate * self.ids(items))
        if self.embedding is not None:
            parts.append(self.embedding(self.codes[items].long()).sum(dim=-2))
        if self.project is not None:
            parts.append(self.project(self.vectors[items]))
        return torch.where((items > 0)[..., None], sum(parts[1:], start=parts[0]), self.start.to(parts[0].dtype))

    def all(self) -> Tensor:
        """[N + 1, W]."""
        return self.some(torch.arange(len(self.codes), device=self.codes.device))


class NormalisedTable:
    """Unit vectors of items, for the dense head's cosines.

    Args:
        tokens: Of all items.
        rows: int64[M + 1], the items of the table, row 0 being padding; None: all.
        fast: Makes the whole table faster, see ``penchant.models.generative.unit_rows``; row 0 may differ.
    """

    def __init__(self, tokens: ItemTokens, rows: Tensor | None = None, *, fast: Callable[[], Tensor] | None = None) -> None:
        self.tokens, self.rows, self.fast = tokens, rows, fast

    def all(self) -> Tensor:
        """[M + 1, W]."""
        if self.fast is not None:
            return self.fast()
        return F.normalize(self.tokens.all() if self.rows is None else self.tokens.some(self.rows), dim=-1)

    def some(self, items: Tensor) -> Tensor:
        """[..., W] of items, which are counted as the rows of the table are."""
        return F.normalize(self.tokens.some(items if self.rows is None else self.rows[items]), dim=-1)
