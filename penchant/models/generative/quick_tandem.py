"""Tandem as it is served: the same weights and, up to rounding, the same answers, in half the time where few histories are asked for.

In a causal network a step knows the steps before it and nothing else. So of the last block only the last step is computed; and rows
that begin alike, such as one history without this or that event, have the same keys and values there: what they share is computed once.
A product of one row with the table of all items goes by columns, which reads the table at the memory's speed. The slow reference is
``Tandem``; tests hold the two together.

Letters: B rows, T steps, P shared steps, S own steps, W width, H heads, D width of a head, N items.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.generative.tandem import Tandem, time_gaps
from penchant.models.sequence.retriever import TOKENS
from penchant.nn.transformer import SelfAttention, TransformerBlock

#: Share of all padded steps that those of several rows may be: with more, the plain way is as fast.
_WORTH = 0.75
#: Rows up to which a product by columns is the faster one.
_FEW = 2


class QuickTandem(Tandem):
    """See ``Tandem``; in evaluation mode."""

    _columns: tuple[Tensor, Tensor] | None = None  # the table of unit vectors, and the same by columns

    @torch.no_grad()
    def states(self, histories: Histories) -> Tensor:
        """float32[B, W], see ``SequenceRetriever``."""
        padded = len(histories) * min(int(histories.lengths.max(initial=0)) + 1, self.max_len)
        if self.training or not len(histories) or (len(histories) > 1 and padded > TOKENS):
            return super().states(histories)
        batch = collate(histories.last(self.max_len - 1), begins=histories.lengths < self.max_len, targets=False)
        own = (batch.lengths - _alike(batch)).clamp_(min=1) if len(batch) > 1 else batch.lengths
        groups = _groups(own)
        worth = sum(len(rows) * int(own[rows].max()) for rows in groups) <= _WORTH * batch.items.numel()
        if len(batch) > 1 and not worth:
            return super().states(histories)
        inputs = self._inputs(batch)
        found = inputs.new_empty(len(batch), inputs.shape[2])
        for rows in groups:
            found[rows] = self._last(inputs[0], inputs[rows], batch.lengths[rows], int(own[rows].max()))
        return found

    def _last(self, first: Tensor, inputs: Tensor, lengths: Tensor, own: int) -> Tensor:
        """float32[B, W], the last states of rows [B, T, W] which have all but so many of their steps in common with ``first`` [T, W]."""
        at = lengths[:, None] - own + torch.arange(own)  # [B, S], the last steps of each row
        shared = (lengths - own).clamp_(min=0)  # [B], how many of the first row's steps a row has before them
        before, rows = first[None, : int(shared.max())], inputs.gather(1, at.clamp(min=0)[..., None].expand(-1, -1, inputs.shape[2]))
        seen = _seen(at, shared, before.shape[1])
        blocks = cast(list[TransformerBlock], list(self.blocks))
        for block in blocks[:-1]:
            before, rows = _through(block, before, rows, seen)
        return self.norm(_last_step(blocks[-1], before, rows, seen))

    @torch.no_grad()
    def score_states(self, states: Tensor) -> Tensor:
        """float32[B, N + 1], see ``Tandem``."""
        if self.training or len(states) > _FEW:
            return super().score_states(states)
        table = self.tables()[1]
        if self._columns is None or self._columns[0] is not table:
            self._columns = table, table.T.contiguous()
        return F.normalize(states, dim=-1) @ self._columns[1]

    def _inputs(self, batch: Batch) -> Tensor:
        """[B, T, W], what goes into the first block."""
        steps = torch.arange(batch.items.shape[1])
        x = self.tables()[0][batch.items] + self.actions(batch.actions) + self.gaps(time_gaps(batch.times)) + self.positions(steps)
        return self.input_norm(x)


def _alike(batch: Batch) -> Tensor:
    """int64[B], how many of its first steps a row has in common with the first row."""
    same = (batch.items == batch.items[0]) & (batch.actions == batch.actions[0]) & (batch.times == batch.times[0])
    return torch.minimum(same.long().cumprod(dim=1).sum(dim=1), batch.lengths)


def _groups(own: Tensor) -> list[Tensor]:
    """The rows int64[B] in one or two groups, those with few steps of their own and the others, cut where they cost least."""
    steps, rows = own.sort()
    counts = torch.arange(len(own) + 1)
    costs = counts * torch.cat([steps[:1], steps]) + (len(own) - counts) * steps[-1]
    cut = int(costs.argmin())
    return [part for part in (rows[:cut], rows[cut:]) if len(part)]


def _seen(at: Tensor, shared: Tensor, steps: int) -> Tensor:
    """bool[B, 1, S, P + S], which keys a row's own steps may look at: its shared ones, and of its own those up to itself."""
    own = torch.arange(at.shape[1])
    before = (torch.arange(steps) < shared[:, None])[:, None].expand(-1, len(own), -1)
    real = (at >= 0)[:, None] | (own[:, None] == own)  # steps before a short row's first one see themselves: nobody else sees them
    return torch.cat([before, real & (own <= own[:, None])], dim=-1)[:, None]


def _through(block: TransformerBlock, first: Tensor, rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The shared steps [1, P, W] and the own ones [B, S, W] through a block."""
    of_first, of_rows = _heads(block.attention, block.attention_norm(first)), _heads(block.attention, block.attention_norm(rows))
    mixed = F.scaled_dot_product_attention(of_first[0], of_first[1], of_first[2], is_causal=True)
    return _rest(block, first, mixed), _rest(block, rows, _mixed(of_first, of_rows, seen))


def _last_step(block: TransformerBlock, first: Tensor, rows: Tensor, seen: Tensor) -> Tensor:
    """[B, W], the last of the own steps through the last block; the others give it keys and values only."""
    of_first, of_rows = _heads(block.attention, block.attention_norm(first)), _heads(block.attention, block.attention_norm(rows))
    return _rest(block, rows[:, -1:], _mixed(of_first, of_rows, seen, last=True))[:, 0]


def _heads(attention: SelfAttention, x: Tensor) -> Tensor:
    """[3, B, H, T, D]: queries, keys, values."""
    rows, steps, width = x.shape
    return attention.inward(x).view(rows, steps, 3, attention.heads, width // attention.heads).permute(2, 0, 3, 1, 4)


def _mixed(of_first: Tensor, of_rows: Tensor, seen: Tensor, *, last: bool = False) -> Tensor:
    """[B, H, S or 1, D], the own steps' attention over the shared and the own ones."""
    queries, keys, values = of_rows
    if last:
        queries, seen = queries[:, :, -1:], seen[:, :, -1:]
    keys, values = (
        torch.cat([shared.expand(len(own), -1, -1, -1), own], dim=2) for shared, own in zip(of_first[1:], (keys, values), strict=True)
    )
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)


def _rest(block: TransformerBlock, x: Tensor, mixed: Tensor) -> Tensor:
    """What a block does after its attention."""
    x = x + block.attention.outward(mixed.transpose(1, 2).reshape(x.shape))
    return x + block.forward_part(block.forward_norm(x))
