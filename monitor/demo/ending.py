"""Whether the story happened: each of its steps, read back from what was committed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checks.verdict import Family, Status
from monitor.demo.gain import Gain
from monitor.demo.stage import BUG, END, MODEL, MORNING, START, Stage
from monitor.incident import Cause, Incident, State, Transition
from monitor.notice import Reason
from monitor.retraining import State as RetrainingState
from monitor.store.records import Outcome, Posted

MONTHS = 8
"""April to November: December's labels are not ripe when the story ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the story: what should have happened, and whether it did."""

    said: str
    happened: bool


def steps(stage: Stage, gain: Gain | None) -> Iterator[Step]:
    """Walk over the steps in their order."""
    store = stage.app.store
    incidents = store.newest_incidents(limit=10_000)
    posted = store.deliveries(limit=10_000)
    yield from _drift(incidents, posted)
    yield from _loop(stage, incidents)
    yield Step(
        said="retraining paid: the log loss is lower than version 1's would have been",
        happened=gain is not None and gain.high < 0,
    )
    yield from _bug(stage, incidents)
    yield from _records(stage, posted)


def _drift(incidents: list[Incident], posted: list[Posted]) -> Iterator[Step]:
    drifted = [i for i in incidents if i.key.family is Family.DRIFT and i.fired]
    yield Step(said="drift was found in production", happened=bool(drifted))
    told = {
        one
        for delivery in posted
        if delivery.outcome is Outcome.DELIVERED
        and delivery.delivery.action == "team"
        and delivery.delivery.reason == Reason.FIRST
        for one in delivery.delivery.incident_ids
    }
    yield Step(
        said="the team heard of it in Slack",
        happened=any(incident.id in told for incident in drifted),
    )


def _loop(stage: Stage, incidents: list[Incident]) -> Iterator[Step]:
    store = stage.app.store
    failed = [e for e in store.evaluations(MODEL) if e.status is Status.FAIL]
    yield Step(
        said="a month's labels showed that the model had become worse",
        happened=bool(failed),
    )
    promoted = [
        r for r in store.retrainings(MODEL) if r.state is RetrainingState.PROMOTED
    ]
    yield Step(
        said="a retraining was requested, accepted, done, and its version promoted",
        happened=bool(promoted) and (stage.registry / "2" / "model.json").is_file(),
    )
    versions = [version for version, _ in store.versions(MODEL)]
    yield Step(
        said="driftd saw version 2 and took its reference",
        happened="2" in versions
        and any(
            run.model_version == "2" and run.reference_id
            for run in store.runs_between(MODEL, "daily", START, END)
        ),
    )
    closed = [
        m for i in incidents for m in _transitions(stage, i, Cause.REFERENCE_ROTATED)
    ]
    yield Step(said="the incidents about version 1 were closed", happened=bool(closed))


def _bug(stage: Stage, incidents: list[Incident]) -> Iterator[Step]:
    store = stage.app.store
    during = [
        r
        for r in store.retrainings(MODEL)
        if BUG.start <= r.requested < BUG.end + MORNING
    ]
    skews = [
        i
        for i in incidents
        if i.key.family is Family.SKEW and i.key.column == BUG.column and i.fired
    ]
    named = any(
        i.verdict.statistic is not None and "kilomet" in i.verdict.statistic.detail
        for i in skews
    )
    yield Step(
        said="row-level skew named the serving bug: kilometres for miles",
        happened=named,
    )
    yield Step(said="the bug triggered no retraining", happened=not during)
    refusals = [
        e
        for e in store.evaluations(MODEL)
        if e.status is Status.FAIL and BUG.start <= e.as_of < BUG.end + MORNING
    ]
    yield Step(
        said="though a month's evaluation failed while it lasted",
        happened=bool(refusals),
    )
    yield Step(
        said="the incident ended after the bug did",
        happened=any(i.state is State.RESOLVED for i in skews),
    )


def _records(stage: Stage, posted: list[Posted]) -> Iterator[Step]:
    store = stage.app.store
    months = {e.period.start for e in store.evaluations(MODEL)}
    yield Step(
        said="every month was re-evaluated on its labels",
        happened=len(months) == MONTHS,
    )
    lost = [p for p in posted if p.outcome is not Outcome.DELIVERED]
    yield Step(said="every message was delivered", happened=bool(posted) and not lost)
    yield Step(
        said="evidently's report was drawn beside a firing incident",
        happened=bool(reports(stage)),
    )


def _transitions(stage: Stage, incident: Incident, cause: Cause) -> list[Transition]:
    moves = stage.app.store.transitions(incident.id)
    return [move for move in moves if move.reason is cause]


def reports(stage: Stage) -> list[Path]:
    """Return the reports that were drawn, oldest window first."""
    return sorted(stage.app.reports.folder.rglob("*.html"))
