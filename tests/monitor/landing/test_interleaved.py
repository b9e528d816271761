"""However landing, merging, crashes and readers interleave, each row is read once."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.landing import Folder, Landing, LandingError, Shape, merging
from monitor.landing.days import wherever
from monitor.landing.folder import Rows
from tests.monitor.landing.steps import Killed, full_at, killed_at, watched

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
SHAPE = Shape(key=("id",), time="at")
Sent = tuple[int | None, int | None]
"""What knows a row (None: nothing), and how many days ago it was (None: unknown)."""


class World:
    """A landing, what was sent there, and the readers that are under way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = FIRST
        self.accepted: dict[object, int] = {}
        self.sent = 0
        self.readers: list[tuple[Rows, set[int]]] = []
        self.landing = Landing.open(path, SHAPE)

    def send(self, rows: list[Sent]) -> None:
        """Send rows, and note which of them are to be read: the first of each key."""
        days = [None if ago is None else FIRST - timedelta(days=ago) for _, ago in rows]
        values = list(range(self.sent, self.sent + len(rows)))
        self.sent += len(rows)
        batch = pa.record_batch(
            {
                "id": pa.array([i if i is None else str(i) for i, _ in rows], "string"),
                "at": pa.array(days, pa.timestamp("us", "UTC")),
                "value": pa.array(values),
            }
        )
        self.landing.append([batch], self.now)
        for value, (key, ago) in zip(values, rows, strict=True):
            known = ("row", value) if key is None else (key, ago)
            self.accepted.setdefault(known, value)

    def land(self, rows: list[Sent]) -> None:
        """Send rows, and land them and all before."""
        self.send(rows)
        self.landing.land(self.now, everything=True)

    def work(self, what: str, step: int, end: str) -> None:
        """Land or merge; the process is killed, or the disk full, at some step."""

        def look(taken: int, _: str) -> None:
            if taken == step:
                self.look()

        ends = {"well": look, "killed": killed_at(step), "full": full_at(step)}
        try:
            with watched(ends[end]):
                if what == "land":
                    self.landing.land(self.now, everything=True)
                else:
                    self.landing.merge(self.now)
        except Killed:
            os.close(self.landing._owned)
            self.look()
            self.landing = Landing.open(self.path, SHAPE)
        except LandingError:
            assert end == "full"
        self.look()

    def wait(self) -> None:
        """Let what was set aside expire; by then all readers have read it."""
        while self.readers:
            self.opened()
        self.now += merging.GRACE

    def begin(self) -> None:
        """Begin to read: files are found, and not opened yet."""
        self.readers.append((self.found(), set(self.accepted.values())))

    def opened(self) -> None:
        """Go on with the reader that waits for longest."""
        if self.readers:
            found, expected = self.readers.pop(0)
            assert read(found) == dict.fromkeys(expected, 1)

    def look(self) -> None:
        """Read all rows at once."""
        waiting, self.readers = self.readers, []
        self.begin()
        self.opened()
        self.readers = waiting

    def found(self) -> Rows:
        return Folder(self.path).rows()


def read(found: Rows) -> Counter[int]:
    """Count the rows of a reader by their values."""
    tables = [wherever(file, pq.read_table) for file in found.files]
    return Counter(
        value
        for table in [*tables, *found.tables]
        for value in table["value"].to_pylist()
    )


STEP = st.integers(0, 24)
KEY = st.none() | st.integers(0, 5)
ROWS = st.lists(
    st.tuples(KEY, st.sampled_from([0, 0, 1, None])), min_size=1, max_size=3
)
END = st.sampled_from(["well", "well", "killed", "full"])
ACTS = st.one_of(
    st.tuples(st.just("send"), ROWS),
    st.tuples(st.just("land"), ROWS),
    st.tuples(st.just("land"), ROWS),
    st.tuples(st.just("work"), st.just("land"), STEP, END),
    st.tuples(st.just("work"), st.just("merge"), STEP, END),
    st.tuples(st.just("work"), st.just("merge"), STEP, END),
    st.tuples(st.sampled_from(["wait", "begin", "begin", "opened"])),
)


@settings(max_examples=25)
@given(acts=st.lists(ACTS, min_size=12, max_size=30))
def test_each_accepted_row_is_read_once_whatever_interleaves(
    acts: list[tuple[object, ...]],
) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        TemporaryDirectory() as folder,
    ):
        # Not the machine dies here, but the process.
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(os, "fdatasync", lambda _: None)
        patch.setattr(merging, "QUIET", timedelta(0))
        world = World(Path(folder))
        for act, *details in acts:
            getattr(world, str(act))(*details)
        world.wait()
        for _ in range(3):
            world.work("land", 0, "well")
            world.work("merge", 0, "well")
            world.wait()
        world.landing.close()

        assert read(world.found()) == dict.fromkeys(world.accepted.values(), 1)
        assert not world.found().tables
