"""Who falls where: stable, as the shares say, and independent between experiments."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from penchant.core.errors import SettingsError
from penchant.serve.experiments.assignment import BOTH, NOTHING, arm_of, assigned, bucket, takes_part
from penchant.serve.experiments.definition import Experiment

MODELS = {"tandem", "ease", "together"}
USERS = [f"user {number}" for number in range(20_000)]
METRIC = {"name": "clicks", "events": ["click"]}


def experiment(**more: object) -> Experiment:
    arms = [{"name": "as-is", "share": 0.5}, {"name": "more-ease", "share": 0.5, "weights": {"ease": 2.0}}]
    return Experiment.model_validate({"name": "one", "arms": arms, "metrics": [METRIC], **more})


def test_buckets_are_even_and_those_of_two_salts_independent() -> None:
    one, other = (np.array([bucket(salt, user) for user in USERS]) for salt in ("a", "b"))
    assert kstest(one, "uniform").pvalue > 0.001
    cells = np.histogram2d(one, other, bins=5, range=[[0, 1], [0, 1]])[0]
    assert chisquare(cells.ravel()).pvalue > 0.001


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_has_one_bucket(salt: str, user: str) -> None:
    assert 0 <= bucket(salt, user) < 1
    assert bucket(salt, user) == bucket(salt, user)


def test_a_bucket_never_changes_between_versions() -> None:
    """A server of another version must not move users to other arms."""
    assert bucket("salt", "u1") == pytest.approx(0.18038130443, abs=1e-10)


def test_arms_have_their_shares_and_are_independent_of_another_experiment() -> None:
    arms = [{"name": name, "share": share} for name, share in (("a", 0.2), ("b", 0.3), ("c", 0.5))]
    one, other = experiment(arms=arms), experiment(name="other")
    pairs = Counter((arm_of(one, user).name, arm_of(other, user).name) for user in USERS)
    meant = {(a, b): share * 0.5 * len(USERS) for a, share in (("a", 0.2), ("b", 0.3), ("c", 0.5)) for b in ("as-is", "more-ease")}
    assert chisquare([pairs[key] for key in meant], list(meant.values())).pvalue > 0.001


def test_the_same_salt_gives_the_same_users() -> None:
    one, other = experiment(salt="s"), experiment(name="later", salt="s")
    assert all(arm_of(one, user).name == arm_of(other, user).name for user in USERS[:200])


def test_who_takes_part_does_not_depend_on_the_arm() -> None:
    small = experiment(audience=0.3)
    part = [user for user in USERS if takes_part(small, user, known=True)]
    assert len(part) == pytest.approx(0.3 * len(USERS), rel=0.05)
    assert Counter(arm_of(small, user).name for user in part)["as-is"] == pytest.approx(len(part) / 2, rel=0.06)


def test_experiments_of_a_layer_never_share_a_user_and_fill_it() -> None:
    one, other = experiment(layer="ranking", audience=0.4), experiment(name="b", layer="ranking", audience=0.6, layer_from=0.4)
    for user in USERS[:2_000]:
        assert takes_part(one, user, True) + takes_part(other, user, True) == 1


@pytest.mark.parametrize(
    ("users", "known", "part"), [("all", False, True), ("known", False, False), ("known", True, True), ("new", True, False)]
)
def test_audiences(users: str, known: bool, part: bool) -> None:
    assert takes_part(experiment(users=users), "u1", known) == part


def test_weights_of_several_experiments_are_multiplied() -> None:
    both = [
        experiment(arms=[{"name": "x", "share": 1.0, "weights": {"ease": 2.0, "tandem": 3.0}}, {"name": "s", "share": 0.5, "shadow": True}])
    ]
    both += [
        experiment(name="two", arms=[{"name": "y", "share": 1.0, "weights": {"ease": 0.5}}, {"name": "s", "share": 0.5, "shadow": True}])
    ]
    way = assigned(both, "u1", True, MODELS)
    assert way.weights == {"ease": 1.0, "tandem": 3.0}
    assert way.arms == {"one": "x", "two": "y"}
    assert [(name, arm.name) for name, arm in way.shadows] == [("one", "s"), ("two", "s")]


def test_an_arm_that_this_server_cannot_make_concerns_nobody() -> None:
    assert assigned([experiment()], "u1", True, {"tandem"}) is NOTHING
    assert assigned([experiment()], "u1", True, MODELS).arms.keys() == {"one"}


def test_interleaved_users_see_both() -> None:
    way = assigned([experiment(kind="interleave")], "u1", True, MODELS)
    assert (way.arms, way.draft is not None, way.weights) == ({"one": BOTH}, True, {})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.4}]}, "sum to 0.9, they must sum to 1"),
        ({"arms": [{"name": "a", "share": 0.5}, {"name": "a", "share": 0.5}]}, "each arm needs a name of its own"),
        ({"guardrails": [{"metric": "sales", "margin": 0.1}]}, "guardrails of ['sales']"),
        ({"metrics": [{"name": "milliseconds", "events": ["click"]}]}, "other than milliseconds"),
        ({"layer_from": 0.5, "audience": 0.6}, "beyond the layer's end"),
        ({"start": 20.0, "end": 10.0}, "the end lies before the start"),
        (
            {"kind": "interleave", "arms": [{"name": "a", "share": 1.0}, {"name": "b", "share": 0.5, "shadow": True}]},
            "two arms are interleaved",
        ),
        ({"surprise": 1}, "extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: dict[str, object], told: str) -> None:
    text = experiment().model_dump() | change
    with pytest.raises(SettingsError) as refused:
        Experiment.parse(json.dumps(text))
    assert told in str(refused.value)
    with pytest.raises(SettingsError, match="invalid JSON"):
        Experiment.parse("{")
