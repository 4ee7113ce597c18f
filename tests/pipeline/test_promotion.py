"""The checks before a release becomes live: each fails where it should, and for that reason alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from penchant.contracts import Retriever, TopK
from penchant.core.errors import InputError
from penchant.core.progress import quiet
from penchant.data.histories import Histories
from penchant.pipeline.changes import with_items
from penchant.pipeline.promotion import Bars, Check, examine, replayable
from penchant.pipeline.release import Release, load_release
from tests.serve.conftest import make_release

BARS = Bars(users=40, k=10, margin=0.3)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    with quiet():
        return load_release(make_release(tmp_path_factory.mktemp("promotion") / "release"))


def passed(checks: list[Check]) -> Mapping[str, bool]:
    return {one.name: one.passed for one in checks}


def served_by(release: Release, model: object) -> Release:
    """The release with one model that answers everything."""
    return replace(
        release, models={**release.models, "only": model}, settings=release.settings.but(generators={"only": 1.0, "popularity": 0.001})
    )


class Changed:
    """A model that is slower, or knows what comes next, or never names it."""

    def __init__(self, model: Retriever, *, seconds: float = 0.0, first: Release | None = None, never: Release | None = None) -> None:
        self.model, self.seconds, self.first, self.never = model, seconds, first, never

    def recommend(self, histories: Histories, k: int, exclude: Histories | None = None) -> TopK:
        time.sleep(self.seconds)
        found = self.model.recommend(histories, k, exclude=exclude)
        items, known = found.items.copy(), self.first or self.never
        if known is not None and histories.items.size:
            target = newest(known)[tuple(histories.items.tolist())]
            others = items[0][(items[0] != target) & (items[0] > 0)]
            ranked = np.concatenate([[target], others])[:k] if self.first else others
            items = np.zeros((1, k), np.int32)
            items[0, : len(ranked)] = ranked
        return TopK(items, np.where(items > 0, -np.arange(k, dtype=np.float32), -np.inf).astype(np.float32))


def newest(release: Release) -> dict[tuple[int, ...], int]:
    """The newest item of every user, by the items before it."""
    h = release.histories
    rows = [h.items[h.offsets[row] : h.offsets[row + 1]].tolist() for row in range(len(h))]
    return {tuple(row[:-1]): row[-1] for row in rows}


def test_a_release_may_take_its_own_place(release: Release) -> None:
    checks = examine(release, release, BARS.but(slower=5.0))
    assert passed(checks) == {"catalogue": True, "quality": True, "coverage": True, "latency": True}
    assert "difference +0.0000 (+0.0000 to +0.0000)" in next(one.found for one in checks if one.name == "quality")


def test_the_first_release_has_nothing_to_compare_with(release: Release) -> None:
    assert passed(examine(release, None, BARS)) == {"lists": True}


def test_one_that_never_names_what_comes_next_fails_for_its_quality_and_one_that_does_passes(release: Release) -> None:
    model, bars = release.models["content"], BARS.but(coverage=0.0, slower=50.0, margin=0.0)
    good, bad = (served_by(release, one) for one in (Changed(model, first=release), Changed(model, never=release)))
    assert passed(examine(bad, good, bars)) == {"catalogue": True, "quality": False, "coverage": True, "latency": True}
    found = examine(good, bad, bars)
    assert passed(found)["quality"]
    assert "NDCG@10 1.0000 against 0.0000" in next(one.found for one in found if one.name == "quality")


def test_the_same_few_items_for_all_fail_for_their_coverage(release: Release) -> None:
    few = release.models["popularity"]
    wide = examine(served_by(release, few), served_by(release, release.models["content"]), BARS.but(margin=1.0, slower=50.0))
    assert passed(wide) == {"catalogue": True, "quality": True, "coverage": False, "latency": True}


def test_a_slow_one_fails_for_its_time(release: Release) -> None:
    slow = Changed(release.models["ease"], seconds=0.05)
    checks = passed(examine(served_by(release, slow), served_by(release, release.models["ease"]), BARS))
    assert checks == {"catalogue": True, "quality": True, "coverage": True, "latency": False}


def test_a_catalogue_that_lost_items_fails(release: Release) -> None:
    new = pl.DataFrame({"item_id": [f"new{number}" for number in range(20)], "title": [f"Moon Story {number}" for number in range(20)]})
    checks = examine(release, with_items(release, new), BARS.but(coverage=0.0, slower=50.0, margin=1.0))
    assert next((one.passed, one.found) for one in checks if one.name == "catalogue") == (False, "75.0% of 80 items are still there")


def test_only_events_that_a_list_could_name_are_asked_for(release: Release) -> None:
    h = release.histories
    rows = replayable(release, 1_000, seed=0)
    assert len(rows) == len(set(rows.tolist())) > 30
    for row in rows.tolist():
        past = h.items[h.offsets[row] : h.offsets[row + 1]]
        assert past[-1] not in past[:-1]
    assert replayable(release, 10, seed=3).tolist() == replayable(release, 10, seed=3).tolist() != replayable(release, 10, seed=4).tolist()


def test_without_anything_to_ask_for_it_says_so(release: Release) -> None:
    nothing = replace(release, histories=release.histories.take(np.zeros(0, np.int64)))
    with pytest.raises(InputError, match="newest event"):
        replayable(nothing, 10, seed=0)
