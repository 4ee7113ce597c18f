"""What networks that read and write codes share: tokens, tables, decoding along the trie, exhaustive scores, and files.

Letters: B rows, T items, L levels, W width, N items, C candidates, G groups of l codes, K_l codes of level l.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses, TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import LevelLogProbs, TrieTensors, listed
from penchant.models.generative.beam_filters import allowed_items
from penchant.models.generative.decoding import Plain, Search, Task
from penchant.models.generative.tokens import CodeEmbedding, compact
from penchant.nn.dropout import Dropout
from penchant.ranking import blocks_of, check_request, join

ROWS = 128  # histories read and continued at a time


class GeneratorSettings(Settings):
    """What every such network is told."""

    width: int = Field(default=128, ge=1)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    inner: int = Field(default=1024, ge=1, description="width of feed-forward parts")
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_len: int = Field(default=21, ge=2, description="longest window: items, and the start token")
    beam: int = Field(default=50, ge=1, description="prefixes kept a level; a longer list widens it")


S = TypeVar("S", bound=GeneratorSettings)


class Reading(Protocol):
    """B histories that a network has read, ready to be continued."""

    def log_probs(self, rows: Tensor | slice) -> LevelLogProbs:
        """For some of the rows: int64[b, G, l] -> float32[b, G, K_l], log-probabilities of the next code."""
        ...

    def chances(self, codes: Tensor) -> Tensor:
        """float32[B, C], log-probabilities of whole tuples int64[C, L]."""
        ...


class CodeGenerator(nn.Module, ABC, Generic[S]):
    """A network that generates the codes of the next item from the codes of a history.

    A subclass gives ``KIND``, ``SETTINGS``, ``loss`` and ``read``, and calls ``init_normal`` when it is built.

    Args:
        codes: int32[N + 1, L], rows 1..N all distinct.
        settings: Shape of the network.
    """

    KIND: str
    SETTINGS: type[S]
    settings: S

    def __init__(self, codes: np.ndarray, settings: S | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or self.SETTINGS()
        self.num_items, self.levels, self.max_len = len(codes) - 1, codes.shape[1], settings.max_len
        self.register_buffer("codes", compact(codes))
        self.codes: Tensor
        self.trie = TrieTensors(CodeTrie(codes[1:]))
        width, sizes = settings.width, [int(size) + 1 for size in codes.max(axis=0)]
        self.embedding = CodeEmbedding(sizes, width)
        self.start = nn.Embedding(self.levels, width)  # tokens of item 0, which begins a history
        self.places, self.depths = nn.Embedding(settings.max_len + 1, width), nn.Embedding(self.levels, width)
        self.dropout = Dropout(settings.dropout)
        self.told_norm = nn.LayerNorm(width)  # tables begin small
        self.outputs = nn.ModuleList(nn.Linear(width, size) for size in sizes)

    @abstractmethod
    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy of the codes of every target, after its true codes above, a level."""

    @abstractmethod
    def read(self, histories: Histories) -> Reading:
        """Read histories once, whatever is then asked of them."""

    @property
    def search(self) -> Search:
        """How items are looked for unless something else is asked for."""
        return Plain(self.settings.beam)

    def tokens(self, items: Tensor) -> Tensor:
        """[B, T L, W], what is read for items int64[B, T]."""
        depths = torch.arange(self.levels, device=items.device)
        told = torch.where((items > 0)[..., None, None], self.embedding(self.codes[items].long()), self.start(depths))
        x = told + self.depths(depths) + self.places(torch.arange(items.shape[1], device=items.device))[:, None]
        return self.dropout(self.told_norm(x.flatten(1, 2)))

    def log_probs(self, states: Tensor, level: int) -> Tensor:
        """float32[..., K_l] of states [..., W]."""
        return self.outputs[level](states).float().log_softmax(dim=-1)

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
            gone = None if exclude is None else exclude.take(rows)
            task = Task(self.trie, len(rows), self.read(histories.take(rows)).log_probs, gone, open_items)
            blocks.append(listed(*(search or self.search)(task, k), k))
        return join(blocks, k)

    @torch.no_grad()
    def score(self, histories: Histories, *, chunk: int = 256) -> Tensor:
        """float32[B, N + 1], log-probabilities of all items' codes, exhaustively, a chunk of items at a time; column 0 is ``-inf``."""
        reading = self.read(histories)
        out = torch.full((len(histories), self.num_items + 1), -torch.inf)
        for start in range(1, self.num_items + 1, chunk):
            out[:, start : start + chunk] = reading.chances(self.codes[start : start + chunk].long())
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
        model = cls(weights["codes"].numpy(), cls.SETTINGS.of(saved.manifest.settings))
        model.load_state_dict(weights)
        return model.eval()
