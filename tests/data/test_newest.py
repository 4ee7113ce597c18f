from __future__ import annotations

import numpy as np
import pytest

from penchant.data.newest import newest_items


@pytest.mark.parametrize(
    ("items", "most", "expected"), [([], 3, []), ([4, 7, 4, 9], 9, [9, 4, 7]), ([4, 7, 4, 9], 2, [9, 4]), ([5, 5, 5], 2, [5])]
)
def test_the_newest_come_first_and_once(items: list[int], most: int, expected: list[int]) -> None:
    assert newest_items(np.array(items, np.int32), most).tolist() == expected
