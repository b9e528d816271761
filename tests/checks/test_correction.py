"""Holm over tests that can give few p-values: each spends what it could have given."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.correction import UTMOST, Correction, adjust, spent
from checks.drift.jensen_shannon import jensen_shannon
from checks.example import levels

LEVELS = st.floats(1e-12, UTMOST)
TESTS = st.lists(
    st.one_of(
        st.tuples(LEVELS, st.none()),
        st.lists(LEVELS, max_size=4, unique=True).map(
            lambda can: (can[0] if can else 1.0, tuple(sorted(can)))
        ),
    ),
    max_size=12,
)


@given(TESTS)
def test_a_p_value_is_adjusted_by_what_it_and_all_larger_ones_spend(
    tests: list[tuple[float, tuple[float, ...] | None]],
) -> None:
    order = sorted(range(len(tests)), key=lambda i: tests[i][0])
    wanted, worst = [1.0] * len(tests), 0.0
    for rank, i in enumerate(order):
        p = tests[i][0]
        if p > UTMOST:
            continue
        later = math.fsum(spent(tests[j][1], p) for j in order[rank + 1 :])
        worst = max(worst, min(1.0, p + later))
        wanted[i] = worst

    found = adjust([p for p, _ in tests], Correction.HOLM, [can for _, can in tests])

    small = [i for i, (p, _) in enumerate(tests) if p <= UTMOST]
    assert [found[i] for i in small] == pytest.approx([wanted[i] for i in small])
    assert all(p <= q for (p, _), q in zip(tests, found, strict=True))


def test_levels_that_are_common_in_a_segment_alone_are_compared_there() -> None:
    bins = levels({f"L{i:02}": 100 - i for i in range(60)})
    known = levels({"L58": 600, "L59": 600}, like=bins)
    window = levels({"L58": 285, "L59": 15}, like=bins)

    found = jensen_shannon(known, window)

    assert found.value > 0.4
    assert found.p_value is not None
    assert found.p_value < 1e-20
