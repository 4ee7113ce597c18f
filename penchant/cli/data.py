"""``penchant data``: fetch, check and describe data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penchant.cli.options import DataArgument
from penchant.core.errors import InputError
from penchant.data.lint import lint as find_leaks
from penchant.data.sources import from_csv, load
from penchant.data.sources.loaded import Loaded
from penchant.data.splits import Split, global_temporal, leave_one_out

app = typer.Typer(no_args_is_help=True)
console = Console()


@app.command()
def show(data: DataArgument = "ml-100k") -> None:
    """Load and validate a data set, and say what is in it.

    Refused rows are listed by reason. Example: `penchant data show ml-100k`
    """
    loaded = load(data)
    summarise(loaded)


@app.command("import")
def import_csv(
    events: Annotated[Path, typer.Argument(help="CSV of events.")],
    out: Annotated[Path, typer.Argument(help="Folder for the two Parquet tables.")],
    items: Annotated[
        Path | None, typer.Option("--items", help="CSV of items; without it the catalogue is the items that occur in events.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", "-c", help="NAME=COLUMN, once for each column whose name differs, e.g. -c user_id=customer"),
    ] = None,
) -> None:
    """Turn CSV files into the two tables Penchant reads.

    Example: `penchant data import orders.csv my-shop --items products.csv -c user_id=customer -c item_id=sku -c timestamp=ordered_at`

    Then: `penchant demo --data my-shop`
    """
    pairs = [pair.split("=", 1) for pair in column or []]
    for pair in pairs:
        if len(pair) != 2:
            raise InputError(f"--column {pair[0]}", "a mapping has the form NAME=COLUMN", "write for example -c user_id=customer")
    loaded = from_csv(events, items, columns=dict(pairs))
    summarise(loaded)
    out.mkdir(parents=True, exist_ok=True)
    loaded.validated.events.write_parquet(out / "events.parquet")
    loaded.validated.items.write_parquet(out / "items.parquet")
    if loaded.validated.refused.height:
        console.print(f"Refused rows and their reasons: {loaded.validated.write_quarantine(out)}")
    console.print(f"Wrote {out / 'events.parquet'} and {out / 'items.parquet'}.")


@app.command()
def lint(
    data: DataArgument = "ml-100k",
    temporal: Annotated[bool, typer.Option("--temporal", help="Split by one point in time instead of leave-one-out.")] = False,
) -> None:
    """Look for leaks before they become results.

    Exit code 1 if an error-level finding is among them. Example: `penchant data lint ml-100k`
    """
    dataset = load(data).dataset
    split: Split = global_temporal(dataset) if temporal else leave_one_out(dataset)
    findings = find_leaks(dataset, split)
    if not findings:
        console.print("No leaks found.")
    for finding in findings:
        console.print(f"{finding.severity} {finding.code}: {finding.message}", highlight=False, markup=False)
        if finding.example:
            console.print(f"  for example {finding.example}", highlight=False, markup=False)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def summarise(loaded: Loaded) -> None:
    """Print counts and refused rows."""
    for name, value in loaded.dataset.summary().items():
        console.print(
            f"{name:>18}  {value:,.6g}"
            if isinstance(value, float)
            else f"{name:>18}  {value:,}"
            if isinstance(value, int) and not isinstance(value, bool)
            else f"{name:>18}  {value}",
            highlight=False,
        )
    console.print(str(loaded.validated.summary), highlight=False, markup=False)
