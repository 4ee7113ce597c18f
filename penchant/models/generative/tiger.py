"""TIGER (Rajput et al., NeurIPS 2023, arXiv:2305.05065): an encoder reads the codes of a history, a decoder writes the next item's.

Flow     codes of the last items, one token a code -> encoder -> memory; start, c_1 .. c_(L-1) -> decoder over the memory -> codes
Departs  the encoder sees, at an item, that item and those before it; so one pass trains every event of a history as a
         target, where the paper encodes each prefix anew (some ten times the work here), and the decoder begins with the
         encoder's state of the newest item. Learned positions; GELU; norms of what comes in; no user token
Letters  B rows, T items, L levels, S = T L tokens, W width, N items, w beam, K_l codes of level l
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import LevelLogProbs, TrieTensors, listed
from penchant.models.generative.beam_filters import allowed_items
from penchant.models.generative.decoding import Plain, Search, Task
from penchant.models.generative.free_beam import Free
from penchant.models.generative.tokens import CodeEmbedding, compact
from penchant.nn.dropout import Dropout
from penchant.nn.encoder_decoder import DecoderBlock, EncoderBlock
from penchant.nn.transformer import init_normal
from penchant.objectives.prefix import prefix_loss
from penchant.ranking import blocks_of, check_request, join

ROWS = 128  # histories encoded and decoded at a time


class TigerSettings(Settings):
    """Shape of the network; the defaults are the paper's but for heads of 32."""

    width: int = Field(default=128, ge=1)
    layers: int = Field(default=4, ge=1, description="of the encoder, and as many of the decoder")
    heads: int = Field(default=4, ge=1)
    inner: int = Field(default=1024, ge=1, description="width of feed-forward parts")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_len: int = Field(default=21, ge=2, description="longest window: items, and the start token")
    beam: int = Field(default=50, ge=1, description="prefixes kept a level; a longer list widens it")
    constrained: bool = Field(default=True, description="whether beams keep to prefixes of items; else others are dropped after decoding")
    prefix_weight: float = Field(default=0.0, ge=0, description="weight of the loss of prefixes (APAO)")
    prefix_negatives: int = Field(default=0, ge=0, description="items that prefixes are set against; each costs a pass of the decoder")
    prefix_focus: float = Field(default=0.0, ge=0, description="how much more the worst prefix counts")


class Tiger(nn.Module):
    """Generates the codes of the next item from the codes of a history.

    Args:
        codes: int32[N + 1, L], rows 1..N all distinct.
        settings: Shape of the network.
    """

    KIND = "tiger"

    def __init__(self, codes: np.ndarray, settings: TigerSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TigerSettings()
        self.num_items, self.levels, self.max_len = len(codes) - 1, codes.shape[1], settings.max_len
        self.register_buffer("codes", compact(codes))
        self.codes: Tensor
        trie = CodeTrie(codes[1:])
        self.trie = TrieTensors(trie)
        #: Distinct prefixes of each length.
        self.rivals = torch.from_numpy(np.diff(trie.level_starts)[1:].astype(np.float32))
        width, sizes = settings.width, [int(size) for size in codes.max(axis=0) + 1]
        self.embedding = CodeEmbedding(sizes, width)
        self.start = nn.Embedding(self.levels, width)  # tokens of item 0, which begins a history
        self.begin = nn.Linear(width, width)  # of the newest item's state: what the decoder reads first
        self.places, self.depths = nn.Embedding(settings.max_len, width), nn.Embedding(self.levels, width)
        self.dropout = Dropout(settings.dropout)
        shape = {"dropout": settings.dropout, "inner": settings.inner}
        self.encoder = nn.ModuleList(EncoderBlock(width, settings.heads, **shape) for _ in range(settings.layers))
        self.decoder = nn.ModuleList(DecoderBlock(width, settings.heads, **shape) for _ in range(settings.layers))
        self.told_norm, self.chosen_norm = nn.LayerNorm(width), nn.LayerNorm(width)  # tables begin small
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.outputs = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        init_normal(self)

    def encode(self, items: Tensor) -> Tensor:
        """[B, T L, W], the memory of items int64[B, T]; tokens of an item see each other and all items before it."""
        rows, steps = items.shape
        depths = torch.arange(self.levels, device=items.device)
        tokens = torch.where((items > 0)[..., None, None], self.embedding(self.codes[items].long()), self.start(depths))
        x = tokens + self.depths(depths) + self.places(torch.arange(steps, device=items.device))[:, None]
        x = self.dropout(self.told_norm(x.view(rows, steps * self.levels, -1)))
        mask = self.visible(steps, self.levels)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)

    def visible(self, steps: int, queries: int) -> Tensor:
        """bool[T * queries, T * L]: queries of an item see the tokens of that item and of those before it."""
        asked = torch.arange(steps, device=self.codes.device).repeat_interleave(queries)
        told = torch.arange(steps, device=self.codes.device).repeat_interleave(self.levels)
        return told <= asked[:, None]

    def remember(self, memory: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of the memory for every layer of the decoder."""
        return [block.remember(memory) for block in self.decoder]  # type: ignore[operator]

    def decode(self, newest: Tensor, chosen: Tensor, remembered: list[tuple[Tensor, Tensor]], mask: Tensor) -> Tensor:
        """[B, G, l + 1, W], states after the newest item [B, G or 1, W] and each of l codes int64[B, G, l] of G groups."""
        rows, groups, level = chosen.shape
        begin = self.begin(newest)[:, :, None].expand(rows, groups, 1, -1)
        told = self.embedding.first(chosen)
        x = self.dropout(self.chosen_norm(torch.cat([begin, told], dim=2) + self.depths.weight[: level + 1]))
        for block, known in zip(self.decoder, remembered, strict=True):
            x = block(x, known, mask)
        return self.decoder_norm(x)

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy of the codes of every target, after its true codes above, a level; and the loss of prefixes, if it counts."""
        settings, has = self.settings, batch.targets > 0
        memory = self.encode(batch.items)
        remembered = self.remember(memory)
        chances = self._chances(batch.targets[:, :, None], memory, remembered)[has][:, 0]
        loss = -chances.mean()
        if settings.prefix_weight == 0:
            return Losses(loss, {"codes": loss.detach()})
        drawn = torch.randint(1, self.num_items + 1, (*batch.targets.shape, settings.prefix_negatives), device=batch.items.device)
        others = self._chances(drawn, memory, remembered)[has] if settings.prefix_negatives else None
        same = (self.codes[drawn[has]] == self.codes[batch.targets[has]][:, None]).cumprod(dim=-1).bool()
        prefixes = prefix_loss(chances, others, same, rivals=self.rivals, focus=settings.prefix_focus)
        return Losses(loss + settings.prefix_weight * prefixes, {"codes": loss.detach(), "prefixes": prefixes.detach()})

    def _chances(self, items: Tensor, memory: Tensor, remembered: list[tuple[Tensor, Tensor]]) -> Tensor:
        """float32[B, T, M, L], log-probabilities of the codes of items int64[B, T, M], each after its own codes above, at every step."""
        rows, steps, many = items.shape
        codes = self.codes[items].long().flatten(1, 2)
        newest = memory[:, self.levels - 1 :: self.levels].repeat_interleave(many, dim=1)
        states = self.decode(newest, codes[..., :-1], remembered, self.visible(steps, many * self.levels))
        found = [self._log_probs(states[:, :, level], level).gather(-1, codes[..., level, None]) for level in range(self.levels)]
        return torch.cat(found, dim=-1).view(rows, steps, many, self.levels)

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
        open_items, blocks = allowed_items(allowed, self.num_items), []
        for block in blocks_of(len(histories), 1, most=ROWS):
            rows = np.arange(block.start, block.stop)
            task = self._task(histories.take(rows), None if exclude is None else exclude.take(rows), open_items)
            blocks.append(listed(*(search or self._search)(task, k), k))
        return join(blocks, k)

    @property
    def _search(self) -> Search:
        return Plain(self.settings.beam) if self.settings.constrained else Free(self.codes, self.settings.beam)

    def _task(self, histories: Histories, exclude: Histories | None, allowed: Tensor | None) -> Task:
        newest, remembered, seen = self._memory(histories)

        def log_probs(rows: Tensor | slice) -> LevelLogProbs:
            state, known, padding = newest[rows], [(keys[rows], values[rows]) for keys, values in remembered], seen[rows]

            def of_level(chosen: Tensor) -> Tensor:
                mask = padding.expand(-1, chosen.shape[1] * (chosen.shape[2] + 1), -1)
                return self._log_probs(self.decode(state, chosen, known, mask[:, None])[:, :, -1], chosen.shape[2])

            return of_level

        return Task(self.trie, len(histories), log_probs, exclude, allowed)

    def _memory(self, histories: Histories) -> tuple[Tensor, list[tuple[Tensor, Tensor]], Tensor]:
        """The newest item's states [B, 1, W], keys and values, and bool[B, 1, S], which of them are no padding."""
        batch = collate(histories.last(self.max_len - 1), begins=histories.lengths < self.max_len, targets=False)
        seen = torch.arange(batch.items.shape[1]) < batch.lengths[:, None]
        memory = self.encode(batch.items)
        newest = memory[torch.arange(len(memory)), batch.lengths * self.levels - 1][:, None]
        return newest, self.remember(memory), seen.repeat_interleave(self.levels, dim=1)[:, None]

    def _log_probs(self, states: Tensor, level: int) -> Tensor:
        return self.outputs[level](states).float().log_softmax(dim=-1)

    @torch.no_grad()
    def score(self, histories: Histories, *, chunk: int = 256) -> Tensor:
        """float32[B, N + 1], log-probabilities of all items' codes, exhaustively, a chunk of items at a time; column 0 is ``-inf``."""
        newest, remembered, seen = self._memory(histories)
        out = torch.full((len(histories), self.num_items + 1), -torch.inf)
        for start in range(1, self.num_items + 1, chunk):
            codes = self.codes[start : start + chunk].long().expand(len(histories), -1, -1)
            mask = seen.expand(-1, codes.shape[1] * self.levels, -1)
            states = self.decode(newest, codes[..., :-1], remembered, mask[:, None])
            chances = [
                self._log_probs(states[:, :, level], level).gather(-1, codes[..., level, None])[..., 0] for level in range(self.levels)
            ]
            out[:, start : start + chunk] = torch.stack(chances).sum(dim=0)
        return out

    def save(self, folder: Path) -> None:
        """Write the artifact: settings and weights, codes among them."""
        with write_artifact(folder, kind=self.KIND, settings=self.settings.plain()) as out:
            out.tensors("weights", {name: value.contiguous() for name, value in self.state_dict().items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        weights = saved.tensors("weights")
        model = cls(weights["codes"].numpy(), TigerSettings.of(saved.manifest.settings))
        model.load_state_dict(weights)
        return model.eval()
