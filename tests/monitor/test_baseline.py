"""A reference that is read in pieces, beside the same in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.classes import Classes
from checks.dependence import Dependence
from checks.outcomes import merge_all
from checks.profile import Bins, Profile
from checks.reference import Reference
from checks.registry import Task
from checks.sample import Sample
from checks.schema import Column, Kind, Role, Schema
from checks.segment import NONE_DECLARED, Condition, Declared, Segment
from monitor import baseline
from monitor.baseline import KEPT_ROWS, Baseline, Performance, build, outcome_columns
from monitor.config import Plugin
from monitor.engines import fitting, freezing, stretches
from monitor.errors import SourceError
from monitor.labels import read_outcomes
from monitor.sources.base import open_source
from monitor.window import Window

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = Schema.of(
    Column(name=name, kind=kind, role=role)
    for name, kind, role in (
        ("id", Kind.CATEGORICAL, Role.ID),
        ("at", Kind.DATETIME, Role.TIMESTAMP),
        ("amount", Kind.NUMERIC, Role.FEATURE),
        ("count", Kind.NUMERIC, Role.FEATURE),
        ("plan", Kind.CATEGORICAL, Role.FEATURE),
        ("since", Kind.DATETIME, Role.FEATURE),
        ("nested", Kind.CATEGORICAL, Role.FEATURE),
        ("score", Kind.NUMERIC, Role.SCORE),
        ("label", Kind.BOOLEAN, Role.LABEL),
    )
)
SEGMENTS = Declared(
    columns={"plan": 2},
    named=(
        Segment.where(Condition(column="amount", kind=Kind.NUMERIC, low=0.5)),
        Segment.where(Condition(column="amount", kind=Kind.NUMERIC, low=1e9)),
    ),
)


def rows(n: int, seed: int = 1, days: int = 9) -> pa.Table:
    """Return rows of some days, in order of time."""
    rng = np.random.default_rng(seed)
    at = [START + DAY * days * (i / n) for i in range(n)]
    score = rng.beta(2, 5, n)
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "amount": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
            "count": rng.poisson(3, n),
            "plan": pa.array(rng.choice(["a", "b", "ç"], n)),
            "since": pa.array(rng.integers(0, 10**9, n), pa.timestamp("ms")),
            "nested": [[1]] * n,
            "score": score,
            "label": rng.random(n) < score,
            "unwatched": rng.integers(0, 9, n),
        }
    )


def hard(table: pa.Table) -> pa.Table:
    """Return the rows with scores that are no numbers, zeros of both signs, nulls."""
    score = np.asarray(table.column("score")).copy()
    for every, value in (
        (7, np.nan),
        (5, 0.0),
        (11, np.inf),
        (13, -0.0),
        (17, -np.inf),
    ):
        score[::every] = value
    place = table.schema.get_field_index("amount")
    gone = np.arange(len(score)) % 9 == 0
    return table.set_column(place, "amount", pa.array(score, mask=gone))


def in_memory(
    table: pa.Table, segments: Declared = NONE_DECLARED, length: timedelta = DAY
) -> Baseline:
    """Build the baseline of a table that is in memory, as plainly as can be."""
    bins = Bins.fit(SCHEMA, table).divided(segments)
    parts = [table]
    times: dict[str, Any] = {"timed": False}
    unit = length // timedelta(microseconds=1)
    if not table.column("at").null_count:
        moments = np.asarray(pc.cast(table.column("at"), pa.int64()))
        known = np.unique(moments // unit)
        parts = [table.filter(pa.array(moments // unit == b)) for b in known]
        if len(parts) > 1:
            centres = [int(b) * unit + unit // 2 for b in known]
            times = {"timed": True, "centres": centres, "length": unit}

    def reference(counted: Iterable[Profile]) -> Reference:
        return Reference.of(bins, list(counted), **times)

    def performance(of: Sequence[pa.Table]) -> Performance:
        columns = outcome_columns(SCHEMA)
        found = [
            read_outcomes(
                part,
                columns=columns,
                task=Task.BINARY_CLASSIFICATION,
                classes=Classes(),
            )
            for part in of
        ]
        effects = baseline._metric_effects(merge_all(found), found)
        return Performance(outcomes=merge_all(found), effects=effects, cause="")

    inside = {
        segment.name: [
            part.take(pa.array(places))
            for part in parts
            for _, places in bins.members(part, [segment])
        ]
        for segment in bins.segments
    }
    return Baseline(
        reference=replace(
            reference(map(bins.whole, parts)),
            segments={
                name: reference(map(bins.counts, found))
                for name, found in inside.items()
            },
        ),
        performance=performance(parts),
        sample=Sample.of(table, KEPT_ROWS, "id").table,
        segments={
            name: performance([p for p in found if p.num_rows] or found)
            for name, found in inside.items()
        },
        dependence=Dependence.of(parts, SCHEMA.with_role(Role.FEATURE), "id"),
    )


@dataclass(frozen=True)
class Batches:
    """Rows that come in batches alone."""

    table: pa.Table
    size: int = 100

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        assert window is None
        chosen = self.table if columns is None else self.table.select(columns)
        yield from chosen.to_batches(max_chunksize=self.size)
        if not chosen.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=chosen.schema)


def parquet(folder: Path, table: pa.Table, group: int, files: int = 1) -> Any:
    """Write a table as Parquet files and open them as a source."""
    each = -(-table.num_rows // files)
    for k in range(files):
        part = table.slice(k * each, each)
        pq.write_table(part, folder / f"{k}.parquet", row_group_size=group)
    plugin = Plugin(type="parquet", options={"path": "*.parquet"}, base=folder)
    return open_source(plugin, timestamp=None)


def built(source: Any, segments: Declared = NONE_DECLARED, **options: Any) -> Baseline:
    return build(
        source,
        SCHEMA,
        Task.BINARY_CLASSIFICATION,
        length=options.get("length", DAY),
        segments=segments,
    )


@settings(max_examples=20)
@given(
    n=st.integers(1, 900),
    size=st.integers(1, 400),
    shuffled=st.booleans(),
    portion=st.sampled_from([1, 500, stretches.PORTION]),
    seed=st.integers(0, 99),
)
def test_a_baseline_is_the_same_however_its_rows_come(
    n: int,
    size: int,
    *,
    shuffled: bool,
    portion: int,
    seed: int,
) -> None:
    table = rows(n, seed)
    if shuffled:
        order = np.random.default_rng(seed).permutation(n)
        table = table.take(pa.array(order))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "PORTION", portion)
        found = built(Batches(table, size), SEGMENTS)

    assert found.id == in_memory(table, SEGMENTS).id


@settings(max_examples=20)
@given(
    n=st.integers(1, 900),
    size=st.integers(1, 400),
    at_hand=st.sampled_from([0, 4_000, freezing.AT_HAND]),
    timed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_baseline_is_the_same_whether_its_columns_are_read_once_or_twice(
    n: int, size: int, at_hand: int, *, timed: bool, seed: int
) -> None:
    table = hard(rows(n, seed))
    if not timed:
        table = table.set_column(1, "at", pa.nulls(n, table.schema.field("at").type))
    table = table.take(pa.array(np.random.default_rng(seed).permutation(n)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freezing, "AT_HAND", at_hand)
        found = built(Batches(table, size))

    assert found.id == in_memory(table).id


@pytest.mark.parametrize(("group", "files"), [(7, 1), (300, 3), (10_000, 2)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_parquet_files_give_the_same_baseline_as_their_table(
    tmp_path: Path, group: int, files: int, *, shuffled: bool
) -> None:
    table = rows(1_000)
    if shuffled:
        table = table.take(pa.array(np.random.default_rng(1).permutation(1_000)))

    source = parquet(tmp_path, table, group, files)
    found = built(source, SEGMENTS)

    # The source knows better than the table in which zone its times are.
    plain = in_memory(pa.Table.from_batches(list(source.read(None, None))), SEGMENTS)
    assert found.id == plain.id
    assert found.reference.bins.id == plain.reference.bins.id
    assert found.reference.profile.unreadable["nested"]


def test_rows_without_a_time_are_one_stretch() -> None:
    table = rows(500)
    at = table.column("at").to_pylist()
    table = table.set_column(
        1, "at", pa.array([*at[:-1], None], pa.timestamp("us", "UTC"))
    )

    found = built(Batches(table))

    assert found.id == in_memory(table).id
    assert () == found.reference.block_rows


def test_bins_of_a_long_reference_are_fitted_on_a_sample_and_its_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(freezing, "FIT_ROWS", 6_000)
    table = rows(30_000).drop_columns(["nested"])
    amount = np.array(table.column("amount").to_pylist(), float)
    amount[[5, 77]] = [-50.0, 60.0]
    table = table.set_column(2, "amount", pa.array(amount, from_pandas=True))

    found = built(parquet(tmp_path, table, 4_000)).reference
    again = built(Batches(table, 777)).reference
    exact = in_memory(table).reference

    assert found.id == again.id
    edges, whole = (r.bins.columns["amount"].edges for r in (found, exact))  # type: ignore[union-attr]
    assert (edges[0], edges[-1], len(edges)) == (-50.0, 60.0, 512)
    there = np.sort(amount[np.isfinite(amount)])
    assert found.profile.columns["amount"].n == len(there)
    shares = np.searchsorted(there, edges) / len(there)
    assert np.abs(shares - np.linspace(0, 1, 512)).max() < 0.02
    assert not np.array_equal(edges, whole)
    assert found.bins.columns["plan"] == exact.bins.columns["plan"] or (
        found.bins.columns["plan"].levels == exact.bins.columns["plan"].levels  # type: ignore[union-attr]
    )
    assert found.block_rows == exact.block_rows


def test_of_very_many_levels_the_commonest_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freezing, "FIT_ROWS", 1_000)
    monkeypatch.setattr(fitting, "FIT_LEVELS", 1_500)
    table = rows(9_000)
    plan = [f"rare {i}" if i % 3 else f"common {i % 7}" for i in range(9_000)]
    table = table.set_column(4, "plan", pa.array(plan))

    bins = built(Batches(table, 500)).reference.bins.columns["plan"]

    assert {f"common {k}" for k in range(7)} == set(bins.levels[:7])  # type: ignore[union-attr]
    assert not bins.complete  # type: ignore[union-attr]


def test_a_reference_without_rows_or_columns_is_refused() -> None:
    with pytest.raises(SourceError, match="has no rows"):
        built(Batches(rows(5).slice(0, 0)))
    with pytest.raises(SourceError, match=r"none of the watched columns \(amount"):
        built(Batches(rows(5).select(["unwatched"])))


def test_outcomes_that_cannot_be_read_are_told() -> None:
    table = rows(50).drop_columns(["label"])

    # One of these segments has no rows at all.
    found = built(Batches(table), segments=SEGMENTS)

    assert found.outcomes is None
    assert "label" in found.outcomes_cause
    assert all("label" in part.cause for part in found.segments.values())
