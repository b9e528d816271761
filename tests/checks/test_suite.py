"""The suite: planned from the schema, measured apart, judged as one family."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks import registry
from checks.correction import Correction
from checks.errors import OptionError
from checks.evidence import Evidence
from checks.example import reference, window
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.statistic import Statistic
from checks.suite import evaluate, plan
from checks.verdict import Reason, Status, Verdict
from checks.wish import Wish, Wishes

RNG = np.random.default_rng(3)
SCHEMA = Schema.of(
    [
        Column(name="key", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="x", kind=Kind.NUMERIC),
        Column(name="c", kind=Kind.CATEGORICAL),
        Column(name="label", kind=Kind.BOOLEAN, role=Role.LABEL),
    ]
)
KNOWN = reference(
    {"x": RNG.normal(size=2_000).tolist(), "c": ["a", "b"] * 1_000},
    block_rows=(500, 500, 500, 500),
    roles={"key": Role.ID},
)


def judged(
    table: Mapping[str, Any],
    wishes: Wishes | None = None,
    known: Reference = KNOWN,
    alpha: float = 0.01,
    **planned: Any,
) -> dict[tuple[str, str | None], Verdict]:
    entries = plan(SCHEMA, Task.NONE, wishes or Wishes(), **planned)
    evidence = Evidence(profile=window(known, table))
    found = evaluate(entries, known, evidence, alpha=alpha, correction=Correction.HOLM)
    assert len(found) == len(entries)
    return {(verdict.check, verdict.column): verdict for verdict in found}


def day(n: int = 500, shift: float = 0.0) -> dict[str, Any]:
    x = (RNG.normal(size=n) + shift).tolist()
    return {"x": x, "c": ["a", "b"] * (n // 2), "key": [str(i) for i in range(n)]}


def test_the_standard_suite_fits_the_kinds_and_leaves_ids_and_labels_alone() -> None:
    assert {
        ("wasserstein", "x"),
        ("out_of_range", "x"),
        ("missing", "x"),
        ("constant", "x"),
        ("jensen_shannon", "c"),
        ("unseen_category", "c"),
        ("missing", "c"),
        ("constant", "c"),
        ("schema_change", None),
        ("volume", None),
        ("duplicate_ids", None),
    } == set(judged(day()))


def test_a_clean_window_passes_and_a_shifted_one_fails_where_it_shifted() -> None:
    assert {Status.PASS} == {v.status for v in judged(day()).values()}
    failed = [k for k, v in judged(day(shift=2.0)).items() if v.status is Status.FAIL]
    assert {"x"} == {column for _, column in failed}


def test_a_named_check_is_added_to_the_standard_suite() -> None:
    wishes = Wishes(named={"psi": Wish(threshold=0.3)})

    found = judged(day(), wishes)

    assert 0.3 == found["psi", "x"].threshold
    assert ("wasserstein", "x") in found


def test_a_standard_check_that_is_named_keeps_its_columns() -> None:
    wishes = Wishes(named={"jensen_shannon": Wish(threshold=0.3)})

    found = judged(day(), wishes)

    assert 0.3 == found["jensen_shannon", "c"].threshold
    assert ("jensen_shannon", "x") not in found


def test_without_the_standard_suite_only_what_is_named_is_checked() -> None:
    wishes = Wishes(standard=False, named={"psi": Wish(columns=("x",))})

    assert {("psi", "x")} == set(judged(day(), wishes))


def test_a_check_can_be_taken_out() -> None:
    assert ("volume", None) not in judged(day(), Wishes(off=frozenset({"volume"})))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"kolmogorov": Wish()}, "there is no check 'kolmogorov'; there are: "),
        ({"psi": Wish(options={"bins": 3})}, "no option 'bins'; it has: groups"),
        ({"psi": Wish(options={"groups": "ten"})}, "'groups' of 'psi' is 'ten', not"),
        ({"psi": Wish(options={"groups": 1})}, "'psi' is 1, not at least 2"),
        (
            {"quantile_shift": Wish(options={"share": 1.0})},
            "'quantile_shift' is 1.0, not above 0 and below 1",
        ),
        ({"quantile_shift": Wish(options={"share": math.nan})}, "is nan, not above"),
        (
            {"jensen_shannon": Wish(options={"unit": "bytes"})},
            "is 'bytes', not one of bits, nats",
        ),
    ],
)
def test_a_wish_that_nothing_fulfils_is_refused_with_what_there_is(
    named: dict[str, Wish], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        plan(SCHEMA, Task.NONE, Wishes(named=named))


def test_too_few_rows_are_unknown_but_not_for_the_table() -> None:
    found = judged(day(n=20), min_rows=200)

    assert (
        "too few rows: 20, and at least 200 are needed" == found["missing", "x"].cause
    )
    assert Status.UNKNOWN is not found["volume", None].status


def test_the_family_pays_for_every_check_in_it() -> None:
    shifted = day(shift=0.25)
    alone = judged(shifted, Wishes(standard=False, named={"wasserstein": Wish()}))
    among = judged(shifted)

    one, many = alone["wasserstein", "x"], among["wasserstein", "x"]
    assert one.statistic is not None
    assert one.p_adjusted == one.statistic.p_value
    assert many.p_adjusted is not None
    assert one.p_adjusted is not None
    assert many.p_adjusted > one.p_adjusted


def test_a_certain_difference_too_small_to_matter_passes_and_says_so() -> None:
    wishes = Wishes(standard=False, named={"wasserstein": Wish(threshold=9.0)})

    found = judged(day(shift=1.0), wishes)["wasserstein", "x"]

    assert (Status.PASS, Reason.CERTAIN_BUT_SMALL) == (found.status, found.reason)


def test_a_large_difference_that_chance_can_make_passes_and_says_so() -> None:
    wishes = Wishes(standard=False, named={"wasserstein": Wish(threshold=0.01)})

    found = judged(day(n=6), wishes, alpha=1e-9)["wasserstein", "x"]

    assert (Status.PASS, Reason.LARGE_BUT_UNCERTAIN) == (found.status, found.reason)


def test_a_check_that_raises_is_unknown_and_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> Statistic:
        msg = "division by zero"
        raise ZeroDivisionError(msg)

    wasserstein = registry.get("wasserstein")
    monkeypatch.setitem(
        registry._CHECKS, "wasserstein", replace(wasserstein, measure=broken)
    )

    found = judged(day())

    assert (
        Status.UNKNOWN,
        "the check failed: ZeroDivisionError: division by zero",
    ) == (
        found["wasserstein", "x"].status,
        found["wasserstein", "x"].cause,
    )
    assert Status.PASS is found["missing", "x"].status


def test_serial_correlation_takes_certainty_away() -> None:
    breathing = replace(KNOWN, design_effects={"x": 100.0})

    free = judged(day(shift=0.4))["wasserstein", "x"]
    held = judged(day(shift=0.4), known=breathing)["wasserstein", "x"]

    assert (Status.FAIL, Status.PASS) == (free.status, held.status)


def test_what_days_of_the_stream_do_by_themselves_passes_and_says_so() -> None:
    rng = np.random.default_rng(4)
    days = [
        pa.table({"x": rng.normal(rng.normal(0, 0.3), 1, 500), "c": ["a"] * 500})
        for _ in range(30)
    ]
    bins = Bins.fit(SCHEMA, pa.concat_tables(days))
    known = Reference.of(bins, [bins.profile(one) for one in days], timed=True)
    wishes = Wishes(standard=False, named={"wasserstein": Wish()})

    def found(shift: float) -> Verdict:
        rows = {"x": rng.normal(shift, 1, 500), "c": ["a"] * 500}
        return judged(rows, wishes, known=known)["wasserstein", "x"]

    usual, unusual = found(0.5), found(2.0)
    assert (Status.PASS, Reason.LARGE_BUT_USUAL) == (usual.status, usual.reason)
    assert Status.FAIL is unusual.status


def test_an_empty_window_is_unknown_column_by_column() -> None:
    found = judged({"x": [], "c": []})

    assert "the window has no rows" == found["wasserstein", "x"].cause
    assert Status.FAIL is found["volume", None].status
