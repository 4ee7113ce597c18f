"""Amazon reviews of McAuley's group, editions 2014, 2018 and 2023: JSON lines, gzip or plain.

Reviews become ``review`` events with the stars as value. Times of 2014 and 2018 are whole days, so the order within a
day is the file's. What the metadata tells about the time after an event (related products, sales ranks, numbers and
means of ratings) is left out on purpose. References: He and McAuley 2016; Ni, Li and McAuley 2019; Hou et al. 2024.
"""

from __future__ import annotations

import ast
import html
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from penchant.core.errors import DataError
from penchant.data.kcore import k_core
from penchant.data.sources.loaded import Loaded, loaded
from penchant.data.sources.reading import opened, reading
from penchant.data.validation import MALFORMED, ValidationSettings

_CHUNK = 64 * 2**20  # bytes of lines parsed at once, so that memory does not grow with the file
_ID = re.compile(rb"""["'](?:parent_)?asin["']\s*:\s*["']([^"']+)["']""")
_PRICE = re.compile(r"^\$?\s*(\d[\d,]*(?:\.\d+)?)$")
_ITEM_SCHEMA = {
    "item_id": pl.String(), "domain": pl.String(), "title": pl.String(), "description": pl.String(),
    "categories": pl.List(pl.String), "brand": pl.String(), "price": pl.Float32(), MALFORMED: pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class _Edition:
    """Where a review keeps what we need."""

    user: str
    item: str
    stars: str
    time: str
    per_second: int

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {self.user: pl.String(), self.item: pl.String(), self.stars: pl.Float64(), self.time: pl.Int64()}


_BEFORE_2023 = _Edition("reviewerID", "asin", "overall", "unixReviewTime", 1)
_2023 = _Edition("user_id", "parent_asin", "rating", "timestamp", 1000)


def from_amazon(
    reviews: str | Path,
    metadata: str | Path | None = None,
    *,
    name: str | None = None,
    core: int | None = None,
    all_items: bool = False,
    settings: ValidationSettings | None = None,
) -> Loaded:
    """Read a review file, and the metadata file of the same category.

    Args:
        reviews: For example ``reviews_Beauty_5.json.gz`` (2014), ``All_Beauty.json.gz`` (2018), ``All_Beauty.jsonl.gz`` (2023).
        metadata: For example ``meta_Beauty.json.gz`` (its lines are Python literals), ``meta_All_Beauty.jsonl.gz``.
        name: For reports; default: the name of the review file.
        core: Keep only users and items with this many reviews, as ``k_core`` does; None keeps all.
        all_items: Whether products that no event is left of are in the catalogue too. A product needs no metadata.
        settings: Of the validation.

    Raises:
        DataError: A file cannot be read, is of no known edition, or validation fails.
    """
    path = Path(reviews)
    events = _read_reviews(path)
    reviewed = events if core is None else k_core(events, user_min=core, item_min=core)
    wanted = reviewed.select(pl.col("item_id").drop_nulls().unique().sort())
    items = events.select(pl.col("item_id").drop_nulls().unique())  # unless there is a description
    if metadata is not None:
        described = _read_metadata(Path(metadata), None if all_items else set(wanted["item_id"].to_list()))
        items = pl.concat([described, items.join(described, on="item_id", how="anti")], how="diagonal")
    items = items.sort("item_id", maintain_order=True)
    return loaded(name or path.name.split(".")[0], events, items, core=core, all_items=all_items, settings=settings)


def _read_reviews(path: Path) -> pl.DataFrame:
    frames = []
    edition: _Edition | None = None
    for chunk in _chunks(path):
        edition = edition or _edition_of(path, chunk)
        try:
            frames.append(pl.read_ndjson(chunk, schema=edition.schema))
        except PolarsError:
            frames.append(_by_line(chunk, edition))
    if edition is None:
        raise DataError(f"file={path}", "it is empty", "give a file with one review a line")
    return pl.concat(frames, how="diagonal").select(
        pl.col(edition.user).alias("user_id"),
        pl.col(edition.item).alias("item_id"),
        (pl.col(edition.time) // edition.per_second).alias("timestamp"),
        pl.lit("review").alias("event"),
        pl.col(edition.stars).cast(pl.Float32).alias("value"),
        *([pl.col(MALFORMED)] if any(MALFORMED in frame.columns for frame in frames) else []),
    )


def _edition_of(path: Path, chunk: bytes) -> _Edition:
    for line in chunk.splitlines():
        record = _parsed(line)
        for edition in (_BEFORE_2023, _2023):
            if record is not None and edition.user in record and edition.item in record:
                return edition
    raise DataError(
        f"file={path}",
        "its reviews have neither reviewerID and asin (2014, 2018) nor user_id and parent_asin (2023)",
        "give a review file, not a metadata file",
    )


def _by_line(chunk: bytes, edition: _Edition) -> pl.DataFrame:
    """The slow way, for a chunk with broken lines: these are kept aside."""
    kinds: dict[str, tuple[type, ...]] = {edition.user: (str,), edition.item: (str,), edition.stars: (int, float), edition.time: (int,)}
    rows = []
    for line in chunk.splitlines():
        record = _parsed(line)
        right = record is not None and all(record.get(key) is None or isinstance(record[key], kind) for key, kind in kinds.items())
        if record is not None and right:
            rows.append([*(record.get(key) for key in kinds), None])
        elif line.strip():
            rows.append([*[None] * len(kinds), line.decode(errors="replace")])
    return pl.DataFrame(rows, schema={**edition.schema, MALFORMED: pl.String()}, orient="row")


def _read_metadata(path: Path, wanted: set[str] | None) -> pl.DataFrame:
    """One row a product, the first where there are several; a line that cannot be read counts as a row that is refused."""
    frames = []
    for chunk in _chunks(path):
        rows = []
        for line in chunk.splitlines():
            ids = _ID.findall(line)  # most products have no review: do not parse them
            if not line.strip() or (wanted is not None and ids and not any(one.decode(errors="replace") in wanted for one in ids)):
                continue
            record = _parsed(line)
            row = _item(record) if record is not None else None
            if row is None:
                rows.append({MALFORMED: line.decode(errors="replace")})
            elif wanted is None or row["item_id"] in wanted:
                rows.append(row)
        frames.append(pl.DataFrame(rows, schema=_ITEM_SCHEMA))
    items = pl.concat(frames) if frames else pl.DataFrame(schema=_ITEM_SCHEMA)
    return items.filter(pl.col("item_id").is_first_distinct() | pl.col(MALFORMED).is_not_null())


def _item(record: dict[str, Any]) -> dict[str, Any] | None:
    """The canonical columns of a product, from any edition."""
    item_id = record.get("parent_asin") or record.get("asin")
    if not isinstance(item_id, str):
        return None
    title = _text(record.get("title"))
    return {
        "item_id": item_id,
        "domain": _text(record.get("main_category")),
        "title": None if title and "getTime" in title else title,  # 2018: a piece of the page's script
        "description": _text(record.get("description")),
        "categories": list(dict.fromkeys(_flat(record.get("categories") or record.get("category")))),
        "brand": _text(record.get("brand") or record.get("store")),
        "price": _price(record.get("price")),
    }


def _text(value: Any) -> str | None:
    """One line without HTML entities and tags, from a text or a list of texts."""
    joined = " ".join(_flat(value))
    return " ".join(re.sub(r"</?[a-zA-Z][^<>]*>", " ", joined).split()) or None


def _flat(value: Any) -> Iterator[str]:
    """The texts of a text, a list, or a list of lists."""
    if isinstance(value, str):
        if text := html.unescape(value).strip():
            yield text
    elif isinstance(value, list):
        for member in value:
            yield from _flat(member)


def _price(value: Any) -> float | None:
    if isinstance(value, str):
        found = _PRICE.match(value.strip())
        return float(found[1].replace(",", "")) if found else None
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A mapping from a line of JSON or, as in 2014's metadata, a Python literal; None where it is neither."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        try:
            record = ast.literal_eval(line.decode())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    return record if isinstance(record, dict) else None


def _chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines."""
    with reading(path), opened(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk + file.readline()
