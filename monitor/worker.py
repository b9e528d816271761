"""What a process that runs other people's code may know, and what it says last."""

import os
import re
from pathlib import Path


def environment(home: Path) -> dict[str, str]:
    """Return all that the process may know: no secret, no home, no telemetry."""
    root = str(Path(__file__).parents[1])
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": root,
        "PYTHONWARNINGS": "ignore",
        "DO_NOT_TRACK": "1",
        "EVIDENTLY_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def last_line(said: bytes) -> str:
    """Return the last line of what a process wrote: an exception names itself there."""
    lines = said.decode(errors="replace").strip().splitlines()
    last = lines[-1].strip()[:500] if lines else ""
    # Colours and the like are for a terminal, and nobody is to write to ours.
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", last)
    return "".join(c if c.isprintable() else " " for c in plain).strip()
