from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse

from penchant.claims import measured as measuring
from penchant.claims import records, tuning
from penchant.claims.claim import Arm, Budget, Claim
from penchant.claims.discover import recipe
from penchant.claims.measured import Measured, Task, measured, parameters
from penchant.claims.runner import run
from penchant.claims.tuning import Tuned, settings_of
from penchant.claims.world import World, Worlds
from penchant.core.errors import ArtifactError, InputError
from penchant.data.histories import Histories
from penchant.evaluate.protocol import Seen
from penchant.models.blend import Blend
from penchant.models.retrieval.ials import ALSSettings, ImplicitALS
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.popularity import Popularity
from tests.claims.conftest import SMALL


def test_a_run_judges_and_writes_what_it_found(claim: Claim, worlds: Worlds, tmp_path: Path) -> None:
    record = run(
        claim, recipe("sasrec"), worlds, out=tmp_path / "records", store=tmp_path / "arms", command="penchant claims run planted-order"
    )
    assert record == records.read(tmp_path / "records" / "planted-order.json")
    assert record["verdict"] == "held"
    wide, narrow = record["arms"]
    assert wide["metrics"]["ndcg@10"] > narrow["metrics"]["ndcg@10"]
    assert record["difference"] == pytest.approx(wide["metrics"]["ndcg@10"] - narrow["metrics"]["ndcg@10"], abs=1e-6)
    assert record["interval"][0] < record["difference"] < record["interval"][1]
    assert len(wide["seeds"]["ndcg@10"]) == 2
    assert np.mean(wide["seeds"]["ndcg@10"]) == pytest.approx(wide["metrics"]["ndcg@10"], abs=1e-6)
    assert wide["steps"] == narrow["steps"] == 30
    assert wide["parameters"] > narrow["parameters"] > 0
    assert min(wide["seconds"], wide["peak_mb"]) > 0
    assert wide["curves"][0]["model"][-1]["metric"] > 0
    assert records.stale(record, [claim]) == ""


def test_arms_are_trained_once_and_shared(claim: Claim, worlds: Worlds, tmp_path: Path) -> None:
    trained: list[str] = []

    def counted(task: Task, store: Path | None) -> Measured:
        if not (tmp_path / task.key).exists():
            trained.append(task.key)
        return measured(task, tmp_path)

    run(claim, recipe("sasrec"), worlds, out=tmp_path / "r", run_task=counted)
    assert len(trained) == 4
    other = replace(claim, name="the-other-way", subject=claim.rivals[0], rivals=[claim.subject])
    run(other, recipe("sasrec"), worlds, out=tmp_path / "r", run_task=counted)
    assert len(trained) == 4
    run(replace(claim, seeds=(0, 1, 2)), recipe("sasrec"), worlds, out=tmp_path / "r", run_task=counted)
    assert len(trained) == 6


def task(world: World, **change) -> Task:
    return replace(Task(recipe("sasrec"), SMALL, world, Budget(steps=30), 0, Seen.REMOVED), **change)


def test_the_key_follows_all_that_decides_the_numbers(world: World) -> None:
    base = task(world).key
    assert task(world).key == base
    changed = [
        task(world, seed=1),
        task(world, budget=Budget(steps=31)),
        task(world, settings={**SMALL, "width": 17}),
        task(world, seen=Seen.KEPT),
        task(world, recipe=replace(recipe("sasrec"), module="penchant.recipes.sequence")),
    ]
    assert len({one.key for one in changed} | {base}) == len(changed) + 1


def test_a_run_that_is_killed_goes_on_and_ends_the_same(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = task(world, settings={**SMALL, "dropout": 0.2})
    whole = measured(job, tmp_path / "whole")
    step = measuring.evaluate

    def killed(*args, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "evaluate", killed)  # after training, before anything is kept
    with pytest.raises(KeyboardInterrupt):
        measured(job, tmp_path / "torn")
    assert not (tmp_path / "torn" / job.key).exists()
    assert (tmp_path / "torn" / "work" / job.key).exists()
    monkeypatch.setattr(measuring, "evaluate", step)
    again = measured(job, tmp_path / "torn")
    assert again.lists.tolist() == whole.lists.tolist()
    assert again.steps == whole.steps
    assert not (tmp_path / "torn" / "work" / job.key).exists()


def test_two_that_want_the_same_arm_at_once_train_it_once(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, step, runs = task(world), measuring.evaluate, []

    def noted(*args, **named):
        runs.append(job.key)
        return step(*args, **named)

    monkeypatch.setattr(measuring, "evaluate", noted)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: measured(job, tmp_path), range(2))
    assert one.lists.tolist() == other.lists.tolist()
    assert runs == [job.key]


def test_a_broken_cache_is_trained_again(world: World, tmp_path: Path) -> None:
    first = measured(task(world), tmp_path)
    (tmp_path / task(world).key / "measured.json").write_text("{}")
    assert measured(task(world), tmp_path).lists.tolist() == first.lists.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "no-such-data"}, "neither a path nor a data set"),
        ({"subject": Arm("x", "no-such-recipe")}, "there is none of that name"),
        ({"subject": Arm("x", "sasrec", {"depth": 1})}, "no such argument"),
        ({"metric": "recall@50", "shown": ()}, "has 40 items"),
    ],
)
def test_what_does_not_exist_is_refused_before_training(claim: Claim, worlds: Worlds, tmp_path: Path, change: dict, message: str) -> None:
    def never(task: Task, store: Path | None) -> Measured:
        return measured(task, tmp_path)

    with pytest.raises(InputError, match=message):
        run(
            replace(claim, **{"seeds": (0,), "budget": Budget(steps=1), **change}),
            recipe("sasrec"),
            worlds,
            out=tmp_path / "r",
            run_task=never,
        )
    assert not (tmp_path / "r").exists()


def test_arms_that_took_other_steps_are_refused(claim: Claim, worlds: Worlds, tmp_path: Path) -> None:
    def short(task: Task, store: Path | None) -> Measured:
        found = measured(replace(task, budget=Budget(steps=5)), tmp_path)
        return replace(found, steps=5 if task.settings["width"] == 1 else 30)

    with pytest.raises(InputError, match=r"arm 'narrow' took \[5\] steps: all arms have the same budget"):
        run(claim, recipe("sasrec"), worlds, out=tmp_path / "r", run_task=short)


def tuned(trials: int, fixed: dict | None = None, **chosen: float) -> Tuned:
    return Tuned(fixed or {}, chosen, trials, 0.2, 0.1, {}, None)


def test_tuned_settings_are_used_by_all_arms_or_by_none(claim: Claim, world: World, tmp_path: Path) -> None:
    bare = replace(claim, subject=Arm("wide", "sasrec", {"width": 32}), rivals=[Arm("narrow", "sasrec", {"width": 1})])
    assert settings_of(bare, "toy", tmp_path) == ({"wide": {"width": 32}, "narrow": {"width": 1}}, 0)
    tuning.store(tuned(6, dropout=0.11), "sasrec", "toy", tmp_path)
    settings, trials = settings_of(bare, "toy", tmp_path)
    assert trials == 6
    assert settings == {"wide": {"width": 32, "dropout": 0.11}, "narrow": {"width": 1, "dropout": 0.11}}


def test_a_budget_of_trials_asks_for_studies_of_equal_length(claim: Claim, tmp_path: Path) -> None:
    arms = {"subject": Arm("wide", "sasrec", {"width": 32}), "rivals": [Arm("narrow", "sasrec", {"width": 1})]}
    bare = replace(claim, budget=Budget(trials=6), **arms)
    tuning.store(tuned(6, {"width": 32}, dropout=0.1), "sasrec", "toy", tmp_path)
    with pytest.raises(InputError, match=r"arm 'narrow' with 0 tuning trials on toy: .*; run penchant claims tune planted-order"):
        settings_of(bare, "toy", tmp_path)
    tuning.store(tuned(4, {"width": 1}, dropout=0.2), "sasrec", "toy", tmp_path)
    with pytest.raises(InputError, match=r"arm 'narrow' with 4 tuning trials"):
        settings_of(bare, "toy", tmp_path)
    tuning.store(tuned(6, {"width": 1}, dropout=0.3), "sasrec", "toy", tmp_path)
    assert settings_of(bare, "toy", tmp_path)[0] == {"wide": {"dropout": 0.1, "width": 32}, "narrow": {"dropout": 0.3, "width": 1}}


def test_records_are_whole_or_absent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nan"):
        records.write(tmp_path, {"claim": "x", "value": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"claim": "x"})])
def test_a_broken_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"x\.json"):
        records.read_all(tmp_path)


def test_a_record_goes_stale_with_its_claim_or_its_code(claim: Claim, worlds: Worlds, tmp_path: Path) -> None:
    quick = replace(claim, budget=Budget(steps=2), seeds=(0,))
    record = run(quick, recipe("sasrec"), worlds, out=tmp_path, store=tmp_path / "arms")
    assert records.stale(record, [quick]) == ""
    assert records.stale(record, []) == "no recipe makes this claim any more"
    assert records.stale(record, [replace(quick, margin=0.5)]) == "the claim was changed since"
    assert records.stale(record, [replace(quick, says="In other words.")]) == ""
    assert records.stale({**record, "dataset": "tuned"}, [quick]) == ""
    record["arms"][0]["settings"]["width"] = 99
    assert records.stale(record, [quick]) == "other settings were tuned since"
    record["arms"][0]["code"] = "0"
    assert records.stale(record, [quick]) == "the code of sasrec was changed since"
    record["arms"][0]["recipe"] = "gone"
    assert records.stale(record, [quick]) == "recipe gone is gone"


def test_parameters_are_what_was_learnt() -> None:
    network = torch.nn.Linear(3, 4)
    factors = ImplicitALS(np.zeros((6, 8), np.float32), ALSSettings(factors=8))
    nearest = LinearItemModel(sparse.csr_matrix(np.eye(5, dtype=np.float32)), np.arange(1, 6, dtype=np.int32), 5)
    assert parameters(network) == 16
    assert parameters(factors) == 48
    assert parameters(nearest) == 5
    assert parameters(Popularity.fit(Histories.of([[1, 2]]), 5)) == 6  # a count an item, and one of padding
    assert parameters(Blend([nearest, nearest], [1.0, 2.0])) == 10
    assert parameters(SimpleNamespace(model=network, num_items=3)) == 16, "a way to read another's scores"
