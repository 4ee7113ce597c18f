"""Answers that never came end the run; questions without a good answer do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.core.errors import AnswerError, BudgetError, PenchantError, UnavailableError
from penchant.llm.cache import Cached
from penchant.llm.model import Ask, Choose, Message
from penchant.llm.scripted import Scripted
from penchant.llm.whole import Whole


def asked(number: int) -> Choose:
    return Choose((Message("user", f"question {number}"),), ("yes", "no"))


@pytest.mark.parametrize("reason", [UnavailableError("a server", "it is down", "start it"), BudgetError("5", "it is spent", "raise it")])
def test_a_model_that_is_not_there_ends_the_run(reason: PenchantError) -> None:
    whole = Whole(Scripted(["yes", reason]))
    with pytest.raises(type(reason)):
        whole.choose([asked(1), asked(2)])
    with pytest.raises(type(reason)):
        Whole(Scripted(["a text", reason])).complete([Ask((Message("user", "one"),)), Ask((Message("user", "two"),))])


def test_a_question_without_a_good_answer_keeps_its_reason() -> None:
    whole = Whole(Scripted(["yes", AnswerError("nothing", "it refused", "ask otherwise")]))
    first, second = whole.choose([asked(1), asked(2)])
    assert not isinstance(first, PenchantError)
    assert isinstance(second, AnswerError)
    assert (whole.name, whole.fingerprint()) == ("scripted", Scripted([]).fingerprint())


def test_what_came_is_kept_and_a_further_run_goes_on(tmp_path: Path) -> None:
    down = UnavailableError("a server", "it is down", "start it")
    with Cached(Scripted(["yes", "no", down]), tmp_path / "answers.sqlite") as kept, pytest.raises(UnavailableError):
        Whole(kept).choose([asked(number) for number in range(3)])
    again = Scripted(["yes"])
    with Cached(again, tmp_path / "answers.sqlite") as kept:
        found = Whole(kept).choose([asked(number) for number in range(3)])
    assert [one.option for one in found if not isinstance(one, PenchantError)] == [0, 1, 0]
    assert len(again.asked) == 1
