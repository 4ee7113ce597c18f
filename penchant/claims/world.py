"""One data set under one split: what labs are opened on, and the test targets that labs never hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penchant.claims.claim import SPLITS, Budget
from penchant.claims.lab import Lab
from penchant.core.assets import cache_folder
from penchant.core.errors import InputError
from penchant.core.progress import stage
from penchant.data.dataset import Dataset
from penchant.data.sources import load
from penchant.data.splits import Split
from penchant.items.cache import CachedEncoder
from penchant.items.encoders import TextEncoder
from penchant.items.minilm import MiniLM


def text_encoder() -> TextEncoder:
    """The small language model that labs encode items with; what it encoded is kept on disk."""
    return CachedEncoder(MiniLM.fetch(), cache_folder() / "vectors")


@dataclass(frozen=True)
class World:
    """A data set, cut.

    Attributes:
        dataset: As loaded.
        split: Its training, validation and test parts.
        rule: The split's name in ``SPLITS``.
        others: Opens further data sets under the same rule.
    """

    dataset: Dataset
    split: Split
    rule: str
    others: Worlds = field(repr=False)

    def lab(self, seed: int, budget: Budget | None = None, folder: Path | None = None) -> Lab:
        """A lab without the test targets."""
        return Lab(
            name=self.dataset.name,
            catalog=self.dataset.catalog,
            train=self.split.train,
            valid=self.split.valid,
            seed=seed,
            budget=budget,
            folder=folder,
            encoder=text_encoder,
            other=lambda name: self.others.open(name, self.rule).lab(seed, budget, folder / name if folder else None),
        )


class Worlds:
    """Opens data sets by name or path, each once."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], World] = {}

    def open(self, dataset: str, rule: str) -> World:
        """The data set under the rule.

        Raises:
            InputError: There is no such data set or rule; the message lists the names.
        """
        if rule not in SPLITS:
            raise InputError(f"split={rule!r}", "there is no such split", f"use one of: {', '.join(SPLITS)}")
        if (dataset, rule) not in self._open:
            with stage(f"Loading {dataset}"):
                found = load(dataset).dataset
            self._open[dataset, rule] = World(found, SPLITS[rule](found), rule, self)
        return self._open[dataset, rule]
