"""A causal block whose keys and values of what is known are made once, for many continuations.

Letters: B rows, S known steps, G continuations of a row, l steps of each, H heads, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from penchant.nn.encoder_decoder import EncoderBlock

Remembered = tuple[Tensor, Tensor]  # keys and values [B, H, S, W / H]


class CachedBlock(EncoderBlock):
    """An encoder block that can also be asked to go on from steps it has seen; ``EncoderBlock.forward`` is the slow reference."""

    def known(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Remembered]:
        """What ``forward`` gives without dropout, and the keys and values behind it."""
        inside = self.own_norm(x)
        remembered = self.own.remember(inside)
        x = x + self.own(inside, remembered, mask)
        return x + self.forward_part(self.forward_norm(x)), remembered

    def onward(self, x: Tensor, remembered: Remembered, mask: Tensor) -> Tensor:
        """[B, G, l, W] -> [B, G, l, W]: a step sees the known steps, and of its own continuation itself and those before it.

        All continuations of a row share its known steps; nothing is copied. Without dropout: continuations are not trained.

        Args:
            x: Inputs of the continuations.
            remembered: Of the known steps.
            mask: bool, broadcast to [B, H, G * l, S], which known steps may be looked at.
        """
        rows, many, steps, width = x.shape
        heads, (keys, values) = self.own.heads, remembered
        inside = self.own_norm(x).view(rows, many * steps, width)
        queries = self.own.asking(inside).view(rows, many * steps, heads, -1).transpose(1, 2) * keys.shape[-1] ** -0.5
        own_keys, own_values = (part.unflatten(2, (many, steps)) for part in self.own.remember(inside))
        far = (queries @ keys.transpose(-1, -2)).masked_fill(~mask, -torch.inf)
        later = torch.ones(steps, steps, dtype=torch.bool, device=x.device).triu_(1)
        near = (queries.unflatten(2, (many, steps)) @ own_keys.transpose(-1, -2)).masked_fill(later, -torch.inf)
        weights = torch.cat([far, near.flatten(2, 3)], dim=-1).softmax(dim=-1)
        to_far, to_near = weights.split((keys.shape[2], steps), dim=-1)
        mixed = to_far @ values + (to_near.unflatten(2, (many, steps)) @ own_values).flatten(2, 3)
        x = x + self.own.outward(mixed.transpose(1, 2).reshape(rows, many, steps, width))
        return x + self.forward_part(self.forward_norm(x))
