"""Every example config is one that driftd takes."""

import re
from pathlib import Path

import pytest
import yaml

from monitor.actions.base import ACTIONS
from monitor.config import load, verify
from monitor.config.model import Config, Evaluation, Labels, Model, Monitor, Segments
from monitor.problems import keys_of
from monitor.shipped import configs
from monitor.sources.base import SOURCES

SECRET = "whsec_" + "c2VjcmV0" * 5


def environment(path: Path) -> dict[str, str]:
    """Set every variable that a config names to something of its sort."""
    names = re.findall(r"\$\{(\w+)", path.read_text("utf-8"))
    sorts = {"URL": "http://127.0.0.1:9/", "SECRET": SECRET, "KEY": "0" * 32}
    return {name: sorts.get(name.rpartition("_")[2], "something") for name in names}


def test_every_source_over_files_has_an_example() -> None:
    there = {path.stem for path in (configs() / "sources").glob("*.yaml")}
    assert {*("arrow", "csv", "json", "parquet", "s3")} <= there
    assert {*("bentoml", "databricks", "kserve", "sagemaker", "seldon")} <= there
    assert {"delta", "iceberg"} <= there


def examples() -> list[Path]:
    """Return the files that are configs: those that have models."""
    found = [
        path
        for path in sorted([*configs().glob("*.yaml"), *configs().glob("*/*.yaml")])
        if "models" in (yaml.safe_load(path.read_text("utf-8")) or {})
    ]
    assert found
    return found


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.name)
def test_an_example_is_valid(path: Path) -> None:
    config = load(path, environment(path))
    verify(config, sources=SOURCES, actions=ACTIONS)


def test_every_action_has_an_example() -> None:
    tree = yaml.safe_load((configs() / "actions.yaml").read_text("utf-8"))
    written = list(tree["actions"].values())
    assert set(ACTIONS.names()) == {one["type"] for one in written}
    for kind in ("slack", "github", "retrain", "webhook"):  # each in both its ways
        assert 2 == sum(one["type"] == kind for one in written)


def test_the_full_example_names_every_key() -> None:
    text = (configs() / "driftd.yaml").read_text("utf-8")
    keys = {
        key
        for section in (Config, Model, Monitor, Evaluation, Labels, Segments)
        for key in keys_of(section)
    }
    written = set(re.findall(r"(\w+):", text))
    assert keys - written - {"timestamp"} == set()


def test_the_full_example_shows_the_defaults_it_says_it_does() -> None:
    tree = yaml.safe_load((configs() / "driftd.yaml").read_text("utf-8"))
    unset = Config.model_validate({"models": MINIMAL}).server
    assert tree["server"] == unset.model_dump()


MINIMAL = yaml.safe_load((configs() / "minimal.yaml").read_text("utf-8"))["models"]
