"""The search over unordered codes does, at any width, what the same search written out in plain Python does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from penchant.data.histories import Histories
from penchant.models.generative.masked_search import masked_search, next_slots, schedule
from penchant.models.generative.masked_tuples import CodeTuples

Found = list[tuple[float, tuple[int, ...]]]


def chances_of(row: int, partial: tuple[int, ...], codebook: int, seed: int) -> np.ndarray:
    """float64[L, K], any log-probabilities that depend on the row and on all that is chosen."""
    logits = np.random.default_rng([seed, row, *(code + 1 for code in partial)]).normal(0, 2, (len(partial), codebook))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def liking(partial: tuple[int, ...], slot: int, code: int) -> float:
    """How well a code goes with a partial tuple: any number."""
    return float(np.sin(17 * slot + 5 * code + sum((place + 1) * chosen for place, chosen in enumerate(partial))))


def fits(partial: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return all(code in (-1, other) for code, other in zip(partial, whole, strict=True))


def filled(partial: tuple[int, ...], slot: int, code: int) -> tuple[int, ...]:
    return (*partial[:slot], code, *partial[slot + 1 :])


def plain_search(
    tuples: set[tuple[int, ...]], row: int, seed: int, codebook: int, counts: list[int], width: int, adaptive: bool, pruned: float
) -> Found:
    """All whole tuples that the beam leads to, best first."""
    levels = len(next(iter(tuples), ()))
    beam: Found = [(0.0, (-1,) * levels)] if tuples else []
    for count in counts[:-1]:
        begun = []
        for score, partial in beam:
            chances = chances_of(row, partial, codebook, seed)
            free = [slot for slot in range(levels) if partial[slot] < 0]
            order = sorted(free, key=lambda slot, table=chances: -table[slot].max()) if adaptive else free
            begun.append((score, partial, order, chances))
        for place in range(count):
            children = [
                (
                    score + chances[order[place], code],
                    filled(partial, order[place], code),
                    order,
                    chances,
                    liking(partial, order[place], code),
                )
                for score, partial, order, chances in begun
                for code in range(codebook)
                if any(fits(filled(partial, order[place], code), whole) for whole in tuples)
            ]
            judged = pruned > 0 and max(begun[0][1]) >= 0 if begun else False
            children = sorted(children, key=lambda child: -child[0])[: int(np.ceil(width / (1 - pruned))) if judged else width]
            if judged:
                children = sorted(sorted(children, key=lambda child: -child[4])[:width], key=lambda child: -child[0])
            begun = [child[:4] for child in children]
        beam = [(score, partial) for score, partial, *_ in begun]
    found: Found = []
    for score, partial in beam:
        chances = chances_of(row, partial, codebook, seed)
        for whole in tuples:
            if fits(partial, whole):
                found.append((score + sum(chances[slot, code] for slot, code in enumerate(whole) if partial[slot] < 0), whole))
    return sorted(found, reverse=True)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    items=st.integers(1, 60),
    levels=st.integers(1, 5),
    codebook=st.integers(1, 5),
    steps=st.sampled_from([None, 1, 2, 3]),
    adaptive=st.booleans(),
    width=st.integers(1, 12),
    pruned=st.sampled_from([0.0, 0.4]),
)
def test_it_equals_the_search_in_plain_python(
    seed: int, items: int, levels: int, codebook: int, steps: int | None, adaptive: bool, width: int, pruned: float
) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(0, codebook, (items, levels)).astype(np.int32)
    gone = [random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(3)]
    allowed = torch.from_numpy(random.random(items + 1) < 0.8)

    def log_probs(chosen: Tensor) -> Tensor:
        tables = [[chances_of(row, tuple(one), codebook, seed) for one in beam] for row, beam in enumerate(chosen.tolist())]
        return torch.from_numpy(np.array(tables)).float()

    def agreement(chosen: Tensor, slots: Tensor, picked: Tensor) -> Tensor:
        parts = zip(chosen.flatten(0, 1).tolist(), slots.flatten().tolist(), picked.flatten().tolist(), strict=True)
        return torch.tensor([liking(tuple(one), slot, code) for one, slot, code in parts]).view(slots.shape)

    counts, places = schedule(levels, steps), min(width, items)
    found, scores = masked_search(
        CodeTuples(codes, codebook),
        3,
        log_probs,
        counts=counts,
        width=width,
        places=places,
        adaptive=adaptive,
        exclude=Histories.of(gone),
        allowed=allowed,
        agreement=agreement if pruned else None,
        pruned=pruned,
    )
    for row in range(3):
        may = [item for item in range(1, items + 1) if allowed[item] and item not in gone[row]]
        open_tuples = {tuple(codes[item - 1].tolist()) for item in may}
        ranked = plain_search(open_tuples, row, seed, codebook, counts, width, adaptive, pruned)
        expected = [score for score, whole in ranked for item in may if tuple(codes[item - 1].tolist()) == whole][:places]
        shown = torch.isfinite(scores[row])
        np.testing.assert_allclose(scores[row][shown], expected, rtol=1e-4, atol=1e-4)
        assert len(expected) == min(places, len(may))
        worth = {whole: score for score, whole in ranked}
        for item, score in zip(found[row][shown].tolist(), scores[row][shown].tolist(), strict=True):
            assert item in may
            assert worth[tuple(codes[item - 1].tolist())] == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize(
    ("levels", "steps", "counts"),
    [
        (4, None, [1, 1, 1, 1]),
        (4, 1, [4]),
        (4, 2, [2, 2]),
        (5, 2, [3, 2]),
        (5, 3, [2, 2, 1]),
        (8, 3, [3, 3, 2]),
        (2, 8, [1, 1]),
        (1, 1, [1]),
    ],
)
def test_slots_are_shared_evenly_over_the_steps(levels: int, steps: int | None, counts: list[int]) -> None:
    assert schedule(levels, steps) == counts


def test_the_next_slots_are_the_most_confident_open_ones_or_the_leftmost() -> None:
    chances = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [1.0, 0.0]]).log()
    chosen: dict[str, Any] = {"chosen": torch.tensor([-1, -1, -1, 0])}
    assert next_slots(chances, **chosen, count=2, adaptive=True).tolist() == [1, 2]
    assert next_slots(chances, **chosen, count=3, adaptive=True).tolist() == [1, 2, 0]
    assert next_slots(chances, **chosen, count=2, adaptive=False).tolist() == [0, 1]
