"""The masked head: discrete diffusion over the codes of the next item. All L slots see each other; any may be filled next.

Sources  LLaDA-Rec (arXiv:2511.06254), masked diffusion of next-item codes, beams whose order follows confidence; LLaDA
         (arXiv:2502.09992), the loss; REG4Rec (arXiv:2508.15308), the same order over unordered codes, and the pruning of
         paths that disagree with themselves
Flow     state + (known code, or [MASK]) of each slot -> bidirectional transformer over the slots -> cosines with the codes
Loss     diffusion masks each code with probability t, t ~ U(0, 1), and weights the cross-entropy of what it masked by 1 / t.
         n of L codes are masked then with the same chance for each n, and its weight 1 / t integrates to 1 / n (a beta
         integral). So n is drawn evenly from 1..L and the mean over the n masked codes is taken: the same loss in
         expectation, with weights that cannot explode near t = 0, so nothing is clipped. L times it is what the codes
         cost on average over all orders of filling them one by one
Scores   in each step a rule that knows only the state and the codes chosen so far says which slots come next. So the
         probability of a tuple is the product of its codes' along the one order that the rule takes to it, and those of all
         tuples sum to 1, whether the rule is confidence or left to right; with one step the codes are independent
Letters  B rows, P positions, W width, N items, L levels, K codes of a level, C candidates, w hypotheses
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.models.generative.head import CodeHead
from penchant.models.generative.masked_search import masked_search, next_slots, schedule
from penchant.models.generative.masked_tuples import CodeTuples
from penchant.models.generative.tokens import CodeEmbedding
from penchant.nn.transformer import TransformerBlock
from penchant.objectives.softmax import Objective
from penchant.ranking import blocks_of

CELLS = 8_000_000  # log-probabilities of candidates held at a time


class MaskedSettings(Settings):
    """Of the masked head. Steps, order and pruning matter to inference alone."""

    kind: Literal["masked"] = "masked"
    temperature: float = Field(default=0.07, gt=0, description="of the cosines")
    layers: int = Field(default=1, ge=1, description="of the transformer over slots")
    heads: int = Field(default=4, ge=1, description="of its attention")
    steps: int | None = Field(default=None, ge=1, description="passes of the network that fill the slots; None: one a slot")
    adaptive: bool = Field(default=True, description="whether the most confident slots are filled first, or the leftmost")
    beam: int = Field(default=20, ge=1, description="hypotheses kept; a longer list widens it")
    pruned: float = Field(default=0.0, ge=0, lt=1, description="share of paths dropped because their codes agree least")

    def make(
        self, codes: np.ndarray, width: int, *, embedding: CodeEmbedding | None, dropout: float, objective: Objective | None
    ) -> CodeHead:
        """The head. It has no loss over items, so no objective."""
        return MaskedHead(codes, width, self, embedding=embedding, dropout=dropout)


class MaskedHead(CodeHead):
    """Scores the codes of every open slot by the state and the codes known so far.

    Args:
        codes: int[N + 1, L]; items may share all codes, and tie then.
        width: W.
        settings: Network, temperature and search.
        embedding: Shared with the item tokens; its own by default.
        dropout: In the transformer over slots.
    """

    def __init__(
        self,
        codes: np.ndarray,
        width: int,
        settings: MaskedSettings | None = None,
        *,
        embedding: CodeEmbedding | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(codes)
        self.settings = settings = settings or MaskedSettings()
        self.levels, self.most = len(self.sizes), max(self.sizes)
        self.tuples = CodeTuples(self.codes[1:].numpy(), self.most)
        self.embedding = embedding or CodeEmbedding(self.sizes, width)
        self.slots = nn.Embedding(self.levels, width)  # beside a known code: where it stands
        self.masks = nn.Embedding(self.levels, width)  # in place of an unknown one
        self.told_norm = nn.LayerNorm(width)  # tables begin small, states do not
        self.blocks = nn.ModuleList(
            TransformerBlock(width, settings.heads, inner=2 * width, dropout=dropout, causal=False) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(width)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of masked codes, see above, a level."""
        codes = self.codes_of(targets)
        masked = drawn_masks(len(codes), self.levels, codes.device)
        found = self.log_probs(states, codes.masked_fill(masked, -1)).gather(-1, codes[..., None])[..., 0]
        return -((found * masked).sum(dim=1) / masked.sum(dim=1)).mean()

    def log_probs(self, states: Tensor, chosen: Tensor) -> Tensor:
        """float32[..., L, K] for states [..., W] and codes int64[..., L], -1 where masked; ``-inf`` for codes a level does not have.

        The leading shapes are broadcast. What stands in the place of a known code means nothing.
        """
        told = torch.where((chosen >= 0)[..., None], self.embedding(chosen.clamp(min=0)) + self.slots.weight, self.masks.weight)
        x = states[..., None, :] + self.told_norm(told)
        shape = x.shape
        x = x.reshape(-1, *shape[-2:])
        for block in self.blocks:
            x = block(x)
        found = F.normalize(self.norm(x), dim=-1)
        logits = [
            F.pad(found[:, level] @ F.normalize(self.embedding.level(level), dim=-1).T, (0, self.most - size), value=-torch.inf)
            for level, size in enumerate(self.sizes)
        ]
        every = torch.stack(logits, dim=1).float() / self.settings.temperature
        return every.log_softmax(dim=-1).view(*shape[:-1], self.most)

    @torch.no_grad()
    def chances(self, states: Tensor, items: Tensor) -> Tensor:
        """The log-probabilities of the items' codes along the order in which the settings fill them."""
        return self._followed(states, self.codes_of(items))

    @torch.no_grad()
    def score(self, states: Tensor) -> Tensor:
        """All items, exhaustively: what a beam as wide as the catalogue finds."""
        found = self._followed(states, self.tuples.tuples.long()[None])
        return F.pad(found[:, self.tuples.tuple_of], (1, 0))

    @torch.no_grad()
    def best(self, states: Tensor, places: int, exclude: Histories | None = None, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """By a beam over partial tuples; see ``masked_search``. A single step finds exactly the best."""
        settings, places = self.settings, min(places, self.num_items)
        width = max(settings.beam, places)
        counts = schedule(self.levels, settings.steps)
        items, scores = [torch.zeros(0, places, dtype=torch.long)], [torch.zeros(0, places)]
        for block in blocks_of(len(states), max(width * self.levels * self.most if len(counts) > 1 else 0, self.tuples.count)):
            part = states[block, None]
            found = masked_search(
                self.tuples,
                len(part),
                lambda chosen, part=part: self.log_probs(part, chosen),
                counts=counts,
                width=width,
                places=places,
                adaptive=settings.adaptive,
                exclude=None if exclude is None else exclude.take(np.arange(block.start, block.stop)),
                allowed=allowed,
                agreement=self.agreement if settings.pruned > 0 else None,
                pruned=settings.pruned,
            )
            items.append(found[0])
            scores.append(found[1])
        return torch.cat(items), torch.cat(scores)

    def agreement(self, chosen: Tensor, slots: Tensor, codes: Tensor) -> Tensor:
        """float32[B, w], cosines of the vectors of codes int64[B, w] at slots int64[B, w] and the mean of those chosen int64[B, w, L]."""
        rows = F.normalize(self.embedding.table.weight, dim=-1)
        path = (rows[chosen.clamp(min=0) + self.embedding.starts] * (chosen >= 0)[..., None]).sum(dim=-2)
        return F.cosine_similarity(path, rows[codes + self.embedding.starts[slots]], dim=-1)

    def _followed(self, states: Tensor, codes: Tensor) -> Tensor:
        """float32[B, C] for codes int64[B, C, L], or int64[1, C, L] for all rows alike; some candidates at a time."""
        many = max(1, CELLS // max(1, len(states) * self.levels * self.most))
        return torch.cat([self._along_order(states, part.expand(len(states), -1, -1)) for part in codes.split(many, dim=1)], dim=1)

    def _along_order(self, states: Tensor, codes: Tensor) -> Tensor:
        """float32[B, C] for codes int64[B, C, L]."""
        rows, many, levels = codes.shape
        total = torch.zeros(rows, many, device=codes.device)
        chosen = torch.full((rows, 1, levels), -1, device=codes.device)  # at first all candidates look the same
        for count in schedule(levels, self.settings.steps):
            chances = self.log_probs(states[:, None], chosen)
            slots = next_slots(chances, chosen, count, adaptive=self.settings.adaptive).expand(-1, many, -1)
            own = codes.gather(-1, slots)
            found = chances.expand(-1, many, -1, -1).gather(2, slots[..., None].expand(-1, -1, -1, self.most))
            total += found.gather(-1, own[..., None]).sum(dim=(-2, -1))
            chosen = chosen.expand(-1, many, -1).scatter(-1, slots, own)
        return total


def drawn_masks(rows: int, levels: int, device: torch.device | None = None) -> Tensor:
    """bool[P, L]: 1..L of a row are masked, each number with the same chance, and which ones is drawn evenly."""
    count = torch.randint(1, levels + 1, (rows, 1), device=device)
    return torch.rand(rows, levels, device=device).argsort(dim=1) < count
