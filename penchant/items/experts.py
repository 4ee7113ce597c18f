"""Codes without an order from several experts: each sees the whole vector in its own way and says one code of it.

Flow     vector -> M encoders -> M latents, each to the nearest code of its own codebook -> M decoders -> their sum
Source   the multi-expert parallel quantiser (MPQ) of REG4Rec (arXiv:2508.15308); its details are not public
Loss     reconstruction by all experts together + sum over experts of |sg(latent) - code|^2 + commitment * |latent - sg(code)|^2
Departs  no gate: what weighs experts by the vector cannot be known from codes alone. That they say different things comes from
         the start instead, where each has its own principal directions, as many parts of a product quantiser; MLPs beside these
         straight ways begin as nothing, so learning starts from a product quantiser and can only leave it for a lower loss.
         Every expert always takes part, so there is no load to balance but that of codes: unused ones start again
Letters  n rows, B rows of a batch, D vector width, H latent width, M experts (levels), K codes of an expert
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.items import vq
from penchant.items.product import balanced_axes
from penchant.items.quantiser import UnitQuantiser, nearest


class ExpertQuantiser(UnitQuantiser):
    """Parallel quantisation in the latent spaces of M experts (rows are normalised first; all-zero rows stay zero).

    Args:
        levels: M, experts and so codes of an item.
        codebook: K, codes of each; fewer where its first latents have fewer distinct values.
        latent: H.
        hidden: Widths of an encoder's layers between D and H; its decoder has them the other way round.
        steps: Batches learnt from, however many rows there are; at least 1.
        batch: B, or all rows if they are fewer.
        learning_rate: Of Adam at first; it falls to 0 in a straight line.
        commitment: Weight of what draws latents to their codes.
        seed: Same seed and same vectors give the same codes. Torch's global generator is left alone.

    Raises:
        InputError: A number is out of range.
    """

    KIND = "expert-quantiser"

    def __init__(
        self,
        levels: int = 4,
        codebook: int = 256,
        *,
        latent: int = 32,
        hidden: Sequence[int] = (64,),
        steps: int = 300,
        batch: int = 1024,
        learning_rate: float = 1e-3,
        commitment: float = 0.25,
        seed: int = 0,
    ) -> None:
        settings: dict[str, Any] = {"levels": levels, "codebook": codebook, "latent": latent, "hidden": list(hidden), "steps": steps}
        settings |= {"batch": batch, "learning_rate": learning_rate, "commitment": commitment, "seed": seed}
        super().__init__(levels, settings, most=steps * batch, seed=seed)
        vq.check_learning(settings)
        self.codebook, self.latent, self.hidden, self.steps, self.batch = codebook, latent, tuple(hidden), steps, batch
        self.learning_rate, self.commitment = learning_rate, commitment
        self.encoders: list[vq.Layers] = []
        self.decoders: list[vq.Layers] = []
        self.codebooks: list[np.ndarray] = []  # M arrays float32[K_m, H], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """All experts together."""
        draw = torch.Generator().manual_seed(self.seed)
        width = rows.shape[1]
        widths = (width, *self.hidden, self.latent)
        padded = -(-width // self.levels) * self.levels
        axes = torch.from_numpy(balanced_axes(rows, self.levels, padded)).float().chunk(self.levels)  # the widest first in each
        self.encoders, self.decoders = ([vq.drawn_layers(way, draw) for _ in axes] for way in (widths, widths[::-1]))
        for encoder, decoder, part in zip(self.encoders, self.decoders, axes, strict=True):
            directions = F.pad(part[: self.latent], (0, 0, 0, max(0, self.latent - len(part))))
            vq.begin_linear(encoder, directions, torch.zeros(self.latent))
            vq.begin_linear(decoder, directions.T, torch.zeros(width))
        latents = [latent.numpy().astype(np.float32) for latent in self.latents(rows)]
        books = [vq.Book(vq.first_codebook(latent, self.codebook, self.seed + expert)) for expert, latent in enumerate(latents)]
        how = {"steps": self.steps, "batch": self.batch, "learning_rate": self.learning_rate, "draw": draw}
        points = vq.scaled(rows).float()
        vq.learn([*self.encoders, *self.decoders], books, points, lambda chosen: self._loss(chosen, books), **how)
        self.codebooks = [book.vectors.numpy() for book in books]

    def _loss(self, points: Tensor, books: Sequence[vq.Book]) -> Tensor:
        """Of float32[B, D]: squared distances, a row and input dimension."""
        loss, rebuilt = points.new_zeros(()), torch.zeros_like(points)
        for encoder, decoder, book in zip(self.encoders, self.decoders, books, strict=True):
            latent = vq.through(points, encoder, linear=True)
            picked, drawn = book.quantise(latent, self.commitment)
            rebuilt = rebuilt + vq.through(latent + (picked - latent).detach(), decoder, linear=True)
            loss = loss + drawn
        return (loss + F.mse_loss(rebuilt, points, reduction="sum")) / points.numel()

    def latents(self, rows: np.ndarray) -> list[Tensor]:
        """M tensors float64[n, H] of float64[n, D], unit or zero rows; in float64 a row's latents are the same in any company."""
        points = vq.scaled(rows)
        with torch.no_grad():
            return [vq.through(points, encoder, linear=True) for encoder in self.encoders]

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest code of each expert on its own."""
        found = zip(self.latents(rows), self.codebooks, strict=True)
        return np.stack([nearest(latent.numpy(), book) for latent, book in found], axis=1)

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """The sum of what the decoders of the first l experts make of their codes."""
        parts = [
            vq.through(torch.from_numpy(self.codebooks[expert][codes[:, expert]]).double(), self.decoders[expert], linear=True)
            for expert in range(codes.shape[1])
        ]
        points = torch.stack(parts).sum(dim=0).numpy()
        return (points / points.shape[1] ** 0.5).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Codebooks, and weights and biases of all experts."""
        out = {f"level_{expert}": book for expert, book in enumerate(self.codebooks)}
        for expert, (encoder, decoder) in enumerate(zip(self.encoders, self.decoders, strict=True)):
            out |= vq.arrays_of(encoder, f"encoder_{expert}") | vq.arrays_of(decoder, f"decoder_{expert}")
        return out

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take them back."""
        depth = len(self.hidden) + 2
        self.codebooks = [arrays[f"level_{expert}"] for expert in range(self.levels)]
        self.encoders, self.decoders = (
            [vq.layers_of(arrays, f"{name}_{expert}", depth) for expert in range(self.levels)] for name in ("encoder", "decoder")
        )
