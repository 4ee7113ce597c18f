"""A data set: the catalogue and the indexed event log."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE, EVENTS, OTHER_ACTION, action_code
from penchant.data.vocabulary import Vocabulary

#: Columns that indexing adds; a source's column of such a name is kept as ``<name>_given``.
_DENSE = ("source_row", "user", "item", "action", "time", "domain_code")


@dataclass(frozen=True)
class Dataset:
    """Validated tables with dense codes. Build one with ``Dataset.build`` or a function of ``penchant.data.sources``.

    Attributes:
        name: Short name for reports.
        catalog: N items.
        users: U user ids.
        events: E rows in (user, time, position, source row) order, with the canonical columns and the dense
            ``user``, ``item`` (int32), ``action`` (int8), ``time`` (int64), ``domain_code`` (int16).
        timed: Whether ``time`` is in UTC seconds; otherwise it is only the order.
    """

    name: str
    catalog: Catalog
    users: Vocabulary
    events: pl.DataFrame
    timed: bool

    @classmethod
    def build(cls, name: str, events: pl.DataFrame, items: pl.DataFrame) -> Dataset:
        """Index validated tables (see ``penchant.data.validation``).

        Equal timestamps keep a stated, stable order: by ``position`` where the source has one, then by source row.
        Users get codes in the order of their ids, items in catalogue order.
        """
        catalog = Catalog(items)
        for column in ("position", "timestamp", "event", "value", "domain"):
            if column not in events.columns:
                events = events.with_columns(pl.lit(None, dtype=EVENTS[column]).alias(column))
        events = events.rename({name: f"{name}_given" for name in _DENSE if name in events.columns}).with_row_index("source_row")
        timed = len(events) > 0 and events["timestamp"].null_count() == 0
        users = Vocabulary(events["user_id"].unique().sort())
        user, item = _codes(events["user_id"], users), _codes(events["item_id"], catalog.items)
        if not item.all():
            known = np.flatnonzero(item)
            events, user, item = events[known], user[known], item[known]
        order = _stable_order([user, _nulls_last(events["timestamp"]), _nulls_last(events["position"])])
        events, item = events[order], item[order]
        counts = np.bincount(user, minlength=len(users) + 1)
        user = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        place = np.arange(len(events)) - np.repeat(np.cumsum(counts) - counts, counts)
        domain_code = {value: code for code, value in enumerate(catalog.domains)}
        domain = events["domain"].replace_strict(domain_code, default=None, return_dtype=pl.Int16)
        indexed = events.with_columns(
            user=pl.Series(user),
            item=pl.Series(item),
            action=pl.col("event").fill_null("").replace_strict(ACTION_CODE, default=OTHER_ACTION, return_dtype=pl.Int8),
            time=pl.col("timestamp") if timed else pl.Series(place, dtype=pl.Int64),
            domain_code=domain.fill_null(pl.Series(catalog.domain_codes[item])),
        )
        return cls(name=name, catalog=catalog, users=users, events=indexed, timed=timed)

    @property
    def num_items(self) -> int:
        return len(self.catalog)

    @cached_property
    def histories(self) -> Histories:
        """One row a user, row r being user code r + 1."""
        counts = np.bincount(self.events["user"].to_numpy(), minlength=len(self.users) + 1)[1:]
        return Histories(
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            items=self.events["item"].to_numpy(),
            actions=self.events["action"].to_numpy(),
            times=self.events["time"].to_numpy(),
            domains=self.events["domain_code"].to_numpy(),
            users=np.arange(1, len(self.users) + 1, dtype=np.int32),
            timed=self.timed,
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, order, times and actions of events and over the catalogue's ids and texts."""
        digest = hashlib.sha256()
        h = self.histories
        for array in (h.offsets, h.items, h.actions, h.times):
            digest.update(np.ascontiguousarray(array).tobytes())
        for text in (*self.users.ids, *self.catalog.items.ids, *self.catalog.texts()):
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()

    def summary(self) -> dict[str, int | float | bool | str]:
        """Counts for people: users, items, items with events, events, density."""
        with_events = self.events["item"].n_unique()
        return {
            "name": self.name,
            "users": len(self.users),
            "items": self.num_items,
            "items_with_events": with_events,
            "events": len(self.events),
            "density": len(self.events) / max(1, len(self.users) * with_events),
            "timed": self.timed,
        }


def _codes(ids: pl.Series, vocabulary: Vocabulary) -> np.ndarray:
    """int32[E], the codes of a long column of ids; 0 where an id is unknown."""
    joined = ids.rename("id").to_frame().join(vocabulary.table, on="id", how="left", maintain_order="left")
    return joined["code"].fill_null(0).to_numpy()


def _nulls_last(column: pl.Series) -> np.ndarray:
    """int64[E], a sort key of a column of integers."""
    numbers = column.cast(pl.Int64)
    highest = numbers.max()
    return numbers.fill_null(min(highest, 2**63 - 2) + 1 if isinstance(highest, int) else 0).to_numpy()


def _stable_order(keys: list[np.ndarray]) -> np.ndarray:
    """The order that sorts rows by the first key, then the second and so on, then by row; E integers a key."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    spans = [int(key.max()) - int(key.min()) + 1 for key in keys]
    if math.prod(spans) >= 2**63:
        return np.lexsort(keys[::-1])
    joint = np.zeros(len(keys[0]), np.int64)  # one key is sorted four times as fast as three
    for key, span in zip(keys, spans, strict=True):
        joint = joint * span + (key - key.min())
    return pl.DataFrame({"key": joint}).select(pl.arg_sort_by("key", maintain_order=True)).to_series().to_numpy()


def history_of(
    catalog: Catalog,
    events: Sequence[str | dict],
    *,
    user: int = 0,
) -> Histories:
    """One row from what somebody did: item ids, or mappings with ``item_id`` and optionally ``event`` and ``timestamp``.

    Events with timestamps are put in time order (stable); without, they are taken as given, oldest first.

    Raises:
        UnknownIdError: An item is not in the catalogue.
        InputError: An event names no item, or its time is not a whole number.
    """
    rows = [{"item_id": event} if isinstance(event, str) else event for event in events]
    for row in rows:  # plain ifs: this runs in every request, and messages are made only when needed
        if not isinstance(row.get("item_id"), str):
            raise InputError(f"event={row!r}", "every event names an item, by an id that is a text", 'pass "item_id"')
        if not isinstance(row.get("timestamp"), (int, np.integer, type(None))):
            raise InputError(f"timestamp={row['timestamp']!r}", "times are whole UTC seconds", "pass an integer, or none")
    codes = np.array([catalog.items.code(row["item_id"], "item_id") for row in rows], np.int32)
    times = [row.get("timestamp") for row in rows]
    timed = len(times) > 0 and all(time is not None for time in times)
    order = np.argsort(np.array(times, np.int64), kind="stable") if timed else np.arange(len(rows))
    actions = np.array([action_code(row.get("event")) for row in rows], np.int8)
    return Histories.of(
        [codes[order]],
        actions=[actions[order]],
        times=[np.array(times, np.int64)[order]] if timed else None,
        domains=[catalog.domain_codes[codes[order]]],
        users=[user],
    )
