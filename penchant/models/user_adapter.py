"""A small change to all users' vectors that is learnt from events as they come, while the network and the items stay as released.

    u' = u + |u| c(B A z + b),   z = u / |u|,   c(d) = d min(1, reach / |d|)
    loss = softmax over items of u' . v, one step of AdamW a batch of events, with vectors of before each event

A and B are a low-rank change (Hu et al., "LoRA", ICLR 2022) with B = 0 at first; b is what everybody is drawn to at the moment.
Before it learns from a batch, the adapter is judged by it: it serves only while, over the newest events, their items stand higher in
its lists than in those of the released vectors, by 1 / log2(1 + place) of each. Likelihood would not do: what everybody turns to can make
events likelier and lists worse.

Letters: B users of a batch, N items, V width, R rank, M sampled items.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.core.sealed import sealed, unsealed
from penchant.core.settings import Settings

_MARK = b"PCA2"
_LEAST = 1e-12  # a shorter vector has no direction


class AdapterSettings(Settings):
    """Size and pace."""

    rank: int = Field(default=8, ge=1)
    rate: float = Field(default=1e-3, gt=0, description="learning rate of AdamW")
    decay: float = Field(default=0.0, ge=0, description="weight decay of AdamW: how soon what is not seen any more is forgotten")
    reach: float = Field(default=1.0, ge=0, description="length of the change, in lengths of the vector, at most")
    sampled: int = Field(default=4_096, ge=1, description="M: items of the softmax, drawn evenly, where there are more")
    newest: int = Field(default=1_000, ge=1, description="events over which the adapter is judged")


class UserAdapter(nn.Module):
    """Learns from events, and changes vectors while that helps.

    Args:
        items: float32[N, V]; inner products with users' vectors are logits.
        settings: Size and pace.
        seed: Of A, and of the items that are sampled.
    """

    items: Tensor

    def __init__(self, items: np.ndarray, settings: AdapterSettings | None = None, *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings = settings or AdapterSettings()
        self.drawn = torch.Generator().manual_seed(seed)
        self.register_buffer("items", torch.from_numpy(np.ascontiguousarray(items, np.float32)), persistent=False)
        width = items.shape[1]
        self.down = nn.Parameter(torch.randn(settings.rank, width, generator=self.drawn))
        self.up = nn.Parameter(torch.zeros(width, settings.rank))
        self.bias = nn.Parameter(torch.zeros(width))
        self.gain, self.events = 0.0, 0
        self._optimiser = torch.optim.AdamW(self.parameters(), lr=settings.rate, weight_decay=settings.decay)

    @property
    def serves(self) -> bool:
        """Whether it helped over the newest events."""
        return self.gain > 0

    def forward(self, users: Tensor) -> Tensor:
        """float32[B, V] -> float32[B, V], changed whether that helps or not."""
        length = users.norm(dim=-1, keepdim=True)
        change = F.linear(F.linear(users / length.clamp(min=_LEAST), self.down), self.up) + self.bias
        far = change.norm(dim=-1, keepdim=True)
        return users + length * change * (self.settings.reach / far.clamp(min=_LEAST)).clamp(max=1.0)

    @torch.no_grad()
    def adapted(self, users: np.ndarray) -> np.ndarray:
        """float32[B, V]: changed if the adapter serves, else as they were."""
        return self(torch.from_numpy(np.ascontiguousarray(users, np.float32))).numpy() if self.serves else users

    def learn(self, users: np.ndarray, targets: np.ndarray) -> float:
        """Be judged by events, then learn from them; the mean gain in 1 / log2(1 + place) before learning.

        Args:
            users: float32[B, V], vectors of before each event.
            targets: int[B], item codes 1..N.

        Raises:
            InputError: The numbers of users and targets differ, there is none, or a code is outside 1..N.
        """
        size = len(self.items)
        require(len(users) == len(targets) > 0, f"{len(users)} users, {len(targets)} targets", "one vector an event", "pass as many")
        low, high = int(np.min(targets)), int(np.max(targets))
        require(low >= 1 and high <= size, f"targets {low}..{high}", f"codes are 1..{size}", "leave out items that are not known")
        before, wanted = torch.from_numpy(np.ascontiguousarray(users, np.float32)), torch.from_numpy(targets.astype(np.int64) - 1)
        among = None if size <= self.settings.sampled else torch.randint(size, (self.settings.sampled,), generator=self.drawn)
        losses, discounts = self._judge(self(before), wanted, among)
        with torch.no_grad():
            gain = float((discounts - self._judge(before, wanted, among)[1]).mean())
        self._judged(gain, len(targets))
        self._optimiser.zero_grad()
        losses.mean().backward()
        self._optimiser.step()
        return gain

    def to_bytes(self) -> bytes:
        """What it has learnt, and how it was judged; not the moments of the optimiser."""
        judged = np.array([self.gain, self.events], "<f8").tobytes()
        return sealed(_MARK, judged + b"".join(part.detach().numpy().astype("<f4").tobytes() for part in self.parameters()))

    @classmethod
    def from_bytes(cls, stored: bytes, items: np.ndarray, settings: AdapterSettings | None = None) -> Self:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged, or of another size.
        """
        found = cls(items, settings)
        size = 16 + 4 * sum(part.numel() for part in found.parameters())
        body = unsealed(_MARK, stored, what="an adapter of users", remedy="delete it: it is learnt anew", least=size)
        found.gain, events = np.frombuffer(body, "<f8", 2).tolist()
        found.events, at = int(events), 16
        for part in found.parameters():
            part.data = torch.from_numpy(np.frombuffer(body, "<f4", part.numel(), at).reshape(part.shape).astype(np.float32))
            at += 4 * part.numel()
        return found

    def _judge(self, users: Tensor, targets: Tensor, among: Tensor | None) -> tuple[Tensor, Tensor]:
        """Of each target float32[B]: minus its log-likelihood, and 1 / log2(1 + its place). Estimated where items are sampled."""
        own = (users * self.items[targets]).sum(dim=-1, keepdim=True)
        others = users @ (self.items if among is None else self.items[among]).T
        itself = targets[:, None] == (torch.arange(len(self.items)) if among is None else among)
        others = others.masked_fill(itself, -torch.inf)
        for_one = 1.0 if among is None else len(self.items) / len(among)  # items that each stands for
        losses = torch.cat([own, others + float(np.log(for_one))], dim=-1).logsumexp(dim=-1) - own[:, 0]
        places = 1 + for_one * (others.detach() > own.detach()).sum(dim=-1)
        return losses, 1 / torch.log2(1 + places)

    def _judged(self, gain: float, events: int) -> None:
        self.events += events
        share = min(1.0, events / min(self.events, self.settings.newest))
        self.gain += share * (gain - self.gain)
