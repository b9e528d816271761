"""A daemon's state after six days with two models, one of them in trouble."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from checks.verdict import Family, Status
from monitor.action import Receipt
from monitor.config import Config, load
from monitor.incident import Incident, Key, State
from monitor.metrics import Daemon
from monitor.report import place
from monitor.retraining import State as Retraining
from monitor.server import LiveState
from monitor.store import Consequences, Evaluation, Run, RunRecord, Store
from monitor.window import Window
from tests.monitor.examples import delivery, move, retraining, statistic, verdict

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script> "wind"\n\u202e\\'
"""A column whose name tries everything that a page or a format could fall for."""

CONFIG = """
store: sqlite:///state/driftd.db
actions:
  team: {type: log}
  pipeline: {type: retrain, url: "http://127.0.0.1:9/train"}
models:
  flights-late:
    task: binary_classification
    columns:
      temp: {role: feature, kind: numeric}
      score: {role: score}
    reference: {type: parquet, path: reference.parquet}
    source: {type: parquet, path: log.parquet}
    monitors:
      daily: {window: 1d, delay: 2h, actions: [team, pipeline]}
      hourly: {window: 1h, delay: 5m}
  churn:
    columns:
      tenure: {role: feature, kind: numeric}
    reference: {type: parquet, path: reference.parquet}
    source: {type: parquet, path: log.parquet}
    monitors:
      weekly: {window: 7d}
"""

VERDICTS = (
    verdict(found=statistic(1.42, 1.2, 1.6, at_reference=54.1, at_current=76.3)),
    verdict(check="psi", found=statistic(0.41, 0.33, 0.49)),
    verdict(column=HOSTILE, check="psi", found=statistic(0.52, 0.4, 0.6)),
    verdict(
        Status.PASS,
        check="missing",
        family=Family.QUALITY,
        found=statistic(0.0, 0.0, 0.01, at_reference=0.02, at_current=0.02),
    ),
    verdict(
        Status.UNKNOWN,
        column="dew_point",
        cause="the window has 12 values, and 200 are needed",
        threshold=None,
    ),
    verdict(
        Status.WARN,
        column=None,
        check="volume",
        family=Family.QUALITY,
        found=statistic(0.3, 0.1, 0.5),
    ),
    verdict(
        Status.PASS,
        family=Family.PERFORMANCE,
        check="roc_auc",
        column=None,
        found=statistic(0.01, -0.01, 0.03, at_reference=0.78, at_current=0.77),
        threshold=0.03,
    ),
)


def daily(model: str, monitor: str, window: Window, status: Status) -> Run:
    return Run(
        model=model,
        monitor=monitor,
        window=window,
        model_version="1",
        reference_id="ref",
        status=status,
        evaluated=window.end + timedelta(hours=2),
        rows=912,
        verdicts=VERDICTS if model == "flights-late" else VERDICTS[3:4],
        cause="no rows" if status is Status.UNKNOWN else None,
    )


def incidents(last: Window) -> tuple[Incident, ...]:
    return tuple(
        Incident(
            id=f"incident-{number}",
            key=Key.of("flights-late", "daily", found),
            state=State.FIRING if number < 3 else State.PENDING,
            history=(Status.FAIL,),
            opened=last.start - 2 * DAY,
            last_window=last.start,
            verdict=found,
            fired=last.end,
        )
        for number, found in enumerate((*VERDICTS[:3], VERDICTS[5]))
    )


def fill(store: Store, now: datetime) -> None:
    """Write six days; the last window ended at midnight before `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    windows = [
        Window(midnight - n * DAY, midnight - (n - 1) * DAY) for n in range(6, 0, -1)
    ]
    statuses = [Status.PASS, Status.UNKNOWN, Status.WARN, *[Status.FAIL] * 3]
    for window, status in zip(windows, statuses, strict=True):
        store.record_run(RunRecord(run=daily("flights-late", "daily", window, status)))
    week = Window(windows[-1].end - 7 * DAY, windows[-1].end)
    store.record_run(RunRecord(run=daily("churn", "weekly", week, Status.PASS)))
    store.see_version("flights-late", "1", week.start)
    store.see_version("churn", "2026-02", week.start)
    posts = [
        delivery(
            f"d{number}", action=action, group=f"flights-late/{number}", created=now
        )
        for number, action in enumerate(("team", "team", "pipeline", "team"))
    ]
    asked = replace(
        retraining(), model="flights-late", requested=midnight, changed=midnight
    )
    store.decide(
        Consequences(
            moves=tuple(move(incident) for incident in incidents(windows[-1])),
            deliveries=tuple(posts),
            retrainings=(
                asked,
                replace(asked, id="r2", state=Retraining.PROMOTED),
                replace(asked, id="r3", state=Retraining.UNKNOWN),
            ),
        )
    )
    claimed = {one.id: one for one in store.claim_due(now, 3, timedelta(minutes=1))}
    store.delivered(claimed["d0"], Receipt(), now)
    store.dead(claimed["d1"], now, "HTTP 410")
    store.unknown(claimed["d2"], now, "timed out")
    store.record_evaluation(
        Evaluation(
            model="flights-late",
            model_version="1",
            period=Window(week.start - 30 * DAY, week.start),
            as_of=now,
            rows=27_000,
            labelled=25_920,
            status=Status.FAIL,
            body={
                "metrics": {
                    "roc_auc": {"value": 0.71, "low": 0.69, "high": 0.73, "n": 25_920},
                    "log_loss": {"value": 0.53, "low": 0.51, "high": 0.55, "n": 25_920},
                }
            },
        )
    )


def config(folder: Path) -> Config:
    """Return the config that the state belongs to."""
    file = folder / "driftd.yaml"
    file.write_text(CONFIG)
    return load(file, {})


@contextmanager
def filled(folder: Path, now: datetime = NOW) -> Iterator[LiveState]:
    """Yield the state of a daemon whose clock stands still at `now`."""
    told = config(folder)
    reports = folder / "reports"
    with Store.open(told.store) as store:
        fill(store, now)
        state = LiveState(
            store=store,
            config=lambda: told,
            daemon=lambda: Daemon(
                version="0.1.0",
                config_hash=told.hash,
                config_read=now - DAY,
                ticked=now - timedelta(seconds=20),
                reports={"drawn": 3, "failed": 1, "refused": 0},
            ),
            clock=lambda: now,
            reports=reports,
        )
        last = Window(now.replace(hour=0, minute=0, second=0, microsecond=0) - DAY, now)
        report = reports / place("flights-late", "daily", last)
        report.parent.mkdir(parents=True)
        report.write_text("<!doctype html><title>a report</title>")
        yield state
