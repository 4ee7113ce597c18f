"""Views: what each may change and what it must leave; padding and start tokens survive."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.augment import Augmentation, crop, mask, one_of, reorder, substitute
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories

rows = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=6)
NEIGHBOURS = torch.arange(701)[:, None] * 1000 + torch.arange(3)


def made(table: list[tuple[int, bool]]) -> Batch:
    """Row r holds events 100 r + 1, ...; some rows are cut, so that no start token precedes them."""
    lists = [[100 * r + n + 1 for n in range(length)] for r, (length, _) in enumerate(table)]
    histories = Histories.of(lists, times=[[10 * item for item in row] for row in lists], users=np.arange(1, len(lists) + 1))
    return collate(histories, begins=np.array([begins for _, begins in table]), targets=False)


def events(batch: Batch) -> list[list[int]]:
    found = []
    for items, length in zip(batch.items.tolist(), batch.lengths.tolist(), strict=True):
        assert length >= 1 and not any(items[length:])
        found.append(items[:length])
    assert not batch.targets.any()
    return found


def shown(table: list[tuple[int, bool]]) -> list[list[int]]:
    return events(made(table))


@settings(max_examples=60)
@given(rows, st.floats(0, 1))
def test_a_crop_is_a_run_of_events(table: list[tuple[int, bool]], share: float) -> None:
    batch = made(table)
    view = crop(share)(batch)
    for before, after, (length, begins) in zip(shown(table), events(view), table, strict=True):
        own, kept = [item for item in before if item], [item for item in after if item]
        assert len(kept) == min(length, max(1, int(np.float32(length) * np.float32(share))))
        assert not kept or kept == list(range(kept[0], kept[0] + len(kept)))
        assert (after[0] == 0) == (length == 0 or (begins and kept[0] == own[0]))
    assert ((view.items > 0) == (view.times > 0)).all() and (view.times == 10 * view.items).all()


@settings(max_examples=60)
@given(rows, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_a_mask_hides_a_share_and_moves_nothing(table: list[tuple[int, bool]], share: float) -> None:
    view = mask(share)(made(table))
    for before, after, (length, _) in zip(shown(table), events(view), table, strict=True):
        assert all(a in (0, b) for a, b in zip(after, before, strict=True))
        assert sum(b > 0 for b in before) - sum(a > 0 for a in after) == int(length * share)


@settings(max_examples=60)
@given(rows, st.sampled_from([0.0, 0.4, 1.0]))
def test_a_reordering_permutes_within_one_run(table: list[tuple[int, bool]], share: float) -> None:
    batch = made(table)
    view = reorder(share)(batch)
    for before, after, (length, _) in zip(shown(table), events(view), table, strict=True):
        assert sorted(before) == sorted(after)
        moved = [place for place, (a, b) in enumerate(zip(after, before, strict=True)) if a != b]
        assert not moved or max(moved) - min(moved) < max(1, int(length * share))
    assert (view.times == batch.times).all()


def test_a_reordering_is_uniform_and_reaches_every_place() -> None:
    batch = made([(3, True)] * 4000)
    seen = torch.unique(reorder(1.0)(batch).items[:, 1:] % 100, dim=0, return_counts=True)
    assert len(seen[0]) == 6 and ((seen[1] - 4000 / 6).abs() < 120).all()
    firsts = torch.bincount(crop(0.5)(made([(4, False)] * 4000)).items[:, 0] % 100, minlength=5)
    assert ((firsts[1:4] - 4000 / 3).abs() < 160).all()


def test_substitutes_are_neighbours_and_as_many_as_asked() -> None:
    batch = made([(12, True)] * 6 + [(0, True)])
    view = substitute(NEIGHBOURS, 0.25)(batch)
    changed = view.items != batch.items
    assert ((view.items // 1000 == batch.items) | ~changed).all()
    assert not changed[:, 0].any() and not changed[6].any()
    share = torch.stack([(substitute(NEIGHBOURS, 0.25)(batch).items != batch.items)[:6, 1:].float().mean() for _ in range(60)])
    assert float(share.mean()) == pytest.approx(0.25, abs=0.03)


def test_each_row_gets_one_of_them() -> None:
    ways: list[Augmentation] = [mask(1.0), crop(0.0)]
    view = one_of(ways)(made([(5, False)] * 600))
    masked = (view.lengths == 5) & (view.items == 0).all(dim=1)
    cropped = (view.lengths == 1) & (view.items[:, 0] > 0)
    assert (masked ^ cropped).all() and 220 < int(masked.sum()) < 380


def test_same_seed_same_views() -> None:
    batch, way = made([(9, True)] * 5), one_of([crop(0.5), mask(0.5), reorder(0.8)])
    views = []
    for _ in range(2):
        torch.manual_seed(3)
        views.append(way(batch).items)
    assert (views[0] == views[1]).all()


def test_shares_outside_0_and_1_are_refused() -> None:
    with pytest.raises(InputError, match=r"share=1.5: .*; pass 0<=share<=1"):
        crop(1.5)
