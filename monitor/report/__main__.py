"""The process that draws: the only place of driftd where evidently is imported.

`python -m monitor.report FOLDER...` draws the order in each folder. One that cannot be
drawn does not keep the others from being drawn; the last line of stderr says why.
"""

import html
import os
import resource
import sys
import traceback
from pathlib import Path

from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

from checks.schema import Kind
from monitor.report.desk import DONE
from monitor.report.frame import Frames, frames
from monitor.report.order import Order, read

MEMORY = 4 << 30
"""Bytes of address space: a report that needs more is not worth the machine."""
NICENESS = 10

# The file holds all that it shows: scripts and styles are in it, and it reaches
# nowhere, whether it is served, opened from a disk or read in a chat.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval';"
    " style-src 'unsafe-inline'; img-src data: blob:; font-src data:;"
    " form-action 'none'"
)


def main(folders: list[str]) -> int:
    """Draw every order; 1 when one could not be drawn."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    failures = [name for name in folders if not _tried(Path(name))]
    return 1 if failures else 0


def _tried(folder: Path) -> bool:
    """Draw one order; evidently raises what it likes, and it is only one report."""
    try:
        text = draw(read(folder))
    except Exception:  # noqa: BLE001 - told on stderr, where the desk reads it
        traceback.print_exc()
        return False
    fresh = folder / "drawing"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(folder / DONE)
    return True


def draw(order: Order) -> str:
    """Return the report as one HTML file; raises ValueError when nothing can be."""
    both = frames(order.schema, order.reference, order.current)
    if not both.kinds:
        raise ValueError(_nothing(both))
    try:
        page = _page(both)
    except Exception:  # noqa: BLE001 - evidently's, for a column that it cannot take
        both = both.without(_culprits(both))
        if not both.kinds:
            raise ValueError(_nothing(both)) from None
        page = _page(both)
    return dressed(page, order, both)


def _nothing(both: Frames) -> str:
    """Say why there is nothing to draw."""
    reasons = "; ".join(f"{name}: {why}" for name, why in both.left_out.items())
    return f"no column can be drawn ({reasons})"


def _culprits(both: Frames) -> dict[str, str]:
    """Draw each column alone, and return those that cannot be, with the cause."""
    found = {}
    for name in both.kinds:
        others = dict.fromkeys(set(both.kinds) - {name}, "")
        try:
            _page(both.without(others))
        except Exception as error:  # noqa: BLE001 - named in the report
            found[name] = str(error) or type(error).__name__
    return found


def _page(both: Frames) -> str:
    """Have evidently draw; nothing is left for it to guess."""
    definition = DataDefinition(
        numerical_columns=both.of_kind(Kind.NUMERIC),
        categorical_columns=both.of_kind(Kind.CATEGORICAL, Kind.BOOLEAN),
        datetime_columns=both.of_kind(Kind.DATETIME),
        text_columns=[],
    )
    presets = [DataSummaryPreset()]
    if both.of_kind(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN):
        presets.insert(0, DataDriftPreset())
    run = Report(presets, include_tests=False).run(
        Dataset.from_pandas(both.current, data_definition=definition),
        Dataset.from_pandas(both.reference, data_definition=definition),
    )
    return str(run.get_html_str(as_iframe=False))


def dressed(page: str, order: Order, both: Frames) -> str:
    """Add to evidently's page what it is of, and a policy that keeps it to itself."""
    title = f"{order.model}, {order.monitor}, window {order.window}"
    version = f", version {order.model_version}" if order.model_version else ""
    said = (
        f"{title}{version}. Drawn by evidently from a sample of {len(both.current):,}"
        f" rows of the window and {len(both.reference):,} of the reference. The words"
        " below are evidently's by its own defaults; verdicts are driftd's."
    )
    if both.left_out:
        reasons = ", ".join(f"{name} ({why})" for name, why in both.left_out.items())
        said += f" Left out: {reasons}."
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">'
        f"<title>{html.escape(title)}</title>"
    )
    note = f'<p style="font: 14px sans-serif; margin: 1em 2em">{html.escape(said)}</p>'
    page = page.replace("<head>", f"<head>{head}", 1)
    return page.replace("<body>", f"<body>{note}", 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
