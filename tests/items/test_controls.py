from __future__ import annotations

import numpy as np

from penchant.items.controls import shuffled


def test_the_same_codes_belong_to_other_items() -> None:
    codes = np.concatenate([[[-1, -1]], np.random.default_rng(0).integers(0, 5, (50, 2))])
    found = shuffled(codes, seed=3)
    assert found[0].tolist() == [-1, -1]
    assert sorted(map(tuple, found)) == sorted(map(tuple, codes))
    assert not np.array_equal(found, codes)
    assert np.array_equal(found, shuffled(codes, seed=3))
    assert not np.array_equal(found, shuffled(codes, seed=4))
