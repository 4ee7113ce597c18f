"""Campaigns as rules: a small one written here, and the 27 real ones where their data is there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.core.assets import cache_folder
from penchant.core.errors import DataError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.pipeline.campaigns import journey_campaigns
from penchant.pipeline.policy import Policy
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.file import read_rules, written
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Boost

REAL = cache_folder() / "assets" / "complete-journey" / "parquet"


def test_a_campaign_is_a_boost_of_its_coupons_for_its_households(tmp_path: Path) -> None:
    day = {"start_date": [datetime(2017, 3, 3)], "end_date": [datetime(2017, 4, 9)]}
    pl.DataFrame({"campaign_id": [1], "campaign_type": ["Type B"], **day}).write_parquet(tmp_path / "campaign_descriptions.parquet")
    pl.DataFrame({"campaign_id": [1, 1], "household_id": [9, 3]}).write_parquet(tmp_path / "campaigns.parquet")
    with pytest.raises(DataError, match=r"there is no coupons\.parquet"):
        journey_campaigns(tmp_path)
    pl.DataFrame({"campaign_id": [1, 1, 1], "product_id": [7, 7, 5], "coupon_upc": [1, 2, 2]}).write_parquet(tmp_path / "coupons.parquet")
    (rule,) = journey_campaigns(tmp_path, strength=2.0).rules
    assert isinstance(rule, Boost) and rule.audience is not None
    assert (rule.name, rule.where.items, rule.audience.users, rule.strength) == ("Campaign 1 (Type B)", ("5", "7"), ("3", "9"), 2.0)
    window = [datetime.fromtimestamp(when, UTC).date().isoformat() for when in (rule.starts or 0, rule.ends or 0)]
    assert window == ["2017-03-03", "2017-04-10"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the Complete Journey was not fetched: penchant rules campaigns --out FILE")
def test_real_campaigns_show_in_their_windows_to_their_households_and_nowhere_else() -> None:
    rules = journey_campaigns(REAL, strength=100)
    assert len(rules.rules) == 27
    promoted = pl.read_parquet(REAL / "coupons.parquet")["product_id"].unique().sort().cast(pl.String)
    goods = Goods(Catalog(pl.DataFrame({"item_id": [*(f"plain {number}" for number in range(50)), *promoted]})))
    policy = Policy(rules, goods)
    plain, scores, closed = np.arange(1, 51, dtype=np.int32), np.linspace(1, 0.5, 50, dtype=np.float32), np.zeros(len(goods) + 1, bool)

    def exposed(household: str, now: int) -> set[str]:
        found = policy.choose(Asked(Histories.of([[]]), 20, now, household), plain, scores, closed)
        labelled = {item for item, labels in zip(found.shown.items.tolist(), found.labels, strict=True) if labels}
        assert labelled == {item for item in found.shown.items.tolist() if item > 50}
        return set(goods.catalog.items.decode(np.array(sorted(labelled), np.int32)))

    for rule in rules.rules:
        assert isinstance(rule, Boost) and rule.audience is not None and rule.starts is not None and rule.ends is not None
        household, stranger = rule.audience.users[0], "nobody"
        for now, inside in ((rule.starts - 1, False), (rule.starts, True), (rule.ends - 1, True), (rule.ends, False)):
            running = [one for one in rules.rules if isinstance(one, Boost) and household in (one.audience.users if one.audience else ())]
            running = [one for one in running if (one.starts or 0) <= now < (one.ends or 0)]
            assert exposed(stranger, now) == set()
            assert (rule in running) == inside
            shown = exposed(household, now)
            assert shown <= {item for one in running if isinstance(one, Boost) for item in one.where.items}
            assert bool(shown) == bool(running)


@pytest.mark.skipif(not REAL.is_dir(), reason="the Complete Journey was not fetched: penchant rules campaigns --out FILE")
def test_real_campaigns_are_a_file() -> None:
    rules = journey_campaigns(REAL)
    few = type(rules)(rules=tuple(rule for rule in rules.rules if isinstance(rule, Boost) and len(rule.where.items) < 500))
    assert len(few.rules) > 10 and read_rules(written(few)) == few
