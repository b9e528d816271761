"""A re-evaluation: a period on the labels that have come, beside all before it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from checks import suite
from checks.correction import Correction
from checks.errors import ChecksError
from checks.evidence import Evidence
from checks.metric import Metric, metrics
from checks.registry import Subject
from checks.suite import Entry
from checks.verdict import Verdict, overall
from monitor import budget, periods
from monitor.arrival import Standing, curve_of
from monitor.baseline import Baseline
from monitor.config import Model, Monitor
from monitor.config.scalars import next_fire
from monitor.consequence import Outcome, follow
from monitor.crowd import Crowd
from monitor.cycle import EVALUATION
from monitor.errors import SourceError
from monitor.evaluate import Watch, verdict_dict
from monitor.feeds import judged_by, labelled
from monitor.incident import Policy
from monitor.labels import LabelJoin
from monitor.logs import logger
from monitor.parts import Baselines, Parts
from monitor.store import Lease, Store
from monitor.store.records import Evaluation
from monitor.window import Window, rfc3339

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reevaluation:
    """A recorded evaluation, and what followed from it."""

    evaluation: Evaluation
    outcome: Outcome


def due(store: Store, name: str, model: Model, now: datetime) -> Iterator[Window]:
    """Walk over the periods of a model whose re-evaluation is due, oldest first.

    A period is due once its schedule's first time after its end has come, and until
    it has been evaluated; the first is the one of the model's first window.
    """
    settings = model.evaluation
    if settings is None:
        return
    starts = [store.first_window(name, monitor) for monitor in model.monitors]
    known = [start for start in starts if start is not None]
    if not known:
        return
    for period in periods.over(min(known), now, settings.period):
        scheduled = next_fire(settings.schedule, period.end) <= now
        if scheduled and not store.evaluations(name, period):
            yield period


def reevaluate(  # noqa: PLR0913 - the whole question, in the open
    parts: Parts,
    baselines: Baselines,
    name: str,
    period: Window,
    *,
    as_of: datetime,
    now: datetime,
    waiting: bool = False,
    under: Lease | None = None,
) -> Reevaluation | None:
    """Evaluate a period on the labels known at `as_of`, and record one more revision.

    With `waiting`, None while too few labels have come and patience is not exhausted;
    None also when another recorded one meanwhile. Raises SourceError when the period
    cannot be evaluated at all.
    """
    model, store = parts.config.models[name], parts.store
    version = _version_at(store, name, period)
    before = len(store.evaluations(name, period))
    watch = watch_of(name, model)
    baseline = baselines.of(watch, version, now)
    found = _labelled(parts, model, version, period, as_of, baseline)
    curve = curve_of(store.arrivals.learned(name, as_of))
    standing = Standing.of(found, model, curve)
    if waiting and _unripe(model, period, standing, now):
        log.info("evaluation_waits", model=name, maturity=standing.ripeness)
        return None
    verdicts = _judge(watch, baseline, found)
    outcome = follow(
        parts.situation(
            name,
            EVALUATION,
            period,
            now=now,
            version=version,
            reference_id=baseline.id,
            actions=model.evaluation.actions if model.evaluation else (),
        ),
        verdicts,
        policy=Policy(no_data_after=None),
        now=now,
        new_id=parts.new_id,
    )
    evaluation = Evaluation(
        model=name,
        model_version=version,
        period=period,
        as_of=as_of,
        rows=found.outcomes.rows,
        labelled=found.outcomes.labelled,
        status=overall(verdicts),
        verdicts=tuple(verdicts),
        body=_body(store, name, baseline, standing, period),
    )
    return _committed(store, evaluation, outcome, before, under)


def _committed(
    store: Store,
    evaluation: Evaluation,
    outcome: Outcome,
    before: int,
    under: Lease | None,
) -> Reevaluation | None:
    """Record an evaluation; None when another has recorded a revision meanwhile."""
    words = log.bind(model=evaluation.model, period=str(evaluation.period))
    revision = store.record_evaluation(
        evaluation, outcome.consequences, after=before, under=under
    )
    if revision is None:
        words.info("evaluated_elsewhere")
        return None
    words.info("evaluated", status=evaluation.status.value)
    return Reevaluation(
        evaluation=replace(evaluation, revision=revision), outcome=outcome
    )


def _labelled(  # noqa: PLR0913, PLR0917 - whose labels, of when, known when
    parts: Parts,
    model: Model,
    version: str,
    period: Window,
    as_of: datetime,
    baseline: Baseline,
) -> LabelJoin:
    """Join the period's predictions with their labels; raises SourceError."""
    bins = baseline.reference.bins
    try:
        found = labelled(model, period, parts.feeds(model, version), as_of, bins)
    except (ChecksError, pa.ArrowException) as error:
        raise SourceError(str(error), permanent=True) from error
    if found is None:
        msg = "the model has no labels. Fix: add a `labels` section to it"
        raise SourceError(msg, permanent=True)
    return found


def _unripe(model: Model, period: Window, found: Standing, now: datetime) -> bool:
    """Tell whether more labels are worth waiting for; some will never come."""
    settings = model.evaluation
    return (
        settings is not None
        and found.ripeness < settings.maturity
        and now < period.end + settings.patience
    )


def _version_at(store: Store, name: str, period: Window) -> str:
    """Return the version that was in production at a period's end."""
    seen = store.versions(name)
    before = [version for version, since in seen if since < period.end]
    if not seen:
        msg = f"no version of model {name!r} has been seen yet. Fix: run `driftd run`"
        raise SourceError(msg, permanent=False)
    return before[-1] if before else seen[0][0]


def watch_of(name: str, model: Model) -> Watch:
    """Return the watch under which a re-evaluation is judged.

    Its stretches are days: what varies together within a day is what the design
    effect of a metric has to account for.
    """
    settings = model.evaluation
    day = timedelta(days=1)
    monitor = Monitor(window=day, every=day, min_rows=1)
    if settings is not None:
        monitor = Monitor(window=day, every=day, min_rows=1, checks=settings.checks)
    return Watch(model=name, monitor=EVALUATION, section=model, settings=monitor)


def _judge(watch: Watch, baseline: Baseline, found: LabelJoin) -> list[Verdict]:
    reference = baseline.reference
    entries: list[Entry] = [
        entry
        for entry in watch.planned(reference)
        if entry.check.subject is Subject.OUTCOMES
    ]
    # No rows are counted again: the reference's own profiles stand in for them.
    evidence = Evidence(
        profile=reference.profile,
        outcomes_cause=baseline.outcomes_cause or "no labels have come yet",
        segments={
            name: Evidence(profile=part.profile)
            for name, part in reference.segments.items()
        },
    )
    crowd = Crowd.of(watch.section.source.personal, reference.profile)
    verdicts = suite.evaluate(
        entries,
        reference,
        judged_by(evidence, baseline, found),
        alpha=budget.of_period(watch.section),
        correction=Correction.HOLM,
    )
    return [crowd.verdict(one) for one in verdicts]


def _body(
    store: Store, name: str, baseline: Baseline, found: Standing, period: Window
) -> dict[str, Any]:
    """Tell every metric with its interval, and the same of the evaluations before."""
    effects = baseline.outcome_effects
    earlier: dict[str, Any] = {}
    for evaluation in store.evaluations(name):
        if evaluation.period.start < period.start:
            earlier[rfc3339(evaluation.period.start)] = evaluation.body.get("metrics")
    return {
        "metrics": _told(metrics(found.join.outcomes), effects, found.join.effect()),
        "reference": _told(
            metrics(baseline.outcomes) if baseline.outcomes else {}, effects
        ),
        "design_effects": dict(effects),
        "previous": earlier,
        "labels": found.to_dict(),
    }


def _told(
    found: Mapping[str, Metric], effects: Mapping[str, float], weights: float = 1.0
) -> dict[str, dict[str, float]]:
    """Tell metrics with intervals that serial correlation and weights have widened."""
    told = {}
    for name, metric in found.items():
        root = math.sqrt(effects.get(name, 1.0) * weights)
        told[name] = {
            "value": metric.value,
            "low": metric.value - (metric.value - metric.low) * root,
            "high": metric.value + (metric.high - metric.value) * root,
            "n": metric.n,
        }
    return told


def to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation in the JSON form that scripts rely on."""
    return {
        "model": evaluation.model,
        "model_version": evaluation.model_version,
        "period": {
            "start": rfc3339(evaluation.period.start),
            "end": rfc3339(evaluation.period.end),
        },
        "as_of": rfc3339(evaluation.as_of),
        "revision": evaluation.revision,
        "rows": evaluation.rows,
        "labelled": evaluation.labelled,
        "coverage": evaluation.coverage,
        "status": evaluation.status.value,
        "verdicts": [verdict_dict(verdict) for verdict in evaluation.verdicts],
        **evaluation.body,
    }
