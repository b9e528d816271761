"""What was read before is not read again, and what is learned is the same as ever."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor import recall
from monitor.arrival import learn
from monitor.config import Model
from monitor.feeds import Feeds
from monitor.privacy import Personal
from monitor.recall import Recall
from monitor.sources.hiding import hiding
from monitor.sources.parquet import ParquetSource
from monitor.window import Window
from tests.monitor.test_arrival import model

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 40
UTC_US = pa.timestamp("us", "UTC")


class Counted:
    """A source that tells how many of its pieces were read."""

    def __init__(self, source: ParquetSource) -> None:
        self._source = source
        self.read_pieces = 0

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        return self._source.read(window, columns)

    def pieces(
        self, window: Window, columns: Sequence[str] | None
    ) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
        for name, batches in self._source.pieces(window, columns):
            yield name, self._told(batches)

    def _told(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self.read_pieces += 1
        yield from batches


def source(base: Path, what: str, time: str) -> ParquetSource:
    options = ParquetSource.Options(path=f"{what}/date=*/*.parquet")
    return ParquetSource(options, base=base, timestamp=time)


def feeds(base: Path) -> Feeds:
    return Feeds(
        predictions=Counted(source(base, "log", "at")),
        labels=Counted(source(base, "labels", "known_at")),
    )


def write(base: Path, what: str, day: int, table: pa.Table, name: str = "a") -> None:
    folder = base / what / f"date={START + day * DAY:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{name}.parquet")


def live(base: Path, day: int, rng: np.random.Generator, n: int = 40) -> None:
    """Write a day of predictions, some twice, and the labels that came on it."""
    day_start = np.datetime64((START + day * DAY).replace(tzinfo=None), "us")
    made = day_start + np.sort(rng.integers(0, 86_400, n)) * np.timedelta64(1, "s")
    ids = [f"{day}-{i}" for i in range(n)]
    predictions = pa.table({"id": ids, "at": pa.array(made, UTC_US)})
    write(base, "log", day, pa.concat_tables([predictions, predictions.slice(0, 3)]))
    ages = rng.integers(0, 9, n)
    known = day_start + rng.integers(0, 86_400, n) * np.timedelta64(1, "s")
    told = [f"{max(0, day - age)}-{rng.integers(n)}" for age in ages]
    churned = [None if rng.random() < 0.1 else bool(age % 2) for age in ages]
    labels = {"id": told, "churned": churned, "known_at": pa.array(known, UTC_US)}
    write(base, "labels", day, pa.table(labels))


@pytest.fixture
def section() -> Model:
    return model(horizon="20d")


def assert_as_anew(
    base: Path, section: Model, day: float, held: Recall
) -> tuple[int, int]:
    """Learn with what is held, and without; return how many pieces each read."""
    now = START + day * DAY
    ours, fresh = feeds(base), feeds(base)
    found = learn(section, ours, now, recall=held, name="m")
    wanted = learn(section, fresh, now)

    assert found is not None
    assert wanted is not None
    assert found.newest == wanted.newest
    assert found.delays.predictions > 0
    assert found.delays.to_bytes() == wanted.delays.to_bytes()
    return (
        ours.predictions.read_pieces + ours.labels.read_pieces,  # type: ignore[union-attr, attr-defined]
        fresh.predictions.read_pieces + fresh.labels.read_pieces,  # type: ignore[union-attr, attr-defined]
    )


@pytest.mark.parametrize("kept", [200_000, 300, 40])
def test_what_is_learned_with_what_is_held_is_what_is_learned_anew(
    tmp_path: Path, section: Model, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "KEPT", kept)
    rng, held = np.random.default_rng(kept), Recall()
    for day in range(DAYS):
        live(tmp_path, day, rng, n=10 if day > 25 else 40)
        if day % 9 == 5:  # what was there is written again
            live(tmp_path, day - 3, rng)
        if day % 9 == 7:  # late rows, and rows that are gone
            write(
                tmp_path,
                "log",
                day - 2,
                pa.table(
                    {
                        "id": [f"late{day}"],
                        "at": pa.array([START + (day - 2) * DAY], UTC_US),
                    }
                ),
                name="late",
            )
            gone = tmp_path / f"labels/date={START + (day - 4) * DAY:%Y-%m-%d}"
            (gone / "a.parquet").unlink()
        if day:
            assert_as_anew(tmp_path, section, day + 0.5, held)


def test_only_what_is_new_is_read(tmp_path: Path, section: Model) -> None:
    rng, held = np.random.default_rng(1), Recall()
    for day in range(DAYS):
        live(tmp_path, day, rng)
    assert_as_anew(tmp_path, section, 36.5, held)

    ours, fresh = assert_as_anew(tmp_path, section, 37.5, held)

    # Of both sides: no rows, the day that the window begins in, a new one, today.
    assert ours <= 2 * 5
    assert fresh >= 2 * 20


def test_a_file_that_changes_in_place_is_read_again(
    tmp_path: Path, section: Model
) -> None:
    rng, held = np.random.default_rng(2), Recall()
    for day in range(12):
        live(tmp_path, day, rng)
    assert_as_anew(tmp_path, section, 11.5, held)
    file = tmp_path / f"labels/date={START + 5 * DAY:%Y-%m-%d}/a.parquet"
    before = file.stat()
    live(tmp_path, 5, rng)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    assert_as_anew(tmp_path, section, 11.5, held)


def test_what_does_not_fit_is_read_again(tmp_path: Path, section: Model) -> None:
    rng, held = np.random.default_rng(3), Recall(most=2_000)
    for day in range(25):
        live(tmp_path, day, rng)
    assert_as_anew(tmp_path, section, 22.5, held)

    ours, fresh = assert_as_anew(tmp_path, section, 23.5, held)

    assert fresh - 4 <= ours < fresh  # a day's piece takes 640 bytes


def test_hidden_ids_come_in_the_same_pieces(tmp_path: Path) -> None:
    live(tmp_path, 0, np.random.default_rng(4))
    window = Window(START, START + DAY)
    bare = source(tmp_path, "log", "at")
    hidden = hiding(bare, Personal(columns=frozenset(["id"]), key=b"key"))

    (_, empty), (name, batches) = hidden.pieces(window, ["id", "at"])

    assert name == [name for name, _ in bare.pieces(window, ["id"])][1]
    assert sum(batch.num_rows for batch in empty) == 0
    assert list(batches) == [*hidden.read(window, ["id", "at"])]
