"""Leaks through text: item texts that hold ids, and queries that hold the title of the target."""

from __future__ import annotations

import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.findings import Finding, Severity, event_frame, say, share
from penchant.data.schema import ITEMS
from penchant.data.splits import Split

_ID_LENGTH = 6  # a shorter id, such as "12", occurs in texts by chance
_TITLE_LENGTH = 8  # so does a shorter title
_BY_CHANCE = 0.001  # a larger share of items that mention others is no accident, as "973016 pk" is
_WORDS = r"[\w-]+"


def ids_in_texts(dataset: Dataset, split: Split) -> list[Finding]:
    """Item texts, and further columns of the catalogue, that mention ids: their own, or those of other items.

    Ids of other items mostly come from lists such as "also bought", which were made from everybody's later behaviour.
    Where such a mention leads from a visible item to that row's target, it is an error.
    """
    ids = dataset.catalog.items.table.rename({"id": "word", "code": "mentioned"}).filter(pl.col("word").str.len_chars() >= _ID_LENGTH)
    if not len(ids):
        return []
    table = dataset.catalog.table.with_row_index("item", offset=1)
    texts = ["title", "description"]
    extra = [name for name, dtype in table.schema.items() if name not in ITEMS and dtype in (pl.String, pl.List(pl.String))]
    found = []
    for name in [*texts, *extra]:
        column = pl.col(name).list.join(" ") if isinstance(table.schema[name], pl.List) else pl.col(name)
        words = table.select(pl.col("item").cast(pl.Int32), word=column.str.extract_all(_WORDS)).explode("word", empty_as_null=True)
        mentions = words.join(ids, on="word").unique(["item", "mentioned"], maintain_order=True)
        own = mentions.filter(pl.col("item") == pl.col("mentioned"))
        if len(own) and name in texts:
            message = f"the {name} of {len(own):,} items holds the item's own id: a text model can learn ids by heart"
            found.append(Finding("id-in-text", "warning", message, len(own), say(dataset, item=own["item"][0])))
        others = mentions.filter(pl.col("item") != pl.col("mentioned"))
        if others["item"].n_unique() > _BY_CHANCE * len(table):
            found.append(_mentions(dataset, split, name, others))
    return found


def _mentions(dataset: Dataset, split: Split, name: str, mentions: pl.DataFrame) -> Finding:
    """Judge mentions (item, mentioned) of other items in one column; a few leads to targets may be chance."""
    seen = event_frame(split.test.histories).select("row", "item").unique()
    asked = event_frame(split.test.items).select("row", mentioned="item").unique()
    given = seen.join(mentions, on="item").join(asked, on=["row", "mentioned"], how="semi")["row"].n_unique()
    items, rows = mentions["item"].n_unique(), len(split.test)
    severity: Severity = "error" if given > 0.01 * rows else "warning"
    message = f"column {name!r} of {items:,} items holds ids of other items, as lists of 'also bought' do"
    message += f"; for {given:,} of {rows:,} test rows ({share(given, rows)}) it leads from a visible item to the target" if given else ""
    first = mentions.row(0, named=True)
    example = f"{say(dataset, item=first['item'])} mentions {dataset.catalog.items.ids[first['mentioned'] - 1]!r}"
    return Finding("ids-in-text", severity, message, items, example)


def titles_in_queries(dataset: Dataset, split: Split) -> list[Finding]:
    """Test targets whose title stands in a query that the user typed for it or before it."""
    if "query" not in dataset.events.columns or dataset.events["query"].null_count() == len(dataset.events):
        return []
    titles = pl.DataFrame(
        {"item": range(1, dataset.num_items + 1), "title": dataset.catalog.table["title"]}, schema_overrides={"item": pl.Int32}
    )
    titles = titles.with_columns(pl.col("title").str.to_lowercase().str.strip_chars()).filter(
        pl.col("title").str.len_chars() >= _TITLE_LENGTH
    )
    asked = event_frame(split.test.items).select("user", "item", "time").join(titles, on="item")
    typed = dataset.events.filter(pl.col("query").is_not_null()).select(
        "user", typed=pl.col("time"), query=pl.col("query").str.to_lowercase()
    )
    asked = asked.join(typed, on="user").filter(pl.col("typed") <= pl.col("time"))
    hits = asked.filter(pl.col("query").str.contains(pl.col("title"), literal=True)).unique(["user", "item", "time"], maintain_order=True)
    if not len(hits):
        return []
    first = hits.row(0, named=True)
    message = f"{len(hits):,} test targets have their title in a query of the same user: whoever reads the query reads the answer"
    return [
        Finding(
            "title-in-query", "warning", message, len(hits), f"{say(dataset, user=first['user'], item=first['item'])}: {first['query']!r}"
        )
    ]
