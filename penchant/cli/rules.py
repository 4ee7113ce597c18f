"""``penchant rules``: a file of rules before it goes live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penchant.core.assets import fetch
from penchant.core.errors import InputError, PenchantError
from penchant.core.progress import stage
from penchant.core.storage import replace_text
from penchant.pipeline.campaigns import journey_campaigns
from penchant.pipeline.release import load_release
from penchant.pipeline.rules.file import Refused, check_rules, written
from penchant.pipeline.rules_file import RulesFile, content

app = typer.Typer(no_args_is_help=True)
console = Console(soft_wrap=True, markup=False, highlight=False)


@app.callback()
def root() -> None:
    """What lists may look like."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="File of rules (YAML).")],
    release: Annotated[Path | None, typer.Option("--release", help="Check them against the catalogue of this release, too.")] = None,
) -> None:
    """Say whether a file of rules may go live: every problem with its line, and the version. Ends with 1 if it may not.

    Example: `penchant rules check rules.yaml --release runs/my-shop/release`
    """
    problems: list[PenchantError] = []
    try:
        check_rules(content(file))
    except Refused as refused:
        problems += [problem.error(file.name) for problem in refused.problems]
    if not problems:
        read = RulesFile.read(file)
        if release is not None:
            with stage(f"Loading {release}"):
                goods = load_release(release).recommender().goods
            try:
                read.policy(goods)
            except InputError as error:
                problems.append(error)
            for line, name in read.unknown(goods):
                console.print(f"{file.name}, line {line}: {name}: the catalogue has no such name; it means nothing at present")
        if not problems:
            console.print(f"{len(read.rules.rules)} rules, version {read.rules.version}")
    for problem in problems:
        console.print(str(problem))
    if problems:
        raise typer.Exit(1)


@app.command()
def campaigns(
    out: Annotated[Path, typer.Option("--out", help="The file to be written.")],
    folder: Annotated[Path | None, typer.Option("--folder", help="Unpacked Complete Journey. Default: fetched once.")] = None,
    strength: Annotated[float, typer.Option("--strength", help="Factor on the scores of promoted products.")] = 3.0,
) -> None:
    """Write the 27 campaigns of the Complete Journey as rules: products, households and dates.

    Example: `penchant rules campaigns --out campaigns.yaml`
    """
    rules = journey_campaigns(folder or fetch("complete-journey"), strength=strength)
    replace_text(out, written(rules))
    console.print(f"{len(rules.rules)} rules, version {rules.version}: {out}")
