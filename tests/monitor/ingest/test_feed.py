"""What is consumed from Kafka: all of it, once, and nothing acknowledged too early."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Consumer
from fastavro import parse_schema, schemaless_writer
from pydantic import SecretStr

from monitor.clock import ManualClock
from monitor.config import Config
from monitor.errors import ConfigErrors, SourceError
from monitor.ingest import Desk, feed
from monitor.ingest.feed import feeding
from monitor.sources.kafka import Format, KafkaSource, client_settings
from tests.monitor.ingest.kafka import brokers, produced
from tests.monitor.ingest.pushed import NOW, config, found, row

ROOT = Path(__file__).parents[3]
FAST = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
KILLS = int(os.environ.get("DRIFTD_KILLS", "1"))


def settings(place: str, folder: Path, **changes: Any) -> Config:
    source = {"type": "kafka", "brokers": place, "topic": "served", "settings": FAST}
    return config(folder, model={"source": source | changes, "labels": None})


@contextmanager
def fed(told: Config) -> Iterator[Desk]:
    with Desk(told, ManualClock(NOW).now) as desk, feeding(told, desk):
        yield desk


def eventually(told: Config, rows: int, seconds: float = 40) -> pa.Table:
    """Wait until so many rows can be read."""
    end = time.monotonic() + seconds
    while True:
        try:
            table = found(told)
        except SourceError:
            table = pa.table({})
        if table.num_rows >= rows:
            return table
        assert time.monotonic() < end, f"{table.num_rows} of {rows} rows came"
        time.sleep(0.05)


def written(i: int, **changes: Any) -> bytes:
    return json.dumps(row(i, **changes), indent=1).encode()


def test_what_is_produced_is_read_by_windows_each_row_once(tmp_path: Path) -> None:
    with brokers(2) as place:
        told = settings(place, tmp_path)
        produced(place, "served", [written(i % 50) for i in range(100)])
        with fed(told):
            eventually(told, 50)
            produced(place, "served", [written(50, at="2026-03-05T00:00:00Z"), None])
            produced(place, "served", [written(51)])
            table = eventually(told, 51)

    assert sorted(table["id"].to_pylist()) == sorted(
        [*(f"p{i}" for i in range(50)), "p51"]
    )
    assert table["amount"].to_pylist() == [50.5] * 51


def test_a_message_that_is_no_row_is_put_aside_with_the_reason(tmp_path: Path) -> None:
    with brokers() as place:
        told = settings(place, tmp_path)
        odd = [b"{", b"", b"\xff", b"[1]", written(1, amount="much"), b'{"at": 1}']
        produced(place, "served", [*odd, written(2), b"[" * 100_000, written(3)])
        with fed(told) as desk:
            table = eventually(told, 2)
            ((_, intake),) = desk.of("churn")
            rejected = intake.rejected.last(100)

    assert sorted(table["id"].to_pylist()) == ["p2", "p3"]
    assert len(rejected) == len(odd) + 1
    assert intake.tally.rejected()["value"] == 1
    assert {one["why"] for one in rejected} == {"form", "value", "id"}


def test_rows_without_an_id_are_known_by_the_place_of_their_message(
    tmp_path: Path,
) -> None:
    columns = {
        "id": {"role": "ignored"},
        "at": {"role": "timestamp"},
        "amount": {"kind": "numeric"},
        "score": {"role": "score"},
    }
    with brokers() as place:
        produced(place, "served", [written(1)] * 10)
        for group, rows in (("first", 10), ("second", 20)):  # all of it comes again
            source: dict[str, Any] = {"brokers": place, "topic": "served"}
            source |= {"type": "kafka", "settings": FAST, "group": group}
            model = {"source": source, "columns": columns}
            told = config(tmp_path, model=model | {"labels": None, "evaluation": None})
            with fed(told) as desk:
                ((_, intake),) = desk.of("churn")
                accepted(intake, rows)
                intake.landing.land(NOW, everything=True)
        table = found(told)

    assert table.num_rows == 10
    places = zip(
        table["kafka_partition"].to_pylist(),
        table["kafka_offset"].to_pylist(),
        strict=True,
    )
    assert sorted(places) == [(p, o) for p in range(2) for o in range(5)]


def accepted(intake: Any, rows: int) -> None:
    end = time.monotonic() + 40
    while intake.tally.totals()["accepted"] < rows:
        assert time.monotonic() < end
        time.sleep(0.05)


SCHEMA = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "amount", "type": ["null", "double"]},
    ],
}


def record(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Write the schema of a record; return one, and how it is written."""
    (folder / "row.avsc").write_text(json.dumps(SCHEMA))
    out = io.BytesIO()
    told = {"id": "p1", "at": NOW, "amount": 1.5}
    schemaless_writer(out, parse_schema(SCHEMA), told)
    return told, out.getvalue()


def test_avro_records_become_rows(tmp_path: Path) -> None:
    told, value = record(tmp_path)
    with brokers() as place:
        form = {"format": "avro-confluent", "avro_schema": "row.avsc"}
        model = settings(place, tmp_path, **form)
        produced(place, "served", [b"\0\0\0\0\x07" + value, b"\x80"])
        with fed(model):
            table = eventually(model, 1)

    assert table.select(["id", "at", "amount"]).to_pylist() == [told]


def test_a_bare_avro_record_has_no_bytes_before_it(tmp_path: Path) -> None:
    _, value = record(tmp_path)
    options = KafkaSource.Options(
        brokers="b:9092",
        topic="served",
        path="x",
        format=Format.AVRO,
        avro_schema="row.avsc",
    )
    decode = feed._decoder(options, tmp_path)

    assert json.loads(decode(value)) == {
        "id": "p1",
        "at": "2026-03-02T12:00:00Z",
        "amount": 1.5,
    }
    with pytest.raises(ValueError, match="Error"):
        decode(b"\x80")


def test_secrets_go_to_the_broker_and_nowhere_else(tmp_path: Path) -> None:
    options = KafkaSource.Options(
        brokers="b:9092",
        topic="served",
        path="x",
        username="ann",
        password=SecretStr("c4n4ry"),
        tls=True,
        ca="ca.pem",
    )

    told = client_settings(options, tmp_path)

    assert told["security.protocol"] == "SASL_SSL"
    assert told["sasl.password"] == "c4n4ry"
    assert told["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert told["enable.auto.commit"] is False
    assert "c4n4ry" not in repr(options)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": "avro"}, "`avro_schema` goes with"),
        ({"avro_schema": "x.avsc"}, "`avro_schema` goes with"),
        ({"username": "ann"}, "goes with a `password`"),
        ({"settings": {"enable.auto.commit": "true"}}, "is not for `settings`"),
        ({"colour": 1}, "no key `colour`"),
    ],
)
def test_what_does_not_go_together_is_refused_with_its_path(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigErrors, match=r"models\.churn\.source.*" + expected):
        settings("b:9092", tmp_path, **changes)


def test_a_schema_that_is_not_there_is_told_before_anything_is_consumed(
    tmp_path: Path,
) -> None:
    told = settings("b:9092", tmp_path, format="avro", avro_schema="row.avsc")
    with (
        Desk(told, ManualClock(NOW).now) as desk,
        pytest.raises(SourceError, match=r"`avro_schema`: .*row\.avsc is no Avro"),
        feeding(told, desk),
    ):
        pass


# ── kills and rebalances ─────────────────────────────────────────────────────────────

PROGRAM = """
import sys, time
from pathlib import Path
from monitor.clock import ManualClock
from monitor.ingest import Desk, feed
from monitor.ingest.feed import feeding
from monitor.sources.kafka import Format, KafkaSource, client_settings
from monitor.opening import read_config
from tests.monitor.ingest.pushed import NOW

told = read_config(Path(sys.argv[1]), {})
with Desk(told, ManualClock(NOW).now) as desk, feeding(told, desk):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_kills_and_rebalances_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    chance = Random(7)
    ids = [*range(3000), *chance.sample(range(3000), 500)]
    chance.shuffle(ids)
    with brokers(3) as place:
        told = settings(place, tmp_path)
        sender = threading.Thread(target=trickled, args=[place, ids])
        sender.start()
        for _ in range(KILLS):
            consumer = started(tmp_path)
            stranger(place, chance.uniform(0.1, 0.6))
            consumer.send_signal(signal.SIGKILL)
            consumer.wait(20)
        sender.join()
        consumer = started(tmp_path)
        table = eventually(told, 3000, seconds=90)
        consumer.send_signal(signal.SIGKILL)
        consumer.wait(20)

    assert sorted(table["id"].to_pylist()) == sorted(f"p{i}" for i in range(3000))


def trickled(place: str, ids: list[int]) -> None:
    """Produce rows while they are consumed."""
    for start in range(0, len(ids), 250):
        produced(place, "served", [written(i) for i in ids[start : start + 250]])
        time.sleep(0.2)


def started(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder / "driftd.yaml")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


def stranger(place: str, seconds: float) -> None:
    """Join the group, take some messages without a word, and leave."""
    consumer = Consumer(
        {
            "bootstrap.servers": place,
            "group.id": "driftd-served",
            "enable.auto.commit": False,
            **FAST,
        }
    )
    consumer.subscribe(["served"])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        consumer.poll(0.1)
    consumer.close()
