"""``penchant release``: which release is served, what may take its place, and back again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from penchant.core.errors import InputError
from penchant.core.progress import stage
from penchant.pipeline.promotion import Bars, Check, examine
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf

app = typer.Typer(no_args_is_help=True)
console = Console()
ShelfOption = Annotated[Path, typer.Option("--shelf", help="Folder of the shelf.")]
NameArgument = Annotated[str, typer.Argument(help="Name of a release on the shelf, or the beginning of its name or id.")]
WhyOption = Annotated[str, typer.Option("--why", help="Kept with the move.")]
UsersOption = Annotated[int, typer.Option("--users", min=10, help="Users whose newest event is asked for, at most.")]
MarginOption = Annotated[float, typer.Option("--margin", min=0, max=1, help="Share of the live NDCG@10 that may be lost.")]
DEFAULT_SHELF = Path("runs/ml-100k/shelf")


@app.command()
def add(release: Annotated[Path, typer.Argument(help="Folder of a release.")], shelf: ShelfOption = DEFAULT_SHELF) -> None:
    """Put a release on a shelf. It is not served before it is promoted.

    Example: `penchant release add runs/my-shop/release --shelf runs/my-shop/shelf`
    """
    console.print(Shelf(shelf).add(release))


@app.command("list")
def list_releases(shelf: ShelfOption = DEFAULT_SHELF) -> None:
    """Every release on a shelf, the oldest first; the live one is marked.

    Example: `penchant release list --shelf runs/my-shop/shelf`
    """
    table = Table("", "release", "made (UTC)", "data", "Penchant")
    for one in Shelf(shelf).releases():
        mark = "live" if one.live else ""
        table.add_row(mark, one.name, one.manifest.created, str(one.manifest.settings["dataset"]), one.manifest.version)
    console.print(table)
    for error in Shelf(shelf).damaged().values():
        console.print(f"Damaged: {error}")


@app.command()
def show(name: NameArgument, shelf: ShelfOption = DEFAULT_SHELF) -> None:
    """What a release holds, how it was measured, and when it was live.

    Example: `penchant release show 20261122`
    """
    found, moves = Shelf(shelf).get(name), Shelf(shelf).moves()
    release = load_release(found.path)
    console.print(f"{found.name}{' (live)' if found.live else ''}, id {found.manifest.id}, made {found.manifest.created}")
    console.print(f"{found.path}")
    console.print(f"{release.settings.dataset}: {len(release.space.catalog):,} items, {len(release.users):,} users")
    if release.report is not None:
        table = Table("model", "metric", "value")
        for row in _reported(release.report):
            table.add_row(*row)
        console.print(table)
    for move in moves:
        if found.name in (move.before, move.after):
            console.print(f"{move.at}  {move.way}: {move.before or 'nothing'} -> {move.after}  {move.why}")


@app.command()
def check(name: NameArgument, shelf: ShelfOption = DEFAULT_SHELF, users: UsersOption = 500, margin: MarginOption = 0.05) -> None:
    """Ask a release and the live one for lists of the same people and compare: quality, coverage, time. Ends with 1 if it fails.

    Example: `penchant release check 20261122`
    """
    if not _passed(_checks(Shelf(shelf), name, Bars(users=users, margin=margin))):
        raise typer.Exit(1)


@app.command()
def promote(
    name: NameArgument,
    shelf: ShelfOption = DEFAULT_SHELF,
    why: WhyOption = "",
    users: UsersOption = 500,
    margin: MarginOption = 0.05,
    force: Annotated[bool, typer.Option("--force", help="Whatever the checks find; needs --why.")] = False,
) -> None:
    """Make a release live if it passes the checks against the one that is. Servers of the shelf change over by themselves.

    Examples: `penchant release promote 20261122` · `penchant release promote 2b1c --force --why "prices were wrong"`
    """
    if force and not why:
        raise InputError("--force without --why", "who reads the moves later must be able to tell why", "pass --why")
    place = Shelf(shelf)
    found = _checks(place, name, Bars(users=users, margin=margin))
    passed = _passed(found)
    if not passed and not force:
        console.print("Not promoted. Look at what failed, or pass --force --why ...")
        raise typer.Exit(1)
    checks: dict[str, Any] = {"passed": passed, "checks": [asdict(one) for one in found]}
    move = place.promote(name, why=why, checks=checks)
    console.print(f"Live since {move.at}: {move.after} (before: {move.before or 'nothing'})")


@app.command()
def rollback(shelf: ShelfOption = DEFAULT_SHELF, why: WhyOption = "") -> None:
    """Make the release live that was so before. No checks: it has been live.

    Example: `penchant release rollback --why "empty lists for new users"`
    """
    move = Shelf(shelf).rollback(why=why)
    console.print(f"Live since {move.at}: {move.after} (before: {move.before})")


@app.command()
def remove(name: NameArgument, shelf: ShelfOption = DEFAULT_SHELF) -> None:
    """Delete a release that is not live.

    Example: `penchant release remove 20250101`
    """
    Shelf(shelf).remove(name)


def _checks(shelf: Shelf, name: str, bars: Bars) -> list[Check]:
    found = shelf.get(name)
    with stage(f"Comparing {found.name} with what is live"):
        live = None if shelf.live is None else load_release(shelf.live_path())
        return examine(load_release(found.path), live, bars)


def _passed(checks: list[Check]) -> bool:
    table = Table("check", "", "found", "bar")
    for one in checks:
        table.add_row(one.name, "passed" if one.passed else "failed", one.found, one.bar)
    console.print(table)
    return all(one.passed for one in checks)


def _reported(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """NDCG@10 of every model, with seen items removed, as the report has it."""
    rows = [row for row in report["rows"] if row.get("seen") == "removed"]
    return [
        (str(row["model"]), "NDCG@10", f"{row['metrics']['ndcg@10']['mean']:.4f}") for row in rows if "ndcg@10" in row.get("metrics", {})
    ]
