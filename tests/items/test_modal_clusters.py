from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.items.modal_clusters import modal_clusters

RANDOM = np.random.default_rng(0)
#: Twelve items: the first modality knows threes of them, the second halves. Vectors differ in length, which must not matter.
CENTRES = RANDOM.normal(size=(4, 8)), 100 * RANDOM.normal(size=(2, 5))
GROUPS = np.arange(12) % 4, np.arange(12) // 6
FEATURES = [
    np.concatenate([np.zeros((1, centres.shape[1])), centres[group] * 2.0 ** (np.arange(12)[:, None] % 3)]).astype(np.float32)
    for centres, group in zip(CENTRES, GROUPS, strict=True)
]
COUNTS = np.array([0, *[3] * 8, *[0] * 4])


def same(codes: np.ndarray, groups: np.ndarray) -> bool:
    """Whether two labellings cut the items alike."""
    return len({*zip(codes, groups, strict=True)}) == len(set(codes)) == len(set(groups))


def test_each_modality_has_its_own_clusters() -> None:
    found = modal_clusters(FEATURES, COUNTS, clusters=4)
    assert found.shape == (13, 2) and found.dtype == np.int32 and (found[0] == -1).all()
    assert same(found[1:, 0], GROUPS[0])
    assert same(modal_clusters(FEATURES, COUNTS, clusters=2)[1:, 1], GROUPS[1])


def test_joint_clusters_see_all_modalities_at_equal_weight() -> None:
    found = modal_clusters(FEATURES, np.ones(13, int), clusters=8, joint=True)
    assert np.array_equal(found[:, 0], found[:, 1])
    assert same(found[1:, 0], GROUPS[0] + 4 * GROUPS[1])  # both count, though the second is a hundred times as long


def test_items_without_events_are_not_learnt_from() -> None:
    far = [rows.copy() for rows in FEATURES]
    far[0][9:] = RANDOM.normal(size=(4, 8))
    found = modal_clusters(far, COUNTS, clusters=8)
    assert np.array_equal(found[1:9], modal_clusters(FEATURES, COUNTS, clusters=8)[1:9])
    assert found[1:, 0].max() == 3  # four distinct rows were seen, so there are four clusters for all


def test_bad_input() -> None:
    with pytest.raises(InputError, match="0 modalities"):
        modal_clusters([], COUNTS)
    with pytest.raises(InputError, match="12 rows of modality 1"):
        modal_clusters([FEATURES[0], FEATURES[1][1:]], COUNTS)
