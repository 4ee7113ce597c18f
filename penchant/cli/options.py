"""Arguments that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from penchant.core.assets import cache_folder
from penchant.data.catalog import Catalog
from penchant.items.cache import CachedEncoder
from penchant.items.encoders import TextEncoder
from penchant.items.minilm import MiniLM
from penchant.items.tfidf import TfidfSvd

DataArgument = Annotated[
    str,
    typer.Argument(
        help="A known data set (ml-100k, complete-journey, or a folder of PENCHANT_DATA), or a path to your own two tables.",
        show_default=True,
    ),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Where results go. Default: runs/NAME.", show_default=False)]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same result on the same machine.")]
ReleaseOption = Annotated[Path, typer.Option("--release", help="Folder of a release, as written by demo or train.")]


class EncoderName(StrEnum):
    """The text encoders of the command line."""

    minilm = "minilm"
    tfidf = "tfidf"

    def make(self, catalog: Catalog) -> TextEncoder:
        """The encoder, ready to use. TF-IDF is fitted to the catalogue; MiniLM caches what it encoded."""
        if self is EncoderName.tfidf:
            return TfidfSvd().fit(catalog.texts())
        return CachedEncoder(MiniLM.fetch(), cache_folder() / "vectors")


EncoderOption = Annotated[
    EncoderName, typer.Option("--encoder", help="minilm: a small language model (fetched once, 90 MB). tfidf: word counts, no download.")
]


def out_folder(out: Path | None, name: str) -> Path:
    """``out``, or runs/NAME."""
    return out if out is not None else Path("runs") / name
