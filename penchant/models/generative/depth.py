"""The depth decoder: generates the L codes of the next item from one state, level by level.

A level sees the state and the sum of the embeddings of the codes chosen above it, so a step of decoding is one small
feed-forward pass and needs no cache. This is the code head of the house model (ARCHITECTURE.md, "Tandem").

Letters: P positions, W width, L levels, K_l codes of level l.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CodeEmbedding(nn.Module):
    """One table for the codes of all levels: input of item tokens, prefixes and output vectors of the code head.

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

    def level(self, level: int) -> Tensor:
        """[K_l, W]."""
        start = int(self.starts[level])
        return self.table.weight[start : start + self.sizes[level]]


class DepthDecoder(nn.Module):
    """Scores the codes of each level by the cosine of a level state and the codes' embeddings.

    Args:
        codes: The shared code embedding.
        width: W.
        scale: Multiplies the cosines (1 / temperature).
        dropout: On level states.
    """

    def __init__(self, codes: CodeEmbedding, width: int, *, scale: float = 15.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.codes = codes
        self.scale = scale
        self.depth = nn.Embedding(len(codes.sizes), width)
        self.from_prefix = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.part = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width))

    def level_states(self, states: Tensor, prefixes: Tensor, level: Tensor) -> Tensor:
        """[..., W] unit vectors from states and prefix sums [..., W] at ``level`` (int64, broadcast)."""
        x = states + self.from_prefix(prefixes) + self.depth(level)
        return F.normalize(x + self.part(self.norm(x)), dim=-1)

    def loss(self, states: Tensor, codes: Tensor) -> Tensor:
        """Mean over positions of the sum over levels of the cross-entropy of true codes.

        Args:
            states: [P, W].
            codes: int64[P, L].
        """
        embedded = self.codes(codes)
        prefixes = embedded.cumsum(dim=1) - embedded
        levels = torch.arange(codes.shape[1], device=codes.device)
        found = self.level_states(states[:, None], prefixes, levels)
        terms = [F.cross_entropy(self.logits(found[:, level], level).float(), codes[:, level]) for level in range(codes.shape[1])]
        return torch.stack(terms).sum()

    def logits(self, found: Tensor, level: int) -> Tensor:
        """[..., W] unit level states -> [..., K_l]."""
        return found @ F.normalize(self.codes.level(level), dim=-1).T * self.scale

    def log_probs(self, states: Tensor, prefixes: Tensor, level: int) -> Tensor:
        """float32[..., K_l], log-probabilities of the codes of one level."""
        at = torch.tensor(level, device=states.device)
        return self.logits(self.level_states(states, prefixes, at), level).float().log_softmax(dim=-1)

    def item_log_probs(self, states: Tensor, codes: Tensor) -> Tensor:
        """Log-probability of whole code tuples, teacher forced.

        Args:
            states: [B, W].
            codes: int64[B, C, L] candidates of each row, or int64[1, N, L] to score a whole catalogue.

        Returns:
            float32[B, C].
        """
        embedded = self.codes(codes)
        prefixes = embedded.cumsum(dim=-2) - embedded
        total = torch.zeros(len(states), codes.shape[1], device=states.device)
        for level in range(codes.shape[-1]):
            at = torch.tensor(level, device=states.device)
            above = prefixes[:, :, level] if level else prefixes[:, :1, 0]  # nothing is chosen yet: the same for all candidates
            chances = self.logits(self.level_states(states[:, None], above, at), level).float().log_softmax(dim=-1)
            wanted = codes[:, :, level, None].expand(len(states), -1, -1)
            total += chances.expand(-1, codes.shape[1], -1).gather(-1, wanted)[..., 0]
        return total
