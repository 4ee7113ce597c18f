"""Code books: what gives items their codes, and a version by which models, tries and stored histories know that they belong together.

A code that was given out once belongs to its item for ever: new items get codes beside it, and a code that an item left
(see ``penchant.items.refit``) is given to nobody else.

Letters: n rows, N items, D vector width, L levels of a code: L - 1 of the quantiser and one that makes it unique; G codes given out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np

from penchant.core.artifacts import read_artifact
from penchant.core.errors import ArtifactError, InputError, require
from penchant.items.collisions import Spreadable, spread_codes, unique_codes
from penchant.items.experts import ExpertQuantiser
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import Quantiser, UnitQuantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE

#: Quantisers that can lie in an artifact, by the kind in its manifest.
KINDS: dict[str, type[UnitQuantiser]] = {one.KIND: one for one in (ResidualKMeans, ProductQuantiser, RQVAE, ExpertQuantiser)}


class Collisions(StrEnum):
    """How items with the same codes of the quantiser are told apart.

    Attributes:
        RANK: By their rank among each other, in catalogue order.
        POPULARITY: By their rank, the most popular first.
        SPREAD: All but the closest take the nearest free code of the quantiser's last level; by rank where none is left.
    """

    RANK = "rank"
    POPULARITY = "popularity"
    SPREAD = "spread"


@dataclass(frozen=True)
class CodeBook:
    """What gives items their codes.

    Args:
        quantiser: A fitted one.
        encoder_fingerprint: Of the encoder whose vectors it was fitted to.
        collisions: How items with the same codes are told apart.
        given: int32[G, L], all codes that were ever given out; ``None``: none yet.

    Raises:
        InputError: The quantiser cannot say which codes are near, but collisions are to be spread; or another number of levels.
    """

    quantiser: Quantiser
    encoder_fingerprint: str
    collisions: Collisions = Collisions.RANK
    given: np.ndarray | None = None

    def __post_init__(self) -> None:
        require(
            self.collisions is not Collisions.SPREAD or hasattr(self.quantiser, "last_distances"),
            f"collisions={str(self.collisions)!r} with {type(self.quantiser).__name__}",
            "it cannot say how near the other codes of its last level are",
            "take a residual quantiser, or tell items apart by rank",
        )
        if self.given is not None:
            levels, shape = self.quantiser.levels + 1, self.given.shape
            fits = len(shape) == 2 and shape[1] == levels
            require(fits, f"given of shape {shape}", f"codes of this book have {levels} levels", f"pass int32[G, {levels}]")

    @cached_property
    def version(self) -> str:
        """Hash of all that the next code depends on: quantiser, encoder, rule for collisions, and the codes given out.

        Raises:
            InputError: The quantiser is of a kind that does not tell what it learnt.
        """
        digest = hashlib.sha256(_learnt(self.quantiser))
        digest.update(f"{self.encoder_fingerprint}\0{self.collisions}\0".encode())
        digest.update(_bytes(np.empty((0, self.quantiser.levels + 1)) if self.given is None else self.given))
        return digest.hexdigest()[:32]

    def wish(self, vectors: np.ndarray) -> np.ndarray:
        """int32[n, L - 1], the quantiser's codes of float32[n, D]; where collisions are spread, beside those given out."""
        if self.collisions is not Collisions.SPREAD:
            return self.quantiser.encode(vectors)
        return spread_codes(cast(Spreadable, self.quantiser), vectors, taken=None if self.given is None else self.given[:, :-1])

    def settle(self, codes: np.ndarray, events: np.ndarray | None = None) -> np.ndarray:
        """int32[n, L]: the last level appended to int32[n, L - 1], so that all differ from each other and from those given out.

        Args:
            events: int[n], how popular each row is; asked for only where the rule is popularity.
        """
        popular = self.collisions is Collisions.POPULARITY and events is not None
        order = np.argsort(-np.asarray(events, np.int64), kind="stable") if popular else None
        return unique_codes(codes, taken=self.given, order=order)

    def code(self, vectors: np.ndarray, events: np.ndarray | None = None) -> np.ndarray:
        """int32[n, L], codes of new items float32[n, D] that nobody has or had."""
        return self.settle(self.wish(vectors), events)


def code_version(codes: np.ndarray) -> str:
    """Hash of the codes that a model reads, int[N + 1, L]; whatever integers they are kept in, and whatever padding row 0 holds."""
    return hashlib.sha256(_bytes(codes[1:])).hexdigest()[:32]


def load_quantiser(folder: Path) -> UnitQuantiser:
    """Read a quantiser of any known kind.

    Raises:
        ArtifactError: The folder is no artifact, was altered, or holds a kind that is not known.
    """
    kind = read_artifact(folder, verify=False).manifest.kind
    known = ", ".join(sorted(KINDS))
    require(kind in KINDS, f"kind={kind!r} in {folder}", f"known quantisers are {known}", "pass its class as quantiser=...", ArtifactError)
    return KINDS[kind].load(folder)


def _learnt(quantiser: Quantiser) -> bytes:
    """A text of what the quantiser's codes depend on, tensors as hashes."""
    if not isinstance(quantiser, UnitQuantiser):
        raise InputError(
            f"a quantiser of class {type(quantiser).__name__}", "it does not tell what it learnt", "derive it from UnitQuantiser"
        )
    tensors = {
        name: [str(array.dtype), list(array.shape), hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]
        for name, array in quantiser.arrays().items()
    }
    return json.dumps({"kind": quantiser.KIND, "settings": quantiser.settings, "learnt": tensors}, sort_keys=True).encode()


def _bytes(codes: np.ndarray) -> bytes:
    return f"{codes.shape}".encode() + np.ascontiguousarray(codes, "<i4").tobytes()
