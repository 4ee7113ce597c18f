"""MMGRec (Liu et al., 2024, arXiv:2404.16555): semantic IDs of item vectors that were spread over the graph of users and items.

Flow     item content and user rows -> 2 layers of means over the training graph, BPR -> item vectors, at rest -> residual
         codes, and the place by popularity among items with the same codes -> TIGER
Departs  the content is text alone; TIGER writes the codes from the codes of an ordered history, where the paper attends to
         a sample of it without places, weighed by a user vector; residual k-means by default; beams keep to items; leave one
         out in place of a random split. The graph takes 40% of the steps
Letters  L levels
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.pairs import PairBatches, Pairs
from penchant.items.controls import shuffled
from penchant.models.generative.recode import codes_of
from penchant.models.generative.tiger import Tiger
from penchant.models.graph.feature_graph import FeatureGraph, FeatureGraphSettings
from penchant.models.graph.lightgcn import GraphSettings
from penchant.recipes.generative import shared
from penchant.recipes.generative.shared import FIRST, Collisions, Network, Quantising
from penchant.recipes.graph.shared import train_graph
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "MMGRec",
    "MMGRec: Multimodal Generative Recommendation with Transformer Model",
    "Shandong University and Harbin Institute of Technology, 2024",
    "arXiv:2404.16555",
)
TINY = {"levels": 1, "codebook": 16, "graph_epochs": 20, **shared.TINY}
SPACE = shared.SPACE
EXTENDS = "tiger"


class Vectors(StrEnum):
    """What codes are made of."""

    GRAPH = "graph"  # content spread over the graph
    CONTENT = "content"  # text alone
    BEHAVIOUR = "behaviour"  # rows of LightGCN alone


def build(
    lab: Lab,
    *,
    vectors: Vectors = Vectors.GRAPH,
    random_items: bool = False,
    quantiser: Quantising = Quantising.KMEANS,
    levels: int = 3,
    codebook: int = 128,
    collisions: Collisions = Collisions.POPULARITY,
    graph_negatives: int = 5,
    graph_dropout: float = 0.5,
    graph_rate: float = 5e-3,
    graph_batch: int = 8192,
    graph_epochs: int = 60,
    dropout: float = 0.2,
    learning_rate: float = 2e-3,
    network: Mapping[str, Any] | None = None,
) -> Tiger:
    """Train the graph, code its items, train TIGER.

    Args:
        lab: What may be seen; with text vectors. The graph has training events alone.
        vectors: What codes are made of.
        random_items: Whether each item gets the codes of another one, as a control.
        quantiser: How vectors become codes.
        levels: L, codes an item before the one that makes them unique.
        codebook: Codes a level.
        collisions: How items with the same codes are told apart.
        graph_negatives: Items set against each that a user had.
        graph_dropout: After the first layer of the graph.
        graph_rate: Learning rate of the graph.
        graph_batch: Pairs a step of the graph.
        graph_epochs: Passes over the pairs, at most.
        dropout: Everywhere in TIGER.
        learning_rate: Of TIGER.
        network: Further fields of ``Network``.
    """
    table, share, kind = lab.vectors, 1.0, Vectors(vectors)
    if kind == Vectors.BEHAVIOUR:
        settings = {"learning_rate": graph_rate, "epochs": graph_epochs, "batch": graph_batch, "name": "graph", "share": FIRST}
        table, share = train_graph(lab, GraphSettings(l2=1e-3), **settings).vectors()[1].numpy(), 1.0 - FIRST
    elif kind == Vectors.GRAPH:
        pairs = Pairs.of(lab.train, lab.num_items)
        graph = FeatureGraph(pairs, FeatureGraphSettings(content=lab.vectors.shape[1], dropout=graph_dropout), lab.vectors)
        training = TrainSettings(
            learning_rate=graph_rate, weight_decay=0, epochs=graph_epochs, warmup_steps=20, patience=6, validate_every=5
        )
        batches = PairBatches(pairs, size=graph_batch, negatives=graph_negatives, seed=lab.seed)
        lab.fit(graph, training, batches, name="graph", share=FIRST)  # type: ignore[arg-type]
        table, share = graph.eval().vectors()[1].numpy(), 1.0 - FIRST
    made = Quantising(quantiser).make(levels, codebook, lab.seed)
    codes = Collisions(collisions).settle(codes_of(table, lab.counts, made), lab.counts, made, table, lab.seed)
    codes = shuffled(codes, lab.seed) if random_items else codes
    return Network(dropout=dropout, learning_rate=learning_rate, **(network or {})).fit(lab, codes, share=share)


#: Every arm searches for lists of ten with a beam of twenty.
SEARCH = {"network": {"beam": 20}}

CLAIMS = [
    Claim(
        name="graph-codes-beat-text-and-behaviour",
        says="Codes of content spread over the graph rank better than codes of texts alone and of LightGCN's rows alone.",
        subject=Arm("graph codes", "mmgrec", SEARCH),
        rivals=[
            Arm("text codes", "mmgrec", {"vectors": "content", **SEARCH}),
            Arm("LightGCN codes", "mmgrec", {"vectors": "behaviour", **SEARCH}),
        ],
        controls=[Arm("graph codes of random items", "mmgrec", {"random_items": True, **SEARCH})],
        dataset="amazon-office",
        metric="recall@10",
        budget=Budget(steps=600),
        note="All arms have the same steps in all: a graph takes 40% of them, and texts alone leave all to the generator.",
    ),
    Claim(
        name="popular-first-among-equal-codes",
        says="The code that tells items with the same codes apart ranks better in order of popularity than in random order.",
        subject=Arm("popular first", "mmgrec", SEARCH),
        rivals=[Arm("random order", "mmgrec", {"collisions": "drawn", **SEARCH})],
        dataset="amazon-office",
        metric="recall@10",
        budget=Budget(steps=600),
    ),
]
