"""A Kafka topic: consumed by the daemon, landed, and read by windows from there."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
from pydantic import SecretStr, model_validator

from monitor import plugins
from monitor.problems import mistake
from monitor.sources.base import SOURCES
from monitor.sources.groups import Groups
from monitor.sources.ingest import IngestSource
from monitor.window import Window


class Format(StrEnum):
    """How a message holds a row."""

    JSON = "json"
    """A JSON object."""
    AVRO = "avro"
    """An Avro record, bare."""
    CONFLUENT = "avro-confluent"
    """An Avro record after the five bytes that a schema registry's clients put."""


_OURS = frozenset(
    {
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "group.id",
        "sasl.password",
        "ssl.key.password",
    }
)
"""Settings that are not for `settings`: they decide what is lost, or are secrets."""


@SOURCES.register("kafka")
class KafkaSource:
    """Rows of a topic, one a message, as `driftd serve` has consumed them so far.

    A message is acknowledged to Kafka once its row is durable, and lands once however
    often it is consumed.
    """

    class Options(plugins.Options):
        """What a user may set."""

        brokers: str
        """Where Kafka is: `kafka-1:9092,kafka-2:9092`."""
        topic: str
        """The topic to consume."""
        path: str
        """The folder that the daemon puts the rows in."""
        group: str | None = None
        """The consumer group; by default `driftd-` and the topic's name."""
        format: Format = Format.JSON
        """What a message is: `json`, `avro` or `avro-confluent`."""
        avro_schema: str | None = None
        """The file of the Avro schema that messages are written in."""
        username: str | None = None
        password: SecretStr | None = None
        mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
        """How the password is proved."""
        tls: bool = False
        ca: str | None = None
        """The file of the authority that vouches for the brokers."""
        settings: Mapping[str, str] = {}
        """Any other setting of librdkafka."""

        @model_validator(mode="after")
        def _whole(self) -> Self:
            """Refuse what does not go together."""
            if (self.format is Format.JSON) is (self.avro_schema is not None):
                message = "`avro_schema` goes with an Avro `format`, and it with that"
                raise mistake(message, "write both or neither.")
            if (self.username is None) is not (self.password is None):
                message = "a `username` goes with a `password`"
                raise mistake(message, "write both or neither.")
            taken = sorted(_OURS & self.settings.keys())
            if taken:
                message = f"`{taken[0]}` is not for `settings`"
                raise mistake(message, "use the source's own keys, or leave it out.")
            return self

    def __init__(
        self, options: "KafkaSource.Options", *, base: Path, timestamp: str | None
    ) -> None:
        """Open nothing yet; relative paths start from `base`."""
        landed = IngestSource.Options(path=options.path)
        self._landed = IngestSource(landed, base=base, timestamp=timestamp)

    def schema(self) -> pa.Schema:
        """Return the columns of all rows, united by name."""
        return self._landed.schema()

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        return self._landed.read(window, columns)

    def pieces(
        self, window: Window, columns: Sequence[str] | None
    ) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
        """Yield the same rows file by file; what is in the log has no name."""
        return self._landed.pieces(window, columns)

    def fragments(self, window: Window | None) -> Groups | None:
        """Return the rows as row groups; None while some of them are in the log."""
        return self._landed.fragments(window)


def client_settings(options: KafkaSource.Options, base: Path) -> dict[str, object]:
    """Return what librdkafka is told: a row is durable before its offset is."""
    told: dict[str, object] = {
        "auto.offset.reset": "earliest",
        "client.id": "driftd",
        **options.settings,
        "bootstrap.servers": options.brokers,
        "group.id": options.group or f"driftd-{options.topic}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }
    if options.ca is not None:
        told["ssl.ca.location"] = str(base / options.ca)
    if options.password is not None:
        told["sasl.mechanism"] = options.mechanism
        told["sasl.username"] = options.username
        told["sasl.password"] = options.password.get_secret_value()
    protocol = ("SASL_" if options.password else "") + ("SSL" if options.tls else "")
    if protocol:
        told["security.protocol"] = protocol if options.tls else "SASL_PLAINTEXT"
    return told
