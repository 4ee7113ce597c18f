from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError, SettingsError
from penchant.evaluate.significance import Resampling, Verdict, bootstrap_means, compare, holm, intervals, sign_flip, verdict

QUICK = Resampling(resamples=400, flips=500)


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held, rounds = np.zeros(2), 300
    for seed in range(rounds):
        values = {"hit": (rng.random(200) < 0.3).astype(np.float32), "skewed": rng.exponential(2, 200).astype(np.float32)}
        found = intervals(values, QUICK.but(seed=seed))
        held += [found["hit"].low <= 0.3 <= found["hit"].high, found["skewed"].low <= 2 <= found["skewed"].high]
    assert (held / rounds > 0.91).all()
    assert (held / rounds < 0.985).all()


def test_width_is_that_of_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4_000).astype(np.float32)
    found = intervals({"x": values})["x"]
    error = values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean(), rel=1e-6)
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.15 * error)
    wide = intervals({"x": values}, Resampling(level=0.99))["x"]
    assert wide.low < found.low < found.high < wide.high


def test_drawing_equal_rows_together_changes_nothing_but_the_draws() -> None:
    rng = np.random.default_rng(2)
    few = rng.integers(0, 3, (6_000, 2)).astype(np.float32)  # nine distinct rows: drawn together
    apart = few + rng.normal(0, 1e-6, few.shape).astype(np.float32)  # the same values, but no two rows equal
    how = Resampling()
    together, single = bootstrap_means(few, how), bootstrap_means(apart, how)
    assert together.shape == single.shape == (2_000, 2)
    np.testing.assert_allclose(together.mean(axis=0), few.mean(axis=0), atol=0.002)
    np.testing.assert_allclose(together.std(axis=0), few.std(axis=0) / np.sqrt(6_000), rtol=0.06)
    np.testing.assert_allclose(single.std(axis=0), together.std(axis=0), rtol=0.08)


def test_same_seed_same_interval_and_constant_values_have_no_width() -> None:
    values = {"x": np.random.default_rng(3).random(50).astype(np.float32)}
    assert intervals(values, QUICK) == intervals(values, QUICK)
    assert intervals(values, QUICK) != intervals(values, QUICK.but(seed=1))
    flat = intervals({"x": np.full(50, 0.25, np.float32)}, QUICK)["x"]
    assert (flat.mean, flat.low, flat.high) == (0.25, 0.25, 0.25)
    assert intervals({}) == {}


def test_sign_flips_agree_with_all_flips() -> None:
    values = np.array([0.5, 0.25, -0.125, 0.5, 0.375, -0.25, 0.75, 0.1], np.float32)
    sums = [abs(float(np.dot(signs, values))) for signs in itertools.product((-1, 1), repeat=len(values))]
    exact = np.mean(np.array(sums) >= abs(float(values.sum())) - 1e-6)
    assert sign_flip(values, Resampling(flips=50_000)) == pytest.approx(exact, abs=0.006)


def test_rows_without_a_difference_have_no_say() -> None:
    values = np.array([1, 1, 1, -1, 1], np.float32)
    assert sign_flip(np.concatenate([values, np.zeros(100, np.float32)])) == sign_flip(values)
    assert sign_flip(np.zeros(10, np.float32)) == 1.0


def test_the_normal_limit_continues_the_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).normal(0.05, 1, 1_500).astype(np.float32)
    flipped = sign_flip(values)
    monkeypatch.setattr("penchant.evaluate.significance._NORMAL", 100)
    assert 0.01 < flipped < 0.5
    assert sign_flip(values) == pytest.approx(flipped, abs=0.015)


def test_no_difference_is_seldom_called_one() -> None:
    rng = np.random.default_rng(5)
    ps = [compare(rng.random(100), rng.random(100), QUICK.but(seed=seed)).p for seed in range(300)]
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.09


@pytest.mark.parametrize("distinct", [True, False])
def test_comparisons_mirror(distinct: bool) -> None:
    rng = np.random.default_rng(6)
    first, second = (rng.random(500), rng.random(500)) if distinct else (rng.integers(0, 2, 500), rng.integers(0, 2, 500))
    there, back = compare(first, second, QUICK), compare(second, first, QUICK)
    assert there.p == back.p
    assert there.mean.mean == pytest.approx(-back.mean.mean, abs=1e-7)
    assert there.mean.low == pytest.approx(-back.mean.high, abs=1e-6)
    assert there.mean.high == pytest.approx(-back.mean.low, abs=1e-6)


def test_a_small_but_steady_gain_is_found() -> None:
    base = np.random.default_rng(7).random(300).astype(np.float32)
    found = compare(base + 0.01, base)
    assert found.p < 0.001
    assert found.mean.mean == pytest.approx(0.01, abs=1e-4)
    assert found.mean.low > 0.009


def test_holm_on_a_known_case() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_never_lowers_a_p(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert (adjusted >= np.array(ps)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(ps, kind="stable")]) >= 0).all()


def test_verdicts() -> None:
    assert verdict(0.1, 0.01) is Verdict.BETTER
    assert verdict(-0.1, 0.01) is Verdict.WORSE
    assert verdict(0.1, 0.05) is Verdict.SAME
    assert verdict(0.1, 0.05, alpha=0.1) is Verdict.BETTER
    assert Verdict.SAME == "not distinguishable"


def test_bad_values_are_refused() -> None:
    with pytest.raises(InputError, match="same rows"):
        compare(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="not finite"):
        intervals({"x": np.array([1, np.nan])})
    with pytest.raises(InputError, match="0 rows"):
        intervals({"x": np.array([])})
    with pytest.raises(SettingsError):
        Resampling(level=1.5)
