"""Bad matches: what a language model judges slowly, told by a light classifier at once, to leave out the worst of a list.

As in Indeed's eBadMatch (atlas: Expected Bad Match) a judge labels a sample of pairs of user and item, a classifier learns from these
labels, and what it finds most likely bad is left out after ranking. A judge's labels are not the truth: both are measured.

Letters: n pairs, N items, D width of item vectors, P parts of these, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from penchant.core.errors import InputError, PenchantError, require
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.llm.labels import Labeller
from penchant.llm.model import Choice, Choose, LanguageModel
from penchant.llm.prompt import Prompt
from penchant.llm.quoting import plain
from penchant.users.together import AGAINST

BAD, GOOD = "Bad", "Good"
_PROMPT = "match.v1"
_TOLD = 4  # items of a taste that a judge is told
_SHORT = 90  # characters of each of these: all of them fit into one quotation
_COMPONENTS = 16  # of item vectors that the classifier sees
_AGAINST = [ACTION_CODE[name] for name in AGAINST if name in ACTION_CODE]


@dataclass(frozen=True)
class Taste:
    """What a user liked and disliked, newest last.

    Attributes:
        liked, disliked: Codes of items.
    """

    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()

    @classmethod
    def of(cls, history: Histories) -> Self:
        """Of somebody who likes what nothing was done against.

        Args:
            history: One row.
        """
        against = np.isin(history.actions, _AGAINST)
        return cls(tuple(history.items[~against].tolist()), tuple(history.items[against].tolist()))


class MatchJudge:
    """A language model that says how likely a match is a bad one.

    Args:
        model: Judges.
        texts: Of items, in code order.
        bad: Share of matches that are bad, which a judge does not know by itself.
    """

    def __init__(self, model: LanguageModel, texts: Sequence[str], *, bad: float = 0.2) -> None:
        require(0 < bad < 1, f"bad={bad}", "it is a share of matches", "pass a number between 0 and 1", InputError)
        self.texts = texts
        self.labeller = Labeller(model, (BAD, GOOD), prompt=Prompt.load(_PROMPT), shares={BAD: bad, GOOD: 1 - bad})

    def texts_of(self, taste: Taste, item: int) -> dict[str, str]:
        """What a judge reads of a pair, each in quotation marks of its own."""
        liked, disliked = ("; ".join(self._short(code) for code in codes[-_TOLD:]) for codes in (taste.liked, taste.disliked))
        return {"liked": liked or "nothing", "disliked": disliked or "nothing", "item": self.texts[item - 1]}

    def _short(self, code: int) -> str:
        return plain(self.texts[code - 1], _SHORT)

    def bad(self, pairs: Sequence[tuple[Taste, int]]) -> list[float | PenchantError]:
        """How likely each match is a bad one; 0 or 1 of a model that tells only its choice. Or why nothing is known."""
        found = self.labeller.model.choose([self.question(taste, item) for taste, item in pairs])
        return [self.read(one) if isinstance(one, Choice) else one for one in found]

    def question(self, taste: Taste, item: int) -> Choose:
        """What the model is asked about a pair."""
        return self.labeller.question(self.texts_of(taste, item))

    def read(self, answer: Choice) -> float:
        """How likely an answer says that the match is bad."""
        one = self.labeller.read(answer)
        return float(1 - one.label if one.chances is None else one.chances[0])


class PairFeatures:
    """What is known of a pair without a judge.

    Args:
        vectors: float32[N + 1, D] of items; row 0 is zeros.
        likes: int64[N + 1], how often each item was liked, by all users.
        dislikes: int64[N + 1], how often it was disliked.
        parts: float32[N + 1, P], what was found to tell items apart most; None finds it.
    """

    def __init__(self, vectors: np.ndarray, likes: np.ndarray, dislikes: np.ndarray, parts: np.ndarray | None = None) -> None:
        self.vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        self.likes, self.dislikes = likes, dislikes
        self._usual = dislikes.sum() / max(dislikes.sum() + likes.sum(), 1)
        self.parts = PCA(min(_COMPONENTS, *vectors.shape), random_state=0).fit_transform(self.vectors) if parts is None else parts

    @classmethod
    def counting(cls, vectors: np.ndarray, tastes: Sequence[Taste]) -> Self:
        """What is known where these are all that people liked and disliked.

        Args:
            vectors: float32[N + 1, D] of items; row 0 is zeros.
            tastes: Of each user.
        """
        of_all = ([one.liked for one in tastes], [one.disliked for one in tastes])
        likes, dislikes = (
            np.bincount(np.fromiter((code for had in lists for code in had), np.int64), minlength=len(vectors)) for lists in of_all
        )
        return cls(vectors, likes, dislikes)

    def of(self, pairs: Sequence[tuple[Taste, int]]) -> np.ndarray:
        """float32[n, F]: likeness to what was liked and disliked, how the item and the user otherwise fare, and what the item is."""
        if not len(pairs):
            return np.zeros((0, 5 + self.parts.shape[1]), np.float32)
        tastes: dict[int, int] = {}  # a taste of many pairs is looked at once
        rows = np.array([tastes.setdefault(id(taste), len(tastes)) for taste, _ in pairs])
        firsts = [pairs[place][0] for place in np.unique(rows, return_index=True)[1].tolist()]
        items = np.array([item for _, item in pairs], np.int64)
        liked, disliked = (self._counts(codes) for codes in ([one.liked for one in firsts], [one.disliked for one in firsts]))
        mean = [(had @ self.vectors) / np.maximum(had.sum(axis=1), 1) for had in (liked, disliked)]
        near = [(np.asarray(one)[rows] * self.vectors[items]).sum(axis=1) for one in mean]
        # An item's own dislikes, but for the user's, and a user's, each as if it had five more events of the usual kind.
        mine = [np.asarray(had[rows, items]).ravel() > 0 for had in (liked, disliked)]
        others, against = self.likes[items] - mine[0], self.dislikes[items] - mine[1]
        users, user_against = (np.asarray(had.sum(axis=1)).ravel()[rows] for had in (liked, disliked))
        of_item = (against + 5 * self._usual) / (against + others + 5)
        of_user = (user_against + 5 * self._usual) / (user_against + users + 5)
        return np.column_stack([*near, of_item, of_user, np.log1p(self.likes[items]), self.parts[items]]).astype(np.float32)

    def _counts(self, lists: Sequence[Sequence[int]]) -> sparse.csr_matrix:
        """float32[n, N + 1], how often each item is in each list."""
        lengths = np.fromiter(map(len, lists), np.int64, len(lists))
        codes = np.fromiter((code for one in lists for code in one), np.int64, int(lengths.sum()))
        values, starts = np.ones(len(codes), np.float32), np.concatenate([[0], np.cumsum(lengths)])
        return sparse.csr_matrix((values, codes, starts), shape=(len(lists), len(self.vectors)))


@dataclass(frozen=True)
class MatchFilter:
    """How likely a match is bad, by logistic regression: a product of numbers instead of a call of a model.

    Attributes:
        mean, scale: float64[F] of the features, and
        weights: float64[F], and
        bias: of the logit.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    @classmethod
    def fit(cls, features: np.ndarray, bad: np.ndarray, *, strength: float = 1.0) -> Self:
        """Learn what a judge says.

        Args:
            features: float32[n, F].
            bad: float64[n], how likely each pair is bad; both, likely and unlikely, are learnt from, by so much.
            strength: Inverse of the penalty on weights.

        Raises:
            InputError: There are no pairs, or all are equally and surely good, or bad.
        """
        require(len(features) > 0, "features of 0 pairs", "something is learnt from pairs", "judge some first")
        require(0 < bad.sum() < len(bad), f"bad={bad.mean():.0f} of all", "both kinds are needed", "judge more pairs")
        mean, scale = features.mean(axis=0, dtype=np.float64), np.maximum(features.std(axis=0, dtype=np.float64), 1e-9)
        twice = np.tile((features - mean) / scale, (2, 1))
        model: Any = LogisticRegression(C=strength, max_iter=1000)
        model.fit(twice, np.repeat([1, 0], len(bad)), sample_weight=np.concatenate([bad, 1 - bad]))
        return cls(mean, scale, model.coef_[0], float(model.intercept_[0]))

    def bad(self, features: np.ndarray) -> np.ndarray:
        """float64[n], how likely each pair is bad."""
        return 1 / (1 + np.exp(-(((features - self.mean) / self.scale) @ self.weights + self.bias)))

    def kept(self, features: np.ndarray, share: float) -> np.ndarray:
        """bool[n], all but this share of the pairs, those most likely bad."""
        return kept(self.bad(features), share)


def kept(worst: np.ndarray, share: float) -> np.ndarray:
    """bool[n], all but a share of the pairs, those that are worst; of equals the first ones go.

    Args:
        worst: float64[n], more is worse.
        share: Of pairs that are left out.

    Raises:
        InputError: The share is not from 0 to below 1.
    """
    require(0 <= share < 1, f"share={share}", "something stays", "pass a share from 0 to below 1")
    keep = np.ones(len(worst), bool)
    keep[np.argsort(-worst, kind="stable")[: int(share * len(worst))]] = False
    return keep
