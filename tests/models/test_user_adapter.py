"""A change that is learnt from a stream: it follows a trend, serves only while that helps, and survives storage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import ArtifactError, InputError, SettingsError
from penchant.models.user_adapter import AdapterSettings, UserAdapter

ITEMS, WIDTH = 30, 8


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors float32[N, V] of items, of length 1, and float32[400, V] of users, of length 5: products of both are logits."""
    random = np.random.default_rng(seed)
    items, users = random.normal(size=(ITEMS, WIDTH)), random.normal(size=(400, WIDTH))
    units = [(one / np.linalg.norm(one, axis=1, keepdims=True)).astype(np.float32) for one in (items, users)]
    return units[0], 5 * units[1]


def trend(users: np.ndarray, items: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Codes that users whose vectors were moved ``towards`` would choose."""
    return np.argmax((users + 5 * towards) @ items.T, axis=1) + 1


def test_at_first_it_changes_nothing() -> None:
    items, users = world()
    adapter = UserAdapter(items)
    assert adapter.adapted(users) is users
    np.testing.assert_array_equal(adapter(torch.from_numpy(users)).detach().numpy(), users)


def test_it_follows_a_trend_and_lets_go_when_that_is_over() -> None:
    items, users = world()
    adapter = UserAdapter(items, AdapterSettings(rate=0.02, newest=200))
    towards = items[3]
    now, later = trend(users, items, towards), trend(users, items, 0 * towards)

    def hits(targets: np.ndarray) -> float:
        return float((np.argmax(adapter.adapted(users) @ items.T, axis=1) + 1 == targets).mean())

    before = hits(now)
    for start in range(0, 2_000, 50):
        rows = np.arange(start, start + 50) % len(users)
        adapter.learn(users[rows], now[rows])
    assert adapter.serves
    assert hits(now) > before + 0.2
    assert adapter.gain > 0
    for start in range(0, 200, 50):  # the trend is over: a few events later it steps back
        adapter.learn(users[start : start + 50], later[start : start + 50])
    assert not adapter.serves
    assert hits(later) == 1.0, "as released"
    assert adapter.events == 2_200


def test_the_change_is_never_longer_than_allowed() -> None:
    items, users = world()
    adapter = UserAdapter(items, AdapterSettings(rate=1.0, reach=0.25))
    for _ in range(20):
        adapter.learn(users[:50], np.full(50, 4))
    change = np.linalg.norm(adapter(torch.from_numpy(users)).detach().numpy() - users, axis=1) / np.linalg.norm(users, axis=1)
    assert change.max() == pytest.approx(0.25, rel=1e-4)


def test_the_gain_is_that_of_before_learning() -> None:
    items, users = world()
    adapter = UserAdapter(items, AdapterSettings(rate=0.05))
    targets = trend(users, items, items[3])
    assert adapter.learn(users[:50], targets[:50]) == 0.0

    def worth(vectors: np.ndarray) -> float:
        scores = vectors @ items.T
        own = scores[np.arange(40), targets[50:90] - 1]
        return float((1 / np.log2(2 + (scores > own[:, None]).sum(axis=1))).mean())

    gain = worth(adapter(torch.from_numpy(users[50:90])).detach().numpy()) - worth(users[50:90])
    assert gain != 0.0
    assert adapter.learn(users[50:90], targets[50:90]) == pytest.approx(gain, rel=1e-4)
    assert adapter.gain == pytest.approx((0.0 * 50 + gain * 40) / 90, rel=1e-4)


def test_it_rests_where_events_become_likelier_and_lists_worse() -> None:
    items = 10 * np.eye(9, dtype=np.float32)
    targets = np.concatenate([np.full(40, 1), np.arange(60) % 7 + 2])  # the first item is what most do
    first = np.where(targets == 1, 9, targets)  # in the lists: right for all others, and hardly sure
    users, wanted = 0.001 * items[first - 1], torch.from_numpy(targets - 1)
    adapter = UserAdapter(items, AdapterSettings(reach=20.0))
    with torch.no_grad():
        adapter.bias[0] = 10.0  # the first item for everybody
        before, after = (adapter._judge(one, wanted, None)[0].mean() for one in (torch.from_numpy(users), adapter(torch.from_numpy(users))))
    assert after < before, "likelier"
    assert adapter.learn(users, targets) < 0, "and lower in the lists"
    assert not adapter.serves


def test_sampled_items_stand_for_all() -> None:
    items, users = world()
    targets = np.arange(1, 31)
    people, wanted = torch.from_numpy(users[:30]), torch.from_numpy(targets - 1)
    losses, discounts = UserAdapter(items)._judge(people, wanted, None)
    torch.testing.assert_close(losses, F.cross_entropy(people @ torch.from_numpy(items).T, wanted, reduction="none"))
    few = UserAdapter(items, AdapterSettings(sampled=10), seed=3)
    drawn = [few._judge(people, wanted, torch.randint(ITEMS, (10,), generator=few.drawn)) for _ in range(600)]
    likely = torch.stack([one.exp() for one, _ in drawn]).mean(dim=0)  # one over the likelihood
    np.testing.assert_allclose(likely.numpy(), losses.exp().numpy(), rtol=0.2)
    places = torch.stack([2 ** (1 / one) - 1 for _, one in drawn]).mean(dim=0)
    np.testing.assert_allclose(places.numpy(), (2 ** (1 / discounts) - 1).numpy(), rtol=0.2)
    assert few.learn(users[:30], targets) == 0.0
    assert np.isfinite(few.learn(users[:30], targets))


def test_it_comes_back_from_the_store() -> None:
    items, users = world()
    adapter = UserAdapter(items, AdapterSettings(rate=0.05))
    for _ in range(5):
        adapter.learn(users[:50], trend(users[:50], items, items[3]))
    again = UserAdapter.from_bytes(adapter.to_bytes(), items)
    assert (again.gain, again.events) == (adapter.gain, adapter.events)
    np.testing.assert_array_equal(again.adapted(users), adapter.adapted(users))
    again.learn(users[:50], np.full(50, 1))
    for spoilt, reason in ((adapter.to_bytes()[:-1], "damaged"), (b"", "0 bytes")):
        with pytest.raises(ArtifactError, match=reason):
            UserAdapter.from_bytes(spoilt, items)
    with pytest.raises(ArtifactError, match="learnt anew"):
        UserAdapter.from_bytes(adapter.to_bytes(), items, AdapterSettings(rank=16))


def test_bad_input_is_told() -> None:
    items, users = world()
    adapter = UserAdapter(items)
    with pytest.raises(InputError, match="3 users, 2 targets"):
        adapter.learn(users[:3], np.array([1, 2]))
    with pytest.raises(InputError, match="0 users, 0 targets"):
        adapter.learn(users[:0], np.zeros(0, int))
    with pytest.raises(InputError, match=r"targets 0..31: codes are 1..30"):
        adapter.learn(users[:2], np.array([0, 31]))
    with pytest.raises(SettingsError):
        AdapterSettings(rank=0)
