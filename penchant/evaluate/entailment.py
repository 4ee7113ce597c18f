"""Whether facts entail a statement, as a language model sees it: exact scores of "entailed", "contradicted" and "neither".

A second opinion on what ``penchant.evaluate.facts`` looks up by rules. It reads any sentence, and is worth what the model is worth: how
well a small one tells true sentences from edited ones is measured (``penchant.recipes.language.checkers``).

Letters: n statements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penchant.evaluate.facts import Evidence
from penchant.llm.model import Choice, Choose, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import quoted

PROMPT = "entail.v1"
LABELS = ("entailed", "contradicted", "neither")
_NEWEST = 12  # items of the user that are told: explanations name none but these


class Entailment:
    """Weighs statements against facts.

    Args:
        model: Chooses; one that tells no scores is taken at its word.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model, self._prompt = model, Prompt.load(PROMPT)

    def question(self, statement: str, evidence: Evidence) -> Choose:
        """What the model is asked."""
        return Choose(self._prompt.fill(labels=", ".join(LABELS), facts=facts(evidence), statement=statement), LABELS)

    def chances(self, statements: Sequence[tuple[str, Evidence]]) -> np.ndarray:
        """float64[n, 3], how probable each of ``LABELS`` is; all alike where no answer came.

        Args:
            statements: n texts, each with the facts it may stand on.
        """
        answers = self.model.choose([self.question(text, evidence) for text, evidence in statements])
        found = np.full((len(answers), len(LABELS)), 1.0 / len(LABELS))
        for row, one in enumerate(answers):
            if isinstance(one, Choice):
                found[row] = np.eye(len(LABELS))[one.option] if one.scores is None else _softmax(one.scores)
        return found

    def scores(self, statements: Sequence[tuple[str, Evidence]]) -> np.ndarray:
        """float64[n] between -1 and 1: how much more probable "entailed" is than "contradicted"."""
        found = self.chances(statements)
        return found[:, 0] - found[:, 1]


def facts(evidence: Evidence) -> str:
    """The facts as sentences: what the item is, what the user did to the newest items, and what they often choose."""
    said = []
    if evidence.attributes:
        said.append(f"{quoted(evidence.item)} is {', '.join(map(quoted, evidence.attributes))}.")
    for title, verbs in list(evidence.had.items())[-_NEWEST:]:
        said.append(f"You {' and '.join(sorted(verbs))} {quoted(title)}.")
    if evidence.interests:
        said.append(f"You often choose {', '.join(map(quoted, evidence.interests))}.")
    return " ".join(said)


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()
