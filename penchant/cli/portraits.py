"""``penchant portraits``: what events say of a user, in words, numbers and evidence."""

from __future__ import annotations

import json
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli.options import ReleaseOption
from penchant.cli.serving import DEFAULT_RELEASE
from penchant.pipeline.release import load_release
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits

app = typer.Typer(no_args_is_help=True, help="What events say of a user.")
console = Console()
_LAYERS = {"short": "lately", "long": "all along", "potential": "may come to like", "rare": "seldom, but again", "due": "due again"}
_SHOWN = 8  # interests of a layer


@app.callback()
def portraits() -> None:
    """What events say of a user."""


@app.command()
def show(
    user: Annotated[str, typer.Argument(help="A user of the release.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show the portrait of a user: interests of three layers, what is rare, what is due again, and the events behind each.

    No language model takes part, and nothing is kept. Example: `penchant portraits show 42 --release runs/ml-100k/release`
    """
    loaded = load_release(release)
    row = loaded.users.code(user, "user_id") - 1
    made = Portraits.fit(loaded.histories, CategoryTree.of(loaded.space.catalog))
    portrait = made.of(loaded.histories.take(np.array([row])))
    if as_json:
        told = {
            "user_id": user,
            "release": loaded.id,
            "prose": portrait.prose(),
            **portrait.plain(loaded.space.catalog.items.ids.to_list()),
        }
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    console.print(portrait.prose(), markup=False, highlight=False)
    titles = loaded.space.catalog.titles()
    table = Table("", "interest", "weight", "because of")
    for layer, words in _LAYERS.items():
        for place, one in enumerate(getattr(portrait, layer)[:_SHOWN]):
            weight = f"{one.chance:.0%}, {one.days:.0f} days" if layer == "due" else f"{one.weight:.1%}"
            because = escape(", ".join(titles[item - 1] for item in one.evidence))
            table.add_row("" if place else words, escape(" / ".join(one.path)), weight, because)
        if getattr(portrait, layer):
            table.add_section()
    console.print(table)
