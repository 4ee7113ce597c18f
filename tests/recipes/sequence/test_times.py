"""Recipes that claim to read times do; the others do not."""

from __future__ import annotations

import pytest
import torch

from penchant.claims.discover import recipe
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.models.sequence.retriever import SequenceRetriever
from tests.contracts.planted import lab

DAY = 86_400
ITEMS = [[25, 3, 4, 7, 8]]


def after(gaps: list[int], model: SequenceRetriever) -> torch.Tensor:
    """The state after the same items with other gaps."""
    times = 400 * DAY + torch.tensor([0, *gaps]).cumsum(0)
    return model.states(Histories.of(ITEMS, times=[times.tolist()]))


@pytest.mark.parametrize(
    ("name", "settings", "reads"),
    [
        ("hstu", {}, True),
        ("hstu", {"timed": False}, False),
        ("tim4rec", {}, True),
        ("tim4rec", {"test_times": "dropped"}, False),
        ("idnp", {"session_len": 2}, True),
        ("ssd", {}, False),
        ("sasrec", {}, False),
    ],
)
def test_states_follow_gaps_where_a_recipe_reads_them(name: str, settings: dict[str, object], reads: bool) -> None:
    found = recipe(name)
    seed_everything(0)
    model = found.build(lab(), **{**found.tiny, "epochs": 8, **settings})
    assert isinstance(model, SequenceRetriever)
    same = torch.allclose(after([60, DAY * 30, 5, 9], model), after([DAY, 60, 60, DAY * 90], model), rtol=0, atol=1e-6)
    assert same is not reads
