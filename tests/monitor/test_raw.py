"""Checks of raw rows in the daemon: read again, and only what was counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from checks.errors import Unmeasurable
from checks.profile import Bins
from checks.schema import Column, Kind, Schema
from checks.verdict import Status, Verdict
from monitor.cycle import Turn
from monitor.raw import RawRows, Side
from monitor.window import Window
from tests.monitor.world import DAY, START, Small, rows, small, write

EXACT = {
    "checks": {
        "default": True,
        "exact_kolmogorov_smirnov": {},
        "exact_wasserstein": {"columns": ["amount"]},
    }
}


def on(events: Sequence[Any], check: str, column: str = "amount") -> Verdict:
    """Return the verdict of a check on a column, of the one window of a round."""
    (turn,) = [event for event in events if isinstance(event, Turn)]
    assert turn.assessment is not None
    (found,) = [
        verdict
        for verdict in turn.assessment.verdicts
        if (verdict.check, verdict.column) == (check, column)
    ]
    return found


def amounts(path: Path) -> Any:
    """Return the column of a file."""
    return pq.read_table(path, partitioning=None).column("amount").to_numpy()


def day(world: Small, back: int = 1) -> Path:
    """Return the log file of a day that has passed."""
    when = world.today - back * DAY
    return world.folder / "log" / f"date={when:%Y-%m-%d}" / "part.parquet"


def test_a_window_is_compared_row_by_row_with_the_training_data(tmp_path: Path) -> None:
    with small(tmp_path, daily=EXACT) as world:
        events = world.pass_day(shift=4.0)

        x, y = amounts(tmp_path / "reference-1.parquet"), amounts(day(world))
        gap = on(events, "exact_kolmogorov_smirnov").statistic
        far = on(events, "exact_wasserstein").statistic
        assert gap is not None
        assert far is not None
        assert gap.value == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)
        assert far.value == pytest.approx(
            stats.wasserstein_distance(x, y) / np.std(x), rel=1e-12
        )
        assert (gap.n_reference, gap.n_current) == (len(x), len(y))
        assert Status.FAIL is on(events, "exact_wasserstein").status
        assert Status.PASS is on(events, "exact_kolmogorov_smirnov", "score").status


@pytest.mark.parametrize("reference", [{"trailing": "2d"}, {"same_weekday": 1}])
def test_a_window_is_compared_row_by_row_with_earlier_ones(
    tmp_path: Path, reference: dict[str, Any]
) -> None:
    with small(tmp_path, daily={**EXACT, "reference": reference}) as world:
        for k in range(8):
            events = world.pass_day(shift=float(k))

        earlier = (2, 3) if "trailing" in reference else (8,)
        x = np.concatenate([amounts(day(world, back)) for back in earlier])
        y = amounts(day(world))
        found = on(events, "exact_kolmogorov_smirnov").statistic
        assert found is not None
        assert found.value == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)
        assert found.n_reference == len(x)


def test_a_reference_that_was_written_over_is_told_never_compared_with(
    tmp_path: Path,
) -> None:
    with small(tmp_path, daily=EXACT) as world:
        world.pass_day()
        path = tmp_path / "reference-1.parquet"
        table = pq.read_table(path)
        other = np.asarray(table.column("amount")) + 1e-9
        write(path, table.set_column(2, "amount", pa.array(other)))
        events = world.pass_day()

        told = on(events, "exact_kolmogorov_smirnov")
        assert Status.UNKNOWN is told.status
        assert "the reference's rows are not those of the baseline" == told.cause
        assert Status.PASS is on(events, "exact_kolmogorov_smirnov", "score").status
        assert Status.PASS is on(events, "wasserstein").status


def test_a_reference_that_is_gone_is_told_with_its_path(tmp_path: Path) -> None:
    with small(tmp_path, daily=EXACT) as world:
        world.pass_day()
        (tmp_path / "reference-1.parquet").unlink()
        events = world.pass_day()

        told = on(events, "exact_wasserstein")
        assert Status.UNKNOWN is told.status
        assert "reference-1.parquet" in (told.cause or "")
        assert Status.PASS is on(events, "wasserstein").status


def test_earlier_windows_that_were_written_over_are_told(tmp_path: Path) -> None:
    with small(tmp_path, daily={**EXACT, "reference": {"trailing": "1d"}}) as world:
        world.pass_day()
        write(day(world), rows(START, 100).drop_columns(["churned", "known_at"]))
        events = world.pass_day()

        told = on(events, "exact_kolmogorov_smirnov")
        assert "the earlier windows' rows are not those that were counted" == told.cause


@dataclass(frozen=True)
class Batches:
    """Rows that come in batches alone, a column at a time."""

    table: pa.Table

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        assert window is None
        names = [n for n in columns or () if n in self.table.column_names]
        yield from self.table.select(names).to_batches(max_chunksize=7)


MIXED = pa.table(
    {
        "n": [3.0, None, float("nan"), 1.0, float("-inf"), -0.0] * 9,
        "t": pa.array([5, 4, None, 2, 1, 2] * 9, pa.timestamp("ms", "Europe/Paris")),
        "l": ["b", "a", None, "a", "", "c"] * 9,
        "b": [True, None, False, True, True, False] * 9,
    }
)
SCHEMA = Schema.of(
    Column(name=name, kind=kind)
    for name, kind in (
        ("n", Kind.NUMERIC),
        ("t", Kind.DATETIME),
        ("l", Kind.CATEGORICAL),
        ("b", Kind.BOOLEAN),
    )
)


def test_every_kind_of_column_is_read_from_batches() -> None:
    bins = Bins.fit(SCHEMA, MIXED)
    profile = bins.profile(MIXED)
    side = Side(Batches(MIXED), (None,), profile, "others")
    read = RawRows(SCHEMA, side, side)

    assert read("n")[0].numbers.tolist() == sorted([3.0, 1.0, 0.0] * 9)
    assert (read("n")[0].rows, read("n")[0].missing) == (54, 27)
    assert read("t")[1].numbers[0] == 1_000.0
    assert read("l")[0].levels == {"": 9, "a": 18, "b": 9, "c": 9}
    assert read("b")[0].levels == {"false": 18, "true": 27}
    assert read("b")[0].missing == 9


def test_a_column_that_is_not_there_is_told() -> None:
    profile = Bins.fit(SCHEMA, MIXED).profile(MIXED)
    side = Side(Batches(MIXED.drop_columns(["n"])), (None,), profile, "others")

    with pytest.raises(Unmeasurable, match="others"):
        RawRows(SCHEMA, side, side)("n")
    with pytest.raises(Unmeasurable, match="not at hand"):
        RawRows(SCHEMA, None, side)("t")
