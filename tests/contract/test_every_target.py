"""The law that every target of retrainings keeps: one request, one run, whatever fails.

The subjects are the actions that take retrainings and whose stand-in keeps runs.
"""

import importlib.util
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from monitor.action import (
    Action,
    Delivery,
    Followable,
    Kind,
    Searchable,
    Stage,
)
from monitor.actions.base import ACTIONS, open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.deliver import deliver_due
from monitor.demo.loopback import Fault, no_answer, server_error
from monitor.parts import Trains
from monitor.retraining import Retraining, RetrainPolicy, State
from monitor.store import Consequences, Store
from monitor.window import Window
from tests.contract.target import Target
from tests.crash.figures import note

NOW = datetime(2013, 5, 3, tzinfo=UTC)
DAY = timedelta(days=1)
LOST = 500 if os.environ.get("DRIFTD_HYPOTHESIS") == "soak" else 12
"""Answers that are lost on the way, a target."""


def stage(name: str) -> ModuleType:
    path = Path(__file__).parent / f"action_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TARGETS = [name for name in ACTIONS.names() if hasattr(stage(name), "WORDS")]


class Scene:
    """An action, and the target it asks."""

    def __init__(self, name: str, server: Target, options: Any) -> None:
        self.server = server
        self.clock = ManualClock(NOW)
        section = Plugin(type=name, options=options)
        self.action: Action = open_action("pipeline", section, clock=self.clock)


@pytest.fixture(params=TARGETS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with stage(request.param).receiving() as (server, options):
        yield Scene(request.param, server, options)


def asked(name: str = "4f1d") -> Delivery:
    body = {
        "id": name,
        "model": "flights",
        "model_version": "3",
        "reason": "Retraining requested because of wasserstein on temp.",
        "window": {"start": "2013-05-01T00:00:00Z", "end": "2013-05-02T00:00:00Z"},
        "data": {"predictions": "/log/*.parquet"},
    }
    return Delivery(
        id=name,
        action="pipeline",
        kind=Kind.RETRAINING,
        group=f"flights/{name}",
        model="flights",
        monitor="daily",
        reason="requested",
        body=body,
        created=NOW,
        attempt=1,
    )


def retraining(name: str) -> Retraining:
    return Retraining(
        id=name,
        model="flights",
        monitor="daily",
        model_version="3",
        action="pipeline",
        state=State.REQUESTED,
        requested=NOW,
        changed=NOW,
        window=Window(NOW - DAY, NOW),
        evidence="",
    )


def test_every_action_that_takes_retrainings_has_a_policy(scene: Scene) -> None:
    assert scene.action.takes is Kind.RETRAINING
    assert isinstance(scene.action, Trains)
    assert scene.action.policy == RetrainPolicy()


def test_a_run_is_started_and_told_by_the_targets_own_id(scene: Scene) -> None:
    receipt = scene.action.perform(asked())

    assert scene.server.started == ["4f1d"]
    assert receipt.remote_id


def test_a_repeat_is_harmless_or_the_target_can_be_searched(scene: Scene) -> None:
    assert scene.action.idempotent is not isinstance(scene.action, Searchable)
    if scene.action.idempotent:
        first, second = (scene.action.perform(asked()) for _ in range(2))
        assert first.remote_id == second.remote_id
        assert scene.server.started == ["4f1d"]


def test_what_was_started_is_found_and_nothing_else(scene: Scene) -> None:
    action = scene.action
    if not isinstance(action, Searchable):
        return
    assert action.find(asked()) is None
    action.perform(asked("another"))
    action.perform(asked())
    action.perform(asked("a-third"))

    found = action.find(asked())
    assert found is not None
    assert found.remote_id
    assert action.find(asked("4f1")) is None


def test_a_run_is_followed_through_every_stage(scene: Scene) -> None:
    action, server = scene.action, scene.server
    assert isinstance(action, Followable)
    receipt = action.perform(asked())
    for at in Stage:
        server.move("4f1d", at)
        heard = action.progress("4f1d", receipt.remote_id)
        said = {one for one in Stage if server.words[one] == server.words[at]}
        if heard is not None:
            assert heard.stage in said
        else:
            assert at is Stage.WAITING  # no more is known than that it was taken


@pytest.mark.parametrize(
    "fault", [server_error(), no_answer(0.0, carried_out=True), no_answer(0.0)]
)
def test_a_target_that_cannot_be_asked_is_no_news(scene: Scene, fault: Fault) -> None:
    action = scene.action
    assert isinstance(action, Followable)
    receipt = action.perform(asked())
    scene.server.fail(fault)
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        action.progress("4f1d", receipt.remote_id)


def test_no_answer_that_is_lost_starts_a_second_run(
    scene: Scene, tmp_path: Path
) -> None:
    """Half of the requests get through and their answers are lost; the rest do not."""
    rng = Random(20130503)
    names = [f"{n:04x}" for n in range(LOST)]
    with Store.open(f"sqlite:///{tmp_path}/driftd.db") as store:
        for name in names:
            through = rng.random() < 0.5
            scene.server.fail(no_answer(0.0, carried_out=through))
            store.decide(
                Consequences(deliveries=(asked(name),), retrainings=(retraining(name),))
            )
            for _ in range(4):
                deliver_due(
                    store, {"pipeline": scene.action}, clock=scene.clock, rng=rng
                )
                scene.clock.advance(timedelta(minutes=10))

        assert sorted(scene.server.started) == names
        assert {one.state for one in store.retrainings()} == {State.ACCEPTED}
    note("answer lost, or request that did not get through", times=LOST, targets=1)
