#!/usr/bin/env python3
"""A stand-in for your training: replace it. It writes down what it would train on.

It stands here so that the whole way can be tried before there is a training of yours:
the rows of the window that driftd names, joined with the labels known by then. Yours
ends with what makes the new model known to driftd: its reference where `reference:` of
the config looks for it, then its version where `version:` does.
"""

import glob
import json
import os
import sys
from pathlib import Path


def files(written: str) -> list[str]:
    """List the files that paths and patterns name, one on a line."""
    found: list[str] = []
    for place in written.splitlines():
        if "://" in place:
            found.append(place)  # yours reads it from where it is
            continue
        inside = f"{place}/**/*" if Path(place).is_dir() else place
        found += sorted(
            path
            for path in glob.glob(inside, recursive=True)  # noqa: PTH207 - absolute too
            if Path(path).is_file()
        )
    return found


def main() -> int:
    """Write what would be trained on into the folder MODEL_OUT, `model` by default."""
    plan = {
        "model": os.environ["DRIFTD_MODEL"],
        "retraining": os.environ["DRIFTD_ID"],
        "from": os.environ["DRIFTD_WINDOW_START"],
        "until": os.environ["DRIFTD_WINDOW_END"],
        "predictions": files(os.environ["DRIFTD_PREDICTIONS"]),
        "labels": files(os.environ["DRIFTD_LABELS"]),
    }
    folder = Path(os.environ.get("MODEL_OUT") or "model")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan, indent=2) + "\n", "utf-8")
    print(f"{plan['model']}: would train on {len(plan['predictions'])} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
