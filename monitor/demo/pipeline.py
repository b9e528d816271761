"""A stand-in for a training pipeline: a signed request makes it really retrain.

POST /retrain   what driftd's retraining action sends; answers 202 with the run
GET  /status    the latest run, or the one of `?id=`: {"state": ..., "version": ...}
"""

import glob
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from monitor.clock import Clock, SystemClock
from monitor.demo.flights import ID, LABEL, LABELLED_AT, PRODUCTION, TIMESTAMP, known
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.demo.registry import current, publish
from monitor.demo.signatures import ID_HEADER, unsigned
from monitor.window import parse_time

REQUESTED = "driftd.retraining.requested"


class State(StrEnum):
    """Where a run of the pipeline is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One retraining, from the request that asked for it to the version it made."""

    id: str
    state: State = State.RUNNING
    version: str | None = None
    error: str | None = None
    performance: Mapping[str, float] = field(default_factory=dict)


class Pipeline(Loopback):
    """A training pipeline on the loopback; the same request twice is one run.

    `flights` is its own feature store. For flights in production it knows only the
    labels that the request's label log held before the end of the request's window.
    """

    def __init__(
        self,
        *,
        registry: Path,
        flights: pd.DataFrame,
        secret: str,
        clock: Clock | None = None,
        port: int = 0,
    ) -> None:
        """Publish to a registry; believe only who signs with the secret (`whsec_`)."""
        super().__init__(self._serve, port)
        self._registry = registry
        self._flights = flights
        self._secret = secret
        self._clock = clock or SystemClock()
        self._runs: dict[str, Run] = _answered(registry)
        self._requests: list[dict[str, Any]] = []
        self._runs_lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1)

    @property
    def retrain_url(self) -> str:
        """Where a retraining is asked for."""
        return f"{self.url}/retrain"

    @property
    def status_url(self) -> str:
        """Where a run is followed."""
        return f"{self.url}/status"

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, oldest first."""
        with self._runs_lock:
            return tuple(self._runs.values())

    @property
    def requests(self) -> tuple[dict[str, Any], ...]:
        """The payload of every believed request, repeats included."""
        with self._runs_lock:
            return tuple(self._requests)

    def settle(self, seconds: float) -> None:
        """Wait until every run has come to its end; TimeoutError when it takes long."""
        wait([self._worker.submit(lambda: None)], seconds)
        if any(run.state is State.RUNNING for run in self.runs):
            msg = f"the pipeline is still at work after {seconds:.0f} seconds"
            raise TimeoutError(msg)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._worker.shutdown(cancel_futures=True)

    def _serve(self, request: Request) -> Answer:
        """Answer one request."""
        match request.method, request.path:
            case "POST", "/retrain":
                return self._accept(request)
            case "GET", "/status":
                return self._status(request.query.get("id"))
            case _:
                return _json(404, {"error": "no such page"})

    def _accept(self, request: Request) -> Answer:
        """Start a run for a believed request; the same id again is the same run."""
        doubt = unsigned(request, self._secret, self._clock.now())
        if doubt:
            return _json(401, {"error": doubt})
        try:
            payload = _payload(request.body)
        except ValueError as error:
            return _json(400, {"error": str(error)})
        key = request.headers[ID_HEADER]
        with self._runs_lock:
            self._requests.append(payload)
            if key not in self._runs:
                self._runs[key] = Run(id=key)
                self._worker.submit(self._run, key, payload)
        return _json(202, {"id": key, "status_url": f"{self.status_url}?id={key}"})

    def _status(self, key: str | None) -> Answer:
        """Tell how a run goes."""
        runs = self.runs
        found = [run for run in runs if key in (None, run.id)]
        if not found:
            return _json(404, {"error": "no such run" if runs else "no run yet"})
        return _json(200, asdict(found[-1]))

    def _run(self, key: str, payload: dict[str, Any]) -> None:
        """Retrain, and keep how it went: a run that fails says why."""
        run = Run(id=key)
        try:
            entry = self._retrain(key, payload)
        except Exception as error:  # noqa: BLE001 - whatever it was, the asker hears it
            reason = f"{type(error).__name__}: {error}"
            run = replace(run, state=State.FAILED, error=reason)
        else:
            run = replace(
                run,
                state=State.SUCCEEDED,
                version=entry["version"],
                performance=entry["performance"],
            )
        with self._runs_lock:
            self._runs[key] = run

    def _retrain(self, key: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Train on the data up to the end of the request's window, and publish."""
        until = parse_time(payload["window"]["end"])
        table = training_table(self._flights, payload["data"]["labels"], until)
        version = str(int((current(self._registry) or {"version": "0"})["version"]) + 1)
        now = self._clock.now()
        return publish(
            self._registry, table, version=version, now=now, requested_by=key
        )


def _answered(registry: Path) -> dict[str, Run]:
    """Remember the request that the current version answers, over a restart."""
    entry = current(registry)
    if entry is None or entry["requested_by"] is None:
        return {}
    run = Run(
        id=entry["requested_by"],
        state=State.SUCCEEDED,
        version=entry["version"],
        performance=entry["performance"],
    )
    return {run.id: run}


def training_table(flights: pd.DataFrame, labels: str, until: datetime) -> pd.DataFrame:
    """Return the flights due before a moment, with the labels that were in by then.

    `labels` is the label log: a path or a glob. FileNotFoundError when it has no file.
    """
    files = sorted(glob.glob(labels, recursive=True))  # noqa: PTH207 - any root
    if not files:
        msg = f"there are no labels at {labels}"
        raise FileNotFoundError(msg)
    tables = [
        parquet.ParquetFile(file).read([ID, LABEL, LABELLED_AT]) for file in files
    ]
    log: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    told = log[log[LABELLED_AT] < until].drop_duplicates(ID, keep="last")
    past = known(flights, until)
    in_log = past[ID].map(told.set_index(ID)[LABEL]).astype("boolean")
    return past.assign(
        **{LABEL: past[LABEL].where(past[TIMESTAMP] < PRODUCTION, in_log)}
    )


def _payload(body: bytes) -> dict[str, Any]:
    """Read a request's body; ValueError when it does not ask for a retraining."""
    payload = json.loads(body)
    if not isinstance(payload, dict) or payload.get("type") != REQUESTED:
        msg = f"the body is not of type {REQUESTED}"
        raise ValueError(msg)
    try:
        parse_time(payload["window"]["end"])
        str(payload["data"]["labels"])
    except (KeyError, TypeError) as error:
        msg = f"the body lacks {error}"
        raise ValueError(msg) from error
    return payload


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    """Answer with JSON."""
    headers = {"content-type": "application/json"}
    return Answer(status=status, body=json.dumps(body).encode(), headers=headers)
