"""TIGER (Rajput et al., NeurIPS 2023, arXiv:2305.05065): an encoder reads the codes of a history, a decoder writes the next item's.

Flow     codes of the last items, one token a code -> encoder -> memory; start, c_1 .. c_(L-1) -> decoder over the memory -> codes
Departs  the encoder sees, at an item, that item and those before it; so one pass trains every event of a history as a
         target, where the paper encodes each prefix anew (some ten times the work here), and the decoder begins with the
         encoder's state of the newest item. Learned positions; GELU; norms of what comes in; no user token
Letters  B rows, T items, L levels, S = T L tokens, W width, N items, w beam, K_l codes of level l
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.generative.beam import LevelLogProbs
from penchant.models.generative.decoding import Plain, Search
from penchant.models.generative.free_beam import Free
from penchant.models.generative.generator import CodeGenerator, GeneratorSettings
from penchant.nn.encoder_decoder import DecoderBlock, EncoderBlock
from penchant.nn.transformer import init_normal
from penchant.objectives.prefix import prefix_loss

#: Keys and values of the memory, a layer of the decoder each.
Remembered = list[tuple[Tensor, Tensor]]


class TigerSettings(GeneratorSettings):
    """Shape of the network; the defaults are the paper's but for heads of 32. The decoder has as many layers as the encoder."""

    constrained: bool = Field(default=True, description="whether beams keep to prefixes of items; else others are dropped after decoding")
    prefix_weight: float = Field(default=0.0, ge=0, description="weight of the loss of prefixes (APAO)")
    prefix_negatives: int = Field(default=0, ge=0, description="items that prefixes are set against; each costs a pass of the decoder")
    prefix_focus: float = Field(default=0.0, ge=0, description="how much more the worst prefix counts")


class Tiger(CodeGenerator[TigerSettings]):
    """Generates the codes of the next item from the codes of a history.

    Args:
        codes: int32[N + 1, L], rows 1..N all distinct.
        settings: Shape of the network.
    """

    KIND = "tiger"
    SETTINGS = TigerSettings

    def __init__(self, codes: np.ndarray, settings: TigerSettings | None = None) -> None:
        super().__init__(codes, settings)
        settings, width = self.settings, self.settings.width
        #: Distinct prefixes of each length.
        self.rivals = torch.from_numpy(np.diff(self.trie.trie.level_starts)[1:].astype(np.float32))
        self.begin = nn.Linear(width, width)  # of the newest item's state: what the decoder reads first
        shape = {"dropout": settings.dropout, "inner": settings.inner}
        self.encoder = nn.ModuleList(EncoderBlock(width, settings.heads, **shape) for _ in range(settings.layers))
        self.decoder = nn.ModuleList(DecoderBlock(width, settings.heads, **shape) for _ in range(settings.layers))
        self.chosen_norm = nn.LayerNorm(width)  # tables begin small
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        init_normal(self)

    @property
    def search(self) -> Search:
        """Beam search, along the trie or free."""
        return Plain(self.settings.beam) if self.settings.constrained else Free(self.codes, self.settings.beam)

    def read(self, histories: Histories) -> TigerReading:
        """Encode the histories."""
        return TigerReading(self, histories)

    def encode(self, items: Tensor) -> Tensor:
        """[B, T L, W], the memory of items int64[B, T]; tokens of an item see each other and all items before it."""
        x, mask = self.tokens(items), self.visible(items.shape[1], self.levels)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)

    def visible(self, steps: int, queries: int) -> Tensor:
        """bool[T * queries, T * L]: queries of an item see the tokens of that item and of those before it."""
        asked = torch.arange(steps, device=self.codes.device).repeat_interleave(queries)
        told = torch.arange(steps, device=self.codes.device).repeat_interleave(self.levels)
        return told <= asked[:, None]

    def remember(self, memory: Tensor) -> Remembered:
        """Keys and values of the memory for every layer of the decoder."""
        return [block.remember(memory) for block in self.decoder]  # type: ignore[operator]

    def decode(self, newest: Tensor, chosen: Tensor, remembered: Remembered, mask: Tensor) -> Tensor:
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

    def _chances(self, items: Tensor, memory: Tensor, remembered: Remembered) -> Tensor:
        """float32[B, T, M, L], log-probabilities of the codes of items int64[B, T, M], each after its own codes above, at every step."""
        rows, steps, many = items.shape
        codes = self.codes[items].long().flatten(1, 2)
        newest = memory[:, self.levels - 1 :: self.levels].repeat_interleave(many, dim=1)
        states = self.decode(newest, codes[..., :-1], remembered, self.visible(steps, many * self.levels))
        found = [self.log_probs(states[:, :, level], level).gather(-1, codes[..., level, None]) for level in range(self.levels)]
        return torch.cat(found, dim=-1).view(rows, steps, many, self.levels)


class TigerReading:
    """Histories that were encoded.

    Args:
        model: In evaluation mode.
        histories: B rows.
    """

    def __init__(self, model: Tiger, histories: Histories) -> None:
        self.model = model
        batch = collate(histories.last(model.max_len - 1), begins=histories.lengths < model.max_len, targets=False)
        seen = torch.arange(batch.items.shape[1]) < batch.lengths[:, None]
        memory = model.encode(batch.items)
        self.newest = memory[torch.arange(len(memory)), batch.lengths * model.levels - 1][:, None]  # [B, 1, W]
        self.remembered = model.remember(memory)
        self.seen = seen.repeat_interleave(model.levels, dim=1)[:, None]  # bool[B, 1, T L], what is no padding

    def log_probs(self, rows: Tensor | slice) -> LevelLogProbs:
        """See ``penchant.models.generative.generator.Reading``."""
        state, seen = self.newest[rows], self.seen[rows]
        known = [(keys[rows], values[rows]) for keys, values in self.remembered]

        def of_level(chosen: Tensor) -> Tensor:
            mask = seen.expand(-1, chosen.shape[1] * (chosen.shape[2] + 1), -1)
            return self.model.log_probs(self.model.decode(state, chosen, known, mask[:, None])[:, :, -1], chosen.shape[2])

        return of_level

    def chances(self, codes: Tensor) -> Tensor:
        """See ``penchant.models.generative.generator.Reading``."""
        model, wanted = self.model, codes.expand(len(self.newest), -1, -1)
        mask = self.seen.expand(-1, len(codes) * model.levels, -1)
        states = model.decode(self.newest, wanted[..., :-1], self.remembered, mask[:, None])
        found = [model.log_probs(states[:, :, level], level).gather(-1, wanted[..., level, None]) for level in range(model.levels)]
        return torch.cat(found, dim=-1).sum(dim=-1)
