"""The law that no file does more than be damaged: it is told, and read no further.

Bytes flip, go and come in files that each source reads; a few seeds, in a soak many.
"""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import settings

from monitor.config import Plugin
from monitor.engines.base import Fragmented
from monitor.errors import SourceError
from monitor.sources.base import Source, open_source
from monitor.window import Window
from tests.contract.test_every_source import DAY, START, Stage, table

KINDS = (
    "arrow",
    "bentoml",
    "csv",
    "databricks",
    "delta",
    "json",
    "kserve",
    "parquet",
    "sagemaker",
    "seldon",
)
SEEDS = 40
MANY = 5_000 if settings.get_current_profile_name() == "soak" else SEEDS
UNCAUGHT = {"databricks", "delta", "parquet"}
"""Of thousands of broken footers one ends the process, inside Arrow: not in a soak."""
PATIENCE = 2.0
ODD = (0, 127, 128, 255)


def spoilt(whole: bytes, chance: random.Random) -> bytes:
    """Return a file with some of its bytes changed, gone, repeated or cut off."""
    found = bytearray(whole)
    for _ in range(chance.choice([1, 1, 2, 8, 64])):
        if not found:
            break
        place, how = chance.randrange(len(found)), chance.random()
        if how < 0.5:
            found[place] = chance.randrange(256)
        elif how < 0.65:
            count = chance.choice([1, 4, 8])
            found[place : place + count] = chance.choices(ODD, k=count)
        elif how < 0.75:
            del found[place : place + chance.choice([1, 16, 200])]
        elif how < 0.85:
            found[place:place] = found[chance.randrange(len(found)) :][:100]
        elif how < 0.9:
            del found[place:]
        else:
            found[place] ^= 1 << chance.randrange(8)
    return bytes(found)


def trouble(source: Source) -> SourceError | None:
    """Read all there is, by rows, by windows and by columns; return what it raised."""
    try:
        walk(source)
    except SourceError as error:
        return error
    return None


def walk(source: Source) -> None:
    for window in (None, Window(START, START + DAY)):
        for batch in source.read(window, None):
            batch.validate(full=True)
    found = source.fragments(None) if isinstance(source, Fragmented) else None
    for part in found.parts if found is not None else ():
        for _, piece in part.read(found.schema.names if found is not None else ()):
            piece.validate(full=True)


def files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_does_more_than_be_damaged(kind: str, tmp_path: Path) -> None:
    placed = tmp_path / "placed"
    placed.mkdir()
    options = Stage(kind).place(table(), placed)
    told = 0
    for seed in range(SEEDS if kind in UNCAUGHT else MANY):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        shutil.copytree(placed, folder)
        file = chance.choice([one for one in files(folder) if one.stat().st_size])
        file.write_bytes(spoilt(file.read_bytes(), chance))
        began = monotonic()
        section = Plugin(type=kind, options=options, base=folder)
        source = open_source(section, timestamp="t")
        error = trouble(source)
        assert monotonic() - began < PATIENCE, f"seed {seed}"
        assert error is None or str(folder) in str(error), f"seed {seed}"
        assert "\n" not in str(error), f"seed {seed}"
        told += error is not None or bool(getattr(source, "remarks", tuple)())
        shutil.rmtree(folder)
    assert told
