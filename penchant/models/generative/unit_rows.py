"""Unit vectors of many item tokens at once, for a softmax over the catalogue: the fast path of ``NormalisedTable``.

What does not change while training is gathered once: content vectors in the type of matrix products, places of codes, and
for each code the items that hold it. The last turns the gradient of the code table into sums over bags of items, which is
several times faster on a CPU than adding rows one by one.

Letters: M items of the table, W width, L levels, K codes of all levels, D dimensions of the content vectors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.models.generative.tokens import ItemTokens

LEAST = 1e-12  # a shorter vector counts as long as this, as in torch's own normalisation


class UnitRows:
    """float32[M, W], unit vectors of fixed items, with gradients; equal to ``F.normalize(tokens.some(rows))`` (tested).

    Args:
        tokens: Of all items. Its buffers must not change from here on; its weights may.
        rows: int64[M], distinct items. Item 0 stands for padding: its row means nothing and must get no gradient.
        kind: Of the content vectors in their product with the projection.
    """

    def __init__(self, tokens: ItemTokens, rows: Tensor, kind: torch.dtype = torch.float32) -> None:
        self.tokens, self.rows, self.kind = tokens, rows, kind
        counts = tokens.counts[rows]
        self.gate = (counts / (counts + tokens.halfway))[:, None]
        self.vectors = None if tokens.project is None else tokens.vectors[rows].to(kind)
        if tokens.embedding is not None:
            self.codes = tokens.codes[rows].long() + tokens.embedding.starts
            held, order = self.codes.flatten().sort(stable=True)
            self.holders = order // self.codes.shape[1]  # int64[M L], items in the order of the codes they hold
            self.bounds = torch.searchsorted(held, torch.arange(len(tokens.embedding.table.weight), device=held.device))  # int64[K]

    def __call__(self) -> Tensor:
        """The vectors under the present weights."""
        tokens = self.tokens
        weights = [
            None if tokens.ids is None else tokens.ids.weight,
            None if tokens.embedding is None else tokens.embedding.table.weight,
            None if tokens.project is None else tokens.project.weight,
        ]
        with torch.autocast(self.rows.device.type, enabled=False):
            return _UnitRows.apply(*weights, self)  # type: ignore[no-any-return]


class _UnitRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor | None, table: Tensor | None, project: Tensor | None, of: UnitRows) -> Tensor:
        x = of.gate.new_zeros(1) if project is None or of.vectors is None else (of.vectors @ project.T.to(of.kind)).float()
        if table is not None:
            x = x + F.embedding_bag(of.codes, table, mode="sum")
        if ids is not None:
            x = torch.addcmul(x, of.gate, ids[of.rows])
        inverse = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min_(LEAST).reciprocal_()
        unit = x.mul_(inverse)
        ctx.save_for_backward(unit, inverse)
        ctx.of, ctx.count = of, 0 if ids is None else len(ids)
        return unit

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (unit, inverse), of, (grad,) = ctx.saved_tensors, ctx.of, grads
        wants_ids, wants_table, wants_project, _ = ctx.needs_input_grad
        along = torch.linalg.vecdot(grad, unit)[:, None]
        by_row = torch.addcmul(grad, unit, along, value=-1).mul_(inverse)
        by_ids = by_row.new_zeros(ctx.count, by_row.shape[1]).index_copy_(0, of.rows, by_row * of.gate) if wants_ids else None
        by_table = F.embedding_bag(of.holders, by_row, of.bounds, mode="sum") if wants_table else None
        by_project = (by_row.to(of.kind).T @ of.vectors).float() if wants_project else None
        return by_ids, by_table, by_project, None
