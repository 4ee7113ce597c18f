"""eBadMatch (Indeed, RecSys 2024): a light classifier learns from a language model which matches are bad, and leaves those out.

Flow     pairs of user and item -> a judge labels a few -> logistic regression over what is known of a pair -> how bad each match is
         -> the worst fifth of all matches is left out, after ranking and beside it
Departs  ratings stand for resumes and jobs: 4 and 5 are liked, 1 and 2 are bad matches; the judge is not fine-tuned; the classifier
         learns how likely a label is, not only which; features are numbers, as a film has few categories

What is measured is not a list but the matches that people rated later: how many of those that are kept are bad. All users' matches are
held against one threshold, as in a daily run, so a value is a user's part in the share of all: its mean over users is that share.

Letters: N items, R users of the test, n pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError, require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.models.retrieval.linear import ease
from penchant.recipes.language.shared import language_model
from penchant.users.match import MatchFilter, MatchJudge, PairFeatures, Taste, kept

PAPER = Paper("eBadMatch", "Expected Bad Match filtering of recommendations", "Indeed, RecSys 2024", "doi:10.1145/3640457.3688043")
TINY = {"language": None, "labels": 60}
DEPARTS = {
    "every_arm_has_values_of_the_same_things": "with few labels of the planted world all are of one kind",
}
#: Share of matches that is left out.
LEFT_OUT = 0.2
_USUAL_BAD = 0.2  # of matches, where nobody disliked anything
_TURNED = 0.2  # of true labels, of a judge that errs
_LIKE, _DISLIKE = ACTION_CODE["like"], ACTION_CODE["dislike"]


class By(StrEnum):
    """What says how bad a match is: a classifier that learnt from labels, or a number that needs none.

    MODEL: labels of the language model. ALIKE: of a rule instead, the pairs whose texts are least alike. TRUTH: what people said of these
    pairs. ERRING: the same, a fifth of them turned. SCORE: a low score by EASE. LIKES: few likes of the item. CHANCE: a die.
    """

    MODEL = "model"
    ALIKE = "alike"
    TRUTH = "truth"
    ERRING = "erring"
    SCORE = "score"
    LIKES = "likes"
    CHANCE = "chance"


@dataclass(frozen=True)
class Pairwise:
    """Says of pairs how bad they are.

    Attributes:
        worst: From int[n] users and int[n] items to float64[n], more is worse.
    """

    worst: Callable[[np.ndarray, np.ndarray], np.ndarray]


def build(lab: Lab, *, by: str = By.MODEL, shuffled: bool = False, labels: int = 600, language: str | None = "") -> Pairwise:
    """Label some later matches of training's users, and learn from them.

    Args:
        lab: Tastes are of its training events, and the matches that are labelled are those of validation.
        by: What says how bad a match is, see ``By``.
        shuffled: Give each labelled pair the label of another: a control.
        labels: Pairs that are labelled.
        language: The judge, see ``language_model``; None labels by ``ALIKE`` instead.

    Raises:
        InputError: Nobody liked anything, or there is no such ``by``.
    """
    found = tuple(By)
    require(by in found, f"by={by!r}", "it is not known how", f"use one of: {', '.join(found)}", InputError)
    dice, tastes = generator(lab.seed, labels), _tastes(lab.train)
    if by == By.CHANCE:
        return Pairwise(lambda users, _items: dice.random(len(users)))
    if by == By.SCORE:
        scores = ease(lab.train, lab.num_items).score(lab.train).numpy()
        return Pairwise(lambda users, items: -scores[users - 1, items].astype(np.float64))
    known = PairFeatures.counting(lab.vectors, tastes)
    if by == By.LIKES:
        return Pairwise(lambda _users, items: -known.likes[items].astype(np.float64))

    def features(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return known.of([(tastes[user - 1], int(item)) for user, item in zip(users, items, strict=True)])

    later = lab.valid.items
    chosen = dice.choice(later.num_events, min(labels, later.num_events), replace=False)
    users, items, bad = later.users[later.rows[chosen]], later.items[chosen], later.actions[chosen] == _DISLIKE
    usual = float(np.clip((later.actions == _DISLIKE).mean(), 0.01, 0.99)) if _told(lab.train) else _USUAL_BAD
    seen = features(users, items)
    if by in (By.TRUTH, By.ERRING):
        said = np.where(dice.random(len(bad)) < (_TURNED if by == By.ERRING else 0.0), ~bad, bad).astype(np.float64)
    elif by == By.ALIKE or language is None:
        said = (~kept(-seen[:, 0].astype(np.float64), usual)).astype(np.float64)
    else:
        judge = MatchJudge(language_model(language), lab.catalog.titles(), bad=usual)
        found = judge.bad([(tastes[user - 1], int(item)) for user, item in zip(users, items, strict=True)])
        said = np.array([one if isinstance(one, float) else usual for one in found])
    model = MatchFilter.fit(seen, dice.permutation(said) if shuffled else said)
    return Pairwise(lambda users, items: model.bad(features(users, items)))


def measure(model: Pairwise, world: World) -> Mapping[str, np.ndarray]:
    """float64[R] of each test user: the part in the share of bad matches among those kept, and in the share of good ones lost.

    Args:
        model: Says how bad matches are.
        world: Whose test events are the matches; what people did with them is the truth.
    """
    later = world.split.test.items
    bad = later.actions == _DISLIKE
    stays = kept(model.worst(later.users[later.rows], later.items), LEFT_OUT)

    def share(which: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return len(later) * np.bincount(later.rows, which, minlength=len(later)) / max(1, whole.sum())

    return {"bad matches kept": share(bad & stays, stays), "good matches lost": share(~bad & ~stays, ~bad)}


def _told(histories: Histories) -> bool:
    """Whether people say what they like; where nobody does, every event is a like."""
    return bool(np.isin(histories.actions, (_LIKE, _DISLIKE)).any())


def _tastes(histories: Histories) -> list[Taste]:
    """Of each user."""
    told, found = _told(histories), []
    for row in range(len(histories)):
        items, actions = histories.row(row), histories.actions[histories.offsets[row] : histories.offsets[row + 1]]
        liked = items[actions == _LIKE] if told else items
        found.append(Taste(tuple(liked.tolist()), tuple(items[actions == _DISLIKE].tolist())))
    return found


_DATA = {
    "dataset": "ml-100k-liked",
    "split": "per-user-temporal",
    "rows": "people",
    "metric": "bad matches kept",
    "lower": True,
    "shown": ("good matches lost",),
    "budget": Budget(steps=1),
}
_STAND_IN = (
    "Ratings stand in for matches of people and jobs: 4 and 5 are likes, 1 and 2 bad matches; of each user's newest tenth of ratings "
    "the worst fifth is left out, all users together. The classifier learns from 600 labelled pairs of the tenth before; "
    "no network is trained."
)
_RIVALS = (
    Arm("a fifth at random", "ebadmatch", {"by": By.CHANCE, "language": None}),
    Arm("fewest likes", "ebadmatch", {"by": By.LIKES, "language": None}),
    Arm("lowest base score", "ebadmatch", {"by": By.SCORE, "language": None}),
)
CLAIMS = [
    Claim(
        name="ebadmatch-model-labels",
        says="A classifier that learnt from a language model's labels leaves out more bad matches than chance, likes or the base score.",
        subject=Arm("labels of the model", "ebadmatch"),
        rivals=_RIVALS,
        controls=[
            Arm("its labels shuffled", "ebadmatch", {"shuffled": True}),
            Arm("labels of a rule", "ebadmatch", {"by": By.ALIKE, "language": None}),
        ],
        note=_STAND_IN,
        **_DATA,
    ),
    Claim(
        name="ebadmatch-true-labels",
        says="The same classifier leaves out more bad matches when people label the pairs: the most that a judge can bring.",
        subject=Arm("true labels", "ebadmatch", {"by": By.TRUTH, "language": None}),
        rivals=_RIVALS,
        controls=[Arm("true labels shuffled", "ebadmatch", {"by": By.TRUTH, "shuffled": True, "language": None})],
        note=_STAND_IN,
        **_DATA,
    ),
    Claim(
        name="ebadmatch-erring-labels",
        says="A judge that errs in a fifth of its labels is good enough for the classifier.",
        subject=Arm("a fifth of labels turned", "ebadmatch", {"by": By.ERRING, "language": None}),
        rivals=_RIVALS,
        controls=[Arm("these labels shuffled", "ebadmatch", {"by": By.ERRING, "shuffled": True, "language": None})],
        note=_STAND_IN,
        **_DATA,
    ),
]
