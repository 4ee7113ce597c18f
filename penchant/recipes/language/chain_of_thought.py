"""Portraits by chains of thought: a language model reasons about which category of interest comes next, in three modes.

Flow     a user's frequent categories and newest items -> M thoughts -> a choice among the categories after each -> mean chances
Departs  the article names the modes and does not say what they are; the reading here: unsupervised draws thoughts and lets them vote,
         optimal teaches thoughts that led to what training users chose next, sub-optimal teaches thoughts that led to what they choose
         most. Where the model's own thoughts never lead to the label, a template's is taught, and with a small model that is often.
         What the model prefers of itself is taken off its choices, and how popular categories are put in its place, for all arms alike
Letters  G categories, M thoughts a user, R measured users
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError
from penchant.core.progress import note
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.llm.lora import LoraSettings
from penchant.recipes.language.shared import language_model
from penchant.recipes.language.teaching import taught
from penchant.users.lessons import SUPERVISED, lessons_of
from penchant.users.situations import Situations
from penchant.users.thoughts import Foreseen, Mode, Thinker

PAPER = Paper(
    "Chain-of-thought portraits",
    "Reasoning about interests in three modes: unsupervised, optimal supervised, sub-optimal supervised",
    "an industry article on portraits of users; rejection sampling as in STaR, Stanford, NeurIPS 2022",
    "arXiv:2203.14465",
)
KS = (1, 5)
MEASURED = 60  # users of the test part, drawn once


class By(StrEnum):
    """What says which category comes next."""

    MODEL = "model"  #: A language model.
    PORTRAIT = "portrait"  #: The user's long-term portrait, by events alone.
    POPULARITY = "popularity"  #: How popular categories are, for all users alike.


class Foretells(Protocol):
    """Says what comes next."""

    def foresee(self, histories: Histories) -> list[Foreseen]:
        """For each of R users.

        Args:
            histories: What is known of them.
        """
        ...


class Counted:
    """Says it without a language model.

    Args:
        told: Weighs categories.
        popular: float64[G], how popular each is; decides where a user's own events do not.
        personal: Whether users' own events count at all.
    """

    def __init__(self, told: Situations, popular: np.ndarray, personal: bool) -> None:
        self._told, self._popular, self._personal = told, popular, personal

    def foresee(self, histories: Histories) -> list[Foreseen]:
        """See ``Foretells``."""
        found = []
        for row in range(len(histories)):
            own = self._told.weights(histories.row(row)) if self._personal else np.zeros_like(self._popular)
            chances = own + 1e-3 * self._popular
            found.append(Foreseen(chances / chances.sum(), (), 1.0))
        return found


class Thought:
    """Asks a language model.

    Args:
        told: Tells histories.
        thinker: Asks.
        shuffled: Whether each user is told another's history: what is left is what a model says of anybody.
        seed: Of chance in thoughts.
    """

    def __init__(self, told: Situations, thinker: Thinker, shuffled: bool, seed: int) -> None:
        self._told, self._thinker, self._shuffled, self._seed = told, thinker, shuffled, seed

    def foresee(self, histories: Histories) -> list[Foreseen]:
        """See ``Foretells``."""
        situations = [self._told.of(histories.row(row)) for row in range(len(histories))]
        if self._shuffled:
            situations = [*situations[1:], *situations[:1]]
        return self._thinker.foresee(situations, self._seed)


def build(
    lab: Lab,
    *,
    language: str | None = "",
    by: By = By.MODEL,
    mode: Mode = Mode.UNSUPERVISED,
    samples: int = 2,
    tokens: int = 20,
    learners: int = 60,
    learning_rate: float = 1e-3,
    shuffled: bool = False,
) -> Foretells:
    """Teach the model, where the mode says so.

    Args:
        lab: Users to learn from, by their training events alone; the newest one of each is what comes next.
        language: See ``penchant.recipes.language.shared``; None where no model is asked.
        by: What says what comes next.
        mode: How a model comes to say it.
        samples: M.
        tokens: Of a thought, at most.
        learners: Users whose thoughts are taught; the same for all seeds, as are their thoughts before teaching.
        learning_rate: Of teaching.
        shuffled: Whether measured users are told each other's histories.

    Raises:
        InputError: A model is to say it, and there is none.
    """
    told = Situations(lab.catalog)
    shares = told.shares(lab.train)
    if by is not By.MODEL:
        return Counted(told, np.array(list(shares.values())), by is By.PORTRAIT)
    if language is None:
        raise InputError("language=None", "the model says what comes next", "name a model, or count")
    model = language_model(language)
    count = 0 if mode is Mode.PLAIN else samples
    thinker = Thinker(model, shares, samples=count, tokens=tokens)
    if mode in SUPERVISED:
        found = lessons_of(lab.train, told, thinker, mode, learners, 0)
        note(f"{mode}: {found.own} thoughts of the model, {found.guided} of the template")
        model = taught(lab, model, found.examples, LoraSettings(learning_rate=learning_rate))
        thinker = Thinker(model, shares, samples=count, tokens=tokens)
    return Thought(told, thinker, shuffled, lab.seed)


def asked(world: World) -> Targets:
    """The measured users: those whose next item has a category, at most ``MEASURED`` of them.

    Args:
        world: Has the test part.
    """
    told, test = Situations(world.dataset.catalog), world.split.test
    first = np.array([test.items.row(row)[0] for row in range(len(test))])
    rows = np.flatnonzero((told.items[first] > 0).any(axis=1))
    return Targets(test.histories.take(rows), test.items.take(rows)).sample(MEASURED)


def measure(model: Foretells, world: World) -> dict[str, np.ndarray]:
    """How well what comes next is foreseen, float[R] by metric.

    ``next interest@k`` is the share of the next item's categories (of k, where it has more) that are among the k most probable ones;
    ``agreement`` the share of thoughts that led to the most frequent choice.

    Args:
        model: Says what comes next.
        world: Has the test part.
    """
    told, targets = Situations(world.dataset.catalog), asked(world)
    foreseen = model.foresee(targets.histories)
    found: dict[str, np.ndarray] = {}
    ranked = np.argsort(-np.array([one.chances for one in foreseen]), axis=1, kind="stable")
    true = told.items[[targets.items.row(row)[0] for row in range(len(targets))]] > 0
    for k in KS:
        hits = np.take_along_axis(true, ranked[:, :k], axis=1).sum(axis=1)
        found[f"next interest@{k}"] = hits / np.minimum(true.sum(axis=1), k)
    found["agreement"] = np.array([one.agreement for one in foreseen])
    return found


TINY = {"language": None, "by": By.PORTRAIT}
_NOTE = (
    "SmolLM2-135M-Instruct; 60 users measured, 60 taught from, 2 thoughts of 20 tokens each; the article gives no numbers. A user whose "
    "own thoughts never led to the label is taught the portrait's template instead."
)
_UNSUPERVISED = Arm("unsupervised", "chain_of_thought")
_SUB_OPTIMAL = Arm("sub-optimal", "chain_of_thought", {"mode": Mode.SUB_OPTIMAL})
_OPTIMAL = Arm("optimal", "chain_of_thought", {"mode": Mode.OPTIMAL})
_POPULARITY = Arm("popularity of categories", "chain_of_thought", {"language": None, "by": By.POPULARITY})
_PORTRAIT = Arm("model-free portrait", "chain_of_thought", {"language": None, "by": By.PORTRAIT})
_SHOWN = ("next interest@1", "next interest@5", "agreement")


def _claim(name: str, says: str, subject: Arm, rivals: list[Arm], controls: list[Arm]) -> Claim:
    return Claim(
        name=name,
        says=says,
        subject=subject,
        rivals=rivals,
        controls=controls,
        dataset="ml-100k",
        metric="next interest@5",
        budget=Budget(steps=24),
        rows="people",
        shown=_SHOWN,
        note=_NOTE,
    )


CLAIMS = [
    _claim(
        "thoughts-beat-none",
        "A model that reasons first foresees a user's next category better than one that says it at once.",
        _UNSUPERVISED,
        [Arm("no reasoning", "chain_of_thought", {"mode": Mode.PLAIN})],
        [Arm("shuffled histories", "chain_of_thought", {"shuffled": True}), _POPULARITY],
    ),
    _claim(
        "optimal-thoughts-are-best",
        "Thoughts that led to the truth teach more than thoughts that led to weak labels, and these more than nothing.",
        _OPTIMAL,
        [_SUB_OPTIMAL, _UNSUPERVISED],
        [_POPULARITY],
    ),
    _claim(
        "weak-thoughts-beat-none",
        "Thoughts that led to weak labels, for which nobody knows what came next, teach more than nothing.",
        _SUB_OPTIMAL,
        [_UNSUPERVISED],
        [_POPULARITY],
    ),
    _claim(
        "thoughts-beat-the-portrait",
        "Taught thoughts foresee a user's next category better than the portrait that counts events does.",
        _OPTIMAL,
        [_PORTRAIT],
        [_POPULARITY],
    ),
]
