"""SASRec on histories from which noise was taken: does finding noise help a recommender? The second half of LLM4DSR (arXiv:2408.08208).

Flow     training histories with planted noise -> the most suspect tenth of the events -> replaced -> SASRec
Departs  what suspects is cheap (texts or counts), as a language model would read tens of thousands of histories; a replacement is the item
         whose text is most like the events around, in place of one that a model writes and that is then looked for among texts; there is
         noise in training only, so histories are shown as they are when something is recommended
Letters  none
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.planted_noise import planted
from penchant.models.denoise import Denoiser, Rare, Unlike
from penchant.models.repair import replaced_alike, replaced_by, suspects
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "LLM4DSR, corrected histories",
    "LLM4DSR: Leveraging Large Language Model for Denoising Sequential Recommendation",
    "Zhejiang University and OPPO, TOIS 2025",
    "arXiv:2408.08208",
)
TINY = {"noise": 0.05, "share": 0.05, "width": 32, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 30, "tokens": 256}
EXTENDS = "sasrec"


class Treatment(StrEnum):
    """What is trained on."""

    CLEAN = "clean"  #: Histories before the noise; nobody has them.
    NOISY = "noisy"  #: Histories as they are.
    CORRECTED = "corrected"  #: Suspects replaced by what is like the events around them.
    SHUFFLED = "random replacement"  #: The same suspects replaced by items of chance.
    RANDOM = "random suspects"  #: As many events of chance replaced by what is like the events around them.


class Finder(StrEnum):
    """What suspects."""

    TEXTS = "texts"  #: Items unlike the others of a history.
    COUNTS = "counts"  #: Items that few have.


def build(
    lab: Lab,
    *,
    treatment: Treatment = Treatment.CORRECTED,
    finder: Finder = Finder.COUNTS,
    noise: float = 0.1,
    share: float = 0.1,
    width: int = 64,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> SASRec:
    """Train SASRec.

    Args:
        lab: Its training events get the noise, the same for all seeds.
        treatment: What is done with it.
        finder: What finds it.
        noise: Share of events that are planted.
        share: Of events that are suspects.
        width: Of states and item vectors.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    histories = treated(lab, treatment, finder, noise, share)
    model = SASRec(lab.num_items, SASRecSettings(width=width, dropout=dropout, max_len=max_len, temperature=temperature))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training, histories)


def treated(lab: Lab, treatment: Treatment, finder: Finder, noise: float, share: float) -> Histories:
    """The training histories.

    Args:
        lab: Has the events.
        treatment: What is done with their noise.
        finder: What finds it.
        noise: Share of events that are planted.
        share: Of events that are suspects.
    """
    if treatment is Treatment.CLEAN:
        return lab.train
    noisy = planted(lab.train, lab.num_items, share=noise).histories
    if treatment is Treatment.NOISY:
        return noisy
    if treatment is Treatment.RANDOM:
        by_chance = generator(lab.seed, 1).random(noisy.num_events).astype(np.float32)
        return replaced_alike(noisy, suspects(by_chance, noisy, share=share), lab.vectors)
    denoiser: Denoiser = Unlike(lab.vectors)
    if finder is Finder.COUNTS:
        denoiser = Rare(np.bincount(noisy.items, minlength=lab.num_items + 1))
    which = suspects(denoiser.suspicion(noisy), noisy, share=share)
    if treatment is Treatment.CORRECTED:
        return replaced_alike(noisy, which, lab.vectors)
    return replaced_by(noisy, which, planted(noisy, lab.num_items, share=1.0, seed=lab.seed + 1).histories)


_NOTE = (
    "10% of the training events are replaced by items of which all are equally likely; counts suspect, the cheapest of what finds noise."
)

CLAIMS = [
    Claim(
        name="corrected-histories-beat-noisy",
        says="SASRec ranks better after suspect events were replaced than on noisy histories.",
        subject=Arm("corrected", "denoised_sasrec"),
        rivals=[Arm("noisy", "denoised_sasrec", {"treatment": Treatment.NOISY})],
        controls=[
            Arm("random replacement", "denoised_sasrec", {"treatment": Treatment.SHUFFLED}),
            Arm("random suspects", "denoised_sasrec", {"treatment": Treatment.RANDOM}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=_NOTE,
    ),
    Claim(
        name="noise-costs-sasrec",
        says="SASRec ranks better without the planted noise than with it: there is something to be won by finding it.",
        subject=Arm("clean", "denoised_sasrec", {"treatment": Treatment.CLEAN}),
        rivals=[Arm("noisy", "denoised_sasrec", {"treatment": Treatment.NOISY})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=_NOTE,
    ),
]
