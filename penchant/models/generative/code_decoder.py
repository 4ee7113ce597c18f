"""A decoder-only network over codes: one causal transformer reads the codes of a history and writes the next item's after them.

Flow     codes of the last items, one token a code -> causal transformer -> at each token the next code; generation goes on from
         the history's keys and values, which all beams share
Used     for the cost of the two forms side by side (benchmarks/decoders.py); no claim compares their accuracy yet
Sources  the decoder-only side of the comparison with TIGER (arXiv:2305.05065), as in OneRec-V2 (arXiv:2508.20900) and LC-Rec
         (arXiv:2311.09049), without their language models; one pass trains every event of a history
Letters  B rows, T items, L levels, S = T L tokens, W width, N items, C candidates, G groups of l codes, K_l codes of level l
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.generative.beam import LevelLogProbs
from penchant.models.generative.generator import CodeGenerator, GeneratorSettings
from penchant.nn.cached import CachedBlock, Remembered
from penchant.nn.transformer import init_normal


class CodeDecoderSettings(GeneratorSettings):
    """Shape of the network; by default of as many weights as TIGER's in its recipe."""

    inner: int = Field(default=656, ge=1, description="width of feed-forward parts")
    dropout: float = Field(default=0.2, ge=0, lt=1)


class CodeDecoder(CodeGenerator[CodeDecoderSettings]):
    """Generates the codes of the next item after the codes of a history.

    Args:
        codes: int32[N + 1, L], rows 1..N all distinct.
        settings: Shape of the network.
    """

    KIND = "code-decoder"
    SETTINGS = CodeDecoderSettings

    def __init__(self, codes: np.ndarray, settings: CodeDecoderSettings | None = None) -> None:
        super().__init__(codes, settings)
        settings = self.settings
        self.blocks = nn.ModuleList(
            CachedBlock(settings.width, settings.heads, dropout=settings.dropout, inner=settings.inner) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        init_normal(self)

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy of the codes of every target, after its true codes above, a level. A target is the item that comes next."""
        rows, steps = batch.items.shape
        items = F.pad(batch.items, (0, 1))
        each = torch.arange(rows, device=items.device)
        items[each, batch.lengths] = batch.targets[each, batch.lengths - 1]
        x = self.tokens(items)[:, :-1]
        mask = causal(x.shape[1], x.device)
        for block in self.blocks:
            x = block(x, mask)
        states = self.norm(x)[:, self.levels - 1 :].view(rows, steps, self.levels, -1)  # what each code of each target is guessed from
        has = batch.targets > 0
        states, codes = states[has], self.codes[batch.targets[has]].long()
        terms = [F.cross_entropy(self.outputs[level](states[:, level]).float(), codes[:, level]) for level in range(self.levels)]
        loss = torch.stack(terms).mean()
        return Losses(loss, {"codes": loss.detach()})

    def read(self, histories: Histories) -> Reading:
        """Keys and values of the histories."""
        return Reading(self, histories)


class Reading:
    """Histories that a model has read, ready to be continued.

    Args:
        model: In evaluation mode.
        histories: B rows.
    """

    def __init__(self, model: CodeDecoder, histories: Histories) -> None:
        self.model = model
        batch = collate(histories.last(model.max_len - 1), begins=histories.lengths < model.max_len, targets=False)
        x = model.tokens(batch.items)
        mask = causal(x.shape[1], x.device)
        self.remembered: list[Remembered] = []
        for block in model.blocks:
            x, known = block.known(x, mask)  # type: ignore[operator]
            self.remembered.append(known)
        self.place = batch.lengths  # of the item to come
        last = batch.lengths * model.levels - 1
        self.newest = model.norm(x[torch.arange(len(x)), last])[:, None]  # [B, 1, W]
        self.seen = (torch.arange(x.shape[1]) <= last[:, None])[:, None, None]

    def log_probs(self, rows: Tensor | slice) -> LevelLogProbs:
        """For some of the rows: int64[b, G, l] -> float32[b, G, K_l], log-probabilities of the next code."""
        newest = self.newest[rows]

        def next_code(chosen: Tensor) -> Tensor:
            level = chosen.shape[2]
            return self.model.log_probs(self.continued(chosen, rows)[:, :, -1] if level else newest.expand(-1, chosen.shape[1], -1), level)

        return next_code

    def continued(self, chosen: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """[b, G, l, W], states of some rows after each of l >= 1 codes int64[b, G, l]."""
        model = self.model
        x = model.embedding.first(chosen) + model.depths.weight[: chosen.shape[2]] + model.places(self.place[rows])[:, None, None]
        x = model.told_norm(x)
        for block, (keys, values) in zip(model.blocks, self.remembered, strict=True):
            x = block.onward(x, (keys[rows], values[rows]), self.seen[rows])  # type: ignore[operator]
        return model.norm(x)

    def chances(self, codes: Tensor) -> Tensor:
        """float32[B, C], log-probabilities of whole tuples int64[C, L]."""
        wanted = codes.expand(len(self.place), -1, -1)
        found = self.model.log_probs(self.newest, 0).expand(-1, len(codes), -1).gather(2, wanted[..., :1])[..., 0]
        if self.model.levels > 1:
            states = self.continued(wanted[..., :-1])
            for level in range(1, self.model.levels):
                found = found + self.model.log_probs(states[:, :, level - 1], level).gather(2, wanted[..., level, None])[..., 0]
        return found


def causal(steps: int, device: torch.device) -> Tensor:
    """bool[S, S], a step sees itself and those before it."""
    return torch.ones(steps, steps, dtype=torch.bool, device=device).tril_()
