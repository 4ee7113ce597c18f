"""The depth head: generates the L codes of the next item from one state, level by level.

A level sees the state and the sum of the embeddings of the codes chosen above it, so a step of decoding is one small
feed-forward pass and needs no cache. Items are found by beam search over the trie of codes.

Letters: B rows, P positions, W width, N items, L levels, K_l codes of level l, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import LevelLogProbs, TrieTensors
from penchant.models.generative.decoding import Plain, Search, Task
from penchant.models.generative.head import CodeHead
from penchant.models.generative.tokens import CodeEmbedding
from penchant.nn.dropout import Dropout
from penchant.nn.kept import Kept
from penchant.objectives.softmax import Objective


class DepthSettings(Settings):
    """Of the depth head."""

    kind: Literal["depth"] = "depth"
    temperature: float = Field(default=0.07, gt=0, description="of the cosines")
    beam: int = Field(default=50, ge=1, description="prefixes kept a level; a longer list widens it")

    def make(
        self, codes: np.ndarray, width: int, *, embedding: CodeEmbedding | None, dropout: float, objective: Objective | None
    ) -> CodeHead:
        """The head. It has no loss over items, so no objective."""
        return DepthHead(codes, width, self, embedding=embedding, dropout=dropout)


class DepthHead(Kept, CodeHead):
    """Scores the codes of each level by the cosine of a level state and the codes' embeddings.

    Args:
        codes: int[N + 1, L], rows 1..N all distinct.
        width: W.
        settings: Temperature and beam.
        embedding: Shared with the item tokens; its own by default.
        dropout: On level states.
    """

    def __init__(
        self,
        codes: np.ndarray,
        width: int,
        settings: DepthSettings | None = None,
        *,
        embedding: CodeEmbedding | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(codes)
        self.settings = settings or DepthSettings()
        self.trie = TrieTensors(CodeTrie(codes[1:]))
        self.embedding = embedding or CodeEmbedding(self.sizes, width)
        self.depth = nn.Embedding(codes.shape[1], width)
        self.from_prefix = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.part = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), Dropout(dropout), nn.Linear(2 * width, width))

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of the target's code at each level, after its true codes above, a level."""
        codes = self.codes_of(targets)
        embedded = self.embedding(codes)
        prefixes = embedded.cumsum(dim=1) - embedded
        levels = torch.arange(codes.shape[1], device=codes.device)
        found = self.level_states(states[:, None], prefixes, levels)
        terms = [F.cross_entropy(self.logits(found[:, level], level).float(), codes[:, level]) for level in range(codes.shape[1])]
        return torch.stack(terms).mean()

    def chances(self, states: Tensor, items: Tensor) -> Tensor:
        """Log-probabilities of the items' whole code tuples, each after its own codes above."""
        return self._teacher_forced(states, self.codes_of(items))

    def score(self, states: Tensor) -> Tensor:
        """All items, exhaustively: what a beam as wide as the catalogue finds."""
        return self._teacher_forced(states, self.codes.long()[None])

    @torch.no_grad()
    def best(
        self,
        states: Tensor,
        places: int,
        exclude: Histories | None = None,
        allowed: Tensor | None = None,
        *,
        search: Search | None = None,
    ) -> tuple[Tensor, Tensor]:
        """By the search that is asked for, beam search by default; items come in its order."""
        tables, states = self.kept(self._tables), states[:, None]

        def log_probs(rows: Tensor | slice) -> LevelLogProbs:
            asked = states[rows]
            return lambda chosen: self.log_probs(asked, self.embedding.first(chosen).sum(dim=-2), chosen.shape[-1], tables)

        return (search or Plain(self.settings.beam))(Task(self.trie, len(states), log_probs, exclude, allowed), places)

    def level_states(self, states: Tensor, prefixes: Tensor, level: Tensor) -> Tensor:
        """[..., W] unit vectors from states and prefix sums [..., W] at ``level`` (int64, broadcast)."""
        x = states + self.from_prefix(prefixes) + self.depth(level)
        return F.normalize(x + self.part(self.norm(x)), dim=-1)

    def logits(self, found: Tensor, level: int, tables: Sequence[Tensor] | None = None) -> Tensor:
        """[..., W] unit level states -> [..., K_l]. ``tables``: unit vectors of the codes [W, K_l] of each level, if they are at hand."""
        return found @ (self._table(level) if tables is None else tables[level]) / self.settings.temperature

    def log_probs(self, states: Tensor, prefixes: Tensor, level: int, tables: Sequence[Tensor] | None = None) -> Tensor:
        """float32[..., K_l], log-probabilities of the codes of one level."""
        at = torch.tensor(level, device=states.device)
        return self.logits(self.level_states(states, prefixes, at), level, tables).float().log_softmax(dim=-1)

    def _table(self, level: int) -> Tensor:
        return F.normalize(self.embedding.level(level), dim=-1).T

    def _tables(self) -> list[Tensor]:
        return [self._table(level).contiguous() for level in range(len(self.sizes))]

    def _teacher_forced(self, states: Tensor, codes: Tensor) -> Tensor:
        """float32[B, C] for codes int64[B, C, L], or int64[1, C, L] for all rows alike."""
        embedded = self.embedding(codes)
        prefixes = embedded.cumsum(dim=-2) - embedded
        total = torch.zeros(len(states), codes.shape[1], device=states.device)
        for level in range(codes.shape[-1]):
            above = prefixes[:, :, level] if level else prefixes[:, :1, 0]  # nothing is chosen yet: the same for all candidates
            chances = self.log_probs(states[:, None], above, level)
            wanted = codes[:, :, level, None].expand(len(states), -1, -1)
            total += chances.expand(-1, codes.shape[1], -1).gather(-1, wanted)[..., 0]
        return total
