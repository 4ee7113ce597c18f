"""How categories of different domains go together: the counts are those of a slow reference."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from penchant.users.lifts import lifts, roots, strata
from tests.users.test_intents import tree


def test_lifts_are_those_of_a_slow_reference() -> None:
    random = np.random.default_rng(1)
    has = (random.random((40, 9)) < 0.4).astype(np.float32)
    domains = np.array([1, 1, 1, 1, 5, 5, 5, 8, 8])
    alone = np.array([1, 1, 1, 1, 5, 5, 5, 8, 9])  # two domains of one category
    for found, count, prior in ((domains, 3, 2.0), (domains, 1, 0.5), (alone, 3, 2.0)):
        np.testing.assert_allclose(
            lifts(sparse.csr_matrix(has), found, count=count, prior=prior), _slow(has, found, count, prior), atol=1e-5
        )


def _slow(has: np.ndarray, domains: np.ndarray, count: int, prior: float) -> np.ndarray:
    """The formula, pair by pair."""
    users, size = has.shape
    found = np.zeros((size, size))
    for t in range(size):
        inside = [one for one in range(size) if domains[one] == domains[t]]
        breadth = np.array([sum(has[user, one] for one in (inside if len(inside) > 1 else range(size))) for user in range(users)])
        stratum = strata(breadth, count)
        for g in range(size):
            if domains[g] == domains[t]:
                continue
            both = sum(has[user, g] * has[user, t] for user in range(users))
            expected = 0.0
            for one in set(stratum.tolist()):
                members = [user for user in range(users) if stratum[user] == one]
                expected += sum(has[user, g] for user in members) * sum(has[user, t] for user in members) / len(members)
            found[g, t] = math.log((both + prior) / (expected + prior))
    return found


def test_domains_and_strata() -> None:
    assert {tree().names[one] for one in np.unique(roots(tree())[1:])} == {"Food", "Care", "Toys"}
    assert strata(np.array([0, 1, 2, 3, 4]), 2).tolist() == [0, 1, 1, 2, 2]
    assert strata(np.zeros(3), 4).tolist() == [0, 0, 0]
