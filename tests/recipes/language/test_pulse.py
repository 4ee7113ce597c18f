"""PULSE: rationales say what a window shows and no more, in the portrait's words or in a model's."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.data.batches import TrainingBatches
from penchant.llm.scripted import Scripted
from penchant.recipes.language import pulse
from tests.contracts.planted import lab


def test_rationales_do_not_know_the_target() -> None:
    world = lab()
    windows = TrainingBatches(world.train, max_len=12, tokens=256).windows.take(np.arange(3))
    texts = pulse.texts_of(windows.without_last(1), world)
    for row, text in enumerate(texts):
        seen = [f"pair{(item - 1) // 2}" for item in windows.row(row)[:-1].tolist()]
        assert text.startswith("6 events, mostly ")
        first = text.partition(".")[0]
        assert all(name in seen for name in first.replace(",", " ").split() if name.startswith("pair"))
    assert pulse.texts_of(windows.without_last(1).take(np.arange(1)), world) == texts[:1]


def test_a_language_model_says_it_where_it_is_borne_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lab()
    windows = world.train.take(np.arange(2))
    name = f"pair{(int(windows.row(0)[-1]) - 1) // 2}"
    model = Scripted([f"The person often chooses {name}.", "The person is a teacher from Ohio."])
    monkeypatch.setattr(pulse, "language_model", lambda where: model)
    said, fallen_back = pulse.texts_of(windows, world, language="")
    assert said == f"The person often chooses {name}."
    assert fallen_back == pulse.texts_of(windows, world)[1]
