"""Portraits as features of a retriever: SASRec whose states know the interests of the history so far.

Flow     SASRec -> state + linear map of the shares of categories, of the newest events and of all -> scores of the catalogue
Departs  no paper's system; the portrait is that of the window, as exact portraits of every step would be too many
Letters  N items, G categories, U users
"""

from __future__ import annotations

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy import sparse

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.controls import shuffled
from penchant.models.sequence.portrait_states import PortraitStates, PortraitStatesSettings
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.portrait_shares import shares

PAPER = Paper("Portrait states", "Portraits of people as features of a sequence model", "Penchant, 2026", "ARCHITECTURE.md")
EXTENDS = "sasrec"
ALWAYS = 1_000_000  # days
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
}


def build(
    lab: Lab,
    *,
    own: bool = True,
    known: bool = True,
    recent: int = 20,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> PortraitStates:
    """Train SASRec with portraits.

    Args:
        lab: What may be seen; items have categories.
        own: Whether portraits are a person's own; otherwise everybody has that of some training user, as a control.
        known: Whether items have their own categories; otherwise those of a random other item, as a control.
        recent: Newest events that are short-term.
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
    tree = CategoryTree.of(lab.catalog)
    table = sparse.csr_matrix(tree.items @ tree.above).toarray()[:, 1:]
    newest = PortraitSettings(short_days=ALWAYS, short_events=recent)  # as the network tells them
    found = None if own else shares(Portraits.fit(lab.train, tree, newest), lab.train)
    strangers = None if found is None else np.concatenate([found.short[:, 1:], found.long[:, 1:]], axis=1)
    settings = PortraitStatesSettings(
        width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature, recent=recent
    )
    model = PortraitStates(table if known else shuffled(table, lab.seed), settings, strangers)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="portraits-add-to-a-sequence-model",
        says="SASRec that is told a portrait ranks better than SASRec, than with strangers' portraits, and than with portraits of shuffled "
        "categories.",
        subject=Arm("SASRec and portraits", "portrait_states"),
        rivals=[Arm("SASRec", "sasrec")],
        controls=[
            Arm("SASRec and strangers' portraits", "portrait_states", {"own": False}),
            Arm("SASRec and portraits of shuffled categories", "portrait_states", {"known": False}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
]
