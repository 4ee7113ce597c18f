"""What makes portraits, as an artifact: the tree of categories, how these go together, when they are bought again. No row of a user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.potential import Adoption
from penchant.users.repurchase import Cycles, RepurchaseSettings

KIND = "portraits"


def save_portraits(made: Portraits, folder: Path) -> None:
    """Write ``folder``: settings, ``categories.parquet`` (a row a category and one for everything), ``items`` and ``adoption`` as tensors.

    Raises:
        StorageError: The disk refused.
    """
    tree, cycles = made.tree, made.cycles
    settings = {"portrait": made.settings.plain(), "repurchase": None if cycles is None else cycles.settings.plain()}
    columns = {"name": tree.names, "parent": tree.parents}
    if cycles is not None:
        columns |= {"mean": cycles.means, "spread": cycles.spreads, "again": cycles.again}
    with write_artifact(folder, kind=KIND, settings=settings) as out:
        out.table("categories", pl.DataFrame(columns))
        out.tensors("items", {"starts": tree.items.indptr, "categories": tree.items.indices, "values": tree.items.data})
        out.tensors("adoption", {"common": made.adoption.common, "kept": made.adoption.kept, "lift": made.adoption.lift})


def load_portraits(folder: Path) -> Portraits:
    """What ``save_portraits`` wrote.

    Raises:
        ArtifactError: It is missing, incomplete or altered.
    """
    saved = read_artifact(folder, kind=KIND)
    settings, table = saved.manifest.settings, saved.table("categories")
    rows, adoption = saved.arrays("items"), saved.arrays("adoption")
    items = sparse.csr_matrix((rows["values"], rows["categories"], rows["starts"]), shape=(len(rows["starts"]) - 1, len(table)))
    tree = CategoryTree(tuple(table["name"]), table["parent"].to_numpy(), items)
    cycles = None
    if settings["repurchase"] is not None:
        means, spreads, again = (table[name].to_numpy() for name in ("mean", "spread", "again"))
        cycles = Cycles(means, spreads, again, np.zeros(1), RepurchaseSettings.of(settings["repurchase"]))
    return Portraits(
        tree, Adoption(adoption["common"], adoption["kept"], adoption["lift"]), cycles, PortraitSettings.of(settings["portrait"])
    )
