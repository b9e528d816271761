"""The law for presets: every check that decides by another system's own rule."""

import math
from typing import Any, get_args

import pytest

from checks import registry
from checks.correction import Correction
from checks.errors import OptionError, Unmeasurable
from checks.evidence import Evidence
from checks.example import gathered, reference, window
from checks.registry import Check, Subject, Task
from checks.rows import Values
from checks.schema import Column, Kind, Role, Schema
from checks.statistic import Statistic
from checks.suite import evaluate, plan
from checks.verdict import Reason, Status
from checks.wish import Wish, Wishes

PEERS = [c for c in registry.every() if c.peer is not None]
RAW = [c for c in PEERS if c.subject is Subject.VALUES]

SIDES: dict[Kind, tuple[list[Any], list[Any]]] = {
    Kind.NUMERIC: ([float(i * 7 % 100) for i in range(400)], [150.0, 160.0, 170.0]),
    Kind.CATEGORICAL: (["a", "b", "a", "c"] * 100, ["z", "z", "a"]),
    Kind.BOOLEAN: ([True, False] * 200, [True, True, True]),
}
ODD: dict[Kind, list[list[Any]]] = {
    Kind.NUMERIC: [
        [1.0],
        [None, 2.0, math.nan, math.inf, -math.inf],
        [7.0] * 30,
        [1e300, -1e300],
        [0.1 * i for i in range(17)],
        [0.0] * 11 + [-0.0],
    ],
    Kind.CATEGORICAL: [["a"], [None, "b"], ["c"] * 30, [str(i) for i in range(3_000)]],
    Kind.BOOLEAN: [[True], [None, False], [True, False] * 9],
}


def side(rows: list[Any], kind: Kind) -> Values:
    import pyarrow as pa  # noqa: PLC0415 - only this helper needs an array by name

    return gathered(rows, kind).in_order(pa.chunked_array([pa.array(rows)]))


def measured(check: Check, *sides: Values, **options: str) -> Statistic | str:
    try:
        return check.measure(*sides, **options)
    except Unmeasurable as unmeasurable:
        return unmeasurable.cause
    except OptionError as error:  # a method for numbers, on categories
        return str(error)


def choices(check: Check) -> list[dict[str, str]]:
    """List every choice of an option that has choices; none at first."""
    found = [
        {name: choice}
        for name, option in check.options.items()
        for choice in get_args(option.annotation)
        if isinstance(choice, str)
    ]
    return [{}, *found]


@pytest.fixture(params=RAW, ids=lambda c: c.name)
def check(request: pytest.FixtureRequest) -> Check:
    found: Check = request.param
    return found


def test_every_preset_there_is() -> None:
    presets = ("azure", "evidently-0.7", "nannyml-0.13", "sagemaker", "tfdv")
    assert presets == registry.presets()


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match=r"no preset 'evidently'; there are: azure"):
        registry.preset("evidently")


def test_it_is_one_number_decided_without_chance(check: Check) -> None:
    for kind in check.kinds:
        before, after = SIDES[kind]
        found = check.measure(side(before, kind), side(after, kind))

        assert found.low == found.value == found.high
        assert found.p_value is None
        assert found.ruling is not None
        assert found.value >= 0


def test_it_names_the_system_and_its_figure(check: Check) -> None:
    for kind in check.kinds:
        found = check.measure(*(side(rows, kind) for rows in SIDES[kind]))
        assert found.detail.startswith(
            ("evidently 0.7: ", "nannyml 0.13: ", "TFDV: ", "Azure ML: ", "SageMaker: ")
        )
        assert " = " in found.detail


def test_a_users_threshold_decides(check: Check) -> None:
    for kind in check.kinds:
        both = [side(rows, kind) for rows in SIDES[kind]]
        loose = check.measure(*both, threshold=1e9)
        assert loose.ruling is not None
        # A p-value is always below that, and a distance never.
        assert loose.ruling.crossed is ("≤" in loose.detail or "<" in loose.detail)


def test_odd_data_is_a_finite_number_or_has_a_cause(check: Check) -> None:
    for kind in check.kinds:
        for before in [*ODD[kind], SIDES[kind][0]]:
            for after in [*ODD[kind], SIDES[kind][1]]:
                both = side(before, kind), side(after, kind)
                for chosen in choices(check):
                    told = measured(check, *both, **chosen)
                    assert isinstance(told, Statistic) or told != ""


def test_the_same_rows_give_the_same_answer(check: Check) -> None:
    for kind in check.kinds:
        both = [side(rows, kind) for rows in SIDES[kind]]
        assert check.measure(*both) == check.measure(*both)


def test_its_docstring_tells_defects_sources_and_what_to_use_instead() -> None:
    for one in PEERS:
        doc = one.measure.__doc__ or ""
        for part in ("Blind to", "Source:", ">>> "):
            assert part in doc, one.name
        if one.subject is Subject.VALUES:
            assert "Use\n    `" in doc or "Use `" in doc or "use\n    `" in doc, (
                one.name
            )


SCHEMA = Schema.of(
    [
        Column(name="x", kind=Kind.NUMERIC),
        Column(name="y", kind=Kind.NUMERIC, role=Role.SCORE),
        Column(name="c", kind=Kind.CATEGORICAL),
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="t", kind=Kind.DATETIME),
    ]
)


@pytest.mark.parametrize(
    ("preset", "planned"),
    [
        (
            "evidently-0.7",
            {
                ("evidently_drift", "x"),
                ("evidently_drift", "y"),
                ("evidently_drift", "c"),
                ("evidently_dataset_drift", None),
            },
        ),
        (
            "nannyml-0.13",
            {("nannyml_drift", "x"), ("nannyml_drift", "y"), ("nannyml_drift", "c")},
        ),
        (
            "tfdv",
            {
                ("tfdv_jensen_shannon", "x"),
                ("tfdv_jensen_shannon", "y"),
                ("tfdv_l_infinity", "c"),
            },
        ),
        (
            "azure",
            {
                ("azure_numeric_drift", "x"),
                ("azure_numeric_drift", "y"),
                ("azure_categorical_drift", "c"),
            },
        ),
    ],
)
def test_a_preset_is_made_on_what_its_system_compares(
    preset: str, planned: set[tuple[str, str | None]]
) -> None:
    entries = plan(
        SCHEMA, Task.NONE, Wishes(standard=False, preset=preset), min_rows=200
    )

    assert planned == {(entry.check.name, entry.column) for entry in entries}
    assert {1} == {entry.min_rows for entry in entries}


def test_what_a_user_says_of_a_presets_check_is_its_option_and_one_can_be_off() -> None:
    wishes = Wishes(
        standard=False,
        preset="evidently-0.7",
        named={"evidently_drift": Wish(threshold=0.2, options={"method": "psi"})},
        off=frozenset({"evidently_dataset_drift"}),
    )

    entries = plan(SCHEMA, Task.NONE, wishes)

    assert {"evidently_drift"} == {entry.check.name for entry in entries}
    assert {"method": "psi", "threshold": 0.2} == dict(entries[0].options)


def test_one_key_decides_beside_checks_that_take_two() -> None:
    rows: dict[str, list[Any]] = {
        "x": [float(i % 50) for i in range(900)],
        "c": ["a", "b", "b"] * 300,
    }
    now: dict[str, list[Any]] = {
        "x": [float(i % 50) for i in range(30)],
        "c": ["a", "b", "b"] * 9 + ["a"] * 3,
    }
    before = reference(rows)
    kinds = {"x": Kind.NUMERIC, "c": Kind.CATEGORICAL}
    evidence = Evidence(
        profile=window(before, now),
        values=lambda name: (
            side(rows[name], kinds[name]),
            side(now[name], kinds[name]),
        ),
    )
    entries = plan(
        before.bins.schema,
        Task.NONE,
        Wishes(preset="evidently-0.7", named={"evidently_drift": Wish(threshold=1.1)}),
    )

    found = evaluate(entries, before, evidence, alpha=1e-9, correction=Correction.HOLM)

    theirs = [v for v in found if v.check.startswith("evidently")]
    ours = [v for v in found if not v.check.startswith("evidently")]
    assert [(Status.FAIL, Reason.PEERS_RULE)] * 3 == [
        (v.status, v.reason) for v in theirs
    ]
    assert {None} == {v.p_adjusted for v in theirs}
    assert Status.FAIL not in {v.status for v in ours}
    limits = {v.column: v.threshold for v in theirs}
    assert {None: 0.5, "x": 1 - 1.1, "c": 1 - 1.1} == pytest.approx(limits)
