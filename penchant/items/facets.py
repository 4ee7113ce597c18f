"""Facets of items: what a summary of somebody's interests can name. Categories and brands, and words of titles where nothing is sorted.

Letters: N items, F facets.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Self

import numpy as np

from penchant.core.errors import require
from penchant.data.catalog import Catalog

_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Facets:
    """The commonest facets of a catalogue.

    Attributes:
        names: Of F facets, the commonest first.
        weights: float32[N + 1, F], the log of N / (items with the facet) where an item has it, else 0: what nearly all have says
            nearly nothing.
    """

    names: tuple[str, ...]
    weights: np.ndarray

    @classmethod
    def of(cls, catalog: Catalog, *, most: int = 512, least: int = 2) -> Self:
        """The facets of a catalogue.

        Args:
            catalog: N items.
            most: F at most.
            least: Items that have to carry a facet; fewer are no pattern.

        Raises:
            InputError: No facet is carried by so many items, but not by all of them.
        """
        carried = facets_of(catalog)
        counts = Counter(name for names in carried for name in names)
        common = sorted((name for name, count in counts.items() if least <= count < len(carried)), key=lambda name: (-counts[name], name))
        common = common[:most]
        rule = "a summary names what some items have in common"
        require(bool(common), "no facets", rule, "give items categories, brands or titles, or pass a smaller least")
        place = {name: facet for facet, name in enumerate(common)}
        weights = np.zeros((len(carried) + 1, len(common)), np.float32)
        pairs = [(item, place[name]) for item, names in enumerate(carried, start=1) for name in names if name in place]
        items, which = np.array(pairs).T
        weights[items, which] = np.log(len(carried) / np.array([counts[name] for name in common]))[which]
        return cls(tuple(common), weights)

    def __len__(self) -> int:
        return len(self.names)


def facets_of(catalog: Catalog) -> list[set[str]]:
    """Of each of N items, its categories and its brand; the words of its title instead of categories where no item has any."""
    lists = catalog.readable_categories().to_list()
    if not any(lists):
        lists = [_WORD.findall(title.lower()) for title in catalog.titles()]
    brands = catalog.table["brand"].to_list()
    return [{*found, *([f"brand: {brand}"] if brand else [])} for found, brand in zip(lists, brands, strict=True)]
