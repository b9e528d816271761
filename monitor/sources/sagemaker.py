"""SageMaker's data capture: JSON lines, each with what an endpoint got and gave."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.cloudevents import Part
from monitor.config.scalars import Delay
from monitor.errors import MalformedError
from monitor.payloads import Names, Row, joined, unpacked
from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Source
from monitor.sources.calls import body_rows
from monitor.sources.csv_files import TextOptions
from monitor.sources.exploding import ExplodingReader, exploded
from monitor.sources.json_lines import JSON_SUFFIXES, objects
from monitor.sources.storage import StoredFile, StoredFiles
from monitor.window import Window, parse_time

_HOUR = timedelta(hours=1)
_FOLDER = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]*\Z")


@SOURCES.register("sagemaker")
class SageMakerSource:
    """Rows that an endpoint's data capture stored."""

    class Options(TextOptions):
        """What a user may set."""

        features: tuple[str, ...] = ()
        """The features' names, in the order of the request's values: CSV has none."""
        outputs: tuple[str, ...] = ()
        """The answers' names, in the order of the response's values."""
        id: str = "prediction_id"
        """The column with each row's id: the inference's, or else the event's; with `#`
        and the row's place where a request has several rows."""
        time: str | None = None
        """The column with the time of inference; by default the one with the role."""
        lateness: Delay = timedelta(minutes=15)
        """How much later than its inference a record may be stored."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        names = Names(features=options.features, outputs=options.outputs)
        time = options.time or timestamp or "timestamp"
        reader = ExplodingReader(
            records=records,
            rows=_Captured(names=names, id=options.id, time=time),
            noun="file of captured data",
        )
        stored = StoredFiles(options=options, base=base, suffixes=JSON_SUFFIXES)
        files = Hourly(stored=stored, lateness=options.lateness)
        return exploded(reader, options, files, timestamp)


@dataclass(frozen=True, kw_only=True)
class Hourly:
    """Files in folders of hours, `yyyy/mm/dd/hh`; others are read for every window."""

    stored: StoredFiles
    lateness: timedelta

    def listed(self) -> list[StoredFile]:
        """Return the files by name; raises SourceError when a path means nothing."""
        return self.stored.listed()

    def may_hold(self, file: StoredFile, window: Window) -> bool:
        """Tell whether the hour of a file's folder can hold rows of the window."""
        found = _FOLDER.search(file.name)
        if found is None:
            return self.stored.may_hold(file, window)
        try:
            hour = parse_time("{}-{}-{}T{}".format(*found.groups()))
        except ValueError:
            return True
        # Stored later than inferred: an hour's folder has rows of the hour before.
        return hour - self.lateness < window.end and window.start < hour + _HOUR


def records(file: StoredFile, left_out: Quarantine) -> Iterator[tuple[int, Any]]:
    """Walk over the lines of a file."""
    for rows, lines in objects(file, left_out):
        yield from zip(lines, rows, strict=True)


@dataclass(frozen=True, kw_only=True)
class _Captured:
    """Reads the rows of one captured call."""

    names: Names
    id: str
    time: str

    def __call__(self, record: Mapping[str, Any]) -> list[Row]:
        """Return a row for each instance of the call; raises MalformedError."""
        captured, told = record.get("captureData"), record.get("eventMetadata")
        if not isinstance(captured, Mapping) or not isinstance(told, Mapping):
            reason = "it is no record of data capture"
            raise MalformedError(reason, f"its keys: {', '.join(sorted(record)[:5])}")
        asked = _half(captured.get("endpointInput"), Part.REQUEST, self.names)
        answered = _half(captured.get("endpointOutput"), Part.RESPONSE, self.names)
        key = told.get("inferenceId") or told.get("eventId")
        if not isinstance(key, str):
            reason = "its event has no id"
            raise MalformedError(reason)
        rows = joined(asked or [{}] * len(answered or ()), answered, key, self.id)
        if len(rows) == 1:
            rows[0][self.id] = key  # as ground truth is uploaded under it
        moment = _time(told.get("inferenceTime"))
        return [{**row, self.time: moment} for row in rows]


def _half(part: Any, which: Part, names: Names) -> list[Row] | None:  # noqa: ANN401
    """Return the rows of what an endpoint got, or gave; None where it was not kept."""
    if part is None:
        return None
    text = part.get("data") if isinstance(part, Mapping) else None
    if not isinstance(text, str):
        reason = "its data is no text"
        raise MalformedError(reason, which)
    encoding = str(part.get("encoding"))
    kind = str(part.get("observedContentType") or encoding).lower()
    if encoding == "BASE64":
        return body_rows(unpacked(text), kind, which, names)
    return body_rows(text.encode(), encoding.lower(), which, names)


def _time(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(str(text))
    except ValueError:
        reason = "its event's time is no time"
        raise MalformedError(reason, str(text)) from None
