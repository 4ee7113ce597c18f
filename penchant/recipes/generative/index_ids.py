"""How to index item IDs (Hua et al., SIGIR-AP 2023, arXiv:2305.06569): seven kinds of IDs under one sequence-to-sequence network.

Flow     training histories, categories or titles -> item IDs as codes -> TIGER's encoder and decoder, beams over the trie
Departs  codes have a vocabulary a level instead of sub-words of one tokeniser, so nothing marks where an ID begins; a small
         network from scratch in place of a pretrained T5 and its prompts
Letters  none
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.items import schemes
from penchant.items.controls import shuffled
from penchant.models.generative.tiger import Tiger
from penchant.recipes.generative import shared
from penchant.recipes.generative.shared import Network

PAPER = Paper(
    "Item ID indexing", "How to Index Item IDs for Recommendation Foundation Models", "Rutgers, SIGIR-AP 2023", "arXiv:2305.06569"
)
TINY = {"scheme": "collaborative", "clusters": 4, "largest": 10, **shared.TINY}
SPACE = shared.SPACE
EXTENDS = "tiger"


class Scheme(StrEnum):
    """What an item's ID is made of; see ``penchant.items.schemes``."""

    RANDOM = "random"  # RID
    INDEPENDENT = "independent"  # IID
    SEQUENTIAL = "sequential"  # SID
    COLLABORATIVE = "collaborative"  # CID
    CATEGORY = "category"  # SemID
    TITLE = "title"  # TID
    HYBRID = "hybrid"  # HID: the path of CID, then a code of the item's own


class Users(StrEnum):
    """In which order users are gone through for sequential IDs, on which these depend."""

    GIVEN = "given"
    DRAWN = "drawn"
    SHORT_FIRST = "short first"
    LONG_FIRST = "long first"

    def sort(self, train: Histories, seed: int) -> Histories:
        """``train`` with its rows in this order."""
        keys = {
            Users.GIVEN: np.arange(len(train)),
            Users.DRAWN: generator(seed).permutation(len(train)),
            Users.SHORT_FIRST: train.lengths,
            Users.LONG_FIRST: -train.lengths,
        }
        return train.take(np.argsort(keys[self], kind="stable"))


def build(
    lab: Lab,
    *,
    scheme: Scheme = Scheme.HYBRID,
    random_items: bool = False,
    base: int = 100,
    users: Users = Users.GIVEN,
    clusters: int = 20,
    largest: int = 200,
    words: int = 8,
    dropout: float = 0.2,
    learning_rate: float = 2e-3,
    network: Mapping[str, Any] | None = None,
) -> Tiger:
    """Train TIGER's network on item IDs of one kind.

    Args:
        lab: What may be seen. IDs are made of training events, or of the catalogue.
        scheme: What IDs are made of.
        random_items: Whether each item gets the ID of another one, as a control.
        base: Of the digits of numbers.
        users: Their order, for sequential IDs.
        clusters: That a group of items is split into.
        largest: Items that a group may keep.
        words: Of a title.
        dropout: Everywhere.
        learning_rate: Of AdamW.
        network: Further fields of ``Network``.
    """
    collaborative = {"clusters": clusters, "largest": largest, "seed": lab.seed}
    makers = {
        Scheme.RANDOM: lambda: schemes.random(lab.num_items, base=base, seed=lab.seed),
        Scheme.INDEPENDENT: lambda: schemes.independent(lab.num_items),
        Scheme.SEQUENTIAL: lambda: schemes.sequential(Users(users).sort(lab.train, lab.seed), lab.num_items, base=base),
        Scheme.COLLABORATIVE: lambda: schemes.collaborative(lab.train, lab.num_items, **collaborative),
        Scheme.CATEGORY: lambda: schemes.by_category(lab.catalog.readable_categories().to_list()),
        Scheme.TITLE: lambda: schemes.by_title(lab.catalog.titles(), words=words),
        Scheme.HYBRID: lambda: schemes.hybrid(schemes.collaborative(lab.train, lab.num_items, **collaborative)),
    }
    codes = makers[Scheme(scheme)]()
    codes = shuffled(codes, lab.seed) if random_items else codes
    return Network(dropout=dropout, learning_rate=learning_rate, **(network or {})).fit(lab, codes)


#: Lists of ten are searched for by every arm with a beam of twenty.
SEARCH = {"network": {"beam": 20}}
ARMS = {scheme: Arm(scheme, "index_ids", {"scheme": str(scheme), **SEARCH}) for scheme in Scheme}


def control(scheme: Scheme) -> Arm:
    """The same IDs given to random items: as many codes, prefixes and parameters, and no meaning."""
    return Arm(f"{scheme}, of random items", "index_ids", {"scheme": str(scheme), "random_items": True, **SEARCH})


CLAIMS = [
    Claim(
        name="collaborative-ids-beat-random-ones",
        says="IDs that are paths of clusters of items consumed together rank better than random numbers.",
        subject=ARMS[Scheme.COLLABORATIVE],
        rivals=[ARMS[Scheme.RANDOM]],
        controls=[control(Scheme.COLLABORATIVE)],
        dataset="amazon-office",
        metric="recall@10",
        budget=Budget(steps=400),
        note="All schemes have the same network but for their codes' tables, and see training events alone. "
        "Ties of a day keep the order of the file.",
    ),
    Claim(
        name="hybrid-ids-beat-simpler-ones",
        says="A path of clusters followed by a code of the item's own ranks better than random, sequential and independent IDs.",
        subject=ARMS[Scheme.HYBRID],
        rivals=[ARMS[Scheme.RANDOM], ARMS[Scheme.SEQUENTIAL], ARMS[Scheme.INDEPENDENT]],
        controls=[control(Scheme.HYBRID)],
        dataset="amazon-office",
        metric="recall@10",
        budget=Budget(steps=400),
        note="Of users in the order of the file. Ties of a day keep the order of the file.",
    ),
    Claim(
        name="category-ids-beat-random-ones",
        says="IDs that are paths of categories rank better than random numbers.",
        subject=ARMS[Scheme.CATEGORY],
        rivals=[ARMS[Scheme.RANDOM]],
        controls=[control(Scheme.CATEGORY)],
        dataset="amazon-office",
        metric="recall@10",
        budget=Budget(steps=400),
    ),
]
