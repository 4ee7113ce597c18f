"""A decoder-only network over codes: one causal transformer reads the codes of a history and writes the next item's after them.

Flow     codes of the last items, one token a code -> causal transformer -> at each token the next code; generation goes on from
         the history's keys and values, which all beams share
Sources  the decoder-only side of the comparison with TIGER (arXiv:2305.05065), as in OneRec-V2 (arXiv:2508.20900) and LC-Rec
         (arXiv:2311.09049), without their language models; one pass trains every event of a history
Letters  B rows, T items, L levels, S = T L tokens, W width, N items, C candidates, G groups of l codes, K_l codes of level l
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import LevelLogProbs, TrieTensors, listed
from penchant.models.generative.beam_filters import allowed_items
from penchant.models.generative.decoding import Plain, Search, Task
from penchant.models.generative.tokens import CodeEmbedding, compact
from penchant.nn.cached import CachedBlock, Remembered
from penchant.nn.dropout import Dropout
from penchant.nn.transformer import init_normal
from penchant.ranking import blocks_of, check_request, join

ROWS = 128  # histories read and continued at a time


class CodeDecoderSettings(Settings):
    """Shape of the network; by default of as many weights as TIGER's in its recipe."""

    width: int = Field(default=128, ge=1)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    inner: int = Field(default=656, ge=1, description="width of feed-forward parts")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    max_len: int = Field(default=21, ge=2, description="longest window: items, and the start token")
    beam: int = Field(default=50, ge=1, description="prefixes kept a level; a longer list widens it")


class CodeDecoder(nn.Module):
    """Generates the codes of the next item after the codes of a history.

    Args:
        codes: int32[N + 1, L], rows 1..N all distinct.
        settings: Shape of the network.
    """

    KIND = "code-decoder"

    def __init__(self, codes: np.ndarray, settings: CodeDecoderSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or CodeDecoderSettings()
        self.num_items, self.levels, self.max_len = len(codes) - 1, codes.shape[1], settings.max_len
        self.register_buffer("codes", compact(codes))
        self.codes: Tensor
        self.trie = TrieTensors(CodeTrie(codes[1:]))
        width, sizes = settings.width, [int(size) for size in codes.max(axis=0) + 1]
        self.embedding = CodeEmbedding(sizes, width)
        self.start = nn.Embedding(self.levels, width)  # tokens of item 0, which begins a history
        self.places, self.depths = nn.Embedding(settings.max_len + 1, width), nn.Embedding(self.levels, width)
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            CachedBlock(width, settings.heads, dropout=settings.dropout, inner=settings.inner) for _ in range(settings.layers)
        )
        self.told_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)  # tables begin small
        self.outputs = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        init_normal(self)

    def tokens(self, items: Tensor) -> Tensor:
        """[B, T L, W], what is read for items int64[B, T]."""
        depths = torch.arange(self.levels, device=items.device)
        told = torch.where((items > 0)[..., None, None], self.embedding(self.codes[items].long()), self.start(depths))
        x = told + self.depths(depths) + self.places(torch.arange(items.shape[1], device=items.device))[:, None]
        return self.dropout(self.told_norm(x.flatten(1, 2)))

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

    @torch.no_grad()
    def recommend(
        self,
        histories: Histories,
        k: int,
        *,
        exclude: Histories | None = None,
        allowed: np.ndarray | None = None,
        search: Search | None = None,
    ) -> TopK:
        """The k most probable generated items a row; scores are log-probabilities of their codes.

        Args:
            allowed: bool[N + 1], items that may come back in any row; None: all.
            search: Beam search by default. What it finds is listed best first.

        Raises:
            InputError: See ``Retriever``; or ``allowed`` has another shape.
        """
        check_request(histories, k, self.num_items, exclude)
        search, open_items = search or Plain(self.settings.beam), allowed_items(allowed, self.num_items)
        blocks = []
        for block in blocks_of(len(histories), 1, most=ROWS):
            rows = np.arange(block.start, block.stop)
            reading, gone = Reading(self, histories.take(rows)), None if exclude is None else exclude.take(rows)
            blocks.append(listed(*search(Task(self.trie, len(rows), reading.log_probs, gone, open_items), k), k))
        return join(blocks, k)

    @torch.no_grad()
    def score(self, histories: Histories, *, chunk: int = 256) -> Tensor:
        """float32[B, N + 1], log-probabilities of all items' codes, exhaustively, a chunk of items at a time; column 0 is ``-inf``."""
        reading = Reading(self, histories)
        out = torch.full((len(histories), self.num_items + 1), -torch.inf)
        for start in range(1, self.num_items + 1, chunk):
            out[:, start : start + chunk] = reading.chances(self.codes[start : start + chunk].long())
        return out

    def log_probs(self, states: Tensor, level: int) -> Tensor:
        """float32[..., K_l] of states [..., W]."""
        return self.outputs[level](states).float().log_softmax(dim=-1)

    def save(self, folder: Path) -> None:
        """Write the artifact: settings and weights, codes among them."""
        with write_artifact(folder, kind=self.KIND, settings=self.settings.plain()) as out:
            out.tensors("weights", {name: value.contiguous() for name, value in self.state_dict().items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        weights = saved.tensors("weights")
        model = cls(weights["codes"].numpy(), CodeDecoderSettings.of(saved.manifest.settings))
        model.load_state_dict(weights)
        return model.eval()


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
        """For some of the rows: int64[b, G, l] -> float32[b, G, K_l], log-probabilities of the next code; [b, 1, K_1] after none."""
        newest = self.newest[rows]

        def next_code(chosen: Tensor) -> Tensor:
            level = chosen.shape[2]
            return self.model.log_probs(self.continued(chosen, rows)[:, :, -1] if level else newest, level)

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
