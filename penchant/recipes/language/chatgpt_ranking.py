"""Is ChatGPT a Good Recommender, direct recommendation (Alibaba and others, 2023, arXiv:2304.10149): a chat model picks among candidates.

Flow     the user's newest titles, and a list of twenty: the next item and nineteen that the user never takes -> how likely each title of
         the list is as the answer, averaged over several orders of the list -> ranking
Departs  a small local model in place of gpt-3.5-turbo, 20 candidates in place of 100; titles are weighed exactly, so no answer has to be
         matched with the catalogue; films of MovieLens 100K, where the paper takes Amazon Beauty
Letters  R users, C candidates, N items
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
from penchant.data.histories import Histories
from penchant.evaluate.metrics import per_row
from penchant.llm.model import Choice, Choose, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import quoted
from penchant.recipes.language.shared import language_model

PAPER = Paper(
    "ChatGPT as a recommender", "Is ChatGPT a Good Recommender? A Preliminary Study", "Alibaba and others, 2023", "arXiv:2304.10149"
)
TINY = {"language": None, "users": 20}
DEPARTS = {
    "every_arm_has_values_of_the_same_things": "twenty candidates are ranked, of more items than the planted world has",
    "what_its_claims_speak_of_is_measured": "twenty candidates are ranked, of more items than the planted world has",
    "the_same_seed_measures_the_same": "twenty candidates are ranked, of more items than the planted world has",
}
PROMPT = "next.v1"
CANDIDATES = 20
_DRAWN = 8  # for the generator of candidates, which are the same for every arm and seed
_FIRST = 5  # places of the list that are told as its beginning


class By(StrEnum):
    """What ranks where no model is asked."""

    CHANCE = "chance"
    POPULARITY = "popularity"
    LIKENESS = "likeness"


class Told(StrEnum):
    """Whose newest items are in the prompt."""

    OWN = "the user's"
    NONE = "nobody's"
    OTHERS = "somebody else's"


@dataclass
class Chooser:
    """Ranks candidates.

    Attributes:
        model: Is asked; None for ``by``.
        by: What ranks without a model.
        told: Whose history the model is told.
        shots: Newest items of it.
        orders: Of the list, over which chances are averaged.
        users: Looked at, at most.
        seed: Of orders and of chance.
        counts: int64[N + 1], training events an item.
        vectors: float32[N + 1, D] of item texts, where likeness ranks.
    """

    model: LanguageModel | None
    by: By
    told: Told
    shots: int
    orders: int
    users: int
    seed: int
    counts: np.ndarray
    vectors: np.ndarray | None


def build(
    lab: Lab,
    *,
    by: By | str = By.CHANCE,
    told: Told | str = Told.OWN,
    shots: int = 6,
    orders: int = 2,
    users: int = 100,
    language: str | None = "",
) -> Chooser:
    """A model with its prompt, or a ranking without one.

    Args:
        lab: Has the seed, training counts and text vectors.
        by: What ranks without a model.
        told: Whose newest items a model is told.
        shots: So many of them.
        orders: Of the list, over which chances are averaged.
        users: Looked at, at most.
        language: Where the model is, see ``language_model``; None for none.
    """
    require(shots >= 1 and orders >= 1, f"shots={shots}, orders={orders}", "both are counts from 1 on", "pass positive numbers")
    vectors = lab.vectors if language is None and By(by) is By.LIKENESS else None
    model = None if language is None else language_model(language)
    return Chooser(model, By(by), Told(told), shots, orders, users, lab.seed, lab.counts, vectors)


def measure(model: Chooser, world: World) -> dict[str, np.ndarray]:
    """Where the next item stands among the candidates of each user.

    Returns:
        float64[R] each: "hit@1", "ndcg@10", and "first places": the share of orders whose likeliest title stood among the first five of
        the twenty places, which is a quarter where places do not matter; without a model it is a quarter by definition.
    """
    asked, titles = world.split.test.sample(model.users), world.dataset.catalog.titles()
    targets = asked.items.items[asked.items.offsets[:-1]]
    listed = candidates(world.dataset.histories, asked.items.users, targets, titles)
    past = asked.histories.last(model.shots)
    first = np.full(len(listed), _FIRST / CANDIDATES)
    if model.model is None:
        scores = without_model(model, past, listed)
    else:
        chances, places = weighed(model.model, model, past, listed, titles)
        scores = chances.mean(axis=1)
        likeliest = np.take_along_axis(places, chances.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
        first = (likeliest < _FIRST).mean(axis=1)
    ranked = np.take_along_axis(listed, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    found = per_row(ranked, Histories.of(targets[:, None].tolist()), (1, 10))
    return {"hit@1": found["hit_rate@1"], "ndcg@10": found["ndcg@10"], "first places": first}


def candidates(whole: Histories, users: np.ndarray, targets: np.ndarray, titles: Sequence[str]) -> np.ndarray:
    """int64[R, C], each user's target among items of other titles that the user never takes, in random order.

    Args:
        whole: All events of all users, row r being user code r + 1.
        users: int[R], codes.
        targets: int[R].
        titles: Of N items.
    """
    found = []
    for user, target in zip(users.tolist(), targets.tolist(), strict=True):
        dice = generator(_DRAWN, user)
        free = np.setdiff1d(dice.permutation(len(titles)) + 1, whole.row(user - 1), assume_unique=True)
        one = {titles[target - 1]: target}
        for code in dice.permutation(free).tolist():
            one.setdefault(titles[code - 1], code)
            if len(one) == CANDIDATES:
                break
        require(len(one) == CANDIDATES, f"user {user} with {len(one)} candidates", f"{CANDIDATES} are ranked", "take a larger catalogue")
        found.append(dice.permutation(list(one.values())))
    return np.stack(found)


def without_model(model: Chooser, past: Histories, listed: np.ndarray) -> np.ndarray:
    """float64[R, C], scores of candidates by what the arm ranks by."""
    if model.by is By.POPULARITY:
        return model.counts[listed].astype(np.float64)
    if model.by is By.LIKENESS and model.vectors is not None:
        sums = np.zeros((len(past), model.vectors.shape[1]))
        np.add.at(sums, past.rows, model.vectors[past.items])
        return np.einsum("rd,rcd->rc", sums, model.vectors[listed])
    return np.stack([generator(model.seed, user).random(listed.shape[1]) for user in past.users.tolist()])


def weighed(
    asked: LanguageModel, model: Chooser, past: Histories, listed: np.ndarray, titles: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """What the model says of each candidate under each order of the list.

    Args:
        asked: The language model.
        model: Whose history it is told, and in how many orders.
        past: R rows, the newest events.
        listed: int[R, C].
        titles: Of N items.

    Returns:
        Two of [R, orders, C]: float64, how likely each candidate is, together 1 (all alike where no answer came); and int64, the place at
        which it stood in the list.
    """
    prompt, questions, places = Prompt.load(PROMPT), [], []
    for row in range(len(listed)):
        options = tuple(titles[int(code) - 1] for code in listed[row])
        whose = {Told.OWN: [row], Told.OTHERS: [(row + 1) % len(listed)], Told.NONE: []}[model.told]
        newest = ", ".join(quoted(titles[int(code) - 1]) for one in whose for code in past.row(one))
        for order in range(model.orders):
            shuffled = generator(model.seed, int(past.users[row]), order).permutation(len(options))
            places.append(np.argsort(shuffled))
            told = ", ".join(quoted(options[place]) for place in shuffled.tolist())
            history = f"The person lately took {newest}. " if newest else ""
            questions.append(Choose(prompt.fill(history=history, candidates=told), options))
    chances = [_chances(one.scores, one.option, listed.shape[1]) if isinstance(one, Choice) else None for one in asked.choose(questions)]
    even = np.full(listed.shape[1], 1.0 / listed.shape[1])
    shape = (len(listed), model.orders, listed.shape[1])
    return np.stack([even if one is None else one for one in chances]).reshape(shape), np.stack(places).reshape(shape)


def _chances(scores: np.ndarray | None, option: int, count: int) -> np.ndarray:
    """float64[C], the softmax of scores; all on the chosen option where the model tells no scores."""
    if scores is None:
        return np.eye(count)[option]
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


_NOTE = (
    "The next item of 100 users among 19 random items that they never take, the same for all arms; a model of 135 million parameters "
    "weighs the titles, in two orders of the list; nothing is trained. So few users tell large differences only. "
)
_SAME = {"dataset": "ml-100k", "metric": "ndcg@10", "rows": "lists of twenty", "budget": Budget(steps=1)}

CLAIMS = [
    Claim(
        name="direct-ranking-by-a-chat-model",
        says="A chat model that is told a user's newest titles ranks twenty candidates better than chance, popularity and likeness do.",
        subject=Arm("chat model", "chatgpt_ranking"),
        rivals=[
            Arm("chance", "chatgpt_ranking", {"language": None}),
            Arm("popularity", "chatgpt_ranking", {"language": None, "by": By.POPULARITY.value}),
            Arm("likeness of titles (MiniLM)", "chatgpt_ranking", {"language": None, "by": By.LIKENESS.value}),
        ],
        shown=("hit@1", "first places"),
        seeds=(0,),
        note=_NOTE + "The share of orders whose likeliest title stood among the first five places is a quarter where places do not matter.",
        **_SAME,
    ),
    Claim(
        name="history-helps-direct-ranking",
        says="A chat model ranks twenty candidates better with the user's newest titles in the prompt than without any.",
        subject=Arm("the user's history", "chatgpt_ranking"),
        rivals=[Arm("no history", "chatgpt_ranking", {"told": Told.NONE.value})],
        controls=[Arm("somebody else's history", "chatgpt_ranking", {"told": Told.OTHERS.value})],
        shown=("hit@1", "first places"),
        seeds=(0,),
        note=_NOTE,
        **_SAME,
    ),
    Claim(
        name="averaged-orders-help-direct-ranking",
        says="Averaging over two orders of the list ranks better than one order.",
        subject=Arm("two orders", "chatgpt_ranking"),
        rivals=[Arm("one order", "chatgpt_ranking", {"orders": 1})],
        shown=("hit@1", "first places"),
        seeds=(0,),
        note=_NOTE,
        **_SAME,
    ),
]
