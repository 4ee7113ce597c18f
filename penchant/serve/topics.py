"""The topic of the event log: made so that it keeps everything, and looked at where somebody else has made it."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from penchant.serve.events import REBUILT_DAYS
from penchant.users.decay import DAY

_FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_LOOKED = 2.0  # seconds that a broker has to tell of a topic's settings: not all can
_log = logging.getLogger("penchant.serve")


def found_or_made(admin: AdminClient, topic: str, *, partitions: int, replicas: int, wait_seconds: float) -> int:
    """The number of partitions of a topic, which is made if it is not there: then it keeps its events for good.

    A topic that is there is not changed. If it keeps less than a release is made of, the log says so.

    Args:
        admin: Of the brokers.
        topic: Its name.
        partitions: Of a topic that is made.
        replicas: Brokers that keep each of them. From three on, two must have an event before it is acknowledged.
        wait_seconds: How long the broker may take for an answer.

    Raises:
        KafkaException: The broker did not do what was asked.
    """
    topics = admin.list_topics(timeout=wait_seconds).topics
    if topic in topics:
        _look(admin, topic, min(wait_seconds, _LOOKED))
    else:
        settings = {**_FOREVER, **({"min.insync.replicas": "2"} if replicas >= 3 else {})}
        try:
            admin.create_topics([NewTopic(topic, partitions, replicas, config=settings)])[topic].result(wait_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
                raise
        topics = admin.list_topics(topic, timeout=wait_seconds).topics
    return len(topics[topic].partitions)


def _look(admin: AdminClient, topic: str, wait_seconds: float) -> None:
    asked = ConfigResource(ResourceType.TOPIC, topic)
    try:
        (told,) = admin.describe_configs([asked], request_timeout=wait_seconds).values()
        found = {name: entry.value for name, entry in told.result(wait_seconds).items()}
        kept_ms = int(found.get("retention.ms") or -1)
    except Exception:  # it is not every broker's to tell, nor everybody's to ask
        return
    remedy = "have its settings changed to cleanup.policy=delete and retention.ms=-1"
    if 0 <= kept_ms < REBUILT_DAYS * DAY * 1_000:
        days = kept_ms / DAY / 1_000
        _log.warning("topic %r keeps events for %.3g days, and a release is made of %d: %s", topic, days, REBUILT_DAYS, remedy)
    if "compact" in (found.get("cleanup.policy") or ""):
        _log.warning("topic %r is compacted, so that it keeps but the last event of each user: %s", topic, remedy)
