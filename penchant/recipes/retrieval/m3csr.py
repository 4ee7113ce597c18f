"""M3CSR (Kuaishou, RecSys 2024, doi:10.1145/3640457.3688098): clusters of content, and how much each modality counts for a user.

Flow     vectors of titles, vectors of descriptions (or categories) -> clusters -> two towers of modalities (see the network)
Departs  two kinds of text stand for pictures, text and sound; the forms of the intensity and of the pairwise loss are ours;
         clusters are made a modality, or of all side by side, as accounts of the paper differ
Letters  none
"""

from __future__ import annotations

import numpy as np
import polars as pl
from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.errors import InputError
from penchant.items.controls import shuffled
from penchant.items.modal_clusters import modal_clusters
from penchant.models.retrieval.modal_towers import ModalSettings, ModalTowers
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "M3CSR",
    "A Multi-modal Modeling Framework for Cold-start Short-video Recommendation",
    "Kuaishou, RecSys 2024",
    "doi:10.1145/3640457.3688098",
)
TINY = {"clusters": 8, "width": 32, "hidden": 64, "max_len": 12, "dropout": 0.0, "learning_rate": 1e-2, "epochs": 20, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.0, 0.5),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "temperature": FloatDistribution(0.05, 0.3, log=True),
}


def modalities(lab: Lab) -> list[np.ndarray]:
    """Two arrays float32[N + 1, D]: of titles, and of descriptions or else categories; zero where an item has no such text."""
    if lab.encoder is None:
        raise InputError("encoder=None", "text vectors need an encoder", "open the lab with one")
    shown = lab.catalog.readable_categories().list.join(", ")
    texts = lab.catalog.table.select(pl.col("title"), pl.coalesce("description", shown)).fill_null("")
    encoder, found = lab.encoder(), []
    for column in texts:
        rows = encoder.encode(column.to_list()) * (column != "").to_numpy()[:, None]
        found.append(np.concatenate([np.zeros((1, rows.shape[1]), np.float32), rows.astype(np.float32)]))
    return found


def build(
    lab: Lab,
    *,
    clusters: int = 128,
    joint: bool = False,
    clustered: bool = True,
    random_clusters: bool = False,
    intensity: bool = True,
    apart: float = 0.1,
    width: int = 64,
    hidden: int = 128,
    max_len: int = 50,
    dropout: float = 0.2,
    temperature: float = 0.1,
    learning_rate: float = 2e-3,
    epochs: int = 40,
    tokens: int = 1024,
) -> ModalTowers:
    """Train two towers of modalities.

    Args:
        lab: What may be seen; with texts.
        clusters: K, a modality.
        joint: Cluster both kinds of text side by side.
        clustered: Whether items have cluster vectors beside their frozen features.
        random_clusters: Whether each item gets the clusters of another one, as a control.
        intensity: Whether modalities count by user; else evenly.
        apart: Weight of the pairwise loss that keeps interests of modalities apart.
        width: Of each part of the towers' vectors.
        hidden: Inside both towers.
        max_len: Longest window of events.
        dropout: On the vectors of a history.
        temperature: Divides the scores.
        learning_rate: At its top.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch; about as many items stand in it.
    """
    features = modalities(lab)
    codes = modal_clusters(features, lab.counts, clusters=clusters, joint=joint, seed=lab.seed)
    settings = ModalSettings(
        width=width,
        hidden=hidden,
        clustered=clustered,
        intensity=intensity,
        apart=apart,
        max_len=max_len,
        dropout=dropout,
        temperature=temperature,
    )
    model = ModalTowers(lab.counts, features, shuffled(codes, lab.seed) if random_clusters else codes, settings)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CHOSEN = Arm("clusters, intensities", "m3csr")
FROZEN = Arm("frozen features", "m3csr", {"clustered": False, "intensity": False, "apart": 0.0})
COLD = "Items without any training event are to be found among all items. Titles and descriptions stand for pictures and sound."

CLAIMS = [
    Claim(
        name="modal-clusters-find-new-items",
        says="Towers with clusters a modality find more new items than towers of IDs and than towers of frozen features.",
        subject=CHOSEN,
        rivals=[Arm("IDs", "two_tower", {"texts": False}), FROZEN],
        controls=[Arm("clusters of random items", "m3csr", {"random_clusters": True})],
        dataset="amazon-office",
        metric="recall@50",
        split="cold-items",
        budget=Budget(steps=1000),
        shown=("recall@50", "recall@10", "ndcg@10", "ndcg@50"),
        note=COLD,
    ),
    Claim(
        name="clusters-and-intensities-both-help-new-items",
        says="More new items are found with cluster vectors and with intensities than without the one or the other.",
        subject=CHOSEN,
        rivals=[
            Arm("no clusters", "m3csr", {"clustered": False}),
            Arm("even intensities", "m3csr", {"intensity": False}),
        ],
        dataset="amazon-office",
        metric="recall@50",
        split="cold-items",
        budget=Budget(steps=1000),
        shown=("recall@50", "recall@10", "ndcg@10", "ndcg@50"),
        note=COLD,
    ),
]
