"""A language model that reasons about which category of interest comes next, before it says so: chains of thought in three modes.

*Unsupervised*: several thoughts are drawn, a category is weighed after each of them, and the mean counts (self-consistency, Wang et al.
2022, "Self-Consistency Improves Chain of Thought Reasoning"). *Optimal supervised*: thoughts that led to what training users chose next
are taught to the model (rejection sampling, as in Zelikman et al. 2022, "STaR"). *Sub-optimal supervised*: the same with weak labels,
each user's most frequent category, for which nobody has to know what came next.

Where none of a user's thoughts leads to the label, a template of the portrait does: it names what the user chose lately and often, and
then the label. So a small model learns mostly from templates; ``Lessons`` tells of how many.

Letters: n users, M thoughts of each, G categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.core.errors import InputError, PenchantError, require
from penchant.core.seeds import generator
from penchant.llm.labels import Label, Labeller
from penchant.llm.lora import Example
from penchant.llm.model import Ask, Completion, LanguageModel, Message
from penchant.llm.prompt import Prompt
from penchant.users.situations import Situation

THINK, PLAIN, THOUGHT = "think.v1", "interest.v1", "interest_thought.v1"
_LESSON = 1  # a purpose of the seed


class Mode(StrEnum):
    """How a model comes to say what comes next."""

    PLAIN = "plain"  #: It says so at once.
    UNSUPERVISED = "unsupervised"  #: It thinks first, as it was trained by others.
    OPTIMAL = "optimal"  #: It was taught thoughts that led to what came next.
    SUB_OPTIMAL = "sub-optimal"  #: It was taught thoughts that led to what the user chooses most.


@dataclass(frozen=True)
class Foreseen:
    """What a model says of a user.

    Attributes:
        chances: float64[G], how probable each category is to come next, together 1; the mean over thoughts.
        thoughts: M texts; none where it did not think.
        agreement: Share of the thoughts after which the most frequent choice was made; 1 without thoughts.
        led: Of each thought, the place of the category that is the most probable one after it.
    """

    chances: np.ndarray
    thoughts: tuple[str, ...]
    agreement: float
    led: tuple[int, ...] = ()


class Thinker:
    """Asks a model, many users at a time. A category outside the labels cannot be chosen.

    Args:
        model: Thinks and chooses; has to tell likelihoods.
        shares: Of each category, how popular it is: what the model prefers whatever it reads is taken off, and this put in its place.
        samples: M, thoughts a user; 0 lets it choose at once.
        tokens: Of a thought, at most.
        temperature: Of chance in thoughts.
    """

    def __init__(
        self, model: LanguageModel, shares: dict[str, float], *, samples: int = 2, tokens: int = 24, temperature: float = 0.8
    ) -> None:
        require(samples >= 0, f"samples={samples}", "a number of thoughts", "pass samples>=0")
        self.model, self.samples, self.tokens, self.temperature = model, samples, tokens, temperature
        self.labels = tuple(shares)
        self._think = Prompt.load(THINK)
        self._labeller = Labeller(model, self.labels, prompt=Prompt.load(THOUGHT if samples else PLAIN), shares=shares)

    def think(self, situations: Sequence[Situation], seed: int) -> list[tuple[str, ...]]:
        """M thoughts about each of n users.

        Args:
            situations: Of the users.
            seed: Of chance; the same user in another place of the list is thought about otherwise.

        Raises:
            PenchantError: A question was not answered.
        """
        asks = [
            Ask(self._asked(one), max_tokens=self.tokens, temperature=self.temperature, seed=_seed(seed, row, sample))
            for row, one in enumerate(situations)
            for sample in range(self.samples)
        ]
        texts = [_said(answer).text for answer in self.model.complete(asks)]
        return [tuple(texts[row * self.samples : (row + 1) * self.samples]) for row in range(len(situations))]

    def weigh(self, situations: Sequence[Situation], thoughts: Sequence[tuple[str, ...]]) -> list[np.ndarray]:
        """float64[M, G] of each user, chances after each thought; one row where there are no thoughts.

        Args:
            situations: Of n users.
            thoughts: Of each, as ``think`` gave them.

        Raises:
            PenchantError: A question was not answered, or only with a choice.
        """
        asked = [self._slots(one, text) for one, texts in zip(situations, thoughts, strict=True) for text in texts or [None]]
        found = [_weighed(label) for label in self._labeller.label(asked)]
        each = [max(len(texts), 1) for texts in thoughts]
        return np.split(np.array(found), np.cumsum(each)[:-1]) if each else []

    def foresee(self, situations: Sequence[Situation], seed: int) -> list[Foreseen]:
        """What comes next for each of n users.

        Args:
            situations: Of the users.
            seed: Of chance in thoughts.

        Raises:
            PenchantError: A question was not answered, or only with a choice.
        """
        thoughts = self.think(situations, seed)
        found = []
        for texts, chances in zip(thoughts, self.weigh(situations, thoughts), strict=True):
            led = chances.argmax(axis=1)
            agreement = float(np.bincount(led).max() / len(led))
            found.append(Foreseen(chances.mean(axis=0), texts, agreement, tuple(led.tolist()) if texts else ()))
        return found

    def lesson(self, situation: Situation, thought: str, label: int) -> tuple[Example, Example]:
        """What a model is taught of a user: the thought, and the choice after it.

        Args:
            situation: Of the user.
            thought: Leads to the label.
            label: Place of the category.
        """
        choose = self._labeller.question(self._slots(situation, thought))
        return Example(self._asked(situation), thought), Example(choose.messages, self.labels[label])

    def _asked(self, situation: Situation) -> tuple[Message, ...]:
        return self._think.fill(labels=", ".join(self.labels), long=situation.long, newest=situation.newest)

    def _slots(self, situation: Situation, thought: str | None) -> dict[str, str]:
        told = {"long": situation.long, "newest": situation.newest}
        return told if thought is None else {**told, "thought": thought}


@dataclass(frozen=True)
class Lessons:
    """What thoughts are taught.

    Attributes:
        examples: Two of each thought.
        own: Thoughts of the model itself.
        guided: Thoughts of the template.
    """

    examples: tuple[Example, ...]
    own: int
    guided: int


def lessons(thinker: Thinker, situations: Sequence[Situation], wanted: Sequence[frozenset[int]], seed: int) -> Lessons:
    """Thoughts that lead to labels: those of the model after which it chooses one, else the template's.

    Args:
        thinker: Its model thinks; needs samples.
        situations: Of n users, without what is to be foreseen.
        wanted: Places of the labels of each: what came next, or a weak label. Users without any are left out.
        seed: Of chance in thoughts, and of the label that a template names where there are several.

    Raises:
        InputError: The thinker does not think.
    """
    require(thinker.samples > 0, "samples=0", "lessons are of thoughts", "pass a thinker with samples")
    thoughts = thinker.think(situations, seed)
    examples: list[Example] = []
    own = guided = 0
    for row, (situation, texts, chances) in enumerate(zip(situations, thoughts, thinker.weigh(situations, thoughts), strict=True)):
        if not wanted[row]:
            continue
        chosen = chances.argmax(axis=1).tolist()
        led = [(text, label) for text, label in zip(texts, chosen, strict=True) if label in wanted[row] and text]
        own += len(led)
        if not led:
            label = int(generator(seed, _LESSON, row).choice(sorted(wanted[row])))
            led = [(template(situation, thinker.labels[label]), label)]
            guided += 1
        examples += [one for text, label in led for one in thinker.lesson(situation, text, label)]
    return Lessons(tuple(examples), own, guided)


def template(situation: Situation, label: str) -> str:
    """A thought from the portrait that ends in a label.

    Args:
        situation: Of the user.
        label: Name of the category.
    """
    return f"Lately it was {situation.lately}, and often it is {situation.long}, so {label} comes next."


def _seed(*parts: int) -> int:
    return int(generator(*parts).integers(2**31))


def _said(answer: Completion | PenchantError) -> Completion:
    if isinstance(answer, PenchantError):
        raise answer
    return answer


def _weighed(label: Label | PenchantError) -> np.ndarray:
    if isinstance(label, PenchantError):
        raise label
    if label.chances is None:
        remedy = "ask a model in this process, or a server that tells how probable each of the categories is"
        raise InputError("a choice without likelihoods", "thoughts are weighed by them", remedy)
    return label.chances
