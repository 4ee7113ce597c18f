"""IDNP (WSDM 2023, arXiv:2208.04600): interest as a function of time, inferred by a neural process over short sequences.

Flow     items -> multi-scale views -> h at each step; sessions -> means of h, with their times
         deterministic path: the step looks at the sessions before its own; latent path: z ~ N from the mean of sessions
         state = MLP[h, looked-at sessions, z] -> inner product with the item vectors
Loss     cross-entropy under z drawn from all of a row, plus beta * KL(q(z | all) || q(z | sessions so far)), beta rising from 0
Departs  every prefix of sessions is a context, and what follows it the target, where the paper divides at random: so no
         context lies in the future and all steps train at once; one z a row; no user embedding, as users may be unknown;
         scales and widths are ours, the paper's could not be read
Letters  B rows, T steps, C sessions, W width, Z width of z, N items
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.clock import Times, gaps
from penchant.data.sessions import session_ids
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.neural_process import MultiScale, TimedAttention, normal_kl
from penchant.nn.times import log_buckets
from penchant.nn.transformer import init_normal
from penchant.objectives.softmax import Objective


class IDNPSettings(Settings):
    """Shape of the network, and how it is trained."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1, description="of multi-scale views")
    scales: tuple[int, ...] = Field(default=(1, 2, 4, 8), min_length=1, description="steps that each view sees")
    heads: int = Field(default=2, ge=1)
    latent: int = Field(default=32, ge=0, description="width of the latent variable; 0 does without")
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    session_gap: int = Field(default=86_400, ge=1, description="seconds without an event that end a session")
    session_len: int = Field(default=8, ge=1, description="steps of a session, at most")
    beta: float = Field(default=1.0, ge=0, description="final weight of the KL term")
    beta_steps: int = Field(default=1000, ge=1, description="batches over which that weight rises from 0")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")
    times: Times = Field(default=Times.USED, description="what training sees of the times")
    test_times: Times = Field(default=Times.USED, description="what inference sees of the times")


class IDNP(SequenceRetriever[IDNPSettings]):
    """A neural process over the sessions of a history.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "idnp"
    SETTINGS = IDNPSettings
    batches: Tensor

    def __init__(self, num_items: int, settings: IDNPSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or IDNPSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        width, latent = settings.width, settings.latent
        self.items = nn.Embedding(num_items + 1, width)  # row 0: the start token
        self.head = ItemHead(self.items, temperature=settings.temperature, objective=objective)
        self.input_norm = nn.LayerNorm(width)
        self.dropout = Dropout(settings.dropout)
        self.views = nn.ModuleList(MultiScale(width, settings.scales, settings.dropout) for _ in range(settings.layers))
        self.nothing = nn.Parameter(torch.empty(width).normal_(std=0.02))  # the context of who has no session yet
        self.attention = TimedAttention(width, settings.heads)
        if latent:
            self.point = nn.Sequential(nn.Linear(width + 1, width), nn.GELU())
            self.posterior = nn.Linear(width, 2 * latent)
        self.decoder = nn.Sequential(nn.Linear(2 * width + latent, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        init_normal(self)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        return self.infer(batch)[0]

    def loss(self, batch: Batch) -> Losses:
        """Cross-entropy over all steps that have a target, plus the weighted KL, a row's once, over the same steps."""
        states, divergence = self.infer(batch)
        has = batch.targets > 0
        items = self.head.loss(states[has], batch.targets[has])
        apart = divergence.sum() / has.sum()
        if self.training:
            self.batches += 1
        beta = self.settings.beta * (self.batches.float() / self.settings.beta_steps).clamp(max=1.0)
        return Losses(items + beta * apart, {"next_item": items.detach(), "divergence": apart.detach()})

    def infer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """States [B, T, W], and the KL [B] of all sessions against those so far, a mean over steps.

        In training z is drawn given all of a row, otherwise it is the mean given the sessions before a step's own.
        """
        settings = self.settings
        times = (settings.times if self.training else settings.test_times).of(batch).times
        valid = torch.arange(times.shape[1], device=times.device) < batch.lengths[:, None]
        h = self.dropout(self.input_norm(self.items(batch.items)))
        for view in self.views:
            h = view(h)
        own = session_ids(times, gap=settings.session_gap, longest=settings.session_len)
        count = int(own.max()) + 1
        member = (own[..., None] == torch.arange(count, device=own.device)) & valid[..., None]  # [B, T, C]
        sizes = member.sum(dim=1)
        means = member.transpose(1, 2).to(h.dtype) @ h / sizes.clamp(min=1)[..., None]
        sessions = torch.cat([self.nothing.to(h.dtype).expand(len(h), 1, -1), means], dim=1)  # [B, 1 + C, W]
        ends = (member * times[..., None]).amax(dim=1)  # [B, C]
        since = torch.where((ends > 0)[:, None] & (times > 0)[..., None], times[..., None] - ends[:, None], 0)
        buckets = nn.functional.pad(log_buckets(since), (1, 0))
        before = torch.arange(count + 1, device=own.device) <= own[..., None]  # session c stands at c + 1; "nothing" is always there
        parts = [h, self.attention(h, sessions, buckets, before)]
        divergence = h.new_zeros(len(h), dtype=torch.float32)
        if settings.latent:
            z, divergence = self.latent(sessions, ends, sizes, own, valid)
            parts.append(z.to(h.dtype))
        return self.norm(h + self.dropout(self.decoder(torch.cat(parts, dim=-1)))), divergence

    def latent(self, sessions: Tensor, ends: Tensor, sizes: Tensor, own: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Z [B, T, Z] and the KL [B]; see ``infer``."""
        present = nn.functional.pad((sizes > 0).float(), (1, 0), value=1.0)  # [B, 1 + C]
        pause = nn.functional.pad(log_buckets(gaps(ends)) / 64.0, (1, 0))  # since the session before, about 0..1
        points = self.point(torch.cat([sessions, pause[..., None].to(sessions.dtype)], dim=-1)).float() * present[..., None]
        so_far = points.cumsum(dim=1) / present.cumsum(dim=1)[..., None]  # at c: the sessions before the c-th
        every = points.sum(dim=1) / present.sum(dim=1, keepdim=True)
        means, log_stds = self.normal(so_far)
        place = own[..., None].expand(-1, -1, means.shape[-1])
        means, log_stds = means.gather(1, place), log_stds.gather(1, place)  # [B, T, Z], of each step's context
        if not self.training:
            return means, means.new_zeros(len(means))
        mean, log_std = self.normal(every)
        z = mean + torch.exp(log_std) * torch.randn_like(mean)
        apart = normal_kl(mean[:, None], log_std[:, None], means, log_stds).sum(dim=-1) * valid
        return z[:, None].expand_as(means), apart.sum(dim=1) / valid.sum(dim=1)

    def normal(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log of the standard deviation, in 0.1..1 as is usual for neural processes."""
        mean, raw = self.posterior(pooled).float().chunk(2, dim=-1)
        return mean, torch.log(0.1 + 0.9 * torch.sigmoid(raw))
