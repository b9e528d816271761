"""Where the files that come with driftd lie: in a checkout, or installed."""

from pathlib import Path


def configs() -> Path:
    """Return the folder of the configs that come with driftd.

    >>> configs().is_dir()
    True
    """
    installed = Path(__file__).parent / "configs"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "configs"
