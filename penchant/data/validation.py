"""Validation: what enters a data set is of the right type, refers to known items, happened once, at a possible time.

Nothing here raises for a bad cell. A row with a fault is *refused* with one reason, every other row is *accepted*, and
accepted plus refused is what came in. Only too many refusals, or a table without its required columns, are an error.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from penchant.core.errors import DataError, require
from penchant.core.settings import Settings
from penchant.core.storage import writing
from penchant.data.coercion import coerce
from penchant.data.quarantine import Sieve, repeated
from penchant.data.schema import ACTION_CODE, EVENTS, ITEMS, REQUIRED_EVENTS, REQUIRED_ITEMS

#: A reader that could not make sense of a line leaves the line in this column, null elsewhere; the row is then refused.
MALFORMED = "_malformed"

WARNINGS_SCHEMA: dict[str, pl.DataType] = {"table": pl.String(), "warning": pl.String(), "rows": pl.Int64(), "example": pl.String()}
_Notes = list[tuple[str, str, int, str | None]]  # rows of WARNINGS_SCHEMA
_DAY = 86_400
_UNITS = (("nanoseconds", 10**17), ("microseconds", 10**14), ("milliseconds", 10**11))  # 10^11 seconds is the year 5138
#: Control characters of a text that mean nothing there; tab and line ends do.
_STRAY = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"


class ValidationSettings(Settings):
    """Rules that depend on the data."""

    earliest: int = Field(default=0, description="Events before this moment are refused, UTC seconds")
    latest: int | None = Field(default=None, description="Events after this moment are refused, UTC seconds; default: a day from now")
    max_refused: float = Field(default=0.05, ge=0, le=1, description="A larger share of refused rows in a table is an error")
    quarantine: Path | None = Field(default=None, description="Where that error leaves the refused rows; default: a new temporary folder")


@dataclass(frozen=True)
class Validated:
    """Two tables that keep the rules, and what was refused.

    Attributes:
        events: Accepted events, in the order given: canonical columns in canonical types, then the others as they came.
        items: Accepted items, likewise.
        refused: Refused rows of both tables: table, row, reason, column, value, record.
        warnings: What was accepted but is worth knowing: table, warning, rows, example.
        rows_in: Rows that came in, by table.
    """

    events: pl.DataFrame
    items: pl.DataFrame
    refused: pl.DataFrame
    warnings: pl.DataFrame
    rows_in: dict[str, int]

    @cached_property
    def reasons(self) -> pl.DataFrame:
        """table, reason, rows, and an example; most frequent first."""
        counted = self.refused.group_by("table", "reason").agg(
            rows=pl.len().cast(pl.Int64),
            example=pl.format("row {}: '{}'", pl.col("row").first(), _calm(pl.col("value").first()).fill_null("")),
        )
        return counted.sort("rows", "table", "reason", descending=[True, False, False])

    @cached_property
    def summary(self) -> str:
        """A text table for people."""
        lines = [f"{'table':<8}{'rows in':>14}{'accepted':>14}{'refused':>12}"]
        for table, rows in self.rows_in.items():
            refused = self.refused.filter(pl.col("table") == table).height
            lines.append(f"{table:<8}{rows:>14,}{rows - refused:>14,}{refused:>12,}")
        lines += [f"refused  {r['table']}: {r['reason']}: {r['rows']:,} ({r['example']})" for r in self.reasons.to_dicts()]
        for w in self.warnings.to_dicts():
            example = "" if w["example"] is None else f" (for example {w['example']!r})"
            lines.append(f"note     {w['table']}: {w['warning']}: {w['rows']:,}{example}")
        return "\n".join(lines)

    def write_quarantine(self, folder: Path) -> Path:
        """Write ``quarantine.jsonl`` into ``folder``, one refused row a line, and return its path.

        Raises:
            StorageError: The disk refused it.
        """
        path = folder / "quarantine.jsonl"
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                self.refused.write_ndjson(file)
        return path


def validate(events: pl.DataFrame, items: pl.DataFrame | None = None, *, settings: ValidationSettings | None = None) -> Validated:
    """Check two tables.

    Args:
        events: At least ``user_id`` and ``item_id``; other canonical columns are optional, any others are kept.
        items: At least ``item_id``. Without it the catalogue is made of the ids that occur in the events.
        settings: Default ``ValidationSettings()``.

    Raises:
        DataError: A required column is missing, or more than ``settings.max_refused`` of a table was refused.
    """
    settings = settings or ValidationSettings()
    notes: _Notes = []
    item_sieve, good_items = _check_items(items, notes) if items is not None else (None, None)
    event_sieve, good_events = _check_events(events, good_items, settings, notes)
    if good_items is None:  # in the order of ids, so that the codes say nothing about who came first
        domain = [pl.col("domain").drop_nulls().mode().min()] if "domain" in good_events.columns else []
        good_items = good_events.group_by("item_id").agg(domain).sort("item_id")
    sieves = [sieve for sieve in (event_sieve, item_sieve) if sieve is not None]
    validated = Validated(
        events=good_events,
        items=good_items,
        refused=pl.concat([sieve.refused() for sieve in sieves]),
        warnings=pl.DataFrame(notes, schema=WARNINGS_SCHEMA, orient="row"),
        rows_in={sieve.table: len(sieve.source) for sieve in sieves},
    )
    _refuse_too_many(validated, settings)
    return validated


def _check_items(items: pl.DataFrame, notes: _Notes) -> tuple[Sieve, pl.DataFrame]:
    sieve, clean = _typed("items", items, ITEMS, REQUIRED_ITEMS, times=("created",))
    _check_ids(sieve, clean, "item_id")
    if "price" in clean.columns:
        sieve.refuse(clean["price"].is_finite().not_(), "the price is not a finite number", "price")
    kept = sieve.kept.copy()
    again = np.zeros(len(items), bool)
    again[kept] = clean.filter(kept)["item_id"].is_first_distinct().not_().to_numpy()
    sieve.refuse(again, "an item of this id came earlier", "item_id")
    clean, cleaned = _without_stray(clean, ("title", "description", "brand"))
    texts = [name for name in ("title", "description", "brand") if name in clean.columns]
    clean = clean.with_columns(pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)).alias(name) for name in texts)
    good = clean.filter(sieve.kept)
    _note(notes, "items", "control characters in a text, replaced by spaces", good["item_id"].filter(cleaned[sieve.kept]))
    text = [pl.col(name).is_not_null() for name in ("title", "description") if name in good.columns]
    text += [pl.col(name).list.len().fill_null(0) > 0 for name in ("categories", "category_names") if name in good.columns]
    has_text = good.select(pl.any_horizontal(pl.lit(False), *text).alias("has"))["has"] if len(good) else pl.Series([], dtype=pl.Boolean)
    _note(notes, "items", "no title, description or categories", good["item_id"].filter(~has_text))
    return sieve, good


def _check_events(
    events: pl.DataFrame, items: pl.DataFrame | None, settings: ValidationSettings, notes: _Notes
) -> tuple[Sieve, pl.DataFrame]:
    sieve, clean = _typed("events", events, EVENTS, REQUIRED_EVENTS, times=("timestamp",))
    for name in REQUIRED_EVENTS:
        _check_ids(sieve, clean, name)
    if "value" in clean.columns:
        sieve.refuse(clean["value"].is_finite().not_(), "the value is not a finite number", "value")
    if "timestamp" in clean.columns:
        _check_times(sieve, clean["timestamp"], settings)
    if items is not None:
        known = clean["item_id"].is_in(items["item_id"].implode())
        sieve.refuse(~known, "no such item in the catalogue", "item_id")
    timed = "timestamp" in clean.columns and bool(clean["timestamp"].is_not_null().to_numpy()[sieve.kept].any())
    if timed:
        sieve.refuse(clean["timestamp"].is_null(), "no timestamp, while other events have one", "timestamp")
    order = "timestamp" if timed else "position"
    if order in clean.columns:  # without times or positions, two equal rows may well be two events
        key = [name for name in ("user_id", "item_id", order, "event", "value") if name in clean.columns]
        rows = np.flatnonzero(sieve.kept & clean[order].is_not_null().to_numpy())
        again = np.zeros(len(events), bool)
        again[rows] = repeated(clean.select(key)[rows])
        sieve.refuse(again, f"the same event came earlier (equal {', '.join(key)})")
    clean, cleaned = _without_stray(clean, ("event", "domain", "surface", "query"))
    good = clean.filter(sieve.kept)
    _note(notes, "events", "control characters in a text, replaced by spaces", good["item_id"].filter(cleaned[sieve.kept]))
    _note_events(notes, good, timed)
    return sieve, good


def _note_events(notes: _Notes, events: pl.DataFrame, timed: bool) -> None:
    if "event" in events.columns:
        names = events["event"]
        strange = names.filter(names.is_not_null() & ~names.is_in(list(ACTION_CODE)))
        _note(notes, "events", "action that Penchant does not know by name, taken as 'other'", strange)
    if timed and len(events) > 1 and bool((events["timestamp"] % _DAY == 0).all()):
        _note(notes, "events", "every time is a midnight, so the order within a day is not known", events["timestamp"].cast(pl.String))
    positions = "position" in events.columns and events["position"].null_count() < len(events)
    if not timed and not positions:
        _note(notes, "events", "neither times nor positions: the order of the rows is taken as the order of events", events["user_id"])


def _typed(
    table: str, frame: pl.DataFrame, schema: dict[str, pl.DataType], needed: tuple[str, ...], times: tuple[str, ...]
) -> tuple[Sieve, pl.DataFrame]:
    """Cast the canonical columns; cells that cannot be cast refuse their row."""
    for name in needed:
        require(
            name in frame.columns,
            f"{table} without a column {name!r} (columns: {', '.join(frame.columns) or 'none'})",
            f"{table} need {' and '.join(needed)}",
            f"rename a column, or say which one holds it: columns={{{name!r}: '...'}}",
            DataError,
        )
    sieve = Sieve(table, frame)
    if MALFORMED in frame.columns:
        sieve.refuse(frame[MALFORMED].is_not_null(), "the line cannot be read", MALFORMED)
    columns = []
    for name, dtype in schema.items():
        if name in frame.columns:
            values, bad = coerce(frame[name], dtype, seconds=name in times)
            sieve.refuse(bad, f"{name} cannot be read as {_words(dtype, name in times)}", name)
            columns.append(values.alias(name))
            if name in times:
                _check_unit(sieve, values, name)
    others = [frame[name] for name in frame.columns if name not in schema and name != MALFORMED]
    return sieve, pl.DataFrame(columns + others)


def _check_ids(sieve: Sieve, clean: pl.DataFrame, name: str) -> None:
    ids = clean[name]
    sieve.refuse(ids.is_null() | (ids.str.strip_chars() == ""), f"{name} is empty", name)
    sieve.refuse(ids.str.contains(r"\p{Cc}"), f"{name} holds a control character", name)


def _check_unit(sieve: Sieve, times: pl.Series, name: str) -> None:
    for unit, least in _UNITS:
        sieve.refuse(times >= least, f"{name} looks like {unit}; seconds are needed", name)


def _check_times(sieve: Sieve, times: pl.Series, settings: ValidationSettings) -> None:
    latest = settings.latest if settings.latest is not None else int(time.time()) + _DAY
    early = "before 1970" if settings.earliest == 0 else f"before earliest={settings.earliest}"
    late = "more than a day in the future" if settings.latest is None else f"after latest={settings.latest}"
    sieve.refuse(times < settings.earliest, f"timestamp is {early}", "timestamp")
    sieve.refuse(times > latest, f"timestamp is {late}", "timestamp")


def _without_stray(clean: pl.DataFrame, names: tuple[str, ...]) -> tuple[pl.DataFrame, np.ndarray]:
    """Replace stray control characters by spaces, and say in which rows."""
    found = np.zeros(len(clean), bool)
    for name in names:
        if name in clean.columns and (stray := clean[name].str.contains(_STRAY).fill_null(False)).any():
            found |= stray.to_numpy()
            clean = clean.with_columns(pl.col(name).str.replace_all(_STRAY, " "))
    return clean, found


def _note(notes: _Notes, table: str, warning: str, examples: pl.Series) -> None:
    if len(examples):
        notes.append((table, warning, len(examples), pl.select(_calm(pl.lit(examples[0]))).item()))


def _calm(text: pl.Expr) -> pl.Expr:
    """Short, and without control characters, which could upset a terminal."""
    return text.str.slice(0, 40).str.replace_all(r"\p{Cc}", " ")


def _words(dtype: pl.DataType, seconds: bool) -> str:
    if seconds:
        return "a time"
    if isinstance(dtype, pl.List):
        return "a list of texts"
    if dtype == pl.String:
        return "a text"
    return "a whole number in range" if dtype.is_integer() else "a number"


def _refuse_too_many(validated: Validated, settings: ValidationSettings) -> None:
    for table, rows in validated.rows_in.items():
        refused = validated.refused.filter(pl.col("table") == table).height
        if refused > settings.max_refused * rows:
            top = validated.reasons.filter(pl.col("table") == table).head(3).to_dicts()
            why = "; ".join(f"{reason['reason']}: {reason['rows']:,} ({reason['example']})" for reason in top)
            path = validated.write_quarantine(settings.quarantine or Path(tempfile.mkdtemp(prefix="penchant-quarantine-")))
            raise DataError(
                f"{table}: {refused:,} of {rows:,} rows refused ({why})",
                f"at most {100 * settings.max_refused:g}% of a table may be refused",
                f"mend the rows listed in {path}, or pass a larger max_refused",
            )
