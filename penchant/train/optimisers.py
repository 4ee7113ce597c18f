"""Optimisers as the training loop takes them: functions of (network, settings).

The loop sets the learning rate of every group at every step, times the group's ``rate_share`` where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import nn

from penchant.core.errors import require
from penchant.train.settings import TrainSettings

#: Key of states that belong to no parameter.
WHOLE = -1


def adamw(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019), for everything."""
    return adamw_on(decay_groups(network, settings.weight_decay), settings)


def adamw_on(groups: list[dict[str, object]], settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW for some groups of parameters."""
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def decay_groups(network: nn.Module, weight_decay: float, *, without: Collection[int] = ()) -> list[dict[str, object]]:
    """Matrices decay; biases, norms and embedding tables do not (a rare row would only fade).

    Args:
        without: ``id`` of parameters that are optimised in another way.
    """
    kept = tables(network)
    trained = [p for p in network.parameters() if p.requires_grad and id(p) not in without]
    matrices = [p for p in trained if p.dim() > 1 and id(p) not in kept]
    rest = [p for p in trained if p.dim() <= 1 or id(p) in kept]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def tables(network: nn.Module) -> set[int]:
    """``id`` of the weights of embedding tables."""
    return {id(part.weight) for part in network.modules() if isinstance(part, nn.Embedding)}


class Combined(torch.optim.Optimizer):
    """Several optimisers as one, each with its own groups. Learning rates and states are those of the whole."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([dict(group) for part in parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of every part."""
        first = 0
        for part in self.parts:
            groups = self.param_groups[first : first + len(part.param_groups)]
            _take(part, self, groups)
            first += len(groups)


def then_sgd(at: int, *, rate_share: float = 10.0, momentum: float = 0.9) -> Callable[[nn.Module, TrainSettings], torch.optim.Optimizer]:
    """AdamW for ``at`` steps, then SGD, which settles where AdamW's noise would not let deep networks settle.

    The switch is that of Zhang et al., RecSys 2024, arXiv:2311.11351, after Keskar and Socher, arXiv:1712.07628.

    Args:
        at: Steps before the switch.
        rate_share: Learning rate of SGD, in multiples of AdamW's.
        momentum: Of SGD.
    """
    require(at >= 1, f"at={at}", "AdamW takes at least one step before the switch", "pass at>=1")
    return lambda network, settings: _Switched(network, settings, at, rate_share, momentum)


class _Switched(torch.optim.Optimizer):
    """Two optimisers of the same groups, one after the other. Steps taken are counted in the state, which checkpoints keep."""

    def __init__(self, network: nn.Module, settings: TrainSettings, at: int, rate_share: float, momentum: float) -> None:
        groups = decay_groups(network, settings.weight_decay)
        self.before = adamw_on([dict(group) for group in groups], settings)
        self.after = torch.optim.SGD([dict(group) for group in groups], lr=settings.learning_rate, momentum=momentum)
        self.at, self.rate_share = at, rate_share
        super().__init__([dict(group) for group in self.before.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """A step of whichever is due."""
        taken = self.state[WHOLE].get("taken", 0)  # type: ignore[index]
        if taken < self.at:
            _take(self.before, self, self.param_groups)
        else:
            _take(self.after, self, self.param_groups, rate_share=self.rate_share)
        self.state[WHOLE]["taken"] = taken + 1  # type: ignore[index]


def _take(part: torch.optim.Optimizer, whole: torch.optim.Optimizer, groups: Sequence[dict[str, Any]], rate_share: float = 1.0) -> None:
    """A step of ``part`` with the learning rates of ``groups`` and the states of ``whole``."""
    part.state = whole.state
    for own, group in zip(part.param_groups, groups, strict=True):
        own["lr"] = group["lr"] * rate_share
    part.step()
