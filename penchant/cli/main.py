"""The ``penchant`` command: one group a file, errors shown in one line."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from penchant import __version__
from penchant.cli import (
    claims,
    data,
    drill,
    enrich,
    experiments,
    explain,
    items,
    jobs,
    judge,
    keys,
    plan,
    portrait_thoughts,
    portraits,
    rebuild,
    release,
    replay,
    rules,
    serving,
    users,
)
from penchant.core.errors import PenchantError

app = typer.Typer(
    name="penchant",
    help="Recommendation and search from two tables: a catalogue and an event log.",
    epilog="Start with: penchant demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)
app.add_typer(data.app, name="data", help="Fetch, check and describe data sets.")
app.add_typer(items.app, name="items", help="Vectors and semantic IDs of a catalogue.")
app.add_typer(claims.app, name="claims", help="Run what published systems say of themselves.")
app.add_typer(experiments.app, name="experiment", help="Try something on a part of the users, and read what came of it.")
app.add_typer(release.app, name="release", help="Which release is served, and what may take its place.")
app.add_typer(rules.app, name="rules", help="What lists may look like.")
app.add_typer(keys.app, name="keys", help="API keys: add, list, rotate, revoke.")
portraits.app.command("think")(portrait_thoughts.think)
portraits.app.command("teach")(portrait_thoughts.teach)
app.add_typer(portraits.app, name="portraits", help="What events say of a user.")
app.add_typer(users.app, name="user", help="A user's data: export it, or forget the user.")
app.command("atlas")(claims.atlas)
app.command("replay")(replay.replay)
app.command("train")(jobs.train)
app.command("evaluate")(jobs.evaluate)
app.command("rebuild")(rebuild.rebuild_release)
app.command("plan")(plan.plan_service)
app.command("recommend")(serving.recommend)
app.command("search")(serving.search)
app.command("serve")(serving.serve_release)
app.command("worker")(serving.worker)
app.command("enrich")(enrich.enrich)
app.command("judge")(judge.judge)
app.command("explain")(explain.explain)
app.command("drill")(drill.run_drills)
app.command("demo")(jobs.demo)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit.")) -> None:
    """Recommendation and search from two tables: a catalogue and an event log."""


def main() -> None:
    """Run the command; an expected error ends it with one line and exit code 2, an interrupt with 130."""
    try:
        app()
    except PenchantError as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]Error[/] {type(error).__name__}: ", end="")
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted. What was finished is kept; run the same command again to go on.")
        sys.exit(130)


if __name__ == "__main__":
    main()
