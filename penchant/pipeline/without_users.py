"""A release without some of its users: their rows leave its files, everything else stays as it was."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import polars as pl

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.core.manifest import dated
from penchant.pipeline.copied import copy_parts, parts_of
from penchant.pipeline.release import KIND

#: What a release holds that does not know single users, besides the two tables that do.
_OTHERS = ("items", "models", "head-quantiser", "encoder", "ranker", "matches", "portraits", "intents", "report")
_TABLES = ("histories.parquet", "users.parquet")


def without_users(folder: Path, user_ids: Collection[str]) -> int:
    """Write the release in ``folder`` anew, without these users; how many events left it.

    The new artifact names the old one as its parent, and takes its place in one step. Models stay: they are sums over many
    people, and the next training leaves out who is gone. A server that has the old one loaded goes on with it.

    Args:
        folder: Of the release. Nothing is written where it knows none of the users.
        user_ids: Whose rows leave.

    Raises:
        ArtifactError: It is no release, or altered.
        InputError: It holds parts that this version does not know, which may have rows of users, too.
        StorageError: The disk refused.
    """
    saved = read_artifact(folder, kind=KIND)
    strange = sorted(parts_of(saved) - {*_OTHERS, *_TABLES})
    require(not strange, f"{strange} in {folder}", "nobody knows whether they hold rows of users", "make the release again without them")
    users = saved.table("users").with_row_index("old", offset=1).with_columns(pl.col("old").cast(pl.Int32))
    staying = users.filter(~pl.col("user_id").is_in(list(user_ids)))
    if len(staying) == len(users):
        return 0
    numbers = staying.select("old").with_row_index("new", offset=1).with_columns(pl.col("new").cast(pl.Int32))
    histories = saved.table("histories")
    kept = histories.join(numbers, left_on="user", right_on="old", how="inner", maintain_order="left")
    kept = kept.with_columns(pl.col("new").cast(histories.schema["user"]).alias("user")).select(histories.columns)
    made = int(datetime.fromisoformat(saved.manifest.created).timestamp())  # a shelf lists releases by their age
    with dated(made), write_artifact(folder, kind=KIND, settings=saved.manifest.settings, parents=[saved.manifest]) as out:
        copy_parts(saved, out, _TABLES)
        out.table("histories", kept)
        out.table("users", staying.select("user_id"))
    return len(histories) - len(kept)
