"""Several vectors a user and several an item, and a learned weight for every pair of them.

Source   EmbSum (Meta and UBC, RecSys 2024, arXiv:2405.11441)
Flow     item: a token a text (title, all of it) -> poly-attention -> n vectors; the tokens together are an event
         user: events -> sessions -> encoder within a session -> state of each session's newest event
         a decoder looks at these states -> summary state (see ``penchant.models.retrieval.summaries``)
         session states and summary state -> poly-attention -> m vectors
         K = cosines of m x n pairs / temperature; score = sum of softmax(A K + b) K
Loss     softmax over drawn items, corrected by -log Q
Departs  tokens are frozen vectors of whole texts, not words; an event sees its session up to itself and the sessions before, so
         that all steps train at once; the forms of weights and poly-attention are ours, the paper's are not public

Items have no IDs, so a new one is on a par with the others.

Letters: B rows, T steps, W width, N items, P texts an item, D_p width of their vectors, m and n vectors, E targets, M drawn items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.artifacts import Artifact
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.sessions import session_ids
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.encoder_decoder import DecoderBlock, EncoderBlock
from penchant.nn.kept import Kept
from penchant.nn.poly import PolyAttention
from penchant.nn.transformer import init_normal
from penchant.ranking import blocks_of


class EmbSumSettings(Settings):
    """Shape and loss."""

    width: int = Field(default=64, ge=1)
    heads: int = Field(default=2, ge=1)
    layers: int = Field(default=1, ge=1, description="of the encoder, and of the decoder")
    user_vectors: int = Field(default=4, ge=1, description="m")
    item_vectors: int = Field(default=2, ge=1, description="n")
    session_gap: int = Field(default=86_400, ge=1, description="seconds without an event that end a session")
    session_len: int = Field(default=3, ge=1, description="steps of a session, at most; 1 leaves each event alone")
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=0.1, gt=0)
    negatives: int = Field(default=256, ge=1, description="M, drawn items a batch")
    power: float = Field(default=0.5, ge=0, description="of popularity, by which they are drawn")


class EmbSum(Kept, SequenceRetriever[EmbSumSettings]):
    """Poly-embeddings of users and items.

    Args:
        counts: float[N + 1], training events an item.
        texts: P arrays float32[N + 1, D_p], not trained; row 0 is ignored, a zero row says that an item has no such text.
        settings: Shape and loss.
    """

    KIND = "embsum"
    share: Tensor
    present: Tensor

    def __init__(self, counts: np.ndarray, texts: Sequence[np.ndarray], settings: EmbSumSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or EmbSumSettings()
        shapes = f"{len(counts)} counts, texts of {[rows.shape for rows in texts]}"
        fits = len(texts) > 0 and all(len(rows) == len(counts) for rows in texts)
        require(fits, shapes, "there is a text at least, with a row an item", "pass [N + 1, ..] each")
        self.num_items, self.max_len, self.kinds = len(counts) - 1, settings.max_len, len(texts)
        seen = (counts[1:].astype(np.float64) + 1.0) ** settings.power  # one event more for each, so that no chance is zero
        self.register_buffer("share", torch.from_numpy((seen / seen.sum()).astype(np.float32)))
        for place, rows in enumerate(texts):
            self.register_buffer(f"texts_{place}", torch.from_numpy(np.ascontiguousarray(rows, np.float32)))
        present = np.stack([np.abs(rows).sum(axis=1) > 0 for rows in texts], axis=1)
        present[~present.any(axis=1), 0] = True  # an item without any text has one all the same
        self.register_buffer("present", torch.from_numpy(present), persistent=False)
        width, heads, drop = settings.width, settings.heads, settings.dropout
        self.projects = nn.ModuleList(nn.Linear(rows.shape[1], width) for rows in texts)
        self.token_norm, self.event = nn.LayerNorm(width), nn.Linear(len(texts) * width, width)
        self.start = nn.Parameter(torch.empty(width).normal_())  # the start token
        self.positions = nn.Embedding(settings.max_len, width)
        self.dropout = Dropout(drop)
        self.encoder = nn.ModuleList(EncoderBlock(width, heads, dropout=drop) for _ in range(settings.layers))
        self.asking = nn.Parameter(torch.empty(width).normal_())  # what the decoder begins with
        self.decoder = nn.ModuleList(DecoderBlock(width, heads, dropout=drop) for _ in range(settings.layers))
        self.state_norm, self.summary_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.of_items, self.of_users = PolyAttention(width, settings.item_vectors), PolyAttention(width, settings.user_vectors)
        pairs = settings.user_vectors * settings.item_vectors
        self.judge = nn.Linear(pairs, pairs)
        init_normal(self)
        nn.init.zeros_(self.judge.weight)  # all pairs count alike at first

    def tokens(self) -> Tensor:
        """[N + 1, P, W], a token a text of every item."""
        rows = [project(getattr(self, f"texts_{place}")) for place, project in enumerate(self.projects)]
        return self.token_norm(torch.stack(rows, dim=1)) * self.present[..., None]

    def catalogue(self) -> tuple[Tensor, Tensor]:
        """Events [N + 1, W], as histories hold them, and unit vectors [N + 1, n, W] of all items."""

        def made() -> tuple[Tensor, Tensor]:
            tokens = self.tokens()
            events = self.event(tokens.flatten(1))
            events = torch.cat([self.start[None].to(events.dtype), events[1:]])
            return events, F.normalize(self.of_items(tokens, self.present[:, None])[:, 0], dim=-1)

        return self.kept(made)

    def read(self, batch: Batch, events: Tensor) -> tuple[Tensor, Tensor]:
        """Unit user vectors [B, T, m, W] and summary states [B, T, W], after each step, from the steps up to it.

        Args:
            batch: B histories.
            events: [N + 1, W], see ``catalogue``.
        """
        own = session_ids(batch.times, gap=self.settings.session_gap, longest=self.settings.session_len)
        steps = torch.arange(own.shape[1], device=own.device)
        x = self.dropout(F.embedding(batch.items, events) + self.positions(steps))
        before = steps <= steps[:, None]
        within = (own[:, None] == own[..., None]) & before
        for block in self.encoder:
            x = block(x, within[:, None])
        states = self.state_norm(x)
        ends = F.pad(own[:, 1:] != own[:, :-1], (0, 1))
        known = (ends[:, None] & before) | (steps == steps[:, None])  # sessions that are over, and the one that goes on
        summary = self.asking.to(x.dtype).expand(*x.shape[:2], 1, -1)
        for block in self.decoder:
            summary = block(summary, block.remember(states), known[:, None])  # type: ignore[operator]
        summary = self.summary_norm(summary[:, :, 0])
        return F.normalize(self.of_users(states, known, summary), dim=-1), summary

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, m W]."""
        return self.read(batch, self.catalogue()[0])[0].flatten(-2)

    def loss(self, batch: Batch) -> Losses:
        """The softmax alone, without summaries."""
        events, vectors = self.catalogue()
        ranking = self.ranking(batch, self.read(batch, events)[0], vectors)
        return Losses(ranking, {"softmax": ranking.detach()})

    def ranking(self, batch: Batch, users: Tensor, vectors: Tensor) -> Tensor:
        """Mean loss over all steps with a target: users [B, T, m, W] against the vectors [N + 1, n, W] of targets and drawn items."""
        has = batch.targets > 0
        targets, users = batch.targets[has], users[has]
        drawn = 1 + torch.multinomial(self.share, self.settings.negatives, replacement=True)
        expected = torch.log(self.share[drawn - 1] * self.settings.negatives)
        positive = self.combined(torch.einsum("emw,enw->emn", users, vectors[targets]))
        negative = self.combined(torch.einsum("emw,inw->eimn", users, vectors[drawn])) - expected
        negative = negative.masked_fill(drawn == targets[:, None], -torch.inf)
        return (torch.cat([positive[:, None], negative], dim=1).logsumexp(dim=1) - positive).mean()

    def combined(self, cosines: Tensor) -> Tensor:
        """float32[...], scores of cosines [..., m, n]."""
        pairs = cosines.float().flatten(-2) / self.settings.temperature
        return (self.judge(pairs).float().softmax(dim=-1) * pairs).sum(dim=-1)

    def score_states(self, states: Tensor) -> Tensor:
        """[B, m W] -> [B, N + 1]."""
        vectors, many = self.catalogue()[1], self.settings.user_vectors
        pairs = (self.num_items + 1) * many * self.settings.item_vectors
        found = [
            self.combined(torch.einsum("bmw,inw->bimn", states[rows].unflatten(-1, (many, -1)), vectors))
            for rows in blocks_of(len(states), pairs)
        ]
        return torch.cat(found) if found else states.new_empty(0, self.num_items + 1)

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights. Text vectors and chances are among the weights."""
        settings, weights = dict(saved.manifest.settings), saved.tensors("weights")
        rows, kinds = settings.pop("num_items") + 1, sum(name.startswith("texts_") for name in weights)
        return cls(np.ones(rows), [weights[f"texts_{place}"].numpy() for place in range(kinds)], EmbSumSettings.of(settings))
