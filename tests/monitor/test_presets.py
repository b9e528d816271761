"""Presets in the daemon: what a config says of them, and what their one key opens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from checks.verdict import Reason, Status, Verdict
from monitor.cycle import Turn
from monitor.errors import ConfigErrors
from monitor.evaluate import Watch, verdict_dict
from monitor.spotcheck import _on_a_file
from tests.monitor.test_raw import amounts, day
from tests.monitor.world import small


def verdicts(events: Any) -> dict[tuple[str, str | None], Verdict]:
    (turn,) = [event for event in events if isinstance(event, Turn)]
    assert turn.assessment is not None
    return {(v.check, v.column): v for v in turn.assessment.verdicts}


PRESETS = {
    "evidently-0.7": {
        ("evidently_drift", "amount"),
        ("evidently_drift", "plan"),
        ("evidently_drift", "score"),
        ("evidently_dataset_drift", None),
    },
    "nannyml-0.13": {
        ("nannyml_drift", "amount"),
        ("nannyml_drift", "plan"),
        ("nannyml_drift", "score"),
    },
    "tfdv": {
        ("tfdv_jensen_shannon", "amount"),
        ("tfdv_jensen_shannon", "score"),
        ("tfdv_l_infinity", "plan"),
    },
    "azure": {
        ("azure_numeric_drift", "amount"),
        ("azure_numeric_drift", "score"),
        ("azure_categorical_drift", "plan"),
    },
    "sagemaker": {
        ("sagemaker_drift", "amount"),
        ("sagemaker_drift", "plan"),
        ("sagemaker_drift", "score"),
        ("sagemaker_completeness", "amount"),
        ("sagemaker_completeness", "plan"),
        ("sagemaker_completeness", "score"),
        ("sagemaker_categorical_values", "plan"),
    },
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_alone_is_all_that_its_system_compares(
    tmp_path: Path, preset: str
) -> None:
    with small(tmp_path, daily={"preset": preset}) as world:
        found = verdicts(world.pass_day(shift=40.0))

    assert PRESETS[preset] == set(found)
    assert Status.UNKNOWN not in {v.status for v in found.values()}
    checks = {check for check, column in found if column == "amount"}
    (check,) = checks - {"sagemaker_completeness"}
    moved = found[check, "amount"]
    if preset == "tfdv":
        assert (Status.PASS, None) == (moved.status, moved.threshold)
        assert verdict_dict(moved)["threshold"] is None
    else:
        assert (Status.FAIL, Reason.PEERS_RULE) == (moved.status, moved.reason)


def test_the_figure_is_that_of_the_rows_and_opens_an_incident(tmp_path: Path) -> None:
    with small(tmp_path, daily={"preset": "evidently-0.7"}) as world:
        events = world.pass_day(shift=2.0)
        x, y = amounts(tmp_path / "reference-1.parquet"), amounts(day(world))
        found = verdicts(events)["evidently_drift", "amount"]
        opened = world.app.store.open_incidents("churn")

    assert found.statistic is not None
    expected = stats.wasserstein_distance(x, y) / np.std(x)
    assert expected == pytest.approx(found.statistic.value, rel=1e-12)
    assert 0.1 == found.threshold
    assert Status.FAIL is found.status
    assert ("evidently_drift", "amount") in {
        (incident.key.check, incident.key.column) for incident in opened
    }


@pytest.mark.parametrize(("options", "chunks"), [({}, 10), ({"chunk_period": "D"}, 30)])
def test_nannyml_learns_its_threshold_from_the_references_rows_in_order(
    tmp_path: Path, options: dict[str, str], chunks: int
) -> None:
    daily = {"preset": "nannyml-0.13", "checks": {"nannyml_drift": options}}
    with small(tmp_path, daily=daily) as world:
        found = verdicts(world.pass_day())

    for name in ("amount", "plan", "score"):
        statistic = found["nannyml_drift", name].statistic
        assert statistic is not None
        assert f"learnt from {chunks} chunks" in statistic.detail


def test_a_preset_stands_beside_our_own_checks_where_these_are_written(
    tmp_path: Path,
) -> None:
    daily = {
        "preset": "evidently-0.7",
        "checks": {
            "default": True,
            "evidently_drift": {"threshold": 0.3, "columns": ["amount"]},
            "evidently_dataset_drift": False,
        },
    }
    with small(tmp_path, daily=daily) as world:
        found = verdicts(world.pass_day())

    theirs = {key for key in found if key[0].startswith("evidently")}
    assert {("evidently_drift", "amount")} == theirs
    assert 0.3 == found["evidently_drift", "amount"].threshold
    assert Status.PASS is found["wasserstein", "amount"].status


def test_an_unknown_preset_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigErrors) as raised,
        small(tmp_path, daily={"preset": "evidentally"}),
    ):
        pass

    (told,) = map(str, raised.value.errors)
    assert "daily.preset: there is no preset 'evidentally'" in told
    there = "The presets are: azure, evidently-0.7, nannyml-0.13, sagemaker, tfdv"
    assert there in told


def test_an_unknown_option_of_a_presets_check_is_refused(tmp_path: Path) -> None:
    checks = {"evidently_drift": {"method": "anything"}}
    with (
        pytest.raises(ConfigErrors, match="not one of auto, ks, chisquare"),
        small(tmp_path, daily={"preset": "evidently-0.7", "checks": checks}),
    ):
        pass


def test_a_file_at_hand_is_compared_by_the_preset_alone_too(tmp_path: Path) -> None:
    with small(tmp_path, daily={"preset": "evidently-0.7"}) as world:
        model = world.app.config.models["churn"]
    watch = Watch(
        model="churn", monitor="daily", section=model, settings=model.monitors["daily"]
    )

    assert {entry.check.peer for entry in watch.entries} == {"evidently-0.7"}
    assert watch.entries == _on_a_file(watch).entries
