"""A small world with ratings, for recipes that measure something other than lists."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.claims.world import World, Worlds
from penchant.data.dataset import Dataset
from penchant.data.splits import leave_one_out

USERS, ITEMS = 12, 30
GENRES = ("Comedy", "Drama", "Horror", "War", "Western", "Musical")


def world(ratings: bool = True) -> World:
    """12 users with 6 events each, of 30 items in six genres. User u rates every item with 1 + u modulo 5."""
    dice = np.random.default_rng(0)
    rows = [
        {"user_id": f"u{user:02d}", "item_id": f"i{item:02d}", "timestamp": 1_000 * user + place, "value": float(1 + user % 5)}
        for user in range(USERS)
        for place, item in enumerate(dice.choice(ITEMS, 6, replace=False))
    ]
    events = pl.DataFrame(rows).with_columns(event=pl.lit("rating"))
    items = pl.DataFrame(
        {
            "item_id": [f"i{item:02d}" for item in range(ITEMS)],
            "title": [f"The story of number {item}" for item in range(ITEMS)],
            "categories": [[GENRES[item % len(GENRES)]] for item in range(ITEMS)],
        }
    )
    dataset = Dataset.build("small", events if ratings else events.drop("value"), items)
    return World(dataset, leave_one_out(dataset), "leave-one-out", Worlds())
