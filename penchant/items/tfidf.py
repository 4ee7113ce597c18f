"""TF-IDF + SVD: text vectors without any download, learnt from the catalogue's own words.

Letters: n texts, V terms (words and pairs of words), D vector width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError, require
from penchant.items.encoders import unit_rows

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


class TfidfSvd:
    """Counts of words and of pairs of words, weighted by rarity, brought down to D directions.

    Args:
        dim: D at most; fewer where the texts or their terms are fewer.
        terms: V at most, the most frequent ones.
        seed: Of the randomised SVD.

    Raises:
        InputError: A number is below 1.
    """

    KIND = "tfidf-svd"
    name = "tfidf-svd"

    def __init__(self, dim: int = 128, *, terms: int = 50_000, seed: int = 0) -> None:
        require(dim >= 1, f"dim={dim}", "a vector needs at least one number", "pass dim>=1")
        require(terms >= 1, f"terms={terms}", "at least one term must be counted", "pass terms>=1")
        self.wanted = dim
        self.terms = terms
        self.seed = seed
        self._vocabulary: list[str] = []
        self._idf = np.zeros(0, np.float32)
        self._components: np.ndarray | None = None  # float32[D, V], once fitted
        self._vectorizer: TfidfVectorizer | None = None  # None where there is no term at all

    @property
    def dim(self) -> int | None:
        return None if self._components is None else len(self._components)

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn terms, weights and directions.

        Raises:
            InputError: There is no text. (Texts without words are allowed; their vectors are zero.)
        """
        require(len(texts) > 0, "0 texts", "the encoder learns from texts", "pass at least one text")
        vectorizer = _vectorizer(max_features=self.terms)
        try:
            counts = vectorizer.fit_transform(texts)
        except ValueError:  # no text has a word
            self._restore([], np.zeros(0, np.float32), np.zeros((1, 0), np.float32))
            return self
        terms = vectorizer.get_feature_names_out().tolist()
        size = min(self.wanted, len(texts), len(terms))
        if len(terms) == 1:  # scikit-learn's SVD refuses a single column
            components = np.ones((1, 1), np.float32)
        else:
            with np.errstate(invalid="ignore"):  # it also divides by the variance, which is 0 where all texts are alike
                from sklearn.decomposition import TruncatedSVD  # seconds to import, and not every process fits

                svd = TruncatedSVD(size, n_iter=4, random_state=self.seed % 2**32).fit(counts)
            components = np.asarray(svd.components_, np.float32)
        self._restore(terms, np.asarray(vectorizer.idf_, np.float32), components)
        return self

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32[n, D]; zeros for a text without a known term.

        Raises:
            InputError: Not fitted.
        """
        components = self._fitted()
        if self._vectorizer is None or not len(texts):
            return np.zeros((len(texts), len(components)), np.float32)
        return unit_rows(csr_array(self._vectorizer.transform(texts), dtype=np.float32) @ components.T)

    def fingerprint(self) -> str:
        """SHA-256 over terms, weights and directions.

        Raises:
            InputError: Not fitted.
        """
        components = self._fitted()
        digest = hashlib.sha256("\0".join(self._vocabulary).encode())
        digest.update(self._idf.tobytes())
        digest.update(components.tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write an artifact: the terms with their weights as a table, the directions as a tensor.

        Raises:
            InputError: Not fitted.
        """
        components = self._fitted()
        with write_artifact(folder, kind=self.KIND, settings={"dim": self.wanted, "terms": self.terms, "seed": self.seed}) as out:
            out.table("terms", pl.DataFrame({"term": pl.Series(self._vocabulary, dtype=pl.String), "idf": self._idf}))
            out.tensors("directions", {"components": components})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; its vectors are the same.

        Raises:
            ArtifactError: The folder is not such an artifact, or was altered.
        """
        artifact = read_artifact(folder, kind=cls.KIND)
        encoder = cls(**artifact.manifest.settings)
        terms, components = artifact.table("terms"), artifact.arrays("directions")["components"]
        fits = components.shape[1] == len(terms)
        require(
            fits, f"{len(terms)} terms in {folder}", f"the directions have {components.shape[1]}", "make the artifact again", ArtifactError
        )
        encoder._restore(terms["term"].to_list(), terms["idf"].to_numpy(), components)
        return encoder

    def _restore(self, vocabulary: list[str], idf: np.ndarray, components: np.ndarray) -> None:
        self._vocabulary, self._idf, self._components = vocabulary, idf, components
        self._vectorizer = None
        if vocabulary:
            self._vectorizer = _vectorizer(vocabulary=vocabulary)
            self._vectorizer.idf_ = idf

    def _fitted(self) -> np.ndarray:
        if self._components is None:
            raise InputError("no terms", "the encoder was not fitted", "call fit(texts) first")
        return self._components


def _vectorizer(*, max_features: int | None = None, vocabulary: list[str] | None = None) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        max_features=max_features,
        vocabulary=vocabulary,
        ngram_range=(1, 2),
        token_pattern=r"(?u)\b\w+\b",  # words of one letter too: titles such as "M" and "9 to 5"
        strip_accents="unicode",
        sublinear_tf=True,
        dtype=np.float32,  # pyright: ignore[reportArgumentType]  (its type is inferred from the default)
    )
