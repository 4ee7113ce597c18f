"""What is kept is dropped as soon as the weights may change."""

from __future__ import annotations

import torch
from torch import nn

from penchant.nn.kept import Kept


class Doubled(Kept):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.made = 0

    def value(self) -> float:
        def make() -> float:
            self.made += 1
            return 2 * self.weight.item()

        return self.kept(make)


def test_it_is_made_once_in_evaluation_and_always_in_training() -> None:
    model = Doubled().eval()
    assert [model.value(), model.value(), model.made] == [2, 2, 1]
    model.train()
    model.value(), model.value()
    assert model.made == 3


def test_new_weights_and_a_set_mode_drop_it() -> None:
    model = Doubled().eval()
    model.value()
    model.load_state_dict({"weight": torch.full((1,), 3.0)})
    assert model.value() == 6
    with torch.no_grad():
        model.weight.fill_(4)
    outer = nn.Sequential(model).eval()
    assert outer[0].value() == 8
