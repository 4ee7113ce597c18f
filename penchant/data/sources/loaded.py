"""What every source returns: a data set, and the record of its validation."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from penchant.core.errors import DataError, require
from penchant.data.dataset import Dataset
from penchant.data.kcore import k_core
from penchant.data.validation import Validated, ValidationSettings, validate


@dataclass(frozen=True)
class Loaded:
    """A data set that passed validation.

    Attributes:
        dataset: The indexed data set.
        validated: What was accepted, refused and noted on the way; ``validated.summary`` is for people. Its tables are
            those before a k-core, if the source took one.
        users: What the source tells about users, one row a ``user_id``; None where it tells nothing.
    """

    dataset: Dataset
    validated: Validated
    users: pl.DataFrame | None = None


def loaded(
    name: str,
    events: pl.DataFrame,
    items: pl.DataFrame | None = None,
    *,
    users: pl.DataFrame | None = None,
    core: int | None = None,
    all_items: bool = True,
    settings: ValidationSettings | None = None,
) -> Loaded:
    """Validate and index two tables that a source has read.

    Args:
        name: Of the data set.
        events: See ``validate``.
        items: See ``validate``.
        users: What is known about users; not checked.
        core: After validation, keep only the ``k_core`` of the events with this minimum for users and items.
        all_items: False: after that, leave items without events out of the catalogue.
        settings: Of the validation.

    Raises:
        DataError: A required column is missing, too many rows were refused, or no event is left.
    """
    validated = validate(events, items, settings=settings)
    require(
        len(validated.events) > 0,
        f"{name}: 0 events accepted of {len(events):,}",
        "a data set needs events",
        "give a table with events",
        DataError,
    )
    kept, catalogue = validated.events, validated.items
    if core is not None:
        kept = k_core(kept, user_min=core, item_min=core)
        require(
            len(kept) > 0,
            f"core={core}",
            f"{name} has no {core}-core: nothing is left of {len(validated.events):,} events",
            "pass a smaller core",
        )
    if not all_items:
        catalogue = catalogue.join(kept, on="item_id", how="semi", maintain_order="left")
    return Loaded(Dataset.build(name, kept, catalogue), validated, users)
