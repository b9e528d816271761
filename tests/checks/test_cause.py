"""Which law is named as the cause, of several that hold."""

import pytest

from checks.cause import Law, Nature, likely

FACTOR = Law(Nature.FACTOR, "served = recomputed × 10")
LINE = Law(Nature.AFFINE, "served = recomputed × 10 + 0")


@pytest.mark.parametrize(
    ("explained", "differing", "expected"),
    [
        ({FACTOR: 100, LINE: 100}, 100, FACTOR),
        ({FACTOR: 98, LINE: 100}, 100, FACTOR),
        ({FACTOR: 97, LINE: 100}, 100, LINE),
        ({FACTOR: 90}, 100, FACTOR),
        ({FACTOR: 66}, 100, FACTOR),
        ({FACTOR: 64}, 100, None),
        ({FACTOR: 9}, 10, FACTOR),
        ({FACTOR: 8}, 10, None),
        ({FACTOR: 5}, 5, FACTOR),
        ({FACTOR: 4}, 4, None),
        ({}, 100, None),
        ({}, 0, None),
    ],
)
def test_the_simplest_law_that_surely_explains_most_is_the_cause(
    explained: dict[Law, int], differing: int, expected: Law | None
) -> None:
    found = likely(explained, differing)

    assert expected == (found.law if found else None)
