"""Tandem, the house model: items read by ID, codes and vectors; ranked by a dense head, by generated codes, or by both.

Flow     item token = gated ID + codes of its text + its vector -> causal transformer -> dense head; its item vectors -> codes
         -> a head over these codes, learnt while the rest is at rest -> union of both heads' best, one score
Sources  the house design (ARCHITECTURE.md); dense and code retrieval side by side as in LIGER (arXiv:2411.18814)
Departs  none
Letters  none
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import Retriever
from penchant.evaluate.protocol import Seen
from penchant.items.controls import shuffled
from penchant.items.product import ProductQuantiser
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import HeadTraining, learnt_codes
from penchant.models.generative.retrievers import CODE_WEIGHTS, CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.recipes.common import BEAUTY, BEAUTY_TIES
from penchant.recipes.generative.shared import Collisions, Quantising, Source, sourced_codes, training_of

PAPER = Paper("Tandem", "The house model: an encoder with a dense head and a head over codes", "Penchant, 2026", "ARCHITECTURE.md")
TINY = {"levels": 2, "codebook": 8, "width": 32, "layers": 1, "heads": 1, "head_levels": 4, "max_len": 12, "dropout": 0.1}
TINY |= {"learning_rate": 5e-3, "epochs": 20, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": FloatDistribution(0.04, 0.12, log=True),
}


class Ranking(StrEnum):
    """What ranks."""

    BOTH = "both"  # the best of either head, by one score
    DENSE = "dense"  # inner products with all item vectors
    CODES = "codes"  # generated codes of what the network has learnt
    TREE = "tree"  # codes of texts, generated along their tree


def build(
    lab: Lab,
    *,
    ranking: Ranking = Ranking.BOTH,
    with_ids: bool = True,
    with_codes: bool = True,
    with_vectors: bool = True,
    random_codes: bool = False,
    tree_weight: float = 0.5,
    levels: int = 3,
    codebook: int = 256,
    head_levels: int = 32,
    head_share: float = 0.2,
    head_learning_rate: float = 5e-3,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.4,
    max_len: int = 50,
    temperature: float = 0.07,
    learning_rate: float = 1e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> Retriever:
    """Train Tandem.

    Args:
        lab: What may be seen; with text vectors.
        ranking: What ranks; only what that needs is trained.
        with_ids: Whether items are read by ID.
        with_codes: Whether items are read by the codes of their texts.
        with_vectors: Whether items are read by the vectors of their texts.
        random_codes: Whether the code head's codes are dealt to random items, as a control.
        tree_weight: Of the loss of a head along the tree of text codes, trained beside the dense head.
        levels: Of the text codes, before the one that makes them unique.
        codebook: Codes a level.
        head_levels: Codes of what was learnt.
        head_share: Of the budget, for the head over them.
        head_learning_rate: Of AdamW for that head.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Of the cosines.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    ranking, two_parts = Ranking(ranking), ranking in (Ranking.BOTH, Ranking.CODES)
    training = training_of(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs)
    settings = TandemSettings(
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        max_len=max_len,
        with_ids=with_ids,
        with_codes=with_codes,
        with_vectors=with_vectors,
        temperature=temperature,
        code_weight=tree_weight,
    )
    codes, _ = sourced_codes(lab, Quantising.KMEANS.make(levels, codebook, lab.seed), Source.TEXT, settings, training, Collisions.RANK)
    model = Tandem(codes, lab.vectors, lab.counts, settings)
    by_codes = CodeRetriever(model)
    along_tree = ranking == Ranking.TREE
    validate = lab.judge(by_codes) if along_tree else None  # of the dense head, unless told otherwise
    lab.fit(model, training, name="network", share=1.0 - head_share if two_parts else 1.0, validate=validate)
    if not two_parts:
        return by_codes if along_tree else model
    learnt = learnt_codes(model, ProductQuantiser(head_levels, codebook, rotated=False, seed=lab.seed))
    head = ParallelSettings(part=width // head_levels, over_items=True, temperature=temperature)
    model.recode(shuffled(learnt, lab.seed) if random_codes else learnt, head)
    lab.fit(
        HeadTraining(model), training.but(learning_rate=head_learning_rate), name="head", share=head_share, validate=lab.judge(by_codes)
    )
    if ranking == Ranking.CODES:
        return by_codes
    return max((TandemRetriever(model, weight=weight) for weight in CODE_WEIGHTS), key=lab.quality)


CODES = {"ranking": "codes"}
DENSE = {"ranking": "dense"}

UNEVEN = f"Tandem reads texts and chooses one of five weights of its code head on validation; SASRec knows items by ID alone. {BEAUTY_TIES}"

CLAIMS = [
    Claim(
        name="tandem-beats-sasrec",
        says="Tandem ranks better than SASRec with a softmax over the catalogue.",
        subject=Arm("Tandem", "tandem"),
        rivals=[Arm("SASRec, cross-entropy", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=UNEVEN,
    ),
    Claim(
        name="tandem-beats-sasrec-seen-kept",
        says="Tandem ranks better than SASRec where items that the user had may come again.",
        subject=Arm("Tandem", "tandem"),
        rivals=[Arm("SASRec, cross-entropy", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        seen=Seen.KEPT,
        budget=BEAUTY,
        note=UNEVEN,
    ),
    Claim(
        name="learnt-codes-mean-something",
        says="Tandem's code head ranks better with the codes of what the network has learnt than with the same codes dealt out at random.",
        subject=Arm("learnt codes", "tandem", CODES),
        rivals=[Arm("codes of random items", "tandem", {**CODES, "random_codes": True})],
        controls=[Arm("codes of texts, along their tree", "tandem", {"ranking": "tree"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=BEAUTY_TIES,
    ),
    Claim(
        name="tandem-needs-all-it-reads",
        says="Tandem's dense head ranks better when items are read by ID, codes and vectors than when one of them is left out.",
        subject=Arm("all three", "tandem", DENSE),
        rivals=[
            Arm("without IDs", "tandem", {**DENSE, "with_ids": False}),
            Arm("without codes", "tandem", {**DENSE, "with_codes": False}),
            Arm("without vectors", "tandem", {**DENSE, "with_vectors": False}),
        ],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=BEAUTY_TIES,
    ),
    Claim(
        name="tandem-gains-by-its-tree",
        says="Tandem's dense head ranks better when a head along the tree of text codes is trained beside it.",
        subject=Arm("with the tree's loss", "tandem", DENSE),
        rivals=[Arm("without", "tandem", {**DENSE, "tree_weight": 0.0})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=BEAUTY_TIES,
    ),
    Claim(
        name="tandem-finds-new-items",
        says="Of items that training never saw, Tandem finds more than content neighbours do.",
        subject=Arm("Tandem, dense head", "tandem", DENSE),
        rivals=[Arm("content neighbours", "content")],
        controls=[Arm("without codes", "tandem", {**DENSE, "with_codes": False})],
        dataset="amazon-beauty",
        metric="recall@50",
        split="cold-items",
        shown=("recall@10", "recall@50", "ndcg@10"),
        budget=Budget(steps=1000),
        note="The whole catalogue is ranked; a random ranking finds 50 / N of the items, 0.0041 here. The control is there to learn "
        "whether codes help with items that nobody has had: where it is ahead, they do not, and the claim fails for it alone.",
    ),
    Claim(
        name="codes-help-the-tail",
        says="Of items with few events, Tandem finds more when items are also read by codes and vectors than by ID alone.",
        subject=Arm("ID, codes, vectors", "tandem", DENSE),
        rivals=[Arm("ID alone", "tandem", {**DENSE, "with_codes": False, "with_vectors": False})],
        controls=[Arm("ID and vectors", "tandem", {**DENSE, "with_codes": False})],
        dataset="amazon-beauty",
        metric="recall@50",
        slice="tail",
        budget=BEAUTY,
        note=BEAUTY_TIES,
    ),
]
