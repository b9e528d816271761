"""Delivery: retried on schedule, never lost, never a blind second retraining."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from checks.verdict import Family
from monitor.action import Delivery, Kind, Receipt
from monitor.clock import ManualClock
from monitor.deliver import (
    JITTER,
    LEASE,
    LONGEST_WAIT,
    SCHEDULE,
    Counts,
    deliver_due,
    next_attempt,
)
from monitor.errors import ActionError
from monitor.retraining import State
from monitor.store import Consequences, Outcome, Store
from tests.monitor.examples import FIRST, delivery, retraining

Answer = Callable[[], Receipt]


def chance(seed: int) -> Random:
    return Random(seed)


def fine() -> Receipt:
    return Receipt(remote_id="ok")


class Killed(BaseException):
    """The process is gone between the request and the record of it."""


def die() -> Receipt:
    raise Killed


def error(text: str = "503 from team", **how: bool | float) -> Answer:
    def answer() -> Receipt:
        raise ActionError(text, **{"permanent": False, **how})  # type: ignore[arg-type]

    return answer


@dataclass
class Receiver:
    """An action that answers as it is told and remembers what it was handed."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    takes: Kind = Kind.NOTICE
    idempotent: bool = True
    type: str = "test"
    on: frozenset[Family] = frozenset(Family)
    got: list[Delivery] = field(default_factory=list)

    def perform(self, delivery: Delivery) -> Receipt:
        self.got.append(delivery)
        return (self.answers.pop(0) if self.answers else fine)()


class World:
    """A store, a clock and a few receivers."""

    def __init__(self, store: Store, *receivers: Receiver) -> None:
        self.store = store
        self.clock = ManualClock(FIRST)
        self.actions: Mapping[str, Receiver] = {one.name: one for one in receivers}

    def round(self) -> Counts:
        return deliver_due(self.store, self.actions, clock=self.clock, rng=chance(7))

    def outcomes(self) -> dict[str, str]:
        posted = self.store.deliveries()
        return {one.delivery.action: one.outcome.value for one in posted}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/driftd.db") as opened:
        yield opened


# ── the schedule ─────────────────────────────────────────────────────────────────


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    hours = [wait / timedelta(hours=1) for wait in SCHEDULE]

    assert hours[2:] == [5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert [wait.total_seconds() for wait in SCHEDULE[:2]] == [0, 5]


@given(st.integers(1, 9), st.integers())
def test_a_wait_varies_by_a_tenth_at_most(attempt: int, seed: int) -> None:
    again = next_attempt(attempt, FIRST, None, chance(seed))

    assert again
    ratio = (again - FIRST) / SCHEDULE[attempt]
    assert 1 - JITTER - 1e-6 <= ratio <= 1 + JITTER + 1e-6


@given(st.integers(1, 9), st.floats(0, 1e9), st.integers())
def test_nobody_is_asked_again_before_they_said_up_to_a_cap(
    attempt: int, asked: float, seed: int
) -> None:
    again = next_attempt(attempt, FIRST, asked, chance(seed))

    assert again
    assert again - FIRST >= min(timedelta(seconds=asked), LONGEST_WAIT)
    assert again - FIRST <= LONGEST_WAIT * (1 + JITTER)


def test_after_ten_attempts_there_is_no_next(store: Store) -> None:
    team = Receiver("team", [error()] * 99)
    world = World(store, team)
    store.post([delivery()])

    for _ in range(20):
        world.round()
        world.clock.advance(timedelta(hours=27))

    assert len(team.got) == 10
    assert world.outcomes() == {"team": "dead"}
    assert {(one.id, one.body["id"]) for one in team.got} == {("d1", "d1")}
    assert [one.attempt for one in team.got] == list(range(1, 11))


# ── what the answers do ──────────────────────────────────────────────────────────


def test_what_is_due_is_delivered_once(store: Store) -> None:
    team = Receiver("team")
    world = World(store, team)
    store.post([delivery("d1"), delivery("d2")])

    assert world.round() == Counts(delivered=2)
    assert world.round() == Counts()
    assert [one.id for one in team.got] == ["d1", "d2"]
    assert world.round().total == 0


def test_a_round_makes_no_more_attempts_than_it_may(store: Store) -> None:
    store.post([delivery("d1"), delivery("d2")])

    made = deliver_due(
        store,
        {"team": Receiver("team")},
        clock=ManualClock(FIRST),
        rng=chance(1),
        limit=1,
    )

    assert made.total == 1


@pytest.mark.parametrize(
    "answer",
    [error(), error(ambiguous=True), error(retry_after=1.0), lambda: 1 // 0],
)
def test_news_is_tried_again_whatever_went_wrong(store: Store, answer: Answer) -> None:
    team = Receiver("team", [answer])
    world = World(store, team)
    store.post([delivery()])

    assert world.round() == Counts(failed=1)
    assert world.round() == Counts()
    world.clock.advance(timedelta(seconds=6))
    assert world.round() == Counts(delivered=1)
    assert team.got[0].body == team.got[1].body


def test_the_receiver_is_left_alone_for_as_long_as_it_asked(store: Store) -> None:
    team = Receiver("team", [error(retry_after=60.0)])
    world = World(store, team)
    store.post([delivery()])
    world.round()

    world.clock.advance(timedelta(seconds=59))
    assert world.round() == Counts()
    world.clock.advance(timedelta(seconds=1))
    assert world.round() == Counts(delivered=1)


def test_one_bad_receiver_does_not_stop_the_others(store: Store) -> None:
    team = Receiver("team", [lambda: 1 // 0])  # type: ignore[list-item,return-value]
    world = World(store, team, Receiver("log"))
    store.post([delivery("d1"), delivery("d2", action="log")])

    assert world.round() == Counts(failed=1, delivered=1)


def test_the_text_of_an_unforeseen_error_is_kept_nowhere(store: Store) -> None:
    def leak() -> Receipt:
        msg = "https://hooks.example/s3cret"
        raise RuntimeError(msg)

    world = World(store, Receiver("team", [leak]))
    store.post([delivery()])

    with capture_logs() as logged:
        world.round()

    (posted,) = store.deliveries()
    assert posted.detail == "the action broke off with RuntimeError"
    assert "s3cret" not in repr(logged)
    assert [entry["event"] for entry in logged] == ["action_raised", "delivery_failed"]


# ── dead letters ─────────────────────────────────────────────────────────────────


def test_a_permanent_refusal_is_a_dead_letter_at_once_told_by_the_others(
    store: Store,
) -> None:
    team = Receiver("team", [error("404 from team", permanent=True)])
    log = Receiver("log")
    pipeline = Receiver("pipeline", takes=Kind.RETRAINING)
    world = World(store, team, log, pipeline)
    store.post([delivery()])

    assert world.round() == Counts(dead=1, delivered=1)

    (said,) = log.got
    assert said.body["headline"] == (
        "flights: notice d1 (first) could not be delivered by action 'team' and was "
        "given up: 404 from team"
    )
    assert len(team.got) == 1
    assert pipeline.got == []


def test_two_broken_actions_do_not_tell_each_other_of_it_for_ever(
    store: Store,
) -> None:
    world = World(
        store,
        Receiver("a", [error(permanent=True)] * 9),
        Receiver("b", [error(permanent=True)] * 9),
    )
    store.post([delivery(action="a")])

    assert world.round() == Counts(dead=2)
    assert world.round() == Counts()


def test_a_delivery_for_an_action_that_is_no_more_is_a_dead_letter(
    store: Store,
) -> None:
    log = Receiver("log")
    world = World(store, log)
    store.post([delivery()])

    assert world.round() == Counts(dead=1, delivered=1)
    assert "the config has no action named 'team'" in log.got[0].body["headline"]


# ── retraining ───────────────────────────────────────────────────────────────────


def ask(store: Store) -> None:
    asked = delivery("r1", kind=Kind.RETRAINING, action="pipeline")
    store.decide(Consequences(deliveries=(asked,), retrainings=(retraining(),)))


def pipeline(*answers: Answer, idempotent: bool) -> Receiver:
    return Receiver(
        "pipeline", list(answers), takes=Kind.RETRAINING, idempotent=idempotent
    )


AMBIGUOUS = [
    error("no answer within 30 s", ambiguous=True),
    lambda: 1 // 0,  # a mistake of ours: nobody knows how far it came
]


@pytest.mark.parametrize("answer", AMBIGUOUS)
def test_an_ambiguous_answer_is_never_followed_by_a_blind_second_request(
    store: Store, answer: Answer
) -> None:
    target, team = pipeline(answer, idempotent=False), Receiver("team")
    world = World(store, target, team)
    ask(store)

    assert world.round() == Counts(unknown=1, delivered=1)
    for _ in range(20):
        world.clock.advance(timedelta(hours=27))
        world.round()

    assert len(target.got) == 1
    assert [one.state for one in store.retrainings()] == [State.UNKNOWN]
    (said,) = team.got
    assert "retraining r1 may or may not have reached" in said.body["headline"]


@pytest.mark.parametrize("answer", AMBIGUOUS)
def test_a_target_that_knows_the_id_is_asked_again_with_the_same(
    store: Store, answer: Answer
) -> None:
    target = pipeline(answer, idempotent=True)
    world = World(store, target, Receiver("team"))
    ask(store)

    assert world.round() == Counts(failed=1)
    world.clock.advance(timedelta(seconds=6))
    assert world.round() == Counts(delivered=1)

    assert [one.id for one in target.got] == ["r1", "r1"]
    assert [one.state for one in store.retrainings()] == [State.ACCEPTED]


def test_a_plain_refusal_to_retrain_is_tried_again_by_the_schedule(
    store: Store,
) -> None:
    target = pipeline(error("503"), idempotent=False)
    world = World(store, target)
    ask(store)

    assert world.round() == Counts(failed=1)
    world.clock.advance(timedelta(seconds=6))
    assert world.round() == Counts(delivered=1)


def test_a_retraining_that_cannot_be_asked_for_has_failed(store: Store) -> None:
    world = World(store, pipeline(error("401", permanent=True), idempotent=False))
    ask(store)

    assert world.round() == Counts(dead=1)
    assert [one.state for one in store.retrainings()] == [State.FAILED]


# ── targets without a key, which can be searched ─────────────────────────────────


@dataclass
class Searched(Receiver):
    """A target that knows no key, takes what it is sent, and lists what it has."""

    settles: timedelta = timedelta(seconds=60)
    looks: list[Answer] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def perform(self, delivery: Delivery) -> Receipt:
        self.runs.append(delivery.id)
        return super().perform(delivery)

    def find(self, delivery: Delivery) -> Receipt | None:
        if self.looks:
            self.looks.pop(0)()
        there = delivery.id in self.runs
        return Receipt(remote_id="found", detail="found") if there else None


def searched(*answers: Answer, looks: Iterable[Answer] = ()) -> Searched:
    target = Searched("pipeline", list(answers), looks=list(looks))
    target.takes, target.idempotent = Kind.RETRAINING, False
    return target


@pytest.mark.parametrize("answer", AMBIGUOUS)
def test_a_target_is_searched_before_it_is_asked_again(
    store: Store, answer: Answer
) -> None:
    target = searched(answer)
    world = World(store, target)
    ask(store)

    assert world.round() == Counts(failed=1)
    world.clock.advance(timedelta(seconds=59))
    assert world.round() == Counts()  # it may not list yet what it took
    world.clock.advance(timedelta(seconds=2))
    assert world.round() == Counts(delivered=1)

    assert target.runs == ["r1"]
    (asked,) = store.retrainings()
    assert (asked.state, asked.remote_id) == (State.ACCEPTED, "found")


def test_a_target_that_was_searched_in_vain_is_asked_again(store: Store) -> None:
    target = searched(error("no answer", ambiguous=True))
    world = World(store, target)
    ask(store)
    world.round()
    target.runs.clear()  # the request was lost on the way

    world.clock.advance(timedelta(minutes=6))
    assert world.round() == Counts(delivered=1)
    assert target.runs == ["r1"]


@pytest.mark.parametrize("permanent", [True, False])
def test_a_look_that_fails_is_no_leave_to_ask_again(
    store: Store,
    permanent: bool,  # noqa: FBT001 - pytest passes parameters by name
) -> None:
    looks = [error("403", permanent=permanent)] * 99
    target, team = searched(error("?", ambiguous=True), looks=looks), Receiver("team")
    world = World(store, target, team)
    ask(store)
    for _ in range(20):
        world.round()
        world.clock.advance(timedelta(hours=27))

    assert target.runs == ["r1"]
    assert [one.state for one in store.retrainings()] == [State.UNKNOWN]
    assert "cannot be seen: 403" in team.got[0].body["headline"]


def test_a_target_is_searched_after_a_crash(store: Store) -> None:
    target = searched(die)
    world = World(store, target)
    ask(store)
    with pytest.raises(Killed):
        world.round()

    world.clock.advance(LEASE)
    assert world.round() == Counts(delivered=1)
    assert target.runs == ["r1"]


# ── what waits for a person ──────────────────────────────────────────────────────


def propose(store: Store) -> None:
    asked = replace(delivery("r1", kind=Kind.RETRAINING, action="pipeline"), held=True)
    proposed = retraining(state=State.PROPOSED)
    store.decide(Consequences(deliveries=(asked,), retrainings=(proposed,)))


def test_a_proposed_retraining_waits_for_a_word(store: Store) -> None:
    target = pipeline(idempotent=True)
    world = World(store, target)
    propose(store)
    assert world.round() == Counts()

    assert store.approvals.approve("r1", FIRST, actor="ada")
    assert world.round() == Counts(delivered=1)

    assert [one.state for one in store.retrainings()] == [State.ACCEPTED]
    assert [one.actor for one in store.journal.newest()] == ["driftd", "ada", "driftd"]
    assert not store.approvals.approve("r1", FIRST, actor="ada")


def test_a_declined_retraining_is_never_asked_for(store: Store) -> None:
    target = pipeline(idempotent=True)
    world = World(store, target)
    propose(store)

    assert store.approvals.decline("r1", FIRST, actor="ada")
    assert not store.approvals.approve("r1", FIRST, actor="bob")
    assert world.round() == Counts()

    assert target.got == []
    assert [one.state for one in store.retrainings()] == [State.REFUSED]
    assert world.outcomes() == {"pipeline": "withdrawn"}


# ── crashes ──────────────────────────────────────────────────────────────────────


def test_a_crash_before_the_record_leads_to_a_repeat_with_the_same_id_and_body(
    store: Store,
) -> None:
    team = Receiver("team", [die])
    world = World(store, team)
    store.post([delivery()])
    with pytest.raises(Killed):
        world.round()

    assert world.round() == Counts()
    world.clock.advance(LEASE)
    assert world.round() == Counts(delivered=1)

    first, second = team.got
    assert (first.id, first.body) == (second.id, second.body)
    (posted,) = store.deliveries()
    assert [one.outcome for one in posted.attempts] == [None, Outcome.DELIVERED]


def test_a_crash_in_a_request_to_retrain_is_no_reason_for_a_second_one(
    store: Store,
) -> None:
    target, team = pipeline(die, idempotent=False), Receiver("team")
    world = World(store, target, team)
    ask(store)
    with pytest.raises(Killed):
        world.round()

    world.clock.advance(LEASE)
    assert world.round() == Counts(unknown=1, delivered=1)

    assert len(target.got) == 1
    assert "stopped in the middle of an earlier attempt" in team.got[0].body["headline"]


def test_a_crash_in_a_request_to_a_target_that_knows_the_id_is_repeated(
    store: Store,
) -> None:
    target = pipeline(die, idempotent=True)
    world = World(store, target)
    ask(store)
    with pytest.raises(Killed):
        world.round()

    world.clock.advance(LEASE)
    assert world.round() == Counts(delivered=1)
    assert [one.id for one in target.got] == ["r1", "r1"]
