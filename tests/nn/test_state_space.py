"""The chunked form equals the recurrence, gradients too; the parts equal their textbook forms."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.nn.state_space import CausalConv, GatedRMSNorm, StateSpaceMixer, state_space, state_space_reference


def inputs(steps: int, kind: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(steps)
    given = (
        torch.randn(2, steps, 3, 4),
        F.softplus(torch.randn(2, steps, 3)),
        -torch.rand(3) - 0.1,
        torch.randn(2, steps, 5),
        torch.randn(2, steps, 5),
    )
    return tuple(part.to(kind).requires_grad_() for part in given)


@pytest.mark.parametrize(("steps", "chunk"), [(1, 4), (7, 64), (12, 4), (13, 4), (33, 8)])
def test_chunks_equal_the_recurrence_in_value_and_gradients(steps: int, chunk: int) -> None:
    given = inputs(steps)
    fast, slow = state_space(*given, chunk=chunk), state_space_reference(*given)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(slow)
    for a, b in zip(torch.autograd.grad((fast * weights).sum(), given), torch.autograd.grad((slow * weights).sum(), given), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_long_decays_neither_overflow_nor_break_gradients() -> None:
    x, dt, a, b, c = inputs(40)
    huge = (dt.detach() * 1e3).requires_grad_()
    y = state_space(x, huge, a, b, c, chunk=8)
    y.sum().backward()
    for part in (y, x.grad, huge.grad, b.grad):
        assert torch.isfinite(part).all()


def test_bf16_stays_near() -> None:
    given = inputs(24)
    thin = [part.to(torch.bfloat16) for part in (given[0], given[3], given[4])]
    fast = state_space(thin[0], given[1], given[2], thin[1], thin[2], chunk=8)
    assert torch.cosine_similarity(fast.float().flatten(), state_space_reference(*given).flatten(), dim=0) > 0.999


def test_convolution_equals_a_padded_depthwise_one() -> None:
    torch.manual_seed(0)
    for steps in (2, 9):
        layer, x = CausalConv(6, 4), torch.randn(3, steps, 6)
        weight = layer.weight.flip(0).T[:, None]
        expected = F.conv1d(F.pad(x.transpose(1, 2), (3, 0)), weight, layer.bias, groups=6).transpose(1, 2)
        torch.testing.assert_close(layer(x), expected)


def test_gated_norm_has_unit_mean_square_whatever_the_scale() -> None:
    y, z = torch.randn(5, 32), torch.randn(5, 32)
    found = GatedRMSNorm(32)(100 * y, z)
    torch.testing.assert_close(found, GatedRMSNorm(32)(y, z), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.square().mean(dim=1), torch.ones(5), rtol=1e-3, atol=1e-3)


def test_mixer_is_causal_and_its_tempo_matters() -> None:
    torch.manual_seed(0)
    mixer = StateSpaceMixer(8, head=4, state=3, chunk=4)
    x, tempo = torch.randn(2, 10, 8), torch.rand(2, 10, mixer.heads)
    changed, other = x.clone(), tempo.clone()
    changed[:, 6:], other[:, 6:] = 0.0, 3.0
    torch.testing.assert_close(mixer(x, tempo)[:, :6], mixer(changed, other)[:, :6])
    assert not torch.allclose(mixer(x, tempo), mixer(x))
    torch.testing.assert_close(mixer(x, torch.ones_like(tempo)), mixer(x))


def test_heads_must_share_the_inner_width() -> None:
    with pytest.raises(InputError, match="head=5: heads share the inner width 16 evenly"):
        StateSpaceMixer(8, head=5)
