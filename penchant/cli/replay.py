"""``penchant replay``: a list that was served, made again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli.options import ReleaseOption
from penchant.cli.serving import DEFAULT_RELEASE, StateOption
from penchant.core.errors import StorageError, UnknownIdError, require
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.rules_file import RulesFile
from penchant.pipeline.shelf import Shelf
from penchant.serve.backends import SERVED_NAME
from penchant.serve.replays import replay as made_again
from penchant.serve.sqlite_served import SqliteServedLog

console = Console()


def replay(
    request_id: Annotated[str, typer.Argument(help="Of the answer, as it told.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    state: StateOption = None,
    against: Annotated[str | None, typer.Option("--against", help="Another release of the shelf, by name, or another folder.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="Other rules.")] = None,
) -> None:
    """Make a list again from what made it, whatever happened since; over another release or under other rules, with what differs and why.

    Ends with 1 if the list cannot be made again bit for bit.

    Example: `penchant replay 5d3da5e98b8b42469eaca03299a36519 --release runs/my-shop/shelf --against 20261123`
    """
    torch.set_num_threads(1)  # as the server's requests: sums in another order are rounded otherwise
    path = (state or release.parent / "state") / SERVED_NAME
    require(path.exists(), f"{path}", "there is no log of answers", "pass the server's --state")
    with closing(SqliteServedLog(path)) as log:
        served = log.get(request_id)
        if served is None:
            raise UnknownIdError(f"request_id={request_id!r}", "no such answer is kept", "pass one that the server gave in the last days")
        then = _release(release, served.release)
        other = None if against is None else _release(release, against)
        found = made_again(log, served, then, against=other, rules=None if rules is None else RulesFile.read(rules).rules)
    table = Table("place", "item", "score", "named by", "reason")
    for rank, one in enumerate(found.found.suggestions, start=1):
        table.add_row(str(rank), escape(one.item_id), f"{one.score:.6g}", ", ".join(one.sources), escape(one.reason.text))
    console.print(table)
    for name, what in found.generators.items():
        console.print(f"{name}: {what}")
    for shift in found.shifts:
        console.print(f"{shift.item_id}: {shift.before or '-'} to {shift.after or '-'}: {shift.why}", markup=False)
    if found.unknown:
        console.print(f"{found.unknown} events or hidden items of then are not in this catalogue")
    if other is None and rules is None:
        require(found.same, f"answer {request_id}", "the list made again differs", "look at the lines above", StorageError)
        console.print("The same, bit for bit")


def _release(place: Path, name: str) -> Release:
    """A release of a shelf, or one that lies by itself."""
    if Path(name).is_dir():
        return load_release(Path(name))
    return load_release(Shelf(place).get(name).path if Shelf.at(place) else place)
