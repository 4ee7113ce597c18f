"""Which brokers keep the event log, how a topic is made there, and how one gets in: TLS and passwords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penchant.core.errors import require

#: Settings of librdkafka that the log chooses itself: with others it would lose, double or reorder events.
OWN = frozenset(
    {
        "acks",
        "auto.commit.interval.ms",
        "auto.offset.reset",
        "bootstrap.servers",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "enable.partition.eof",
        "fetch.wait.max.ms",
        "group.id",
        "group.instance.id",
        "linger.ms",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.send.max.retries",
        "message.timeout.ms",
        "metadata.broker.list",
        "partitioner",
        "queue.buffering.max.ms",
        "request.required.acks",
        "retries",
        "transactional.id",
    }
)
_SECRET = ("password", "secret", "pem", "username", "oauthbearer")  # in the names of settings whose values nobody may read


@dataclass(frozen=True)
class Brokers:
    """Brokers that speak Kafka's protocol.

    Attributes:
        servers: Their addresses, such as ``"localhost:9092"``, separated by commas.
        partitions: Of a topic that is made.
        replicas: Brokers that keep each partition of a topic that is made.
        options: Further settings of librdkafka, such as ``security.protocol``; they are not shown, as passwords may be among them.

    Raises:
        InputError: A number is too small, or an option is one that the log chooses itself.
    """

    servers: str
    partitions: int = 8
    replicas: int = 1
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        require(self.partitions >= 1, f"partitions={self.partitions}", "a topic has at least one", "pass partitions>=1")
        require(self.replicas >= 1, f"replicas={self.replicas}", "a broker keeps each partition", "pass replicas>=1")
        refused = sorted(set(self.options) & OWN)
        require(not refused, f"option {', '.join(refused)}", "the event log depends on it and chooses it itself", "leave it out")

    @classmethod
    def told(cls, servers: str, options: Sequence[str] = (), *, partitions: int = 8, replicas: int = 1) -> Brokers:
        """From options as they are typed.

        Args:
            servers: See above.
            options: Each is ``KEY=VALUE``.
            partitions: See above.
            replicas: See above.

        Raises:
            InputError: As above, or an option is not ``KEY=VALUE``; its value is not told.
        """
        found: dict[str, str] = {}
        for place, option in enumerate(options, start=1):
            key, equals, value = option.partition("=")
            require(
                bool(key.strip() and equals), f"Kafka option {place}", "an option is KEY=VALUE", "pass one such as security.protocol=SSL"
            )
            found[key.strip()] = value
        return cls(servers, partitions, replicas, found)


def without_secrets(text: str, options: Mapping[str, str]) -> str:
    """A text of librdkafka without the values of options that may be secret.

    Args:
        text: What it said.
        options: By name.
    """
    for key, value in options.items():
        if value and any(word in key for word in _SECRET):
            text = text.replace(value, "***")
    return text
