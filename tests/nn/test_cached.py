from __future__ import annotations

import torch

from penchant.nn.cached import CachedBlock


def test_many_continuations_at_once_equal_each_read_from_the_start() -> None:
    torch.manual_seed(0)
    block = CachedBlock(8, 2, inner=16).double().eval()
    known, more = torch.randn(2, 5, 8, dtype=torch.double), torch.randn(2, 3, 4, 8, dtype=torch.double)
    lengths = torch.tensor([5, 2])
    seen = torch.arange(5) < lengths[:, None]
    with torch.no_grad():
        out, remembered = block.known(known, torch.ones(5, 5, dtype=torch.bool).tril())
        found = block.onward(more, remembered, seen[:, None, None])
        for row in range(2):
            for which in range(3):
                whole = torch.cat([known[row, : lengths[row]], more[row, which]])[None]
                expected = block(whole, torch.ones(len(whole[0]), len(whole[0]), dtype=torch.bool).tril())[0]
                torch.testing.assert_close(out[row, : lengths[row]], expected[: lengths[row]])
                torch.testing.assert_close(found[row, which], expected[lengths[row] :])
