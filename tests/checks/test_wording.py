"""Every law of text: found where it holds, silent where nothing does."""

from collections.abc import Sequence

import numpy as np
import pytest

from checks.cause import likely
from checks.wording import texts

Column = Sequence[str | None]


def said(served: Column, recomputed: Column, *, inverted: bool = False) -> str | None:
    cause = likely(texts(served, recomputed, inverted=inverted), len(served))
    return cause.law.sentence if cause else None


@pytest.mark.parametrize(
    ("served", "recomputed", "expected"),
    [
        (["jfk", "Lga", "EWR"], ["JFK", "LGA", "Ewr"], "upper and lower case differ"),
        ([" JFK", "LGA ", "E WR"], ["JFK", "LGA", "EWR"], "white space differs"),
        (
            ["jfk ", "lga", "ewr"],
            ["JFK", "LGA ", "EWR "],
            "case and white space differ",
        ),
        (["1.0", "2.50"], ["1", "2.5"], "the same numbers, written differently"),
        (
            ["ZÃ¼rich", "GenÃ¨ve"],
            ["Zürich", "Genève"],
            "served is UTF-8 that was read as Latin-1",
        ),
        (
            ["abcd", "efgh", "ijkl"],
            ["abcdX", "efghY", "ijkl Z"],
            "served is cut to 4 characters",
        ),
        (["?", "?", "?"], ["JFK", "LGA", "EWR"], "served is always '?'"),
        (["none", "none"], [None, None], "served is 'none' where recomputed is null"),
        ([None, None], ["-", "-"], "recomputed is '-' where served is null"),
        ([None, None], ["a", "b"], "served is null where recomputed has a value"),
        (
            ["KJFK", "KLGA"],
            ["JFK", "LGA"],
            "served is 'KJFK' where recomputed is 'JFK', 'KLGA' where 'LGA'",
        ),
    ],
)
def test_what_happened_to_text_is_named(
    served: Column, recomputed: Column, expected: str
) -> None:
    assert expected == said([*served] * 5, [*recomputed] * 5)


def test_many_renamed_categories_are_shown_in_part() -> None:
    recomputed = [f"code {i}" for i in range(9)] * 4
    served = [f"{i} of nine" for i in range(9)] * 4

    found = said(served, recomputed)

    assert found is not None
    assert found.endswith("and 6 more")


def test_what_stands_once_is_no_renaming() -> None:
    names = [f"passenger {i}" for i in range(50)]

    assert said(names, [f"row {i}" for i in range(50)]) is None


def test_of_two_categories_a_mistake_is_no_swap_unless_it_is_everywhere() -> None:
    served, recomputed = ["yes", "no"] * 10, ["no", "yes"] * 10

    assert said(served, recomputed) is None
    assert said(served, recomputed, inverted=True) is not None


def test_shuffled_categories_name_nothing() -> None:
    rng = np.random.default_rng(0)
    recomputed = rng.choice(list("abcde"), size=500)
    served = rng.permutation(recomputed)
    differ = served != recomputed

    assert said(served[differ].tolist(), recomputed[differ].tolist()) is None
