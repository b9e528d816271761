"""`python -m monitor.cli`: the command where no script is installed."""

import sys

from monitor.cli import main

sys.exit(main())
