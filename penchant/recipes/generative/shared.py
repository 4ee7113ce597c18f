"""What generative recipes share: what codes are made of, how they are made unique, and TIGER's network and training.

Letters: N items, L levels, D vector width.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from pydantic import Field

from penchant.claims.lab import Lab
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.core.settings import Settings
from penchant.data.batches import Batches
from penchant.items.collisions import spread_codes, unique_codes
from penchant.items.controls import shuffled
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import UnitQuantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import codes_of, item_vectors
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.generative.tiger import Tiger, TigerSettings
from penchant.train.settings import TrainSettings

#: Share of the budget that goes into vectors to make codes of.
FIRST = 0.4
#: What is worth tuning of TIGER's network, whatever its codes.
SPACE: dict[str, BaseDistribution] = {"dropout": FloatDistribution(0.05, 0.5), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}
#: A network that learns the planted world in about 2 CPU seconds.
TINY_NETWORK: dict[str, Any] = {"width": 64, "layers": 1, "inner": 128, "max_len": 12, "epochs": 16, "tokens": 128}
TINY: dict[str, Any] = {"dropout": 0.0, "learning_rate": 1e-2, "network": TINY_NETWORK}


class Source(StrEnum):
    """What the codes of an item are made of."""

    TEXT = "text"  # its text vector
    LEARNT = "learnt"  # the item vector of a network trained first, which has learnt from IDs and texts
    RANDOM = "random"  # the codes of another item's text, as a control


class Quantising(StrEnum):
    """How a vector becomes codes."""

    KMEANS = "k-means"  # residual k-means
    BALANCED = "balanced k-means"  # of which no cluster learns from more than its share
    RQ_VAE = "rq-vae"
    UNIFORM = "uniform rq-vae"  # whose last level spreads each batch evenly while learning
    PRODUCT = "product"  # codes without an order

    def make(self, levels: int, codebook: int, seed: int = 0, **more: Any) -> UnitQuantiser:
        """The quantiser, not fitted; ``more`` goes to its constructor."""
        settings = {"levels": levels, "codebook": codebook, "seed": seed, **more}
        if self == Quantising.PRODUCT:
            return ProductQuantiser(**settings)
        if self in (Quantising.RQ_VAE, Quantising.UNIFORM):
            return RQVAE(**settings, uniform=self == Quantising.UNIFORM)
        return ResidualKMeans(**settings, capacity=1.0 if self == Quantising.BALANCED else None)


class Collisions(StrEnum):
    """How items with the same codes are told apart."""

    RANK = "rank"  # a further level: the place in the group, in the order of the catalogue
    POPULARITY = "popularity"  # the same, the most popular first
    DRAWN = "drawn"  # the same, in random order
    FREE = "free"  # no further level: all but one of a group move to the nearest free code of the last level

    def settle(self, codes: np.ndarray, counts: np.ndarray, quantiser: UnitQuantiser, vectors: np.ndarray, seed: int = 0) -> np.ndarray:
        """int32[N + 1, L or L + 1], distinct rows from 1 on and -1 in row 0.

        Args:
            codes: int32[N + 1, L].
            counts: int64[N + 1], training events an item.
            quantiser: Made the codes.
            vectors: float32[N + 1, D], of which it made them.
            seed: Of a random order.

        Raises:
            InputError: Codes are to move to free ones, and the quantiser knows no distances to codes of the last level.
        """
        if self == Collisions.FREE:
            knows = isinstance(quantiser, ResidualKMeans | RQVAE)
            require(knows, f"collisions={self} with {quantiser.KIND}", "its last level is not what others leave over", "use a residual one")
            moved = spread_codes(quantiser, vectors[1:])  # type: ignore[arg-type]
            alone = len(np.unique(moved, axis=0)) == len(moved)
            return padded(moved if alone else unique_codes(moved))  # below a full prefix there is no free code
        orders = {
            Collisions.RANK: None,
            Collisions.POPULARITY: np.argsort(-counts[1:], kind="stable"),
            Collisions.DRAWN: generator(seed).permutation(len(codes) - 1),
        }
        return padded(unique_codes(codes[1:], order=orders[self]))


def padded(codes: np.ndarray) -> np.ndarray:
    """int32[N + 1, L] of int32[N, L]: row 0 is -1."""
    return np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])


def sourced_codes(
    lab: Lab,
    quantiser: UnitQuantiser,
    source: Source,
    shape: TandemSettings,
    training: TrainSettings,
    collisions: Collisions | None = None,
) -> tuple[np.ndarray, float]:
    """Codes int32[N + 1, L] of all items, row 0 being -1, and the share of the budget that is left.

    Args:
        lab: What may be seen; with text vectors.
        quantiser: Is fitted to the items that training saw.
        source: What codes are made of.
        shape: Of the network that learns vectors first, where the source asks for it.
        training: Of that network.
        collisions: How items with the same codes are told apart; None leaves them as they are.
    """
    vectors, share = lab.vectors, 1.0
    if source == Source.LEARNT:
        nothing = np.zeros((lab.num_items + 1, 1), np.int32)
        model = Tandem(nothing, lab.vectors, lab.counts, shape.but(with_codes=False, code_weight=0.0, code_head=ParallelSettings(part=1)))
        vectors, share = item_vectors(lab.fit(model, training, name="vectors", share=FIRST)), 1.0 - FIRST
    codes = codes_of(vectors, lab.counts, quantiser)
    if collisions is not None:
        codes = collisions.settle(codes, lab.counts, quantiser, vectors, lab.seed)
    return shuffled(codes, lab.seed) if source == Source.RANDOM else codes, share


class Network(Settings):
    """TIGER's network and training: the same for all recipes that differ in their codes."""

    width: int = Field(default=128, ge=1, description="of states and code embeddings")
    layers: int = Field(default=2, ge=1, description="of the encoder, and as many of the decoder")
    heads: int = Field(default=4, ge=1, description="of attention")
    inner: int = Field(default=512, ge=1, description="width of feed-forward parts")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="everywhere")
    max_len: int = Field(default=21, ge=2, description="longest window: items, and the start token")
    beam: int = Field(default=50, ge=1, description="prefixes kept a level; a longer list widens it")
    learning_rate: float = Field(default=2e-3, gt=0, description="of AdamW")
    epochs: int = Field(default=100, ge=1, description="passes over the data, at most")
    tokens: int = Field(default=1024, ge=2, description="padded items a batch")

    @property
    def training(self) -> TrainSettings:
        """How it is trained."""
        return training_of(max_len=self.max_len, tokens=self.tokens, learning_rate=self.learning_rate, epochs=self.epochs)

    @property
    def shape(self) -> TandemSettings:
        """Of a network as large that learns item vectors first."""
        return TandemSettings(width=self.width, layers=self.layers, heads=self.heads, dropout=self.dropout, max_len=self.max_len)

    def fit(self, lab: Lab, codes: np.ndarray, *, share: float = 1.0, data: Batches | None = None, **more: Any) -> Tiger:
        """Train TIGER on codes int32[N + 1, L].

        Args:
            lab: What may be seen.
            codes: Distinct rows from 1 on.
            share: Of the budget that is left.
            data: Batches; all events of all training histories by default.
            more: Further fields of ``TigerSettings``.
        """
        trained_by = ("learning_rate", "epochs", "tokens")
        settings = TigerSettings(**{name: value for name, value in self.plain().items() if name not in trained_by}, **more)
        return lab.fit(Tiger(codes, settings), self.training, data, share=share)


def training_of(*, max_len: int, tokens: int, learning_rate: float, epochs: int) -> TrainSettings:
    """How generative recipes train: validated every second epoch, stopped when five validations were no better."""
    return TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
