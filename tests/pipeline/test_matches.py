"""The worst matches are left out of lists, and only these; a release may carry what tells them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.core.errors import ArtifactError, InputError
from penchant.core.progress import quiet
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.items.item_space import TEXT
from penchant.pipeline.matches import BadMatches, without
from penchant.pipeline.merge import Merged
from penchant.pipeline.recommender import Recommender
from penchant.pipeline.release import load_release, write_release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.users.match import MatchFilter, PairFeatures, Taste
from tests.contracts.planted import EVERYBODYS, NUM_ITEMS, vectors
from tests.pipeline.test_recommender import ids, system
from tests.serve.conftest import make_release, tiny_dataset

NOBODY = np.zeros(NUM_ITEMS + 1, bool)


def by_dislikes(disliked: tuple[int, ...], share: float = 0.2) -> BadMatches:
    """Goes by how often an item was disliked alone."""
    likes, dislikes = np.full(NUM_ITEMS + 1, 10), np.zeros(NUM_ITEMS + 1, np.int64)
    dislikes[list(disliked)] = 40
    known = PairFeatures(vectors(), likes, dislikes)
    width = known.of([(Taste(), 1)]).shape[1]
    return BadMatches(known, MatchFilter(np.zeros(width), np.ones(width), np.eye(width)[2], 0.0), share)


def candidates(*items: int) -> Merged:
    scores = np.linspace(1, 0.1, len(items), dtype=np.float32)
    return Merged(np.array(items, np.int32), scores, np.arange(1, len(items) + 1, dtype=np.int32)[None], ("one",))


def with_matches(matches: BadMatches) -> Recommender:
    """The system of the other tests, with the last stage."""
    other = system()
    return Recommender(
        other.catalog,
        other.models,
        rungs=other.rungs,
        newcomers=other.newcomers,
        last=other.last,
        explainer=other.explainer,
        matches=matches,
    )


def test_of_the_candidates_that_could_take_a_place_the_worst_go() -> None:
    bad, history = by_dislikes((3, 9)), Histories.of([[EVERYBODYS]])
    merged = candidates(1, 2, 3, 4, 5, 9)
    assert bad.worst(history, merged, 4, NOBODY).tolist() == [3], "of the first five a fifth; the sixth could take no place"
    assert bad.worst(Histories.of([[]]), merged, 4, NOBODY).tolist() == [], "of nobody nothing is known"
    barred = NOBODY.copy()
    barred[[1, 3]] = True
    assert bad.worst(history, merged, 4, barred).tolist() == [], "of four that are left a fifth is none"
    assert bad.worst(history, merged, 6, NOBODY).tolist() == [], "a list does not get shorter by it"
    assert by_dislikes((3,), share=0.0).worst(history, merged, 4, NOBODY).tolist() == []
    assert by_dislikes(()).worst(history, merged, 4, NOBODY).tolist() == [5], "of equals the last"
    left = without(merged, np.array([3], np.int32))
    assert left.items.tolist() == [1, 2, 4, 5, 9]
    assert left.ranks.tolist() == [[1, 2, 4, 5, 6]]


def test_a_list_is_made_without_them_and_says_so() -> None:
    plain = system().recommend(["i25", "i7"], k=8)
    gone = plain.suggestions[2].item
    found = with_matches(by_dislikes((gone,))).recommend(["i25", "i7"], k=8)
    assert gone in found.left_out.tolist()
    assert not {f"i{item}" for item in found.left_out} & set(ids(found))
    assert len(found.suggestions) == 8
    assert found.merged is not None
    assert gone not in found.merged.items
    assert ids(found)[:2] == ids(plain)[:2]
    assert not len(plain.left_out)
    assert "matches" in found.milliseconds
    assert not len(with_matches(by_dislikes((gone,))).recommend([], k=3).left_out)


def test_a_part_that_fails_leaves_the_list_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> np.ndarray:
        raise RuntimeError("broken")

    broken_one = with_matches(by_dislikes((2,)))
    monkeypatch.setattr(BadMatches, "worst", broken)
    found = broken_one.recommend(["i25", "i7"], k=8)
    assert found.missing == {"matches": "failed"}
    assert ids(found) == ids(system().recommend(["i25", "i7"], k=8))


def test_it_comes_back_from_disk_and_only_for_its_own_items(tmp_path: Path) -> None:
    before = by_dislikes((3, 9), share=0.3)
    before.save(tmp_path / "matches")
    after = BadMatches.load(tmp_path / "matches", vectors())
    pairs = [(Taste((1, 2), (5,)), item) for item in range(1, NUM_ITEMS + 1)]
    np.testing.assert_array_equal(before.filter.bad(before.known.of(pairs)), after.filter.bad(after.known.of(pairs)))
    assert after.share == 0.3
    with pytest.raises(ArtifactError, match="items in"):
        BadMatches.load(tmp_path / "matches", vectors()[:-1])


def test_what_does_not_fit_is_refused() -> None:
    known = by_dislikes(()).known
    with pytest.raises(InputError, match=r"share=1.0"):
        BadMatches(known, by_dislikes(()).filter, 1.0)
    with pytest.raises(InputError, match="3 weights"):
        BadMatches(known, MatchFilter(np.zeros(3), np.ones(3), np.ones(3), 0.0))


def test_a_dislike_in_a_history_is_one_of_the_taste_and_a_list_costs_little() -> None:
    row = Histories.of([[1, 2, 3]], actions=[[ACTION_CODE["view"], ACTION_CODE["dislike"], ACTION_CODE["like"]]])
    assert Taste.of(row) == Taste((1, 3), (2,))
    bad, history = by_dislikes((3,)), Histories.of([list(range(1, 25)) * 20])
    began = time.perf_counter()
    for _ in range(20):
        bad.worst(history, candidates(*range(1, 25)), 20, NOBODY)
    assert (time.perf_counter() - began) / 20 < 0.05


def test_a_release_carries_it_and_the_trace_tells_what_went(tmp_path: Path) -> None:
    with quiet():
        plain = load_release(make_release(tmp_path / "plain"))
    assert plain.matches is None
    assert plain.encoder is not None
    texts, likes = plain.space.vectors[TEXT], np.full(len(plain.space) + 1, 10)
    known = PairFeatures(texts, likes, np.arange(len(likes)))
    width = known.of([(Taste(), 1)]).shape[1]
    matches = BadMatches(known, MatchFilter(np.zeros(width), np.ones(width), np.eye(width)[2], 0.0))
    base = {name: model for name, model in plain.models.items() if not name.startswith("tandem-")} | {"tandem": plain.tandem}
    write_release(
        tmp_path / "release",
        plain.settings,
        dataset=tiny_dataset(),
        space=plain.space,
        models=base,
        encoder=plain.encoder,
        matches=matches,
    )
    release = load_release(tmp_path / "release")
    assert release.matches is not None
    app = create_app(release, log=SqliteEventLog(tmp_path / "events.sqlite"))
    with TestClient(app) as client:
        asked = {"events": [{"item_id": plain.space.catalog.items.ids[0]}], "k": 8, "trace": True}
        found = client.post("/v1/recommend", json=asked).json()
    gone = found["trace"]["left_out"]
    assert len(gone) == 2
    assert not set(gone) & {one["item_id"] for one in found["items"]}
    codes = plain.space.catalog.items.encode(gone + [one["item_id"] for one in found["items"]])
    assert min(codes[:2]) > np.median(codes[2:]), "those that were disliked most"
