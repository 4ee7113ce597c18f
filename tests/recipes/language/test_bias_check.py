"""The bias check as a recipe: corrections, controls, and users by whom offsets are fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language.bias_check import TINY, Correction, Reader, Words, build, measure
from tests.recipes.language.worlds import GENRES, USERS, world


def prejudiced(asked: Ask | Choose) -> Choice:
    """What the person often chooses, and an interest that women get, and one that men get."""
    assert isinstance(asked, Choose)
    said = asked.messages[-1].content.partition("lately")[0]
    scores = np.array([4.0 * (name in said) for name in asked.options]) + 0.01 * np.arange(len(asked.options))
    scores[0 if "woman" in said else -1] += 5.0 * ("man" in said)
    return Choice(int(scores.argmax()), scores)


def reader(**settings: object) -> Reader:
    plain = build(world().lab(0), **TINY)
    return replace(plain, model=Scripted(prejudiced), users=8, **settings)  # type: ignore[arg-type]


def test_what_words_change_is_found_and_corrected() -> None:
    raw = measure(reader(), world())
    assert raw["changed interests"].mean() > 0.1
    assert raw["flagged"].shape == (8,)
    assert measure(reader(words=Words.COLOURS), world())["changed interests"].max() == 0.0
    for correction in (Correction.AVERAGED, Correction.LEFT_OUT):
        assert measure(reader(correction=correction), world())["changed interests"].max() == 0.0
    right = measure(reader(correction=Correction.OFFSETS), world())["changed interests"].mean()
    wrong = measure(reader(correction=Correction.WRONG_OFFSETS), world())["changed interests"].mean()
    assert right < raw["changed interests"].mean()
    assert right < wrong


def test_offsets_are_fitted_by_others() -> None:
    model = reader(correction=Correction.OFFSETS)
    measure(model, world())
    assert isinstance(model.model, Scripted)
    assert model.model.batches == [8 * 4, (USERS - 8) * 4]
    with pytest.raises(InputError, match="offsets are fitted by others"):
        measure(replace(model, users=USERS), world())


def test_counts_of_events_need_no_model() -> None:
    values = measure(build(world().lab(0), **TINY), world())
    assert not values["changed interests"].any()
    assert ((values["next interest@5"] >= 0) & (values["next interest@5"] <= 1)).all()
    assert len(values["flagged"]) == USERS
    assert len(GENRES) == 6, "of which five are looked at, so that one in six misses"


def test_relative_interests_are_against_those_of_others() -> None:
    def constant(asked: Ask | Choose) -> Choice:
        """Two interests for everybody, and a little of what the person often chooses."""
        assert isinstance(asked, Choose)
        said = asked.messages[-1].content.partition("lately")[0]
        scores = np.array([9.0, 8.0, 7.0] + [0.0] * (len(asked.options) - 3)) + [0.5 * (name in said) for name in asked.options]
        return Choice(0, scores)

    plain, relative = reader(), reader(relative=True)
    plain.model, relative.model = Scripted(constant), Scripted(constant)
    assert measure(plain, world())["changed by person"].max() == 0.0
    found = measure(relative, world())
    assert found["changed by person"].mean() > 0.2
    assert found["changed interests"].max() == 0.0
