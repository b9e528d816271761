"""Figures of what driftd was put through, and the page that tells them.

`python -m tests.crash.figures --write` runs the tests that kill, stop, fill and cut
off, as often as the environment says (`make soak` names the variables), and writes what
they noted into `docs/reliability.md`. Without `--write` the page is printed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FILE = "DRIFTD_FIGURES"
"""The variable that names the file in which tests note their figures."""
TESTS = (
    "tests/crash",
    "tests/monitor/store/test_outage.py",
    "tests/contract/test_every_target.py",
)


def note(what: str, **figures: int) -> None:
    """Note what was done to driftd, and how often; the page adds like to like."""
    place = os.environ.get(FILE)
    if place is not None:
        line = json.dumps({"what": what, **figures})
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def noted() -> list[dict[str, Any]]:
    """Run the tests and return what they noted; exits where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "figures.jsonl"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", *TESTS],
            cwd=ROOT,
            env={**os.environ, FILE: str(place)},
            check=False,
        )
        if done.returncode != 0:
            sys.exit("a test failed: the page is left as it was")
        lines = place.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def page(figures: list[dict[str, Any]]) -> str:
    """Return the page."""
    sums: dict[str, Counter[str]] = {}
    for one in figures:
        counts = {name: n for name, n in one.items() if name != "what"}
        sums.setdefault(one["what"], Counter()).update(counts)
    rows = []
    for what, found in sorted(sums.items()):
        times = found.pop("times")
        of = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in found.items())
        rows.append(f"| {what} | {times:,} | {of} |")
    return "\n".join([TEXT, *rows, ""])


TEXT = """# Reliability

What driftd promises, whatever befalls it: no alert is lost, no window has two runs, no
target that knows keys starts a second training, and what is sent twice has the same id
and body both times. A target without keys that cannot be searched is never asked twice:
where nobody can know whether it was reached, a person is told.

The tests do to it what machines do, at random moments of a seeded story, and compare
all that is in the store and all that was received with the same story told in peace.
`make test` runs them small, `make soak` long. This page is written by
`python -m tests.crash.figures --write`, and by no run in which a promise was broken. In
the run that wrote it there were 0 lost alerts, 0 second trainings, 0 repeats with
another id or body, and exactly one run a window:

| what befell it | times | in a story of |
|---|---|---|"""


def main(arguments: list[str]) -> None:
    """Run, and write or print the page."""
    text = page(noted())
    if arguments == ["--write"]:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
