"""The command `driftd`: one file a command, and nothing heavy until one is called."""

from monitor.cli.program import main

__all__ = ["main"]
