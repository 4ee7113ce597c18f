"""A release: one immutable folder with all that a server needs.

release/
manifest.json    kind, version, settings, SHA-256 of every file below
items/           item space: catalogue, vectors, codes
models/NAME/     one artifact a model
head-quantiser/  made the codes of Tandem's code head, where these are not those of the item space
encoder/         the text encoder, where it was fitted to this catalogue
ranker/          orders what generators named, where that was better than merging alone
matches/         leaves out the worst matches of a list, where somebody judged matches
portraits/       makes portraits of users: the tree of categories, and what many users show about it
intents/         tells what a user may want of other domains: how categories of different domains go together
histories.parquet, users.parquet
report/          evaluation: JSON, Markdown, figures
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from pydantic import Field

from penchant.contracts import Retriever
from penchant.core.artifacts import Artifact, read_artifact, write_artifact
from penchant.core.errors import AssetError, require
from penchant.core.progress import note
from penchant.core.settings import Settings
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories
from penchant.data.vocabulary import Vocabulary
from penchant.items.codebook import load_quantiser
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import TEXT, ItemSpace
from penchant.items.minilm import MiniLM
from penchant.items.quantiser import Quantiser
from penchant.items.tfidf import TfidfSvd
from penchant.models.generative.quick_tandem import QuickTandem
from penchant.models.generative.retrievers import CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem
from penchant.models.known_items import KnownItems
from penchant.models.retrieval.content import ContentNeighbours
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.popularity import Popularity
from penchant.models.sequence.sasrec import SASRec
from penchant.pipeline.budget import Budget
from penchant.pipeline.calls import Calls
from penchant.pipeline.copied import copy_parts
from penchant.pipeline.indexed import LARGE
from penchant.pipeline.kinship import Kinship
from penchant.pipeline.lane import Generator
from penchant.pipeline.matches import BadMatches
from penchant.pipeline.policy import PolicySettings
from penchant.pipeline.ranker import LightRanker, Ranker
from penchant.pipeline.reasons import BySample, ByScores, Explainer
from penchant.pipeline.recommender import Recommender, Rung
from penchant.pipeline.rules.goods import Goods
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents
from penchant.users.portrait import Portraits
from penchant.users.saved_intents import load_intents, save_intents
from penchant.users.saved_portraits import load_portraits, save_portraits

KIND = "release"
TOGETHER = "item-knn"  # the model that knows what the same users chose
STORED = "stored"  # the generator by a user's stored vector, which is Tandem's of a moment ago
LIVE_WEIGHT = 0.3  # of a generator of the present, where Tandem has 2
#: What can lie under models/, by the kind in its manifest.
MODELS = {model.KIND: model for model in (Popularity, LinearItemModel, ContentNeighbours, SASRec, QuickTandem, KnownItems)}


class Window(Settings):
    """What of the past a release was made of.

    Attributes:
        since: UTC seconds of the oldest event that could be in it.
        until: UTC seconds; the first that could not.
        positions: Of the event log, by partition: what lies before is in the release's histories, if it is of that time.
        data: Fingerprint of the data set.
    """

    since: int
    until: int
    positions: dict[int, int] = Field(default={})
    data: str = ""


class ReleaseSettings(Settings):
    """How a release serves.

    Attributes:
        dataset: Name of the data set.
        generators: Models merged by default, with weights.
        candidates: Of each of Tandem's heads, when both rank.
        code_weight: What the code head says in Tandem's common score.
        window: Of the events it was made of; None where these were all of a data set.
    """

    dataset: str
    timed: bool = True
    generators: dict[str, float] = Field(default={"tandem": 2.0, "ease": 1.0, "content": 0.5})
    fallback: str = "popularity"
    candidates: int = Field(default=50, ge=1)
    code_weight: float = Field(default=0.3, ge=0)
    policy: PolicySettings = PolicySettings()
    window: Window | None = None


@dataclass(frozen=True)
class Release:
    """A loaded release.

    Attributes:
        id: Content hash of the release.
        created: UTC time, ISO 8601.
        users: Known users; histories has their rows in code order.
        models: Every retriever by name; Tandem as ``tandem`` (both heads), ``tandem-dense`` and ``tandem-codes``.
        encoder: For queries; None where it cannot be had (search then goes by words alone).
        report: The evaluation, None if there is none.
        head_quantiser: Gives new items the codes of Tandem's code head; None where these are the item space's.
        ranker: Orders what generators named; None leaves it as merged.
        blocked: Codes of items that must not be shown.
        portraits: Makes portraits of users; None in releases of before they were part of one.
        intents: Tells what users may want of other domains, by the categories of ``portraits``; None in releases of before.
        matches: Leaves out the worst matches of a list; None leaves all in.
    """

    path: Path
    id: str
    created: str
    settings: ReleaseSettings
    space: ItemSpace
    users: Vocabulary
    histories: Histories
    models: dict[str, Retriever]
    encoder: TextEncoder | None
    report: dict[str, Any] | None
    head_quantiser: Quantiser | None = None
    ranker: Ranker | None = None
    blocked: frozenset[int] = field(default=frozenset())
    portraits: Portraits | None = None
    intents: Intents | None = None
    matches: BadMatches | None = None

    @property
    def tandem(self) -> Tandem:
        """The house model."""
        return cast(Tandem, self.models["tandem-dense"])

    @property
    def positions(self) -> Mapping[int, int]:
        """Of the event log, by partition: what lies before is in the histories."""
        return {} if self.settings.window is None else self.settings.window.positions

    @cached_property
    def kinship(self) -> Kinship | None:
        """What items share; None where no item has a category."""
        known, catalog = self.portraits, self.space.catalog  # which may have got new items since
        same = known is not None and known.tree.items.get_shape()[0] == len(catalog) + 1
        return Kinship.of(known.tree if known is not None and same else CategoryTree.of(catalog))

    def explainer(self) -> Explainer:
        """The model that gives reasons."""
        return BySample(self.tandem) if len(self.space.catalog) > LARGE else ByScores(self.tandem)

    def rungs(self, live: Collection[str] = ()) -> list[Rung]:
        """Ways to make a list, the best first: all generators; without generation; by the stored vector, where there are some;
        what goes together; what is popular.

        Args:
            live: Generators of the present, by name. They join all rungs that merge several.
        """
        present = _present(live)
        all_of_them = {**self.settings.generators, **present}
        together = {TOGETHER: 1.0} if TOGETHER in self.models else {}
        dense = {"tandem-dense" if name == "tandem" else name: weight for name, weight in all_of_them.items()}
        found = [Rung("generative", all_of_them, dear=True), Rung("dense", dense, dear=True)]
        if STORED in live:
            weight = self.settings.generators.get("tandem", 1.0)
            found.append(Rung(STORED, {STORED: weight, **(together or {self.settings.fallback: LIVE_WEIGHT}), **present}))
        if together:
            found.append(Rung("co-view", together))
        return [*found, Rung(self.settings.fallback, {self.settings.fallback: 1.0})]

    def recommender(
        self,
        *,
        live: Mapping[str, Generator] | None = None,
        instead: Mapping[str, Generator] | None = None,
        calls: Calls | None = None,
        budget: Budget | None = None,
        explainer: Explainer | None = None,
    ) -> Recommender:
        """The composed system of this release.

        Args:
            live: Further generators by name, of what happens at present. They join the rungs, see ``rungs``, and what
                newcomers see, with ``LIVE_WEIGHT``; except ``STORED``, which has a rung of its own.
            instead: Generators that take the places of models of these names.
            calls: How generators are called, ``live`` ones too; one by one by default.
            budget: See ``Recommender``.
            explainer: Asked in place of ``explainer()``.
        """
        models: dict[str, Generator] = {**self.models, **(live or {}), **(instead or {})}
        return Recommender(
            self.space.catalog,
            models,
            rungs=self.rungs(live or {}),
            newcomers={self.settings.fallback: 1.0, **_present(live or {})},
            last=self.settings.fallback,
            explainer=explainer or self.explainer(),
            policy=self.settings.policy,
            blocked=self.blocked,
            calls=calls,
            budget=budget,
            ranker=self.ranker,
            matches=self.matches,
            kinship=self.kinship,
            goods=Goods(self.space.catalog, vectors=self.space.vectors[TEXT], events=self.space.events),
        )


def write_release(
    folder: Path,
    settings: ReleaseSettings,
    *,
    dataset: Dataset,
    space: ItemSpace,
    models: Mapping[str, Retriever],
    encoder: TextEncoder,
    report: Any | None = None,
    head_quantiser: Quantiser | None = None,
    ranker: LightRanker | None = None,
    portraits: Portraits | None = None,
    intents: Intents | None = None,
    matches: BadMatches | None = None,
) -> None:
    """Write a release, atomically.

    Args:
        models: Base models by name; Tandem under the name ``tandem``.
        encoder: What made the item vectors; saved when it was fitted to the catalogue.
        report: An ``evaluate.Report``, or None.
        head_quantiser: Made the codes of Tandem's code head of what Tandem has learnt; None where it has the space's.
        ranker: Of the merged list; None for none.
        portraits: Makes portraits of users; a server of a release without them fits them itself.
        intents: Of the categories of ``portraits``, without which they are not written; a server fits them itself, too.
        matches: Leaves out the worst matches of a list, known by the text vectors of ``space``; None for none.
    """
    with write_artifact(folder, kind=KIND, settings=settings.plain()) as out:
        space.save(out.path / "items")
        for name, model in models.items():
            model.save(out.path / "models" / name)
        if isinstance(encoder, TfidfSvd):
            encoder.save(out.path / "encoder")
        if head_quantiser is not None:
            head_quantiser.save(out.path / "head-quantiser")
        if ranker is not None:
            ranker.save(out.path / "ranker")
        if portraits is not None:
            save_portraits(portraits, out.path / "portraits")
            if intents is not None:
                save_intents(intents, out.path / "intents")
        if matches is not None:
            matches.save(out.path / "matches")
        h = dataset.histories
        out.table(
            "histories", pl.DataFrame({"user": h.users[h.rows], "item": h.items, "action": h.actions, "time": h.times, "domain": h.domains})
        )
        out.table("users", pl.DataFrame({"user_id": dataset.users.ids}))
        if report is not None:
            report.write(out.path / "report")


def with_matches(folder: Path, matches: BadMatches, out: Path) -> None:
    """Write a release like another one, whose lists leave out the worst matches.

    Args:
        folder: Of the other one.
        matches: Made with its text vectors.
        out: Of the new one.

    Raises:
        ArtifactError: There is no release, or it is altered.
        StorageError: The disk refused.
    """
    saved = read_artifact(folder, kind=KIND)
    with write_artifact(out, kind=KIND, settings=saved.manifest.settings, parents=[saved.manifest]) as made:
        copy_parts(saved, made, ["matches"])
        matches.save(made.path / "matches")


def load_release(folder: Path) -> Release:
    """Load and verify a release.

    Raises:
        ArtifactError: It is missing, incomplete or altered.
    """
    saved = read_artifact(folder, kind=KIND)
    settings = ReleaseSettings.of(saved.manifest.settings)
    space = ItemSpace.load(saved.child("items"))
    models: dict[str, Retriever] = {}
    for path in sorted(saved.child("models").iterdir()):
        kind = read_artifact(path, verify=False).manifest.kind
        require(
            kind in MODELS, f"kind={kind!r}", f"a release holds models of the kinds {sorted(MODELS)}", "make the release with this version"
        )
        models[path.name] = MODELS[kind].load(path)
    tandem = cast(Tandem, models["tandem"])
    space.check_codes(tandem.tokens.codes.numpy(), "tandem")
    models |= served(tandem, settings)
    head, ranker, intents, matches = (folder / name for name in ("head-quantiser", "ranker", "intents", "matches"))
    portraits = load_portraits(saved.child("portraits")) if (folder / "portraits").exists() else None
    report = folder / "report"
    return Release(
        path=folder,
        id=saved.manifest.id,
        created=str(saved.manifest.created),
        settings=settings,
        space=space,
        users=Vocabulary(saved.table("users")["user_id"]),
        histories=_histories(saved, settings.timed),
        models=models,
        encoder=_encoder(saved),
        report=saved.json("report/report") if report.exists() else None,
        head_quantiser=load_quantiser(saved.child("head-quantiser")) if head.exists() else None,
        ranker=LightRanker.load(saved.child("ranker")) if ranker.exists() else None,
        portraits=portraits,
        intents=load_intents(saved.child("intents"), portraits.tree) if portraits is not None and intents.exists() else None,
        matches=BadMatches.load(saved.child("matches"), space.vectors[TEXT]) if matches.exists() else None,
    )


def served(tandem: Tandem, settings: ReleaseSettings) -> dict[str, Retriever]:
    """The ways in which a release offers Tandem, by name."""
    return {
        "tandem-dense": tandem,
        "tandem-codes": CodeRetriever(tandem),
        "tandem": TandemRetriever(tandem, width=settings.candidates, weight=settings.code_weight),
    }


def _present(live: Collection[str]) -> dict[str, float]:
    return {name: LIVE_WEIGHT for name in live if name != STORED}


def _histories(saved: Artifact, timed: bool) -> Histories:
    events, users = saved.table("histories"), len(saved.table("users"))
    counts = np.bincount(events["user"].to_numpy(), minlength=users + 1)[1:]
    return Histories(
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        items=events["item"].to_numpy(),
        actions=events["action"].to_numpy(),
        times=events["time"].to_numpy(),
        domains=events["domain"].to_numpy(),
        users=np.arange(1, users + 1, dtype=np.int32),
        timed=timed,
    )


def _encoder(saved: Artifact) -> TextEncoder | None:
    folder = saved.path / "encoder"
    if folder.exists():
        return TfidfSvd.load(folder)
    try:
        return MiniLM.fetch()
    except AssetError as error:
        note(f"Search goes by words alone: {error}")
        return None
