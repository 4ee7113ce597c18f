"""What tells how likely each item of a history is noise: by a language model, by a sequence model, by texts, by counts, by chance.

Letters: R rows of E events together, N items, D width of text vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from penchant.core.errors import InputError, PenchantError
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.planted_noise import planted
from penchant.llm.lora import Example
from penchant.llm.model import Choice, Choose, LanguageModel, Message
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import plain
from penchant.models.sequence.sasrec import SASRec

PROMPT = "noise.v1"
_TITLE = 40  # characters
_LESSON, _CHANCE = 1, 2  # purposes of the seed


class Denoiser(Protocol):
    """Suspects items."""

    def suspicion(self, histories: Histories) -> np.ndarray:
        """float64[E], comparable within a row; higher is more likely noise.

        Args:
            histories: R rows.
        """
        ...


class NoiseReader:
    """A language model that reads titles and says which of them is noise: by the likelihood of the whole title, not of its first token,
    which titles may share.

    Args:
        model: Has to tell likelihoods.
        titles: Of N items.
    """

    def __init__(self, model: LanguageModel, titles: Sequence[str]) -> None:
        self.asked = model
        self._titles = ["", *(plain(title, _TITLE).rstrip(" .") or "an item without a title" for title in titles)]
        self._prompt = Prompt.load(PROMPT)

    def suspicion(self, histories: Histories) -> np.ndarray:
        """See ``Denoiser``. Natural logarithms; equal titles are equally suspect.

        Args:
            histories: R rows.

        Raises:
            PenchantError: A question was not answered, or only with a choice.
        """
        rows = [histories.row(row).tolist() for row in range(len(histories))]
        asked = [Choose(self._messages(items), tuple(dict.fromkeys(map(self._named, items)))) for items in rows if items]
        answers = iter(zip(asked, self.asked.choose(asked), strict=True))
        found = np.empty(histories.num_events)
        for row, items in enumerate(rows):
            if items:
                question, answer = next(answers)
                scores = dict(zip(question.options, _scores(answer), strict=True))
                found[histories.offsets[row] : histories.offsets[row + 1]] = [scores[self._named(item)] for item in items]
        return found

    def lessons(self, histories: Histories, seed: int) -> list[Example]:
        """What a model is taught: of each row one item is replaced by one of chance, and is to be found, with what stood there.

        Args:
            histories: R rows, which may have noise of their own; nobody says where.
            seed: Of chance.
        """
        others = planted(histories, len(self._titles) - 1, share=1.0, seed=seed).histories.items
        random = generator(seed, _LESSON)
        found = []
        for row, length in enumerate(histories.lengths.tolist()):
            if length:
                place = int(random.integers(length))
                items, noise = histories.row(row).tolist(), int(others[histories.offsets[row] + place])
                removed, items[place] = items[place], noise
                found.append(Example(self._messages(items), f"{self._named(noise)}\nReplacement: {self._titles[removed]}"))
        return found

    def _named(self, item: int) -> str:
        return f"Noise: {self._titles[item]}"

    def _messages(self, items: Sequence[int]) -> tuple[Message, ...]:
        return self._prompt.fill(items="; ".join(self._titles[item] for item in items))


class Unlikely:
    """A sequence model: an item is suspect where it is unlikely after the items before it.

    Args:
        model: Trained on histories.
    """

    def __init__(self, model: SASRec) -> None:
        self.model = model

    def suspicion(self, histories: Histories) -> np.ndarray:
        """See ``Denoiser``. Negative logarithms of how likely an item is; the first of a row goes by how likely it is to begin with.

        Args:
            histories: R rows.
        """
        starts = histories.offsets[:-1][histories.rows]
        before = histories.slices(starts, np.arange(histories.num_events), histories.rows)
        scores = self.model.score(before).double()
        told = scores.log_softmax(dim=1).numpy()
        return -told[np.arange(histories.num_events), histories.items]


class Unlike:
    """Text vectors: an item is suspect where it is unlike the mean of the row's others.

    Args:
        vectors: float32[N + 1, D], unit rows; row 0 is zero.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    def suspicion(self, histories: Histories) -> np.ndarray:
        """See ``Denoiser``. Negative cosines; 0 in a row of one item.

        Args:
            histories: R rows.
        """
        own = self._vectors[histories.items].astype(np.float64)
        sums = np.zeros((len(histories), own.shape[1]))
        np.add.at(sums, histories.rows, own)
        others = sums[histories.rows] - own
        return -(own * others).sum(axis=1) / np.maximum(np.linalg.norm(others, axis=1), 1e-9)


class Rare:
    """Counts: an item is suspect where few have it.

    Args:
        counts: int64[N + 1], events an item.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self._counts = counts

    def suspicion(self, histories: Histories) -> np.ndarray:
        """See ``Denoiser``.

        Args:
            histories: R rows.
        """
        return -self._counts[histories.items].astype(np.float64)


class Guess:
    """Chance.

    Args:
        seed: Of it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def suspicion(self, histories: Histories) -> np.ndarray:
        """See ``Denoiser``.

        Args:
            histories: R rows.
        """
        return generator(self._seed, _CHANCE).random(histories.num_events)


def detection(suspicion: np.ndarray, noise: np.ndarray, histories: Histories) -> np.ndarray:
    """float64[R], of each row the share of pairs of noise and another item in which the noise is more suspect; ties are half a pair.

    Args:
        suspicion: float64[E].
        noise: bool[E], where noise is.
        histories: R rows, each with noise and something else.

    Raises:
        InputError: A row lacks one of both.
    """
    found = np.empty(len(histories))
    for row in range(len(histories)):
        part = slice(histories.offsets[row], histories.offsets[row + 1])
        planted_ones, others = suspicion[part][noise[part]], suspicion[part][~noise[part]]
        if not len(planted_ones) or not len(others):
            raise InputError(f"row {row}", "pairs are of noise and of something else", "leave out rows without either")
        gaps = planted_ones[:, None] - others[None, :]
        found[row] = ((gaps > 0) + 0.5 * (gaps == 0)).mean()
    return found


def _scores(answer: Choice | PenchantError) -> np.ndarray:
    if isinstance(answer, PenchantError):
        raise answer
    if answer.scores is None:
        raise InputError("a choice without likelihoods", "titles are compared by them", "ask a model that tells likelihoods")
    return answer.scores
