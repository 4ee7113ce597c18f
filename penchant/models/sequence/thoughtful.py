"""Thoughts: a vector of why somebody likes what they like, read from the history and held to a written rationale.

Source   PULSE (Sony Research India, ECIR 2026, arXiv:2510.08626)
Flow     history encoder f: title vectors and item vectors of the events -> weighted mean up to each step -> MLP -> unit thought
         rationale encoder g: the text vector of a rationale -> MLP -> unit vector; training only
         SASRec's state + a projection of f -> inner product or cosine with the item table
Loss     next item + weight x InfoNCE of f at the newest step against g of the window's rationale and of other users' rationales
Departs  f alone serves, so an unknown user's history is enough; one training for both losses; forms and widths are ours

Letters: B rows, T steps, N items, D width of text vectors, V width of thoughts, W width, M rationales.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.artifacts import Artifact
from penchant.core.errors import require
from penchant.data.batches import Batch
from penchant.data.described import DescribedBatch
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.nn.pooling import CausalPool
from penchant.nn.transformer import init_normal, last_valid
from penchant.objectives.contrast import info_nce, repeats


class Thought(StrEnum):
    """What is added to the states.

    READ: what the history encoder makes of the events. TITLES: the mean title vector of the events so far and no more, a control.
    """

    READ = "read"
    TITLES = "titles"


class ThoughtSettings(SASRecSettings):
    """Shape of the network."""

    thought: Thought = Field(default=Thought.READ, description="what is added to the states")
    space: int = Field(default=64, ge=1, description="V, width of thoughts")


class ThoughtfulSASRec(SASRec):
    """SASRec with a thought beside its states.

    Args:
        titles: float32[N + 1, D], text vectors of items; row 0 is ignored.
        settings: Shape of the network.
    """

    KIND = "thoughtful-sasrec"
    titles: Tensor

    def __init__(self, titles: np.ndarray, settings: ThoughtSettings | None = None) -> None:
        self.shape = shape = settings or ThoughtSettings()
        super().__init__(len(titles) - 1, shape)
        given = torch.from_numpy(np.ascontiguousarray(titles, np.float32))
        self.register_buffer("titles", torch.cat([torch.zeros_like(given[:1]), given[1:]]))
        self.told = nn.Linear(titles.shape[1], shape.width, bias=False)
        if shape.thought is Thought.READ:
            self.pool = CausalPool(shape.width)
            self.read = nn.Sequential(nn.Linear(2 * shape.width, 2 * shape.space), nn.GELU(), nn.Linear(2 * shape.space, shape.space))
            self.added = nn.Linear(shape.space, shape.width, bias=False)
        init_normal(self)
        nn.init.xavier_uniform_(self.told.weight)  # unit vectors of many dimensions come out too small otherwise
        if shape.thought is Thought.READ:
            for part in (self.read[0], self.read[2]):
                nn.init.xavier_uniform_(part.weight)  # type: ignore[arg-type]

    def thoughts(self, items: Tensor) -> Tensor:
        """Unit thoughts [B, T, V] after each step of histories int64[B, T], from the steps up to it."""
        x = self.dropout(self.told(self.titles[items]) + self.items(items))
        pooled = self.pool(x)
        return F.normalize(self.read(torch.cat([pooled, x], dim=-1)), dim=-1)

    def mean_titles(self, items: Tensor) -> Tensor:
        """[B, T, D], the mean title vector of the events up to each step, at unit length; zero before the first event."""
        summed = self.titles[items].cumsum(dim=1)
        return F.normalize(summed.float(), dim=-1)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        return self.with_thoughts(batch)[0]

    def with_thoughts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """States [B, T, W], and the thoughts [B, T, V] in them; None where means of titles take their place."""
        states = super().encode(batch)
        if self.shape.thought is Thought.TITLES:
            return states + self.told(self.mean_titles(batch.items).to(states.dtype)), None
        found = self.thoughts(batch.items)
        return states + self.added(found) * self.shape.space**0.5, found

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """The network without its weights. Title vectors are among the weights."""
        settings = {name: value for name, value in saved.manifest.settings.items() if name != "num_items"}
        return cls(saved.tensors("weights")["titles"].numpy(), ThoughtSettings.of(settings))


class ThoughtSpace(nn.Module):
    """Trains a network together with what its thoughts are held to. It ranks alone afterwards.

    Args:
        network: What is trained.
        rationales: float32[M, D], the vectors of all rationales, from which more negatives are drawn.
        owners: int64[M], whose windows they stand for; those of a user are no negatives of one another.
        kinds: int64[M], equal where the texts are; nor are equal texts.
        weight: Of the contrast; 0 does without.
        temperature: Of the contrast, which scores by cosines.
        drawn: Negatives a batch beside its own rationales, at most.

    Raises:
        InputError: There is not one owner and kind a rationale, or the network has no thoughts to hold to them.
    """

    rationales: Tensor
    owners: Tensor
    kinds: Tensor

    def __init__(
        self,
        network: ThoughtfulSASRec,
        rationales: np.ndarray,
        owners: np.ndarray,
        kinds: np.ndarray,
        *,
        weight: float = 0.1,
        temperature: float = 0.1,
        drawn: int = 256,
    ) -> None:
        super().__init__()
        right = len(rationales) == len(owners) == len(kinds)
        sizes = f"{len(rationales)} rationales, {len(owners)} owners, {len(kinds)} kinds"
        require(right, sizes, "each rationale has an owner and a kind", "pass one of each")
        reads = network.shape.thought is Thought.READ
        require(reads or weight == 0, f"weight={weight:g}", "means of titles are held to nothing", "pass weight=0, or a network that reads")
        self.network, self.weight, self.temperature, self.drawn = network, weight, temperature, drawn
        dim, space = rationales.shape[1], network.shape.space
        self.judge = nn.Sequential(nn.Linear(dim, 2 * space), nn.GELU(), nn.Linear(2 * space, space))
        self.register_buffer("rationales", torch.from_numpy(rationales.astype(np.float32)), persistent=False)
        self.register_buffer("owners", torch.from_numpy(owners.astype(np.int64)), persistent=False)
        self.register_buffer("kinds", torch.from_numpy(kinds.astype(np.int64)), persistent=False)

    def loss(self, batch: DescribedBatch) -> Losses:
        """Both terms."""
        windows = batch.batch
        has = windows.targets > 0
        states, thoughts = self.network.with_thoughts(windows)
        ranking = self.network.head.loss(states[has], windows.targets[has])
        if self.weight == 0 or thoughts is None:
            return Losses(ranking, {"next_item": ranking.detach()})
        contrast = self.contrast(last_valid(thoughts, windows.lengths), batch)
        return Losses(ranking + self.weight * contrast, {"next_item": ranking.detach(), "contrast": contrast.detach()})

    def contrast(self, thoughts: Tensor, batch: DescribedBatch) -> Tensor:
        """InfoNCE of thoughts [B, V] against their own rationales, with others of the batch and drawn ones as negatives."""
        more = torch.randint(0, len(self.rationales), (self.drawn,), device=thoughts.device)
        vectors = torch.cat([batch.vectors, self.rationales[more]])
        owners, kinds = torch.cat([batch.batch.users, self.owners[more]]), torch.cat([batch.kinds, self.kinds[more]])
        masked = repeats(batch.batch.users, owners) | repeats(batch.kinds, kinds)
        return info_nce(thoughts, self.judge(vectors), temperature=self.temperature, masked=masked)
