"""Sampling: the same rows wherever it is decided, and weights that give them back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.profile import Bins
from checks.schema import Column, Kind, Role, Schema
from checks.weight import WEIGHT
from monitor.config import Plugin, Sampling
from monitor.engines.base import Fragmented, Held, Rows
from monitor.engines.local import LocalEngine
from monitor.sampling import Decider, sampled
from monitor.sources.base import open_source
from monitor.window import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLE = Schema.of(
    [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="at", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="amount", kind=Kind.NUMERIC),
        Column(name="plan", kind=Kind.CATEGORICAL, role=Role.SEGMENT),
        Column(name="score", kind=Kind.NUMERIC, role=Role.SCORE),
    ]
)


def rows(n: int = 20_000, seed: int = 1, hours: int = 4) -> pa.Table:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, hours * 3600 * 10**6, n))
    return pa.table(
        {
            "id": [f"{seed}-{k}" for k in range(n)],
            "at": pa.array([START + timedelta(microseconds=int(m)) for m in at]),
            "amount": rng.normal(50, 10, n),
            "plan": rng.choice(["basic", "plus", "rare"], n, p=[0.8, 0.199, 0.001]),
            "score": rng.beta(1, 8, n),
        }
    )


def section(**told: Any) -> Sampling:
    return Sampling.model_validate(told)


@dataclass(frozen=True)
class Batches:
    """Rows that come in batches alone."""

    rows: Rows

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        return self.rows.read(window, columns)


def read(source: Rows, window: Window | None = None) -> pa.Table:
    return pa.Table.from_batches(list(source.read(window, None))).sort_by("id")


def stored(folder: Path, table: pa.Table, group: int = 3000) -> Rows:
    pq.write_table(table, folder / "log.parquet", row_group_size=group)
    plugin = Plugin(type="parquet", options={"path": "log.parquet"}, base=folder)
    return open_source(plugin, timestamp="at")


RATE = section(rate=0.1)
LIMIT = section(rows="1000 per 1h")
PARTS = section(rows="500 per 1h", stratify="plan")
KEEP = section(rate=0.05, always_keep=[{"score": {"at_least": 0.5}}, {"plan": "rare"}])
BY_SCORE = section(
    rate=0.1, stratify={"by": "score", "at": [0.2, 0.5], "rates": [0.02, 0.2, 1]}
)
EVERY = [RATE, LIMIT, PARTS, KEEP, BY_SCORE]


@pytest.mark.parametrize("how", EVERY)
def test_the_same_rows_are_kept_however_they_come(tmp_path: Path, how: Any) -> None:
    table = rows()
    source = stored(tmp_path, table)
    shuffled = table.take(pa.array(np.random.default_rng(2).permutation(len(table))))

    found = read(sampled(source, how, TABLE))

    assert 0 < found.num_rows < 0.6 * table.num_rows
    for other in (Batches(source), Held(shuffled)):
        assert read(sampled(other, how, TABLE)).equals(found)
    assert (
        read(sampled(source, how, TABLE), Window(START, START + HOUR)).num_rows
        == pa.compute.sum(pa.compute.less(found["at"], START + HOUR)).as_py()
    )


@pytest.mark.parametrize("how", EVERY)
def test_the_column_path_counts_the_same_profile_as_batches(
    tmp_path: Path, how: Any
) -> None:
    table = rows(seed=3)
    source = stored(tmp_path, table)
    bins = Bins.fit(TABLE, table)
    columns, batches = (
        sampled(source, how, TABLE),
        sampled(Batches(source), how, TABLE),
    )
    assert isinstance(columns, Fragmented)
    assert columns.fragments(None) is not None
    window = Window(START + HOUR / 2, START + 3 * HOUR)
    found = [
        LocalEngine(2).count(one, window, bins, keep=50, by="id")
        for one in (columns, batches)
    ]
    assert found[0].profile.to_bytes() == found[1].profile.to_bytes()
    assert found[0].sample.table.equals(found[1].sample.table)
    weight = found[0].profile.weight
    assert weight is not None
    actual = sum(b.num_rows for b in source.read(window, ["id"]))
    error = weight.variance**0.5
    assert abs(weight.traffic - actual) < 4 * error + 1


def test_a_rate_keeps_labels_predictions_and_replicas_together() -> None:
    table = rows()
    decider = Decider.of(RATE, TABLE)
    mask, weights = decider.decide(table)
    labels = table.select(["id"]).slice(5000)
    assert (Decider.of(RATE, TABLE).decide(labels)[0] == mask[5000:]).all()
    assert set(weights) == {10.0}
    assert abs(mask.mean() - 0.1) < 0.01


def test_rows_kept_as_evidence_are_a_fair_sample_of_the_sampled_ones() -> None:
    """Both go by the id's hash: were it the same, evidence would hold them all."""
    table = rows()
    kept = Decider.of(RATE, TABLE).sampled(table)
    bins = Bins.fit(TABLE, table)
    whole = LocalEngine(1).count(Held(table), None, bins, keep=2000, by="id")
    both = set(whole.sample.table["id"].to_pylist()) & set(kept["id"].to_pylist())
    assert 140 < len(both) < 270  # one in ten of 2,000


def test_a_limit_holds_in_every_hour_and_its_weights_give_back_the_traffic() -> None:
    table = rows(60_000, hours=6)
    found = read(sampled(Held(table), LIMIT, TABLE))
    hours = [moment.hour for moment in found["at"].to_pylist()]
    counts = np.bincount(hours, minlength=6)
    assert (counts <= 1000).all()
    assert (counts >= 400).all()
    weights = found[WEIGHT].to_numpy()
    assert all(np.log2(w).is_integer() for w in set(weights))
    assert abs(weights.sum() / 60_000 - 1) < 0.1


def test_an_hour_below_the_limit_is_kept_whole() -> None:
    table = rows(900, hours=1)
    found = read(sampled(Held(table), LIMIT, TABLE))
    assert found.num_rows == 900
    assert set(found[WEIGHT].to_pylist()) == {1.0}


def test_a_limit_of_each_part_keeps_rare_parts_whole() -> None:
    table = rows()
    rare = pa.compute.sum(pa.compute.equal(table["plan"], "rare")).as_py()
    found = read(sampled(Held(table), PARTS, TABLE))
    kept = found.filter(pa.compute.equal(found["plan"], "rare"))
    assert kept.num_rows == rare > 0
    assert set(kept[WEIGHT].to_pylist()) == {1.0}
    basic = found.filter(pa.compute.equal(found["plan"], "basic"))
    assert min(basic[WEIGHT].to_pylist()) > 4


def test_rows_that_are_always_kept_stand_for_themselves() -> None:
    table = rows()
    found = read(sampled(Held(table), KEEP, TABLE))
    high = pa.compute.greater_equal(found["score"], 0.5)
    asked = pa.compute.or_(high, pa.compute.equal(found["plan"], "rare"))
    kept = found.filter(asked)
    wanted = pa.compute.greater_equal(table["score"], 0.5)
    wanted = pa.compute.or_(wanted, pa.compute.equal(table["plan"], "rare"))
    assert kept.num_rows == pa.compute.sum(wanted).as_py()
    assert set(kept[WEIGHT].to_pylist()) == {1.0}
    assert set(found.filter(pa.compute.invert(asked))[WEIGHT].to_pylist()) == {20.0}


def test_each_part_between_two_cuts_has_its_rate() -> None:
    table = rows()
    found = read(sampled(Held(table), BY_SCORE, TABLE))
    score, weights = found["score"].to_numpy(), found[WEIGHT].to_numpy()
    assert set(weights[score < 0.2]) == {50.0}
    assert set(weights[(score >= 0.2) & (score < 0.5)]) == {5.0}
    assert set(weights[score >= 0.5]) == {1.0}


def test_rows_without_an_id_are_kept_and_stand_for_themselves() -> None:
    table = rows(1000)
    ids = pa.array([None, *table["id"].to_pylist()[1:]])
    mask, weights = Decider.of(RATE, TABLE).decide(table.set_column(0, "id", ids))
    assert mask[0]
    assert weights[0] == 1.0
    mask, weights = Decider.of(RATE, TABLE).decide(table.drop_columns(["id"]))
    assert mask.all()
    assert set(weights) == {1.0}


NUMBERS = list(range(1000, 5000))
UUIDS = [UUID(int=k * 7919 * 2**64 + 5) for k in range(4000)]
TEXTS = pa.array([str(k) for k in NUMBERS])
SPELLED = pa.array([str(one) for one in UUIDS])
SIXTEEN = pa.array([one.bytes for one in UUIDS], pa.binary(16))


@pytest.mark.parametrize(
    ("ids", "same"),
    [
        (pa.array(NUMBERS), TEXTS),
        (pa.array(NUMBERS, pa.uint32()), TEXTS),
        (pa.array(NUMBERS, pa.decimal128(20, 0)), TEXTS),
        (pa.array([*map(float, NUMBERS)]), TEXTS),  # as pandas has them beside null
        (TEXTS.cast(pa.large_string()), TEXTS),
        (TEXTS.dictionary_encode(), TEXTS),
        (TEXTS.cast(pa.binary()), TEXTS),
        (SIXTEEN, SPELLED),
        (SIXTEEN.cast(pa.binary()), SPELLED),
        (pa.ExtensionArray.from_storage(pa.uuid(), SIXTEEN), SPELLED),
    ],
    ids=lambda value: str(value.type),
)
def test_an_id_is_the_same_however_a_log_keeps_it(
    ids: pa.Array, same: pa.Array
) -> None:
    table = rows(4000)
    for how in (RATE, LIMIT):
        masks = [
            Decider.of(how, TABLE).decide(table.set_column(0, "id", one))[0]
            for one in (ids, same)
        ]
        assert (masks[0] == masks[1]).all()
        assert 0.05 < masks[0].mean() < 0.9


def test_an_id_that_is_no_number_is_none() -> None:
    ids = pa.array([float("nan"), float("inf"), 1e300, *[float("nan")] * 997])
    mask, weights = Decider.of(RATE, TABLE).decide(rows(1000).set_column(0, "id", ids))
    assert np.delete(mask, [1, 2]).all()
    assert set(np.delete(weights, [1, 2])) <= {1.0, 10.0}


def stream(seed: int, hours: int) -> tuple[list[int], float]:
    """Return how many rows of each hour a stream keeps, and what all stand for."""
    table = rows(8000 * hours, seed=seed, hours=hours)
    decider = Decider.of(section(rows="500 per 1h"), TABLE)
    parts = [
        decider.sampled(table.slice(start, 700)) for start in range(0, len(table), 700)
    ]
    kept = pa.concat_tables(parts)
    hour = [moment.hour for moment in kept["at"].to_pylist()]
    return np.bincount(hour, minlength=hours).tolist(), sum(kept[WEIGHT].to_pylist())


def test_a_stream_never_keeps_more_than_the_limit_and_has_no_bias() -> None:
    found = [stream(100 + seed, 1) for seed in range(60)]
    assert max(kept[0] for kept, _ in found) <= 500
    assert min(kept[0] for kept, _ in found) >= 375
    totals = [total for _, total in found]
    error = np.std(totals, ddof=1) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - 8000) < 4 * error


def test_a_stream_that_is_begun_anew_in_every_burst_has_no_bias() -> None:
    """Two daemons take one row in two each, and both are restarted, again and again."""
    totals, parts = [], []
    for seed in range(40):
        table = rows(6000, seed=300 + seed, hours=1)
        kept = []
        for half in (0, 1):
            mine = table.take(pa.array(np.arange(half, 6000, 2)))
            start = 0
            for burst in (40, 2000, 10, 950):
                decider = Decider.of(section(rows="100 per 1h"), TABLE)
                kept.append(decider.sampled(mine.slice(start, burst)))
                start += burst
        found = pa.concat_tables(kept)
        weights = found[WEIGHT].to_numpy()
        totals.append(weights.sum())
        parts.append(weights[np.asarray(found["plan"].to_pylist()) == "plus"].sum())
        assert found.num_rows <= 8 * 100
    for told, true in ((totals, 6000), (parts, 6000 * 0.199)):
        error = np.std(told, ddof=1) / np.sqrt(len(told))
        assert abs(np.mean(told) - true) < 4 * error


def test_a_stream_learns_from_the_hour_before() -> None:
    table = rows(32_000, hours=4)
    decider = Decider.of(section(rows="500 per 1h"), TABLE)
    kept = decider.sampled(table)
    kept = kept.filter(pa.compute.greater_equal(kept["at"], START + HOUR))
    weights = np.array(kept[WEIGHT].to_pylist())
    assert set(weights) == {32.0}  # 8,000 rows an hour: 250 of them at one in 32
    assert abs(weights.sum() / 24_000 - 1) < 0.2


def test_adaptive_sampling_has_no_bias() -> None:
    totals = []
    for seed in range(60):
        table = rows(8000, seed=200 + seed, hours=1)
        found = read(sampled(Held(table), section(rows="500 per 1h"), TABLE))
        totals.append(found[WEIGHT].to_numpy().sum())
    error = np.std(totals, ddof=1) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - 8000) < 4 * error


def test_a_window_that_cuts_an_hour_finds_the_rows_of_the_whole_hour(
    tmp_path: Path,
) -> None:
    source = stored(tmp_path, rows(hours=1))
    whole = read(sampled(source, LIMIT, TABLE))
    middle = START + HOUR / 3
    parts = [
        read(sampled(source, LIMIT, TABLE), Window(a, b))
        for a, b in ((START, middle), (middle, START + HOUR))
    ]
    assert pa.concat_tables(parts).sort_by("id").equals(whole)


def test_rows_that_were_sampled_when_they_came_are_not_sampled_again(
    tmp_path: Path,
) -> None:
    kept = Decider.of(RATE, TABLE).sampled(rows())
    found = read(sampled(stored(tmp_path, kept), RATE, TABLE))
    assert found.num_rows == kept.num_rows
    assert set(found[WEIGHT].to_pylist()) == {10.0}


def test_an_empty_window_keeps_its_columns(tmp_path: Path) -> None:
    source = sampled(stored(tmp_path, rows(100)), RATE, TABLE)
    (batch,) = source.read(Window(START - HOUR, START), None)
    assert batch.num_rows == 0
    assert batch.schema.names == [*TABLE.names, WEIGHT]
    (batch,) = source.read(Window(START - HOUR, START), ["amount", "nowhere"])
    assert batch.schema.names == ["amount"]


def test_columns_that_are_asked_for_come_alone(tmp_path: Path) -> None:
    source = sampled(stored(tmp_path, rows()), KEEP, TABLE)
    found = pa.Table.from_batches(list(source.read(None, ["amount", WEIGHT])))
    assert found.column_names == ["amount", WEIGHT]
    assert found.num_rows == read(source).num_rows
