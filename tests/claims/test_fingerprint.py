"""Hashes of objects by their contents."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np
import pytest
import torch

from penchant.claims.fingerprint import fingerprint
from penchant.core.errors import InputError
from penchant.objectives.softmax import FullSoftmax, SampledSoftmax
from penchant.train.settings import TrainSettings


def scaled(by: float) -> Any:
    return lambda value: value * by


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


PAIRS = {
    "numbers": (lambda: 1, lambda: 1.0),
    "text": (lambda: ["ab", "c"], lambda: ["a", "bc"]),
    "arrays": (lambda: np.arange(4), lambda: np.arange(4).reshape(2, 2)),
    "types of arrays": (lambda: np.zeros(2, np.int32), lambda: np.zeros(2, np.float32)),
    "tensors": (lambda: torch.ones(2), lambda: torch.tensor([1.0, 2.0])),
    "sets": (lambda: {"a", "b", "c"}, lambda: {"a", "b", "d"}),
    "mappings": (lambda: {"b": 1, "a": 2}, lambda: {"a": 1, "b": 2}),
    "settings": (lambda: TrainSettings(epochs=1), lambda: TrainSettings(epochs=2)),
    "losses": (lambda: FullSoftmax(scale=2.0), lambda: FullSoftmax(scale=3.0)),
    "kinds of losses": (FullSoftmax, lambda: SampledSoftmax(np.ones(4), negatives=2)),
    "what functions enclose": (lambda: scaled(2.0), lambda: scaled(3.0)),
    "constants of functions": (lambda: lambda value: value * 0.5, lambda: lambda value: value * 0.7),
    "names in functions": (lambda: lambda value: value.sin(), lambda: lambda value: value.cos()),
    "where lists end": (lambda: [[1], 2], lambda: [[1, 2]]),
    "partial calls": (lambda: partial(max, 1), lambda: partial(max, 2)),
    "objects": (lambda: Holder(Holder(1)), lambda: Holder(Holder(2))),
    "networks": (lambda: torch.nn.Linear(2, 2, bias=False), lambda: torch.nn.Linear(2, 2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_alike_objects_have_one_hash_and_others_another(name: str) -> None:
    one, other = PAIRS[name]

    def made(make: Any) -> str:
        torch.manual_seed(0)
        return fingerprint(make())

    assert made(one) == made(one)
    assert made(one) != made(other)


def test_objects_that_hold_each_other_end() -> None:
    one, other = Holder(None), Holder(None)
    one.value, other.value = other, one
    assert fingerprint(one) == fingerprint(other)


def test_what_has_no_contents_is_refused() -> None:
    with pytest.raises(InputError, match="an object of class generator"):
        fingerprint(part for part in [1])


class Counted:
    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    @cached_property
    def total(self) -> int:
        return sum(self.numbers)


def test_what_was_worked_out_meanwhile_does_not_count() -> None:
    used = Counted([1, 2])
    assert used.total == 3
    assert fingerprint(used) == fingerprint(Counted([1, 2])) != fingerprint(Counted([1, 3]))
