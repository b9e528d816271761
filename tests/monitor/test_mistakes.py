"""DDM and EDDM over a model's own errors, row by row, through the cycle and store."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from river.drift import binary

from checks.errors import ProfileError
from checks.samples import LOSS
from checks.schema import Column, Kind, Role, Schema
from checks.verdict import Status, Verdict
from monitor.cycle import Turn
from monitor.errors import ConfigErrors
from monitor.mistakes import Mistakes
from monitor.store.records import Run
from monitor.window import Window
from monitor.wording import sentence
from tests.monitor.world import DAY, START, Small, rows, small

WATCHED: dict[str, Any] = {
    "checks": {"volume": True},
    "sequence": [
        {"of": "errors", "detector": "ddm"},
        {"of": "errors", "detector": "eddm"},
    ],
}
QUIET: dict[str, Any] = {"evaluation": None, "recomputed": None}


def world(folder: Path, daily: Any = WATCHED, **changes: Any) -> Any:
    return small(folder, model=QUIET, daily=daily, **changes)


def known(day: Any, n: int = 400) -> pa.Array:
    """Say that labels are known on the day itself."""
    return pa.array([day] * n, pa.timestamp("us", "UTC"))


def passed(one: Small, **moved: Any) -> dict[str, Verdict]:
    """Let a day with labels pass; return the verdicts on errors."""
    return found(one.pass_day(known_at=known(one.today), **moved))


def found(events: Iterable[Any]) -> dict[str, Verdict]:
    (turn,) = [event for event in events if isinstance(event, Turn)]
    assert turn.assessment is not None
    return {
        v.check: v for v in turn.assessment.verdicts if v.check.endswith("(errors)")
    }


def errors(day: Any, wrong: float = 0.0) -> list[bool]:
    """Return whether each row of a day is wrong, in the order of time."""
    table = rows(day, wrong=wrong)
    score, label = np.asarray(table["score"]), np.asarray(table["churned"])
    result: list[bool] = ((score >= 0.5) != label).tolist()
    return result


def test_both_alarm_in_the_windows_in_which_river_does_on_the_same_stream(
    tmp_path: Path,
) -> None:
    ddm, eddm = binary.DDM(), binary.EDDM()
    theirs: dict[str, list[bool]] = {"ddm(errors)": [], "eddm(errors)": []}
    ours: dict[str, list[bool]] = {"ddm(errors)": [], "eddm(errors)": []}
    with world(tmp_path) as one:
        for day in range(9):
            wrong = 0.9 if day >= 5 else 0.0
            stream = errors(one.today, wrong)
            verdicts = passed(one, wrong=wrong)
            for name, detector in (("ddm(errors)", ddm), ("eddm(errors)", eddm)):
                alarms = []
                for x in stream:
                    detector.update(x)  # type: ignore[no-untyped-call]
                    alarms.append(detector.drift_detected)
                theirs[name].append(any(alarms))
                ours[name].append(verdicts[name].status is Status.FAIL)

    assert theirs == ours
    assert [5] == [day for day, alarm in enumerate(ours["ddm(errors)"]) if alarm]


def test_an_alarm_opens_an_incident_that_says_what_the_errors_did(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as one:
        for _ in range(4):
            passed(one)
        verdict = passed(one, wrong=0.9)["ddm(errors)"]
        (incident,) = [
            i
            for i in one.app.store.open_incidents("churn")
            if i.key.check == "ddm(errors)"
        ]
        day = one.today
    # After a restart the same history is read from the store.
    with world(tmp_path, today=day) as one:
        after = passed(one, wrong=0.9)["ddm(errors)"]

    assert verdict.statistic is not None
    assert 0.15 < (verdict.statistic.at_reference or 0.0) < 0.3
    assert 0.6 < (verdict.statistic.at_current or 0.0) < 0.9
    assert "wrong predictions went from" in sentence(incident)
    assert f"from {day - DAY:%Y-%m-%d} on" in sentence(incident)
    assert Status.FAIL is not after.status, "the level since is the usual one now"


def test_windows_without_labels_are_gaps_and_unknown(tmp_path: Path) -> None:
    with world(tmp_path) as one:
        passed(one)
        late = found(one.pass_day(known_at=known(one.today + 9 * DAY)))["ddm(errors)"]
        store = one.app.store
        kept = store.errors_before(like(store, one), 10)
        again = passed(one)["ddm(errors)"]

    assert Status.UNKNOWN is late.status
    assert "no labels" in (late.cause or "")
    assert Status.PASS is again.status
    (first,) = [Mistakes.from_bytes(*each) for each in kept if len(each[1]) > 0][:1]
    assert errors(START) == first.wrong.tolist()


def like(store: Any, one: Small) -> Run:
    """Return a run like the last, whose window begins now."""
    (last,) = store.latest_runs()
    return Run(
        model=last.model,
        monitor=last.monitor,
        window=Window(one.today, one.today + DAY),
        model_version=last.model_version,
        reference_id=last.reference_id,
        status=last.status,
        evaluated=one.today,
    )


def test_a_threshold_says_which_rise_matters(tmp_path: Path) -> None:
    wanted = {**WATCHED["sequence"][0], "threshold": 0.9}
    with world(tmp_path, {**WATCHED, "sequence": [wanted]}) as one:
        statuses = [
            passed(one, wrong=0.9 if day >= 4 else 0.0)["ddm(errors)"].status
            for day in range(6)
        ]

    assert Status.FAIL not in statuses


SCHEMA = Schema.of(
    [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="at", kind=Kind.DATETIME, role=Role.TIMESTAMP),
    ]
)


def sample(*told: tuple[str, int, float]) -> pa.Table:
    """Return rows of an id, an hour and what each has cost."""
    moments = [START + timedelta(hours=hour) for _, hour, _ in told]
    return pa.table(
        {
            "id": [name for name, _, _ in told],
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            LOSS: [loss for _, _, loss in told],
        }
    )


def test_outcomes_are_in_the_order_of_time_each_prediction_once() -> None:
    table = sample(
        ("c", 3, 1.0),
        ("b", 1, 0.0),
        ("a", 1, 1.0),
        ("d", 2, float("nan")),  # no label
        ("a", 2, 0.0),  # again, as it was made last
        ("e", 30, 1.0),  # the next window's
    )

    taken = Mistakes.of(table, SCHEMA, Window(START, START + 2 * DAY), DAY)

    assert taken is not None
    assert [False, False, True] == taken.wrong.tolist()
    assert None is Mistakes.of(
        table.drop_columns([LOSS]), SCHEMA, Window(START, START + DAY), DAY
    )


def test_ids_that_are_bytes_tell_predictions_apart() -> None:
    table = sample(("a", 1, 1.0), ("b", 2, 0.0), ("a", 3, 0.0))
    kept = [{"a": b"\xff" * 16, "b": b"\xfe" * 16}[i] for i in table["id"].to_pylist()]
    ids = pa.array(kept, pa.binary(16))
    table = table.set_column(table.column_names.index("id"), "id", ids)

    taken = Mistakes.of(table, SCHEMA, Window(START, START + 2 * DAY), DAY)

    assert taken is not None
    assert [False, False] == taken.wrong.tolist()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 63, 64, 65, 5_000])
def test_bits_are_read_back_as_they_were_written(n: int) -> None:
    wrong = np.random.default_rng(n).random(n) < 0.3
    content = Mistakes(start=START, wrong=wrong).to_bytes()

    assert (wrong == Mistakes.from_bytes(START, content).wrong).all()
    assert len(content) < 400 + n / 8
    with pytest.raises(ProfileError):
        Mistakes.from_bytes(START, content[:-1])


@pytest.mark.parametrize(
    ("wanted", "model", "said"),
    [
        ({"of": "errors"}, {}, "cusum is not made for single outcomes"),
        ({"of": "errors", "detector": "dmm"}, {}, "there is no detector 'dmm'"),
        ({"of": "errors", "detector": "ddm"}, {"labels": None}, "binary classifier"),
        (
            {"of": {"check": "errors", "column": "plan"}, "detector": "ddm"},
            {},
            "the model's errors have no column",
        ),
        (
            {"of": "errors", "detector": "ddm", "options": {"warm": 3}},
            {},
            "detector 'ddm' has no option 'warm'",
        ),
        ({"of": "volume", "detector": "ddm"}, {}, "or write of: errors"),
    ],
)
def test_a_mistake_is_told_where_it_stands(
    tmp_path: Path, wanted: Any, model: Any, said: str
) -> None:
    daily = {**WATCHED, "sequence": [wanted]}
    with (
        pytest.raises(ConfigErrors, match=said),
        small(tmp_path, model={**QUIET, **model}, daily=daily),
    ):
        pass
