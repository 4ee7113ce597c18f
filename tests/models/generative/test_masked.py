"""The masked head: its loss is the diffusion's, its scores are distributions, and its search finds what exhaustive scoring ranks first."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from penchant.core.errors import SettingsError
from penchant.data.histories import Histories
from penchant.models.generative import masked as module
from penchant.models.generative.masked import MaskedHead, MaskedSettings, drawn_masks
from penchant.models.generative.tandem import TandemSettings
from penchant.models.generative.tokens import CodeEmbedding
from penchant.nn.transformer import init_normal
from penchant.ranking import exclude_, top_k

ORDERS: list[dict[str, Any]] = [
    {"adaptive": True},
    {"adaptive": False},
    {"adaptive": True, "steps": 2},
    {"adaptive": False, "steps": 2},
    {"steps": 1},
]


def head(*, items: int = 60, levels: int = 3, codebook: int = 5, seed: int = 0, **kind: Any) -> MaskedHead:
    """An untrained head of sharp preferences over random codes that items may share."""
    torch.manual_seed(seed)
    codes = np.random.default_rng(seed).integers(0, codebook, (items + 1, levels)).astype(np.int32)
    made = MaskedHead(codes, 8, MaskedSettings(**{"temperature": 0.2, "heads": 2, **kind}))
    init_normal(made, std=0.5)
    return made.eval()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    order=st.sampled_from(ORDERS),
    items=st.integers(1, 150),
    levels=st.integers(1, 5),
    codebook=st.integers(1, 9),
    places=st.integers(1, 150),
    limited=st.booleans(),
)
def test_a_full_beam_finds_what_exhaustive_scoring_ranks_first(
    seed: int, order: dict[str, Any], items: int, levels: int, codebook: int, places: int, limited: bool
) -> None:
    made = head(items=items, levels=levels, codebook=codebook, seed=seed, beam=items, **order)
    states, random = torch.randn(4, 8), np.random.default_rng(seed)
    gone = Histories.of([random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(4)])
    allowed = torch.from_numpy(random.random(items + 1) < 0.6) if limited else None
    found, scores = made.best(states, places, gone, allowed)
    every = exclude_(made.score(states).clone(), gone)
    if allowed is not None:
        every[:, ~allowed] = -torch.inf
    exact = top_k(every, min(places, items))
    torch.testing.assert_close(scores, torch.from_numpy(exact.scores), rtol=1e-4, atol=1e-4)
    for row in range(4):
        for place, item in enumerate(found[row].tolist()):  # another item only where both score alike
            assert item == exact.items[row, place] or abs(float(every[row, item]) - exact.scores[row, place]) < 1e-4
        shown = found[row][found[row] > 0].tolist()
        assert len(set(shown)) == len(shown)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    order=st.sampled_from(ORDERS),
    items=st.integers(2, 150),
    beam=st.integers(1, 9),
    places=st.integers(1, 20),
    pruned=st.sampled_from([0.0, 0.5]),
)
def test_k_come_back_whenever_k_are_allowed(seed: int, order: dict[str, Any], items: int, beam: int, places: int, pruned: float) -> None:
    made = head(items=items, levels=4, codebook=3, seed=seed, beam=beam, pruned=pruned, **order)
    random = np.random.default_rng(seed)
    gone = [random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(3)]
    allowed = torch.from_numpy(random.random(items + 1) < 0.7)
    found, scores = made.best(torch.randn(3, 8), places, Histories.of(gone), allowed)
    may = {item for item in range(1, items + 1) if allowed[item]}
    for row, excluded in enumerate(gone):
        shown = found[row][torch.isfinite(scores[row])].tolist()
        left = may - set(excluded.tolist())
        assert set(shown) <= left
        assert len(set(shown)) == len(shown) == min(places, items, len(left))
        assert not found[row][len(shown) :].any()
    assert bool((scores[:, :-1] >= scores[:, 1:]).all())


@pytest.mark.parametrize("order", ORDERS)
def test_scores_are_those_of_the_found_and_sum_to_one_over_all_tuples(order: dict[str, Any]) -> None:
    made = head(items=40, beam=3, **order)
    states = torch.randn(2, 8)
    found, scores = made.best(states, 5)
    torch.testing.assert_close(made.chances(states, found), scores, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.score(states).gather(1, found), scores, rtol=1e-4, atol=1e-4)
    every = torch.tensor(list(product(*(range(size) for size in made.sizes))))
    total = made._followed(states, every[None]).exp().sum(dim=1)
    torch.testing.assert_close(total, torch.ones(2), rtol=1e-4, atol=1e-4)


def test_left_to_right_is_the_chain_rule() -> None:
    made = head(adaptive=False)
    states, codes = torch.randn(2, 8), made.codes_of(torch.tensor([7, 9]))
    expected = torch.zeros(2)
    for level in range(3):
        chosen = codes.clone()
        chosen[:, level:] = -1
        expected += made.log_probs(states, chosen)[torch.arange(2), level, codes[:, level]].detach()
    found = made.chances(states, torch.tensor([[7], [9]]))
    torch.testing.assert_close(found[:, 0], expected)


def test_one_step_is_a_sum_of_independent_levels_and_exact_under_any_beam() -> None:
    made = head(steps=1, beam=1, items=200)
    states = torch.randn(3, 8)
    chances = made.log_probs(states, torch.full((3, 3), -1)).detach()
    expected = sum((chances[:, level, made.codes[:, level].long()] for level in range(3)), torch.zeros(()))
    torch.testing.assert_close(made.score(states)[:, 1:], expected[:, 1:])
    torch.testing.assert_close(made.best(states, 1)[1], expected[:, 1:].max(dim=1, keepdim=True).values)


def test_the_adaptive_order_follows_confidence() -> None:
    made = head(items=30)
    states, item = torch.randn(1, 8), torch.tensor([[4]])
    codes, chosen, expected, order = made.codes[4].long(), torch.full((1, 3), -1), 0.0, []
    for _ in range(3):
        chances = made.log_probs(states, chosen)[0].detach()
        slot = max((level for level in range(3) if chosen[0, level] < 0), key=lambda level: float(chances[level].max()))
        order.append(slot)
        expected += float(chances[slot, codes[slot]])
        chosen[0, slot] = codes[slot]
    assert order != [0, 1, 2]  # or the test says nothing
    assert float(made.chances(states, item)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("levels", "steps", "passes"), [(4, None, 4), (4, 1, 1), (4, 2, 2), (4, 8, 4), (8, 3, 3)])
def test_a_step_is_one_pass_of_the_network(levels: int, steps: int | None, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = head(levels=levels, steps=steps), []
    inner = made.log_probs
    monkeypatch.setattr(made, "log_probs", lambda states, chosen: asked.append(chosen) or inner(states, chosen))
    made.best(torch.randn(2, 8), 5)
    assert len(asked) == passes


def test_the_loss_is_the_cost_a_level_averaged_over_all_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    made = head()
    states, targets = torch.randn(2, 8), torch.tensor([3, 8])
    codes, orders = made.codes_of(targets), list(permutations(range(3)))
    cost = torch.zeros(())
    for order in orders:
        chosen = torch.full((2, 3), -1)
        for slot in order:
            cost -= made.log_probs(states, chosen)[torch.arange(2), slot, codes[:, slot]].detach().mean() / (3 * len(orders))
            chosen[:, slot] = codes[:, slot]
    expected = torch.zeros(())
    for masked in product([True, False], repeat=3):
        if (count := sum(masked)) == 0:
            continue
        monkeypatch.setattr(module, "drawn_masks", lambda rows, *_, masked=masked: torch.tensor([masked] * rows))
        chance = 1 / 3 / len([other for other in product([True, False], repeat=3) if sum(other) == count])
        expected += chance * made.loss(states, targets).detach()
    torch.testing.assert_close(expected, cost)


def test_every_number_of_masks_and_every_slot_is_drawn_evenly() -> None:
    torch.manual_seed(0)
    masks = drawn_masks(20_000, 4)
    counts = masks.sum(dim=1)
    assert counts.min() == 1
    np.testing.assert_allclose(torch.bincount(counts)[1:] / 20_000, 0.25, atol=0.015)
    np.testing.assert_allclose(masks.float().mean(dim=0), 0.625, atol=0.015)


def test_what_a_slot_says_depends_on_all_other_slots_but_not_on_masked_codes() -> None:
    made = head()
    states = torch.randn(1, 8)
    before = made.log_probs(states, torch.tensor([[-1, 2, 1]]))
    later = made.log_probs(states, torch.tensor([[-1, 2, 3]]))
    assert not torch.allclose(before[0, 0], later[0, 0])
    loss = made.log_probs(states, torch.tensor([[-1, 2, -1]]))[0, 0].sum()
    loss.backward()
    table = made.embedding.table.weight.grad
    assert table is not None
    assert bool((table[made.sizes[0] + 2] != 0).any())  # the known code
    assert bool((table[made.sizes[0] + made.sizes[1] :] == 0).all())  # those of the masked last slot


def test_pruning_drops_the_paths_that_agree_least() -> None:
    codes = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]], np.int32)
    embedding = CodeEmbedding([2, 2, 1], 8)
    with torch.no_grad():
        embedding.table.weight.copy_(torch.eye(8)[[0, 1, 0, 1, 2]])  # codes of one number point one way
    made = MaskedHead(codes, 8, MaskedSettings(beam=2, pruned=0.5, adaptive=False), embedding=embedding).eval()
    chosen = torch.tensor([[[0, -1, -1], [1, -1, -1], [0, 1, -1]]])
    agrees = made.agreement(chosen, torch.tensor([[1, 1, 2]]), torch.tensor([[0, 0, 0]]))
    torch.testing.assert_close(agrees, torch.tensor([[1.0, 0.0, 0.0]]))
    torch.manual_seed(1)
    for state in torch.randn(5, 1, 8):
        assert sorted(made.best(state, 2)[0][0].tolist()) == [1, 4]  # items of codes (0, 0) and (1, 1)
    made.settings = made.settings.but(pruned=0.0)
    found = {tuple(sorted(made.best(state, 2)[0][0].tolist())) for state in torch.randn(20, 1, 8)}
    assert found != {(1, 4)}


def test_it_learns_which_codes_go_together() -> None:
    """Two equally likely tuples (0, 0) and (1, 1): independent slots mix them up, slots that see each other do not."""
    torch.manual_seed(0)
    codes = np.array([[0, 0], [0, 0], [1, 1], [0, 1], [1, 0]], np.int32)
    made = MaskedHead(codes, 8, MaskedSettings(heads=2, temperature=0.2))
    init_normal(made)
    optimiser, states = torch.optim.Adam(made.parameters(), lr=0.02), torch.ones(64, 8)
    for _ in range(120):
        optimiser.zero_grad()
        made.loss(states, torch.randint(1, 3, (64,))).backward()
        optimiser.step()
    made.eval()
    chances = made.score(states[:1])[0, 1:].exp()
    assert float(chances[:2].sum()) > 0.9
    made.settings = made.settings.but(steps=1)
    np.testing.assert_allclose(made.score(states[:1])[0, 1:].exp(), 0.25, atol=0.08)


def test_levels_of_unequal_size_and_shared_codes() -> None:
    codes = np.array([[0, 0], [0, 0], [1, 3], [1, 3], [0, 2]], np.int32)
    made = MaskedHead(codes, 8).eval()
    found, scores = made.best(torch.randn(1, 8), 4)
    assert sorted(found[0].tolist()) == [1, 2, 3, 4]
    assert float(scores[0, found[0] == 2]) == float(scores[0, found[0] == 3])
    assert torch.isneginf(made.log_probs(torch.randn(1, 8), torch.full((1, 2), -1))[0, 0, 2:]).all()


def test_nobody_and_nothing_left() -> None:
    made = head(items=5)
    assert made.best(torch.zeros(0, 8), 3)[0].shape == (0, 3)
    for order in ORDERS:
        made.settings = made.settings.but(**{"steps": None, **order})
        found, scores = made.best(torch.randn(2, 8), 3, Histories.of([[1, 2, 3, 4, 5]] * 2))
        assert not found.any() and torch.isneginf(scores).all()


def test_it_shares_the_given_embedding_and_is_one_of_tandems_heads() -> None:
    embedding = CodeEmbedding([5, 5, 5], 8)
    codes = np.random.default_rng(0).integers(0, 5, (61, 3)).astype(np.int32)
    assert MaskedHead(codes, 8, embedding=embedding).embedding is embedding
    chosen = TandemSettings.of({"code_head": {"kind": "masked", "steps": 2}})
    assert chosen.code_head == MaskedSettings(steps=2)
    with pytest.raises(SettingsError):
        MaskedSettings(steps=0)
    with pytest.raises(SettingsError):
        MaskedSettings(pruned=1.0)


def test_the_loss_has_a_gradient_for_all_weights() -> None:
    made = head().train()
    states = torch.randn(16, 8, requires_grad=True)
    made.loss(states, torch.arange(1, 17)).backward()
    assert states.grad is not None and bool(states.grad.abs().sum() > 0)
    idle = [name for name, weight in made.named_parameters() if weight.grad is None or not bool(weight.grad.abs().sum() > 0)]
    assert not idle
    assert F.normalize(states, dim=-1).isfinite().all()
