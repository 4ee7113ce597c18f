from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from penchant.core.errors import InputError, StorageError
from penchant.core.machine import Machine
from penchant.data.splits import Split
from penchant.evaluate.build import build_report
from penchant.evaluate.protocol import Evaluation, Seen, evaluate
from penchant.evaluate.report import Report
from penchant.evaluate.results import Cost
from penchant.evaluate.significance import Resampling, Verdict
from tests.evaluate.toys import good, popular, small_split

QUICK = Resampling(resamples=200, flips=500)
DATASET = {"name": "toys", "users": 60, "items": 40, "density": 0.125, "timed": False}
MACHINE = Machine("A processor", 2, 2, 8.0, "Linux", "3.11", {"torch": "2.13"}, (2.5, 1.0, 0.5), "abc1234")


@pytest.fixture(scope="module")
def split() -> Split:
    return small_split()


@pytest.fixture(scope="module")
def evaluations(split: Split) -> list[Evaluation]:
    models = {"Tandem": good(split, 0.45, 1), "EASE": good(split, 0.2, 2), "Twin": good(split, 0.45, 3), "Popularity": popular(split)}
    return [evaluate(model, split.test, name=name, seen=seen) for seen in (Seen.KEPT, Seen.REMOVED) for name, model in models.items()]


@pytest.fixture(scope="module")
def report(split: Split, evaluations: list[Evaluation]) -> Report:
    return build_report(
        evaluations,
        split,
        dataset=DATASET,
        costs={"Tandem": Cost(train_seconds=12.5, parameters=1000)},
        vectors=np.random.default_rng(0).normal(size=(41, 8)),
        curves={"Tandem": [(1, 0.1), (2, 0.3), (3, 0.2)]},
        machine=MACHINE,
        seeds=(7,),
        notes=("A word.",),
        how=QUICK,
    )


def test_every_model_stands_under_both_rules_with_the_model_under_test_first(report: Report) -> None:
    assert [(row.model, row.seen) for row in report.rows] == [
        (model, seen) for seen in Seen for model in ("Tandem", "EASE", "Twin", "Popularity")
    ]
    assert report.title == "Tandem on toys"


def test_numbers_are_those_of_the_evaluations(report: Report, evaluations: list[Evaluation]) -> None:
    for row in report.rows:
        one = next(one for one in evaluations if (one.model, one.seen) == (row.model, row.seen))
        assert row.metrics.keys() == one.metrics.keys()
        for name, value in row.metrics.items():
            assert value.mean == pytest.approx(one.mean(name), abs=1e-6)
            assert value.low <= value.mean <= value.high
        assert set(row.beyond) == {"coverage@10", "gini@10", "novelty@10", "tail_share@10", "intra_list_distance@10"}
        for group in ("target popularity", "history length"):  # slices of a group together hold all rows
            parts = [part for part in report.slices if (part.model, part.seen, part.group) == (row.model, row.seen, group)]
            assert sum(part.users for part in parts) == 60
            whole = sum(part.users * part.metrics["ndcg@10"].mean for part in parts) / 60
            assert whole == pytest.approx(row.metrics["ndcg@10"].mean, abs=1e-6)


def test_it_says_in_plain_words_what_is_not_beaten(report: Report) -> None:
    outcome = {(one.against, one.seen): one.verdict for one in report.comparisons if one.metric == "ndcg@10"}
    assert {outcome["EASE", seen] for seen in Seen} == {Verdict.WORSE}
    assert {outcome["Twin", seen] for seen in Seen} == {Verdict.SAME}
    assert {outcome["Popularity", seen] for seen in Seen} == {Verdict.BETTER}
    assert report.verdicts[0] == "On NDCG@10, Tandem beats 1 of 3 with seen items removed and 1 of 3 with seen items kept."
    assert report.verdicts[1].startswith(
        "Tandem does not beat EASE on NDCG@10 with seen items removed: it is worse, difference \N{MINUS SIGN}0."
    )
    assert "cannot be told from chance" in report.verdicts[3]
    assert report.verdicts[-1].startswith("Tandem beats Popularity on NDCG@10 with seen items kept: difference +0.")
    assert len(report.verdicts) == 7
    assert all(one.adjusted_p >= one.p for one in report.comparisons)


def test_protocol_and_notes_state_the_rules(report: Report) -> None:
    for words in (
        "ranks all 40 items for each of 60 users",
        "fixed pseudo-random order",
        "counts as a miss",
        "200 resamples",
        "all 12 comparisons",
    ):
        assert words in report.protocol
    assert report.notes[0] == "A word."
    assert "The catalogue has 40 items: cut-offs 50 are given at 40." in report.notes
    assert "Not in this report: Item-kNN, SASRec. Nothing here says that Tandem beats them." in report.notes
    assert any("no times" in note for note in report.notes)
    assert report.notes[-1] == "The machine was busy (2.5 processes wanted its 2 cores): all times are too long."
    page = report.to_markdown()
    assert "**Machine.** cpu A processor, cores 2, threads 2, memory_gb 8, system Linux" in page
    assert "packages torch 2.13, load 2.5 / 1 / 0.5" in page
    assert "**Code.** abc1234" in page


def test_json_has_the_names_that_the_console_reads(report: Report) -> None:
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert {"title", "dataset", "protocol", "rows", "slices", "verdicts", "figures"} <= values.keys()
    row = values["rows"][0]
    assert (row["model"], row["seen"]) == ("Tandem", "removed")
    assert set(row["metrics"]["ndcg@10"]) == {"mean", "low", "high"}
    assert row["cost"]["train_seconds"] == 12.5
    assert row["cost"]["peak_mb"] is None
    assert row["cost"]["users_per_second"] > 0
    assert "coverage@10" in row["beyond"]
    assert {"group", "name", "rule", "users", "model", "seen", "metrics"} == set(values["slices"][0])
    assert [drawn["name"] for drawn in values["figures"]] == ["accuracy.svg", "slices.svg", "coverage.svg", "training.svg"]
    assert all(set(drawn) == {"name", "caption", "alt"} for drawn in values["figures"])


def test_same_evaluations_same_report(report: Report, split: Split, evaluations: list[Evaluation]) -> None:
    again = build_report(evaluations, split, dataset=DATASET, how=QUICK)
    assert [row.metrics for row in again.rows] == [row.metrics for row in report.rows]
    assert again.figures[0].content == report.figures[0].content
    assert list(again.verdicts) == list(report.verdicts)


def test_written_files_hold_it_all(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "out")
    report.write(tmp_path / "out")  # a second time replaces
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report.to_json()))
    page = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert page.startswith("# Tandem on toys\n")
    assert all(sentence in page for sentence in (*report.verdicts, *report.notes, report.protocol, report.split))
    for drawn in report.figures:
        assert f"](figures/{drawn.name})" in page
        assert (tmp_path / "out/figures" / drawn.name).read_bytes() == drawn.content


def test_a_refused_write_is_a_storage_error(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="free some space"):
        report.write(tmp_path)


def test_the_terminal_shows_one_table_with_intervals_in_80_columns(report: Report) -> None:
    console = Console(width=80, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(report.to_rich())
    text = capture.get()
    best = next(row for row in report.rows if row.model == "Tandem" and row.seen is Seen.REMOVED).metrics["ndcg@10"]
    line = next(line for line in text.splitlines() if line.strip().startswith("Tandem") and "removed" in line)
    assert f"{best.mean:.4f} [{best.low:.4f}, {best.high:.4f}]" in line
    assert text.index("Accuracy") < text.index("does not beat EASE") < text.index("Beyond accuracy")


def test_one_model_alone_claims_nothing(split: Split, evaluations: list[Evaluation]) -> None:
    alone = build_report(evaluations[:1], split, dataset=DATASET, how=QUICK)
    assert alone.comparisons == []
    assert alone.verdicts == ["Tandem was compared with no other model, so nothing can be said of what it beats."]
    assert "Holm" not in alone.protocol
    assert "## Accuracy" in alone.to_markdown()


def test_evaluations_that_do_not_belong_together_are_refused(split: Split, evaluations: list[Evaluation]) -> None:
    def built(chosen: list[Evaluation]) -> Report:
        return build_report(chosen, split, dataset=DATASET, how=QUICK)

    with pytest.raises(InputError, match="0 evaluations"):
        built([])
    with pytest.raises(InputError, match="there once"):
        built([evaluations[0], evaluations[0]])
    with pytest.raises(InputError, match="under every rule"):
        built([evaluations[0], evaluations[5]])
    with pytest.raises(InputError, match="same ks"):
        built([evaluations[0], replace(evaluations[1], ks=(5,))])
    with pytest.raises(InputError, match="the targets have 60"):
        built([replace(evaluations[0], lists=evaluations[0].lists[:9])])


def test_a_tiny_catalogue_uses_the_cut_off_it_has() -> None:
    split = small_split(users=12, items=6)
    tiny = [evaluate(good(split, 0.3, 1), split.test, name="Tandem"), evaluate(popular(split), split.test, name="Popularity")]
    assert build_report(tiny, split, dataset=DATASET, how=QUICK).metric == "ndcg@6"
