"""The nannyml-0.13 preset against a real NannyML, in an environment of its own.

`make nannyml` makes that environment; without it these tests are skipped by name.
"""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks.errors import Unmeasurable
from checks.example import gathered
from checks.peers.nannyml import nannyml_drift
from checks.rows import Values
from checks.schema import Kind
from checks.statistic import Statistic

ROOT = Path(__file__).parents[2]
PYTHON = Path(
    os.environ.get("DRIFTD_NANNYML_PYTHON", ROOT / ".venv-nannyml" / "bin" / "python")
)
NUMERIC = ("jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein")
CATEGORICAL = ("jensen_shannon", "hellinger", "l_infinity", "chi2")


def numbers() -> dict[str, tuple[list[Any], list[Any]]]:
    """Return references and chunks of numbers."""
    rng = np.random.default_rng(11)
    plain = rng.normal(size=1_005).tolist()
    heavy = rng.standard_t(2, size=2_000).tolist()
    holes = [None if i % 7 == 0 else x for i, x in enumerate(plain)]
    large = rng.gamma(2.0, size=12_000).round(3).tolist()
    return {
        "a shift": (plain, (rng.normal(size=300) + 0.5).tolist()),
        "no shift": (plain[:1_000], rng.normal(size=100).tolist()),
        "missing values": (holes, [*rng.normal(size=40).tolist(), None, None]),
        "heavy tails": (heavy, (3 * rng.standard_t(2, size=200)).tolist()),
        "few values": ([float(i % 4) for i in range(500)], [0.0, 1.0, 1.0, 9.0]),
        "one value": ([5.0] * 60, [5.0, 5.0]),
        "one value moves": ([5.0] * 60, [6.0, 5.0]),
        "more than 10,000 rows": (large, [-1.0, -0.5, *large[:50], 99.0, 200.0]),
        "10,000 rows, all above": (large, [99.0, 100.0]),
    }


def levels() -> dict[str, tuple[list[Any], list[Any]]]:
    """Return references and chunks of categories."""
    rng = np.random.default_rng(12)
    plain = [f"level {i}" for i in rng.integers(0, 6, size=905)]
    two = ["yes" if b else "no" for b in rng.random(400) < 0.3]
    holes = [None if i % 9 == 0 else x for i, x in enumerate(plain)]
    return {
        "a shift": (plain, ["level 1"] * 30 + ["level 2"] * 70),
        "no shift": (plain, plain[:90]),
        "unseen levels": (plain, ["level 1", "new", "newer", "new"] * 9),
        "two levels": (two, ["yes"] * 30 + ["no"] * 30),
        "missing values": (holes, ["level 0", None, "level 3"] * 20),
        "one level": (["a"] * 50, ["a", "a"]),
    }


def cases() -> list[tuple[str, dict[str, Any]]]:
    """List every case with its name: data, method and chunks."""
    found = []
    for kind, methods, data in (
        (Kind.NUMERIC, NUMERIC, numbers()),
        (Kind.CATEGORICAL, CATEGORICAL, levels()),
    ):
        for name, (reference, chunk) in data.items():
            for method in methods:
                for size in (0, 70):
                    told = (
                        f"{kind.value}, {name}, {method}, chunks of {size or 'a tenth'}"
                    )
                    case = {
                        "kind": kind.value,
                        "method": method,
                        "chunk_size": size,
                        "reference": reference,
                        "chunk": chunk,
                    }
                    found.append((told, case))
    return found


CASES = cases()


@cache
def answers() -> tuple[dict[str, Any], ...]:
    """Ask NannyML about all cases at once: it takes seconds to be imported."""
    if not PYTHON.is_file():
        pytest.skip(f"there is no NannyML in {PYTHON.parents[1].name}: make nannyml")
    return ask([case for _, case in CASES])


def ask(asked: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).parent / "nannyml_answers.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={"NML_DISABLE_USAGE_LOGGING": "1", "PATH": os.environ.get("PATH", "")},
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout[done.stdout.index('{"version"') :])
    assert told["version"].startswith("0.13.")
    return tuple(told["answers"])


def side(rows: list[Any], kind: Kind) -> Values:
    """Gather rows and keep their order."""
    array = pa.chunked_array([pa.array(rows)])
    return gathered(rows, kind).in_order(array)


def assert_agree(
    found: Statistic, theirs: dict[str, Any], *, chi2: bool = False
) -> None:
    assert found.ruling is not None
    assert bool(theirs["alert"]) is found.ruling.crossed
    if chi2:
        assert f"chi2 = {theirs['value']:.4g}" in found.detail
        return
    assert theirs["value"] == pytest.approx(found.value, rel=1e-9, abs=1e-12)
    assert theirs["threshold"] == pytest.approx(found.ruling.threshold, rel=1e-9)


@pytest.mark.parametrize("place", range(len(CASES)), ids=[name for name, _ in CASES])
def test_a_method_says_what_nannyml_says(place: int) -> None:
    case = CASES[place][1]
    kind = Kind(case["kind"])

    found = nannyml_drift(
        side(case["reference"], kind),
        gathered(case["chunk"], kind),
        method=case["method"],
        chunk_size=case["chunk_size"],
    )

    assert_agree(found, answers()[place], chi2=case["method"] == "chi2")


def test_the_calculator_says_the_same_of_every_chunk_of_a_table() -> None:
    if not PYTHON.is_file():
        pytest.skip(f"there is no NannyML in {PYTHON.parents[1].name}: make nannyml")
    rng = np.random.default_rng(13)
    tables = [
        {
            "x": (rng.normal(size=n) + shift).tolist(),
            "c": [f"level {i}" for i in rng.integers(0, 5 + 2 * shift, size=n)],
        }
        for n, shift in ((1_200, 0), (400, 1))
    ]
    asked = {
        "columns": ["x", "c"],
        "chunk_size": 100,
        "reference": tables[0],
        "analysis": tables[1],
    }

    (told,) = ask([asked])

    for name, kind in (("x", Kind.NUMERIC), ("c", Kind.CATEGORICAL)):
        before = side(tables[0][name], kind)
        for i, theirs in enumerate(told[name]):
            rows = tables[1][name][100 * i : 100 * (i + 1)]
            assert_agree(
                nannyml_drift(before, gathered(rows, kind), chunk_size=100), theirs
            )


@pytest.mark.parametrize("period", ["h", "D", "W", "M", "Q", "Y"])
def test_a_reference_is_cut_into_the_same_calendar_periods(period: Any) -> None:
    if not PYTHON.is_file():
        pytest.skip(f"there is no NannyML in {PYTHON.parents[1].name}: make nannyml")
    rng = np.random.default_rng(14)
    span = {"h": 0.4, "D": 9, "W": 60, "M": 200, "Q": 700, "Y": 1_500}[period]
    start = np.datetime64("2024-12-27T21:30", "us")
    moved = (rng.random(900) * span * 86_400e6).astype("timedelta64[us]")
    times = (start + moved).astype("datetime64[us]")
    rows = (
        rng.normal(size=900) + moved.astype(float) / moved.astype(float).max()
    ).tolist()
    chunk = rng.normal(size=80).tolist()

    (told,) = ask(
        [
            {
                "kind": "numeric",
                "method": "jensen_shannon",
                "chunk_size": 0,
                "chunk_period": period,
                "reference": rows,
                "times": [str(time) for time in times],
                "chunk": chunk,
            }
        ]
    )

    before = gathered(rows).in_order(
        pa.chunked_array([rows]), times=times.astype(np.int64).astype(float)
    )
    assert_agree(nannyml_drift(before, gathered(chunk), chunk_period=period), told)


def test_rows_that_carry_a_time_are_cut_in_its_order() -> None:
    rng = np.random.default_rng(15)
    rows = np.sort(rng.normal(size=1_000))
    mixed = rng.permutation(1_000)
    window = gathered(rng.normal(size=90))

    in_time = side(rows.tolist(), Kind.NUMERIC)
    timed = gathered(rows[mixed]).in_order(
        pa.chunked_array([rows[mixed]]), times=mixed.astype(float)
    )
    untimed = side(rows[mixed].tolist(), Kind.NUMERIC)

    assert nannyml_drift(in_time, window) == nannyml_drift(timed, window)
    assert nannyml_drift(in_time, window) != nannyml_drift(untimed, window)


def test_periods_take_times() -> None:
    before = side([1.0, 2.0, 3.0] * 20, Kind.NUMERIC)

    with pytest.raises(Unmeasurable, match="carry no time"):
        nannyml_drift(before, gathered([1.0]), chunk_period="D")
