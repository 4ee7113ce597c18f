from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.recipes.sequence.tiering import head_items

COUNTS = np.array([99, 1, 6, 0, 3, 2])


@pytest.mark.parametrize(
    ("share", "heads"), [(0.0, []), (0.5, [2]), (0.51, [2, 4]), (0.75, [2, 4]), (0.9, [2, 4, 5]), (1.0, [1, 2, 3, 4, 5])]
)
def test_the_head_is_the_smallest_set_with_its_share_of_events(share: float, heads: list[int]) -> None:
    assert np.flatnonzero(head_items(COUNTS, share)).tolist() == heads


def test_a_share_is_between_0_and_1() -> None:
    with pytest.raises(InputError, match=r"share=1\.5"):
        head_items(COUNTS, 1.5)
