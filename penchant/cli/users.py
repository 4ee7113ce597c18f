"""``penchant user``: all that is kept of one, and forgetting them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from penchant.cli.options import ReleaseOption
from penchant.cli.people import people_of
from penchant.cli.serving import DEFAULT_RELEASE, KafkaOption, KafkaSettingOption, RedisOption, StateOption, brokers
from penchant.core.errors import StorageError, require
from penchant.pipeline.shelf import FOLDER, Shelf
from penchant.pipeline.without_users import without_users
from penchant.serve.backends import SERVED_NAME
from penchant.serve.brokers import Brokers
from penchant.serve.erasure import Eraser
from penchant.serve.holders import holders_of
from penchant.serve.sqlite_served import SqliteServedLog

app = typer.Typer(no_args_is_help=True, help="A user's data: export it, or forget the user.")
UserArgument = Annotated[str, typer.Argument(help="The user's id.")]


@app.command()
def export(
    user: UserArgument,
    release: ReleaseOption = DEFAULT_RELEASE,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
) -> None:
    """Print all that is kept of a user, as JSON.

    Example: `penchant user export 42 --release runs/ml-100k/release`
    """
    with _eraser(release, state, redis, brokers(kafka, kafka_option)) as eraser:
        typer.echo(json.dumps(eraser.export(user), indent=1, ensure_ascii=False))


@app.command()
def forget(
    user: UserArgument,
    release: ReleaseOption = DEFAULT_RELEASE,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    also: Annotated[list[Path] | None, typer.Option("--also", help="Another release, or shelf, to take the user's rows out of.")] = None,
) -> None:
    """Delete a user's data while servers run, take their rows out of release folders, and print the receipt.

    Example: `penchant user forget 42 --release runs/ml-100k/release --also runs/ml-100k/release-before`
    """
    with _eraser(release, state, redis, brokers(kafka, kafka_option)) as eraser:
        receipt = eraser.forget(user)
    rows = {str(folder): without_users(folder, [user]) for place in (release, *(also or ())) for folder in _folders(place)}
    typer.echo(
        json.dumps({**asdict(receipt), "kept": [line for line in receipt.kept if "release" not in line], "rewritten": rows}, indent=1)
    )
    require(receipt.clean, f"receipt {receipt.receipt}", "something was found after the erasure", "run it again", StorageError)


def _folders(place: Path) -> list[Path]:
    """A release, or all that lie on a shelf; damaged ones too, as these hold rows as well."""
    if not Shelf.at(place):
        return [place]
    shelf = Shelf(place)
    return [*(one.path for one in shelf.releases()), *(shelf.folder / FOLDER / name for name in shelf.damaged())]


@contextmanager
def _eraser(release: Path, state: Path | None, redis: str | None, kafka: Brokers | None) -> Iterator[Eraser]:
    with people_of(release, state, redis, kafka) as people, closing(SqliteServedLog(people.folder / SERVED_NAME)) as served:
        log, store, choices = people.log, people.store, people.choices
        yield Eraser(log, store, choices, holders_of(log, store, choices, people.state, served))
