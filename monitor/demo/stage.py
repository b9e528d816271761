"""The demo's stage: production's logs, the stand-ins, and driftd on them."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pandas as pd

from monitor.app import App, World
from monitor.clock import ManualClock
from monitor.demo import flights as data
from monitor.demo import registry
from monitor.demo.logs import ServingBug, write_day
from monitor.demo.pipeline import Pipeline
from monitor.demo.pipeline import State as RunState
from monitor.demo.slack_stand_in import SlackStandIn
from monitor.holding import PERIOD
from monitor.opening import read_config
from monitor.shipped import configs

MODEL = "flights-late"
CONFIG = "driftd.yaml"
TOKEN = "xoxb-demo"  # noqa: S105 - the stand-in's, on the loopback
SECRET = "whsec_ZGVtby1zZWNyZXQtb2YtdGhlLWxvb3BiYWNr"  # noqa: S105 - likewise
SEED = 2013

START = datetime(2013, 4, 1, tzinfo=UTC)
END = datetime(2014, 1, 1, tzinfo=UTC)
"""The days that production serves in the story."""

BUG = ServingBug(
    column="distance",
    factor=1.609344,
    start=datetime(2013, 9, 28, tzinfo=UTC),
    end=datetime(2013, 10, 8, tzinfo=UTC),
)
"""For ten days the serving code sends kilometres where the model learned miles."""

MORNING = timedelta(hours=12, minutes=5)
"""When the day before is looked at: all its flights have landed."""
PATIENCE = 90.0
"""Seconds of real time that a retraining may take."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything the story happens on.

    `clock` is the story's time, which driftd and the stand-ins share.
    """

    folder: Path
    flights: pd.DataFrame
    clock: ManualClock
    slack: SlackStandIn
    pipeline: Pipeline
    app: App

    @property
    def registry(self) -> Path:
        """Where model versions are published."""
        return self.folder / "registry"

    def live(self, day: datetime) -> int:
        """Let production serve one day; return how many predictions it made."""
        version, model = registry.current_model(self.registry)
        return write_day(
            self.folder, self.flights, day, model=model, version=version, bug=BUG
        )

    def wait_for_pipeline(self) -> None:
        """Wait until no training run is under way; TimeoutError when it takes long."""
        self.pipeline.settle(PATIENCE)
        for run in self.pipeline.runs:
            if run.state is RunState.FAILED:
                msg = f"the pipeline failed to retrain: {run.error}"
                raise RuntimeError(msg)


@contextmanager
def set_up(folder: Path, start: datetime) -> Iterator[Stage]:
    """Put up the stage in a folder, or take up one that was left in the middle.

    Model version 1 is trained on what was known at `start`, unless it is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    flights = data.load()
    clock = ManualClock(start)
    if registry.current(folder / "registry") is None:
        registry.publish(
            folder / "registry", data.known(flights, start), version="1", now=start
        )
    with ExitStack() as stack:
        slack = stack.enter_context(SlackStandIn(token=TOKEN))
        pipeline = stack.enter_context(
            Pipeline(
                registry=folder / "registry",
                flights=flights,
                secret=SECRET,
                clock=clock,
            )
        )
        config = folder / CONFIG
        config.write_text((configs() / "demo.yaml").read_text("utf-8"), "utf-8")
        app = App(
            read_config(config, environment(slack, pipeline)),
            World(clock=clock, rng=Random(SEED)),
        )
        stack.enter_context(app)
        _outwait(app)
        yield Stage(
            folder=folder,
            flights=flights,
            clock=clock,
            slack=slack,
            pipeline=pipeline,
            app=app,
        )


def _outwait(app: App) -> None:
    """Wait until a demo that was killed holds no model any more.

    Its lease outlives it, as a replica's would that only stands still; a day of the
    story takes less than that.
    """
    leases, give_up = app.store.leases, time.monotonic() + 2 * PERIOD.total_seconds()
    for model in app.config.models:
        while time.monotonic() < give_up:
            held = leases.take(f"model {model}", app.world.replica, PERIOD)
            if held is not None:
                leases.release(held)
                break
            time.sleep(0.2)


def environment(slack: SlackStandIn, pipeline: Pipeline) -> Mapping[str, str]:
    """Return the variables that the demo's config asks for."""
    return {
        **os.environ,
        "DEMO_SLACK_URL": slack.base_url,
        "DEMO_SLACK_TOKEN": TOKEN,
        "DEMO_PIPELINE_URL": pipeline.retrain_url,
        "DEMO_PIPELINE_SECRET": SECRET,
    }
