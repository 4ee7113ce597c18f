"""Human priors by multi-head decoding (Meta 2025, arXiv:2511.10492): one head a group of items, over one encoder.

Flow     encoder -> state h -> head of a group f_g(h) = h + SiLU(W_g h), all zero at first -> inner product or cosine with the
         encoder's own item table; a head learns only from targets of its group, up to P events ahead; an item's score is the
         best that the heads of its groups give it
Departs  softmax over the catalogue, at the encoder's temperature, in place of drawn negatives; items without a group have a head
         of their own. Heads that never saw other groups are sure of what is unlikely, and their raw scores, compared as they are
         (``switch_weight`` 0), rank badly: log-probabilities are compared, a head's being that of the item among all, plus
         ``trust`` times that of the group, which a switch predicts (the paper has one, but does not say that scores need it)
Letters  B rows, T steps, P steps ahead, N items, W width, G groups, S segments of the steps ahead, M heads, E positions with a target
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.artifacts import ArtifactWriter, read_artifact, write_artifact
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.models.sequence.hstu import HSTU
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.models.sequence.sasrec import SASRec
from penchant.ranking import blocks_of

#: Encoders that heads can be put over, by what their artifacts say.
ENCODERS: dict[str, type[SequenceRetriever[Any]]] = {one.KIND: one for one in (SASRec, HSTU)}
DECAY = 0.99  # of the weight of an event, a step ahead


class Composition(StrEnum):
    """How heads of segments and heads of groups make the M heads that score.

    PAIRS: a head a segment and group (the paper's multiplicative form). SIDES: heads of segments, which have all items, beside
    those of groups; their losses are averaged. STACKED: the head of a segment upon that of a group.
    """

    PAIRS = "pairs"
    SIDES = "sides"
    STACKED = "stacked"


class PriorSettings(Settings):
    """Of the heads."""

    composition: Composition = Composition.SIDES
    ahead: int = Field(default=1, ge=1, description="P, events ahead that heads learn from; event p weighs 0.99^p")
    segments: int = Field(default=1, ge=1, description="S, parts of these with heads of their own")
    switch_weight: float = Field(default=1.0, ge=0, description="of the loss that predicts the next item's groups; 0 merges raw scores")
    trust: float = Field(default=0.8, ge=0, description="how much that prediction counts in scores; below 1 lists are more varied")


def groups_of(categories: Sequence[Sequence[str]], most: int) -> tuple[list[str], np.ndarray]:
    """The groups that items carry.

    Args:
        categories: Of N items; an item may have several, or none.
        most: Only so many of the commonest categories become groups; those of all items say nothing and never do.

    Returns:
        Names of the groups, the commonest first, and bool[N + 1, G]: which of them an item carries. The last group, without
        a name, is that of all items that carry no other.
    """
    require(most >= 1, f"most={most}", "there is at least one group", "pass most>=1")
    counts = Counter(name for names in categories for name in set(names))
    ranked = sorted((name for name, count in counts.items() if count < len(categories)), key=lambda name: (-counts[name], name))[:most]
    place = {name: group for group, name in enumerate(ranked)}
    carried = np.zeros((len(categories) + 1, len(ranked) + 1), bool)
    pairs = [(item, place[name]) for item, names in enumerate(categories, start=1) for name in names if name in place]
    if pairs:
        carried[tuple(np.array(pairs).T)] = True
    carried[1:, -1] = ~carried[1:].any(axis=1)
    return [*ranked, ""], carried


class HumanPriors(SequenceRetriever[PriorSettings]):
    """Heads of groups of items over an encoder, trained together.

    Args:
        network: The encoder; its item table is shared by all heads.
        carried: bool[N + 1, G], the groups of each item; every item has one at least.
        settings: Of the heads.

    Raises:
        InputError: An item is in no group, or there are more segments than steps ahead.
    """

    KIND = "human-priors"
    SETTINGS = PriorSettings

    def __init__(self, network: SequenceRetriever[Any], carried: np.ndarray, settings: PriorSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or PriorSettings()
        self.network, self.num_items, self.max_len = network, network.num_items, network.max_len
        fits = carried.shape[:1] == (self.num_items + 1,) and bool(carried[1:].any(axis=1).all())
        require(fits, f"groups of shape {carried.shape}", f"each of {self.num_items} items has one", "pass bool[N + 1, G]")
        rule = "a segment has at least one step ahead"
        require(settings.segments <= settings.ahead, f"segments={settings.segments}", rule, f"pass segments<={settings.ahead}")
        self.register_buffer("carried", torch.from_numpy(carried))
        self.carried: Tensor
        groups, segments, width = carried.shape[1], settings.segments, network.head.table.embedding.weight.shape[1]
        pairs = settings.composition is Composition.PAIRS
        self.of_groups = nn.Parameter(torch.zeros(segments * groups if pairs else groups, width, width))
        self.of_segments = None if pairs else nn.Parameter(torch.zeros(segments, width, width))
        self.switch = nn.Linear(width, groups) if settings.switch_weight > 0 else None

    @property
    def allowed(self) -> Tensor:
        """bool[M, N + 1], the items that each head may score."""
        own, segments = self.carried.T, self.settings.segments
        if self.settings.composition is Composition.SIDES:
            return torch.cat([torch.ones_like(own[:1]).expand(segments, -1), own])
        return own.repeat(segments, 1)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W], the encoder's."""
        return self.network.encode(batch)

    def decoded(self, states: Tensor, segment: int | None = None) -> Tensor:
        """[..., M, W], what the heads make of states [..., W]; of one segment only, if told: M / S or, of ``SIDES``, 1 + G of them."""
        chosen = slice(None) if segment is None else slice(segment, segment + 1)
        groups, segments = self.carried.shape[1], self.settings.segments
        if self.of_segments is None:
            return headed(states, self.of_groups.view(segments, groups, *self.of_groups.shape[1:])[chosen].flatten(0, 1))
        if self.settings.composition is Composition.SIDES:
            return headed(states, torch.cat([self.of_segments[chosen], self.of_groups]))
        return headed(headed(states, self.of_groups), self.of_segments[chosen]).transpose(-3, -2).flatten(-3, -2)

    def loss(self, batch: Batch) -> Losses:
        """The heads' losses at targets of their groups, averaged over the events ahead; and the switch's."""
        settings, states = self.settings, self.encode(batch)
        steps, found = states.shape[1], []
        for far in range(min(settings.ahead, steps)):
            goal = batch.targets[:, far:]
            has = goal > 0
            if bool(has.any()):
                found.append((DECAY**far, self._of(states[:, : steps - far][has], goal[has], far * settings.segments // settings.ahead)))
        total = torch.stack([weight * loss for weight, loss in found]).sum() / sum(weight for weight, _ in found)
        terms = {"heads": total.detach()}
        if self.switch is not None:
            has = batch.targets > 0
            guess = F.binary_cross_entropy_with_logits(self.switch(states[has]).float(), self.carried[batch.targets[has]].float())
            total, terms["switch"] = total + settings.switch_weight * guess, guess.detach()
        return Losses(total, terms)

    def _of(self, states: Tensor, targets: Tensor, segment: int) -> Tensor:
        """The loss of states [E, W] at items int64[E]; a mean over all pairs of a target and one of its groups counts groups by size."""
        decoded, own = self.decoded(states, segment), self.carried[targets]
        at, group = own.nonzero(as_tuple=True)
        if self.settings.composition is not Composition.SIDES:
            return self.network.head.loss(decoded[at, group], targets[at])
        general = self.network.head.loss(decoded[:, 0], targets)
        return (general + self.network.head.loss(decoded[:, 1:][at, group], targets[at])) / 2

    def score_states(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1], the best score that an item has among its heads."""
        allowed = self.allowed
        blocks = [self._merged(states[rows], allowed) for rows in blocks_of(len(states), len(allowed) * (self.num_items + 1))]
        return torch.cat(blocks) if blocks else states.new_empty(0, self.num_items + 1)

    def _merged(self, states: Tensor, allowed: Tensor) -> Tensor:
        scores = self.network.head.scores(self.decoded(states))
        if self.switch is not None:
            scores[..., 0] = -torch.inf  # the padding takes no part in the softmax
            scores = scores.log_softmax(dim=-1) + self.settings.trust * self.expected(states)[..., None]
        return scores.masked_fill(~allowed, -torch.inf).amax(dim=1)

    def expected(self, states: Tensor) -> Tensor:
        """[B, M], log-probabilities that the next item is one of each head's, as the switch thinks."""
        assert self.switch is not None
        own, segments = F.logsigmoid(self.switch(states)), self.settings.segments
        if self.settings.composition is Composition.SIDES:
            return torch.cat([own.new_zeros(len(own), segments), own], dim=1)
        return own.repeat(1, segments)

    def write_parts(self, out: ArtifactWriter) -> None:
        """The encoder."""
        self.network.save(out.path / "network")

    def save(self, folder: Path) -> None:
        """Write the artifact: the encoder, and settings and weights of the heads."""
        own = {name: value.contiguous() for name, value in self.state_dict().items() if not name.startswith("network.")}
        with write_artifact(folder, kind=self.KIND, settings={"encoder": self.network.KIND, **self.settings.plain()}) as out:
            out.tensors("weights", own)
            self.write_parts(out)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model, ready to recommend."""
        saved = read_artifact(folder, kind=cls.KIND)
        settings, weights = dict(saved.manifest.settings), saved.tensors("weights")
        network = ENCODERS[settings.pop("encoder")].load(folder / "network")
        model = cls(network, weights["carried"].numpy(), PriorSettings.of(settings))
        model.load_state_dict(weights, strict=False)
        return model.eval()


def headed(states: Tensor, weights: Tensor) -> Tensor:
    """States h + SiLU(W h) for each of M matrices: [..., W], [M, W, W] -> [..., M, W] (Cai et al., arXiv:2401.10774)."""
    return states[..., None, :] + F.silu(torch.einsum("...w,mvw->...mv", states, weights))
