"""What quantisers that learn their own latent space share: small MLPs, codebooks while they are learnt, and the loop.

Codes are the nearest vectors of a codebook; gradients go straight through them (van den Oord et al., NeurIPS 2017,
arXiv:1711.00937). Codebooks begin from k-means of the first latents; a code that nobody uses starts again from a random point.

Letters: n rows, B rows of a batch, D vector width, H latent width, K codes of a codebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.items.kmeans import kmeans
from penchant.items.quantiser import squared_distances
from penchant.items.sinkhorn import balanced

_SINKHORN = 5  # iterations a batch: the prices of the batch before are nearly right
_WINDOW = 10  # a code is unused after one pass over the rows, and this many batches at least

Layers = list[tuple[Tensor, Tensor]]  # weight [out, in] and bias [out] of each


class Book:
    """One codebook while it is learnt.

    Args:
        vectors: float32[K, H] to begin from.
        ema: Decay by which codes are running means of their points, without a gradient; ``None``: they learn by gradient.
    """

    def __init__(self, vectors: np.ndarray, ema: float | None = None) -> None:
        self.vectors = torch.tensor(vectors)
        self.ema = ema
        self.used = torch.zeros(len(vectors), dtype=torch.int64)  # rows of each code since the last look
        self.sums, self.sizes = self.vectors.clone(), torch.ones(len(vectors))  # running, a batch
        self.prices: np.ndarray | None = None
        self.points = self.vectors  # the last batch

    def pick(self, points: Tensor, *, even: bool = False) -> Tensor:
        """int64[B], the nearest of float32[B, H], or evenly spread ones; running means follow."""
        self.points = points
        if even:
            costs = squared_distances(points.numpy(), self.vectors.detach().numpy())
            room = np.full(len(self.vectors), -(-len(points) // len(self.vectors)))
            fresh = {} if self.prices is None else {"iterations": _SINKHORN}
            found, self.prices = balanced(costs, room, self.prices, **fresh)
            codes = torch.from_numpy(found).long()
        else:
            with torch.no_grad():
                codes = ((self.vectors**2).sum(dim=1) - 2 * points @ self.vectors.T).argmin(dim=1)
        sizes = torch.bincount(codes, minlength=len(self.vectors))
        self.used += sizes
        if self.ema is not None:
            self.sums.mul_(self.ema).index_add_(0, codes, points, alpha=1 - self.ema)
            self.sizes.mul_(self.ema).add_(sizes, alpha=1 - self.ema)
            self.vectors = self.sums / self.sizes.clamp(min=1e-6)[:, None]
        return codes

    def quantise(self, points: Tensor, commitment: float, *, even: bool = False) -> tuple[Tensor, Tensor]:
        """The codes' vectors of float32[B, H], without a gradient, and the loss that draws codes and points together, summed."""
        picked = self.vectors[self.pick(points.detach(), even=even)]
        loss = commitment * F.mse_loss(points, picked.detach(), reduction="sum")
        if self.ema is None:
            loss = loss + F.mse_loss(picked, points.detach(), reduction="sum")
        return picked.detach(), loss

    @torch.no_grad()
    def revive(self, draw: torch.Generator) -> None:
        """Codes unused since the last look start again from points drawn from the last batch."""
        dead = torch.nonzero(self.used == 0).ravel()
        dead = dead[: len(self.points)]
        chosen = self.points[torch.randperm(len(self.points), generator=draw)[: len(dead)]]
        self.vectors[dead], self.sums[dead], self.sizes[dead] = chosen, chosen, 1.0
        self.used.zero_()


def learn(
    networks: Sequence[Layers],
    books: Sequence[Book],
    points: Tensor,
    loss: Callable[[Tensor], Tensor],
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    draw: torch.Generator,
) -> None:
    """Change networks and books in place, so that ``loss`` of batches of float32[n, D] falls.

    Adam, at a rate that falls to 0 in a straight line; at the end nothing has a gradient any more.
    """
    learnt = [tensor.requires_grad_() for layers in networks for layer in layers for tensor in layer]
    learnt += [book.vectors.requires_grad_() for book in books if book.ema is None]
    optimiser = torch.optim.Adam(learnt, lr=learning_rate, fused=True)
    window = max(_WINDOW, -(-len(points) // batch))
    for step, chosen in zip(range(steps), batches(len(points), batch, draw), strict=False):
        optimiser.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
        optimiser.zero_grad()
        loss(points[chosen]).backward()
        optimiser.step()
        if (step + 1) % window == 0 and step + 1 < steps:
            for book in books:
                book.revive(draw)
    for tensor in learnt:
        tensor.requires_grad_(False)


def batches(rows: int, size: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Row numbers int64[B], pass after pass in new orders; what is left of a pass below B rows is dropped."""
    size = min(size, rows)
    while True:
        order = torch.randperm(rows, generator=draw)
        yield from order[: rows - rows % size].view(-1, size)


def first_codebook(latents: np.ndarray, codebook: int, seed: int) -> np.ndarray:
    """float32[K, H] to begin from, by k-means of float32[n, H]; fewer where there are fewer distinct latents."""
    return kmeans(latents, codebook, seed=seed, iterations=10, points_a_cluster=256)


def scaled(rows: np.ndarray) -> Tensor:
    """float64[n, D] of unit rows as the networks see them: entries about 1 in size."""
    return torch.from_numpy(rows) * rows.shape[1] ** 0.5


def drawn_layers(widths: Sequence[int], draw: torch.Generator) -> Layers:
    """Drawn so that signals keep their size through ReLU (He et al., ICCV 2015)."""
    return [(torch.randn(after, before, generator=draw) * (2 / before) ** 0.5, torch.zeros(after)) for before, after in pairwise(widths)]


def begin_linear(layers: Layers, weight: Tensor, bias: Tensor) -> None:
    """Put a linear way beside an MLP, which adds nothing to it yet."""
    layers[-1][0].zero_()
    layers.append((weight.contiguous(), bias))


def through(points: Tensor, layers: Layers, linear: bool) -> Tensor:
    """The MLP in the precision of the points: layers with ReLU between them; if ``linear``, the last one runs beside the others."""
    *mlp, beside = layers if linear else [*layers, None]
    out = points
    for depth, (weight, bias) in enumerate(mlp, start=1):
        out = F.linear(out, weight.to(points.dtype), bias.to(points.dtype))
        if depth < len(mlp):
            out = F.relu(out)
    return out + F.linear(points, *(tensor.to(points.dtype) for tensor in beside)) if beside else out


def arrays_of(layers: Layers, name: str) -> dict[str, np.ndarray]:
    """Weights and biases by name, for an artifact."""
    return {
        f"{name}_{depth}_{part}": tensor.numpy()
        for depth, layer in enumerate(layers)
        for part, tensor in zip(("weight", "bias"), layer, strict=True)
    }


def layers_of(arrays: Mapping[str, np.ndarray], name: str, depth: int) -> Layers:
    """What ``arrays_of`` told of ``depth`` layers."""
    return [(torch.tensor(arrays[f"{name}_{at}_weight"]), torch.tensor(arrays[f"{name}_{at}_bias"])) for at in range(depth)]


def check_learning(settings: Mapping[str, Any]) -> None:
    """The rules of every quantiser that learns its latent space.

    Raises:
        InputError: A number is out of range.
    """
    for name in ("codebook", "latent", "steps", "batch"):
        require(settings[name] >= 1, f"{name}={settings[name]}", "there must be at least one", f"pass {name}>=1")
    hidden, rate, commitment = settings["hidden"], settings["learning_rate"], settings["commitment"]
    require(all(size >= 1 for size in hidden), f"hidden={tuple(hidden)}", "a layer needs at least one unit", "pass widths >= 1")
    require(rate > 0, f"learning_rate={rate}", "the network must be able to learn", "pass learning_rate>0")
    require(commitment >= 0, f"commitment={commitment}", "residuals are drawn to codes, not away", "pass commitment>=0")
