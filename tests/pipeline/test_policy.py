"""Rules over a small catalogue: what may not be shown is not, what is promised is kept, and nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.pipeline.policy import Chosen, Policy, PolicySettings
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.candidates import BROUGHT, FILLS
from penchant.pipeline.rules.filters import TOLD
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Rules
from penchant.pipeline.rules.outcomes import Outcomes

N = 24
DAY = 86_400
NOW = 1_000 * DAY
TABLE = pl.DataFrame(
    {
        "item_id": [f"i{code}" for code in range(1, N + 1)],
        "brand": [["Acme", "Borealis", None][code % 3] for code in range(1, N + 1)],
        "categories": [["Tea", "Green"] if code % 2 else ["Lamps"] for code in range(1, N + 1)],
        "domain": ["shop" if code <= 12 else "market" for code in range(1, N + 1)],
        "price": [float(code) if code != 5 else None for code in range(1, N + 1)],
        "year": [2000 + code for code in range(1, N + 1)],
        "created": [NOW - code * DAY if code != 5 else None for code in range(1, N + 1)],
        "size": ["XL" if code % 4 == 0 else "S" for code in range(1, N + 1)],
        "tags": [["new"] if code == 7 else [] for code in range(1, N + 1)],
    },
    schema_overrides={"created": pl.Int64, "tags": pl.List(pl.String)},
)
EVENTS = np.array([0, *range(N, 0, -1)])  # item 1 is the most popular, item 24 has one event
VECTORS = np.random.default_rng(5).standard_normal((N + 1, 8)).astype(np.float32)
GOODS = Goods(Catalog(TABLE), vectors=VECTORS, events=EVENTS)
NOBODY = Histories.of([[]])
ALL = np.arange(1, N + 1, dtype=np.int32)


def policy(*rules: dict[str, object], goods: Goods = GOODS) -> Policy:
    return Policy(Rules.model_validate({"rules": rules}), goods)


def person(*events: tuple[int, str, float]) -> Histories:
    """(item, action, days ago) each."""
    return Histories.of(
        [[item for item, _, _ in events]],
        actions=[[ACTION_CODE[action] for _, action, _ in events]],
        times=[[int(NOW - days * DAY) for _, _, days in events]],
    )


def choose(rules: Policy, items: np.ndarray = ALL, k: int = 6, history: Histories = NOBODY, **asked: object) -> Chosen:
    request = Asked(history, k, **{"now": NOW, **asked})  # type: ignore[arg-type]
    return rules.choose(request, items, np.linspace(1, 0.1, len(items)).astype(np.float32), rules.barred(request).mask)


def shown(*rules: dict[str, object], **asked: object) -> list[int]:
    return choose(policy(*rules), **asked).shown.items.tolist()  # type: ignore[arg-type]


def excluded(where: dict[str, object], **asked: object) -> set[int]:
    return set(ALL.tolist()) - set(shown({"rule": "exclude", "where": where}, k=N, **asked))


def test_the_rules_of_a_release_are_spacing_by_brand_else_category() -> None:
    (rule,) = PolicySettings(window=3, most=1).rules().rules
    assert rule.model_dump(exclude_none=True) == {"rule": "spacing", "by": "brand or category", "window": 3, "most": 1}
    keys = GOODS.keys("brand or category")
    assert keys[0] == 0
    assert keys[1] == keys[4] != keys[2] == keys[8]  # Borealis; no brand: Lamps
    assert keys[2] not in (keys[3], keys[5]), "no brand is not a brand of its own"


@pytest.mark.parametrize(
    ("where", "gone"),
    [
        ({"items": ["i3", "i9", "unknown"]}, {3, 9}),
        ({"brands": ["Acme"]}, {code for code in range(1, N + 1) if code % 3 == 0}),
        ({"categories": ["Green"]}, set(range(1, N + 1, 2))),
        ({"domains": ["market"], "categories": ["Tea"]}, set(range(13, N + 1, 2))),
        ({"price": {"least": 4, "most": 6}}, {4, 6}),
        ({"year": {"most": 2003}}, {1, 2, 3}),
        ({"events": {"most": 2}}, {23, 24}),
        ({"attributes": {"size": ["XL"]}}, set(range(4, N + 1, 4))),
        ({"attributes": {"tags": ["new", "old"]}}, {7}),
        ({"brands": ["No such"]}, set()),
    ],
)
def test_items_are_meant_by_what_the_catalogue_says(where: dict[str, object], gone: set[int]) -> None:
    assert excluded(where) == gone


def test_what_the_catalogue_cannot_tell_is_refused() -> None:
    with pytest.raises(InputError, match="column 'colour': the catalogue has no such column; pass one of item_id"):
        policy({"rule": "exclude", "where": {"attributes": {"colour": ["red"]}}})
    with pytest.raises(InputError, match="attributes: size: it holds String, not values like 4"):
        policy({"rule": "exclude", "where": {"attributes": {"size": [4]}}})
    with pytest.raises(InputError, match="by='tags': it holds List"):
        policy({"rule": "spacing", "by": "tags"})
    with pytest.raises(InputError, match="rule: diversity: nobody knows which items are alike"):
        policy({"rule": "diversity"}, goods=Goods(Catalog(TABLE)))


def test_unknown_names_are_told() -> None:
    (rule,) = Rules.model_validate({"rules": [{"rule": "exclude", "where": {"items": ["i1", "x"], "brands": ["Acme", "Acmee"]}}]}).rules
    assert rule.rule == "exclude" and rule.where is not None
    assert GOODS.unknown(rule.where) == ["items: x", "brands: Acmee"]


def test_what_was_bought_of_late_is_left_out_and_comes_back() -> None:
    did = {"rule": "exclude", "did": {"actions": ["purchase"], "days": 14}}
    history = person((1, "purchase", 20), (2, "purchase", 3), (3, "view", 1), (4, "purchase", 14))
    assert shown(did, k=4, history=history) == [1, 3, 5, 6]
    assert shown({**did, "where": {"categories": ["Tea"]}}, k=4, history=history) == [1, 2, 3, 4], "both must be true"
    untimed = Histories.of([[1, 2]], actions=[[ACTION_CODE["purchase"]] * 2])
    assert shown(did, k=2, history=untimed) == [3, 4], "without times nothing is old"


@pytest.mark.parametrize(
    ("audience", "holds"),
    [
        ({"users": ["ann"]}, {"ann"}),
        ({"newcomers": True}, {"new"}),
        ({"did": {"where": {"categories": ["Tea"]}}, "times": 2}, {"ann"}),
        ({"did": {"where": {"categories": ["Tea"]}, "days": 5}}, {"ben"}),
        ({"did": {"actions": ["purchase"]}, "users": ["ben"]}, {"ann", "ben"}),
    ],
)
def test_a_rule_is_for_its_audience(audience: dict[str, object], holds: set[str]) -> None:
    people = {"ann": person((1, "purchase", 9), (3, "view", 8)), "ben": person((5, "view", 2), (2, "view", 1)), "new": NOBODY}
    rule = {"rule": "exclude", "where": {"items": ["i10"]}, "audience": audience}
    listed = {name: shown(rule, k=N, history=history, user_id=name) for name, history in people.items()}
    assert {name for name, items in listed.items() if 10 not in items} == holds


def test_a_campaign_rises_in_its_window_with_its_label_and_vanishes_after() -> None:
    rule = {"rule": "boost", "where": {"items": ["i20", "i21"]}, "strength": 20, "label": "Holidays", "starts": NOW, "ends": NOW + DAY}
    campaign = policy(rule)
    before, first, last, after = (choose(campaign, now=NOW + when) for when in (-1, 0, DAY - 1, DAY))
    for found in (first, last):
        assert found.shown.items.tolist()[:2] == [20, 21]
        assert found.labels == (("Holidays",), ("Holidays",), (), (), (), ())
    for found in (before, after):
        assert found.shown.items.tolist() == [1, 2, 3, 4, 5, 6]
        assert not any(found.labels)


def test_a_boost_brings_items_that_nobody_named_and_a_weak_one_brings_none() -> None:
    rule = {"rule": "boost", "where": {"categories": ["Lamps"]}, "strength": 50, "inject": 2}
    named = ALL[::2]  # tea only
    found = choose(policy(rule), named, k=4)
    assert found.shown.items.tolist() == [2, 4, 1, 3], "the most popular lamps"
    assert found.shown.places.tolist() == [BROUGHT, BROUGHT, 0, 1]
    history = Histories.of([[20]])
    cosines = GOODS.unit(ALL) @ GOODS.unit(np.array([20]))[0]
    lamps = sorted((code for code in range(2, N + 1, 2)), key=lambda code: -cosines[code - 1])
    assert set(choose(policy(rule), named, k=4, history=history).shown.items[:2].tolist()) == set(lamps[:2]), "those nearest to the history"
    assert choose(policy({**rule, "strength": 0.5}), named, k=4).shown.items.tolist() == [1, 3, 5, 7]
    assert choose(policy({"rule": "boost", "where": {"categories": ["Tea"]}, "strength": 0.01}), k=2).shown.items.tolist() == [2, 4]


def test_fresh_items_rise_by_their_age() -> None:
    rule = policy({"rule": "freshness", "strength": 3, "half_life_days": 2})
    found = choose(rule, np.array([1, 2, 4, 5], np.int32), k=4)
    old = np.linspace(1, 0.1, 4)
    expected = dict(zip([1, 2, 4, 5], old * [1 + 2 * 2**-0.5, 2, 1.5, 1], strict=True))
    assert dict(zip(found.shown.items.tolist(), found.shown.scores.tolist(), strict=True)) == pytest.approx(expected, rel=1e-5)


def test_quotas_bring_what_is_lacking_and_cut_what_is_too_much() -> None:
    least = {"rule": "quota", "where": {"categories": ["Lamps"]}, "least": 2}
    assert shown(least, items=ALL[::2], k=4) == [1, 3, 2, 4]
    assert shown({"rule": "quota", "by": "brand", "most": 1}, k=6) == [1, 2, 3, 5, 8, 11], "items without a brand are not counted"
    assert shown({"rule": "quota", "where": {"domains": ["shop", "market"]}, "most": 3}, k=6) == [1, 2, 3], (
        "the law holds; the list is short"
    )


def test_a_list_is_filled_from_the_catalogue_where_candidates_end() -> None:
    found = choose(policy({"rule": "exclude", "where": {"categories": ["Tea"]}}), np.array([1, 3, 6], np.int32), k=4)
    assert found.shown.items.tolist() == [6, 2, 4, 8]
    assert found.shown.places.tolist() == [2, FILLS, FILLS, FILLS]
    assert choose(policy(), np.zeros(0, np.int32), k=3).shown.items.tolist() == [1, 2, 3]


def test_generators_are_told_of_the_most_popular_excluded_items() -> None:
    table = pl.DataFrame({"item_id": [f"i{code}" for code in range(1, 2 * TOLD + 1)], "brand": ["A"] * (2 * TOLD)})
    goods = Goods(Catalog(table), events=np.arange(2 * TOLD + 1))
    barred = policy({"rule": "exclude", "where": {"brands": ["A"]}}, goods=goods).barred(Asked(NOBODY, 5, NOW))
    assert not barred.all_told and set(barred.told.tolist()) == set(range(TOLD + 1, 2 * TOLD + 1))
    barred = policy({"rule": "exclude", "did": {}}, goods=goods).barred(Asked(Histories.of([[3, 4, 3]]), 5, NOW))
    assert barred.all_told and barred.told.tolist() == [3, 4] == np.flatnonzero(barred.mask).tolist()


def test_exploration_is_the_same_for_the_same_seed_and_says_what_was_drawn() -> None:
    rules = policy({"rule": "explore", "chance": 0.5, "where": {"events": {"most": 6}}, "most": 2})
    lists = {seed: choose(rules, ALL[:12], seed=seed, k=8) for seed in map(str, range(40))}
    for seed, found in lists.items():
        again = choose(rules, ALL[:12], seed=seed, k=8)
        assert again.shown.items.tolist() == found.shown.items.tolist() and again.propensities.tolist() == found.propensities.tolist()
        assert found.drawn.sum() <= 2 and all(EVENTS[found.shown.items[found.drawn]] <= 6)
        assert [("explored",) if drawn else () for drawn in found.drawn] == list(found.labels)
    assert len({tuple(found.shown.items.tolist()) for found in lists.values()}) > 10
    assert choose(policy(), ALL, k=8).propensities.tolist() == [1.0] * 8


def test_thompson_goes_by_what_is_known() -> None:
    known = Outcomes({code: (50.0, 0.0) if code == 24 else (0.0, 50.0) for code in range(1, N + 1)})
    written = Rules.model_validate({"rules": [{"rule": "explore", "method": "thompson", "chance": 1, "where": {"events": {"most": 4}}}]})
    found = choose(Policy(written, GOODS), k=1, outcomes=known)
    assert found.shown.items.tolist() == [24] and found.propensities[0] == pytest.approx(1.0, abs=1e-3)
    blind = [choose(Policy(written, GOODS), k=1, seed=str(seed)) for seed in range(40)]
    assert {int(one.shown.items[0]) for one in blind} == {21, 22, 23, 24} and blind[0].propensities[0] == pytest.approx(0.25)


WHERES = st.one_of(
    st.fixed_dictionaries({"brands": st.lists(st.sampled_from(["Acme", "Borealis"]), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"categories": st.lists(st.sampled_from(["Tea", "Lamps", "Green"]), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"items": st.lists(st.integers(1, N).map(lambda code: f"i{code}"), min_size=1, max_size=8)}),
    st.fixed_dictionaries({"price": st.fixed_dictionaries({"least": st.integers(0, 20)})}),
    st.fixed_dictionaries({"events": st.fixed_dictionaries({"most": st.integers(1, 20)})}),
)
RULES = st.lists(
    st.one_of(
        st.fixed_dictionaries({"rule": st.just("exclude"), "where": WHERES}),
        st.fixed_dictionaries({"rule": st.just("boost"), "where": WHERES, "strength": st.sampled_from([0.1, 0.5, 3.0, 50.0])}),
        st.fixed_dictionaries({"rule": st.just("freshness"), "strength": st.just(4.0), "half_life_days": st.just(3.0)}),
        st.fixed_dictionaries(
            {"rule": st.just("diversity"), "method": st.sampled_from(["mmr", "dpp"]), "weight": st.sampled_from([0.1, 0.9])}
        ),
        st.fixed_dictionaries({"rule": st.just("spacing"), "by": st.sampled_from(["brand", "category", "domain", "size"])}),
        st.fixed_dictionaries({"rule": st.just("quota"), "where": WHERES, "least": st.integers(1, 4)}),
        st.fixed_dictionaries({"rule": st.just("explore"), "chance": st.sampled_from([0.3, 1.0]), "where": WHERES}),
    ),
    max_size=6,
)
CANDIDATES = st.lists(st.integers(1, N), unique=True, max_size=N)


@settings(max_examples=80, deadline=None)
@given(RULES, CANDIDATES, st.integers(1, N), st.sets(st.integers(1, N)), st.text(max_size=3))
def test_whatever_the_rules_no_excluded_item_is_shown_and_k_come_back(
    rules: list[dict[str, object]], candidates: list[int], k: int, hidden: set[int], seed: str
) -> None:
    made = policy(*rules)
    request = Asked(Histories.of([[3, 8]]), k, NOW, seed=seed)
    barred = made.barred(request).mask.copy()
    barred[sorted(hidden)] = True
    found = made.choose(request, np.array(candidates, np.int32), np.ones(len(candidates), np.float32), barred)
    items = found.shown.items.tolist()
    allowed = set(ALL.tolist()) - set(np.flatnonzero(barred).tolist())
    assert len(items) == len(set(items)) == min(k, len(allowed))
    assert set(items) <= allowed
    assert ((found.propensities > 0) & (found.propensities <= 1 + 1e-9)).all()
    assert len(found.labels) == len(items)


@settings(max_examples=60, deadline=None)
@given(CANDIDATES, st.integers(1, N), WHERES)
def test_equals_keep_their_order(candidates: list[int], k: int, where: dict[str, object]) -> None:
    """A boost that means all or none of those that are equal leaves them as they were."""
    made = policy({"rule": "boost", "where": where, "strength": 0.5})
    meant = GOODS.mask(made.rules.rules[0].where)  # type: ignore[union-attr, arg-type]
    items = np.array(candidates, np.int32)
    found = made.choose(Asked(NOBODY, k, NOW), items, np.ones(len(items), np.float32), np.zeros(N + 1, bool)).shown
    named = found.items[found.places >= 0].tolist()
    assert named == [*(one for one in candidates if not meant[one]), *(one for one in candidates if meant[one])][: len(named)]
