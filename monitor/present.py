"""An assessment as people and scripts read it: table, Markdown or JSON."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, MutableMapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checks.suite import FEW_IN_SEGMENT
from checks.verdict import Reason, Status, Verdict, is_series
from monitor import wording
from monitor.arrival import Standing
from monitor.evaluate import Assessment
from monitor.mrkdwn import visible
from monitor.notes import named

STYLES = {
    Status.FAIL: "bold red",
    Status.WARN: "yellow",
    Status.UNKNOWN: "magenta",
    Status.PASS: "green",
}


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Order verdicts by gravity, and within it by how far beyond their threshold."""
    return sorted(
        verdicts,
        key=lambda v: (
            -v.status.severity,
            -_excess(v),
            v.column or "",
            v.segment or "",
            v.check,
        ),
    )


def _excess(verdict: Verdict) -> float:
    if verdict.statistic is None:
        return 0.0
    return verdict.statistic.value / (verdict.threshold or 1.0)


def summary(assessment: Assessment) -> str:
    """Say what the window came to in one line."""
    counts = Counter(verdict.status for verdict in assessment.verdicts)
    said = ", ".join(
        f"{counts[status]} {status.value}" for status in STYLES if counts[status]
    )
    return f"{assessment.status.value}: {said or 'nothing was checked'}"


def title(assessment: Assessment) -> str:
    """Name the model, its version, the window and the reference in one line."""
    watch, window = assessment.watch, assessment.window
    stretch = (
        f"{wording.day(window.start)} to {wording.day(window.end)}"
        if window
        else "all rows"
    )
    return (
        f"{watch.model} version {assessment.version}, monitor {watch.monitor}: "
        f"{stretch}, "
        f"{_rows(assessment)} against "
        f"{wording.count(assessment.reference_rows, 'row')} of reference"
    )


def _rows(assessment: Assessment) -> str:
    """Tell how many rows were looked at, and of how many where it is but a sample."""
    said = wording.count(assessment.profile.rows, "row")
    sampled = assessment.profile.weight is not None
    return f"{said} of {assessment.traffic:,}" if sampled else said


def labels(standing: Standing) -> str:
    """Say how far the labels of a window have come."""
    found = standing.join.outcomes
    told = f"labels: {found.labelled:,} of {wording.count(found.rows, 'prediction')}"
    said = [wording.percent(standing.coverage)]
    if standing.maturity is not None:
        said.append(f"{wording.percent(standing.maturity)} of those that will come")
    return f"{told} ({', '.join(said)})"


def measured(verdict: Verdict) -> str:
    """Write a verdict's value with its 95 % interval."""
    found = verdict.statistic
    if found is None:
        return ""
    fewer = wording.is_fewer(verdict)
    if fewer is not None:
        ends = wording.factors(found, fewer=fewer).removesuffix(" times")
        return f"{wording.factor(found.value, fewer=fewer)} [{ends}]"
    value = wording.number(found.value)
    exact = verdict.p_adjusted is None and found.p_value is None
    if exact and not is_series(verdict.check):
        return value
    return f"{value} [{wording.interval(found.low, found.high)}]"


def limit(verdict: Verdict) -> str:
    """Write the threshold that a value is held against."""
    fewer = wording.is_fewer(verdict)
    if verdict.threshold is None:
        return ""
    if fewer is not None:
        return wording.factor(verdict.threshold, fewer=fewer)
    return wording.number(verdict.threshold)


def evidence(verdict: Verdict) -> str:
    """Write from where to where the plain measure went, and the details."""
    found = verdict.statistic
    if found is None:
        return ""
    if is_series(verdict.check):
        return found.detail
    said = []
    if found.at_reference is not None and found.at_current is not None:
        before, after = found.at_reference, found.at_current
        said.append(f"{wording.number(before)} → {wording.number(after)}")
    if found.detail:
        said.append(found.detail)
    if verdict.reason is Reason.LARGE_BUT_UNCERTAIN:
        said.append("may be chance")
    if verdict.reason is Reason.LARGE_BUT_USUAL:
        said.append("usual for this stream")
    return ", ".join(said)


def probability(verdict: Verdict) -> str:
    """Write the adjusted p-value, or that chance plays no part."""
    if verdict.statistic is None:
        return ""
    if verdict.p_adjusted is None:
        if verdict.reason is Reason.PEERS_RULE:
            return "rule"
        return "" if is_series(verdict.check) else "exact"
    p = verdict.p_adjusted
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"  # noqa: PLR2004 - four digits shown


def rows(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, ...]]:
    """Write verdicts as cells; what is UNKNOWN for one cause is one row.

    A column's segment stands beside its name.
    """
    silent: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.status is Status.UNKNOWN:
            silent[verdict.segment or "", verdict.cause or ""].append(verdict)
            continue
        yield (
            verdict.status.value,
            _in(verdict.segment, visible(verdict.column or "(table)")),
            verdict.check,
            measured(verdict),
            limit(verdict),
            probability(verdict),
            visible(evidence(verdict)),
        )
    yield from _small_segments(silent)
    for (segment, cause), same in silent.items():
        columns = list(dict.fromkeys(v.column or "(table)" for v in same))
        checks = list(dict.fromkeys(v.check for v in same))
        yield (
            Status.UNKNOWN.value,
            _in(segment, _few(columns, "columns")),
            _few(checks, "checks"),
            *("", "", ""),
            visible(cause),
        )


def _small_segments(
    silent: MutableMapping[tuple[str, str], list[Verdict]],
) -> Iterator[tuple[str, ...]]:
    """Take the segments that have too few rows out, and write them in one row."""
    small = [key for key in silent if key[1].startswith(FEW_IN_SEGMENT)]
    if len(small) < 2:  # noqa: PLR2004 - one alone has a row of its own
        return
    checks = {v.check for key in small for v in silent.pop(key)}
    least: dict[str, list[str]] = {}
    for segment, cause in small:
        found, _, needed = cause.removeprefix(FEW_IN_SEGMENT).partition(", and ")
        side, _, count = found.partition(": ")
        told = f"{segment} ({count})" if side == "window" else f"{segment} ({found})"
        least.setdefault(needed, []).append(told)
    said = [f"{named(names)}, and {needed}" for needed, names in least.items()]
    yield (
        Status.UNKNOWN.value,
        f"{len(small)} segments",
        _few(sorted(checks), "checks"),
        *("", "", ""),
        f"too few rows: {'; '.join(said)}",
    )


def _in(segment: str | None, what: str) -> str:
    return f"{what} ({visible(segment)})" if segment else what


def _few(names: Sequence[str], noun: str) -> str:
    """Name one thing, or say how many there are."""
    return visible(names[0]) if len(names) == 1 else f"{len(names)} {noun}"


def table(assessment: Assessment, *, passing: bool = False) -> RenderableType:
    """Draw the verdicts for a terminal, worst first; what passed is a number."""
    shown = [
        verdict
        for verdict in ranked(assessment.verdicts)
        if passing or verdict.status is not Status.PASS
    ]
    grid = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    grid.add_column("", no_wrap=True)
    room = 48 if any(verdict.segment for verdict in shown) else 24
    grid.add_column("column", no_wrap=True, overflow="ellipsis", max_width=room)
    grid.add_column("check", no_wrap=True)
    grid.add_column("value [95 %]", no_wrap=True)
    grid.add_column("limit", justify="right", no_wrap=True)
    grid.add_column("adj. p", justify="right", no_wrap=True)
    grid.add_column("reference → window")
    for cells in rows(shown):
        status = Status(cells[0])
        grid.add_row(Text(status.value, style=STYLES[status]), *map(Text, cells[1:]))
    parts: list[RenderableType] = [Text(title(assessment), style="bold")]
    if assessment.standing is not None:
        parts.append(Text(labels(assessment.standing)))
    parts += [Text(f"note: {note}", style="dim") for note in assessment.notes]
    if shown:
        parts.append(Padding(grid, (1, 0, 1, 0), expand=False))
    parts.append(Text(summary(assessment), style=STYLES[assessment.status]))
    return Group(*parts)


def markdown(assessment: Assessment) -> str:
    """Write the verdicts as Markdown, for a merge request."""
    lines = [
        f"### driftd: {assessment.status.value}",
        "",
        _cell(title(assessment)),
        "",
        (
            "| status | column | check | value [95 %] | limit | adj. p "
            "| reference → window |"
        ),
        "|---|---|---|---|---:|---:|---|",
    ]
    shown = [v for v in ranked(assessment.verdicts) if v.status is not Status.PASS]
    lines += ["| " + " | ".join(map(_cell, cells)) + " |" for cells in rows(shown)]
    notes = [f"\n> note: {_cell(note)}" for note in assessment.notes]
    return "\n".join([*lines, *notes, "", summary(assessment), ""])


def _cell(text: str) -> str:
    """Keep a name from breaking out of its cell or becoming markup."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    for mark in "\\|`*_<>[]":
        kept = kept.replace(mark, "\\" + mark)
    return kept


def as_json(assessment: Assessment) -> str:
    """Write an assessment as one JSON object; never NaN."""
    return json.dumps(assessment.to_dict(), indent=2, allow_nan=False)
