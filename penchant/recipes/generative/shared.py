"""What the codes of generative recipes are made of."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from penchant.claims.lab import Lab
from penchant.items.controls import shuffled
from penchant.items.quantiser import Quantiser
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import codes_of, learnt_codes
from penchant.models.generative.tandem import Tandem, TandemSettings
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
        nothing = np.zeros((lab.num_items + 1, 1), np.int32)
        model = Tandem(nothing, lab.vectors, lab.counts, shape.but(with_codes=False, code_weight=0.0, code_head=ParallelSettings(part=1)))
        return learnt_codes(lab.fit(model, training, name="vectors", share=FIRST), quantiser), 1.0 - FIRST
    codes = codes_of(lab.vectors, lab.counts, quantiser)
    return shuffled(codes) if source == Source.RANDOM else codes, 1.0
