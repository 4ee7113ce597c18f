"""PrepRec: what it knows of an item, when, and that a catalogue can be exchanged under it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.data.popularity_dynamics import DAY, Popularity
from penchant.models.sequence.preprec import PrepRec, PrepRecSettings, between, sinusoids

DAYS = 40


def events(order: np.ndarray) -> Histories:
    """300 rows of five events over 40 days; later items of ``order`` come up later."""
    random = np.random.default_rng(0)
    times = np.sort(random.integers(0, DAYS * DAY, (300, 5)), axis=1)
    places = (times / (DAYS * DAY) * 6 + random.random(times.shape) * 3).astype(int)
    return Histories.of(order[places].tolist(), times=times.tolist(), users=np.arange(1, 301))


def popularity(order: np.ndarray) -> tuple[Popularity, Popularity]:
    found = events(order)
    return Popularity.of(found, 9, days=4, decay=0.5), Popularity.of(found, 9, days=1, decay=1.0)


PLAIN = np.arange(1, 10)


def made(**settings: object) -> PrepRec:
    torch.manual_seed(0)
    shape = PrepRecSettings(width=8, hidden=8, layers=1, max_len=6, dropout=0.0).but(**settings)
    return PrepRec(9, shape, *popularity(PLAIN)).eval()


def test_anchors_interpolate() -> None:
    values = torch.tensor([0.0, 0.05, 0.5, 1.0])
    found = between(values, 11)
    assert not found[0].any(), "0 means: no events"
    torch.testing.assert_close(found[1:].sum(dim=1), torch.ones(3))
    torch.testing.assert_close(found @ torch.linspace(0, 1, 11), values)
    assert int((found[1] > 1e-6).sum()) == 2


def test_places_differ_by_sinusoids() -> None:
    codes = sinusoids(torch.arange(50), 8)
    assert codes.shape == (50, 8) and float(torch.pdist(codes).min()) > 0.05
    assert sinusoids(torch.arange(3), 5).shape == (3, 5)


def test_a_catalogue_in_another_order_is_ranked_alike() -> None:
    order = np.array([4, 9, 1, 7, 2, 8, 3, 6, 5])  # item p of one catalogue is item order[p - 1] of the other
    model, other = made(), made().moved(9, *popularity(order))
    given = events(PLAIN).take(np.arange(20))
    renamed = replace(given, items=order[given.items - 1].astype(np.int32))
    torch.testing.assert_close(other.score(renamed)[:, order], model.score(given)[:, 1:])


def test_steps_know_nothing_of_later_ones() -> None:
    model, given = made(), events(PLAIN).take(np.arange(4))
    whole = model.encode(collate(given, targets=False))
    part = model.encode(collate(given.without_last(2), targets=False))
    torch.testing.assert_close(whole[:, :4], part)


def test_without_a_network_the_score_is_the_popularity_before_the_newest_event() -> None:
    model = made(network=False)
    given = Histories.of([[1], [1], []], times=[[10 * DAY], [500 * DAY], []])
    scores = model.score(given)[:, 1:].numpy()
    table = model.coarse.table
    np.testing.assert_allclose(scores, table[[model.coarse.before(np.array(10 * DAY)), len(table) - 1, len(table) - 1], 1:])


def test_it_learns_what_is_on_the_rise() -> None:
    model, given = made(), events(PLAIN)
    batch = collate(given)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    before = float(model.loss(batch).total.detach())
    for _ in range(40):
        optimiser.zero_grad()
        model.loss(batch).total.backward()
        optimiser.step()
    assert float(model.loss(batch).total.detach()) < min(before, 2 * np.log(2)) - 0.1


@pytest.mark.parametrize("rows", [1, 3])
def test_untimed_histories_are_ranked_at_the_last_period(rows: int) -> None:
    given = Histories.of([[1, 2]] * rows)
    assert torch.isfinite(made().score(given)[:, 1:]).all()
