"""One file under many names: more rows than a disk would hold."""

from pathlib import Path


def linked(file: Path, times: int) -> str:
    """Put a file into a folder under so many names; return a glob of them."""
    folder = file.with_suffix(f".{times}")
    folder.mkdir(exist_ok=True)
    for k in range(times):
        name = folder / f"{k}.parquet"
        if not name.exists():
            name.hardlink_to(file)
    return str(folder / "*.parquet")
