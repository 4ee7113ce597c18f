"""How one gets in to brokers, and what a topic of theirs keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, ResourceType  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic
from typer.testing import CliRunner

from penchant.cli import serving
from penchant.cli.main import app
from penchant.core.errors import InputError, StorageError
from penchant.serve.backends import opened
from penchant.serve.brokers import OWN, Brokers, without_secrets
from penchant.serve.events import REBUILT_DAYS
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.rebuild import DAYS
from penchant.serve.topics import found_or_made
from penchant.users.decay import DAY
from tests.servers import kafka_broker

SECRET = "correct horse"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with kafka_broker() as port:
        yield f"127.0.0.1:{port}"


def test_options_are_read_as_they_are_typed() -> None:
    told = Brokers.told("b:9092", ["security.protocol=SASL_SSL", f"sasl.password={SECRET}=", "client.id="], replicas=3)
    assert told.options == {"security.protocol": "SASL_SSL", "sasl.password": f"{SECRET}=", "client.id": ""}
    assert (told.replicas, told.partitions) == (3, 8)
    assert SECRET not in f"{told} {told!r}"


@pytest.mark.parametrize("option", [f"sasl.password {SECRET}", f"={SECRET}", ""])
def test_what_is_no_option_is_refused_untold(option: str) -> None:
    with pytest.raises(InputError, match="an option is KEY=VALUE") as refused:
        Brokers.told("b:9092", [option])
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("key", sorted(OWN))
def test_what_the_log_depends_on_stays_its_own(key: str) -> None:
    with pytest.raises(InputError, match=f"option {key}: the event log depends on it"):
        Brokers.told("b:9092", [f"{key}=0"])


@pytest.mark.parametrize("wrong", [{"partitions": 0}, {"replicas": 0}])
def test_a_topic_has_partitions_and_replicas(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="=0: a"):
        Brokers("b:9092", **wrong)


@pytest.mark.parametrize("options", [{"no.such.thing": "1"}, {"security.protocol": "pigeon"}, {"ssl.ca.location": "/nowhere"}])
def test_options_that_cannot_be_used_are_told_without_secrets(options: dict[str, str], tmp_path: Path) -> None:
    told = Brokers("127.0.0.1:1", options={"security.protocol": "SSL", "ssl.key.password": SECRET, **options})
    with pytest.raises(InputError, match="the options of Kafka") as refused, opened(tmp_path, redis="redis://127.0.0.1:1/0", kafka=told):
        raise AssertionError("it is not opened")
    assert SECRET not in str(refused.value)


def test_what_librdkafka_says_is_shown_without_secrets() -> None:
    assert without_secrets(f"bad {SECRET} of me", {"sasl.password": SECRET, "sasl.username": "me", "client.id": "bad"}) == "bad *** of ***"


def test_with_tls_it_does_not_talk_to_who_has_none(broker: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the broker did not do what was asked"):
        KafkaEventLog(broker, topic="tls", options={"security.protocol": "SSL"}, wait_seconds=1.0)


def settings_of(broker: str, topic: str) -> dict[str, str]:
    asked = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": broker})
    (told,) = admin.describe_configs([asked]).values()
    return {name: entry.value for name, entry in told.result(5).items()}


def test_a_topic_that_is_made_keeps_everything(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with caplog.at_level(logging.WARNING):
            KafkaEventLog(broker, topic="kept", partitions=2).close()
    found = settings_of(broker, "kept")
    assert (found["retention.ms"], found["retention.bytes"], found["cleanup.policy"]) == ("-1", "-1", "delete")
    assert caplog.messages == []


def test_a_topic_that_keeps_too_little_is_left_as_it_is_and_told_once(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic("short", 3, 1, config={"retention.ms": str(7 * DAY * 1000)})])["short"].result(5)
    with caplog.at_level(logging.WARNING):
        log = KafkaEventLog(broker, topic="short", partitions=8)
    assert set(log.begin()) == {0, 1, 2}
    log.close()
    (told,) = caplog.messages
    assert "'short' keeps events for 7 days, and a release is made of 180" in told
    assert settings_of(broker, "short")["retention.ms"] == str(7 * DAY * 1000)


class Admin:
    """A broker's settings, as a stub tells them; or that it cannot."""

    def __init__(self, told: dict[str, str] | Exception) -> None:
        self.told = told
        self.made: list[NewTopic] = []

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        return type("Metadata", (), {"topics": {"events": type("Topic", (), {"partitions": {0: None}})()}})

    def describe_configs(self, asked: list[ConfigResource], request_timeout: float) -> dict[ConfigResource, Future]:
        future: Future = Future()
        if isinstance(self.told, Exception):
            future.set_exception(self.told)
        else:
            future.set_result({name: ConfigEntry(name, value) for name, value in self.told.items()})
        return {asked[0]: future}


@pytest.mark.parametrize(
    ("told", "warnings"),
    [
        (KafkaException(KafkaError(KafkaError.UNSUPPORTED_VERSION)), 0),
        (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), 0),
        (TimeoutError(), 0),
        ({}, 0),
        ({"retention.ms": "for a while"}, 0),
        ({"retention.ms": "-1"}, 0),
        ({"retention.ms": str(DAYS * DAY * 1000)}, 0),
        ({"retention.ms": str(DAYS * DAY * 1000 - 1)}, 1),
        ({"retention.ms": "-1", "cleanup.policy": "compact"}, 1),
    ],
)
def test_a_broker_that_cannot_tell_is_not_asked_twice(told: Any, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert found_or_made(Admin(told), "events", partitions=8, replicas=1, wait_seconds=1.0) == 1  # type: ignore[arg-type]
    assert len(caplog.messages) == warnings


def test_three_replicas_are_two_before_anything_is_acknowledged() -> None:
    class Empty(Admin):
        def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
            return super().list_topics() if self.made else type("Metadata", (), {"topics": {}})

        def create_topics(self, topics: list[NewTopic]) -> dict[str, Future]:
            self.made += topics
            future: Future = Future()
            future.set_result(None)
            return {topics[0].topic: future}

    for replicas, least in ((1, None), (2, None), (3, "2")):
        admin = Empty({})
        found_or_made(admin, "events", partitions=4, replicas=replicas, wait_seconds=1.0)  # type: ignore[arg-type]
        (made,) = admin.made
        assert (made.num_partitions, made.replication_factor) == (4, replicas)
        assert (made.config or {}).get("min.insync.replicas") == least


def test_the_window_is_that_of_rebuilding() -> None:
    assert REBUILT_DAYS == DAYS


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_command_line_passes_them_on(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Brokers] = []
    for name in ("serve", "work"):
        monkeypatch.setattr(serving, name, lambda *_, kafka, **more: given.append(kafka))
    typed = ["--kafka-option", "security.protocol=SSL", "--kafka-option", "ssl.ca.location=/etc/a b.pem"]
    numbers = ["--kafka-replicas", "3", "--kafka-partitions", "16"]
    run = CliRunner().invoke
    told = run(app, [command, "--kafka", "b:9092", "--redis", "redis://r", *typed, *numbers], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    monkeypatch.setenv("PENCHANT_KAFKA_OPTIONS", "security.protocol=SASL_SSL sasl.password=hush")
    assert run(app, [command, "--kafka", "b:9092", "--redis", "redis://r"], catch_exceptions=False).exit_code == 0
    assert given == [
        Brokers("b:9092", 16, 3, {"security.protocol": "SSL", "ssl.ca.location": "/etc/a b.pem"}),
        Brokers("b:9092", options={"security.protocol": "SASL_SSL", "sasl.password": "hush"}),
    ]
    with pytest.raises(InputError, match="pass --kafka, too"):
        run(app, [command], catch_exceptions=False)
