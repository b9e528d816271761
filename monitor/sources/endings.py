"""Which source reads a path, told by how its files end."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from monitor.sources.arrow_files import ARROW_SUFFIXES
from monitor.sources.csv_files import CSV_SUFFIXES
from monitor.sources.json_lines import JSON_SUFFIXES

ENDINGS: dict[str, tuple[str, ...]] = {
    "parquet": (".parquet",),
    "csv": CSV_SUFFIXES,
    "json": JSON_SUFFIXES,
    "arrow": ARROW_SUFFIXES,
}
"""How the files of each source end."""


def type_of(path: str, base: Path) -> str:
    """Return the type of the source that reads a file, a folder or a glob.

    A folder is told by what lies in it. What tells nothing is taken for Parquet, whose
    source says what is wrong with it.

    >>> type_of("log/date=*/*.csv.gz", Path()), type_of("train.feather", Path())
    ('csv', 'arrow')
    """
    with suppress(PermissionError):
        for name in _names(path, base / path):
            for kind, ends in ENDINGS.items():
                if name.endswith(ends):
                    return kind
            if name in _TABLES:
                return _TABLES[name]
    return "parquet"


_TABLES = {"_delta_log": "delta", "metadata": "iceberg"}
"""The folders by which tables of versions are known."""


def _names(path: str, place: Path) -> Iterator[str]:
    yield path
    if place.is_dir():
        yield from _inside(place)


def _inside(folder: Path) -> Iterator[str]:
    """Name what lies in a folder, what is nearest first."""
    here = sorted(folder.iterdir())
    yield from (path.name for path in here if path.name in _TABLES and path.is_dir())
    shown = [path for path in here if path.name[0] not in "._"]
    yield from (path.name for path in shown if path.is_file())
    for path in shown:
        if path.is_dir() and not path.is_symlink():
            yield from _inside(path)
