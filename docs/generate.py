"""Write the reference pages that the code itself can tell; `--check` only compares.

A page is a function of the code alone, so that a page in the repository that differs
from what is made here is out of date, and CI says so.
"""

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from checks import registry
from checks.registry import Check
from checks.schema import Kind

REFERENCE = Path(__file__).parent / "reference"


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
        + ("; part of the standard suite" if check.default else ""),
    ]
    if check.tasks:
        lines.append(f"- for {words(check.tasks)}")
    lines += [
        f"- option `{name}`, {parameter.default!r} unless told"
        for name, parameter in check.options.items()
    ]
    return lines


def section(check: Check) -> str:
    """Write the part of the page that one check has."""
    docstring = told(inspect.getdoc(check.measure) or "")
    return "\n\n".join((f"## {check.name}", "\n".join(facts(check)), docstring))


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
    return head + "\n".join(rows) + "\n\n" + "\n\n".join(map(section, every)) + "\n"


PAGES: dict[str, Callable[[], str]] = {"checks.md": checks_page}


def main(arguments: list[str]) -> int:
    """Write every page, or with `--check` say which is out of date; 1 when one is."""
    stale = []
    for name, make in PAGES.items():
        page, text = REFERENCE / name, make()
        if page.is_file() and page.read_text() == text:
            continue
        stale.append(f"docs/reference/{name} is out of date. Fix: make format")
        if "--check" not in arguments:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text)
    if "--check" in arguments:
        print("\n".join(stale) or f"{len(PAGES)} generated pages are up to date")
        return 1 if stale else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
