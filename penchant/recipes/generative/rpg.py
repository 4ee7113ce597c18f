"""RPG (Hou et al., KDD 2025, arXiv:2506.05781): long unordered semantic IDs, all codes of the next item predicted at once.

Flow     item text -> vector -> OPQ codes; item = sum of its code embeddings -> causal transformer -> a query a level -> codes
Departs  a scan of the whole catalogue instead of the graph search, so nothing is missed; narrower (128, paper 448), MiniLM
         instead of text-embedding-3-large, no whitening; on request the loss is a softmax over items (see the head)
Letters  L levels
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.recipes.common import BEAUTY
from penchant.recipes.generative.shared import Quantising, Source, sourced_codes, training_of

PAPER = Paper("RPG", "Generating Long Semantic IDs in Parallel for Recommendation", "Meta and UCSD, KDD 2025", "arXiv:2506.05781")
TINY = {
    "levels": 4,
    "codebook": 8,
    "width": 32,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "temperature": FloatDistribution(0.02, 0.15, log=True),
}


def build(
    lab: Lab,
    *,
    source: Source = Source.TEXT,
    levels: int = 32,
    codebook: int = 256,
    over_items: bool = False,
    part: int = 4,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float = 0.03,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> CodeRetriever:
    """Train RPG.

    Args:
        lab: What may be seen; with text vectors.
        source: What codes are made of.
        levels: L, codes an item.
        codebook: Codes a level, at most 256.
        over_items: Whether the loss is a softmax over items instead of one a level.
        part: Width of a level's query and code vectors under a loss over items.
        width: Of states and code embeddings.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Of the cosines.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    shape = TandemSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len)
    training = training_of(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs)
    codes, share = sourced_codes(lab, Quantising.PRODUCT.make(levels, codebook, lab.seed), Source(source), shape, training)
    head = ParallelSettings(temperature=temperature, over_items=over_items, part=part if over_items else None)
    settings = shape.but(with_ids=False, with_vectors=False, dense_weight=0.0, code_head=head, code_weight=1.0)
    found = CodeRetriever(Tandem(codes, lab.vectors, lab.counts, settings))
    lab.fit(found.model, training, validate=lab.judge(found), share=share)
    return found


CLAIMS = [
    Claim(
        name="rpg-codes-mean-something",
        says="RPG ranks better with the codes of the items' texts than with the same codes given to random items.",
        subject=Arm("codes of texts", "rpg"),
        rivals=[Arm("codes of random items", "rpg", {"source": "random"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
    ),
    Claim(
        name="rpg-long-ids-beat-short-ones",
        says="RPG ranks better with 32 codes an item than with 4.",
        subject=Arm("32 codes", "rpg"),
        rivals=[Arm("4 codes", "rpg", {"levels": 4})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
    ),
    Claim(
        name="a-loss-over-items-helps-rpg",
        says="Parallel codes rank better when the loss is a softmax over items than when it is one a level.",
        subject=Arm("over items", "rpg", {"over_items": True, "temperature": 0.07}),
        rivals=[Arm("a level", "rpg")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note="This is our own departure, not the paper's.",
    ),
    Claim(
        name="learnt-codes-help-rpg",
        says="Parallel codes rank better when they are made of item vectors that were learnt first than of texts alone.",
        subject=Arm("learnt first", "rpg", {"over_items": True, "temperature": 0.07, "source": "learnt"}),
        rivals=[Arm("texts", "rpg", {"over_items": True, "temperature": 0.07})],
        controls=[Arm("codes of random items", "rpg", {"over_items": True, "temperature": 0.07, "source": "random"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note="What is learnt first takes 40% of the steps.",
    ),
]
