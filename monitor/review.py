"""A re-evaluation as people read it: every metric beside what it was before."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.verdict import Status, Verdict
from monitor import wording
from monitor.mrkdwn import visible
from monitor.present import STYLES
from monitor.store.records import Evaluation

_Told = Mapping[str, Mapping[str, Any]]


def table(evaluation: Evaluation, before: Evaluation | None = None) -> RenderableType:
    """Draw an evaluation; `before` is the revision of the same period before it."""
    metrics: _Told = evaluation.body.get("metrics", {})
    previous = dict(evaluation.body.get("previous", {}))
    last = max(previous, default=None)
    earlier: list[tuple[str, _Told]] = []
    if before is not None:
        earlier.append((f"revision {before.revision}", before.body.get("metrics", {})))
    if last is not None:
        earlier.append((last[:10], previous[last] or {}))
    grid = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    for column in ("", "metric", "value [95 % interval]", "reference"):
        grid.add_column(column, no_wrap=True)
    for name, _ in earlier:
        grid.add_column(f"since {name}", no_wrap=True)
    judged = {verdict.check: verdict for verdict in evaluation.verdicts}
    for name in sorted({*metrics, *judged}):
        status, cells = _row(name, evaluation, judged.get(name))
        since = [_change(metrics.get(name), told.get(name)) for _, told in earlier]
        grid.add_row(status, *map(Text, [*cells, *since]))
    return Group(
        Text(title(evaluation), style="bold"),
        Text(coverage(evaluation)),
        Padding(grid, (1, 0, 1, 0), expand=False),
        Text(evaluation.status.value, style=STYLES[evaluation.status]),
    )


def title(evaluation: Evaluation) -> str:
    """Name the model, the period, and which look at it this is."""
    period = evaluation.period
    return (
        f"{evaluation.model} version {visible(evaluation.model_version or '?')}: "
        f"{wording.day(period.start)} to {wording.day(period.end)}, "
        f"labels as of {wording.day(evaluation.as_of)}, revision {evaluation.revision}"
    )


def coverage(evaluation: Evaluation) -> str:
    """Say how many of the predictions have labels."""
    if not evaluation.rows:
        return "no rows were predicted"
    share = wording.percent(evaluation.coverage)
    rows = wording.count(evaluation.rows, "row")
    told = f"{evaluation.labelled:,} of {rows} have labels ({share})"
    labels = evaluation.body.get("labels", {})
    if (maturity := labels.get("maturity")) is not None:
        told += f", {wording.percent(maturity)} of those that will come"
    for cause, count in labels.get("left_out", {}).items():
        told += f"; {count:,} {cause}"
    return told


def _row(
    name: str, evaluation: Evaluation, verdict: Verdict | None
) -> tuple[Text, list[str]]:
    """Return a metric's status, and its name, value and reference."""
    status = verdict.status if verdict else None
    found = evaluation.body.get("metrics", {}).get(name)
    reference = evaluation.body.get("reference", {}).get(name)
    value = verdict.cause or "" if verdict else ""
    if found is not None:
        ends = wording.interval(found["low"], found["high"])
        value = f"{wording.number(found['value'])}  [{ends}]"
        if status is Status.UNKNOWN and verdict and verdict.cause:
            value += f"  {verdict.cause}"
    return (
        Text(status.value, style=STYLES[status]) if status else Text(""),
        [
            wording.name(name),
            value,
            wording.number(reference["value"]) if reference else "",
        ],
    )


def _change(now: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> str:
    """Write by how much a metric changed, with its sign."""
    if now is None or before is None:
        return ""
    change = now["value"] - before["value"]
    return f"{'+' if change > 0 else ''}{wording.number(change)}"
