"""Synthetic queries (Best Buy, RecSys 2024, arXiv:2505.01946; also Spotify, Amazon Music): search learns from what a model wrote.

Flow     some items -> a language model writes queries (``penchant.items.queries``) -> a round trip keeps those that find their item, by
         words or by vectors, and are no copies of the title -> a projection of queries and one of items learn from the kept pairs
         -> every item is searched with them, those too that nobody wrote for
Departs  projections over MiniLM's vectors stand for training the encoder; queries are composed, as no log of searches is there

Queries of the test are of items that no query was written for: two or three words of an item's title and description in any order,
half of them with one misspelt. They are like what people type only in that.

Letters: N items, R queries of the test, P pairs, k places, D width of text vectors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World, text_encoder
from penchant.core.errors import InputError, require
from penchant.core.seeds import generator
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.evaluate.metrics import per_row
from penchant.items.encoders import TextEncoder
from penchant.items.enrich import Item
from penchant.items.queries import Query, QueryWriter, RoundTrip, Search, by_vectors, from_words
from penchant.models.retrieval.query_projection import QueryBatches, QueryProjection
from penchant.recipes.language.shared import language_model
from penchant.search.lexical import LexicalIndex
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Synthetic queries for search",
    "Improving long-tail search with synthetic queries",
    "Best Buy, RecSys 2024",
    "arXiv:2505.01946",
)
TINY = {"language": None, "filtered": False, "asked": 12, "learning_rate": 1e-2, "epochs": 3}
_TESTED = 0.3  # of items: no query is written for them
_VALID = 0.2  # of the items that queries are written for
_LETTERS = re.compile(r"[^\W\d_]{3,}")


class Written(StrEnum):
    """Who writes queries: the language model, a template of the item's own words, or nobody (search as it was)."""

    MODEL = "model"
    TEMPLATE = "template"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Searching:
    """Finds items for queries.

    Attributes:
        model: Both projections.
        encoder: Of queries.
        kept: Share of the written queries that were learnt from.
    """

    model: QueryProjection
    encoder: TextEncoder
    kept: float

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """int64[n, k], codes, best first.

        Args:
            queries: n texts.
            k: Places.
        """
        return self.model.search(self.encoder.encode(queries), k)


def build(
    lab: Lab,
    *,
    written: str = Written.MODEL,
    filtered: bool = True,
    asked: int = 80,
    count: int = 4,
    k: int = 20,
    language: str | None = "",
    learning_rate: float = 5e-4,
    epochs: int = 10,
) -> Searching:
    """Have queries written, keep the good ones, learn from them.

    Args:
        lab: Has the catalogue; no event is used.
        written: Who writes, see ``Written``.
        filtered: Whether only queries that come back are learnt from.
        asked: Items that queries are written for, the same for every seed.
        count: Queries an item.
        k: Places among which a query has to find its item.
        language: The model, see ``language_model``; None writes by the template.
        learning_rate: Top of the schedule.
        epochs: Passes over the pairs.

    Raises:
        InputError: There is no such ``written``.
    """
    require(written in tuple(Written), f"written={written!r}", "nobody writes so", f"use one of: {', '.join(Written)}", InputError)
    encoder = lab.encoder() if lab.encoder else text_encoder()
    model = QueryProjection(lab.vectors)
    _, rest = parted(lab.num_items)
    codes = rest[:asked].tolist()
    if written == Written.NOBODY:
        return Searching(model.eval(), encoder, 0.0)
    items = list(zip(codes, _items(lab.catalog, codes), strict=True))
    if written == Written.MODEL and language is not None:
        queries = QueryWriter(language_model(language), count).write(items)
    else:
        queries = [query for code, item in items for query in from_words(code, item, count)]
    found = queries
    if filtered:
        searches = (by_words(lab.catalog, lab.counts), by_vectors(encoder, lab.vectors))
        found = RoundTrip(lab.catalog.titles(), searches, k=k).kept(queries)
    if not found:
        return Searching(model.eval(), encoder, 0.0)
    train, valid = _divided(found, codes)
    wanted, vectors = Histories.of([[query.item] for query in valid]), encoder.encode([query.text for query in valid])
    cut = min(50, lab.num_items)
    told = np.array([query.item for query in train]), encoder.encode([query.text for query in train])
    training = TrainSettings(learning_rate=learning_rate, epochs=epochs, warmup_steps=10, weight_decay=0.1, bf16=False)
    lab.fit(
        model,
        training,
        QueryBatches(told[1], told[0], seed=lab.seed),
        validate=lambda: float(per_row(model.search(vectors, cut), wanted, (cut,))[f"mrr@{cut}"].mean()),
    )
    return Searching(model.eval(), encoder, len(found) / max(1, len(queries)))


def measure(model: Searching, world: World) -> Mapping[str, np.ndarray]:
    """float64[R] of queries: whether the item is among the first ten, or fifty, and 1 / its place among these.

    Args:
        model: Finds.
        world: Whose catalogue is searched.
    """
    queries = composed(world.dataset.catalog)
    wanted = Histories.of([[query.item] for query in queries])
    cut = min(50, world.split.num_items)
    found = per_row(model.search([query.text for query in queries], cut), wanted, (min(10, cut), cut))
    return {
        "recall@10": found[f"recall@{min(10, cut)}"],
        "recall@50": found[f"recall@{cut}"],
        "mrr@50": found[f"mrr@{cut}"],
        "share of written queries kept": np.full(len(queries), model.kept),
    }


def parted(num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """int64[...] twice: the items that the test asks for, and the others in the order in which queries are written for them.

    Args:
        num_items: N.
    """
    order = 1 + generator(0, num_items).permutation(num_items)
    cut = max(1, round(_TESTED * num_items))
    return order[:cut], order[cut:]


def composed(catalog: Catalog) -> list[Query]:
    """A query of each item of the test that has words: two or three of them in any order, every second query with one misspelt.

    Args:
        catalog: N items.
    """
    codes, _ = parted(len(catalog))
    found = []
    for code, item in zip(codes.tolist(), _items(catalog, codes), strict=True):
        dice = generator(1, code)
        own = list(dict.fromkeys(_LETTERS.findall(f"{item.title} {' '.join(item.description.split()[:20])}".casefold())))
        words = [own[place] for place in dice.permutation(len(own))[: int(dice.integers(2, 4))]]
        if words and dice.random() < 0.5:
            words[-1] = _misspelt(words[-1], dice)
        if words:
            found.append(Query(" ".join(words), code))
    return found


def by_words(catalog: Catalog, counts: np.ndarray) -> Search:
    """A search by words, as ``penchant.items.queries.Search``.

    Args:
        catalog: N items.
        counts: int64[N + 1], events of each, which decide between equal matches.
    """
    index = LexicalIndex.build(catalog, counts)

    def search(queries: Sequence[str], k: int) -> np.ndarray:
        k = min(k, len(catalog))
        found = [index.search(query, k).items for query in queries]
        return np.stack([np.pad(items, (0, k - len(items))) for items in found])

    return search


def _items(catalog: Catalog, codes: Sequence[int] | np.ndarray) -> list[Item]:
    titles, descriptions = catalog.titles(), catalog.table["description"].fill_null("").to_list()
    return [Item(titles[code - 1], descriptions[code - 1]) for code in codes]


def _divided(queries: Sequence[Query], codes: Sequence[int]) -> tuple[list[Query], list[Query]]:
    """Those to learn from, and those of other items to see how far it is learnt; all of them twice where one part would be empty."""
    held = set(codes[: max(1, round(_VALID * len(codes)))])
    train, valid = [one for one in queries if one.item not in held], [one for one in queries if one.item in held]
    return (train, valid) if train and valid else (list(queries), list(queries))


def _misspelt(word: str, dice: np.random.Generator) -> str:
    """With two letters in each other's place, or one left out."""
    at = int(dice.integers(0, len(word) - 1))
    return word[:at] + (word[at + 1] + word[at] if dice.random() < 0.5 else word[at + 1]) + word[at + 2 :]


_NOTE = (
    "Queries of the test are composed of the words of items for which no query was written, half of them misspelt; they stand in for a "
    "log. Every arm that is trained takes equal steps."
)
_SHOWN = ("recall@10", "recall@50", "mrr@50", "share of written queries kept")
_NOBODY = Arm("vectors as they are", "synthetic_queries", {"written": Written.NOBODY, "language": None})
_MANY = {"written": Written.TEMPLATE, "language": None, "asked": 1_000}
_TEMPLATE = Arm("kept queries of a template", "synthetic_queries", {"written": Written.TEMPLATE, "language": None})
CLAIMS = [
    Claim(
        name="synthetic-queries-filtered",
        says="Search learns more from a language model's queries that find their item than from all of them, a template's, or none.",
        subject=Arm("kept queries of the model", "synthetic_queries"),
        rivals=[Arm("all queries of the model", "synthetic_queries", {"filtered": False}), _NOBODY],
        controls=[_TEMPLATE],
        dataset="amazon-office",
        rows="queries",
        metric="recall@10",
        shown=_SHOWN,
        budget=Budget(steps=100),
        note=f"{_NOTE} The model and the template write for 80 items of 3,459.",
    ),
    Claim(
        name="synthetic-queries-template",
        says="Queries of an item's own words, kept if they find it, teach search more than none, and than all of them.",
        subject=Arm("kept queries of a template", "synthetic_queries", _MANY),
        rivals=[_NOBODY, Arm("all queries of a template", "synthetic_queries", {**_MANY, "filtered": False})],
        dataset="amazon-office",
        rows="queries",
        metric="recall@10",
        shown=_SHOWN,
        budget=Budget(steps=100),
        note=f"{_NOTE} The template writes for 1,000 items of 3,459.",
    ),
]
