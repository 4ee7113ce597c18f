"""How probable each of several texts is after a prompt, from one pass of the network over the prompt and the tree of the texts' tokens.

Texts that begin alike share their tokens, and all of them share the prompt: a position of the tree sees the prompt and what is above
it, nothing else. Prompts that begin alike, as those of one task do, share that part, too: it is read once for a whole batch.

Letters: b prompts of a batch, O options, M positions of the tree, S tokens of a prompt's own part, P of the shared part, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch


@dataclass(frozen=True)
class OptionTree:
    """The tokens of O options that something follows, each beginning once.

    Attributes:
        tokens: int64[M].
        depths: int64[M], tokens from the prompt on, this one included.
        sees: bool[M, M], whether a position is another one or below it.
        steps: Of each option the pairs (position, token): how probable the token is after the position; position -1 is the prompt's end.
    """

    tokens: torch.Tensor
    depths: torch.Tensor
    sees: torch.Tensor
    steps: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def of(cls, options: Sequence[Sequence[int]], end: int) -> Self:
        """Of tokens of options. Where one begins another, the end of the text belongs to it: else both would follow at once.

        Args:
            options: O lists of one token or more.
            end: The token that ends a text.
        """
        whole = {tuple(one) for one in options}
        beginnings = {one[:length] for one in whole for length in range(1, len(one))}
        told = [(*one, end) if tuple(one) in beginnings else tuple(one) for one in options]
        inner = sorted({one[:length] for one in told for length in range(1, len(one))}, key=lambda one: (len(one), one))
        place = {one: number for number, one in enumerate(inner)} | {(): -1}
        sees = torch.zeros(len(inner), len(inner), dtype=torch.bool)
        for one, number in place.items():
            for length in range(1, len(one) + 1):
                sees[number, place[one[:length]]] = True
        steps = tuple(tuple((place[one[:depth]], one[depth]) for depth in range(len(one))) for one in told)
        return cls(torch.tensor([one[-1] for one in inner], dtype=torch.long), torch.tensor([len(one) for one in inner]), sees, steps)


class SharedPrompt:
    """The network's state after the tokens that a batch of prompts begins with, kept for the next batch of the same task."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self._tokens: tuple[int, ...] = ()
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def state(self, tokens: Sequence[int], rows: int) -> Any:
        """A cache of P tokens for so many rows."""
        from transformers import DynamicCache

        if tuple(tokens) != self._tokens:
            cache = DynamicCache(config=self.network.config)
            self.network.model(torch.tensor([list(tokens)]), past_key_values=cache)
            layers: list[Any] = cache.layers
            self._tokens, self._layers = tuple(tokens), [(layer.keys, layer.values) for layer in layers]
        made = DynamicCache(config=self.network.config)
        for number, (keys, values) in enumerate(self._layers):
            made.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
        return made


def shared(prompts: Sequence[list[int]]) -> int:
    """P, tokens that all prompts begin with; of each at least one is left. 0 of no prompts."""
    if not prompts:
        return 0
    first, last = min(prompts), max(prompts)
    most = min(map(len, prompts)) - 1
    return next((place for place in range(most) if first[place] != last[place]), most)


def scores(start: SharedPrompt, prompts: Sequence[list[int]], begun: int, tree: OptionTree) -> np.ndarray:
    """float64[b, O], natural logarithms of how probable each option is after each prompt.

    Args:
        start: Has the network, and keeps what prompts share between batches.
        prompts: b lists of tokens.
        begun: P, tokens that all of them begin with, fewer than any has.
        tree: Of the options.
    """
    network = start.network
    own = [list(prompt[begun:]) for prompt in prompts]
    lengths = torch.tensor([len(one) for one in own])
    width = int(lengths.max())
    tokens = torch.tensor([one + [0] * (width - len(one)) for one in own])
    tokens = torch.cat([tokens, tree.tokens.expand(len(own), -1)], dim=1)
    positions = begun + torch.cat([torch.arange(width).expand(len(own), -1), lengths[:, None] + tree.depths - 1], dim=1)
    cache = start.state(prompts[0][:begun], len(own)) if begun else None
    hidden = network.model(
        tokens, attention_mask=_sees(lengths, begun, tree, network.dtype), position_ids=positions, past_key_values=cache
    ).last_hidden_state
    ends = hidden[torch.arange(len(own)), lengths - 1][:, None]
    ends = torch.cat([ends, hidden[:, width:]], dim=1)  # [b, 1 + M, D]
    totals = network.lm_head(ends).float().logsumexp(dim=2).double()
    found = np.empty((len(own), len(tree.steps)))
    for option, steps in enumerate(tree.steps):
        places, which = (torch.tensor(one) for one in zip(*((place + 1, token) for place, token in steps), strict=True))
        # Of the chosen tokens in float32: logits in bfloat16 are an eighth apart where they matter.
        logits = (ends[:, places].float() * network.lm_head.weight[which].float()).sum(dim=2).double()
        found[:, option] = (logits - totals[:, places]).sum(dim=1).numpy()
    return found


def _sees(lengths: torch.Tensor, begun: int, tree: OptionTree, dtype: torch.dtype) -> torch.Tensor:
    """[b, 1, S + M, P + S + M]: 0 where a position is seen, minus infinity elsewhere."""
    width, nodes, rows = int(lengths.max()), len(tree.tokens), len(lengths)
    seen = torch.zeros(rows, width + nodes, begun + width + nodes, dtype=torch.bool)
    seen[:, :, :begun] = True
    seen[:, :width, begun : begun + width] = torch.ones(width, width, dtype=torch.bool).tril()
    seen[:, width:, begun : begun + width] = (torch.arange(width) < lengths[:, None])[:, None]
    seen[:, width:, begun + width :] = tree.sees
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
