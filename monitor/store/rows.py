"""Between the values of the daemon and the rows of the tables, both ways."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from checks.statistic import Statistic
from checks.verdict import Family, Reason, Status, Verdict
from monitor import retraining
from monitor.action import Delivery, Kind
from monitor.incident import Cause, Incident, Key, State, Transition
from monitor.retraining import Retraining
from monitor.store.records import (
    Attempt,
    AuditEntry,
    Evaluation,
    Outcome,
    Posted,
    Run,
    StoredReference,
)
from monitor.window import Window

Row = Mapping[str, Any] | RowMapping

_STATISTIC = (
    "value",
    "low",
    "high",
    "p_value",
    "n_reference",
    "n_current",
    "hidden",
    "at_reference",
    "at_current",
    "detail",
)


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict flat: its own fields and its statistic's beside them."""
    statistic = verdict.statistic
    return {
        "family": verdict.family.value,
        "check": verdict.check,
        "column": verdict.column,
        "segment": verdict.segment,
        "status": verdict.status.value,
        "reason": verdict.reason.value,
        "cause": verdict.cause,
        "p_adjusted": verdict.p_adjusted,
        "threshold": verdict.threshold,
    } | {name: getattr(statistic, name, None) for name in _STATISTIC}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as it stands inside another row: with what explains it."""
    found = verdict.statistic
    named = [list(pair) for pair in found.explained_by] if found else []
    return verdict_row(verdict) | {"explained_by": named}


def verdict_of(row: Row) -> Verdict:
    """Return the verdict that a flat row holds, or one that stands inside another."""
    measured = row["value"] is not None
    named = tuple((name, share) for name, share in row.get("explained_by", ()))
    return Verdict(
        check=row["check"],
        family=Family(row["family"]),
        column=row["column"],
        segment=row["segment"],
        status=Status(row["status"]),
        reason=Reason(row["reason"]),
        cause=row["cause"],
        statistic=Statistic(**{k: row[k] for k in _STATISTIC}, explained_by=named)
        if measured
        else None,
        p_adjusted=row["p_adjusted"],
        threshold=row["threshold"],
    )


def run_row(run: Run) -> dict[str, Any]:
    """Return a run's row, without its verdicts."""
    return {
        "model": run.model,
        "monitor": run.monitor,
        "window_start": run.window.start,
        "window_end": run.window.end,
        "model_version": run.model_version,
        "reference_id": run.reference_id,
        "status": run.status.value,
        "evaluated": run.evaluated,
        "rows": run.rows,
        "sampled": run.sampled,
        "seconds": run.seconds,
        "cause": run.cause,
        "profile_hash": run.profile_hash,
        "config_hash": run.config_hash,
    }


def run_of(row: Row, verdicts: tuple[Verdict, ...]) -> Run:
    """Return the run that a row and its verdicts hold."""
    plain = {k: v for k, v in row.items() if not k.startswith("window_") and k != "seq"}
    return Run(
        **plain
        | {
            "window": Window(row["window_start"], row["window_end"]),
            "status": Status(row["status"]),
            "verdicts": verdicts,
        }
    )


def incident_row(incident: Incident) -> dict[str, Any]:
    """Return an incident's row."""
    key = incident.key
    return {
        "id": incident.id,
        "model": key.model,
        "monitor": key.monitor,
        "family": key.family.value,
        "check": key.check,
        "column": key.column,
        "segment": key.segment,
        "state": incident.state.value,
        "history": [status.value for status in incident.history],
        "opened": incident.opened,
        "last_window": incident.last_window,
        "fired": incident.fired,
        "resolved": incident.resolved,
        "verdict": verdict_json(incident.verdict),
    }


def incident_of(row: Row) -> Incident:
    """Return the incident that a row holds."""
    key = Key(
        model=row["model"],
        monitor=row["monitor"],
        family=Family(row["family"]),
        check=row["check"],
        column=row["column"],
        segment=row["segment"],
    )
    return Incident(
        id=row["id"],
        key=key,
        state=State(row["state"]),
        history=tuple(Status(status) for status in row["history"]),
        opened=row["opened"],
        last_window=row["last_window"],
        fired=row["fired"],
        resolved=row["resolved"],
        verdict=verdict_of(row["verdict"]),
    )


def transition_row(transition: Transition) -> dict[str, Any]:
    """Return a transition's row."""
    return {
        "incident": transition.incident_id,
        "old": transition.old.value,
        "new": transition.new.value,
        "reason": transition.reason.value,
        "at": transition.at,
    }


def transition_of(row: Row) -> Transition:
    """Return the transition that a row holds."""
    return Transition(
        incident_id=row["incident"],
        old=State(row["old"]),
        new=State(row["new"]),
        reason=Cause(row["reason"]),
        at=row["at"],
    )


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """Return the outbox row of a delivery that waits for its first attempt."""
    return {
        "id": delivery.id,
        "action": delivery.action,
        "kind": delivery.kind.value,
        "group": delivery.group,
        "model": delivery.model,
        "monitor": delivery.monitor,
        "reason": str(delivery.reason),
        "body": dict(delivery.body),
        "incident_ids": sorted(delivery.incident_ids),
        "created": delivery.created,
        "outcome": (Outcome.HELD if delivery.held else Outcome.PENDING).value,
        "attempts": 0,
        "next_attempt": delivery.created,
        "detail": "",
        "memory": {},
    }


def delivery_of(
    row: Row, *, memory: Mapping[str, Any], interrupted: bool = False
) -> Delivery:
    """Return the delivery that an outbox row holds."""
    return Delivery(
        id=row["id"],
        action=row["action"],
        kind=Kind(row["kind"]),
        group=row["group"],
        model=row["model"],
        monitor=row["monitor"],
        reason=row["reason"],
        body=row["body"],
        created=row["created"],
        incident_ids=frozenset(row["incident_ids"]),
        attempt=row["attempts"],
        interrupted=interrupted,
        memory=memory,
    )


def posted_of(row: Row, attempts: tuple[Attempt, ...]) -> Posted:
    """Return a delivery with what became of it."""
    return Posted(
        delivery=delivery_of(row, memory=row["memory"]),
        outcome=Outcome(row["outcome"]),
        next_attempt=row["next_attempt"],
        settled=row["settled"],
        remote_id=row["remote_id"],
        detail=row["detail"],
        attempts=attempts,
    )


def attempt_of(row: Row) -> Attempt:
    """Return the attempt that a row holds."""
    return Attempt(
        number=row["number"],
        started=row["started"],
        ended=row["ended"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        detail=row["detail"],
    )


def retraining_row(made: Retraining) -> dict[str, Any]:
    """Return a retraining's row."""
    plain = {name: getattr(made, name) for name in _RETRAINING}
    return plain | {
        "state": made.state.value,
        "window_start": made.window.start,
        "window_end": made.window.end,
        "incident_ids": sorted(made.incident_ids),
    }


def retraining_of(row: Row) -> Retraining:
    """Return the retraining that a row holds."""
    return Retraining(
        **{name: row[name] for name in _RETRAINING},
        state=retraining.State(row["state"]),
        window=Window(row["window_start"], row["window_end"]),
        incident_ids=frozenset(row["incident_ids"]),
    )


_RETRAINING = (
    "id",
    "model",
    "monitor",
    "model_version",
    "action",
    "requested",
    "changed",
    "evidence",
    "remote_id",
    "detail",
)


def evaluation_row(made: Evaluation) -> dict[str, Any]:
    """Return an evaluation's row."""
    plain = {name: getattr(made, name) for name in _EVALUATION}
    return plain | {
        "period_start": made.period.start,
        "period_end": made.period.end,
        "status": made.status.value,
        "verdicts": [verdict_json(verdict) for verdict in made.verdicts],
        "body": dict(made.body),
    }


def evaluation_of(row: Row) -> Evaluation:
    """Return the evaluation that a row holds."""
    return Evaluation(
        **{name: row[name] for name in _EVALUATION},
        period=Window(row["period_start"], row["period_end"]),
        status=Status(row["status"]),
        verdicts=tuple(verdict_of(one) for one in row["verdicts"]),
        body=row["body"],
    )


_EVALUATION = ("model", "model_version", "as_of", "revision", "rows", "labelled")


def reference_of(row: Row) -> StoredReference:
    """Return the reference that a row holds."""
    return StoredReference(**{k: v for k, v in row.items() if k != "seq"})


def reference_row(made: StoredReference) -> dict[str, Any]:
    """Return a reference's row."""
    return asdict(made)


def audit_of(row: Row) -> AuditEntry:
    """Return the audit entry that a row holds."""
    return AuditEntry(**{k: v for k, v in row.items() if k != "seq"})
