"""The parts of a neural process: divergence, views of the past, sessions that may be looked at."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from penchant.nn.neural_process import MultiScale, TimedAttention, normal_kl


def test_divergence_equals_that_of_torch() -> None:
    mean, log_std, other_mean, other_log_std = torch.randn(4, 6, 3)
    expected = kl_divergence(Normal(mean, log_std.exp()), Normal(other_mean, other_log_std.exp()))
    torch.testing.assert_close(normal_kl(mean, log_std, other_mean, other_log_std), expected, rtol=1e-4, atol=1e-5)
    assert not normal_kl(mean, log_std, mean, log_std).any()


def test_views_reach_as_far_back_as_the_widest_scale() -> None:
    torch.manual_seed(0)
    views = MultiScale(8, (1, 3), 0.0).eval()
    x = torch.randn(1, 8, 8)
    changed = x.clone()
    changed[:, 2] += 1.0
    moved = (views(x) != views(changed)).any(dim=-1)[0]
    assert moved.tolist() == [False, False, True, True, True, False, False, False]


def test_attention_sees_allowed_sessions_and_their_age_only() -> None:
    torch.manual_seed(0)
    attention = TimedAttention(8, 2)
    torch.nn.init.normal_(attention.times)
    x, sessions = torch.randn(1, 3, 8), torch.randn(1, 4, 8)
    buckets = torch.randint(20, (1, 3, 4))
    allowed = torch.tensor([[[True, False, False, False], [True, True, False, False], [True, True, True, False]]])
    changed = sessions.clone()
    changed[:, 2:] = 0.0
    before = attention(x, sessions, buckets, allowed)
    torch.testing.assert_close(before[:, :2], attention(x, changed, buckets, allowed)[:, :2])
    assert not torch.allclose(before[:, 2], attention(x, changed, buckets, allowed)[:, 2])
    assert not torch.allclose(before[:, 1:], attention(x, sessions, buckets + 30, allowed)[:, 1:])
