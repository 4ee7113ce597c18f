"""Is ChatGPT a Good Recommender, rating prediction (Alibaba and others, 2023, arXiv:2304.10149): a chat model is asked for a number.

Flow     the user's newest ratings (few-shot) or none (zero-shot), and an item -> how likely each of the five numbers follows ->
         their expected value
Departs  a small local model in place of gpt-3.5-turbo; the numbers are weighed exactly, where the paper reads a text; films of
         MovieLens 100K, where the paper takes Amazon Beauty
Letters  R users with a rating to be found, U users, N items
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.dataset import Dataset
from penchant.data.splits import Targets
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel, Message, ended
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import quoted
from penchant.recipes.language.shared import language_model

PAPER = Paper(
    "ChatGPT as a recommender", "Is ChatGPT a Good Recommender? A Preliminary Study", "Alibaba and others, 2023", "arXiv:2304.10149"
)
TINY = {"language": None, "users": 20}
PROMPT = "rate.v1"
NUMBERS = ("1", "2", "3", "4", "5")
_MIDDLE = 3.0
_QUOTED = re.compile(r'"[^"]*"?')
_SCALE = re.compile(r"\b(?:from\s+)?1\s*(?:\bto\b|-|–)\s*5\b|(?:/|\bout of\b)\s*5\b")
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w]|\.\d)")
_TOKENS = 40
_LEAST = 1e-9  # chance of a number that was not chosen
_BLANK = "N/A"  # an item without content: what is said of it is what the model always says


@dataclass
class Rater:
    """Says how users rate items.

    Attributes:
        model: Is asked; None for means.
        shots: Ratings of the user's own, the newest, in the prompt.
        shuffled: Whether they are dealt to the wrong items.
        free: Whether the number is written as a text, and read.
        calibrated: Whether what the model says of any item is taken off, and training's shares of the numbers are put in its place.
        items: Without a model: whether the item's mean counts beside the user's.
        users: Looked at, at most.
        seed: Of what is shuffled.
    """

    model: LanguageModel | None
    shots: int
    shuffled: bool
    free: bool
    calibrated: bool
    items: bool
    users: int
    seed: int


def build(
    lab: Lab,
    *,
    shots: int = 0,
    shuffled: bool = False,
    free: bool = False,
    calibrated: bool = False,
    items: bool = False,
    users: int = 200,
    language: str | None = "",
) -> Rater:
    """A model with its prompt, or means.

    Args:
        lab: Has the seed.
        shots: Ratings of the user's own in the prompt, the newest; 0 is zero-shot.
        shuffled: Deal these ratings to the items at random, as a control.
        free: Let the model write, in place of weighing the five numbers.
        calibrated: Take off what the model says of any item, and put training's shares of the numbers in its place.
        items: Without a model: guess by the item's mean and how the user deviates, in place of the user's mean.
        users: Looked at, at most.
        language: Where the model is, see ``language_model``; None for means.
    """
    require(shots >= 0, f"shots={shots}", "a prompt has so many ratings", "pass 0 for none")
    return Rater(None if language is None else language_model(language), shots, shuffled, free, calibrated, items, users, lab.seed)


def measure(model: Rater, world: World) -> dict[str, np.ndarray]:
    """Of each user the error of one rating, the newest, which none of the arms sees.

    Returns:
        Three of float64[R]: the squared and the absolute error, and 1 where the answer was of use ("valid"). Where it was not, the guess
        is the middle of the scale.
    """
    asked, values = world.split.test.sample(model.users), ratings(world.dataset)
    targets = asked.items.items[asked.items.offsets[:-1]]
    truth = np.asarray(values[asked.items.users, targets]).ravel()
    if model.model is None:
        guessed, valid = means(asked, targets, values, world, items=model.items), np.ones(len(truth))
    else:
        answers = guesses(model, model.model, asked, targets, values, world)
        valid = np.isfinite(answers).astype(np.float64)
        guessed = np.where(valid > 0, answers, _MIDDLE)
    return {"squared error": (guessed - truth) ** 2, "absolute error": np.abs(guessed - truth), "valid": valid}


def ratings(dataset: Dataset) -> sparse.csr_matrix:
    """float64[U + 1, N + 1], the newest rating of each user for each item.

    Raises:
        InputError: Nothing is rated there.
    """
    rated = dataset.events.filter(pl.col("value").is_not_null()).unique(["user", "item"], keep="last", maintain_order=True)
    require(len(rated) > 0, f"data={dataset.name}", "ratings are predicted where there are some", "take a data set with values")
    places = (rated["user"].to_numpy(), rated["item"].to_numpy())
    return sparse.csr_matrix((rated["value"].to_numpy().astype(np.float64), places), shape=(len(dataset.users) + 1, dataset.num_items + 1))


def means(asked: Targets, targets: np.ndarray, values: sparse.csr_matrix, world: World, *, items: bool) -> np.ndarray:
    """float64[R], guesses without a model: the mean of what a user rated, or the item's mean and how the user deviates from such.

    Args:
        asked: R users.
        targets: int[R], the items to be rated.
        values: See ``ratings``; only those of training and of histories are read.
        world: Its training part has the items' means.
        items: Which of the two.
    """
    train, size = world.split.train, world.dataset.num_items + 1
    seen = np.asarray(values[train.users[train.rows], train.items]).ravel()
    whole = float(seen.mean())
    counts = np.bincount(train.items, minlength=size)
    usual = (np.bincount(train.items, seen, minlength=size) + 5.0 * whole) / (counts + 5.0)  # five events of the usual kind
    past = asked.histories
    own = np.asarray(values[past.users[past.rows], past.items]).ravel() - (usual[past.items] if items else whole)
    offsets = np.bincount(past.rows, own, minlength=len(past)) / np.maximum(past.lengths, 1)
    return np.clip((usual[targets] if items else whole) + offsets, 1.0, 5.0)


def guesses(model: Rater, asked: LanguageModel, users: Targets, targets: np.ndarray, values: sparse.csr_matrix, world: World) -> np.ndarray:
    """float64[R], what a language model guesses; not-a-number where no number came.

    Args:
        model: Says what is in the prompt, and how answers are read.
        asked: The language model.
        users: R users.
        targets: int[R], the items to be rated.
        values: See ``ratings``.
        world: Its training part has the shares of the numbers.
    """
    titles = world.dataset.catalog.titles()
    told = [shown(model, users, row, values, titles) for row in range(len(targets))]
    prompt = Prompt.load(PROMPT)
    questions = [prompt.fill(rated=rated, item=titles[int(target) - 1]) for rated, target in zip(told, targets, strict=True)]
    if model.free:
        written = asked.complete([Ask(messages, max_tokens=_TOKENS) for messages in questions])
        return np.array([read(ended(one)) if isinstance(one, Completion) else np.nan for one in written])
    scores = weighed(asked, questions)
    if model.calibrated:
        train = world.split.train
        seen = np.asarray(values[train.users[train.rows], train.items]).ravel().round().astype(np.int64)
        shares = np.bincount(seen.clip(1, 5), minlength=6)[1:] + 1.0
        scores += np.log(shares / shares.sum()) - weighed(asked, [prompt.fill(rated=rated, item=_BLANK) for rated in told])
    return expected(scores)


def shown(model: Rater, users: Targets, row: int, values: sparse.csr_matrix, titles: Sequence[str]) -> str:
    """What the prompt tells of a user: the newest ratings, if any."""
    newest = users.histories.take(np.array([row])).last(model.shots)
    items, user = newest.items, int(newest.users[0])
    if not len(items):
        return ""
    given = np.asarray(values[[user] * len(items), items]).ravel()
    given = generator(model.seed, user).permutation(given) if model.shuffled else given
    rated = ", ".join(f"{quoted(titles[int(code) - 1])} with {value:.0f}" for code, value in zip(items, given, strict=True))
    return f"The person rated {rated}. "


def weighed(model: LanguageModel, questions: Sequence[tuple[Message, ...]]) -> np.ndarray:
    """float64[R, 5], the logarithm of how likely each number is; not-a-number where no answer came.

    Of a model that tells no more than its choice, that number is all but certain.
    """
    found = np.full((len(questions), len(NUMBERS)), np.nan)
    for row, one in enumerate(model.choose([Choose(messages, NUMBERS) for messages in questions])):
        if isinstance(one, Choice):
            found[row] = np.log(np.eye(len(NUMBERS))[one.option] + _LEAST) if one.scores is None else one.scores
    return found


def expected(scores: np.ndarray) -> np.ndarray:
    """float64[R], the expected number under scores float64[R, 5]."""
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return chances @ np.arange(1, len(NUMBERS) + 1) / chances.sum(axis=1)


def read(text: str) -> float:
    """The one number from 1 to 5 that a text names outside of quotation marks; not-a-number where there is none, or another one too."""
    found = {int(one) for one in _NUMBER.findall(_SCALE.sub("", _QUOTED.sub("", text)))}
    return float(found.pop()) if len(found) == 1 and found <= set(range(1, 6)) else float("nan")


SHOTS = 8
_NOTE = "The newest rating of 200 users; nothing is trained. Numbers are weighed exactly by a model of 135 million parameters. "

CLAIMS = [
    Claim(
        name="own-ratings-in-the-prompt-help",
        says="A chat model guesses a rating better when the user's own newest ratings are in the prompt.",
        subject=Arm("few-shot", "chatgpt_ratings", {"shots": SHOTS}),
        rivals=[Arm("zero-shot", "chatgpt_ratings")],
        controls=[Arm("few-shot, ratings shuffled", "chatgpt_ratings", {"shots": SHOTS, "shuffled": True})],
        dataset="ml-100k",
        metric="squared error",
        lower=True,
        rows="ratings",
        shown=("absolute error",),
        budget=Budget(steps=1),
        note=_NOTE + "Shuffled ratings are the same ones dealt to the wrong items: they tell how the user rates, not what.",
    ),
    Claim(
        name="calibration-helps-rated-numbers",
        says="A chat model guesses ratings better once what it says of any item is taken off and known shares are put in its place.",
        subject=Arm("few-shot, calibrated", "chatgpt_ratings", {"shots": SHOTS, "calibrated": True}),
        rivals=[Arm("few-shot", "chatgpt_ratings", {"shots": SHOTS})],
        dataset="ml-100k",
        metric="squared error",
        lower=True,
        rows="ratings",
        shown=("absolute error",),
        budget=Budget(steps=1),
        seeds=(0,),
        note=_NOTE + "What it says of any item is asked with the same ratings and an item without content.",
    ),
    Claim(
        name="few-shot-ratings-beat-means",
        says="A chat model that sees the user's newest ratings guesses the next one better than means do.",
        subject=Arm("few-shot, calibrated", "chatgpt_ratings", {"shots": SHOTS, "calibrated": True}),
        rivals=[
            Arm("user mean", "chatgpt_ratings", {"language": None}),
            Arm("item mean and user offset", "chatgpt_ratings", {"language": None, "items": True}),
        ],
        dataset="ml-100k",
        metric="squared error",
        lower=True,
        rows="ratings",
        shown=("absolute error",),
        budget=Budget(steps=1),
        note=_NOTE + "Means know all of the user's ratings, and those of everybody.",
    ),
    Claim(
        name="weighed-numbers-are-always-valid",
        says="A number that is chosen by likelihood is of use more often than one that is written freely.",
        subject=Arm("few-shot", "chatgpt_ratings", {"shots": SHOTS}),
        rivals=[Arm("few-shot, written", "chatgpt_ratings", {"shots": SHOTS, "free": True})],
        dataset="ml-100k",
        metric="valid",
        rows="ratings",
        shown=("squared error", "absolute error"),
        budget=Budget(steps=1),
        seeds=(0,),
        note=_NOTE
        + "Of use is a text that names one number from 1 to 5 outside of titles. What is chosen is always valid by construction; "
        "what is of interest is how often free text is not. An answer of no use counts as the middle of the scale.",
    ),
]
