"""The law that every action keeps; the subjects are those of the registry.

For each action a file `action_NAME.py` here gives its options and, if it reaches out, a
receiver that can be made to fail.
"""

import importlib.util
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog

from monitor.action import Action, Delivery, Kind, Receipt
from monitor.actions.base import ACTIONS, open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.demo.loopback import (
    Answer,
    Fault,
    Loopback,
    no_answer,
    rate_limited,
    server_error,
)
from monitor.errors import ActionError, PluginError
from monitor.notice import Reason

NOW = datetime(2013, 5, 3, tzinfo=UTC)
HOSTILE = "<!channel> *b* \u202e =1+1 <script> \n \x00"


def stage(name: str) -> ModuleType:
    path = Path(__file__).parent / f"action_{name}.py"
    assert path.is_file(), f"write {path.name}, so that the contract can be asked of it"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def delivery(action: Action, reason: str = "first", **changes: Any) -> Delivery:
    finding = {"id": "i1", "sentence": f"{HOSTILE}: moved", "since": "2013-05-01"}
    resolved = reason == "resolved"
    told: dict[str, Any] = {
        "id": "d1",
        "headline": f"flights: 1 incident firing, worst: {HOSTILE}",
        "lines": [f"{HOSTILE}: moved"],
        "model": "flights",
        "monitor": "daily",
        "reason": reason,
        "window": {"start": "2013-05-01T00:00:00Z", "end": "2013-05-02T00:00:00Z"},
        "firing": [] if resolved else [finding],
        "n_firing": 0 if resolved else 1,
        "resolved": [finding] if resolved else [],
        "n_resolved": 1 if resolved else 0,
        "muted": [],
        "n_muted": 0,
        "links": {"incident": "http://127.0.0.1/i/1"},
    }
    known: dict[str, Any] = {
        "id": "d1",
        "action": action.name,
        "kind": action.takes,
        "group": "flights/daily",
        "model": "flights",
        "monitor": "daily",
        "reason": reason,
        "body": told,
        "created": NOW,
        "attempt": 1,
    }
    return Delivery(**known | changes)


class Scene:
    """An action and who receives from it."""

    def __init__(self, name: str, receiver: Loopback | None, options: Any) -> None:
        self.receiver = receiver
        section = Plugin(type=name, options=options)
        self.action = open_action("mine", section, clock=ManualClock(NOW))

    def fails(self, fault: Fault | None = None) -> ActionError:
        """Return the error of a delivery that meets a fault."""
        if fault is not None:
            assert self.receiver is not None
            self.receiver.fail(fault)
        with pytest.raises(ActionError) as caught:
            self.action.perform(delivery(self.action))
        return caught.value


def opened(name: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        receiver, options = stack.enter_context(stage(name).receiving())
        yield Scene(name, receiver, options)


@pytest.fixture(params=ACTIONS.names())
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    yield from opened(request.param)


@pytest.fixture(params=[n for n in ACTIONS.names() if stage(n).REACHES_OUT])
def far(request: pytest.FixtureRequest) -> Iterator[Scene]:
    yield from opened(request.param)


def test_an_action_tells_its_name_type_and_what_it_takes(scene: Scene) -> None:
    assert scene.action.name == "mine"
    assert ACTIONS.get(scene.action.type) is type(scene.action)
    assert scene.action.takes in Kind
    assert scene.action.idempotent in (True, False)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_delivered(scene: Scene, reason: Reason) -> None:
    with structlog.testing.capture_logs():
        receipt = scene.action.perform(delivery(scene.action, reason.value))
    assert isinstance(receipt, Receipt)
    assert receipt.detail
    json.dumps(dict(receipt.memory))


def test_a_body_that_says_next_to_nothing_is_delivered(scene: Scene) -> None:
    with structlog.testing.capture_logs():
        sparse = delivery(scene.action, body={"model": "flights"})
        assert scene.action.perform(sparse).detail


def test_an_unknown_option_is_refused_with_those_there_are(scene: Scene) -> None:
    section = Plugin(type=scene.action.type, options={"colour": 1})
    with pytest.raises(PluginError, match=r"no key `colour`.*keys here are"):
        open_action("mine", section, clock=ManualClock(NOW))


def test_options_are_frozen_and_keep_their_secrets(scene: Scene) -> None:
    name = scene.action.type
    module = stage(name)
    with module.receiving() as (_, options):
        model = ACTIONS.options_type(name)
        shown = repr(model.model_validate(options))
    assert model.model_config["frozen"] is True
    assert not [c for c in getattr(module, "CANARIES", ()) if c in shown]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_is_permanent(far: Scene, status: int) -> None:
    error = far.fails(Fault(answer=Answer(status=status, body=b"<secret> canary")))
    assert error.permanent
    assert not error.ambiguous
    assert str(status) in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fell_over_is_tried_again(far: Scene, status: int) -> None:
    assert not far.fails(Fault(answer=Answer(status=status))).permanent
    assert far.fails(server_error()).ambiguous


def test_a_receiver_that_asks_for_patience_gets_it(far: Scene) -> None:
    error = far.fails(rate_limited(3))
    assert not error.permanent
    assert error.retry_after == 3.0
    assert not error.ambiguous


def test_an_answer_that_is_lost_leaves_doubt(far: Scene) -> None:
    for carried_out in (False, True):
        error = far.fails(no_answer(0.0, carried_out=carried_out))
        assert not error.permanent
        assert error.ambiguous


def test_an_answer_that_does_not_come_in_time_leaves_doubt(far: Scene) -> None:
    error = far.fails(no_answer(1.5))
    assert not error.permanent
    assert error.ambiguous


def test_a_receiver_that_is_not_there_leaves_no_doubt(far: Scene) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = stage(far.action.type).receiving()
    with options as (receiver, told):
        assert receiver is not None
        moved = {
            key: value.replace(receiver.url, f"http://127.0.0.1:{port}")
            if isinstance(value, str)
            else value
            for key, value in told.items()
        }
    scene = Scene(far.action.type, None, moved)
    error = scene.fails()
    assert not error.permanent
    assert not error.ambiguous


def test_no_secret_stands_in_an_error_or_a_log(
    far: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [
        Fault(answer=Answer(status=500)),
        Fault(answer=Answer(status=404, body=b"canary-path /services/T000/B000/demo")),
        Fault(answer=Answer(status=200, body=b"<html>canary-path</html>")),
        no_answer(0.0),
        rate_limited(1),
    ]
    with caplog.at_level(logging.DEBUG):
        told = ""
        for fault in faults:
            assert far.receiver is not None
            far.receiver.fail(fault)
            try:
                receipt = far.action.perform(delivery(far.action))
            except ActionError as error:
                told += f"{error!r} {error} {error.__cause__!r}"
            else:
                told += repr(receipt)
    told += "".join(record.getMessage() for record in caplog.records)
    assert not [c for c in stage(far.action.type).CANARIES if c in told]
