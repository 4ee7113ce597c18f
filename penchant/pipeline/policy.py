"""Policy: what a list may look like, whatever the models say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from penchant.core.settings import Settings
from penchant.data.catalog import Catalog


class PolicySettings(Settings):
    """Rules of a list.

    Spacing: within any ``window`` neighbouring places, at most ``most`` items share a key (the brand, or the first
    category where an item has no brand). It is a wish, not a law: when nothing else is left, the list goes on.
    """

    window: int = Field(default=4, ge=1)
    most: int = Field(default=2, ge=1)


def spacing_keys(catalog: Catalog) -> np.ndarray:
    """int32[N + 1], the spacing key of each item; 0 is "none" and never collides."""
    shown = catalog.table["brand"].fill_null("").to_list()
    first = [names[0] if len(names) else "" for names in catalog.readable_categories().to_list()]
    keys: dict[str, int] = {"": 0}
    chosen = [keys.setdefault(brand or category, len(keys)) for brand, category in zip(shown, first, strict=True)]
    return np.array([0, *chosen], np.int32)


def space_out(items: Sequence[int], keys: np.ndarray, settings: PolicySettings, k: int) -> list[int]:
    """Places 0..C-1 of ``items`` (best first) in the order to show, at most k of them.

    Greedy: each place takes the best remaining item whose key is not used up within the window.
    """
    waiting = list(range(len(items)))
    chosen: list[int] = []
    while waiting and len(chosen) < k:
        near = [int(keys[items[place]]) for place in chosen[-(settings.window - 1) :]] if settings.window > 1 else []
        allowed = (place for place in waiting if not keys[items[place]] or near.count(int(keys[items[place]])) < settings.most)
        pick = next(allowed, waiting[0])
        waiting.remove(pick)
        chosen.append(pick)
    return chosen
