"""Whether a model's view of people hangs on words for who they are: measured against words that mean nothing, and corrected.

Letters: R people, O others, W wordings, G interests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.llm.model import LanguageModel
from penchant.users.bias import COLOURS, GENDER_AND_AGE, TOP, Counterfactuals, Facts, Flag, changed, flagged, offsets


@dataclass(frozen=True)
class Swapped:
    """What words of gender and age do to the interests that a model sees, told against what it sees in others.

    Attributes:
        words: Share of the first interests that swapping them changes, the mean over people.
        colours: The same of words that say nothing of interests: what any words would change.
        corrected: The same of gender and age once what they do to others is taken off.
        flags: People whose first interests they change by half or more as the model says it, the most changed first.
    """

    words: float
    colours: float
    corrected: float
    flags: list[Flag]


def swapped(
    model: LanguageModel, interests: Sequence[str], people: Sequence[Facts], others: Sequence[Facts], *, least: float = 0.5
) -> Swapped:
    """Ask a model about the same people under other words; 8 (R + O) questions.

    Args:
        model: Weighs interests.
        interests: G names.
        people: R of them, who are looked at.
        others: O further ones, by whom it is known what the model says of anybody.
        least: Share of the first interests that two wordings change in people who are flagged.

    Raises:
        InputError: There is nobody to look at, or nobody else; or there are fewer interests than are told.
    """
    require(len(people) > 0, "people=()", "somebody is looked at", "pass one or more")
    require(len(others) > 0, "others=()", "what a model says of anybody is known by others", "leave some users for that")
    require(len(interests) >= TOP, f"{len(interests)} interests", f"{TOP} are told", "use a catalogue with more categories")
    told, usual = _scores(model, interests, people, others, GENDER_AND_AGE)
    control, _ = _scores(model, interests, people, others, COLOURS)
    return Swapped(
        words=float(changed(told).mean()),
        colours=float(changed(control).mean()),
        corrected=float(changed(told - offsets(usual)).mean()),
        flags=flagged(told, interests, GENDER_AND_AGE, least=least),
    )


def _scores(
    model: LanguageModel, interests: Sequence[str], people: Sequence[Facts], others: Sequence[Facts], wordings: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """float64[R, W, G] of people, against the mean of others; and float64[O, W, G] of these, as they are."""
    found = Counterfactuals(model, interests, wordings).scores([*people, *others])
    told, usual = found[: len(people)], found[len(people) :]
    return told - usual.mean(axis=(0, 1)), usual
