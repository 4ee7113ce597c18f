"""The losses for the next item, by name, so that a recipe takes the choice as one argument."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from penchant.objectives.binary import BinaryCrossEntropy
from penchant.objectives.softmax import FullSoftmax, Objective, SampledSoftmax

#: More negatives than this are shared by the positions of a batch.
OWN_NEGATIVES = 16


class NextItemLoss(StrEnum):
    """What a next-item model minimises.

    FULL: cross-entropy over the catalogue. SAMPLED: over sampled items. BINARY: target or not, against uniform negatives.
    GBCE: the same, calibrated for the share of items sampled.
    """

    FULL = "full"
    SAMPLED = "sampled"
    BINARY = "binary"
    GBCE = "gbce"

    def make(
        self,
        counts: np.ndarray,
        *,
        negatives: int | None = None,
        power: float = 0.5,
        correction: bool = True,
        calibration: float = 0.75,
        scale: float = 1.0,
    ) -> Objective:
        """The loss for a catalogue.

        Args:
            counts: [N + 1], training events an item.
            negatives: Of all but the full softmax; by default 1 for BINARY as in SASRec and 256 for the others, and never
                more than there are other items.
            power: Of popularity, by which SAMPLED draws.
            correction: Whether SAMPLED takes the log-Q correction.
            calibration: t of GBCE.
            scale: Multiplies the logits.
        """
        num_items = len(counts) - 1
        wanted = (1 if self is NextItemLoss.BINARY else 256) if negatives is None else negatives
        count = min(wanted, num_items - 1)
        shared = count > OWN_NEGATIVES
        match self:
            case NextItemLoss.FULL:
                return FullSoftmax(scale=scale)
            case NextItemLoss.SAMPLED:
                return SampledSoftmax(counts, negatives=count, power=power, scale=scale, correction=correction)
            case NextItemLoss.BINARY:
                return BinaryCrossEntropy(num_items, negatives=count, shared=shared, scale=scale)
            case NextItemLoss.GBCE:
                return BinaryCrossEntropy(num_items, negatives=count, calibration=calibration, shared=shared, scale=scale)
