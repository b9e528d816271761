"""The folder of a landing: its log, its files, and what has not landed yet."""

import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import pyarrow as pa

from monitor.landing.compaction import Shape, compacted, landed_keys
from monitor.landing.days import is_merged, names_of, standing
from monitor.landing.keys import Keys
from monitor.landing.segment import Contents, read_segment, write_durably
from monitor.window import Window

_SHAPE = "landing.json"
_FORMAT = 1
_DAY = "date="
"""How the name of a day's folder begins."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """All rows of a landing at one moment: files, and tables of what is in the log."""

    files: tuple[Path, ...] = ()
    tables: tuple[pa.Table, ...] = ()


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

    def days(self, window: Window | None = None) -> list[Path]:
        """Return the folders of the days, ascending; those that a window touches."""
        names = [name for name in names_of(self.path) if name.startswith(_DAY)]
        return [self.path / name for name in names if _touches(name, window)]

    def files(self, window: Window | None = None) -> list[Path]:
        """Return the Parquet files that hold the rows, by day and as they were landed.

        With a window, those of its days alone.
        """
        return [file.path for day in self.days(window) for file in standing(day)]

    def newest_file(self) -> Path | None:
        """Return a file of the last day that has one; None where nothing has landed."""
        for day in reversed(self.days()):
            if files := standing(day):
                return files[-1].path
        return None

    def newest(self) -> int:
        """Return the highest number that any segment ever had that is still told."""
        told = [file.last for day in self.days() for file in standing(day)]
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

    def rows(self, window: Window | None = None) -> Rows:
        """Return what has landed and what will be; nothing is written.

        With a window, what lies in the folders of its days. Raises OSError, or
        pyarrow's errors for a file that is no Parquet.
        """
        shape = self.shape() or Shape()
        segments = self._logged()
        files = {}
        for day in self.days(window):
            found = standing(day)
            files[day.name] = [f for f in found if f.merged or f.first not in segments]
        before: dict[str, list[Keys]] = {}

        def known(day: str) -> list[Keys]:
            if day not in before:
                here = files.get(_DAY + day, ())
                before[day] = [landed_keys(file.path, shape) for file in here]
            return before[day]

        tables = []
        for number, contents in segments.items():
            for part in compacted(contents, shape, known):
                name = _DAY + part.day
                there = is_merged(number, files.get(name, ()))
                if _touches(name, window) and not there:
                    tables.append(part.table)
                    before[part.day].append(part.keys)
        paths = [file.path for found in files.values() for file in found]
        return Rows(files=tuple(paths), tables=tuple(tables))

    def _logged(self) -> dict[int, Contents]:
        """Read the log; a segment that is landed meanwhile is looked for anew."""
        while True:
            try:
                return {n: read_segment(self.segment(n)) for n in self.segments()}
            except FileNotFoundError:
                continue


def _touches(day: str, window: Window | None) -> bool:
    """Tell whether rows of a window may stand in the folder of a day."""
    if window is None:
        return True
    last = window.end.astimezone(UTC) - timedelta(microseconds=1)
    days = (window.start.astimezone(UTC).date(), last.date())
    first, end = (_DAY + day.isoformat() for day in days)
    return first <= day <= end
