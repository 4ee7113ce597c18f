"""Propagation against dense matrices, losses against their parts, and who speaks at inference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatch, PairBatches, Pairs
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.models.graph.propagation import Propagation, uniform_like

TRAIN = Histories.of([[1, 2, 3], [2, 3], [], [4, 1]], users=[1, 2, 3, 4])
PAIRS = Pairs.of(TRAIN, 5)


def dense() -> torch.Tensor:
    """D^-1/2 A D^-1/2 over 5 user nodes (0..4) and 6 item nodes (0..5)."""
    a = torch.zeros(11, 11)
    for user, item in zip(PAIRS.users, PAIRS.items, strict=True):
        a[user, 5 + item] = a[5 + item, user] = 1
    scale = a.sum(1).clamp_min(1).rsqrt()
    return scale[:, None] * a * scale


def model(**settings: object) -> GraphRetriever:
    torch.manual_seed(0)
    return GraphRetriever(PAIRS, GraphSettings(width=4, **settings)).eval()


def batch() -> PairBatch:
    torch.manual_seed(1)
    return PairBatches(PAIRS, size=7, negatives=2).batch(np.arange(7))


def test_a_step_equals_the_dense_product_in_value_and_gradient() -> None:
    x = torch.randn(11, 3, requires_grad=True)
    graph, weights = Propagation(PAIRS), torch.randn(11, 3)
    torch.testing.assert_close(graph(x), dense() @ x)
    (found,) = torch.autograd.grad((graph(x) * weights).sum(), x)
    torch.testing.assert_close(found, dense().T @ weights)


def test_layers_are_averaged_with_or_without_the_table() -> None:
    lightgcn, simgcl = model(layers=2), model(layers=2, table_counts=False)
    table = torch.cat([lightgcn.users.weight, lightgcn.items.weight])
    one = dense() @ table
    torch.testing.assert_close(torch.cat(lightgcn.vectors()), (table + one + dense() @ one) / 3)
    torch.testing.assert_close(torch.cat(simgcl.vectors()), (one + dense() @ one) / 2)


def test_without_layers_it_is_bpr_mf() -> None:
    mf, pairs = model(layers=0, l2=0.5), batch()
    loss = mf.loss(pairs)
    user, item, other = mf.users(pairs.users), mf.items(pairs.items), mf.items(pairs.negatives)
    gap = (user * item).sum(-1, keepdim=True) - (user[:, None] * other).sum(-1)
    squares = user.square().sum() + item.square().sum() + other.square().sum()
    torch.testing.assert_close(loss.total, -gap.sigmoid().log().mean() + 0.5 * squares / 14)


def test_softmax_sets_a_pair_against_the_items_of_the_batch_and_the_drawn_ones() -> None:
    mf, pairs = model(layers=0, softmax=True, temperature=0.5, l2=0.0), batch()
    keys = torch.cat([pairs.items, pairs.negatives.flatten()])
    chance = (7 * torch.from_numpy(PAIRS.item_degrees)[keys] / 7 + 14 / 5) / 21
    logits = mf.users(pairs.users) @ mf.items(keys).T / 0.5 - chance.log()
    wanted = 0.0
    for place, item in enumerate(pairs.items):
        other = logits[place][keys != item].exp().sum()
        wanted = wanted - torch.log(logits[place, place].exp() / (logits[place, place].exp() + other)) / 7
    losses = mf.loss(pairs)
    torch.testing.assert_close(losses.total, wanted.float(), rtol=1e-4, atol=1e-5)
    assert set(losses.terms) == {"softmax"}


def test_noise_has_its_length_a_row_and_stays_in_the_orthant() -> None:
    graph = model(layers=1)
    clean, noisy = graph.layers()[1], graph.layers(noise=0.01)[1]
    moved = noisy - clean
    lengths = moved.norm(dim=1)
    connected = clean.norm(dim=1) > 0
    torch.testing.assert_close(lengths[connected], torch.full((int(connected.sum()),), 0.01), rtol=1e-3, atol=1e-6)
    assert (lengths[~connected] == 0).all()
    assert (moved * clean >= -1e-7).all()
    numbers = uniform_like(torch.empty(200, 50))
    assert numbers.min() >= 0 and numbers.max() < 1 and abs(numbers.mean() - 0.5) < 0.01


@pytest.mark.parametrize("within", [None, 1])
def test_contrast_is_added_and_noise_needs_it(within: int | None) -> None:
    graph, pairs = model(layers=2, table_counts=False, contrast=0.5, contrast_layer=within, noise=0.0, l2=0.0), batch()
    losses = graph.loss(pairs)
    torch.testing.assert_close(losses.total.detach(), losses.terms["bpr"] + 0.5 * losses.terms["contrast"])
    plain = model(layers=2, table_counts=False, l2=0.0).loss(pairs)
    torch.testing.assert_close(plain.total.detach(), losses.terms["bpr"])
    with pytest.raises(InputError, match="contrast_layer=3"):
        model(layers=2, contrast_layer=3)


def test_without_noise_two_views_are_one() -> None:
    graph, pairs = model(layers=2, table_counts=False, contrast=1.0, noise=0.0, temperature=0.5), batch()
    final = graph.final(graph.layers())
    nodes = [pairs.users.unique(), pairs.items.unique() + 5]
    units = [torch.nn.functional.normalize(final[part], dim=1) for part in nodes]
    by_hand = sum(torch.nn.functional.cross_entropy(unit @ unit.T / 0.5, torch.arange(len(unit))) for unit in units)
    torch.testing.assert_close(graph.loss(pairs).terms["contrast"], by_hand.detach(), rtol=1e-4, atol=1e-5)


def test_training_users_are_answered_by_their_learned_rows_even_with_a_newer_event() -> None:
    graph = model(layers=2)
    users, items = graph.vectors()
    given = Histories.of([[1, 2, 3], [2, 3, 5], [4, 1]], users=[1, 2, 4])
    torch.testing.assert_close(graph.score(given)[:, 1:], (users[[1, 2, 4]] @ items.T)[:, 1:], rtol=1e-5, atol=1e-7)


def test_other_histories_are_folded_in_and_empty_ones_get_the_mean_user() -> None:
    graph = model(layers=1)
    users, items = graph.vectors()
    given = Histories.of([[2, 3], [1, 2, 2], []], users=[0, 1, 0])
    found = graph.represent(given)
    torch.testing.assert_close(found[0], (items[2] / 2**0.5 + items[3] / 2**0.5) / 2**0.5)
    torch.testing.assert_close(found[1], (items[1] / 2**0.5 + items[2] / 2**0.5) / 2**0.5)
    torch.testing.assert_close(found[2], users[[1, 2, 4]].mean(0))


def test_everybody_is_folded_in_if_asked() -> None:
    graph = model(layers=1, fold_in=True)
    items = graph.vectors()[1]
    torch.testing.assert_close(graph.represent(Histories.of([[4, 1]], users=[4]))[0], (items[4] + items[1] / 2**0.5) / 2**0.5)


def test_weights_changed_by_training_change_the_vectors() -> None:
    graph = model(layers=1)
    before = graph.vectors()[0].clone()
    graph.train()
    with torch.no_grad():
        graph.users.weight.add_(1)
    graph.eval()
    assert not torch.equal(graph.vectors()[0], before)
