"""What the recipes with a masked head share: Tandem that reads items by their codes alone and trains nothing but that head.

Letters: L levels.
"""

from __future__ import annotations

from penchant.claims.lab import Lab
from penchant.items.quantiser import UnitQuantiser
from penchant.models.generative.masked import MaskedSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.recipes.generative.shared import Source, sourced_codes
from penchant.train.settings import TrainSettings

#: A network that learns the planted world in about 2 CPU seconds.
TINY = {
    "levels": 3,
    "codebook": 8,
    "width": 32,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
}


def train_masked(
    lab: Lab, quantiser: UnitQuantiser, source: Source, head: MaskedSettings, shape: TandemSettings, training: TrainSettings
) -> CodeRetriever:
    """Train a masked head over the quantiser's codes; items may share all codes, and tie then.

    Args:
        lab: What may be seen; with text vectors.
        quantiser: Is fitted to the items that training saw.
        source: What codes are made of.
        head: The head and how it is searched.
        shape: Of the network below it.
        training: How it is trained.
    """
    codes, share = sourced_codes(lab, quantiser, source, shape, training)
    settings = shape.but(with_ids=False, with_vectors=False, dense_weight=0.0, code_head=head, code_weight=1.0)
    found = CodeRetriever(Tandem(codes, lab.vectors, lab.counts, settings))
    lab.fit(found.model, training, validate=lab.judge(found), share=share)
    return found
