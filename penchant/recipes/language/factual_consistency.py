"""Factual consistency of explanations (arXiv:2512.24366): how many statements are borne out, and how many facts they tell.

Flow     an item of a user's list and the events that drove it (EASE) -> words of a template, of a language model, or of the model with
         what is not borne out dropped -> statements, looked up one by one -> precision and recall
Departs  catalogue and history in place of reviews, rules in place of a judge; a small local model writes. The rules that drop are those
         that measure, so what they leave is right by construction: what to look at is what is left
Letters  R users, one explanation each
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.evaluate.facts import precision, recall
from penchant.llm.model import Completion, LanguageModel, ended
from penchant.pipeline.explanations import Case
from penchant.recipes.language.shared import language_model
from penchant.recipes.language.told import Grounds

PAPER = Paper(
    "Factual consistency of explanations",
    "On the Factual Consistency of Text-based Explainable Recommendation Models",
    "Sorbonne, 2025",
    "arXiv:2512.24366",
)
TINY = {"language": None, "users": 20}
_NAMED = 3  # categories of an item that could be told


class Author(StrEnum):
    """Whose words stand."""

    TEMPLATE = "template"
    OTHERS = "template, of somebody else's facts"
    MODEL = "model"
    DROPPED = "model, without what is not borne out"
    CHECKED = "model, checked, else template"


@dataclass
class Writer:
    """Explains an item to each user.

    Attributes:
        model: Writes; None leaves the template.
        author: Whose words stand.
        grounds: Has the facts.
        users: Looked at, at most.
        seed: Decides who somebody else is.
    """

    model: LanguageModel | None
    author: Author
    grounds: Grounds
    users: int
    seed: int


def build(lab: Lab, *, author: Author | str = Author.TEMPLATE, users: int = 120, language: str | None = "") -> Writer:
    """Fit what recommends, and open the model.

    Args:
        lab: What may be seen.
        author: Whose words stand; without a model only the template's can.
        users: Looked at, at most.
        language: Where the model is, see ``language_model``; None for none.
    """
    model = None if language is None else language_model(language)
    return Writer(model, Author(author), Grounds.of(lab), users, lab.seed)


def measure(model: Writer, world: World) -> dict[str, np.ndarray]:
    """What each explanation says, looked up.

    Returns:
        float64[R] each: "precision", the share of statements that are borne out, 0 of none; "recall", the share of what could be told
        (the events that drove the item, its first three categories) that is told; "statements"; "wrong", those not borne out.
    """
    cases = model.grounds.cases(world.split.test.sample(model.users).histories)
    checker = model.grounds.made.checker
    told = [checker.check(text, case.evidence) for text, case in zip(texts(model, cases), cases, strict=True)]
    return {
        "precision": np.array([precision(one) for one in told]),
        "recall": np.array([recall(one, reference(case)) for one, case in zip(told, cases, strict=True)]),
        "statements": np.array([len(one) for one in told], np.float64),
        "wrong": np.array([sum(not each.supported for each in one) for one in told], np.float64),
    }


def texts(model: Writer, cases: Sequence[Case]) -> list[str]:
    """The explanation of each case by whoever writes. Items that no event drove have the template's, as a model is not asked of them."""
    made = model.grounds.made
    found = [made.template(case).text for case in cases]
    if model.author is Author.OTHERS:
        require(len(found) > 1, f"{len(found)} explanations", "others' facts are those of somebody else", "ask for two people at least")
        return [found[place] for place in (np.arange(len(found)) + 1 + generator(model.seed).integers(len(found) - 1)) % len(found)]
    if model.author is Author.TEMPLATE or model.model is None:
        return found
    asked = [place for place, case in enumerate(cases) if case.because]
    answers = model.model.complete([made.question(cases[place]) for place in asked])
    for place, answer in zip(asked, answers, strict=True):
        if model.author is Author.CHECKED:
            found[place] = made.looked_up(cases[place], answer, model.model.name).text
            continue
        said = ended(answer) if isinstance(answer, Completion) else ""
        found[place] = made.checker.kept(said, cases[place].evidence) if model.author is Author.DROPPED else said
    return found


def reference(case: Case) -> set[tuple[str, str]]:
    """Facts that an explanation could tell: the events that drove the item, and its first categories."""
    return {("had", title) for title, _ in case.because} | {("attribute", name) for name in case.evidence.attributes[:_NAMED]}


_MODEL = Arm("model, unchecked", "factual_consistency", {"author": Author.MODEL.value})
_CHECKED = Arm("model, checked, else template", "factual_consistency", {"author": Author.CHECKED.value})
_TEMPLATE = Arm("template", "factual_consistency", {"language": None})
_NOTE = (
    "One item for each of 120 users, recommended by EASE; a model of 135 million parameters writes, rules look its statements up, nothing "
    "is trained. A text without a statement has a precision of 0. "
)
_SAME = {"dataset": "ml-100k", "rows": "explanations", "budget": Budget(steps=1)}

CLAIMS = [
    Claim(
        name="template-explanations-are-borne-out",
        says="More statements of a template's explanations than of a small model's free ones are borne out.",
        subject=_TEMPLATE,
        rivals=[_MODEL],
        controls=[Arm("template, of somebody else's facts", "factual_consistency", {"language": None, "author": Author.OTHERS.value})],
        metric="precision",
        shown=("recall", "statements", "wrong"),
        note=_NOTE + "A template is right by construction; explanations of somebody else's facts show that the rules are not blind.",
        **_SAME,
    ),
    Claim(
        name="verify-and-drop-raises-precision",
        says="Explanations of a model whose unsupported statements are dropped, with a template where nothing is left, are borne out more "
        "often than its free ones.",
        subject=_CHECKED,
        rivals=[_MODEL, Arm("model, unsupported dropped", "factual_consistency", {"author": Author.DROPPED.value})],
        metric="precision",
        shown=("recall", "statements", "wrong"),
        seeds=(0,),
        note=_NOTE + "The rules that drop are those that measure, so nothing wrong is left by construction. Dropping alone leaves texts "
        "without a statement: the template in their place is what raises the mean.",
        **_SAME,
    ),
    Claim(
        name="checked-explanations-tell-as-much",
        says="What a check leaves of a model's words, with a template where that is nothing, tells as many facts as the template, but for "
        "a tenth.",
        subject=_CHECKED,
        rivals=[_TEMPLATE],
        metric="recall",
        margin=-0.1,
        shown=("precision", "statements", "wrong"),
        seeds=(0,),
        note=_NOTE,
        **_SAME,
    ),
]
