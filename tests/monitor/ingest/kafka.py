"""Kafka's own mock brokers, reached over the loopback."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer


@contextmanager
def brokers(count: int = 1) -> Iterator[str]:
    """Run brokers for as long as a producer lives; yield where they listen."""
    producer = Producer({"test.mock.num.brokers": count, "log_level": 0})
    found = producer.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{one.host}:{one.port}" for one in found)
    producer.flush(5)
    del producer


def produced(
    place: str, topic: str, values: Iterable[bytes | None], **settings: Any
) -> None:
    """Write messages to a topic, and wait until the brokers have them."""
    producer = Producer({"bootstrap.servers": place, **settings})
    for number, value in enumerate(values):
        producer.produce(topic, value=value, partition=number % 2)
        producer.poll(0)
    assert producer.flush(30) == 0
