"""The search for the segment in which two samples differ most."""

import time

import numpy as np
import pyarrow as pa
import pytest

from checks.errors import Unmeasurable
from checks.schema import Column, Kind
from checks.search import worst

COLUMNS = [
    Column(name="region", kind=Kind.CATEGORICAL),
    Column(name="device", kind=Kind.BOOLEAN),
    Column(name="age", kind=Kind.NUMERIC),
    Column(name="spent", kind=Kind.NUMERIC),
    Column(name="joined", kind=Kind.DATETIME),
]


def rows(n: int, seed: int, where: str = "", by: float = 30.0) -> pa.Table:
    """Return rows, of which `spent` has moved in some segment."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["EU", "US", "AS"], n, p=[0.3, 0.5, 0.2])
    device = rng.random(n) < 0.5
    age = rng.uniform(18, 78, n)
    joined = rng.integers(0, 1_000, n) * 86_400_000_000
    inside = {
        "": np.zeros(n, bool),
        "region": region == "EU",
        "age": age < 33,
        "both": (region == "EU") & device,
    }[where]
    spent = rng.normal(100, 20, n) + by * inside
    return pa.table(
        {
            "region": pa.array(region.tolist()),
            "device": pa.array(device.tolist()),
            "age": pa.array(age.tolist()),
            "spent": pa.array(spent.tolist(), mask=rng.random(n) < 0.05),
            "joined": pa.array(joined.tolist(), pa.timestamp("us")),
        }
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("where", "begins"),
    [
        ("region", "region = EU"),
        ("age", "age < 3"),
        ("both", "region = EU and device = true"),
    ],
)
def test_the_segment_that_moved_is_found_by_its_name(
    seed: int, where: str, begins: str
) -> None:
    found = worst(rows(2_500, 7), rows(2_500, seed, where), COLUMNS, smallest=50)

    assert "spent" == found.column
    assert found.segment.name.startswith(begins)
    assert begins.count(" and ") == found.segment.name.count(" and ")


def test_the_order_of_columns_and_rows_makes_no_difference() -> None:
    known, now = rows(2_000, 7), rows(2_000, 1, "both")

    first = worst(known, now, COLUMNS, smallest=50)
    again = worst(known, now.sort_by("spent"), COLUMNS, smallest=50)

    assert first == again


@pytest.mark.parametrize(
    ("known", "now"),
    [
        (rows(0, 1), rows(500, 1)),
        (rows(500, 1), rows(0, 1)),
        (rows(40, 1), rows(500, 1)),
        (pa.table({"other": [1, 2]}), rows(500, 1)),
        (pa.table({"region": ["a"] * 500}), pa.table({"region": ["a"] * 500})),
    ],
)
def test_too_few_rows_or_columns_are_told(known: pa.Table, now: pa.Table) -> None:
    with pytest.raises(Unmeasurable):
        worst(known, now, COLUMNS, smallest=50)


def test_odd_values_and_columns_divide_nothing_and_break_nothing() -> None:
    known = rows(2_000, 7)
    now = rows(2_000, 1, "region")
    nothing = pa.nulls(2_000)
    odd = pa.array([None, float("nan"), float("inf"), -1e300] * 500)
    lists = pa.array([[1]] * 2_000)
    extra = {"nothing": nothing, "odd": odd, "lists": lists, "same": ["a"] * 2_000}
    columns = [
        *COLUMNS,
        *(Column(name=n, kind=Kind.NUMERIC) for n in ("nothing", "odd")),
        *(Column(name=n, kind=Kind.CATEGORICAL) for n in ("lists", "same")),
    ]

    for name, values in extra.items():
        known = known.append_column(name, pa.array(values))
        now = now.append_column(name, pa.array(values))
    found = worst(known, now, columns, smallest=50)

    assert ("region = EU", "spent") == (found.segment.name, found.column)


def test_ten_thousand_levels_are_compared_as_a_few() -> None:
    known, now = rows(2_000, 7), rows(2_000, 1, "region")
    many = pa.array([f"level {i % 10_000}" for i in range(2_000)])
    column = Column(name="many", kind=Kind.CATEGORICAL)

    found = worst(
        known.append_column("many", many),
        now.append_column("many", many),
        [*COLUMNS, column],
        smallest=50,
    )

    assert ("region = EU", "spent") == (found.segment.name, found.column)


def test_sixty_columns_of_two_thousand_five_hundred_rows_take_a_moment() -> None:
    rng = np.random.default_rng(1)

    def wide() -> pa.Table:
        return pa.table({f"x{i}": rng.normal(size=2_500).tolist() for i in range(60)})

    columns = [Column(name=f"x{i}", kind=Kind.NUMERIC) for i in range(60)]
    known, now = wide(), wide()

    before = time.thread_time()
    worst(known, now, columns, smallest=50)

    # Of this thread's own time: another's work on the machine does not count.
    assert time.thread_time() - before < 5


def test_absolute_times_are_no_finding_though_they_always_differ() -> None:
    known, now = rows(2_000, 7), rows(2_000, 1, "region")
    later = pa.array(range(2_000), pa.timestamp("us"))
    moved = now.set_column(now.column_names.index("joined"), "joined", later)

    found = worst(known, moved, COLUMNS, smallest=50)

    assert ("region = EU", "spent") == (found.segment.name, found.column)
    with pytest.raises(Unmeasurable, match="no column but times"):
        worst(known, moved, [COLUMNS[-1]], smallest=50)
