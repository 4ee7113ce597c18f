"""The item space: what is known of every item before any model is trained. One artifact.

Letters: N items (codes 1..N, row 0 is padding), D vector width, L levels of a semantic ID, the last of which makes it
unique, R codes that items had once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError, require
from penchant.data.catalog import Catalog
from penchant.data.popularity import popularity_tiers
from penchant.items.codebook import CodeBook, Collisions, code_version, load_quantiser
from penchant.items.encoders import TextEncoder
from penchant.items.quantiser import Quantiser
from penchant.items.trie import CodeTrie

TEXT = "text"  # the key of the text vectors
_AGAIN = "make the artifact again"


class ItemSpace:
    """N items with vectors, semantic IDs and popularity. Make one with ``build``; it is never changed.

    Args:
        catalog: N items.
        vectors: float32[N + 1, D] a modality, such as ``"text"``; row 0 is zero.
        codes: int32[N + 1, L], one row an item, all distinct; row 0 is -1.
        events: int64[N + 1], training events an item; entry 0 is 0.
        quantiser: Made all levels of the codes but the last, from the text vectors.
        encoder_name: Of the encoder that made the text vectors.
        encoder_fingerprint: The hash of what its vectors depend on.
        collisions: How items with the same codes of the quantiser were told apart, and will be.
        retired: int32[R, L], codes that items left (see ``penchant.items.refit``); nobody gets them again.

    Raises:
        InputError: The parts do not have one row an item and one for padding, or retired codes another number of levels.
    """

    KIND = "item-space"

    def __init__(
        self,
        catalog: Catalog,
        vectors: Mapping[str, np.ndarray],
        codes: np.ndarray,
        events: np.ndarray,
        quantiser: Quantiser,
        *,
        encoder_name: str,
        encoder_fingerprint: str,
        collisions: Collisions = Collisions.RANK,
        retired: np.ndarray | None = None,
    ) -> None:
        parts = {"codes": codes, "events": events, **{f"vectors[{name!r}]": rows for name, rows in vectors.items()}}
        for name, rows in parts.items():
            require(
                len(rows) == len(catalog) + 1,
                f"{len(rows)} rows of {name}",
                f"there are {len(catalog)} items and padding",
                "pass N + 1 rows",
            )
        retired = np.empty((0, codes.shape[1]), np.int32) if retired is None else retired
        fits = retired.ndim == 2 and retired.shape[1] == codes.shape[1]
        require(fits, f"retired codes of shape {retired.shape}", f"codes have {codes.shape[1]} levels", "pass int32[R, L]")
        self.catalog = catalog
        self.vectors = dict(vectors)
        self.codes = codes
        self.events = events
        self.quantiser = quantiser
        self.encoder_name = encoder_name
        self.encoder_fingerprint = encoder_fingerprint
        self.collisions = collisions
        self.retired = retired

    def __len__(self) -> int:
        return len(self.catalog)

    @property
    def levels(self) -> int:
        """L."""
        return self.codes.shape[1]

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Codes a level; of the last level, those in use so far."""
        return (*self.quantiser.codebook_sizes, int(self.codes[1:, -1].max()) + 1)

    @cached_property
    def book(self) -> CodeBook:
        """What gives new items their codes."""
        given = np.concatenate([self.codes[1:], self.retired])
        return CodeBook(self.quantiser, self.encoder_fingerprint, self.collisions, given)

    @cached_property
    def code_version(self) -> str:
        """Hash of the codes; equal to ``code_version(...)`` of what a model that was trained with them keeps."""
        return code_version(self.codes)

    def check_codes(self, codes: np.ndarray, name: str) -> None:
        """Refuse the codes int[n + 1, L] that a model reads (row 0 is padding) unless they are those of the first n items here.

        Args:
            name: Of the model, for the message.

        Raises:
            ArtifactError: They are of another code book, or of a version before or after this one.
        """
        own = self.codes[: len(codes)]
        same = own.shape == codes.shape and code_version(own) == code_version(codes)
        rule = f"its codes are version {code_version(codes)[:12]}, those of the items {code_version(own)[:12]}"
        require(same, f"model {name}", rule, "take both from one release, or train the model again", ArtifactError)

    def check_encoder(self, encoder: TextEncoder) -> None:
        """Refuse another encoder than the one that made the text vectors.

        Raises:
            InputError: It is another one.
        """
        fingerprint = encoder.fingerprint()
        require(
            fingerprint == self.encoder_fingerprint,
            f"encoder {encoder.name} ({fingerprint[:12]})",
            f"this space was made with {self.encoder_name} ({self.encoder_fingerprint[:12]})",
            "pass that encoder, or build a new space",
        )

    @cached_property
    def trie(self) -> CodeTrie:
        """Which code may follow which."""
        return CodeTrie(self.codes[1:])

    @cached_property
    def tiers(self) -> np.ndarray:
        """int8[N + 1], see ``penchant.data.popularity``."""
        return popularity_tiers(self.events)

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        encoder: TextEncoder,
        quantiser: Quantiser,
        counts: np.ndarray | None = None,
        *,
        collisions: Collisions = Collisions.RANK,
    ) -> Self:
        """Encode the texts, fit the quantiser and give every item its codes.

        The quantiser is fitted to the items with training events, as the others stand for items that come later;
        to all items if none has any.

        Args:
            catalog: N >= 1 items.
            counts: int64[N + 1], training events an item; entry 0 is ignored. ``None``: no events.
            collisions: How items with the same codes are told apart.

        Raises:
            InputError: There is no item, not one count an item, or the quantiser cannot spread collisions.
        """
        require(len(catalog) > 0, "a catalogue of 0 items", "an item space needs items", "pass at least one item")
        events = np.zeros(len(catalog) + 1, np.int64) if counts is None else np.array(counts, np.int64)
        require(
            events.shape == (len(catalog) + 1,),
            f"counts of shape {events.shape}",
            f"there are {len(catalog)} items and padding",
            "pass int64[N + 1]",
        )
        events[0] = 0
        vectors = encoder.encode(catalog.texts())
        seen = events[1:] > 0
        quantiser.fit(vectors[seen] if seen.any() else vectors)
        fingerprint = encoder.fingerprint()
        codes = CodeBook(quantiser, fingerprint, collisions).code(vectors, events[1:])
        return cls(
            catalog,
            {TEXT: _padded(vectors, 0)},
            _padded(codes, -1),
            events,
            quantiser,
            encoder_name=encoder.name,
            encoder_fingerprint=fingerprint,
            collisions=collisions,
        )

    def add(self, items: pl.DataFrame | Catalog, encoder: TextEncoder) -> Self:
        """A larger space: new items after the present ones, with vectors and codes, without training anything.

        Item codes and semantic IDs given out before stay as they are. New items have no events; their vectors of
        modalities other than text are zero.

        Args:
            items: Rows of the new items, at least ``item_id``.
            encoder: The one that made this space.

        Raises:
            InputError: An id is missing, repeated or already in the catalogue, or the encoder is another one.
        """
        self.check_encoder(encoder)
        new = _checked(items if isinstance(items, Catalog) else _catalog(items), self.catalog)
        vectors = encoder.encode(new.texts()) if len(new) else self.vectors[TEXT][:0]
        codes = self.book.code(vectors)
        grown = {name: np.concatenate([rows, np.zeros((len(new), rows.shape[1]), np.float32)]) for name, rows in self.vectors.items()}
        grown[TEXT][len(self) + 1 :] = vectors
        return type(self)(
            _joined(self.catalog, new),
            grown,
            np.concatenate([self.codes, codes]),
            np.concatenate([self.events, np.zeros(len(new), np.int64)]),
            self.quantiser,
            encoder_name=self.encoder_name,
            encoder_fingerprint=self.encoder_fingerprint,
            collisions=self.collisions,
            retired=self.retired,
        )

    def save(self, folder: Path) -> None:
        """Write an artifact."""
        settings = {
            "encoder": {"name": self.encoder_name, "fingerprint": self.encoder_fingerprint},
            "items": len(self),
            "levels": self.levels,
            "collisions": str(self.collisions),
            "code_version": self.code_version,
        }
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            out.table("catalog", self.catalog.table)
            out.tensors("vectors", self.vectors)
            out.tensors("codes", {"codes": self.codes, "events": self.events, "retired": self.retired})
            self.quantiser.save(out.path / "quantiser")

    @classmethod
    def load(cls, folder: Path, quantiser: type[Quantiser] | None = None) -> Self:
        """Read what ``save`` wrote.

        Args:
            quantiser: The class of the quantiser that was saved; ``None``: the known one of the kind in its manifest.

        Raises:
            ArtifactError: The folder is not such an artifact, was altered, or holds a quantiser of another kind.
        """
        artifact = read_artifact(folder, kind=cls.KIND)
        numbers, settings = artifact.arrays("codes"), artifact.manifest.settings
        encoder = settings["encoder"]
        read = load_quantiser if quantiser is None else quantiser.load
        try:
            return cls(
                Catalog(artifact.table("catalog")),
                artifact.arrays("vectors"),
                numbers["codes"],
                numbers["events"],
                read(artifact.child("quantiser")),
                encoder_name=encoder["name"],
                encoder_fingerprint=encoder["fingerprint"],
                collisions=Collisions(settings.get("collisions", Collisions.RANK)),  # written since codes have versions
                retired=numbers.get("retired"),
            )
        except InputError as error:
            raise ArtifactError(f"{error.value} in {folder}", error.rule, _AGAIN) from error


def _padded(rows: np.ndarray, value: int) -> np.ndarray:
    """[N + 1, ...]: a first row of ``value`` for padding."""
    return np.concatenate([np.full((1, rows.shape[1]), value, rows.dtype), rows])


def _catalog(items: pl.DataFrame) -> Catalog:
    require("item_id" in items.columns, f"columns {items.columns}", "new items need the column item_id", "add it")
    try:
        return Catalog(items)
    except pl.exceptions.PolarsError as error:
        raise _unfit(error) from error


def _joined(old: Catalog, new: Catalog) -> Catalog:
    try:
        return Catalog(pl.concat([old.table, new.table], how="diagonal_relaxed"))
    except pl.exceptions.PolarsError as error:
        raise _unfit(error) from error


def _unfit(error: Exception) -> InputError:
    return InputError("columns of the new items", f"their types do not fit the catalogue ({error})", "use the catalogue's types")


def _checked(new: Catalog, old: Catalog) -> Catalog:
    """``new``, if every id is there, occurs once and is not taken."""
    ids = new.table["item_id"]
    bad = int((ids.is_null() | (ids == "")).fill_null(True).sum())
    require(bad == 0, f"{bad} items without an id", "every item needs an id", "fill in item_id")
    repeated = ids.filter(ids.is_duplicated())
    require(not len(repeated), f"item_id={repeated.first()!r}", "it occurs twice among the new items", "keep one row an item")
    taken = ids.filter(ids.is_in(old.items.ids.implode()))
    require(not len(taken), f"item_id={taken.first()!r}", "the catalogue has it already", "leave out the items that are known")
    return new
