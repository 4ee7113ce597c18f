"""The composed system: any history, exclusions, reasons that the model stands behind, parts that fail."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.contracts import TopK
from penchant.core.errors import InputError, TrainingError, UnknownIdError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.pipeline.reasons import ByScores, reasons, score_drops
from penchant.pipeline.recommender import Recommender, Rung
from tests.contracts.planted import CASES, EVERYBODYS, NUM_ITEMS, sasrec

CATALOG = Catalog(
    pl.DataFrame(
        {"item_id": [f"i{code}" for code in range(1, NUM_ITEMS + 1)], "title": [f"Thing {code}" for code in range(1, NUM_ITEMS + 1)]}
    )
)


def composed(models: dict[str, Any], generators: dict[str, float]) -> Recommender:
    return Recommender(
        CATALOG,
        models,
        rungs=[Rung("all", generators)],
        newcomers={"popularity": 1.0},
        last="popularity",
        explainer=ByScores(models["sasrec"]),
    )


@lru_cache(maxsize=1)
def system() -> Recommender:
    models = {name: CASES[name].make(0) for name in ("popularity", "ease", "content")}
    net = sasrec(0)
    return composed({**models, "sasrec": net}, {"sasrec": 2.0, "ease": 1.0, "content": 0.5})


def ids(recommendation: object) -> list[str]:
    return [one.item_id for one in recommendation.suggestions]  # type: ignore[attr-defined]


def test_a_history_never_seen_in_training_gets_its_pair_first() -> None:
    found = system().recommend([f"i{EVERYBODYS}", "i7"], k=5)
    assert ids(found)[0] == "i8"
    assert "i7" not in ids(found)
    assert found.suggestions[0].sources[0] in {"sasrec", "ease", "content"}
    assert found.history_length == 2
    assert set(found.milliseconds) >= {"generate", "total"}


def test_nobody_gets_what_is_popular() -> None:
    found = system().recommend([], k=3)
    assert found.used == ("popularity",)
    assert found.suggestions[0].reason.kind == "popular"


def test_events_by_name_and_history_by_code_are_the_same() -> None:
    events = [{"item_id": "i25", "timestamp": 20, "event": "view"}, {"item_id": "i7", "timestamp": 10, "event": "like"}]
    history = Histories.of([[7, 25]], times=[[10, 20]], actions=[[10, 2]])
    assert ids(system().recommend(events, k=5)) == ids(system().recommend(history=history, k=5))


@pytest.mark.parametrize("model", [None, "sasrec", "ease", "content", "popularity"])
def test_hidden_and_seen_items_stay_away_from_every_model(model: str | None) -> None:
    found = system().recommend(["i25", "i7"], k=NUM_ITEMS, model=model, hidden=[8, 9])
    assert not {"i7", "i8", "i9", "i25"} & set(ids(found))
    again = system().recommend(["i25", "i7"], k=NUM_ITEMS, model=model, exclude_seen=False)
    assert "i7" in ids(again)


def test_bad_requests_say_why() -> None:
    with pytest.raises(UnknownIdError, match="item_id='nope'"):
        system().recommend(["nope"])
    with pytest.raises(InputError, match=f"k=99: a list holds 1 to {NUM_ITEMS} items"):
        system().recommend(["i1"], k=99)
    with pytest.raises(InputError, match="model='best': no such model"):
        system().recommend(["i1"], model="best", k=3)


def test_the_reason_is_the_event_without_which_the_score_falls_most() -> None:
    history = Histories.of([[25, 3, 7]], actions=[[2, 9, 10]])
    past, drops = score_drops(ByScores(sasrec(0)), history, np.array([8]))
    assert past.tolist() == [7, 3, 25]
    assert past[int(np.argmax(drops[:, 0]))] == 7
    why = reasons(ByScores(sasrec(0)), CATALOG, history, np.array([8]))[0]
    assert why.kind == "event"
    assert why.because[0] == 7
    assert why.text.startswith("Because you liked Thing 7")


def test_deleting_the_named_event_costs_more_than_deleting_another() -> None:
    net = sasrec(0)
    history = Histories.of([[25, 3, 7]])
    found = system().recommend(history=history, k=1).suggestions[0]
    cause = found.reason.because[0]
    whole = float(net.score(history).log_softmax(1)[0, found.item])
    without = {item: float(net.score(history.where(history.items != item)).log_softmax(1)[0, found.item]) for item in (25, 3, 7)}
    assert whole - without[cause] == max(whole - value for value in without.values())


class Broken:
    """A generator that always fails."""

    num_items = NUM_ITEMS

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        raise TrainingError("weights", "this model is broken", "train it again")


def test_a_broken_part_costs_its_candidates_not_the_answer() -> None:
    whole = system()
    broken = composed({**whole.models, "bad": Broken()}, {"ease": 1.0, "bad": 1.0})
    found = broken.recommend(["i25", "i7"], k=5)
    assert found.missing == {"bad": "failed"}
    assert found.used == ("ease",)
    assert len(found.suggestions) == 5


def test_factors_change_the_merge_and_0_leaves_a_generator_out() -> None:
    both = system().recommend(["i1"], k=3)
    alone = system().recommend(["i1"], k=3, weights={both.used[0]: 0.0})
    assert alone.used == both.used[1:]
    nobody = system().recommend(["i1"], k=3, weights=dict.fromkeys(both.used, 0.0))
    assert nobody.rung == nobody.used[0] == system().last


@pytest.mark.parametrize("weights", [{"nobody": 1.0}, {"popularity": -0.1}, {"popularity": float("nan")}, {"popularity": float("inf")}])
def test_factors_that_mean_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="weights"):
        system().recommend(["i1"], k=3, weights=weights)


def test_generators_must_exist() -> None:
    with pytest.raises(InputError, match=r"generators \['nothing'\]"):
        composed(system().models, {"nothing": 1.0})
