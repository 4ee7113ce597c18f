"""InfoNCE against its definition; the correction makes batches of any make-up estimate the full softmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.objectives.contrast import info_nce, repeats, uniformity


def vectors(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + shape[0]), dtype=torch.float64)


@pytest.mark.parametrize("cosine", [True, False])
def test_equals_its_definition(cosine: bool) -> None:
    one, two = vectors(5, 3), vectors(7, 3)
    total = 0.0
    for p in range(5):
        scores = np.array([float(F.cosine_similarity(one[p], key, dim=0) if cosine else one[p] @ key) / 0.2 for key in two])
        total += np.log(np.exp(scores).sum()) - scores[p]
    assert info_nce(one, two, temperature=0.2, cosine=cosine).item() == pytest.approx(total / 5, rel=1e-5)


def test_the_fast_path_equals_the_plain_one_in_gradients() -> None:
    one, two = vectors(6, 3).requires_grad_(), vectors(8, 3).requires_grad_()
    fast = info_nce(one, two, temperature=0.5)
    plain = info_nce(one, two, temperature=0.5, masked=torch.zeros(6, 8, dtype=torch.bool))
    for a, b in zip(torch.autograd.grad(fast, (one, two)), torch.autograd.grad(plain, (one, two)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_repeats_of_the_positive_are_no_negatives() -> None:
    ids = torch.tensor([4, 9, 4, 2])
    one, two = vectors(4, 3), vectors(9, 3)[ids - 1]
    masked = info_nce(one, two, masked=repeats(ids, ids))
    by_hand = [info_nce(one[[p]], torch.cat([two[[p]], two[ids != ids[p]]])) for p in range(4)]
    torch.testing.assert_close(masked, torch.stack(by_hand).mean())


def test_log_q_is_subtracted_after_the_temperature_and_undoes_how_often_an_item_stands_there() -> None:
    """A batch in which each item stands as often as its share says, corrected, equals the softmax over distinct items."""
    items, state = vectors(4, 3), vectors(1, 3)
    counts = torch.tensor([8, 4, 2, 2])
    batch = torch.repeat_interleave(torch.arange(4), counts)
    log_q = torch.log(counts[batch] / counts.sum())
    full = F.cross_entropy(state @ items.T / 0.3, torch.tensor([0]))
    found = info_nce(state, items[batch], temperature=0.3, cosine=False, log_q=log_q)
    # The first item stands there 8 times, and only one of them is the positive: the rest shares its mass.
    torch.testing.assert_close(found.double(), full + np.log(8), rtol=1e-5, atol=1e-6)
    wrong = info_nce(state, items[batch], temperature=0.3, cosine=False, log_q=-log_q)
    assert abs(wrong - full - np.log(8)) > 0.1


def test_each_query_needs_its_key() -> None:
    with pytest.raises(InputError, match="2 keys for 3 queries"):
        info_nce(vectors(3, 2), vectors(2, 2))


def test_uniformity_is_zero_in_one_point_and_lower_when_spread() -> None:
    assert uniformity(torch.ones(5, 3)).item() == pytest.approx(0, abs=1e-5)
    pair = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(pair).item() == pytest.approx(-8)
    assert uniformity(vectors(50, 8)) < uniformity(vectors(50, 8) + 2)
