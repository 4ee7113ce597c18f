"""Counterfactual prompts against stereotypes: the same facts of a person with words of gender and age swapped.

Flow     a person's strongest interests and newest titles, and words for who it is -> how likely a language model finds each interest
         -> the top three under every wording -> correction: averaged over wordings, words left out, or what each wording adds to
         people in general taken off; interests as they are, or against what the model says of others
Departs  the requirement comes from an industry article that names no method; wordings are stated, not the users' own, so that every
         user is seen under each; films of MovieLens 100K and their genres
Letters  R users, W wordings, G genres
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.llm.model import LanguageModel
from penchant.recipes.language.shared import language_model
from penchant.users.bias import COLOURS, GENDER_AND_AGE, NOBODY, SHOTS, Counterfactuals, Facts, averaged, changed, flagged, offsets, top
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits

PAPER = Paper(
    "Counterfactual bias check", "Counterfactual prompts for portraits by language models", "Penchant, 2026", "docs/language-models.md"
)
TINY = {"language": None, "users": 20}
_NEXT = 5  # interests among which the next item's are looked for


class Words(StrEnum):
    """What is swapped."""

    GENDER_AND_AGE = "gender and age"
    COLOURS = "colours"


class Correction(StrEnum):
    """What is done against what words do."""

    NONE = "none"
    AVERAGED = "averaged over wordings"
    LEFT_OUT = "words left out"
    OFFSETS = "what words do to others taken off"
    WRONG_OFFSETS = "what other words do to others taken off"


@dataclass
class Reader:
    """Finds users' interests under several wordings.

    Attributes:
        model: Weighs interests; None counts events.
        portraits: Make the facts.
        words: That are swapped.
        correction: Of their effect.
        relative: Whether interests are told by how much more probable they are than for others.
        users: Looked at, at most.
        others: Other users, by whom offsets are fitted and who are compared with.
        shots: Newest titles told.
        seed: Decides which offsets are the wrong ones.
    """

    model: LanguageModel | None
    portraits: Portraits
    words: Words
    correction: Correction
    relative: bool
    users: int
    others: int
    shots: int
    seed: int


def build(
    lab: Lab,
    *,
    words: Words | str = Words.GENDER_AND_AGE,
    correction: Correction | str = Correction.NONE,
    relative: bool = False,
    users: int = 100,
    others: int = 40,
    shots: int = SHOTS,
    language: str | None = "",
) -> Reader:
    """A model with what is told of users, or counts of events alone.

    Args:
        lab: What may be seen.
        words: That are swapped.
        correction: Of their effect.
        relative: Tell interests by how much more probable they are than for others: a small model finds the same ones in nearly everybody.
        users: Looked at, at most.
        others: Further users, by whom offsets are fitted and who are compared with.
        shots: Newest titles told.
        language: Where the model is, see ``language_model``; None counts events.
    """
    portraits = Portraits.fit(lab.train, CategoryTree.of(lab.catalog))
    model = None if language is None else language_model(language)
    return Reader(model, portraits, Words(words), Correction(correction), relative, users, others, shots, lab.seed)


def measure(model: Reader, world: World) -> dict[str, np.ndarray]:
    """What a swap changes of each user's interests, and whether they are those of the next item.

    Returns:
        float64[R] each: "changed interests", the share of the top three that another wording changes; "flagged", 1 where two wordings
        change at least half of them; "changed by person", the share of the top three that differ from another user's under the same
        words; "next interest@5", the share of the next item's categories among the top five, the mean over wordings.
    """
    asked = world.split.test.sample(model.users)
    told = Facts.of(model.portraits, asked.histories, world.dataset.catalog.titles(), shots=model.shots)
    tree = model.portraits.tree
    if model.model is None:
        scores = np.repeat(counted(asked.histories, tree)[:, None], len(GENDER_AND_AGE), axis=1)
    else:
        scores = corrected(model, model.model, told, asked.histories.users, world)
    wordings = GENDER_AND_AGE if scores.shape[1] == len(GENDER_AND_AGE) else NOBODY
    marked = np.zeros(len(told))
    marked[[one.person for one in flagged(scores, tree.names[1:], wordings)]] = 1.0
    wanted = tree.items[asked.items.items].toarray()[:, 1:] > 0  # [R, G]; of a user's only target
    found = np.take_along_axis(np.repeat(wanted[:, None], scores.shape[1], axis=1), top(scores, min(_NEXT, scores.shape[2])), axis=2)
    shares = found.sum(axis=2) / np.maximum(wanted.sum(axis=1), 1)[:, None]
    people = np.stack([changed(np.stack([one, np.roll(one, 1, axis=0)], axis=1)) for one in scores.transpose(1, 0, 2)])  # [W, R]
    return {
        "changed interests": changed(scores),
        "flagged": marked,
        "changed by person": people.mean(axis=0),
        "next interest@5": shares.mean(axis=1),
    }


def counted(histories: Histories, tree: CategoryTree) -> np.ndarray:
    """float64[R, G], events of each user in each category."""
    found = np.zeros((len(histories), len(tree)))
    np.add.at(found, histories.rows, tree.items[histories.items].toarray()[:, 1:])
    return found


def corrected(model: Reader, asked: LanguageModel, told: list[Facts], users: np.ndarray, world: World) -> np.ndarray:
    """float64[R, W, G], what the language model says after the correction.

    Args:
        model: Says which correction.
        asked: The language model.
        told: Of R users.
        users: int[R], their codes, none of whom offsets are fitted by.
        world: Has other users.
    """
    names, without = model.portraits.tree.names[1:], model.correction is Correction.LEFT_OUT
    wordings = NOBODY if without else GENDER_AND_AGE if model.words is Words.GENDER_AND_AGE else COLOURS
    asking = Counterfactuals(asked, names, wordings)
    scores = asking.scores(told)
    if model.relative or model.correction in (Correction.OFFSETS, Correction.WRONG_OFFSETS):
        rest = world.split.valid.histories
        rest = rest.take(np.flatnonzero(~np.isin(rest.users, users))[: model.others])
        require(len(rest) > 0, f"{len(users)} users looked at", "offsets are fitted by others", "look at fewer")
        usual = asking.scores(Facts.of(model.portraits, rest, world.dataset.catalog.titles(), shots=model.shots))
        if model.relative:
            scores = scores - usual.mean(axis=(0, 1))
        if model.correction is Correction.OFFSETS:
            scores = scores - offsets(usual)
        if model.correction is Correction.WRONG_OFFSETS:
            turns = 1 + int(generator(model.seed).integers(len(wordings) - 1))
            scores = scores - np.roll(offsets(usual), turns, axis=0)
    return averaged(scores) if model.correction is Correction.AVERAGED else scores


_NOTE = (
    "100 users, each seen under four wordings; a model of 135 million parameters weighs 18 genres, nothing is trained. Averages over the "
    "swapped words, and prompts without them, change nothing by construction. "
)
_RELATIVE = "The mean of 40 other users is taken off, as the model finds the same interests in nearly everybody. "
_SAME = {"dataset": "ml-100k", "rows": "people", "budget": Budget(steps=1)}
_RAW = Arm("as the model says it", "bias_check")
_OFF = Arm("offsets of words taken off", "bias_check", {"correction": Correction.OFFSETS.value})
_AVERAGED = Arm("averaged over wordings", "bias_check", {"correction": Correction.AVERAGED.value})

CLAIMS = [
    Claim(
        name="words-of-gender-and-age-change-interests",
        says="Swapping words of gender and age changes more of the interests that a language model sees in a person than colours do.",
        subject=Arm("colours swapped", "bias_check", {"words": Words.COLOURS.value}),
        rivals=[Arm("gender and age swapped", "bias_check")],
        metric="changed interests",
        lower=True,
        shown=("flagged", "changed by person", "next interest@5"),
        seeds=(0,),
        note=_NOTE,
        **_SAME,
    ),
    Claim(
        name="offsets-correct-swapped-words",
        says="Once what words of gender and age do to other people is taken off, swapping them changes fewer interests.",
        subject=_OFF,
        rivals=[_RAW],
        controls=[Arm("offsets of other words taken off", "bias_check", {"correction": Correction.WRONG_OFFSETS.value})],
        metric="changed interests",
        lower=True,
        shown=("flagged", "changed by person", "next interest@5"),
        note=_NOTE + "Offsets are fitted by 40 other users and need one question a user.",
        **_SAME,
    ),
    Claim(
        name="words-of-gender-and-age-change-relative-interests",
        says="Of interests told against those of others, swapped words of gender and age change more than colours do.",
        subject=Arm("colours swapped", "bias_check", {"words": Words.COLOURS.value, "relative": True}),
        rivals=[Arm("gender and age swapped", "bias_check", {"relative": True})],
        metric="changed interests",
        lower=True,
        shown=("flagged", "changed by person", "next interest@5"),
        seeds=(0,),
        note=_NOTE + _RELATIVE,
        **_SAME,
    ),
    Claim(
        name="offsets-correct-relative-interests",
        says="Once what words of gender and age do to other people is taken off, swapping them changes fewer relative interests.",
        subject=Arm("offsets of words taken off", "bias_check", {"correction": Correction.OFFSETS.value, "relative": True}),
        rivals=[Arm("as the model says it", "bias_check", {"relative": True})],
        controls=[
            Arm("offsets of other words taken off", "bias_check", {"correction": Correction.WRONG_OFFSETS.value, "relative": True}),
        ],
        metric="changed interests",
        lower=True,
        shown=("flagged", "changed by person", "next interest@5"),
        note=_NOTE + _RELATIVE + "Offsets are fitted by the same others and need one question a user.",
        **_SAME,
    ),
    Claim(
        name="correction-costs-no-interests",
        says="Interests averaged over swapped words are the next item's as often as those under one wording, but for a tenth.",
        subject=_AVERAGED,
        rivals=[_RAW],
        metric="next interest@5",
        margin=-0.1,
        shown=("changed interests", "changed by person", "flagged"),
        seeds=(0,),
        note=_NOTE,
        **_SAME,
    ),
    Claim(
        name="counted-interests-beat-a-models",
        says="Counting a user's events tells the next item's categories better than a language model, under words for people or without.",
        subject=Arm("events counted", "bias_check", {"language": None}),
        rivals=[_RAW, _AVERAGED, _OFF, Arm("words left out", "bias_check", {"correction": Correction.LEFT_OUT.value})],
        metric="next interest@5",
        shown=("changed interests", "changed by person", "flagged"),
        seeds=(0,),
        note=_NOTE + "The model is told the three commonest genres of the user, and six titles.",
        **_SAME,
    ),
]
