"""EmbSum (Meta and UBC, RecSys 2024, arXiv:2405.11441): several vectors a user and an item, and summaries as supervision.

Flow     vectors of titles and of whole texts (brand, description and all) -> poly-embeddings of users, by sessions, and of items
         (see the network); in training a decoder's state has to name the facets that a history is about
Departs  a summary is a template, the categories and brands (or else words of titles) that weigh most in the events before the
         target, and not a language model's text; naming them is one step, not a text token by token; frozen MiniLM vectors
         stand for T5's encoder; sessions of at most a few events, where times do not tell
Letters  N items
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.facets import Facets
from penchant.models.retrieval.embsum import EmbSum, EmbSumSettings
from penchant.models.retrieval.summaries import TaughtSummaries
from penchant.recipes.language.titles import title_vectors
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "EmbSum",
    "EmbSum: Leveraging the Summarization Capabilities of Large Language Models for Content-Based Recommendations",
    "Meta and UBC, RecSys 2024",
    "arXiv:2405.11441",
)
TINY = {"width": 32, "max_len": 12, "dropout": 0.0, "learning_rate": 1e-2, "epochs": 20, "tokens": 256, "negatives": 64}
SPACE = {
    "dropout": FloatDistribution(0.0, 0.5),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "temperature": FloatDistribution(0.05, 0.3, log=True),
    "weight": FloatDistribution(0.01, 1.0, log=True),
}


class Summaries(StrEnum):
    """What the decoder's state has to name.

    OWN: what its history is about. SHUFFLED: what another history is about. NONE: nothing.
    """

    OWN = "own"
    SHUFFLED = "shuffled"
    NONE = "none"


def build(
    lab: Lab,
    *,
    summaries: Summaries = Summaries.OWN,
    weight: float = 0.1,
    named: int = 8,
    facets: int = 512,
    user_vectors: int = 4,
    item_vectors: int = 2,
    session_len: int = 3,
    session_gap: int = 86_400,
    width: int = 64,
    layers: int = 1,
    heads: int = 2,
    max_len: int = 20,
    dropout: float = 0.2,
    temperature: float = 0.1,
    negatives: int = 256,
    learning_rate: float = 2e-3,
    epochs: int = 40,
    tokens: int = 512,
) -> EmbSum:
    """Train poly-embeddings.

    Args:
        lab: What may be seen; with texts.
        summaries: What the decoder's state has to name.
        weight: Of the summary loss.
        named: Facets of a summary, at most.
        facets: That can be named, the commonest.
        user_vectors: Of a user.
        item_vectors: Of an item.
        session_len: Events of a session, at most; 1 leaves each alone.
        session_gap: Seconds without an event that end a session.
        width: Of each vector.
        layers: Of the encoder, and of the decoder.
        heads: Of attention.
        max_len: Longest window of events.
        dropout: Everywhere.
        temperature: Divides cosines.
        negatives: Items that are drawn a batch.
        learning_rate: At its top.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = EmbSumSettings(
        width=width,
        heads=heads,
        layers=layers,
        user_vectors=user_vectors,
        item_vectors=item_vectors,
        session_gap=session_gap,
        session_len=session_len,
        max_len=max_len,
        dropout=dropout,
        temperature=temperature,
        negatives=negatives,
    )
    summaries, model = Summaries(summaries), EmbSum(lab.counts, [title_vectors(lab), lab.vectors], settings)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=4, validate_every=4)
    if summaries is Summaries.NONE:
        return lab.fit(model, training)
    told = Facets.of(lab.catalog, most=facets).weights
    taught = TaughtSummaries(model, told, weight=weight, named=named, shuffled=summaries is Summaries.SHUFFLED)
    lab.fit(taught, training, lab.train, validate=lab.judge(model))
    return model


CHOSEN = Arm("EmbSum", "embsum")
NOTE = (
    "Summaries are templates: the brands and words of titles that weigh most, as these items have no categories. Without times, "
    "sessions are of three events. Half of the histories have at most four events, so there is little to divide or to sum up."
)

CLAIMS = [
    Claim(
        name="several-vectors-beat-single-ones",
        says="Several vectors a user and an item rank better than one of each, and than several of users alone or of items alone.",
        subject=CHOSEN,
        rivals=[
            Arm("one vector each", "embsum", {"user_vectors": 1, "item_vectors": 1}),
            Arm("one an item", "embsum", {"item_vectors": 1}),
            Arm("one a user", "embsum", {"user_vectors": 1}),
        ],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note=NOTE,
    ),
    Claim(
        name="summaries-teach-users-vectors",
        says="Vectors of users rank better where a decoder has to name what a history is about than without, and than where it has to "
        "name what another history is about.",
        subject=CHOSEN,
        rivals=[Arm("no summaries", "embsum", {"summaries": "none"})],
        controls=[Arm("summaries of others", "embsum", {"summaries": "shuffled"})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note=NOTE,
    ),
    Claim(
        name="sessions-beat-events-alone",
        says="Encoded by sessions, histories rank better than with each event alone, and than all in one.",
        subject=CHOSEN,
        rivals=[
            Arm("each event alone", "embsum", {"session_len": 1}),
            Arm("one session", "embsum", {"session_len": 1_000_000, "session_gap": 10**12}),
        ],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note=NOTE,
    ),
]
