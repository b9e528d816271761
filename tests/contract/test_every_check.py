"""The law for checks: every one that compares two sides of a column is held to it."""

from typing import Any

import numpy as np
import pytest

from checks import registry
from checks.column import ColumnProfile
from checks.errors import OptionError, Unmeasurable
from checks.example import column, gathered, levels
from checks.option import range_of
from checks.registry import Check, Subject
from checks.rows import Values
from checks.schema import Kind

COLUMN_CHECKS = [
    c
    for c in registry.every()
    if c.subject in (Subject.COLUMN, Subject.VALUES) and c.peer is None
]

STUCK = 3.0
"""The shift from which on a column stands still."""


def stuck(shift: float, n: int) -> tuple[ColumnProfile, ...]:
    """Return a reference and a current profile that stands still if it moved far."""
    x = np.random.default_rng(42).normal(size=4_000)
    values = np.resize([7.0] if shift >= STUCK else x, n)
    return column(x, like=x), column(values, like=x)


def fewer(shift: float, n: int) -> tuple[ColumnProfile, ...]:
    """Return a reference and a current profile that lost values as it moved."""
    names = [f"level {i}" for i in range(1_000)]
    known = levels(dict.fromkeys(names, 4))
    left = np.resize(names[: round(1_000 * (1 - 0.3 * shift))], n).tolist()
    return known, levels({name: left.count(name) for name in set(left)}, like=known)


EVENTS = {"constant": stuck, "cardinality": fewer}
"""Checks that look for what a mere shift is not."""


def draw(
    check: Check, shift: float, n: int = 4_000
) -> tuple[ColumnProfile | Values, ...]:
    """Return both sides of a column that moved by `shift`, as the check takes them."""
    if check.name in EVENTS:
        return EVENTS[check.name](shift, n)
    raw = check.subject is Subject.VALUES
    rng = np.random.default_rng(42)
    if Kind.NUMERIC in check.kinds:
        x = rng.normal(size=4_000)
        y = rng.normal(size=n) + shift
        gone = rng.random(n) < shift / 10
        values = [None if g else float(v) for v, g in zip(y, gone, strict=True)]
        if raw:
            return gathered(x.tolist(), Kind.NUMERIC), gathered(values, Kind.NUMERIC)
        return column(x, like=x), column(values, like=x)
    share = min(0.9, shift / 4)
    moved = round(n * share)
    green = (n - moved) // 4
    before = {"red": 3_000, "green": 1_000}
    after = {"red": n - moved - green, "green": green, "new": moved}
    if raw:
        rows = [[k for k in c for _ in range(c[k])] for c in (before, after)]
        return tuple(gathered(side, Kind.CATEGORICAL) for side in rows)
    a = levels(before)
    return a, levels(after, like=a)


def held(side: ColumnProfile | Values) -> Any:
    """Return the array that a side of a comparison holds."""
    if not isinstance(side, Values):
        return side.counts
    return side.numbers if side.column.kind.ordered else np.array([*side.levels])


@pytest.fixture(params=COLUMN_CHECKS, ids=lambda c: c.name)
def check(request: pytest.FixtureRequest) -> Check:
    found: Check = request.param
    return found


def test_it_is_zero_on_identical_profiles(check: Check) -> None:
    reference, _ = draw(check, 0.0)

    found = check.measure(reference, reference)

    assert found.value == pytest.approx(0.0, abs=1e-9)
    assert 0.0 == found.low
    assert found.p_value is None or found.p_value > 0.5


def test_it_grows_with_the_shift_and_becomes_certain(check: Check) -> None:
    found = [check.measure(*draw(check, shift)) for shift in (0.0, 0.5, 1.0, 3.0)]

    values = [statistic.value for statistic in found]
    assert sorted(values) == values
    assert found[-1].low > check.threshold
    assert found[-1].p_value is not None
    assert found[-1].p_value < 1e-6


def test_it_is_never_more_than_the_most_it_is_said_to_be(check: Check) -> None:
    found = [check.measure(*draw(check, shift)).value for shift in (1.0, 3.0)]

    if check.most is not None:
        assert max(found) <= check.most + 1e-12
        assert check.threshold < check.most


def test_its_interval_holds_its_value(check: Check) -> None:
    for shift in (0.0, 0.2, 2.0):
        found = check.measure(*draw(check, shift))
        assert 0.0 <= found.low <= found.value <= found.high


def test_it_is_deterministic_and_changes_nothing_it_is_given(check: Check) -> None:
    sides = draw(check, 1.0)
    before = [held(side).copy() for side in sides]

    first = check.measure(*sides)

    assert first == check.measure(*sides)
    for was, side in zip(before, sides, strict=True):
        assert (was == held(side)).all()


def test_it_says_unmeasurable_when_the_window_is_empty(check: Check) -> None:
    reference, empty = draw(check, 0.0, n=0)

    with pytest.raises(Unmeasurable, match="window"):
        check.measure(reference, empty)


def test_one_row_gives_no_alarm(check: Check) -> None:
    found = check.measure(*draw(check, 0.0, n=1))

    assert found.p_value is not None
    assert found.p_value > 0.001


def test_it_refuses_an_option_it_does_not_have(check: Check) -> None:
    with pytest.raises(OptionError, match=r"no option 'colour'; it has: "):
        check.validate({"colour": 1})


def test_it_refuses_a_choice_that_is_none_of_its_own(check: Check) -> None:
    for name, option in check.options.items():
        if isinstance(option.default, str):
            with pytest.raises(OptionError, match=f"not one of .*{option.default}"):
                check.validate({name: "sideways"})


def test_it_refuses_a_number_out_of_its_range(check: Check) -> None:
    for name, option in check.options.items():
        limits = range_of(option)
        assert (limits is None) == (not is_number(option.default)), name
        if limits is not None:
            check.validate({name: option.default})
            with pytest.raises(OptionError, match=f"{name!r}.* is -1.*, not {limits}"):
                check.validate({name: type(option.default)(-1)})


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_its_docstring_tells_what_it_is_blind_to_and_shows_it(check: Check) -> None:
    doc = check.measure.__doc__ or ""

    for part in ("Blind to", "Source:", ">>> "):
        assert part in doc
    assert check.measure.__module__.endswith(f".{check.name}")
