"""Groups of beams: one group without penalty is beam search, more groups with one begin with more codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.models.generative.decoding import Plain
from penchant.models.generative.depth import DepthHead
from penchant.models.generative.diverse import Diverse, first_of
from tests.models.generative.worlds import depth_head, left_out, padded


@pytest.mark.parametrize("seed", range(5))
def test_one_group_without_penalty_is_beam_search(seed: int) -> None:
    head, states = depth_head(seed, 200, 3, 5), torch.randn(4, 8)
    exclude, allowed = left_out(seed, 200, 4)
    plain, diverse = (
        head.best(states, 10, exclude, torch.from_numpy(allowed), search=search) for search in (Plain(12), Diverse(1, 0.0, 12))
    )
    width = plain[0].shape[1]
    assert torch.equal(plain[0], diverse[0][:, :width])
    assert torch.equal(plain[1], diverse[1][:, :width])


def test_more_groups_begin_with_more_codes() -> None:
    head, states = depth_head(0, 2000, 3, 12), torch.randn(30, 8)

    def firsts(search: Diverse | Plain) -> float:
        items, _ = head.best(states, 10, search=search)
        return float(np.mean([len(set(row)) for row in head.codes_of(items)[..., 0].tolist()]))

    plain, few, many = firsts(Plain(20)), firsts(Diverse(5, 2.0, 20)), firsts(Diverse(10, 100.0, 10))
    assert plain + 1 < few < many
    assert many == 10  # each group has a code of its own


def test_the_penalty_is_paid_for_each_beam_before_and_scores_do_not_have_it() -> None:
    codes = padded(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    log_probs = torch.tensor([[-0.1, -2.0], [-0.2, -1.5]])  # at each level, whatever came before

    class Fixed(DepthHead):
        def log_probs(self, states: torch.Tensor, prefixes: torch.Tensor, level: int, tables: object = None) -> torch.Tensor:
            return log_probs[level].expand(*prefixes.shape[:-1], -1)

    head, state = Fixed(codes, 8).eval(), torch.randn(1, 8)

    def items(penalty: float) -> list[int]:
        found, scores = head.best(state, 2, search=Diverse(2, penalty, 2))
        expected = log_probs[0][head.codes_of(found)[..., 0]] + log_probs[1][head.codes_of(found)[..., 1]]
        torch.testing.assert_close(scores, expected)
        return found[0].tolist()

    assert items(0.0) == [1, 2]  # both groups stay at code 0; the second group takes what the first has left
    assert items(1.2) == [1, 2]  # 1.2 + 0.1 < 2: still code 0; then 1.5 for what is left
    assert items(1.91) == [1, 4]  # code 1 first, and at the next level too


def test_groups_that_run_out_are_filled_up_by_the_best() -> None:
    head, states = depth_head(1, 40, 2, 3), torch.randn(3, 8)
    items, _ = head.best(states, 30, search=Diverse(10, 0.0, 1))
    assert all(len(set(row)) == 30 and 0 not in row for row in items.tolist())


def test_first_of_keeps_the_order() -> None:
    items, scores = first_of(torch.tensor([[3, 9, 4]]), torch.tensor([[-5.0, -torch.inf, -1.0]]), 4)
    assert items.tolist() == [[3, 4, 0, 0]]
    assert scores.tolist() == [[-5.0, -1.0, -torch.inf, -torch.inf]]


def test_bad_settings() -> None:
    with pytest.raises(InputError, match="groups=0"):
        Diverse(groups=0)
    with pytest.raises(InputError, match=r"penalty=-1"):
        Diverse(penalty=-1)
