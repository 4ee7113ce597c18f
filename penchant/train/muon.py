"""Muon for the hidden matrices of a network, AdamW for the rest.

Muon (Jordan et al., 2024) replaces a matrix's momentum by the nearest orthogonal matrix: X0 = M / ||M||, then five times
X <- a X + b (X X^T) X + c (X X^T)^2 X with a, b, c = 3.4445, -4.7750, 2.0315. Updates are scaled by 0.2 sqrt(max(rows,
columns)), so that their size is that of AdamW's and one learning rate serves both (Liu et al., arXiv:2502.16982).
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

import torch
from torch import Tensor, nn

from penchant.nn.transformer import SelfAttention
from penchant.train.optimisers import Combined, adamw_on, decay_groups, tables
from penchant.train.settings import TrainSettings

MOMENTUM = 0.95


def muon(*, hidden_rate: float = 1.0, apart: tuple[str, ...] = ("head",)) -> Callable[[nn.Module, TrainSettings], torch.optim.Optimizer]:
    """Muon for matrices between layers; AdamW for embedding tables, heads, norms, biases and whatever is not a matrix.

    Args:
        hidden_rate: Learning rate of the matrices, in multiples of AdamW's.
        apart: Names of parts that stay with AdamW whole, such as output heads.
    """

    def made(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
        hidden = hidden_matrices(network, apart)
        taken = {id(matrix) for matrix, _ in hidden}
        groups = [
            {"params": [matrix for matrix, parts in hidden if parts == count], "parts": count, "rate_share": hidden_rate}
            for count in sorted({parts for _, parts in hidden})
        ]
        rest = adamw_on(decay_groups(network, settings.weight_decay, without=taken), settings)
        if not groups:
            return rest
        return Combined([PartwiseMuon(groups, settings), rest])

    return made


class PartwiseMuon(torch.optim.Muon):
    """torch's Muon, which takes a matrix of a group with ``parts`` > 1 as so many matrices, one below the other."""

    def __init__(self, groups: list[dict[str, object]], settings: TrainSettings) -> None:
        super().__init__(
            groups,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            momentum=MOMENTUM,
            adjust_lr_fn="match_rms_adamw",
        )

    def _init_group(  # the one place where torch's Muon collects what it updates
        self, group: MutableMapping[str, object], params_with_grad: list[Tensor], grads: list[Tensor], muon_momentum_bufs: list[Tensor]
    ) -> bool:
        found = super()._init_group(group, params_with_grad, grads, muon_momentum_bufs)
        for tensors in (params_with_grad, grads, muon_momentum_bufs):
            tensors[:] = [part for tensor in tensors for part in tensor.chunk(int(group["parts"]))]  # type: ignore[call-overload]
        return found


def hidden_matrices(network: nn.Module, apart: tuple[str, ...] = ()) -> list[tuple[nn.Parameter, int]]:
    """Trained matrices that are neither tables nor below a part named in ``apart``, and of how many matrices each is made.

    Queries, keys and values that share one matrix are three, and so are the gates of a GRU.
    """
    left_out, fused = tables(network), _fused(network)
    return [
        (matrix, fused.get(id(matrix), 1))
        for name, matrix in network.named_parameters()
        if matrix.requires_grad and matrix.dim() == 2 and id(matrix) not in left_out and not set(name.split(".")) & set(apart)
    ]


def _fused(network: nn.Module) -> dict[int, int]:
    found = {}
    for part in network.modules():
        if isinstance(part, SelfAttention):
            found[id(part.inward.weight)] = 3
        elif isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            found[id(part.in_proj_weight)] = 3
        elif isinstance(part, nn.GRU | nn.LSTM):
            gates = 3 if isinstance(part, nn.GRU) else 4
            found |= {id(matrix): gates for name, matrix in part.named_parameters() if name.startswith(("weight_ih", "weight_hh"))}
    return found
