"""Tables that are fed from Kafka: consumed, made durable, and only then acknowledged.

A consumer that dies between the two consumes the same messages again, and they land
once: a row is known by its id, or by the place of its message where it has none.
"""

import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from monitor.config import Config, Plugin, options_of
from monitor.errors import PluginError, SourceError
from monitor.ingest.declared import OFFSET, PARTITION, fed
from monitor.ingest.desk import Desk
from monitor.ingest.intake import Intake
from monitor.ingest.moments import since_1970
from monitor.ingest.refusal import Refusal
from monitor.ingest.rows import Read, Reject, Rejects, Why
from monitor.logs import logger
from monitor.sources.base import SOURCES
from monitor.sources.kafka import Format, KafkaSource, client_settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

log = logger(__name__)

MOST = 5_000
"""Messages that are made durable together."""
GATHERING = 0.2
"""Seconds that a first message waits for others."""
FIRST_WAIT, PATIENCE = 1.0, 30.0
"""Seconds before the next try, at first and at most, where something fails."""

_CONFLUENT = 5
"""Bytes before a record that was written with a registry: a zero, and a number."""

Decode = Callable[[bytes], bytes]
"""Turns a message into a JSON object; raises ValueError for one that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic, how to consume it, and where its rows go."""

    name: str
    settings: Mapping[str, object]
    decode: Decode
    intake: Intake


@contextmanager
def feeding(config: Config, desk: Desk) -> Iterator[None]:
    """Consume every topic of a config meanwhile, each in a thread of its own.

    Raises SourceError for one that cannot be consumed as it is described.
    """
    topics = [
        _topic(section, desk.intakes[place]) for place, section in fed(config).items()
    ]
    stop = threading.Event()
    with ExitStack() as ending:
        for topic in topics:
            thread = threading.Thread(target=consume, args=[topic, stop], name="kafka")
            thread.start()
            ending.callback(thread.join)
        ending.callback(stop.set)
        yield


def consume(topic: Topic, stop: threading.Event) -> None:
    """Consume a topic until it is told to stop, whatever befalls Kafka or the disk.

    After trouble it begins anew with what was not acknowledged.
    """
    from confluent_kafka import Consumer  # noqa: PLC0415 - an extra

    wait = FIRST_WAIT
    while not stop.is_set():
        try:
            with closing(Consumer(dict(topic.settings), logger=_quiet())) as consumer:
                consumer.subscribe([topic.name])
                while not stop.is_set():
                    messages = _gathered(consumer)
                    if messages:
                        _keep(topic.intake, messages, topic.decode)
                        _acknowledge(consumer, messages)
                        wait = FIRST_WAIT
        except Exception as error:  # noqa: BLE001 - else nobody would consume any more
            kind = type(error).__name__
            log.warning("topic_put_off", topic=topic.name, error=kind, cause=str(error))
            stop.wait(wait)
            wait = min(2 * wait, PATIENCE)


def _gathered(consumer: "Consumer") -> "list[Message]":
    """Wait for messages, and return those that come together.

    Raises KafkaException for an error that does not pass by itself.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415 - an extra

    found: list[Message] = []
    wait = 0.5
    while len(found) < MOST:
        message = consumer.poll(wait)
        if message is None:
            break
        error = message.error()
        if error is None:
            found.append(message)
            wait = GATHERING if len(found) == 1 else 0.0
        elif not error.retriable() and error.name() not in _PASSING:
            raise KafkaException(error)
    return found


_PASSING = frozenset({"_PARTITION_EOF", "UNKNOWN_TOPIC_OR_PART", "_ALL_BROKERS_DOWN"})
"""What librdkafka gets over by itself: a topic may come into being later."""


def _acknowledge(consumer: "Consumer", messages: "Sequence[Message]") -> None:
    """Tell Kafka how far rows are durable; where it does not hear, they come again."""
    from confluent_kafka import KafkaException, TopicPartition  # noqa: PLC0415

    topic = cast("str", messages[0].topic())
    last = {
        cast("int", message.partition()): cast("int", message.offset())
        for message in messages
    }
    offsets = [
        TopicPartition(topic, number, offset + 1) for number, offset in last.items()
    ]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        log.warning("offsets_not_committed", cause=str(error))


def _keep(intake: Intake, messages: "Sequence[Message]", decode: Decode) -> None:
    """Make the rows of messages durable; raises LandingError where that fails."""
    written: list[bytes] = []
    places: list[int] = []
    broken: list[Reject] = []
    for place, message in enumerate(messages):
        value = message.value()
        if value is None:
            continue  # a tombstone is no row
        try:
            line = decode(value).replace(b"\n", b" ")
            if not line.strip():
                msg = "it is empty"
                raise ValueError(msg)  # noqa: TRY301 - told as any other
        except ValueError as error:
            reason = f"the message is no record ({error})"
            broken.append(Reject(place=place, why=Why.FORM, reason=reason, row=value))
        else:
            written.append(line)
            places.append(place)
    read = _read(intake, written)
    rejects = [replace(one, place=places[one.place]) for one in read.rejects]
    left_out = {one.place for one in rejects}
    kept = [messages[place] for place in places if place not in left_out]
    batches = [_placed(intake.reader.batch(read.rows), kept)] if read.rows else []
    left = Rejects(intake.reader.table, _received(intake))
    for one in (*rejects, *broken):
        message = messages[one.place]
        # What comes again, unacknowledged, has the place it had.
        left.put(one, f"{message.topic()}/{message.partition()}/{message.offset()}")
    intake.store(replace(left.read(accepted=read.accepted), batches=batches))


def _received(intake: Intake) -> int:
    return since_1970(intake.now())


def _read(intake: Intake, written: Sequence[bytes]) -> Read:
    """Read rows of JSON, one a line; of what is no JSON at all each by itself."""
    if not written:
        return Read()
    received, body = _received(intake), b"\n".join(written)
    try:
        return intake.reader.read(body, received, lines=True, kept=len(written))
    except Refusal:
        parts = [_alone(intake, line, received, i) for i, line in enumerate(written)]
    return Read(
        rows=[row for part in parts for row in part.rows],
        accepted=sum(part.accepted for part in parts),
        rejects=[one for part in parts for one in part.rejects],
    )


def _alone(intake: Intake, line: bytes, received: int, place: int) -> Read:
    try:
        read = intake.reader.read(line, received, lines=True)
    except Refusal as error:
        reject = Reject(place=place, why=Why.FORM, reason=error.detail, row=line)
        return Read(rejects=[reject])
    return replace(read, rejects=[replace(one, place=place) for one in read.rejects])


def _placed(batch: pa.RecordBatch, messages: "Sequence[Message]") -> pa.RecordBatch:
    """Put the place of its message beside each row."""
    partitions = np.array([m.partition() for m in messages], np.int64)
    offsets = np.array([m.offset() for m in messages], np.int64)
    for name, values in ((PARTITION, partitions), (OFFSET, offsets)):
        batch = batch.append_column(name, pa.array(values))
    return batch


# ── what a topic is made of ──────────────────────────────────────────────────────────


def _topic(section: Plugin, intake: Intake) -> Topic:
    try:
        import confluent_kafka  # noqa: F401, PLC0415 - an extra, looked for at the start

        options = cast("KafkaSource.Options", options_of(section, SOURCES))
    except ImportError as error:
        msg = f"source 'kafka' needs {error.name}. Fix: pip install 'driftd[kafka]'"
        raise SourceError(msg, permanent=True) from None
    except PluginError as error:
        raise SourceError(str(error), permanent=True) from error
    return Topic(
        name=options.topic,
        settings=client_settings(options, section.base),
        decode=_decoder(options, section.base),
        intake=intake,
    )


def _decoder(options: KafkaSource.Options, base: Path) -> Decode:
    if options.format is Format.JSON or options.avro_schema is None:
        return bytes
    from fastavro import parse_schema, schemaless_reader  # noqa: PLC0415 - an extra

    path = base / options.avro_schema
    try:
        schema = parse_schema(msgspec.json.decode(path.read_bytes()))
    except (OSError, msgspec.DecodeError, ValueError, KeyError) as error:
        msg = f"`avro_schema`: {path} is no Avro schema ({error}). Fix: correct it"
        raise SourceError(msg, permanent=True) from error

    start = _CONFLUENT if options.format is Format.CONFLUENT else 0

    def decode(value: bytes) -> bytes:
        try:
            record: Any = schemaless_reader(io.BytesIO(value[start:]), schema, None)
            return msgspec.json.encode(record)
        except Exception as error:  # noqa: BLE001 - it raises whatever the bytes lead to
            raise ValueError(type(error).__name__) from None

    return decode


def _quiet() -> Any:  # noqa: ANN401 - what the standard library calls a logger
    """Return where librdkafka's own words go: it says what we say, and more often."""
    import logging  # noqa: PLC0415

    quiet = logging.getLogger("confluent_kafka")
    quiet.setLevel(logging.CRITICAL)
    return quiet
