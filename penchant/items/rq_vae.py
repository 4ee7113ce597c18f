"""RQ-VAE: a network squeezes vectors into a small latent space, where residual quantisation is learnt together with it.

Flow: vector -> MLP -> latent -> L codes, each the nearest to what those before left over -> sum of code vectors -> MLP -> vector.
Loss: reconstruction + sum over levels of |sg(residual) - code|^2 + commitment * |residual - sg(code)|^2, gradients going straight
through the codes (TIGER, arXiv:2305.05065, section 3.1). Codebooks begin from residual k-means of the latents; a code that
nobody uses starts again from a random residual. Uniform (LC-Rec, arXiv:2311.09049, equation 5): while learning, the last level spreads
each batch evenly over its codes, so that fewer items end up with the same codes.

Letters: n rows, B rows of a batch, D vector width, H latent width, L levels, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.items import vq
from penchant.items.quantiser import UnitQuantiser, total
from penchant.items.residual_kmeans import distances_to_last, residual_codebooks, residual_codes


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
        vq.check_learning(settings)
        require(ema is None or 0 <= ema < 1, f"ema={ema}", "a decay is between 0 and 1", "pass 0<=ema<1, or None")
        self.codebook, self.latent, self.hidden, self.steps, self.batch = codebook, latent, tuple(hidden), steps, batch
        self.linear = linear
        self.learning_rate, self.commitment, self.ema, self.uniform = learning_rate, commitment, ema, uniform
        self.encoder: vq.Layers = []
        self.decoder: vq.Layers = []
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, H], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """Network and codebooks together."""
        draw = torch.Generator().manual_seed(self.seed)
        points = vq.scaled(rows).float()
        widths = (rows.shape[1], *self.hidden, self.latent)
        self.encoder, self.decoder = vq.drawn_layers(widths, draw), vq.drawn_layers(widths[::-1], draw)
        self.decoder[-1][1].copy_(points.mean(dim=0))
        if self.linear:
            self._begin_linear(points)
        books = [vq.Book(book, self.ema) for book in residual_codebooks(self.latents(rows), self.levels, self._codebook)]
        how = {"steps": self.steps, "batch": self.batch, "learning_rate": self.learning_rate, "draw": draw}
        vq.learn([self.encoder, self.decoder], books, points, lambda chosen: self._loss(chosen, books), **how)
        self.codebooks = [book.vectors.numpy() for book in books]

    def _codebook(self, rows: np.ndarray, level: int) -> np.ndarray:
        return vq.first_codebook(rows, self.codebook, self.seed + level)

    def _loss(self, points: Tensor, books: Sequence[vq.Book]) -> Tensor:
        """Of float32[B, D]: squared distances, a row and input dimension."""
        latents = residuals = vq.through(points, self.encoder, self.linear)
        loss = points.new_zeros(())
        for level, book in enumerate(books, start=1):
            picked, drawn = book.quantise(residuals, self.commitment, even=self.uniform and level == self.levels)
            loss = loss + drawn
            residuals = residuals - picked
        quantised = latents - residuals.detach()  # the sum of codes in value, the latent in gradient
        return (loss + F.mse_loss(vq.through(quantised, self.decoder, self.linear), points, reduction="sum")) / points.numel()

    def _begin_linear(self, points: Tensor) -> None:
        """Straight ways that are the principal directions and back, beside MLPs that add nothing yet."""
        mean = self.decoder[-1][1].clone()
        centred = (points - mean).double()
        directions = torch.linalg.eigh(centred.T @ centred)[1].flip(1)[:, : self.latent].T.float()
        directions = F.pad(directions, (0, 0, 0, self.latent - len(directions)))
        vq.begin_linear(self.encoder, directions, -directions @ mean)
        vq.begin_linear(self.decoder, directions.T, torch.zeros_like(mean))

    def latents(self, rows: np.ndarray) -> np.ndarray:
        """float64[n, H] of float64[n, D], unit or zero rows; in float64 a row's latent is the same in any company."""
        with torch.no_grad():
            return vq.through(vq.scaled(rows), self.encoder, self.linear).numpy()

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest code level by level (equally near: the lower code)."""
        return residual_codes(self.latents(rows), self.codebooks)

    def last_distances(self, vectors: np.ndarray) -> np.ndarray:
        """float64[n, K_L], squared, from what L - 1 levels leave of the latents of float32[n, D] to the codes of the last level."""
        return distances_to_last((self.latents(rows) for _, rows in self.blocks(vectors)), self.codebooks)

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """What the decoder makes of the sum of code vectors."""
        points = vq.through(torch.from_numpy(total(self.codebooks, codes)).double(), self.decoder, self.linear).numpy()
        return (points / points.shape[1] ** 0.5).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Codebooks, and weights and biases of both networks."""
        books = {f"level_{level}": book for level, book in enumerate(self.codebooks)}
        return {**books, **vq.arrays_of(self.encoder, "encoder"), **vq.arrays_of(self.decoder, "decoder")}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take them back."""
        self.codebooks = [arrays[f"level_{level}"] for level in range(self.levels)]
        self.encoder, self.decoder = (vq.layers_of(arrays, name, len(self.hidden) + 1 + self.linear) for name in ("encoder", "decoder"))
