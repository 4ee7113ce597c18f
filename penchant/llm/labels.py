"""Labels from a closed set for short texts: the likeliest one, freed from what the model says of any text.

A small model prefers some labels whatever it reads. Where shares of labels are known, what it says of texts without content is
therefore taken off, as in contextual calibration (Zhao et al. 2021, "Calibrate Before Use", with a diagonal W), and the shares are put
in its place. That needs a model that tells likelihoods; the choice of any other is taken as it is.

Letters: n texts, O labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import PenchantError, require
from penchant.llm.model import Choice, Choose, LanguageModel, Message
from penchant.llm.prompt import Prompt

#: Texts without content.
EMPTY = ("", "N/A", "[MASK]")
PROMPT = "label.v1"


@dataclass(frozen=True)
class Label:
    """What was found for a text.

    Attributes:
        label: Its place among the labels.
        chances: float64[O], how probable each label is, together 1; None where the model tells only its choice.
    """

    label: int
    chances: np.ndarray | None


class Labeller:
    """Gives texts labels.

    Args:
        model: Chooses.
        labels: O names.
        prompt: Has the slot ``labels`` (our own), and ``text`` or others for what someone else wrote.
        examples: Texts with their labels, shown before each question.
        shares: Of each label how many texts have it; every label has one. None leaves the model's own preferences.

    Raises:
        InputError: There is no label, one comes twice, an example has another one, a share is missing or not above 0, or the prompt
            has other slots.
    """

    def __init__(
        self,
        model: LanguageModel,
        labels: Sequence[str],
        *,
        prompt: Prompt | None = None,
        examples: Sequence[tuple[str, str]] = (),
        shares: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.labels, self.prompt = model, tuple(labels), prompt or Prompt.load(PROMPT)
        strange = [label for _, label in examples if label not in self.labels]
        require(not strange, f"examples with {strange}", "only the labels can be given", f"use {', '.join(self.labels)}")
        self._shares = None if shares is None else _shares(self.labels, shares)
        self._always: np.ndarray | float | None = None
        self._examples = tuple(one for text, label in examples for one in (self._told(text)[1], Message("assistant", label)))
        self.question(self._empty(""))

    def question(self, text: str | Mapping[str, str]) -> Choose:
        """What the model is asked about a text, or about the texts of several slots by name."""
        system, user = self._told(text)
        return Choose((system, *self._examples, user), self.labels)

    def label(self, texts: Sequence[str | Mapping[str, str]]) -> list[Label | PenchantError]:
        """The label of each text, or why it has none."""
        found = self.model.choose([self.question(text) for text in texts])
        return [self.read(one) if isinstance(one, Choice) else one for one in found]

    def read(self, answer: Choice) -> Label:
        """What an answer to one of the questions says."""
        if answer.scores is None:
            return Label(answer.option, None)
        chances = _chances(answer.scores - self._preferences())
        return Label(int(chances.argmax()), chances)

    def _preferences(self) -> np.ndarray | float:
        """What is taken off scores: asked once, and only where shares are put in its place."""
        if self._shares is not None and self._always is None:
            empty = self.model.choose([self.question(self._empty(text)) for text in EMPTY])
            told = [one.scores for one in empty if isinstance(one, Choice) and one.scores is not None]
            self._always = np.log(np.mean([_chances(scores) for scores in told], axis=0)) - self._shares if told else 0.0
        return 0.0 if self._always is None else self._always

    def _empty(self, text: str) -> Mapping[str, str]:
        """The same text in all slots."""
        return dict.fromkeys(self.prompt.slots - {"labels"}, text)

    def _told(self, text: str | Mapping[str, str]) -> tuple[Message, ...]:
        values = {"text": text} if isinstance(text, str) else text
        return self.prompt.fill(labels=", ".join(self.labels), **values)


def _shares(labels: tuple[str, ...], shares: Mapping[str, float]) -> np.ndarray:
    """float64[O], logarithms."""
    wrong = [label for label in labels if not shares.get(label, 0.0) > 0]
    require(not wrong, f"shares of {wrong}", "every label needs one above 0", "give it a small one, or leave the label out")
    found = np.array([shares[label] for label in labels], np.float64)
    return np.log(found / found.sum())


def _chances(scores: np.ndarray) -> np.ndarray:
    """float64[O], the softmax of logarithms."""
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()
