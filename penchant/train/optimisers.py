"""Optimisers as the training loop takes them: functions of (network, settings).

The loop sets the learning rate of every group at every step, times the group's ``rate_share`` where it has one.
"""

from __future__ import annotations

import torch
from torch import nn

from penchant.train.settings import TrainSettings


def adamw(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019), for everything."""
    return torch.optim.AdamW(decay_groups(network, settings.weight_decay), lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases, norms and embedding tables do not (a rare row would only fade)."""
    tables = {id(part.weight) for part in network.modules() if isinstance(part, nn.Embedding)}
    matrices = [p for p in network.parameters() if p.requires_grad and p.dim() > 1 and id(p) not in tables]
    rest = [p for p in network.parameters() if p.requires_grad and (p.dim() <= 1 or id(p) in tables)]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
