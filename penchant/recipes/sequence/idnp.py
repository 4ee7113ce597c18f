"""IDNP (WSDM 2023, arXiv:2208.04600): interest as a function of time, by a neural process over the sessions of a history.

Flow     items -> multi-scale views -> step; sessions before it -> attention, and a latent variable -> decoder -> item vectors
Departs  contexts are prefixes of sessions, not random parts; no user embedding; long sessions are cut, so that bursts such as
         MovieLens has give more than one; scales and widths are ours, as the paper's could not be read
Letters  none
"""

from __future__ import annotations

from collections.abc import Sequence

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.clock import Times
from penchant.models.sequence.idnp import IDNP, IDNPSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "IDNP",
    "IDNP: Interest Dynamics Modeling Using Generative Neural Processes for Sequential Recommendation",
    "UNSW and CSIRO, WSDM 2023",
    "arXiv:2208.04600",
)
TINY = {
    "width": 32,
    "layers": 1,
    "latent": 8,
    "beta_steps": 100,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "beta": FloatDistribution(0.05, 2.0, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    scales: Sequence[int] = (1, 2, 4, 8),
    heads: int = 2,
    latent: int = 32,
    dropout: float = 0.3,
    max_len: int = 50,
    session_gap: int = 86_400,
    session_len: int = 8,
    beta: float = 1.0,
    beta_steps: int = 1000,
    temperature: float | None = None,
    times: Times = Times.USED,
    test_times: Times = Times.USED,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> IDNP:
    """Train IDNP.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        layers: Of multi-scale views.
        scales: Steps that each view sees.
        heads: Of attention.
        latent: Width of the latent variable; 0 does without.
        dropout: Everywhere.
        max_len: Longest window of events.
        session_gap: Seconds without an event that end a session.
        session_len: Events of a session, at most.
        beta: Final weight of the KL term.
        beta_steps: Batches over which that weight rises from 0.
        temperature: Score by cosine / temperature; None by the inner product.
        times: What training sees of the times.
        test_times: What inference sees of the times.
        objective: Next-item loss.
        negatives: Of a sampled loss; None for that loss's default.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = IDNPSettings(
        width=width,
        layers=layers,
        scales=tuple(scales),
        heads=heads,
        latent=latent,
        dropout=dropout,
        max_len=max_len,
        session_gap=session_gap,
        session_len=session_len,
        beta=beta,
        beta_steps=beta_steps,
        temperature=temperature,
        times=Times(times),
        test_times=Times(test_times),
    )
    model = IDNP(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="idnp-needs-its-parts",
        says="IDNP ranks better than without its latent variable and than without several scales.",
        subject=Arm("IDNP", "idnp"),
        rivals=[Arm("no latent variable", "idnp", {"latent": 0}), Arm("one scale", "idnp", {"scales": [4]})],
        controls=[Arm("times shuffled", "idnp", {"times": "shuffled", "test_times": "shuffled"})],
        dataset="ml-latest-small",
        metric="ndcg@10",
        budget=ML_100K,
        note="Most users of MovieLens rated in one burst: pieces of eight events stand in for sessions there.",
    ),
    Claim(
        name="idnp-reads-the-times",
        says="IDNP trained with times ranks worse when the gaps of the history are shuffled at inference.",
        subject=Arm("true times", "idnp"),
        rivals=[Arm("shuffled at inference", "idnp", {"test_times": "shuffled"})],
        dataset="ml-latest-small",
        metric="ndcg@10",
        budget=ML_100K,
    ),
]
