"""Codes of what a network has learnt: a code head that comes after the rest of Tandem, over codes of Tandem's own item vectors.

Codes of texts alone say what an item is, not who takes it, and a head over them stays far behind the dense head. The item
vectors that the dense head has learnt know both. So first the network is trained with its dense head; then its vectors
are quantised, and a parallel head learns these codes from the network's states, which rest. The head costs a fraction of
the first part, as nothing is propagated back through the network.

Letters: N items, L levels.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import nn

from penchant.contracts import Losses
from penchant.data.batches import Batch
from penchant.items.quantiser import Quantiser
from penchant.models.generative.tandem import Tandem
from penchant.models.generative.tokens import NormalisedTable


def learnt_codes(model: Tandem, quantiser: Quantiser) -> np.ndarray:
    """int32[N + 1, L], codes of the item vectors of a trained network; row 0 is -1.

    The quantiser is fitted to the items with training events; the others are encoded from their content alone.
    """
    return codes_of(item_vectors(model), model.tokens.counts.numpy(), quantiser)


@torch.no_grad()
def item_vectors(model: Tandem) -> np.ndarray:
    """float32[N + 1, W], unit item vectors of a trained network."""
    return NormalisedTable(model.tokens).all().float().numpy()


def codes_of(vectors: np.ndarray, counts: np.ndarray, quantiser: Quantiser) -> np.ndarray:
    """int32[N + 1, L], codes of float32[N + 1, D] by a quantiser fitted to the items with training events; row 0 is -1."""
    seen = counts > 0
    quantiser.fit(vectors[seen] if seen.any() else vectors[1:])
    codes = quantiser.encode(vectors[1:])
    return np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])


class HeadTraining(nn.Module):
    """Trains a network's code head alone; the rest is in evaluation mode and does not change.

    Args:
        model: The network.
    """

    def __init__(self, model: Tandem) -> None:
        super().__init__()
        self.model = model

    def loss(self, batch: Batch) -> Losses:
        """The code head's loss over all steps that have a target."""
        has = batch.targets > 0
        with torch.no_grad():
            states = self.model.encode(batch)[has]
        loss = self.model.code_head.loss(states, batch.targets[has])
        return Losses(loss, {"codes": loss.detach()})

    def train(self, mode: bool = True) -> Self:
        """Switch this wrapper; the network stays in evaluation mode, and forgets what it derived from the head's weights."""
        super().train(mode)
        self.model.train(False)
        return self
