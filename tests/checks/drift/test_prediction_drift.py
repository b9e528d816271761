"""Drift of predictions: a name of its own, and nothing counted twice."""

from checks.drift.jensen_shannon import jensen_shannon
from checks.drift.prediction_drift import prediction_drift
from checks.drift.wasserstein import wasserstein
from checks.example import column, levels
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.suite import plan
from checks.wish import Wish, Wishes

SCHEMA = Schema.of(
    [
        Column(name="x", kind=Kind.NUMERIC),
        Column(name="score", kind=Kind.NUMERIC, role=Role.SCORE),
        Column(name="answer", kind=Kind.CATEGORICAL, role=Role.PREDICTION),
    ]
)
DISTANCES = ("wasserstein", "jensen_shannon", "prediction_drift")


def planned(named: dict[str, Wish], *, standard: bool = True) -> set[tuple[str, str]]:
    entries = plan(SCHEMA, Task.NONE, Wishes(standard=standard, named=named))
    return {(e.check.name, str(e.column)) for e in entries if e.check.name in DISTANCES}


def test_numbers_go_by_wasserstein_and_categories_by_jensen_shannon() -> None:
    numbers = column(range(100)), column(range(20, 120))
    known = levels({"yes": 5, "no": 5})
    answers = known, levels({"yes": 9}, like=known)

    assert prediction_drift(*numbers) == wasserstein(*numbers)
    assert prediction_drift(*answers) == jensen_shannon(*answers)


def test_the_standard_suite_watches_predictions_as_it_does_features() -> None:
    assert planned({}) == {
        ("wasserstein", "x"),
        ("wasserstein", "score"),
        ("jensen_shannon", "answer"),
    }


def test_where_it_is_named_it_takes_the_place_of_the_standard_ones() -> None:
    assert planned({"prediction_drift": Wish(threshold=0.2)}) == {
        ("wasserstein", "x"),
        ("prediction_drift", "score"),
        ("prediction_drift", "answer"),
    }


def test_a_standard_one_with_another_threshold_gives_way_too() -> None:
    named = {"prediction_drift": Wish(), "wasserstein": Wish(threshold=0.3)}

    assert ("wasserstein", "score") not in planned(named)


def test_a_check_whose_columns_are_listed_is_made_on_them_all_the_same() -> None:
    named = {"prediction_drift": Wish(), "wasserstein": Wish(columns=("score",))}

    assert planned(named, standard=False) == {
        ("wasserstein", "score"),
        ("prediction_drift", "score"),
        ("prediction_drift", "answer"),
    }
