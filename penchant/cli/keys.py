"""``penchant keys``: who may ask a server for what."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from penchant.core.errors import InputError, require
from penchant.serve.keys import SCOPES, KeyFile, Scope
from penchant.users.decay import DAY

app = typer.Typer(no_args_is_help=True, help="API keys of a server: add, list, rotate, revoke. The server follows the file.")
console = Console()
FileOption = Annotated[Path, typer.Option("--keys", help="The key file, as given to penchant serve --keys.")]
DaysOption = Annotated[float | None, typer.Option("--days", min=0, help="Days after which the key ends. Default: never.")]
DEFAULT = Path("keys.json")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is: letters, digits, '.', '_' and '-'.")],
    scope: Annotated[list[str], typer.Option("--scope", help=f"Repeat for several: {', '.join(SCOPES)}.")],
    keys: FileOption = DEFAULT,
    days: DaysOption = None,
) -> None:
    """Make a key and show it, once.

    Example: `penchant keys add shop --scope read --scope events`
    """
    _show(KeyFile(keys).add(name, [_scope(one) for one in scope], seconds=None if days is None else days * DAY))


@app.command("list")
def list_keys(keys: FileOption = DEFAULT) -> None:
    """Show all keys, without their secrets."""
    table = Table("id", "name", "scopes", "made", "ends", "valid")
    for key in KeyFile(keys).read():
        table.add_row(key.id, key.name, ", ".join(key.scopes), _day(key.made), _day(key.ends), "yes" if key.valid(time.time()) else "no")
    console.print(table)


@app.command()
def revoke(which: Annotated[str, typer.Argument(help="A name (all its keys) or the id of one key.")], keys: FileOption = DEFAULT) -> None:
    """End keys now; a running server refuses them within a second."""
    console.print(f"Revoked: {KeyFile(keys).revoke(which)}")


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Whose keys.")],
    keys: FileOption = DEFAULT,
    grace_hours: Annotated[float, typer.Option("--grace-hours", min=0, help="Hours for which the older keys still work.")] = 24.0,
    days: DaysOption = None,
) -> None:
    """Make a new key of the same scopes and let the older ones end."""
    _show(KeyFile(keys).rotate(name, grace_seconds=grace_hours * 3600, seconds=None if days is None else days * DAY))


def _scope(name: str) -> Scope:
    found = next((scope for scope in SCOPES if scope == name), None)
    require(found is not None, f"scope={name!r}", "there is no such scope", f"pass one of {', '.join(SCOPES)}", InputError)
    return found  # type: ignore[return-value]


def _show(secret: str) -> None:
    typer.echo(secret)
    Console(stderr=True).print("Keep it now: it is not stored and cannot be shown again.")


def _day(seconds: int | None) -> str:
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
