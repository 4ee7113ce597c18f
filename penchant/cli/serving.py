"""``penchant recommend``, ``search`` and ``serve``: a release at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from penchant.cli.options import ReleaseOption
from penchant.core.errors import InputError, require
from penchant.data.histories import Histories
from penchant.pipeline.release import Release, load_release
from penchant.search.hybrid import HybridSearch
from penchant.serve.brokers import Brokers
from penchant.serve.server import serve
from penchant.serve.service import ServeSettings
from penchant.serve.work import work

DEFAULT_RELEASE = Path("runs/ml-100k/release")
StateOption = Annotated[Path | None, typer.Option("--state", help="Folder of the event log. Default: beside the release.")]
RedisOption = Annotated[
    str | None, typer.Option("--redis", envvar="PENCHANT_REDIS", help="Keep users' state there, e.g. redis://localhost:6379/0.")
]
KafkaOption = Annotated[
    str | None, typer.Option("--kafka", envvar="PENCHANT_KAFKA", help="Keep the event log on these brokers, e.g. localhost:9092.")
]
KafkaSettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kafka-option",
        envvar="PENCHANT_KAFKA_OPTIONS",
        metavar="KEY=VALUE",
        help="A setting of librdkafka for these brokers, e.g. security.protocol=SASL_SSL; repeat for several. "
        "The variable holds them separated by spaces, so that a password does not show in the list of processes.",
        show_default=False,
    ),
]
KafkaReplicasOption = Annotated[
    int,
    typer.Option(
        "--kafka-replicas", envvar="PENCHANT_KAFKA_REPLICAS", min=1, help="Brokers that keep each partition of a topic that is made."
    ),
]
KafkaPartitionsOption = Annotated[
    int, typer.Option("--kafka-partitions", envvar="PENCHANT_KAFKA_PARTITIONS", min=1, help="Of a topic that is made.")
]
TracesOption = Annotated[
    str | None,
    typer.Option("--traces", envvar="PENCHANT_TRACES", help="Send OpenTelemetry traces to this collector, e.g. http://localhost:4318."),
]
AdaptOption = Annotated[
    bool, typer.Option("--adapt/--no-adapt", help="Learn a small change to all users' vectors from events as they come, and use it.")
]
console = Console()


def recommend(
    release: ReleaseOption = DEFAULT_RELEASE,
    user: Annotated[str | None, typer.Option("--user", help="A user of the training data.")] = None,
    event: Annotated[list[str] | None, typer.Option("--event", "-e", help="An item id; repeat for a whole history, oldest first.")] = None,
    k: Annotated[int, typer.Option("-k", help="Length of the list.")] = 10,
    model: Annotated[str | None, typer.Option("--model", help="One model by name; default: all generators merged.")] = None,
) -> None:
    """Recommend for a known user, or for any history typed in.

    Examples: `penchant recommend --user 42` · `penchant recommend -e 50 -e 172 -e 181 --model tandem-codes`
    """
    if user is not None and event:
        raise InputError("--user together with --event", "a history comes from one place", "pass one of the two")
    loaded = load_release(release)
    recommender = loaded.recommender()
    if user is not None:
        found = recommender.recommend(history=_history(loaded, user), k=k, model=model)
    else:
        found = recommender.recommend(event or [], k=k, model=model)
    table = Table("", "item", "title", "sources", "why")
    titles = loaded.space.catalog.titles()
    for place, one in enumerate(found.suggestions, start=1):
        table.add_row(str(place), one.item_id, titles[one.item - 1], ", ".join(one.sources), one.reason.text)
    console.print(table)
    if found.missing:
        console.print(f"Without: {', '.join(found.missing)}")


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    k: Annotated[int, typer.Option("-k", help="Length of the list.")] = 10,
) -> None:
    """Search a release's catalogue by words and by meaning.

    Example: `penchant search "space adventure with robots"`
    """
    loaded = load_release(release)
    found = HybridSearch(loaded.space, loaded.encoder).search(query, k)
    table = Table("", "item", "title", "found by")
    titles, ids = loaded.space.catalog.titles(), loaded.space.catalog.items.decode(found.items)
    for place, (item, item_id, matched) in enumerate(zip(found.items, ids, found.matched, strict=True), start=1):
        table.add_row(str(place), item_id, titles[int(item) - 1], ", ".join(matched))
    console.print(table)


def serve_release(
    release: ReleaseOption = DEFAULT_RELEASE,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; beyond loopback, pass --keys and put a proxy with TLS in front.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 picks a free one.")] = 8000,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    kafka_replicas: KafkaReplicasOption = 1,
    kafka_partitions: KafkaPartitionsOption = 8,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Run a near-line worker in the server, too.")] = True,
    dear_cores: Annotated[
        float | None,
        typer.Option("--dear-cores", min=0, help="Of lists with a deadline: cores for generation and reasons. Default: 0.3 of all."),
    ] = None,
    apart: Annotated[
        bool | None,
        typer.Option(
            "--apart/--no-apart", help="Run networks and the worker in processes of their own. Default: where the catalogue is large."
        ),
    ] = None,
    adapt: AdaptOption = False,
    deadline_ms: Annotated[float, typer.Option("--deadline-ms", min=0, help="That a list may take; 0: as long as it takes.")] = 0.0,
    most_running: Annotated[int, typer.Option("--most-running", min=1, help="Requests under way; more are refused with 503.")] = 128,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Requests that one model call answers, at most.")] = 32,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="File of rules, followed whenever it changes. Default: the release's.")
    ] = None,
    keys: Annotated[Path | None, typer.Option("--keys", help="Ask for API keys: the file that penchant keys makes.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0, help="Requests a second of a key, or of an address; 0: no limit.")] = 0.0,
    burst: Annotated[int, typer.Option("--burst", min=0, help="Requests at once; 0: twice the rate.")] = 0,
    access_log: Annotated[
        str | None, typer.Option("--access-log", help="Write a JSON line a request to this file, - for the standard output.")
    ] = None,
    most_lag: Annotated[int | None, typer.Option("--most-lag", min=0, help="Events behind the log from which /v1/ready says no.")] = None,
    seconds: Annotated[float, typer.Option("--time-limit", min=0.001, help="Seconds that a request may take.")] = 60.0,
    traces: TracesOption = None,
) -> None:
    """Serve a release: the page at /, the API under /v1.

    Examples: `penchant serve --release runs/ml-100k/release` ·
    `penchant serve --redis redis://localhost:6379/0 --kafka localhost:9092 --no-follow`
    """
    settings = ServeSettings(
        deadline_ms=deadline_ms or None,
        dear_cores=dear_cores,
        apart=apart,
        adapt=adapt,
        most_running=most_running,
        batch=batch,
        rules=rules,
        keys=keys,
        rate=rate or None,
        burst=burst or None,
        seconds=seconds,
        access_log=access_log,
        most_lag=most_lag,
        traces=traces,
    )
    where = state or release.parent / "state"
    log = brokers(kafka, kafka_option, partitions=kafka_partitions, replicas=kafka_replicas)
    serve(release, host=host, port=port, data_dir=where, redis=redis, kafka=log, follow=follow, settings=settings)


def worker(
    release: ReleaseOption = DEFAULT_RELEASE,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    kafka_replicas: KafkaReplicasOption = 1,
    kafka_partitions: KafkaPartitionsOption = 8,
    partition: Annotated[list[int] | None, typer.Option("--partition", help="Follow this one; repeat for several. Default: all.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Make everything anew from the beginning of the log; end other workers first.")
    ] = False,
    adapt: AdaptOption = False,
    traces: TracesOption = None,
) -> None:
    """Follow the event log and keep users' state, trends and what goes together up to date.

    Example: `penchant worker --redis redis://localhost:6379/0 --kafka localhost:9092 --partition 0 --partition 1`
    """
    where = state or release.parent / "state"
    log = brokers(kafka, kafka_option, partitions=kafka_partitions, replicas=kafka_replicas)
    work(release, data_dir=where, redis=redis, kafka=log, partitions=partition, replay=replay, adapts=adapt, traces=traces)


def brokers(kafka: str | None, options: list[str] | None, *, partitions: int = 8, replicas: int = 1) -> Brokers | None:
    """The brokers of the options; None where the log is a file.

    Args:
        kafka: Of ``--kafka``.
        options: Of ``--kafka-option``.
        partitions: Of ``--kafka-partitions``.
        replicas: Of ``--kafka-replicas``.

    Raises:
        InputError: An option is no good, or there are options but no brokers.
    """
    if kafka is None:
        require(not options, "--kafka-option", "it is for the brokers of --kafka", "pass --kafka, too")
        return None
    return Brokers.told(kafka, options or [], partitions=partitions, replicas=replicas)


def start(release: Path, *, state: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted."""
    serve(release, host=host, port=port, data_dir=state)


def _history(release: Release, user: str) -> Histories:
    return release.histories.take(np.array([release.users.code(user, "user_id") - 1]))
