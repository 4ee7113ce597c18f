"""SASRec (Kang and McAuley, ICDM 2018, arXiv:1808.09781): self-attention over the items of a history.

Flow     item + position embeddings -> causal transformer -> state -> inner product with the item table
Departs  every position is a target; the objective is an argument, cross-entropy over the catalogue by default (the paper
         has one binary negative); pre-norm blocks; scores are cosines / temperature unless it is None
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.objectives.softmax import FullSoftmax
from penchant.train.settings import TrainSettings

PAPER = Paper("SASRec", "Self-Attentive Sequential Recommendation", "UCSD, ICDM 2018", "arXiv:1808.09781")
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {"dropout": FloatDistribution(0.1, 0.6), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 1e-3,
    epochs: int = 60,
    tokens: int = 4096,
) -> SASRec:
    """Train SASRec.

    Args:
        lab: What may be seen.
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
    settings = SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    model = SASRec(lab.num_items, settings, objective=FullSoftmax())
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = []
