"""RQ-VAE: a network squeezes vectors into a small latent space, where residual quantisation is learnt together with it.

Flow: vector -> MLP -> latent -> L codes, each the nearest to what those before left over -> sum of code vectors -> MLP -> vector.
Loss: reconstruction + sum over levels of |sg(residual) - code|^2 + commitment * |residual - sg(code)|^2, gradients going straight
through the codes (TIGER, arXiv:2305.05065, section 3.1). Codebooks begin from residual k-means of the latents; a code that
nobody uses starts again from a random residual. Uniform (LC-Rec, arXiv:2311.09049, equation 5): while learning, the last level spreads
each batch evenly over its codes, so that fewer items end up with the same codes.

Letters: n rows, B rows of a batch, D vector width, H latent width, L levels, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.items.kmeans import kmeans
from penchant.items.quantiser import UnitQuantiser, squared_distances, total
from penchant.items.residual_kmeans import distances_to_last, residual_codebooks, residual_codes
from penchant.items.sinkhorn import balanced

_SINKHORN = 5  # iterations a batch: the prices of the batch before are nearly right
_WINDOW = 10  # a code is unused after one pass over the rows, and this many batches at least

Layers = list[tuple[Tensor, Tensor]]  # weight [out, in] and bias [out] of each


class RQVAE(UnitQuantiser):
    """Residual quantisation in the latent space of an autoencoder (rows are normalised first; all-zero rows stay zero).

    Args:
        levels: L, how many codes an item gets.
        codebook: K, codes a level; fewer where the first latents have fewer distinct residuals.
        latent: H.
        hidden: Widths of the encoder's layers between D and H; the decoder has them the other way round.
        linear: Whether a linear way runs beside each MLP. These begin as principal directions and the MLPs as nothing, so
            that learning starts from residual k-means of projected rows (as RQ-KMeans+ does); ``False`` as in TIGER.
        steps: Batches learnt from, however many rows there are.
        batch: B, or all rows if they are fewer.
        learning_rate: Of Adam at first; it falls to 0 in a straight line.
        commitment: Weight of what draws residuals to their codes.
        ema: Codes are running means of their residuals with this decay (0.99, say) and have no gradient; ``None``: they learn by gradient.
        uniform: Whether the last level is assigned evenly while learning. ``encode`` gives the nearest code all the same.
        seed: Same seed and same vectors give the same codes. Torch's global generator is left alone.

    Raises:
        InputError: A number is out of range.
    """

    KIND = "rq-vae"

    def __init__(
        self,
        levels: int = 3,
        codebook: int = 256,
        *,
        latent: int = 32,
        hidden: Sequence[int] = (256, 128),
        linear: bool = True,
        steps: int = 600,
        batch: int = 1024,
        learning_rate: float = 1e-3,
        commitment: float = 0.25,
        ema: float | None = None,
        uniform: bool = False,
        seed: int = 0,
    ) -> None:
        settings: dict[str, Any] = {"levels": levels, "codebook": codebook, "latent": latent, "hidden": list(hidden), "linear": linear}
        settings |= {
            "steps": steps,
            "batch": batch,
            "learning_rate": learning_rate,
            "commitment": commitment,
            "ema": ema,
            "uniform": uniform,
            "seed": seed,
        }
        super().__init__(levels, settings, most=steps * batch, seed=seed)
        for name in ("codebook", "latent", "steps", "batch"):
            require(settings[name] >= 1, f"{name}={settings[name]}", "there must be at least one", f"pass {name}>=1")
        require(all(size >= 1 for size in hidden), f"hidden={tuple(hidden)}", "a layer needs at least one unit", "pass widths >= 1")
        require(learning_rate > 0, f"learning_rate={learning_rate}", "the network must be able to learn", "pass learning_rate>0")
        require(commitment >= 0, f"commitment={commitment}", "residuals are drawn to codes, not away", "pass commitment>=0")
        require(ema is None or 0 <= ema < 1, f"ema={ema}", "a decay is between 0 and 1", "pass 0<=ema<1, or None")
        self.codebook, self.latent, self.hidden, self.steps, self.batch = codebook, latent, tuple(hidden), steps, batch
        self.linear = linear
        self.learning_rate, self.commitment, self.ema, self.uniform = learning_rate, commitment, ema, uniform
        self.encoder: Layers = []
        self.decoder: Layers = []
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, H], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """Network and codebooks together."""
        draw = torch.Generator().manual_seed(self.seed)
        points = _scaled(rows).float()
        widths = (rows.shape[1], *self.hidden, self.latent)
        self.encoder, self.decoder = _layers(widths, draw), _layers(widths[::-1], draw)
        self.decoder[-1][1].copy_(points.mean(dim=0))
        if self.linear:
            self._begin_linear(points)
        books = [_Book(book, self.ema) for book in residual_codebooks(self.latents(rows), self.levels, self._codebook)]
        learnt = [tensor.requires_grad_() for layer in self.encoder + self.decoder for tensor in layer]
        learnt += [book.vectors.requires_grad_() for book in books if self.ema is None]
        optimiser = torch.optim.Adam(learnt, lr=self.learning_rate, fused=True)
        window = max(_WINDOW, -(-len(rows) // self.batch))
        for step, chosen in zip(range(self.steps), _batches(len(rows), self.batch, draw), strict=False):
            optimiser.param_groups[0]["lr"] = self.learning_rate * (1 - step / self.steps)
            optimiser.zero_grad()
            self._loss(points[chosen], books).backward()
            optimiser.step()
            if (step + 1) % window == 0 and step + 1 < self.steps:
                for book in books:
                    book.revive(draw)
        self.encoder, self.decoder = [[(w.detach(), b.detach()) for w, b in layers] for layers in (self.encoder, self.decoder)]
        self.codebooks = [book.vectors.detach().numpy() for book in books]

    def _codebook(self, rows: np.ndarray, level: int) -> np.ndarray:
        return kmeans(rows, self.codebook, seed=self.seed + level, iterations=10, points_a_cluster=256)

    def _loss(self, points: Tensor, books: Sequence[_Book]) -> Tensor:
        """Of float32[B, D]: squared distances, a row and input dimension."""
        latents = residuals = _through(points, self.encoder, self.linear)
        loss = points.new_zeros(())
        for level, book in enumerate(books, start=1):
            picked = book.vectors[book.pick(residuals.detach(), even=self.uniform and level == self.levels)]
            loss = loss + self.commitment * F.mse_loss(residuals, picked.detach(), reduction="sum")
            if self.ema is None:
                loss = loss + F.mse_loss(picked, residuals.detach(), reduction="sum")
            residuals = residuals - picked.detach()
        quantised = latents - residuals.detach()  # the sum of codes in value, the latent in gradient
        return (loss + F.mse_loss(_through(quantised, self.decoder, self.linear), points, reduction="sum")) / points.numel()

    def _begin_linear(self, points: Tensor) -> None:
        """Straight ways that are the principal directions and back, beside MLPs that add nothing yet."""
        mean = self.decoder[-1][1].clone()
        centred = (points - mean).double()
        directions = torch.linalg.eigh(centred.T @ centred)[1].flip(1)[:, : self.latent].T.float()
        directions = F.pad(directions, (0, 0, 0, self.latent - len(directions)))
        for layers, weight, bias in ((self.encoder, directions, -directions @ mean), (self.decoder, directions.T, torch.zeros_like(mean))):
            layers[-1][0].zero_()
            layers.append((weight.contiguous(), bias))

    def latents(self, rows: np.ndarray) -> np.ndarray:
        """float64[n, H] of float64[n, D], unit or zero rows; in float64 a row's latent is the same in any company."""
        with torch.no_grad():
            return _through(_scaled(rows), self.encoder, self.linear).numpy()

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest code level by level (equally near: the lower code)."""
        return residual_codes(self.latents(rows), self.codebooks)

    def last_distances(self, vectors: np.ndarray) -> np.ndarray:
        """float64[n, K_L], squared, from what L - 1 levels leave of the latents of float32[n, D] to the codes of the last level."""
        return distances_to_last((self.latents(rows) for _, rows in self.blocks(vectors)), self.codebooks)

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """What the decoder makes of the sum of code vectors."""
        points = _through(torch.from_numpy(total(self.codebooks, codes)).double(), self.decoder, self.linear).numpy()
        return (points / points.shape[1] ** 0.5).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Codebooks, and weights and biases of both networks."""
        return {
            **{f"level_{level}": book for level, book in enumerate(self.codebooks)},
            **{
                f"{name}_{depth}_{part}": tensor.numpy()
                for name, layers in (("encoder", self.encoder), ("decoder", self.decoder))
                for depth, layer in enumerate(layers)
                for part, tensor in zip(("weight", "bias"), layer, strict=True)
            },
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take them back."""
        self.codebooks = [arrays[f"level_{level}"] for level in range(self.levels)]
        self.encoder, self.decoder = (
            [
                (torch.tensor(arrays[f"{name}_{depth}_weight"]), torch.tensor(arrays[f"{name}_{depth}_bias"]))
                for depth in range(len(self.hidden) + 1 + self.linear)
            ]
            for name in ("encoder", "decoder")
        )


class _Book:
    """The codes of one level while they are learnt.

    Args:
        vectors: float32[K, H] to begin from.
        ema: As in ``RQVAE``.
    """

    def __init__(self, vectors: np.ndarray, ema: float | None) -> None:
        self.vectors = torch.tensor(vectors)
        self.ema = ema
        self.used = torch.zeros(len(vectors), dtype=torch.int64)  # rows of each code since the last look
        self.sums, self.sizes = self.vectors.clone(), torch.ones(len(vectors))  # running, a batch
        self.prices: np.ndarray | None = None
        self.residuals = self.vectors  # the last batch

    def pick(self, residuals: Tensor, *, even: bool) -> Tensor:
        """int64[B], the nearest of float32[B, H], or evenly spread ones; running means follow."""
        self.residuals = residuals
        if even:
            costs = squared_distances(residuals.numpy(), self.vectors.detach().numpy())
            room = np.full(len(self.vectors), -(-len(residuals) // len(self.vectors)))
            fresh = {} if self.prices is None else {"iterations": _SINKHORN}
            found, self.prices = balanced(costs, room, self.prices, **fresh)
            codes = torch.from_numpy(found).long()
        else:
            with torch.no_grad():
                codes = ((self.vectors**2).sum(dim=1) - 2 * residuals @ self.vectors.T).argmin(dim=1)
        sizes = torch.bincount(codes, minlength=len(self.vectors))
        self.used += sizes
        if self.ema is not None:
            self.sums.mul_(self.ema).index_add_(0, codes, residuals, alpha=1 - self.ema)
            self.sizes.mul_(self.ema).add_(sizes, alpha=1 - self.ema)
            self.vectors = self.sums / self.sizes.clamp(min=1e-6)[:, None]
        return codes

    @torch.no_grad()
    def revive(self, draw: torch.Generator) -> None:
        """Codes unused since the last look start again from residuals drawn from the last batch."""
        dead = torch.nonzero(self.used == 0).ravel()
        dead = dead[: len(self.residuals)]
        chosen = self.residuals[torch.randperm(len(self.residuals), generator=draw)[: len(dead)]]
        self.vectors[dead], self.sums[dead], self.sizes[dead] = chosen, chosen, 1.0
        self.used.zero_()


def _scaled(rows: np.ndarray) -> Tensor:
    """float64[n, D] of unit rows as the network sees them: entries about 1 in size."""
    return torch.from_numpy(rows) * rows.shape[1] ** 0.5


def _layers(widths: Sequence[int], draw: torch.Generator) -> Layers:
    """Drawn so that signals keep their size through ReLU (He et al., ICCV 2015)."""
    return [(torch.randn(after, before, generator=draw) * (2 / before) ** 0.5, torch.zeros(after)) for before, after in pairwise(widths)]


def _through(points: Tensor, layers: Layers, linear: bool) -> Tensor:
    """The MLP in the precision of the points: layers with ReLU between them; if ``linear``, the last one runs beside the others."""
    *mlp, beside = layers if linear else [*layers, None]
    out = points
    for depth, (weight, bias) in enumerate(mlp, start=1):
        out = F.linear(out, weight.to(points.dtype), bias.to(points.dtype))
        if depth < len(mlp):
            out = F.relu(out)
    return out + F.linear(points, *(tensor.to(points.dtype) for tensor in beside)) if beside else out


def _batches(rows: int, size: int, draw: torch.Generator) -> Iterator[Tensor]:
    """Row numbers int64[B], pass after pass in new orders; what is left of a pass below B rows is dropped."""
    size = min(size, rows)
    while True:
        order = torch.randperm(rows, generator=draw)
        yield from order[: rows - rows % size].view(-1, size)
