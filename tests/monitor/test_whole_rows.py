"""Checks of whole rows in the daemon: what they are compared with and tell."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.statistic import Statistic
from checks.verdict import Status, Verdict
from monitor.baseline import MOST_STRETCHES, ROWS_OF_STRETCH, Baseline
from monitor.errors import ConfigErrors
from monitor.opening import read_config
from tests.monitor.world import Small, config, small

BY_NAME: dict[str, Any] = {
    "daily": {"checks": {"domain_classifier": {"threshold": 0.15}, "mmd": {}}}
}


def verdict(world: Small, check: str) -> Verdict:
    """Return what the last window came to in one check of the whole table."""
    (run,) = world.app.store.latest_runs()
    (found,) = [v for v in run.verdicts if v.check == check and v.segment is None]
    return found


def frozen(world: Small) -> Baseline:
    """Return the baseline of the last window."""
    (run,) = world.app.store.latest_runs()
    kept = world.app.store.load_reference(run.reference_id or "")
    assert kept is not None
    return Baseline.from_bytes(kept.content)


def measured(found: Verdict) -> Statistic:
    assert found.statistic is not None, found.cause
    return found.statistic


def test_rows_that_moved_fail_with_the_column_that_explains_it(tmp_path: Path) -> None:
    with small(tmp_path, **BY_NAME) as world:
        world.pass_day()
        assert Status.PASS is verdict(world, "domain_classifier").status
        assert Status.PASS is verdict(world, "mmd").status
        world.pass_day(shift=30.0)
        found = verdict(world, "domain_classifier")
        opened = world.app.store.open_incidents("churn")
        body = json.dumps([p.delivery.body for p in world.app.store.deliveries()])

    assert Status.FAIL is found.status
    assert "most in amount (" in measured(found).detail
    (incident,) = [i for i in opened if i.key.check == "domain_classifier"]
    assert "amount" == measured(incident.verdict).explained_by[0][0]
    assert '"explained_by": [{"column": "amount"' in body


def test_rows_of_stretches_are_kept_for_who_looks_at_them(tmp_path: Path) -> None:
    with small(tmp_path / "asked", **BY_NAME) as world:
        world.pass_day()
        asked = frozen(world)
    with small(tmp_path / "plain") as world:
        world.pass_day()
        plain = frozen(world)

    assert plain.stretches is None
    stretches = asked.known(()).stretches
    assert 5 < len(stretches) <= MOST_STRETCHES
    assert {ROWS_OF_STRETCH} == {rows.num_rows for rows in stretches}
    assert {"amount", "plan"} == set(stretches[0].column_names)
    assert asked.content == Baseline.from_bytes(asked.content).content


def test_a_trailing_reference_has_no_rows_to_compare_with(tmp_path: Path) -> None:
    daily = BY_NAME["daily"] | {"reference": {"trailing": "7d"}}
    with small(tmp_path, daily=daily) as world:
        world.pass_day()
        found = verdict(world, "mmd")

    assert Status.UNKNOWN is found.status
    assert "rows are compared with the training data alone" in (found.cause or "")


@pytest.mark.parametrize("share", [0.0, 1.0, 65.0])
def test_an_option_beyond_its_bounds_is_refused_where_it_stands(
    tmp_path: Path, share: float
) -> None:
    checks = {"pca_reconstruction": {"explained_variance": share}}
    file = tmp_path / "driftd.yaml"
    file.write_text(yaml.safe_dump(config(daily={"checks": checks})))

    with pytest.raises(ConfigErrors) as refused:
        read_config(file, {})

    said = str(refused.value)
    assert "pca_reconstruction.explained_variance" in said
    assert "above 0 and below 1" in said
