"""Refreshing: who forgets what fires is told again, and told of the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.errors import ActionError
from monitor.incident import Incident, State
from monitor.refresh import ENDED, Refresher
from tests.monitor.world import small

MINUTE = timedelta(minutes=1)


@dataclass
class Forgetful:
    """A receiver that has to be told every minute."""

    name: str = "journal"
    type: str = "test"
    takes: Kind = Kind.NOTICE
    idempotent: bool = True
    on: frozenset[Family] = frozenset(Family)
    every: timedelta = MINUTE
    heard: list[list[tuple[str, State]]] = field(default_factory=list)
    broken: bool = False

    def perform(self, delivery: Delivery) -> Receipt:
        return Receipt(remote_id=delivery.id)

    def refresh(self, incidents: Iterable[Incident]) -> int:
        told = [(str(one.key.column), one.state) for one in incidents]
        if self.broken:
            msg = "503"
            raise ActionError(msg, permanent=False)
        self.heard.append(told)
        return len(told)


def test_what_fires_is_told_again_and_its_end_for_a_while(tmp_path: Path) -> None:
    checks: dict[str, Any] = {"checks": {"wasserstein": {}}}
    with small(tmp_path, daily=checks) as world:
        forgetful = Forgetful()
        refresher = Refresher(world.app.config, world.app.store, {"journal": forgetful})
        now = world.clock.now()
        world.pass_day()
        assert refresher.round(now) == 0
        world.pass_day(shift=30.0)
        assert refresher.round(now + MINUTE / 2) == 0  # not time yet
        assert refresher.round(now + MINUTE) == 1
        world.pass_day()
        ended = world.clock.now()
        assert refresher.round(ended) == 1
        assert refresher.round(ended + ENDED + MINUTE) == 0

        firing, resolved = ("amount", State.FIRING), ("amount", State.RESOLVED)
        assert forgetful.heard == [[], [firing], [resolved], []]


def test_a_receiver_that_is_away_is_told_the_next_time(tmp_path: Path) -> None:
    with small(tmp_path, daily={"checks": {"wasserstein": {}}}) as world:
        away = Forgetful(broken=True)
        refresher = Refresher(world.app.config, world.app.store, {"journal": away})
        world.pass_day(shift=30.0)
        now = world.clock.now()
        assert refresher.round(now) == 0
        away.broken = False
        assert refresher.round(now + MINUTE) == 1


def test_an_action_hears_of_its_families_and_its_monitors_alone(
    tmp_path: Path,
) -> None:
    with small(tmp_path, daily={"checks": {"wasserstein": {}}}) as world:
        skew = Forgetful(on=frozenset({Family.SKEW}))
        other = Forgetful(name="other")
        actions = {"journal": skew, "other": other}
        refresher = Refresher(world.app.config, world.app.store, actions)
        world.pass_day(shift=30.0)
        refresher.round(world.clock.now())
        assert skew.heard == [[]]
        assert other.heard == [[]]
