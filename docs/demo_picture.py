"""Draw the README's picture: run the demo, and keep three stretches of what it says."""

import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from monitor.demo.story import tell

WIDTH = 112
PICTURE = Path(__file__).parent / "images" / "demo.svg"
STRETCHES = (
    (re.compile(r"╭.* driftd demo"), re.compile(r"^2013-07-03")),
    (re.compile(r"^2013-09-30"), re.compile(r"^2013-10-08")),
    (re.compile(r"^Realised performance"), re.compile(r"^config")),
)
"""Where each stretch begins, and the line before which it ends."""


def main() -> int:
    """Run the demo and draw; the exit code is the demo's."""
    stage = Console(
        width=WIDTH, record=True, force_terminal=True, color_system="truecolor"
    )
    code = tell(console=stage, progress=False)
    told = Text.from_ansi(stage.export_text(styles=True)).split("\n")
    picture = Console(width=WIDTH, record=True, file=StringIO())
    for i, (begin, end) in enumerate(STRETCHES):
        if i:
            picture.print(Text("           …", "dim"))
        within = False
        for line in told:
            within = (within or begin.search(line.plain) is not None) and not (
                within and end.search(line.plain)
            )
            if within:
                picture.print(line)
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = picture.export_svg(title="driftd demo")
    # A picture asks nobody for fonts: the reader's own monospace will do.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))
    return code


if __name__ == "__main__":
    sys.exit(main())
