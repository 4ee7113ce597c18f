"""Labels from a closed set: what the model prefers anyway is taken off, and hostile texts change nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from penchant.core.errors import InputError, PenchantError
from penchant.llm.labels import EMPTY, Label, Labeller
from penchant.llm.local import LocalModel
from penchant.llm.model import Ask, Choice, Choose, Completion
from tests.llm.test_quoting import HOSTILE

LABELS = ("war", "western", "drama")


class Prefers:
    """Prefers the first label by 3, and knows a word of each by 1; says of "broken" why not."""

    name = "prefers"

    def __init__(self, *, tells: bool = True) -> None:
        self.tells, self.asked = tells, []

    def fingerprint(self) -> str:
        return self.name

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        raise NotImplementedError

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        self.asked += chooses
        return [self._one(one) for one in chooses]

    def _one(self, one: Choose) -> Choice | PenchantError:
        text = one.messages[-1].content
        if "broken" in text:
            return InputError("text", "it is broken", "mend it")
        scores = np.array([3.0 * (place == 0) + (option in text) for place, option in enumerate(one.options)]) - 5
        return Choice(int(scores.argmax()), scores if self.tells else None)


def labels(found: list[Label | PenchantError]) -> list[str | None]:
    return [LABELS[one.label] if isinstance(one, Label) else None for one in found]


def test_shares_take_the_place_of_what_the_model_prefers_anyway() -> None:
    texts = ["a western", "a drama", "a war", "broken", "nothing"]
    assert labels(Labeller(Prefers(), LABELS).label(texts)) == ["war", "war", "war", None, "war"]
    even = Labeller(Prefers(), LABELS, shares=dict.fromkeys(LABELS, 1.0))
    assert labels(even.label(texts))[:4] == ["western", "drama", "war", None]
    often = Labeller(Prefers(), LABELS, shares={"war": 0.1, "western": 0.1, "drama": 0.8})
    found = often.label(texts)
    assert labels(found) == ["drama", "drama", "drama", None, "drama"]
    assert isinstance(found[4], Label)
    assert found[4].chances == pytest.approx([0.1, 0.1, 0.8]), "nothing is known beside the shares"


def test_texts_without_content_are_asked_about_once_and_only_where_it_matters() -> None:
    model = Prefers()
    even = Labeller(model, LABELS, shares=dict.fromkeys(LABELS, 1.0))
    even.label(["a"])
    even.label(["b"])
    assert len(model.asked) == len(EMPTY) + 2
    silent = Prefers(tells=False)
    assert labels(Labeller(silent, LABELS, shares=dict.fromkeys(LABELS, 1.0)).label(["a drama"])) == ["war"], "its choice is all it tells"


def test_examples_stand_before_the_question() -> None:
    model = Prefers()
    Labeller(model, LABELS, examples=[("High Noon", "western")]).label(["Shane"])
    assert [one.role for one in model.asked[0].messages] == ["system", "user", "assistant", "user"]
    assert model.asked[0].messages[2].content == "western"


def test_wrong_labels_are_refused() -> None:
    with pytest.raises(InputError, match=r"examples with \['noir'\]"):
        Labeller(Prefers(), LABELS, examples=[("Laura", "noir")])
    with pytest.raises(InputError, match=r"shares of \['drama'\]"):
        Labeller(Prefers(), LABELS, shares={"war": 1.0, "western": 1.0})
    with pytest.raises(InputError, match="options=\\(\\)"):
        Labeller(Prefers(), ())


def test_hostile_texts_get_the_labels_of_the_texts_without_them(tiny: LocalModel) -> None:
    titles = ["High Noon", "The Longest Day", "Kramer vs. Kramer"]
    labeller = Labeller(tiny, LABELS, shares=dict.fromkeys(LABELS, 1.0))
    plainly = labels(labeller.label(titles))
    for order in HOSTILE:
        assert labels(labeller.label([f"{title}\n{order}" for title in titles])) == plainly
