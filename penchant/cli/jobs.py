"""``penchant demo``, ``train`` and ``evaluate``: the main job, with and without its ends."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penchant.cli.options import DataArgument, EncoderName, EncoderOption, OutOption, SeedOption, out_folder
from penchant.cli.serving import start
from penchant.core.machine import peak_memory_mb
from penchant.core.progress import note, stage
from penchant.data.dataset import Dataset
from penchant.data.sources import load
from penchant.evaluate.report import Report
from penchant.pipeline.job import JobSettings, for_dataset, run
from penchant.pipeline.shelf import Shelf

console = Console() if sys.stdout.isatty() else Console(width=140)  # tables in a file need not fit a terminal


def demo(
    data: Annotated[str, typer.Option("--data", help="ml-100k, complete-journey, or a folder with your own events and items.")] = "ml-100k",
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the page when all is done.")] = True,
    port: Annotated[int, typer.Option("--port", help="Of the page; 0 picks a free one.")] = 8000,
    encoder: EncoderOption = EncoderName.minilm,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """From two tables to a served page: fetch, validate, encode, learn codes, train, evaluate, release, put on a shelf, serve.

    Examples: `penchant demo` · `penchant demo --no-serve` · `penchant demo --data my-shop`
    """
    started = time.monotonic()
    report, folder = job(data, encoder, out, seed)
    console.print(report.to_rich())
    console.print(
        f"\nDone in {time.monotonic() - started:.0f} s, at most {peak_memory_mb():,.0f} MB of memory. Release: {folder / 'release'}"
    )
    console.print(f"Report: {folder / 'release' / 'report' / 'report.md'}")
    shelf = Shelf(folder / "shelf")
    name = shelf.add(folder / "release")
    if shelf.live != name:
        shelf.promote(name, why="demo")
    if serve:
        start(shelf.folder, port=port, state=folder / "state")


def train(data: DataArgument = "ml-100k", encoder: EncoderOption = EncoderName.minilm, out: OutOption = None, seed: SeedOption = 0) -> None:
    """Train Tandem and the baselines and write a release, ready for `penchant serve`.

    A killed run goes on where it was. Example: `penchant train my-shop --out runs/my-shop`
    """
    _, folder = job(data, encoder, out, seed)
    console.print(f"Release: {folder / 'release'}")


def evaluate(
    data: DataArgument = "ml-100k", encoder: EncoderOption = EncoderName.minilm, out: OutOption = None, seed: SeedOption = 0
) -> None:
    """Train every model on the same split and print one table with intervals, and what Tandem does not beat.

    Settings are chosen on validation; the test set is looked at once. Example: `penchant evaluate amazon-beauty`
    """
    report, folder = job(data, encoder, out, seed)
    console.print(report.to_rich())
    console.print(f"Report: {folder / 'release' / 'report' / 'report.md'}")


def job(data: str, encoder: EncoderName, out: Path | None, seed: int) -> tuple[Report, Path]:
    """Load, run the main job, and clear its checkpoints once the release is there."""
    with stage(f"Loading {data}"):
        loaded = load(data)
    dataset = loaded.dataset
    note(str(loaded.validated.summary))
    settings = for_dataset(dataset, seed=seed)
    folder = out_folder(out, dataset.name)
    work = folder / "work" / fingerprint(dataset, settings, encoder)
    report = run(dataset, encoder.make(dataset.catalog), settings, work=work, release=folder / "release")
    for checkpoint in work.glob("*/checkpoint"):
        shutil.rmtree(checkpoint)
    return report, folder


def fingerprint(dataset: Dataset, settings: JobSettings, encoder: EncoderName) -> str:
    """Names the work folder, so that a run goes on only with the same data and settings."""
    told = json.dumps([dataset.fingerprint, settings.plain(), encoder.value], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
