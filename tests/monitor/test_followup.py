"""Follow-up: how far retrainings have come, and who hears when one is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from checks.verdict import Family
from monitor.action import Delivery, Kind, Progress, Receipt, Stage
from monitor.errors import ActionError
from monitor.followup import FollowUp
from monitor.retraining import RetrainPolicy, State
from monitor.store import Consequences, Store
from tests.monitor.examples import FIRST, delivery, retraining


@dataclass
class Target:
    """A pipeline that says how far it has come."""

    said: list[Progress | Exception | None] = field(default_factory=list)
    name: str = "pipeline"
    type: str = "test"
    takes: Kind = Kind.RETRAINING
    idempotent: bool = True
    on: frozenset[Family] = frozenset(Family)
    policy: RetrainPolicy = field(default_factory=RetrainPolicy)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def perform(self, delivery: Delivery) -> Receipt:
        return Receipt(remote_id=delivery.id)

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        self.asked.append((delivery_id, remote_id))
        said = self.said.pop(0) if self.said else None
        if isinstance(said, Exception):
            raise said
        return said


class People:
    """An action that tells people."""

    name, type, idempotent = "team", "test", False
    takes = Kind.NOTICE
    on = frozenset(Family)

    def perform(self, delivery: Delivery) -> Receipt:
        return Receipt(remote_id=delivery.id)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/driftd.db") as opened:
        asked = delivery("r1", kind=Kind.RETRAINING, action="pipeline")
        opened.decide(Consequences(deliveries=(asked,), retrainings=(retraining(),)))
        yield opened


def accepted(store: Store) -> None:
    store.set_retraining("r1", State.ACCEPTED, FIRST, remote_id="run-7")


def state(store: Store) -> State:
    return store.retrainings()[0].state


def told(store: Store) -> list[str]:
    return [
        str(one.delivery.body["headline"])
        for one in store.deliveries()
        if one.delivery.kind is Kind.NOTICE
    ]


def test_a_retraining_is_followed_to_its_end_by_the_targets_own_id(
    store: Store,
) -> None:
    accepted(store)
    target = Target([Progress(stage=stage) for stage in Stage if stage != "failed"])
    follow = FollowUp(store, {"pipeline": target, "team": People()})

    seen = [(follow.round(FIRST), state(store)) for _ in range(4)]

    assert seen == [
        (0, State.ACCEPTED),  # it waits for a machine, and did before
        (1, State.RUNNING),
        (1, State.SUCCEEDED),
        (0, State.SUCCEEDED),  # there is no more to hear
    ]
    assert target.asked == [("r1", "run-7")] * 3
    assert told(store) == []


def test_a_pipeline_that_fails_is_told_to_people_once(store: Store) -> None:
    accepted(store)
    failure = Progress(stage=Stage.FAILED, detail="exit code 137")
    follow = FollowUp(store, {"pipeline": Target([failure] * 2), "team": People()})

    assert [follow.round(FIRST), follow.round(FIRST)] == [1, 0]

    assert state(store) is State.FAILED
    (said,) = told(store)
    assert "retraining r1 by action 'pipeline' failed: exit code 137" in said


@pytest.mark.parametrize(
    "trouble", [ActionError("503", permanent=False), RuntimeError("s3cret")]
)
def test_a_target_that_cannot_be_asked_leaves_all_as_it_is(
    store: Store, trouble: Exception
) -> None:
    accepted(store)
    follow = FollowUp(store, {"pipeline": Target([trouble]), "team": People()})

    assert follow.round(FIRST) == 0
    assert state(store) is State.ACCEPTED


def test_silence_beyond_patience_is_unknown_and_a_late_word_still_counts(
    store: Store,
) -> None:
    accepted(store)
    patience = RetrainPolicy().patience
    late = Target([None, None, Progress(stage=Stage.SUCCEEDED)])
    follow = FollowUp(store, {"pipeline": late, "team": People()})

    assert follow.round(FIRST + patience - timedelta(seconds=1)) == 0
    assert follow.round(FIRST + patience) == 1
    assert state(store) is State.UNKNOWN
    (said,) = told(store)
    assert "may have been lost: no word of its end has come" in said

    assert follow.round(FIRST + 2 * patience) == 1
    assert state(store) is State.SUCCEEDED


def test_what_was_never_asked_for_is_not_followed(store: Store) -> None:
    target = Target([Progress(stage=Stage.RUNNING)])
    follow = FollowUp(store, {"pipeline": target})

    assert follow.round(FIRST) == 0  # its delivery has not got through yet
    assert target.asked == []


def test_an_action_that_is_no_more_is_not_asked(store: Store) -> None:
    accepted(store)
    assert FollowUp(store, {}).round(FIRST) == 0
