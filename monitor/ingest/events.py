"""CloudEvents of inference loggers: each half of a call made durable, and joined."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from monitor.cloudevents import InferenceEvent, from_headers, from_json
from monitor.errors import MalformedError
from monitor.ingest.calls import JOINED, PATIENCE, Calls, Half, batch_of
from monitor.ingest.intake import Gatherer, Intake
from monitor.ingest.moments import since_1970
from monitor.ingest.refusal import Refusal
from monitor.ingest.rows import Read, Reject, Rejects, Why
from monitor.landing import Landing, Shape
from monitor.logs import logger
from monitor.payloads import Names, decoded

log = logger(__name__)

STRUCTURED, BATCH = (
    b"application/cloudevents+json",
    b"application/cloudevents-batch+json",
)


def is_event(headers: Mapping[bytes, bytes], kind: bytes) -> bool:
    """Tell whether a request brings CloudEvents."""
    return b"ce-type" in headers or kind in (STRUCTURED, BATCH)


class Events:
    """What takes the events of one model."""

    def __init__(
        self,
        intake: Intake,
        folder: Path,
        names: Names,
        clock: Callable[[], datetime],
        pool: Executor,
    ) -> None:
        """Take up what waits in the folder; it is made when the first event comes."""
        self._intake = intake
        self._folder = folder
        self._clock = clock
        self._calls = Calls(intake.reader.table, names)
        self._landing: Landing | None = None
        self._halves = Gatherer(self._append, pool)
        if folder.is_dir():
            self._opened()

    def _opened(self) -> Landing:
        if self._landing is None:
            landing = Landing.open(self._folder, Shape())
            try:
                self._calls.restore(landing.folder)
            except (OSError, ValueError, KeyError, pa.ArrowException) as error:
                log.warning("calls_not_restored", cause=str(error))
            self._landing = landing
        return self._landing

    def _append(self, halves: Sequence[Half]) -> None:
        self._opened().append([batch_of(halves)], self._clock())

    def close(self) -> None:
        """Let go of the folder; what waits is taken up again."""
        if self._landing is not None:
            self._landing.close()

    async def take(
        self, headers: Mapping[bytes, bytes], kind: bytes, body: bytes
    ) -> Read:
        """Take the events of a request; returns when each is durable.

        Raises LandingError, or Refusal for a model whose calls cannot be told apart.
        """
        if self._intake.reader.table.id is None:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "the config declares no id that a call could be known by",
                path="columns",
                fix="give a column role: id",
            )
        now = since_1970(self._clock())
        accepted, table = 0, self._intake.reader.table
        left = Rejects(table, now)
        for place, read in enumerate(_events(headers, kind, body)):
            call = None
            try:
                event = read()
                # If its other half is kept alone, that is its first row.
                call = f"{event.key}#0"
                await self._kept(self._calls.half(event, now))
            except MalformedError as error:
                # What is told of this one may quote it.
                quoted = str(error.reason if table.hidden else error)
                one = Reject(place=place, why=Why.EVENT, reason=quoted, row=body)
                left.put(one, call)
            else:
                accepted += 1
        told = left.read(accepted=accepted)
        self._intake.put_aside(told)
        return told

    async def _kept(self, half: Half) -> None:
        """Make a half durable, or the rows that it completes."""
        met = self._calls.meet(half)
        if met.waits:
            self._opened()
            await self._halves.keep([half])
            self._calls.wait(half)
            # The other may have come while the disk was waited for.
            met = self._calls.meet(half)
            if met.counted != JOINED:
                return
        if met.rows:
            await self._intake.take(self._read(met.rows))
            self._calls.finish(half.key)
            self._intake.tally.add(self._clock(), JOINED, 1)

    def overdue(self) -> None:
        """Keep the halves whose other is lost, and delete what is done with."""
        if self._landing is None:
            return
        now = self._clock()
        for half in self._calls.overdue(now):
            try:
                met = self._calls.alone(half)
                self._intake.store(self._read(met.rows), unanswered=True)
                self._intake.tally.add(now, str(met.counted), 1)
            except MalformedError as error:
                told = Reject(place=0, why=Why.EVENT, reason=error.reason, row=b"")
                self._intake.put_aside(Read(rejects=[told]))
            self._calls.finish(half.key)
        self._landing.forget(now, PATIENCE)

    def _read(self, rows: Sequence[Mapping[str, Any]]) -> Read:
        body = msgspec.json.encode(rows)
        try:
            return self._intake.reader.read(body, since_1970(self._clock()))
        except Refusal as refusal:
            reason = "its rows are more than are held at once"
            raise MalformedError(reason, refusal.detail) from None


def _events(
    headers: Mapping[bytes, bytes], kind: bytes, body: bytes
) -> Iterator[Callable[[], InferenceEvent]]:
    """Yield a way to read each event of a request; it raises MalformedError."""
    if kind not in (STRUCTURED, BATCH):
        told = {k.decode("latin-1"): v.decode("latin-1") for k, v in headers.items()}
        yield lambda: from_headers(told, body)
        return
    try:
        written = decoded(body)
    except MalformedError:
        yield lambda: from_json(decoded(body))
        return
    for one in written if kind == BATCH and isinstance(written, list) else [written]:
        yield functools.partial(from_json, one)
