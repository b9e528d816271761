"""A reference built from files: in a process of its own, to be measured from outside.

python benchmarks/freeze.py CONFIG FILES
"""

import os
import sys
from pathlib import Path

from monitor import processor
from monitor.cli import lean

processor.prepare(os.environ)
processor.share_memory()
lean.leave_out()


def main() -> None:
    """Build it, and print how many bytes its profile takes."""
    from monitor.comparison import build_baseline
    from monitor.config import Plugin
    from monitor.opening import read_config
    from monitor.sources.base import open_source
    from monitor.spotcheck import watch_of

    watch = watch_of(read_config(Path(sys.argv[1])), None, None)
    lean.settle()
    plugin = Plugin(type="parquet", options={"path": sys.argv[2]}, base=Path.cwd())
    rows = open_source(plugin, timestamp=None)
    found = build_baseline(rows, watch.section, watch.settings.window)
    print(len(found.reference.to_bytes()))


if __name__ == "__main__":
    main()
