"""The two tables every data set comes down to, and the actions Penchant knows by name.

Events: one row is one thing a user did. Items: one row is one thing that can be recommended.
Columns beyond these are kept in the tables and ignored by the models.
"""

from __future__ import annotations

import polars as pl

EVENTS: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.Int64(),  # UTC seconds; null in every row where the source has only an order
    "position": pl.Int32(),  # 0-based order within the user; decides between equal timestamps
    "event": pl.String(),  # the action, see ACTIONS
    "value": pl.Float32(),  # rating, price, quantity; null where there is none
    "domain": pl.String(),  # shop department, site section; null: taken from the item
    "surface": pl.String(),  # feed, search, item page
    "query": pl.String(),  # what was typed, for search events
}
REQUIRED_EVENTS = ("user_id", "item_id")

ITEMS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "domain": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "categories": pl.List(pl.String()),  # from broad to narrow, or unordered genres
    "category_names": pl.List(pl.String()),  # readable names where `categories` holds ids
    "brand": pl.String(),
    "price": pl.Float32(),
    "year": pl.Int32(),
    "created": pl.Int64(),  # UTC seconds
    "image_path": pl.String(),
}
REQUIRED_ITEMS = ("item_id",)

#: Code 0 is padding or "not stated"; a name outside this list gets the code of ``"other"``.
ACTIONS = (
    "", "other", "view", "click", "cart", "purchase", "rating", "review", "search", "play", "like", "dislike", "hide",
)  # fmt: skip
ACTION_CODE = {name: code for code, name in enumerate(ACTIONS)}
OTHER_ACTION = ACTION_CODE["other"]


def action_code(name: str | None) -> int:
    """The code of an action's name; 0 for none, ``OTHER_ACTION`` for one that is not in ``ACTIONS``."""
    return ACTION_CODE.get(name or "", OTHER_ACTION)
