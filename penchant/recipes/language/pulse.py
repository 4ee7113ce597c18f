"""PULSE (Sony Research India, ECIR 2026, arXiv:2510.08626): SASRec with a thought that is held to written rationales.

Flow     events of a training window -> portrait -> rationale, a few sentences -> its vector; a history encoder's thought is
         trained to be nearer to it than to other users' rationales, and is added to SASRec's states
Departs  rationales are the portrait's own sentences by default, of a small language model where one is given; one a window of
         events, so that none knows what comes after; no refinement among several; SASRec recommends, where the paper tunes the
         language model; the thought is made of the history alone, so whoever has no rationale is served too
Letters  M windows, D width of text vectors, N items
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.seeds import generator
from penchant.data.batches import TrainingBatches
from penchant.data.described import DescribedBatches
from penchant.data.histories import Histories
from penchant.models.sequence.thoughtful import Thought, ThoughtfulSASRec, ThoughtSettings, ThoughtSpace
from penchant.recipes.common import ML_100K
from penchant.recipes.language.shared import language_model
from penchant.recipes.language.titles import title_vectors
from penchant.train.settings import TrainSettings
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits
from penchant.users.prose import ProseWriter

PAPER = Paper(
    "PULSE",
    "From What to Why: Thought-Space Recommendation with Small Language Models",
    "Sony Research India, ECIR 2026",
    "arXiv:2510.08626",
)
EXTENDS = "sasrec"
TINY = {
    "width": 32,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
    "space": 16,
    "language": None,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
    "weight": FloatDistribution(0.01, 1.0, log=True),
}


class Rationales(StrEnum):
    """What is added to the states, and what it is held to.

    OWN: a thought, held to the rationale of its window. SHUFFLED: to that of some window of anybody's, the same throughout.
    NONE: to nothing. TITLES: no thought, but the mean title vector of the events.
    """

    OWN = "own"
    SHUFFLED = "shuffled"
    NONE = "none"
    TITLES = "titles"


def texts_of(windows: Histories, lab: Lab, language: str | None = None) -> list[str]:
    """A rationale a window, from its events and from how categories go together in training.

    Args:
        windows: M of them, without what is to be predicted of them.
        lab: What portraits are fitted on.
        language: Where a language model is that says it in its words; None for the portrait's own sentences, which also stand
            where nothing that the model says is borne out.
    """
    tree = CategoryTree.of(lab.catalog)
    portraits = Portraits.fit(lab.train, tree)
    found = [portraits.of(windows.take(np.array([row]))) for row in range(len(windows))]
    said: list[str | None] = [None] * len(found)
    if language is not None:
        said = ProseWriter(language_model(language), tree).write(found)
    return [text or one.prose() for text, one in zip(said, found, strict=True)]


def build(
    lab: Lab,
    *,
    rationales: Rationales = Rationales.OWN,
    language: str | None = None,
    weight: float = 0.1,
    contrast_temperature: float = 0.1,
    drawn: int = 256,
    space: int = 64,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> ThoughtfulSASRec:
    """Train SASRec with thoughts.

    Args:
        lab: What may be seen; with texts and categories.
        rationales: What is added to the states, and what it is held to.
        language: Where a language model is that words the rationales; None for the portrait's own sentences.
        weight: Of the contrast with rationales.
        contrast_temperature: Of that contrast.
        drawn: Rationales a batch that are set against its own, besides.
        space: Width of thoughts.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    rationales = Rationales(rationales)
    shape = ThoughtSettings(
        thought=Thought.TITLES if rationales is Rationales.TITLES else Thought.READ,
        space=space,
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        max_len=max_len,
        temperature=temperature,
    )
    model = ThoughtfulSASRec(title_vectors(lab), shape)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    if rationales not in (Rationales.OWN, Rationales.SHUFFLED):
        return lab.fit(model, training)
    assert lab.encoder is not None
    plain = TrainingBatches(lab.train, max_len=max_len, tokens=tokens, seed=lab.seed)
    texts, kinds = np.unique(texts_of(plain.windows.without_last(1), lab, language), return_inverse=True)
    if rationales is Rationales.SHUFFLED:
        kinds = kinds[generator(lab.seed).permutation(len(kinds))]
    vectors = lab.encoder().encode(texts.tolist())[kinds]
    thoughts = ThoughtSpace(model, vectors, plain.windows.users, kinds, weight=weight, temperature=contrast_temperature, drawn=drawn)
    lab.fit(thoughts, training, DescribedBatches(plain, vectors, kinds), validate=lab.judge(model))
    return model


CLAIMS = [
    Claim(
        name="rationales-help-sasrec",
        says="SASRec ranks better with a thought that is held to the user's rationale than alone, with the mean vector of titles, and "
        "with thoughts held to other users' rationales or to none.",
        subject=Arm("rationales", "pulse"),
        rivals=[Arm("SASRec", "sasrec"), Arm("mean title", "pulse", {"rationales": "titles"})],
        controls=[
            Arm("shuffled rationales", "pulse", {"rationales": "shuffled"}),
            Arm("no rationales", "pulse", {"rationales": "none"}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note="Rationales are the sentences of model-free portraits, not a language model's. The shuffled control decides: what is gained "
        "over SASRec alone may come of titles or of further weights.",
    ),
    Claim(
        name="a-models-rationales-help-sasrec",
        says="SASRec ranks better with thoughts held to what a small language model says of the user than to the portrait's own sentences, "
        "and than alone.",
        subject=Arm("a model's rationales", "pulse", {"language": ""}),
        rivals=[Arm("the portrait's sentences", "pulse"), Arm("SASRec", "sasrec")],
        controls=[Arm("shuffled rationales of the model", "pulse", {"language": "", "rationales": "shuffled"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note="Sentences that the portrait does not bear out are dropped; where none is left, the portrait's own stand in.",
    ),
]
