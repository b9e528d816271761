"""Every timeline comes out as told, though driftd restarts all along."""

from functools import cache
from pathlib import Path

import pytest

from monitor.config import Config
from monitor.opening import read_config
from monitor.replay.replay import Replayed, replay

HERE = Path(__file__).parent
CONFIG = HERE / "driftd.yaml"
TIMELINES = [path for path in sorted(HERE.glob("*.yaml")) if path != CONFIG]


@cache
def config() -> Config:
    return read_config(CONFIG, {})


def differences(done: Replayed) -> list[str]:
    return [
        f"step {number}: expected {one.expected}, but {one.came}"
        for number, (_, other) in enumerate(done.steps, 1)
        for one in other
    ]


@pytest.mark.parametrize("path", TIMELINES, ids=lambda path: path.stem)
def test_a_timeline_comes_out_as_told_though_driftd_restarts_after_every_step(
    path: Path,
) -> None:
    assert differences(replay(config(), path, restart=True)) == []


@pytest.mark.parametrize("path", TIMELINES[::4], ids=lambda path: path.stem)
def test_what_came_of_each_step_is_the_same_with_restarts_and_without(
    path: Path,
) -> None:
    assert replay(config(), path) == replay(config(), path, restart=True)
