"""Which files are near a window: those of its dates; no other folder is looked into."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.errors import SourceError
from monitor.sources.files import DATE_KEYS, Near, listed
from monitor.window import Window

DAY = timedelta(days=1)
START = datetime(2026, 3, 10, tzinfo=UTC)
NEAR = Near(window=Window(START, START + DAY), keys=DATE_KEYS, slack=DAY)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write files under dates, hours and shards, with what else lies about."""
    base = tmp_path_factory.mktemp("tree")
    for i in range(20):
        day = f"{START + (i - 10) * DAY:%Y-%m-%d}"
        folders = [
            f"plain/date={day}",
            f"hours/dt={day}/hour={i}",
            f"sent/ds={day}/date={START + (i % 3) * DAY:%Y-%m-%d}",
            f"sharded/shard={i % 2}/date={day}",
            f"odd/date={day}",
            f"odd/.date={day}",
            f"odd/_date={day}",
        ]
        for folder in folders:
            (base / folder).mkdir(parents=True, exist_ok=True)
            for name in ("a.parquet", "b.parquet", ".half.parquet", "notes.txt"):
                (base / folder / name).touch()
    (base / "odd/file.parquet").touch()
    (base / "odd/date=2026-03-10/folder.parquet").mkdir()
    (base / "odd/elsewhere").symlink_to(base / "plain/date=2026-03-10")
    (base / "odd/circle").symlink_to(base / "odd/circle")
    return base


PATTERNS = [
    "plain/date=*/*.parquet",
    "plain/*/a.parquet",
    "plain/date=2026-03-1[0-2]/*",
    "plain/date=2026-03-10/*.parquet",
    "*/date=*/*.parquet",
    "hours/dt=*/hour=*/*.parquet",
    "hours/*/hour=1?/a.parquet",
    "sent/ds=*/date=*/*.parquet",
    "sent/ds=*/*/*.parquet",
    "sharded/shard=*/date=*/[!a].parquet",
    "odd/*/*.parquet",
    "odd/*",
    "odd",
    "**/*.parquet",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_files_near_a_window_are_those_of_all_that_can_hold_its_rows(
    tree: Path, pattern: str
) -> None:
    every = listed([pattern], tree, ".parquet")
    wanted = [file for file in every if NEAR.may_hold(file.partitions)]

    assert wanted
    assert listed([pattern], tree, ".parquet", near=NEAR) == wanted


def test_folders_of_other_dates_are_not_looked_into(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    listdir = os.listdir

    def told(place: str) -> list[str]:
        looked.append(place)
        return listdir(place)

    monkeypatch.setattr(os, "listdir", told)

    found = listed(["hours/dt=*/hour=*/*.parquet"], tree, near=NEAR)

    assert len(found) == 6
    assert len(looked) == 1 + 2 * 3


def test_that_nothing_is_there_is_not_that_nothing_is_near(tree: Path) -> None:
    far = Near(
        window=Window(START + 99 * DAY, START + 100 * DAY), keys=("date",), slack=DAY
    )

    assert listed(["plain/date=*/*.parquet"], tree, near=far) == []
    with pytest.raises(SourceError, match="no file matches"):
        listed(["plain/date=*/*.csv"], tree, near=far)


def test_paths_may_be_told_from_the_folder_one_is_in(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "plain")

    found = listed(["date=*/a.parquet"], Path(), near=NEAR)

    assert [str(file.path) for file in found] == [
        f"date=2026-03-{day}/a.parquet" for day in ("09", "10", "11")
    ]
    assert found[0].partitions == {"date": "2026-03-09"}
