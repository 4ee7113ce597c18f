"""The main job, in order: split, encode, codes, train, evaluate, release. This file is the whole run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import Field

from penchant.contracts import Retriever
from penchant.core.machine import peak_memory_mb
from penchant.core.progress import note, stage
from penchant.core.seeds import seed_everything
from penchant.core.settings import Settings
from penchant.data.dataset import Dataset
from penchant.data.splits import Split, Targets, leave_one_out
from penchant.evaluate.build import build_report
from penchant.evaluate.protocol import Seen, evaluate
from penchant.evaluate.report import Report
from penchant.evaluate.results import Cost
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import ItemSpace
from penchant.items.product import ProductQuantiser
from penchant.items.quantiser import Quantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import HeadTraining, learnt_codes
from penchant.models.generative.retrievers import CODE_WEIGHTS, CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.retrieval.content import ContentNeighbours
from penchant.models.retrieval.linear import ease, item_knn
from penchant.models.retrieval.popularity import Popularity
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.objectives.softmax import FullSoftmax, Objective, SampledSoftmax
from penchant.pipeline.composed import Composed
from penchant.pipeline.ranker import LightRanker
from penchant.pipeline.ranker_fitting import chosen
from penchant.pipeline.release import ReleaseSettings, Window, write_release
from penchant.pipeline.rules.goods import Goods
from penchant.train.loop import Trainer, TrainingRun
from penchant.train.settings import TrainSettings
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents
from penchant.users.portrait import Portraits

#: Up to this many items the softmax goes over all of them.
FULL_SOFTMAX_ITEMS = 50_000


class JobSettings(Settings):
    """What the main job does. ``for_dataset`` chooses by the size of the data."""

    levels: int = Field(default=3, ge=1, description="levels of the semantic IDs, before the one that makes them unique")
    codebook: int = Field(default=256, ge=1, description="codes a level")
    tandem: TandemSettings = TandemSettings()
    sasrec: SASRecSettings = SASRecSettings()
    tandem_training: TrainSettings = TrainSettings()
    sasrec_training: TrainSettings = TrainSettings()
    ease_l2: tuple[float, ...] = (50.0, 200.0, 800.0)
    ease_items: int = Field(default=12_500, ge=1, description="items EASE looks at, the most popular ones; its cost is cubic")
    negatives: int = Field(default=1024, ge=1, description="sampled negatives, for catalogues too large for the full softmax")
    head: ParallelSettings = ParallelSettings(part=4, over_items=True, temperature=0.07)
    head_levels: int = Field(default=32, ge=1, description="codes that the code head gives an item, made of what Tandem has learnt")
    head_training: TrainSettings = TrainSettings()
    candidates: int = Field(default=50, ge=1, description="of each of Tandem's heads, when both rank")
    ks: tuple[int, ...] = (5, 10, 20, 50)
    validation_users: int = Field(default=4_000, ge=1, description="users that early stopping looks at, at most")
    weight_users: int = Field(default=2_000, ge=1, description="of those, users that choose the code head's weight, at most")
    seed: int = 0


def for_dataset(dataset: Dataset, *, seed: int = 0) -> JobSettings:
    """Settings by the size of the data: small catalogues get small networks and codebooks, long histories long windows."""
    items, lengths = dataset.num_items, dataset.histories.lengths
    max_len = int(np.clip(2 ** np.ceil(np.log2(max(2.0, np.quantile(lengths, 0.75)))), 50, 128)) if len(lengths) else 50
    small = items < 5_000
    width, dropout = (64, 0.3) if small else (128, 0.4)
    training = TrainSettings(
        max_len=max_len,
        tokens=2048 if small else 4096,
        learning_rate=2e-3 if small else 1e-3,
        epochs=16,
        patience=6 if small else 3,  # small validation sets are noisy
        validate_every=1 if small else 2,
        seed=seed,
    )
    large = items > FULL_SOFTMAX_ITEMS
    if large:
        training = training.but(epochs=2, tokens=8192, validate_every=1)
    return JobSettings(
        codebook=int(np.clip(2 ** round(np.log2(max(2, items / 32))), 16, 256)),
        tandem=TandemSettings(width=width, heads=width // 32, dropout=dropout, max_len=max_len),
        sasrec=SASRecSettings(width=width, heads=width // 32, dropout=dropout, max_len=max_len, temperature=0.07),
        tandem_training=training,
        head_levels=width // 4,
        head_training=training.but(epochs=1 if large else 6, learning_rate=5e-3, patience=2, validate_every=1),
        sasrec_training=training,
        ease_l2=(200.0,) if large else (50.0, 200.0, 800.0),
        seed=seed,
    )


@dataclass(frozen=True)
class Trained:
    """What training left behind.

    Attributes:
        models: Base models by release name.
        shown: Retrievers by the name reports use, Tandem first.
        costs: Of training, by the same names.
        runs: Of the networks.
        code_weight: Chosen on validation.
        head_quantiser: Made the codes of the code head.
        ranker: Of the merged list, where validation says that it helps.
    """

    models: dict[str, Retriever]
    shown: dict[str, Retriever]
    costs: dict[str, Cost]
    runs: dict[str, TrainingRun]
    code_weight: float
    head_quantiser: Quantiser
    ranker: LightRanker | None = None


def run(
    dataset: Dataset, encoder: TextEncoder, settings: JobSettings, *, work: Path, release: Path, window: Window | None = None
) -> Report:
    """Do the main job.

    Args:
        dataset: Validated data.
        encoder: Makes the item vectors.
        settings: See ``for_dataset``.
        work: For logs and checkpoints; a killed run goes on from here.
        release: Where the release is written.
        window: What the data were chosen by. The report then tells no times and no memory: the same data make the same bytes.

    Returns:
        The evaluation report, which is also in the release.
    """
    split = leave_one_out(dataset)
    space = make_space(dataset, split, encoder, settings)
    trained = train_all(dataset, split, space, settings, work)
    report = measure(dataset, split, space, trained, settings)
    if window is not None:
        report = timeless(report)
    with stage("Learning what portraits of users are made by"):
        portraits = Portraits.fit(dataset.histories, CategoryTree.of(dataset.catalog))
        intents = Intents.fit(dataset.histories, portraits.tree)
    with stage("Writing the release"):
        serving = ReleaseSettings(
            dataset=dataset.name,
            timed=dataset.timed,
            candidates=settings.candidates,
            code_weight=trained.code_weight,
            window=None if window is None else window.but(data=dataset.fingerprint),
        )
        write_release(
            release,
            serving,
            dataset=dataset,
            space=space,
            models=trained.models,
            encoder=encoder,
            report=report,
            head_quantiser=trained.head_quantiser,
            ranker=trained.ranker,
            portraits=portraits,
            intents=intents,
        )
    return report


def make_space(dataset: Dataset, split: Split, encoder: TextEncoder, settings: JobSettings) -> ItemSpace:
    """Vectors and semantic IDs of all items."""
    with stage(f"Encoding {dataset.num_items:,} items and learning their codes"):
        counts = np.bincount(split.train.items, minlength=dataset.num_items + 1)
        return ItemSpace.build(dataset.catalog, encoder, ResidualKMeans(settings.levels, settings.codebook, seed=settings.seed), counts)


def train_all(dataset: Dataset, split: Split, space: ItemSpace, settings: JobSettings, work: Path) -> Trained:
    """Fit the baselines and train the networks; everything that is chosen is chosen on validation."""
    items, valid = dataset.num_items, split.valid.sample(settings.validation_users, settings.seed)
    costs: dict[str, Cost] = {}

    def timed(name: str, fit: Callable[[], Retriever]) -> Retriever:
        started = time.perf_counter()
        with stage(f"Fitting {name}"):
            model = fit()
        costs[name] = Cost(train_seconds=time.perf_counter() - started, peak_mb=peak_memory_mb())
        return model

    popularity = timed("Popularity", lambda: Popularity.fit(split.train, items))
    knn = timed("Item-kNN", lambda: item_knn(split.train, items))
    linear = timed(
        "EASE", lambda: best_on(valid, (ease(split.train, items, l2=l2, max_items=settings.ease_items) for l2 in settings.ease_l2))
    )
    runs: dict[str, TrainingRun] = {}

    def trained(name: str, model: SASRec | Tandem | HeadTraining, how: TrainSettings, *, judged: Retriever) -> None:
        with stage(f"Training {name}"):
            folder = work / name.lower().replace(", ", "-").replace(" ", "-")
            runs[name] = Trainer(how, folder).fit(model, split.train, lambda: ndcg(judged, valid), name=name)
        costs[name] = Cost(train_seconds=runs[name].seconds, parameters=runs[name].parameters, peak_mb=runs[name].peak_mb)

    seed_everything(settings.seed)  # whatever ran before, weights begin the same
    sasrec = SASRec(items, settings.sasrec, objective=objective(space, settings))
    trained("SASRec", sasrec, settings.sasrec_training, judged=sasrec)
    seed_everything(settings.seed)
    tandem = Tandem(
        space.codes,
        space.vectors["text"],
        space.events,
        settings.tandem,
        objective=objective(space, settings, scale=1.0 / settings.tandem.temperature, ranked=space.events > 0),
    )
    trained("Tandem", tandem, settings.tandem_training, judged=tandem)
    with stage("Learning the codes of what Tandem has learnt"):
        quantiser = ProductQuantiser(settings.head_levels, settings.codebook, rotated=False, seed=settings.seed)
        codes = learnt_codes(tandem, quantiser)
        seed_everything(settings.seed)
        tandem.recode(codes, settings.head, objective=objective(space, settings, scale=1.0 / settings.head.temperature))
    by_codes = CodeRetriever(tandem)
    trained("Tandem, code head", HeadTraining(tandem), settings.head_training, judged=by_codes)
    candidates = {weight: TandemRetriever(tandem, width=settings.candidates, weight=weight) for weight in CODE_WEIGHTS}
    few = valid.sample(settings.weight_users, settings.seed)
    scores = {weight: ndcg(model, few) for weight, model in candidates.items()}
    weight = max(scores, key=lambda one: scores[one])
    note(f"Tandem: code weight {weight} chosen on validation from {', '.join(f'{key}: {value:.4f}' for key, value in scores.items())}")
    content = ContentNeighbours(space.vectors["text"])
    goods = Goods(space.catalog, vectors=space.vectors["text"], events=space.events)
    merged = ReleaseSettings(dataset=dataset.name).generators
    named: dict[str, Retriever] = {"tandem": candidates[weight], "ease": linear, "content": content}
    with stage("Fitting a ranker of what generators name"):
        served = Composed(named, merged, goods, None)
        served.ranker = ranker = chosen(served.lists(few.histories, exclude=few.histories), few, goods, merged)
    costs["Tandem, dense head"] = costs["Tandem"]
    both = runs["Tandem"].seconds + runs["Tandem, code head"].seconds
    costs["Tandem"] = costs["Tandem, code head"] = replace(costs["Tandem, code head"], train_seconds=both)
    return Trained(
        models={"popularity": popularity, "item-knn": knn, "ease": linear, "content": content, "sasrec": sasrec, "tandem": tandem},
        shown={
            "Tandem": candidates[weight],
            "Tandem, dense head": tandem,
            "Tandem, code head": by_codes,
            "SASRec": sasrec,
            "EASE": linear,
            "Item-kNN": knn,
            "Content": content,
            "Popularity": popularity,
            "The served list": cast(Retriever, served),  # to be measured, not to be saved
        },
        costs=costs,
        runs=runs,
        code_weight=weight,
        head_quantiser=quantiser,
        ranker=ranker,
    )


def measure(dataset: Dataset, split: Split, space: ItemSpace, trained: Trained, settings: JobSettings) -> Report:
    """Rank the whole catalogue for every test user with every model, under both rules for seen items."""
    with stage(f"Evaluating on {len(split.test.histories):,} users"):
        evaluations = [
            evaluate(model, split.test, name=name, seen=seen, ks=settings.ks)
            for seen in (Seen.REMOVED, Seen.KEPT)
            for name, model in trained.shown.items()
        ]
        return build_report(
            evaluations,
            split,
            dataset=dataset.summary(),
            costs=trained.costs,
            vectors=space.vectors["text"],
            curves={
                name: [(entry["epoch"], entry["metric"]) for entry in run.log if "metric" in entry] for name, run in trained.runs.items()
            },
            seeds=(settings.seed,),
        )


def timeless(report: Report) -> Report:
    """The report without what it cost to train and to rank, which is another number each time."""
    nothing = cast(float, None)  # shown as a dash; the type is that of reports that were just made
    rows = [replace(row, cost=Cost(), rank_seconds=nothing, users_per_second=nothing) for row in report.rows]
    machine = {name: value for name, value in report.machine.items() if name != "load"}
    notes = [one for one in report.notes if not one.startswith("The machine was busy")]  # which is of times only
    return replace(report, rows=rows, machine=machine, notes=notes)


def objective(space: ItemSpace, settings: JobSettings, *, scale: float = 1.0, ranked: np.ndarray | None = None) -> Objective:
    """The full softmax for catalogues that allow it, else sampled.

    Args:
        ranked: bool[N + 1], the items that a model's loss ranks (see ``Tandem.ranked``), if not all.
    """
    if len(space.catalog) <= FULL_SOFTMAX_ITEMS:
        return FullSoftmax(scale=scale)
    events = space.events if ranked is None or not ranked.any() else np.concatenate([space.events[:1], space.events[ranked]])
    return SampledSoftmax(events, negatives=settings.negatives, scale=scale)


def ndcg(model: Retriever, targets: Targets) -> float:
    """Mean NDCG@10 with seen items removed: the metric that early stopping and choices go by."""
    return evaluate(model, targets, name="validation", seen=Seen.REMOVED, ks=(10,)).mean("ndcg@10")


def best_on(targets: Targets, models: Iterable[Retriever]) -> Retriever:
    """The model with the highest validation NDCG@10."""
    return max(models, key=lambda model: ndcg(model, targets))
