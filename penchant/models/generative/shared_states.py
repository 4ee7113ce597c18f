"""States of histories that begin alike, such as one history without this or that event: what they share is encoded once.

In a causal network a step knows the steps before it and nothing else, so rows that begin alike have the same keys and values there.
Only the steps after the place where a row leaves the first one are computed for it, and of the last block only its last step. The slow
reference is ``Tandem.states``; tests hold the two together.

Letters: B rows, T steps, P shared steps, S own steps, W width, H heads, D width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.generative.tandem import Tandem, time_gaps
from penchant.nn.transformer import SelfAttention, TransformerBlock
from penchant.ranking import exclude_

#: Share of the steps that the own ones may be: with more, the plain way is as fast.
_WORTH = 0.75


class SharedStates:
    """A trained Tandem that is asked for many histories of one beginning.

    Args:
        model: In evaluation mode.
    """

    def __init__(self, model: Tandem) -> None:
        self.model, self.num_items = model, model.num_items

    @torch.no_grad()
    def states(self, histories: Histories) -> Tensor:
        """float32[B, W], the state after each history, as ``Tandem.states`` gives it."""
        model = self.model
        if len(histories) < 2 or (histories.lengths >= model.max_len).any():  # a window may begin anywhere
            return model.states(histories)
        batch = collate(histories, targets=False)
        own = int((batch.lengths - _alike(batch)).clamp_(min=1).max())
        if own > _WORTH * batch.items.shape[1]:
            return model.states(histories)
        at = batch.lengths[:, None] - own + torch.arange(own)  # [B, S], the last steps of each row
        shared = (batch.lengths - own).clamp_(min=0)  # [B], how many of the first row's steps a row has before them
        inputs = self._inputs(batch)
        first, rows = inputs[:1, : int(shared.max())], inputs.gather(1, at.clamp(min=0)[..., None].expand(-1, -1, inputs.shape[2]))
        seen = _seen(at, shared, first.shape[1])
        blocks = list(model.blocks)
        for block in blocks[:-1]:
            first, rows = _through(block, first, rows, seen)
        return model.norm(_last_step(blocks[-1], first, rows, seen))

    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``. See ``Scorer``."""
        return exclude_(self.model.score_states(self.states(histories)), None)

    def _inputs(self, batch: Batch) -> Tensor:
        """[B, T, W], what goes into the first block."""
        model, steps = self.model, torch.arange(batch.items.shape[1])
        x = model.tables()[0][batch.items] + model.actions(batch.actions) + model.gaps(time_gaps(batch.times)) + model.positions(steps)
        return model.input_norm(x)


def _alike(batch: Batch) -> Tensor:
    """int64[B], how many of its first steps a row has in common with the first row."""
    same = (batch.items == batch.items[0]) & (batch.actions == batch.actions[0]) & (batch.times == batch.times[0])
    return torch.minimum(same.long().cumprod(dim=1).sum(dim=1), batch.lengths)


def _seen(at: Tensor, shared: Tensor, steps: int) -> Tensor:
    """bool[B, 1, S, P + S], which keys a row's own steps may look at: its shared ones, and of its own those up to itself."""
    own = torch.arange(at.shape[1])
    before = (torch.arange(steps) < shared[:, None])[:, None].expand(-1, len(own), -1)
    real = (at >= 0)[:, None] | (own[:, None] == own)  # steps before a short row's first one see themselves: nobody else sees them
    return torch.cat([before, real & (own <= own[:, None])], dim=-1)[:, None]


def _through(block: TransformerBlock, first: Tensor, rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The shared steps [1, P, W] and the own ones [B, S, W] through a block."""
    of_first, of_rows = _heads(block.attention, block.attention_norm(first)), _heads(block.attention, block.attention_norm(rows))
    mixed = F.scaled_dot_product_attention(*of_first.unbind(), is_causal=True)
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
    keys, values = (torch.cat([shared.expand(len(own), -1, -1, -1), own], dim=2) for shared, own in zip(of_first[1:], (keys, values), strict=True))
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)


def _rest(block: TransformerBlock, x: Tensor, mixed: Tensor) -> Tensor:
    """What a block does after its attention."""
    x = x + block.attention.outward(mixed.transpose(1, 2).reshape(x.shape))
    return x + block.forward_part(block.forward_norm(x))
