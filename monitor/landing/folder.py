"""The folder of a landing: its log, its files, and what has not landed yet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from monitor.landing.compaction import Part, Shape, compacted, landed_keys
from monitor.landing.keys import Keys
from monitor.landing.segment import Contents, read_segment, write_durably

_SHAPE = "landing.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """All rows of a landing at one moment: files, and tables of what is in the log."""

    files: tuple[Path, ...]
    tables: tuple[pa.Table, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the log and the files of a landing lie."""

    path: Path

    @property
    def log(self) -> Path:
        """The folder of the log's segments."""
        return self.path / "wal"

    @property
    def traffic(self) -> Path:
        """The folder of the counts of all rows that came."""
        return self.path / "traffic"

    def segment(self, number: int) -> Path:
        """Return the path of a segment of the log."""
        return self.log / f"{number:08d}.wal"

    def segments(self) -> list[int]:
        """Return the numbers of the log's segments, ascending."""
        return sorted(int(p.stem) for p in self.log.glob("*.wal") if p.stem.isdigit())

    def files(self) -> list[Path]:
        """Return all landed Parquet files, by day and then as they were landed."""
        return sorted(
            path for path in self.path.glob("date=*/*.parquet") if path.stem.isdigit()
        )

    def newest(self) -> int:
        """Return the highest number that any segment ever had that is still told."""
        told = [int(path.stem) for path in self.files()]
        return max([0, *self.segments(), *told])

    def shape(self) -> Shape | None:
        """Return what knows and dates the rows; None before the first was awaited.

        Raises OSError, or ValueError for a file of a newer driftd.
        """
        try:
            told = json.loads((self.path / _SHAPE).read_text("utf-8"))
        except FileNotFoundError:
            return None
        if told.get("format") != _FORMAT:
            msg = f"{self.path / _SHAPE} is of another format. Fix: update driftd"
            raise ValueError(msg)
        return Shape(key=tuple(told["key"]), time=told["time"])

    def keep_shape(self, shape: Shape) -> None:
        """Write down what knows and dates the rows; raises OSError."""
        if self.shape() != shape:
            told = {"format": _FORMAT, "key": list(shape.key), "time": shape.time}
            write_durably(self.path / _SHAPE, json.dumps(told).encode())

    def rows(self) -> Rows:
        """Return what has landed and what will be; nothing is written.

        Raises OSError, or pyarrow's errors for a file that is no Parquet.
        """
        shape = self.shape() or Shape()
        numbers, contents = self._logged()
        files = [path for path in self.files() if int(path.stem) not in numbers]
        before: dict[str, list[Keys]] = {}
        tables = []
        for held in contents:
            for part in self._parts(held, shape, files, before):
                tables.append(part.table)
                before.setdefault(part.day, []).append(part.keys)
        return Rows(files=tuple(files), tables=tuple(tables))

    def _logged(self) -> tuple[Sequence[int], list[Contents]]:
        """Read the log; a segment that is landed meanwhile is looked for anew."""
        while True:
            numbers = self.segments()
            try:
                return numbers, [read_segment(self.segment(n)) for n in numbers]
            except FileNotFoundError:
                continue

    def _parts(
        self,
        held: Contents,
        shape: Shape,
        files: Sequence[Path],
        before: dict[str, list[Keys]],
    ) -> list[Part]:
        def known(day: str) -> list[Keys]:
            if day not in before:
                here = [path for path in files if path.parent.name == f"date={day}"]
                before[day] = [landed_keys(path, shape) for path in here]
            return before[day]

        return list(compacted(held, shape, known))
