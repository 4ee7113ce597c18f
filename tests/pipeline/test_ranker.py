"""The order between merging and policy: kept only where it helps, and never in the way."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.contracts import TopK
from penchant.core.artifacts import write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.models.retrieval.popularity import Popularity
from penchant.pipeline.composed import Composed
from penchant.pipeline.difference import shifts
from penchant.pipeline.merge import Merged, merge
from penchant.pipeline.ranker import LightRanker, features, ranked, unusual
from penchant.pipeline.ranker_fitting import Lists, chosen
from penchant.pipeline.rules.goods import Goods
from tests.pipeline.test_recommender import composed, ids, system

SIZE, WIDTH, PEOPLE = 60, 8, 400
BOTH = {"one": 1.0, "two": 1.0}


def goods() -> Goods:
    catalog = Catalog(pl.DataFrame({"item_id": [f"i{code}" for code in range(1, SIZE + 1)]}))
    vectors = np.random.default_rng(0).normal(size=(SIZE + 1, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    return Goods(catalog, vectors=vectors, events=np.arange(SIZE + 1))


class Named:
    """Names what it is told, row for row."""

    num_items = SIZE

    def __init__(self, items: np.ndarray) -> None:
        self.items = items

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        return TopK(self.items[:, :k].astype(np.int32), -np.arange(k, dtype=np.float32)[None].repeat(len(self.items), axis=0))


def lists() -> Lists:
    """Two generators that name thirty items each, in random order."""
    random = np.random.default_rng(1)
    histories = Histories.of([[int(one)] for one in random.integers(1, SIZE + 1, PEOPLE)])
    models = {name: Named(np.argsort(random.random((PEOPLE, SIZE)), axis=1)[:, :30] + 1) for name in ("one", "two")}
    return Lists.of(models, BOTH, histories, 30, exclude=histories)  # type: ignore[arg-type]


def targets(found: Lists, wanted: np.ndarray) -> Targets:
    return Targets(found.histories, Histories.of([[int(one)] for one in wanted]))


def nearest(found: Lists) -> np.ndarray:
    """Of each list the item that is most like what was done last."""
    vectors = goods().vectors
    assert vectors is not None
    done = found.histories.items
    return np.array([one.items[np.argmax(vectors[one.items] @ vectors[last])] for one, last in zip(found.merged, done, strict=True)])


def test_it_learns_what_is_taken_and_is_kept() -> None:
    found = lists()
    wanted = nearest(found)
    ranker = chosen(found, targets(found, wanted), goods(), BOTH)
    assert ranker is not None
    lists_of_it = found.ranked(ranker, goods(), 10).items
    assert (lists_of_it[:, 0] == wanted).mean() > 0.9
    assert (found.ranked(None, goods(), 10).items[:, 0] == wanted).mean() < 0.1


def test_it_is_not_kept_where_there_is_nothing_to_learn() -> None:
    found = lists()
    random = np.random.default_rng(2)
    assert chosen(found, targets(found, np.array([random.choice(one.items) for one in found.merged])), goods(), BOTH) is None
    assert chosen(found, targets(found, np.full(PEOPLE, SIZE + 1)), goods(), BOTH) is None


def test_features_are_what_they_say() -> None:
    stock = goods()
    merged = merge(
        {
            "tandem-dense": TopK(np.array([[5, 6]], np.int32), np.zeros((1, 2))),
            "trending": TopK(np.array([[7]], np.int32), np.zeros((1, 1))),
        },
        {"tandem-dense": 2.0, "trending": 0.3},
    )
    found = features(Histories.of([[3, 9, 3]]), merged, stock, ["tandem", "ease"], 3)
    assert stock.vectors is not None
    by_item = dict(zip(merged.items.tolist(), found, strict=True))
    assert by_item[5][0] == pytest.approx(60 / 61) and by_item[6][0] == pytest.approx(60 / 62) and by_item[7][0] == 0
    assert all(row[1] == 0 for row in found)
    for item, row in by_item.items():
        like = stock.vectors[[3, 9]] @ stock.vectors[item]
        np.testing.assert_allclose(row[2:], [np.log1p(item), like.max(), like[0]], rtol=1e-5)


def test_what_was_asked_for_and_what_is_done_now_reach_the_order() -> None:
    one, two = (TopK(np.array([items], np.int32), np.zeros((1, 2), np.float32)) for items in ([5, 6], [7, 5]))
    usual = merge({"one": one, "two": two}, BOTH)
    assert unusual(usual, BOTH, 3) == pytest.approx(np.zeros(3))
    asked = merge({"one": one, "two": two}, {"one": 1.0, "two": 50.0})
    told = dict(zip(asked.items.tolist(), unusual(asked, BOTH, 3), strict=True))
    assert told[6] == pytest.approx(0.0)
    assert told[7] > 2.0
    now = merge({"one": one, "two": two, "trending": TopK(np.array([[9]], np.int32), np.zeros((1, 1)))}, {**BOTH, "trending": 0.3})
    told = dict(zip(now.items.tolist(), unusual(now, BOTH, 4), strict=True))
    assert told[9] > 0.5 and told[5] == pytest.approx(0.0)
    plain = LightRanker(BOTH, np.zeros(5))
    history = Histories.of([[1]])
    assert ranked(plain, history, asked, goods()).items[0] == 7
    assert ranked(plain, history, now, goods()).items[0] == 9


def test_it_knows_lists_of_the_generators_it_was_fitted_to() -> None:
    ranker = LightRanker({"tandem": 2.0, "ease": 1.0}, np.zeros(5))
    assert ranker.knows(["tandem", "ease", "trending"]) and ranker.knows(["ease", "tandem-dense"])
    assert not ranker.knows(["item-knn"]) and not ranker.knows(["stored", "ease"]) and not ranker.knows(["tandem", "trending"])


def test_scores_keep_their_places() -> None:
    merged = Merged(np.array([4, 2, 9]), np.array([0.5, 0.3, 0.1]), np.array([[1, 2, 3]]), ("one",))
    turned = ranked(Turned(known="one"), Histories.of([[1]]), merged, goods())
    assert turned.items.tolist() == [9, 2, 4]
    assert turned.scores.tolist() == [0.5, 0.3, 0.1]
    assert turned.ranks.tolist() == [[3, 2, 1]]


def test_only_the_first_change_places() -> None:
    ranker = LightRanker({"one": 1.0}, np.array([-1.0, 0, 0, 0]), most=2)
    merged = merge({"one": TopK(np.array([[4, 2, 9]], np.int32), np.zeros((1, 3)))}, {"one": 1.0})
    assert ranker.order(Histories.of([[1]]), merged, goods()).tolist() == [1, 0, 2]


def test_it_comes_back_from_disk(tmp_path: Path) -> None:
    ranker = LightRanker({"two": 1.0, "one": 0.5}, np.array([0.1, 1 / 3, 2.0, 3.0, 4.0]), most=7)
    ranker.save(tmp_path / "ranker")
    again = LightRanker.load(tmp_path / "ranker")
    assert list(again.generators.items()) == list(ranker.generators.items()), "weights are told apart by the order"
    assert (again.generators, again.weights.tolist(), again.most) == (ranker.generators, ranker.weights.tolist(), 7)
    with write_artifact(tmp_path / "other", kind=LightRanker.KIND, settings={"generators": [["one", 1.0]], "weights": [1.0], "most": 7}):
        pass
    with pytest.raises(ArtifactError, match="a ranker of other features"):
        LightRanker.load(tmp_path / "other")


class Turned:
    """The last candidate first."""

    def __init__(self, known: str = "sasrec") -> None:
        self.known = known

    def knows(self, generators: Collection[str]) -> bool:
        return self.known in generators

    def order(self, history: Histories, merged: Merged, goods: Goods) -> np.ndarray:
        return np.arange(len(merged.items))[::-1]


class Broken:
    """Fails."""

    def knows(self, generators: Collection[str]) -> bool:
        return True

    def order(self, history: Histories, merged: Merged, goods: Goods) -> np.ndarray:
        raise InputError("a ranker", "it fails", "mend it")


def test_a_list_is_made_in_the_rankers_order_and_without_it_where_it_fails() -> None:
    plain = system()
    before = plain.recommend(["i25", "i7"], k=5)
    models = dict(plain.models)
    assert before.merged is not None and "ranker" not in before.missing
    for ranker in (Turned(), Broken()):
        own = composed(models, {"sasrec": 2.0, "ease": 1.0, "content": 0.5})
        own.ranker = ranker
        found = own.recommend(["i25", "i7"], k=5)
        assert found.merged is not None and "rank" in found.milliseconds
        if isinstance(ranker, Broken):
            assert ids(found) == ids(before) and found.missing == {"ranker": "failed"}
        else:
            assert found.merged.items.tolist() == before.merged.items[::-1].tolist()
            assert found.merged.scores.tolist() == before.merged.scores.tolist()
            assert found.unranked is not None and found.unranked.tolist() == before.merged.items.tolist()
            told = {shift.item_id: shift.why for shift in shifts(before, found, plain.catalog, plain.catalog)}
            assert told, "the lists differ"
            assert all("the ranker moves it nowhere in the first, from place" in why or "others moved" in why for why in told.values())
            assert any("the ranker moves it" in why for why in told.values())
            less = {"sasrec": 0.0}
            assert ids(own.recommend(["i7"], k=5, weights=less)) == ids(plain.recommend(["i7"], k=5, weights=less)), (
                "it knows no such lists"
            )
            assert ids(own.recommend([], k=3)) == ids(plain.recommend([], k=3)), "nobody's list is as merged"
            assert ids(own.recommend(["i7"], k=5, model="ease")) == ids(plain.recommend(["i7"], k=5, model="ease"))


def test_the_composed_list_is_what_is_merged_and_ranked() -> None:
    histories = Histories.of([[1, 2], [3], []])
    popular = Popularity.fit(Histories.of([[4, 4, 5], [4, 5, 6]]), SIZE)
    models = {"popularity": popular, "turned": Named(np.array([[9, 8]] * 3))}
    weights = {"popularity": 1.0, "turned": 5.0}
    found = Composed(models, weights, goods(), None).recommend(histories, 4, exclude=histories)  # type: ignore[dict-item]
    assert found.items[:, :2].tolist() == [[9, 8]] * 3
    assert found.items[0, 2:].tolist() == [4, 5]
    ranked = Composed(models, weights, goods(), LightRanker({"popularity": 1.0, "turned": 5.0}, np.array([9.0, 0, 0, 0, 0])))  # type: ignore[dict-item]
    assert ranked.recommend(histories, 1, exclude=histories).items[:, 0].tolist() == [4, 4, 9], "of nobody's list it knows nothing"
