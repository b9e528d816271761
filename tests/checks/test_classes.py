"""How labels and predictions are read."""

import decimal

import numpy as np
import pyarrow as pa
import pytest

from checks.classes import Classes, floats
from checks.errors import ProfileError


@pytest.mark.parametrize(
    "values",
    [
        [True, False, None],
        [1, 0, None],
        [1.0, 0.0, None],
        np.array([1.0, 0.0, np.nan]),
        pa.chunked_array([[1, 0], [None]]),
        pa.array([True, False, None]),
        pa.array([decimal.Decimal(1), decimal.Decimal(0), None]),
    ],
)
def test_booleans_and_zero_and_one_need_no_names(values: object) -> None:
    found = Classes().read(values)

    assert [True, False, False] == found.positive.tolist()
    assert [True, True, False] == found.known.tolist()
    assert found.refused == 0


def test_text_has_classes_only_by_name() -> None:
    with pytest.raises(ProfileError, match="name the positive class"):
        Classes().read(["late", "on time"])


def test_with_one_name_every_other_text_is_negative() -> None:
    found = Classes(positive="late").read(pa.array(["late", "on time", "early", None]))

    assert [True, False, False, False] == found.positive.tolist()
    assert [True, True, True, False] == found.known.tolist()


def test_with_both_names_a_third_class_is_refused_and_counted() -> None:
    array = pa.array(["late", "on time", "cancelled"]).dictionary_encode()

    found = Classes(positive="late", negative="on time").read(array)

    assert [True, True, False] == found.known.tolist()
    assert found.refused == 1


def test_a_number_that_is_neither_zero_nor_one_is_refused() -> None:
    found = Classes().read([0, 1, 2])

    assert [True, True, False] == found.known.tolist()
    assert found.refused == 1


def test_numbers_may_have_other_names() -> None:
    found = Classes(positive=1, negative=-1).read([1, -1, 0])

    assert [True, True, False] == found.known.tolist()
    assert [False, True] == Classes(positive=2).read([5, 2]).positive.tolist()


def test_a_name_in_text_for_numbers_is_a_number_or_an_error() -> None:
    assert [True] == Classes(positive="true").read([1]).positive.tolist()
    with pytest.raises(ProfileError, match="'late' is none"):
        Classes(positive="late").read([0, 1])


def test_text_is_no_number() -> None:
    with pytest.raises(ProfileError, match="no number"):
        floats(["a"])
