"""What generative recipes share: each way to settle collisions does what it says, and controls keep all but the meaning."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError, SettingsError
from penchant.data.histories import Histories
from penchant.items.quantiser import UnitQuantiser
from penchant.models.generative.recode import codes_of
from penchant.models.generative.tandem import TandemSettings
from penchant.recipes.generative.index_ids import Users
from penchant.recipes.generative.shared import Collisions, Network, Quantising, Source, sourced_codes, training_of
from tests.contracts.planted import lab

N = 300
VECTORS = np.concatenate([np.zeros((1, 12)), np.random.default_rng(0).normal(size=(N, 12))]).astype(np.float32)
COUNTS = np.concatenate([[0], np.random.default_rng(1).permutation(N)])


def coded(quantising: Quantising = Quantising.KMEANS, levels: int = 2, codebook: int = 8) -> tuple[UnitQuantiser, np.ndarray]:
    more = {"steps": 20} if "rq-vae" in quantising else {}
    quantiser = quantising.make(levels, codebook, **more)
    return quantiser, codes_of(VECTORS, COUNTS, quantiser)


def alike(codes: np.ndarray) -> int:
    """Items that share all codes with another one."""
    sizes = np.unique(codes[1:], axis=0, return_counts=True)[1]
    return int(sizes[sizes > 1].sum())


@pytest.mark.parametrize("quantising", Quantising)
def test_every_quantiser_gives_codes_and_rank_makes_them_unique(quantising: Quantising) -> None:
    quantiser, codes = coded(quantising)
    assert codes.shape == (N + 1, 2) and (codes[0] == -1).all()
    found = Collisions.RANK.settle(codes, COUNTS, quantiser, VECTORS)
    assert np.array_equal(found[:, :-1], codes) and alike(codes) > 0 and alike(found) == 0


@pytest.mark.parametrize("quantising", [Quantising.KMEANS, Quantising.UNIFORM])
def test_free_codes_end_all_collisions_without_a_further_level(quantising: Quantising) -> None:
    quantiser, codes = coded(quantising, levels=2, codebook=40)
    assert alike(codes) >= 10
    found = Collisions.FREE.settle(codes, COUNTS, quantiser, VECTORS)
    assert found.shape == codes.shape and alike(found) == 0 and (found[0] == -1).all()
    assert np.array_equal(found[:, 0], codes[:, 0])
    alone = np.unique(codes[1:], axis=0, return_inverse=True, return_counts=True)
    kept = alone[2][alone[1].ravel()] == 1
    assert np.array_equal(found[1:][kept], codes[1:][kept])  # who did not collide did not move


def test_below_full_prefixes_a_further_level_is_added() -> None:
    quantiser, codes = coded(levels=1, codebook=8)
    found = Collisions.FREE.settle(codes, COUNTS, quantiser, VECTORS)
    assert found.shape == (N + 1, 2) and alike(found) == 0


def test_product_codes_have_no_last_level_to_move_in() -> None:
    quantiser, codes = coded(Quantising.PRODUCT)
    with pytest.raises(InputError, match="collisions=free with product-quantiser"):
        Collisions.FREE.settle(codes, COUNTS, quantiser, VECTORS)


def test_the_most_popular_of_a_group_comes_first() -> None:
    quantiser, codes = coded(levels=1)
    popular, drawn, again = (
        kind.settle(codes, COUNTS, quantiser, VECTORS) for kind in (Collisions.POPULARITY, Collisions.DRAWN, Collisions.DRAWN)
    )
    for cluster in range(8):
        group = 1 + np.flatnonzero(codes[1:, 0] == cluster)
        assert np.array_equal(group[np.argsort(popular[group, 1])], group[np.argsort(-COUNTS[group])])
        assert sorted(drawn[group, 1]) == list(range(len(group)))
    assert np.array_equal(drawn, again) and not np.array_equal(drawn, popular)


def test_random_codes_are_the_same_codes_of_other_items() -> None:
    world, training = lab(), training_of(max_len=12, tokens=256, learning_rate=1e-3, epochs=1)
    text, random = (
        sourced_codes(world, Quantising.KMEANS.make(2, 8), source, TandemSettings(), training, Collisions.RANK)[0]
        for source in (Source.TEXT, Source.RANDOM)
    )
    assert not np.array_equal(text, random)
    assert sorted(map(tuple, text)) == sorted(map(tuple, random))


def test_users_are_gone_through_in_the_order_asked_for() -> None:
    train = Histories.of([[1, 2], [3], [4, 5, 6], [7]])
    firsts = {order: [int(Users(order).sort(train, 0).row(row)[0]) for row in range(4)] for order in Users}
    assert firsts[Users.GIVEN] == [1, 3, 4, 7]
    assert firsts[Users.SHORT_FIRST] == [3, 7, 1, 4] and firsts[Users.LONG_FIRST] == [4, 1, 3, 7]
    assert sorted(firsts[Users.DRAWN]) == [1, 3, 4, 7]


def test_unknown_fields_of_the_network_are_refused() -> None:
    with pytest.raises(SettingsError, match="depth"):
        Network.of({"depth": 3})
