"""The fast attention equals the sum as written; a layer sees the past only and keeps volume."""

from __future__ import annotations

import pytest
import torch

from penchant.core.errors import InputError
from penchant.nn.hstu import HSTULayer, RelativeBias, pointwise_attention, pointwise_attention_reference
from penchant.nn.times import BUCKETS


def test_attention_equals_its_reference_in_value_and_gradients() -> None:
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 3, 6, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    bias = torch.randn(2, 6, 6, dtype=torch.float64, requires_grad=True)
    given = (queries, keys, values, bias)
    fast, slow = pointwise_attention(*given, 10), pointwise_attention_reference(*given, 10)
    torch.testing.assert_close(fast, slow)
    weights = torch.randn_like(fast)
    for a, b in zip(torch.autograd.grad((fast * weights).sum(), given), torch.autograd.grad((slow * weights).sum(), given), strict=True):
        torch.testing.assert_close(a, b)


def test_repeated_events_add_up_instead_of_averaging() -> None:
    one = torch.ones(1, 1, 1, 2)
    many = one.expand(1, 1, 5, 2)
    once = pointwise_attention(one, one, one, torch.zeros(1, 1, 1), 8)
    often = pointwise_attention(many, many, many, torch.zeros(1, 5, 5), 8)
    torch.testing.assert_close(often[:, :, 4], 5 * once[:, :, 0])


@pytest.mark.parametrize("timed", [True, False])
def test_a_step_does_not_see_what_follows(timed: bool) -> None:
    torch.manual_seed(0)
    layer = HSTULayer(8, 2, max_len=7, timed=timed).eval()
    x, buckets = torch.randn(2, 7, 8), torch.randint(BUCKETS, (2, 7, 7))
    changed, other = x.clone(), buckets.clone()
    changed[:, 5:], other[:, 5:] = torch.randn(2, 2, 8), 0
    torch.testing.assert_close(layer(x, buckets)[:, :5], layer(changed, other)[:, :5])
    assert not torch.allclose(layer(x, buckets)[:, 5:], layer(changed, other)[:, 5:])


def test_bias_depends_on_distance_and_time() -> None:
    bias = RelativeBias(4, timed=True)
    buckets = torch.randint(BUCKETS, (2, 3, 3))
    found = bias(3, buckets)
    torch.testing.assert_close(found[1, 2, 0], bias.positions[2] + bias.times[buckets[1, 2, 0]])


def test_heads_must_share_the_width() -> None:
    with pytest.raises(InputError, match="heads=3: heads share the width 8 evenly"):
        HSTULayer(8, 3, max_len=4)
