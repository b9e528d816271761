"""The rules: promtool reads and tests them, and they name only metrics there are."""

import re
import subprocess
from shutil import which
from typing import Any

import pytest
import yaml

from monitor.metrics import METRICS
from monitor.shipped import configs

FOLDER = configs() / "prometheus"
PROMTOOL = pytest.mark.skipif(
    which("promtool") is None, reason="promtool is not installed"
)


def promtool(*arguments: str) -> None:
    """Run promtool in the folder of the rules; what it says is the failure."""
    ran = subprocess.run(
        ["promtool", *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr


@PROMTOOL
def test_promtool_reads_the_rules_and_the_scrape_example() -> None:
    promtool("check", "rules", "driftd.rules.yml")
    promtool("check", "config", "prometheus.yml")


@PROMTOOL
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", "driftd.rules.test.yml")


def rules() -> list[dict[str, Any]]:
    told = yaml.safe_load((FOLDER / "driftd.rules.yml").read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def test_every_alert_is_in_the_rules_own_tests() -> None:
    tested = (FOLDER / "driftd.rules.test.yml").read_text()
    alerts = [rule["alert"] for rule in rules() if "alert" in rule]
    assert [] == [alert for alert in alerts if f"alertname: {alert}" not in tested]


@pytest.mark.parametrize("name", ["driftd.rules.yml", "driftd.rules.test.yml"])
def test_rules_name_only_metrics_that_there_are(name: str) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    text = (FOLDER / name).read_text()
    for record in recorded:
        text = text.replace(record, "")
    named = set(re.findall(r"\bdriftd_\w+", text))
    assert set() == named - {metric.name for metric in METRICS}


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for rule in rules():
        if "alert" in rule:
            assert {"summary", "description"} == set(rule["annotations"]), rule
            assert rule["labels"]["severity"] in {"warning", "critical"}
