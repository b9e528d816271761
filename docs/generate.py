"""Write the reference pages that the code itself can tell; `--check` only compares.

A page is a function of the code alone, so that a page in the repository that differs
from what is made here is out of date, and CI says so.
"""

import inspect
import sys
from collections.abc import Callable, Iterable
from inspect import Parameter
from pathlib import Path

from checks import registry
from checks.option import choices_of, range_of
from checks.registry import Check
from checks.schema import Kind
from checks.sequence import registry as sequence
from checks.sequence.registry import Detector
from docs import dashboard
from monitor.metrics import METRICS
from monitor.metrics.worst import TOP_IN_ALL, TOP_OF_A_MODEL

ROOT = Path(__file__).parents[1]


def words(values: Iterable[str]) -> str:
    """Join names as code, in order."""
    return ", ".join(f"`{value}`" for value in sorted(values))


def told(docstring: str) -> str:
    r"""Turn a docstring into Markdown: its examples become blocks of Python.

    >>> told("It adds.\n\n>>> 1 + 1\n2\n\nNo more.")
    'It adds.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nNo more.'
    """
    parts = docstring.strip().split("\n\n")
    return "\n\n".join(
        f"```pycon\n{part}\n```" if part.lstrip().startswith(">>>") else part
        for part in parts
    )


def facts(check: Check) -> list[str]:
    """List what a check's declaration says."""
    kinds = "any kind" if check.kinds == frozenset(Kind) else words(check.kinds)
    lines = [
        f"- family `{check.family}`, compares `{check.subject}`, {kinds}",
        f"- threshold {check.threshold:g}"
        + ("" if check.most is None else f", of at most {check.most:.4g}")
        + ("; part of the standard suite" if check.default else ""),
    ]
    if check.peer is not None:
        lines.append(f"- preset `{check.peer}`: its own rule decides, not the two keys")
    if check.tasks:
        lines.append(f"- for {words(check.tasks)}")
    lines += [
        f"- option `{name}`, {parameter.default!r} unless told{may_be(parameter)}"
        for name, parameter in check.options.items()
        if name != "threshold"
    ]
    return lines


def may_be(option: Parameter) -> str:
    """Say which values an option may have, where that is known."""
    choices, limits = choices_of(option), range_of(option)
    if choices:
        return f": one of {', '.join(f'`{choice}`' for choice in choices)}"
    return f": {limits}" if limits else ""


def section(check: Check) -> str:
    """Write the part of the page that one check has."""
    docstring = told(inspect.getdoc(check.measure) or "")
    return "\n\n".join((f"## {check.name}", "\n".join(facts(check)), docstring))


def detector_section(detector: Detector) -> str:
    """Write the part of the page that one detector has."""
    what = "single outcomes, 0 right and 1 wrong" if detector.errors else "any numbers"
    lines = [f"- a history of {what}"] + [
        f"- option `{name}`, {parameter.default!r} unless told"
        for name, parameter in detector.options.items()
    ]
    docstring = told(inspect.getdoc(detector.detect) or "")
    return "\n\n".join((f"### {detector.name}", "\n".join(lines), docstring))


def detectors_part() -> str:
    """Write the part of the page that tells of all detectors."""
    every = sequence.every()
    rows = [f"| [{d.name}](#{d.name}) | {d.summary} |" for d in every]
    head = (
        "## Detectors of change along a history\n\n"
        "Functions of `checks.sequence`, for a history of numbers in the order of\n"
        "time: at which points a change was detected, and where it probably began.\n"
        "They keep no state. A monitor's `sequence:` names them, with the check whose\n"
        "figure is the history ([how](../statistics.md#what-lasts)); code may call\n"
        "them. In a monitor the false-alarm budget sets the limit that the options\n"
        "leave open, and `cusum` has running estimates, a `warm_up` of 10 and a\n"
        "`slack` of 0.25; with `convention: river` the defaults below hold.\n\n"
        "| detector | what it detects |\n|---|---|\n"
    )
    return head + "\n".join(rows) + "\n\n" + "\n\n".join(map(detector_section, every))


def checks_page() -> str:
    """Write the page of all checks."""
    every = [registry.get(name) for name in registry.names()]
    rows = [
        f"| [{c.name}](#{c.name}) | {c.family} | {c.threshold:g} | {c.summary} |"
        for c in every
    ]
    head = (
        "# Checks\n\n"
        "Every check there is, from its own docstring. A larger value is always\n"
        "farther from the reference; the threshold is the practical difference that a\n"
        "check alarms on unless the configuration says otherwise.\n\n"
        "| check | family | threshold | what it measures |\n|---|---|---|---|\n"
    )
    return (
        head
        + "\n".join(rows)
        + "\n\n"
        + "\n\n".join(map(section, every))
        + "\n\n"
        + detectors_part()
        + "\n"
    )


def metrics_page() -> str:
    """Write the page of all metrics."""
    rows = [
        f"| `{m.name}` | {m.sort} | {words(m.labels) or '–'} | {m.help} |"
        for m in METRICS
    ]
    head = (
        "# Metrics\n\n"
        "Every metric at `/metrics`, read from the last committed state when it is\n"
        f"scraped. Of a model at most {TOP_OF_A_MODEL} statistics are series, and\n"
        f"{TOP_IN_ALL:,} of all models together: the worst ones. All of them are in\n"
        "the store. Beside these stand `process_cpu_seconds_total`,\n"
        "`process_resident_memory_bytes` and what else the operating system tells of\n"
        "the process. Rules over them are in `configs/prometheus/`, a dashboard in\n"
        "`configs/grafana/`.\n\n"
        "| metric | sort | labels | what it says |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/checks.md": checks_page,
    "docs/reference/metrics.md": metrics_page,
    "configs/grafana/dashboards/driftd-overview.json": dashboard.page,
}


def main(arguments: list[str]) -> int:
    """Write every page, or with `--check` say which is out of date; 1 when one is."""
    stale = []
    for name, make in PAGES.items():
        page, text = ROOT / name, make()
        if page.is_file() and page.read_text() == text:
            continue
        stale.append(f"{name} is out of date. Fix: make format")
        if "--check" not in arguments:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text)
    if "--check" in arguments:
        print("\n".join(stale) or f"{len(PAGES)} generated pages are up to date")
        return 1 if stale else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
