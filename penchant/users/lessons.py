"""Lessons in foreseeing what users choose next, made of users' own histories: what comes next is held out, or nobody has to know it.

Letters: n users.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.users.situations import Situations, held_out
from penchant.users.thoughts import Lessons, Mode, Thinker, lessons

#: Modes in which a model is taught.
SUPERVISED = (Mode.OPTIMAL, Mode.SUB_OPTIMAL)
_LEARNERS = 7  # a purpose of the seed


def check_supervised(mode: Mode) -> None:
    """That a mode teaches anything.

    Args:
        mode: How a model is to come to say what comes next.

    Raises:
        InputError: It does not.
    """
    told = " or ".join(SUPERVISED)
    require(mode in SUPERVISED, f"mode={mode}", "nothing is taught in it: the model is asked as it is", f"pass {told}")


def lessons_of(histories: Histories, told: Situations, thinker: Thinker, mode: Mode, learners: int, seed: int) -> Lessons:
    """Thoughts about some users, whose newest event is held out: no question to the model has it, whatever the mode.

    Args:
        histories: n users.
        told: Tells histories.
        thinker: Thinks about them.
        mode: ``OPTIMAL`` goes by what was held out, ``SUB_OPTIMAL`` by what the user chooses most, which knows nothing of that.
        learners: Users, drawn among those with at least two events; all of these where there are fewer.
        seed: Of who is drawn, and of chance in thoughts.

    Raises:
        InputError: Nothing is taught in the mode, nobody has two events, or no label was found for anybody.
    """
    check_supervised(mode)
    rows = np.flatnonzero(histories.lengths > 1)
    few = "none of them has two events: the newest one is held out, and the others are told"
    require(len(rows) > 0, f"{len(histories):,} users", few, "pass histories that are longer")
    drawn = np.sort(generator(seed, _LEARNERS).choice(rows, min(learners, len(rows)), replace=False))
    known, after = held_out(histories.take(drawn))
    if mode is Mode.OPTIMAL:
        wanted = [told.wanted(int(item)) for item in after]
    else:
        wanted = [_most(told.weights(known.row(row))) for row in range(len(known))]
    whose = "what came next" if mode is Mode.OPTIMAL else "what they chose"
    require(any(wanted), f"{len(drawn):,} users", f"{whose} has no category, for any of them", "draw more, or give items categories")
    return lessons(thinker, [told.of(known.row(row)) for row in range(len(known))], wanted, seed)


def _most(weights: np.ndarray) -> frozenset[int]:
    """The place of the heaviest category, if any has a weight."""
    return frozenset({int(weights.argmax())}) if weights.any() else frozenset()
