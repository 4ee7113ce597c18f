"""Checkers of explanations (arXiv:2512.24366): which of them tell a true sentence from the same one with something untrue in it.

Flow     a sentence of a template, true by construction, and an edit of it (another category, item or verb, or a negation) -> scores by
         rules that look names up, by a language model that says whether the facts entail it, by likeness of sentence and facts
Departs  a small chat model in place of a network trained for entailment (the paper takes DeBERTa); the rules were written with such
         edits in mind, so that theirs is an upper bound
Letters  R pairs, one a user
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError, require
from penchant.evaluate.entailment import Entailment
from penchant.evaluate.facts import Evidence
from penchant.items.encoders import TextEncoder
from penchant.llm.model import LanguageModel
from penchant.pipeline.edits import as_text, edited
from penchant.recipes.language.shared import language_model
from penchant.recipes.language.told import Grounds

PAPER = Paper(
    "Factual consistency of explanations",
    "On the Factual Consistency of Text-based Explainable Recommendation Models",
    "Sorbonne, 2025",
    "arXiv:2512.24366",
)
TINY = {"language": None, "users": 20}
DEPARTS = {
    "every_arm_has_values_of_the_same_things": "its other arms ask a language model",
}
Pairs = list[tuple[str, Evidence]]


class By(StrEnum):
    """What a checker goes by."""

    RULES = "rules"
    ENTAILMENT = "entailment"
    OTHERS = "entailment by somebody else's facts"
    LIKENESS = "likeness"


@dataclass
class SentenceChecker:
    """Scores sentences.

    Attributes:
        model: Says what facts entail, where the checker goes by that.
        by: What it goes by.
        grounds: Has sentences, facts and rules.
        users: Looked at, at most.
        encoder: Of texts, where likeness counts.
    """

    model: LanguageModel | None
    by: By
    grounds: Grounds
    users: int
    encoder: TextEncoder | None


def build(lab: Lab, *, by: By | str = By.RULES, users: int = 150, language: str | None = "") -> SentenceChecker:
    """A checker, and what sentences are made of.

    Args:
        lab: What may be seen.
        by: What the checker goes by.
        users: Looked at, at most.
        language: Where the model is, see ``language_model``; None where the checker asks none.
    """
    by = By(by)
    asks = by in (By.ENTAILMENT, By.OTHERS)
    require(language is not None or not asks, f"by={by.value!r} without a model", "a model says what facts entail", "name one")
    encoder = lab.encoder() if by is By.LIKENESS and lab.encoder is not None else None
    return SentenceChecker(language_model(language) if asks and language is not None else None, by, Grounds.of(lab), users, encoder)


def measure(model: SentenceChecker, world: World) -> dict[str, np.ndarray]:
    """Of each pair whether the true sentence has the higher score.

    Returns:
        float64[R] by "told apart": 1 where it has, a half where both are level.
    """
    true, wrong = pairs(model.grounds, world, model.users)
    right, untrue = np.split(scores(model, true + wrong), 2)
    return {"told apart": (right > untrue) + 0.5 * (right == untrue)}


def pairs(grounds: Grounds, world: World, users: int) -> tuple[Pairs, Pairs]:
    """A true sentence about each user's first item, and an edit of it, both with the facts.

    Args:
        grounds: Make the sentences.
        world: Its test part has the users.
        users: At most.
    """
    dice, true, wrong = random.Random(0), [], []
    for case in grounds.cases(world.split.test.sample(users).histories):
        statements = grounds.made.checker.check(grounds.made.template(case).text, case.evidence)
        found = [(one.text, edit) for one in statements if (edit := edited(one.text, case, grounds.made, dice)) is not None]
        if found:
            sentence, edit = dice.choice(found)
            true.append((sentence, case.evidence))
            wrong.append((edit, case.evidence))
    return true, wrong


def scores(model: SentenceChecker, told: Pairs) -> np.ndarray:
    """float64[2R], the higher, the truer a sentence seems.

    Raises:
        InputError: What the checker goes by is not there.
    """
    if model.by is By.RULES:
        checker = model.grounds.made.checker
        return np.array([float(all(one.supported for one in checker.check(text, evidence))) for text, evidence in told])
    if model.by is By.LIKENESS and model.encoder is not None:
        near = model.encoder.encode([text for text, _ in told]) * model.encoder.encode([as_text(evidence) for _, evidence in told])
        return near.sum(axis=1).astype(np.float64)
    if model.model is None:
        raise InputError(f"by={model.by.value!r}", "there is neither a model nor an encoder", "open the lab with an encoder")
    if model.by is By.OTHERS:  # of the next pair: true and edited sentences keep the same facts
        half = [evidence for _, evidence in told[: len(told) // 2]]
        told = [(text, half[(place + 1) % len(half)]) for place, (text, _) in enumerate(told)]
    return Entailment(model.model).scores(told)


CLAIMS = [
    Claim(
        name="rules-check-better-than-entailment",
        says="Looking names up tells true sentences from edited ones better than a small language model's entailment, and than likeness.",
        subject=Arm("rules", "checkers", {"language": None}),
        rivals=[
            Arm("entailment by a small model", "checkers", {"by": By.ENTAILMENT.value}),
            Arm("likeness to the facts (MiniLM)", "checkers", {"language": None, "by": By.LIKENESS.value}),
        ],
        controls=[Arm("entailment by somebody else's facts", "checkers", {"by": By.OTHERS.value})],
        dataset="ml-100k",
        metric="told apart",
        rows="pairs of sentences",
        shown=(),
        budget=Budget(steps=1),
        seeds=(0,),
        note="A sentence of a template and an edit of it for each of 150 users; nothing is trained. The rules were written with such edits "
        "in mind. A half is chance. With somebody else's facts a model can go by the sentence alone.",
    ),
]
