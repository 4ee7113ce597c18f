"""What changes in a release while it serves: new items, and items that must go. Nothing is trained, and the folder stays as it is.

A changed release is another object with another catalogue, trie and models that fit together; whoever holds the one before
goes on with it, so a swap is one assignment and a rollback is another.

Letters: N items before, M after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import numpy as np
import polars as pl

from penchant.contracts import Retriever, Scorer
from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items.item_space import TEXT
from penchant.models.generative.growth import grown
from penchant.models.known_items import KnownItems
from penchant.models.retrieval.content import ContentNeighbours
from penchant.pipeline.release import Release, served


def with_items(release: Release, items: pl.DataFrame | Catalog) -> Release:
    """The release with more items, which can be recommended, generated and searched for at once.

    They get vectors from the encoder, codes beside those given out, and codes of the code head. Tandem and content
    neighbours rank them; models that know an item by its events alone go on without them.

    Args:
        release: Of N items.
        items: Rows of the new ones, at least ``item_id``.

    Raises:
        InputError: The encoder is not at hand, or an id is missing, repeated or taken.
    """
    if release.encoder is None:
        raise InputError(
            "encoder=None", "new items need vectors like the others'", "make the text encoder available and load the release again"
        )
    space = release.space.add(items, release.encoder)
    tandem = grown(release.tandem, space.codes, space.vectors[TEXT], release.head_quantiser)
    models = {name: _over(model, space.vectors[TEXT]) for name, model in release.models.items()}
    return replace(release, space=space, models=models | served(tandem, release.settings))


def without_items(release: Release, ids: Iterable[str]) -> Release:
    """The release with items that nobody gets to see any more. Histories keep them, as they still say what somebody likes.

    Raises:
        UnknownIdError: There is no such item.
    """
    return replace(release, blocked=release.blocked | _codes(release, ids))


def with_items_again(release: Release, ids: Iterable[str]) -> Release:
    """The release with blocked items let in again.

    Raises:
        UnknownIdError: There is no such item.
    """
    return replace(release, blocked=release.blocked - _codes(release, ids))


def _codes(release: Release, ids: Iterable[str]) -> set[int]:
    return {release.space.catalog.items.code(one, "item_id") for one in ids}


def _over(model: Retriever, vectors: np.ndarray) -> Retriever:
    if isinstance(model, ContentNeighbours):
        return ContentNeighbours(vectors, recent=model.recent, halving=model.halving)
    inner = model.model if isinstance(model, KnownItems) else model
    return KnownItems(cast(Scorer, inner), len(vectors) - 1)
