"""The law of secrets: none of them is found in anything that driftd writes or tells.

Every secret that any action takes, the store's password and the key that hides personal
values are driven through a whole round against servers that fail and send back what
they were sent. What is then looked through: the log, everything on the disk, the
database, every page and the API, and what the commands print.
"""

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from monitor.action import Kind
from monitor.actions.base import ACTIONS
from monitor.cli.program import main
from monitor.demo.loopback import Answer, Fault, Loopback, Request
from monitor.plugins import secret_keys
from monitor.retraining import Decision, Reason, delivery
from monitor.serve import Service
from monitor.server import Server, create
from monitor.store import Consequences
from tests.contract.test_every_action import stage
from tests.monitor.examples import retraining
from tests.monitor.world import Small, config, small

HOOK = "/services/T000/B000/"
Options = dict[str, Any]

# Where an action takes one secret or another, the other: what is left out, and added.
OTHERWISE: Mapping[str, tuple[frozenset[str], Options]] = {
    "airflow": (frozenset({"token"}), {"username": "ada", "password": ""}),
    "alertmanager": (frozenset({"bearer"}), {"username": "ada", "password": ""}),
    "email": (
        frozenset(),
        {"username": "ada", "password": "", "security": "starttls"},
    ),
    "sagemaker": (frozenset(), {"session_token": ""}),
    "slack": (frozenset({"webhook_url"}), {"token": "", "channel": "C1"}),
}


class Canaries:
    """The secrets that were given out, each for one place alone."""

    def __init__(self, away: Loopback) -> None:
        self.away = away
        self.env: dict[str, str] = {}
        self.words: list[str] = []
        self.given: set[tuple[str, str]] = set()

    def secret(self, action: str, key: str) -> str:
        """Return how the config names a new secret in the shape that a key wants."""
        word = f"canary-{action}-{key}-{len(self.words)}"
        self.words.append(word)
        self.given.add((action, key))
        if key == "urls":
            return self.named(f"json://{self.away.url[7:]}/{word}")
        if key == "webhook_url":
            return self.named(f"{self.away.url}{HOOK}{word}")
        if (action, key) in (("webhook", "secret"), ("retrain", "secret")):
            shaped = base64.b64encode(word.encode() * 2).decode()
            self.words.append(shaped)
            return self.named(f"whsec_{shaped}")
        return self.named(word)

    def named(self, value: str) -> str:
        """Put a value into the environment, and return how a config names it."""
        name = f"CANARY_{len(self.env)}"
        self.env[name] = value
        return f"${{{name}}}"

    def found(self, told: str) -> list[str]:
        """Return the secrets that stand in a text, encoded or as they are."""
        return [
            word
            for word in self.words
            for form in (word, quote(word), base64.b64encode(word.encode()).decode())
            if form.rstrip("=") in told
        ]


def every_action(canaries: Canaries) -> dict[str, Options]:
    """Return a section of every action, and one more where it takes other secrets."""
    sections: dict[str, Options] = {}
    for name in ACTIONS.names():
        with stage(name).receiving() as (receiver, options):
            near = receiver.url if receiver is not None else "http://none"
        keys = secret_keys(ACTIONS.options_type(name))
        left, added = OTHERWISE.get(name, (frozenset[str](), {}))
        other = {k: v for k, v in options.items() if k not in left} | added
        for number, written in enumerate(
            [options, other] if name in OTHERWISE else [options]
        ):
            kept = {
                key: canaries.secret(name, key)
                if key in keys
                else moved(value, near, canaries)
                for key, value in written.items()
            }
            if name == "slack" and number:
                kept["base_url"] = f"{canaries.away.url}/api/"
            sections[f"{name}-{number}"] = {"type": name, **kept}
    return sections


def moved(value: Any, near: str, canaries: Canaries) -> Any:
    """Let an option lead to the server that fails, and hide what it says of its own."""
    if isinstance(value, dict):
        return {key: moved(each, near, canaries) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    written = value.replace(near, canaries.away.url)
    return canaries.named(written) if "canary" in written else written


def echo(status: int) -> Callable[[Request], Answer]:
    """Answer with a status and with all that was sent, secrets included."""

    def handle(request: Request) -> Answer:
        sent = {"path": request.path, **request.query, **request.headers}
        told = {"error": json.dumps(sent), "detail": request.body.decode("latin-1")}
        headers = {"content-type": "application/json", "x-sent": quote(str(sent))}
        return Answer(status=status, body=json.dumps(told).encode(), headers=headers)

    return handle


def lost(_: Request) -> Answer:
    """Never be asked: every request of this server meets its fault."""
    raise AssertionError


def failing(how: int | None) -> Loopback:
    away = Loopback(lost if how is None else echo(how))
    if how is None:
        away.fail(Fault(), times=10_000)
    return away


def is_for_people(section: Options) -> bool:
    takes: object = ACTIONS.get(section["type"]).takes
    return takes is Kind.NOTICE


def set_up(
    stack: ExitStack, folder: Path, how: int | None, **changes: Any
) -> tuple[Canaries, Small]:
    """Set up a world with every action there is."""
    canaries = Canaries(stack.enter_context(failing(how)))
    actions = every_action(canaries)
    told = ["journal"] + [n for n, one in actions.items() if is_for_people(one)]
    columns = config()["models"]["churn"]["columns"]
    hidden = {"plan": {"kind": "categorical", "pii": True}}
    store = changes.pop("store", None)
    if store is not None:
        changes["store"] = canaries.named(store)
        canaries.words.append("canary-store")
    world = stack.enter_context(
        small(
            folder,
            env=canaries.env,
            actions=actions,
            daily={"actions": told, "checks": {"wasserstein": {}}, "repeat": "1h"},
            model={"columns": {**columns, **hidden}},
            privacy={"key": canaries.secret("privacy", "key")},
            **changes,
        )
    )
    return canaries, world


def driven(world: Small) -> None:
    """Let a day pass with drift, ask for retrainings, try all that a daemon tries."""
    world.pass_day(shift=30.0)
    world.app.store.decide(asked(world))
    for limit in (40, 10):
        world.app.deliver(limit=limit)
        world.app.follow_up()
        world.app.remind()
        world.app.refresh()
        world.clock.move_to(world.clock.now() + timedelta(hours=2))


def asked(world: Small) -> Consequences:
    """Return a retraining of each target, as a decision asks for it."""
    wanted = [
        replace(retraining(f"r-{name}"), action=name, requested=world.clock.now())
        for name, action in world.app.actions.items()
        if action.takes is Kind.RETRAINING
    ]
    decision = Decision(retrain=True, reason=Reason.REQUESTED, sentence="asked")
    sent = [delivery(one, decision, reference_id=None) for one in wanted]
    return Consequences(retrainings=tuple(wanted), deliveries=tuple(sent))


def shown(world: Small) -> Iterator[str]:
    """Return what the server tells, page by page."""
    service = Service(world.app, threading.Event())
    with (
        Server(create(service.state)) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        for path in (
            *("/", "/metrics", "/readyz", "/v1/openapi.json", "/v1/models"),
            "/v1/models/churn/incidents",
        ):
            answer = client.get(path)
            assert answer.status_code in {200, 503}, path
            yield answer.text


def kept(folder: Path) -> Iterator[str]:
    """Return everything that lies in a folder, as the characters that it may be."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.read_bytes().decode("latin-1")


LATER = "2026-03-03T06:00:00Z"
COMMANDS = (
    ("validate",),
    ("run", "--now", LATER, "--format", "json", "--log-level", "debug"),
    ("incidents", "--format", "json"),
    ("deliveries", "--format", "json"),
    ("retrainings", "--format", "json"),
    ("silence", "--format", "json"),
    ("test-action", "webhook-0"),
    ("test-action", "slack-0"),
    ("test-action", "pagerduty-0"),
)


@pytest.mark.parametrize("how", [None, 500, 200], ids=lambda how: f"answer-{how}")
def test_no_secret_of_any_action_is_found_in_anything_that_is_told_or_kept(
    tmp_path: Path,
    how: int | None,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        caplog.set_level(logging.WARNING)  # from there on libraries are heard
        canaries, world = set_up(stack, tmp_path, how)
        for action in ACTIONS.names():
            keys = secret_keys(ACTIONS.options_type(action))
            missing = {(action, key) for key in keys} - canaries.given
            assert not missing, f"add to OTHERWISE what {action} takes instead"
        driven(world)
        posted = world.app.store.deliveries(1_000)
        tried = {one.delivery.action for one in posted if one.attempts}
        assert tried == set(world.app.config.actions)
        told = [*shown(world), repr(world.app.config), repr(world.app.actions)]
        for name, value in canaries.env.items():
            monkeypatch.setenv(name, value)
        for command, *options in COMMANDS if how == 500 else ():
            main([command, str(tmp_path / "driftd.yaml"), *options])
        told += [*capsys.readouterr(), caplog.text, *kept(tmp_path)]
    assert "delivery_failed" in "".join(told) or how == 200
    assert canaries.found("\n".join(told)) == []


def test_the_password_of_the_store_is_found_in_nothing_that_is_told_or_kept(
    tmp_path: Path,
    postgres: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = postgres.database()
    store = place.set(password="canary-store").render_as_string(hide_password=False)
    with ExitStack() as stack:
        caplog.set_level(logging.WARNING)  # from there on libraries are heard
        canaries, world = set_up(stack, tmp_path, 500, store=store)
        driven(world)
        told = [*shown(world), repr(world.app.config), repr(world.app.store)]
        tables = postgres.ask(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
            database=place.database,
        )
        assert len(tables) > 10
        for (table,) in tables:
            dumped = f'SELECT t::text FROM "{table}" t'
            told.append(str(postgres.ask(dumped, database=place.database)))
        for name, value in canaries.env.items():
            monkeypatch.setenv(name, value)
        main(["deliveries", str(tmp_path / "driftd.yaml"), "--format", "json"])
    postgres.drop(place)
    main(["deliveries", str(tmp_path / "driftd.yaml")])
    gone = capsys.readouterr()
    assert "does not exist" in gone.err
    told += [*gone, caplog.text, *kept(tmp_path)]
    assert canaries.found("\n".join(told)) == []
