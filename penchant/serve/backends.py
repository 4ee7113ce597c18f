"""Where events and state are kept: files of this machine, or servers that any number of processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from penchant.core.errors import InputError, require
from penchant.serve.brokers import Brokers
from penchant.serve.events import EventLog
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore

LOG_NAME, STATE_NAME, SERVED_NAME = "events.sqlite", "state.sqlite", "served.sqlite"


@contextmanager
def opened(data_dir: Path, *, redis: str | None = None, kafka: str | Brokers | None = None) -> Iterator[tuple[EventLog, StateStore]]:
    """A log and a store, closed afterwards.

    Args:
        data_dir: Of the files; not used where both are servers.
        redis: URL of the server that keeps the state, such as ``redis://localhost:6379/0``.
        kafka: Brokers that keep the log; or their addresses alone, such as ``localhost:9092``, separated by commas.

    Raises:
        InputError: Several processes would share a broker's log but not what follows from it, or an option of the brokers is no good.
        StorageError: A server does not answer, or the disk refused.
        ArtifactError: A file is damaged.
    """
    require(
        kafka is None or redis is not None,
        f"kafka={kafka!r} without redis",
        "what follows from a shared log must be shared, too",
        "pass --redis",
    )
    with ExitStack() as stack:
        log = stack.enter_context(closing(SqliteEventLog(Path(data_dir) / LOG_NAME) if kafka is None else _kafka(kafka)))
        store = stack.enter_context(closing(SqliteStateStore(Path(data_dir) / STATE_NAME) if redis is None else _redis(redis)))
        yield log, store


def _kafka(told: str | Brokers) -> EventLog:
    brokers = Brokers(told) if isinstance(told, str) else told
    return KafkaEventLog(brokers.servers, partitions=brokers.partitions, replicas=brokers.replicas, options=brokers.options)


def _redis(url: str) -> StateStore:
    try:
        return RedisStateStore(url)
    except ValueError as error:  # of the client, about the form of the URL
        raise InputError(f"--redis {url.rsplit('@', 1)[-1]}", str(error), "pass a URL such as redis://localhost:6379/0") from error
