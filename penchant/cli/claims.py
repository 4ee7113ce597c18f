"""``penchant claims list|run|show|tune`` and ``penchant atlas``: run what published systems say of themselves."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from penchant.claims import records
from penchant.claims.atlas import write_atlas
from penchant.claims.claim import Budget, Claim
from penchant.claims.discover import Recipe, claim, claims, recipe, recipes
from penchant.claims.runner import asking
from penchant.claims.runner import fast as made_fast
from penchant.claims.runner import run as run_claim
from penchant.claims.runner import tune as tune_claim
from penchant.claims.tuning import store as store_tuned
from penchant.claims.tuning import tune as tune_recipe
from penchant.claims.world import Worlds
from penchant.core.errors import InputError, require
from penchant.core.progress import note

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
console = Console() if sys.stdout.isatty() else Console(width=160)

#: Where the records are that come with the source tree.
RECORDS = Path("docs/atlas/records")
#: Where records of other data, other seeds or small settings go: they are not the project's.
OWN = Path("runs/claims")

NamesArgument = Annotated[list[str] | None, typer.Argument(help="Claims, or recipes whose claims are meant.", show_default=False)]
AllOption = Annotated[bool, typer.Option("--all", help="Every claim of every recipe.")]
RecordsOption = Annotated[Path, typer.Option("--records", help="Folder of records.")]
COLOURS = {"held": "green", "not held": "red", "undecided": "yellow"}


@app.command("list")
def list_claims(where: RecordsOption = RECORDS) -> None:
    """Every claim, with its record if there is one."""
    known = records.read_all(where)
    table = Table("Recipe", "Claim", "Says", "Data", "Record", title=f"{len(claims())} claims of {len(recipes())} recipes")
    for name, (owner, one) in claims().items():
        table.add_row(owner.name, name, one.says, one.dataset, state(known.get(name), one))
    console.print(table)


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A claim.")], where: RecordsOption = RECORDS) -> None:
    """What a claim compares, and what came out."""
    owner, one = claim(name)
    console.print(f"[bold]{name}[/]: {one.says}")
    console.print(f"{owner.paper.system}, {owner.paper.source}, {owner.paper.link}. {one.note}")
    console.print(
        f"{one.metric} on {one.dataset}, {one.split}, seen items {one.seen}, users: {one.slice}; {one.budget}; seeds {list(one.seeds)}"
    )
    for arm in one.arms:
        console.print(f"  {one.role(arm):8} {arm.name}: {arm.recipe} {dict(arm.settings) or ''}")
    known = records.read_all(where)
    if name in known:
        show_record(known[name], one)
    else:
        console.print(f"Not run yet: penchant claims run {name}")


@app.command("run")
def run(
    names: NamesArgument = None,
    everything: AllOption = False,
    small: Annotated[bool, typer.Option("--fast", help="One seed and 100 steps on ml-100k: shows that all runs, decides nothing.")] = False,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Run on other data: a name or a folder with events and items.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many seeds, from 0.")] = None,
    where: Annotated[Path | None, typer.Option("--records", help="Folder of records.", show_default=False)] = None,
    again: Annotated[bool, typer.Option("--again", help="Also where the record is up to date.")] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Ask another language model: a folder, or a server and a name, as in http://localhost:8000/v1#NAME."),
    ] = None,
) -> None:
    """Train the arms of claims, compare them and write the records.

    Arms that were trained before with the same code, data and settings are read from the cache; a killed run goes on.
    Examples: `penchant claims run sasrec` · `penchant claims run --all --fast` · `penchant claims run --all --dataset my-shop`
    """
    chosen = named(names, everything)
    if where is None:  # the project's records are those of its own data, seeds and budgets, and lie in a source tree
        kinds = {"fast": small, Path(dataset or "").name: dataset, "seeds": seeds, "model": model}
        ours = RECORDS.is_dir() and not any(kinds.values())
        where = RECORDS if ours else OWN / next((kind for kind, given in kinds.items() if given), "records")
    known, worlds, began = records.read_all(where), Worlds(), time.monotonic()
    table = Table("Claim", "Verdict", "Difference", "95% interval", "Took")
    for place, (owner, one) in enumerate(chosen, 1):
        one = made_fast(one) if small else one
        one = replace(one, dataset=dataset) if dataset else one
        one = replace(one, seeds=tuple(range(seeds))) if seeds else one
        one = asking(one, model) if model else one
        note(f"Claim {place} of {len(chosen)}: {one.name}")
        started = time.monotonic()
        record = known.get(one.name)
        if record is None or again or records.stale(record, [one]):
            record = run_claim(one, owner, worlds, out=where, command=typed(one.name, small, dataset, seeds, model))
        table.add_row(one.name, coloured(record["verdict"]), *gap(record), f"{time.monotonic() - started:.0f} s")
    console.print(table)
    console.print(f"{len(chosen)} claims in {time.monotonic() - began:.0f} s. Records: {where}")


@app.command("tune")
def tune(
    names: Annotated[list[str], typer.Argument(help="Claims whose arms, or recipes that, are to be tuned.")],
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Settings tried an arm; by default what the claim's budget says.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Tune on other data than the claim's.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Of training a trial of a recipe; by default until it stalls.")
    ] = None,
) -> None:
    """Choose settings on validation, the same number of trials for every arm, and keep them as the data set's defaults.

    Examples: `penchant claims tune lightgcn-beats-bpr` · `penchant claims tune ease --dataset ml-100k --trials 8`
    """
    worlds = Worlds()
    for name in names:
        if name in claims():
            one = claims()[name][1]
            tune_claim(replace(one, dataset=dataset) if dataset else one, worlds, trials=trials)
            continue
        found = recipe(name)
        if dataset is None or trials is None:
            raise InputError(f"recipe={name!r}", "a recipe is tuned on a data set, by a number of trials", "pass --dataset and --trials")
        world = worlds.open(dataset, "leave-one-out")
        console.print(
            store_tuned(tune_recipe(found, world, trials=trials, budget=Budget(steps=steps) if steps else None), name, world.dataset.name)
        )


def atlas(
    where: RecordsOption = RECORDS,
    out: Annotated[Path, typer.Option("--out", help="Folder of pages.")] = Path("docs/atlas"),
) -> None:
    """Make the atlas: a page a system and one table of all claims, from the records alone."""
    pages = write_atlas(records.read_all(where), out)
    console.print(f"{pages} pages: {out / 'index.md'}")


def named(names: Sequence[str] | None, everything: bool) -> list[tuple[Recipe, Claim]]:
    """The claims meant by names of claims and of recipes."""
    require(bool(names) != everything, f"names={names or []}", "say which claims", "name claims or recipes, or pass --all")
    if everything:
        return list(claims().values())
    chosen: dict[str, tuple[Recipe, Claim]] = {}
    for name in names or []:
        if name in claims():
            chosen[name] = claim(name)
        elif name in recipes():
            own = {one.name: (recipe(name), one) for one in recipe(name).claims}
            require(bool(own), f"recipe={name!r}", "it makes no claim", f"use one of: {', '.join(claims())}")
            chosen |= own
        else:
            raise InputError(f"name={name!r}", "there is no such claim or recipe", f"use one of: {', '.join([*claims(), *recipes()])}")
    return list(chosen.values())


def typed(name: str, small: bool, dataset: str | None, seeds: int | None, model: str | None) -> str:
    """The command that makes a record again."""
    given = {"dataset": dataset, "seeds": seeds, "model": model}
    options = [*(f"--{option} {value}" for option, value in given.items() if value), "--fast" if small else ""]
    return " ".join(["penchant claims run", name, *filter(None, options)])


def state(record: dict[str, Any] | None, one: Claim) -> str:
    """A verdict as a coloured word; stale records say so."""
    if record is None:
        return "not run"
    return coloured(record["verdict"]) + (" (stale)" if records.stale(record, [one]) else "")


def coloured(verdict: str) -> str:
    """The verdict in its colour."""
    return f"[{COLOURS[verdict]}]{verdict}[/]"


def gap(record: dict[str, Any]) -> tuple[str, str]:
    """Difference and interval for a table."""
    low, high = record["interval"]
    return f"{record['difference']:+.4f}", f"{low:+.4f} to {high:+.4f}"


def show_record(record: dict[str, Any], one: Claim) -> None:
    """A record as tables."""
    difference, interval = gap(record)
    console.print(
        f"{state(record, one)}: {difference} ({interval}) {record['metric']}, commit {record['commit']}, {record['users']:,} users"
    )
    if reason := records.stale(record, [one]):
        console.print(f"[yellow]Stale[/]: {reason}. Run it again: penchant claims run {record['claim']}")
    shown = list(record["arms"][0]["metrics"])
    table = Table("Arm", "Role", *shown, "Steps", "Seconds", "Memory MB", "Parameters")
    for arm in record["arms"]:
        values = [f"{arm['metrics'][name]:.4f} ({arm['intervals'][name][0]:.4f}-{arm['intervals'][name][1]:.4f})" for name in shown]
        cost = [f"{arm['steps']:,}", f"{arm['seconds']:.0f}", f"{arm['peak_mb']:,.0f}", f"{arm['parameters']:,}"]
        table.add_row(arm["name"], arm["role"], *values, *cost)
    console.print(table)
