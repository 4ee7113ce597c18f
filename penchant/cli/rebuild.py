"""``penchant rebuild``: the offline layer, from the log of a running service to the next release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from penchant.cli.options import DataArgument, EncoderName, EncoderOption, SeedOption
from penchant.cli.release import DEFAULT_SHELF, ShelfOption
from penchant.cli.serving import KafkaOption, KafkaSettingOption, RedisOption, StateOption, brokers
from penchant.core.errors import InputError
from penchant.core.progress import stage
from penchant.data.sources import load
from penchant.pipeline.job import for_dataset
from penchant.pipeline.rules.terms import Moment
from penchant.pipeline.shelf import Shelf
from penchant.serve.backends import opened
from penchant.serve.choices import Choices
from penchant.serve.rebuild import DAYS, rebuild

console = Console()


def rebuild_release(
    data: DataArgument = "ml-100k",
    shelf: ShelfOption = DEFAULT_SHELF,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    days: Annotated[int, typer.Option("--days", min=1, help="That are read.")] = DAYS,
    until: Annotated[
        str | None, typer.Option("--until", help="End of these days, ISO 8601, UTC if it says nothing else. Default: the newest event.")
    ] = None,
    encoder: EncoderOption = EncoderName.minilm,
    seed: SeedOption = 0,
) -> None:
    """Make a release of the last days of data and event log and put it on the shelf. It is served once it is promoted.

    A killed run goes on where it was; over the same events it finds that the release is there already.

    Examples: `penchant rebuild my-shop --shelf runs/my-shop/shelf` · `penchant rebuild my-shop --until 2026-11-22T00:00 --days 90`
    """
    end = None if until is None else _seconds(until)
    with stage(f"Loading {data}"):
        base = load(data)
    place = Shelf(shelf)
    with opened(state or shelf.parent / "state", redis=redis, kafka=brokers(kafka, kafka_option)) as (log, store):
        built = rebuild(
            base,
            log,
            place,
            shelf / ".work",
            choices=Choices(store),
            encoder=encoder.make,
            days=days,
            until=end,
            settings=lambda dataset: for_dataset(dataset, seed=seed),
        )
    first, last = (datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds") for time in (built.window.since, built.window.until))
    console.print(f"{built.name}: {built.events:,} events from {first} to {last}{'' if built.new else ', made before'}")
    console.print(f"Next: penchant release promote {built.name} --shelf {shelf}")


def _seconds(told: str) -> int:
    try:
        return TypeAdapter(Moment).validate_python(told)
    except ValidationError as error:
        raise InputError(f"--until {told}", "it is no time in ISO 8601", "pass one such as 2026-11-22 or 2026-11-22T06:00") from error
