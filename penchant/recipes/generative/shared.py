"""What the codes of generative recipes are made of."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import torch

from penchant.claims.lab import Lab
from penchant.items.controls import shuffled
from penchant.items.quantiser import Quantiser
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.generative.tokens import NormalisedTable
from penchant.train.settings import TrainSettings

#: Share of the budget that goes into vectors to make codes of.
FIRST = 0.4


class Source(StrEnum):
    """What the codes of an item are made of."""

    TEXT = "text"  # its text vector
    LEARNT = "learnt"  # the item vector of a network trained first, which has learnt from IDs and texts
    RANDOM = "random"  # the codes of another item's text, as a control


def sourced_codes(
    lab: Lab, quantiser: Quantiser, source: Source, shape: TandemSettings, training: TrainSettings
) -> tuple[np.ndarray, float]:
    """Codes int32[N + 1, L] of all items, row 0 being -1, and the share of the budget that is left.

    Args:
        lab: What may be seen; with text vectors.
        quantiser: Is fitted to the items that training saw.
        source: What codes are made of.
        shape: Of the network that learns vectors first, where the source asks for it.
        training: Of that network.
    """
    if source == Source.LEARNT:
        return _codes_of(learnt(lab, shape, training, share=FIRST), lab.counts, quantiser), 1.0 - FIRST
    codes = _codes_of(lab.vectors, lab.counts, quantiser)
    return shuffled(codes) if source == Source.RANDOM else codes, 1.0


def learnt(lab: Lab, shape: TandemSettings, training: TrainSettings, *, share: float) -> np.ndarray:
    """float32[N + 1, W], unit item vectors of a Tandem without codes, trained for ``share`` of the budget."""
    nothing = np.zeros((lab.num_items + 1, 1), np.int32)
    model = Tandem(nothing, lab.vectors, lab.counts, shape.but(with_codes=False, code_weight=0.0, code_head=ParallelSettings(part=1)))
    lab.fit(model, training, name="vectors", share=share)
    with torch.no_grad():
        return NormalisedTable(model.tokens).all().numpy()


def _codes_of(vectors: np.ndarray, counts: np.ndarray, quantiser: Quantiser) -> np.ndarray:
    """int32[N + 1, L] by a quantiser fitted to the items that training saw; row 0 is -1."""
    seen = counts > 0
    quantiser.fit(vectors[seen] if seen.any() else vectors[1:])
    codes = quantiser.encode(vectors[1:])
    return np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
