"""Who may deliver what, when, and what is remembered of it."""

from datetime import timedelta

import pytest

from monitor.action import Delivery, Kind, Receipt
from monitor.notice import Reason, Told
from monitor.retraining import State
from monitor.store import Consequences, Outcome, Store
from tests.monitor.examples import DAY, FIRST, delivery, retraining

LEASE = timedelta(minutes=2)
HOUR = timedelta(hours=1)


def claim(store: Store, after: timedelta = timedelta(0)) -> Delivery | None:
    claimed = store.claim_due(FIRST + after, 1, LEASE)
    return claimed[0] if claimed else None


def claim_now(store: Store, after: timedelta = timedelta(0)) -> Delivery:
    claimed = claim(store, after)
    assert claimed
    return claimed


def outcomes(store: Store) -> dict[str, str]:
    return {one.delivery.id: one.outcome.value for one in store.deliveries()}


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_is_over(
    store: Store,
) -> None:
    store.post([delivery()])

    first = claim_now(store)

    assert (first.attempt, first.interrupted) == (1, False)
    assert claim(store, LEASE / 2) is None
    again = claim_now(store, LEASE)
    assert (again.id, again.body, again.attempt) == (first.id, first.body, 2)
    assert again.interrupted


def test_the_body_comes_back_key_for_key_in_order(store: Store) -> None:
    body = {"z": 1, "a": {"y": [1.5, None, "ü"], "b": True}}
    store.post([delivery(body=body)])

    assert list(claim_now(store).body) == ["z", "a"]
    assert claim_now(store, LEASE).body == body


def test_a_delivery_posted_twice_is_one(store: Store) -> None:
    store.post([delivery(), delivery(body={"id": "changed"})])

    assert claim_now(store).body == {"id": "d1"}
    assert len(store.deliveries()) == 1


def test_nothing_is_due_before_its_time(store: Store) -> None:
    store.post([delivery(created=FIRST + HOUR)])

    assert claim(store, HOUR / 2) is None
    assert claim(store, HOUR)


def test_a_failed_attempt_waits_for_the_next(store: Store) -> None:
    store.post([delivery()])
    store.failed(claim_now(store), FIRST, "503", FIRST + HOUR)

    assert claim(store, HOUR / 2) is None
    again = claim_now(store, HOUR)
    assert (again.attempt, again.interrupted) == (2, False)
    (posted,) = store.deliveries()
    assert posted.detail == "503"
    assert [one.outcome for one in posted.attempts] == [Outcome.FAILED, None]


def test_a_claimer_that_lost_its_lease_cannot_put_back_what_another_holds(
    store: Store,
) -> None:
    store.post([delivery()])
    zombie = claim_now(store)
    claim_now(store, LEASE)

    assert store.failed(zombie, FIRST + LEASE, "timeout", FIRST) is False
    assert store.dead(zombie, FIRST + LEASE, "404", [delivery("meta")]) is False
    assert claim(store, LEASE) is None
    assert len(store.deliveries()) == 1


def test_a_claimer_that_lost_its_lease_may_still_say_that_it_arrived(
    store: Store,
) -> None:
    store.post([delivery()])
    zombie = claim_now(store)
    second = claim_now(store, LEASE)

    assert store.delivered(zombie, Receipt(), FIRST + LEASE)
    assert store.delivered(second, Receipt(), FIRST + LEASE) is False
    assert outcomes(store) == {"d1": "delivered"}


# ── order ────────────────────────────────────────────────────────────────────────


def test_an_all_clear_does_not_overtake_its_alarm(store: Store) -> None:
    store.post([delivery("alarm"), delivery("clear", reason="resolved", told=[])])
    alarm = claim_now(store)
    store.failed(alarm, FIRST, "503", FIRST + HOUR)

    assert alarm.id == "alarm"
    assert claim(store, HOUR / 2) is None
    store.delivered(claim_now(store, HOUR), Receipt(), FIRST + HOUR)
    assert claim_now(store, HOUR).id == "clear"


def test_groups_and_actions_do_not_wait_for_each_other(store: Store) -> None:
    store.post(
        [
            delivery("a"),
            delivery("b", action="other"),
            delivery("c", group="flights/hourly"),
            delivery("d"),
        ]
    )

    claimed = store.claim_due(FIRST, 10, LEASE)

    assert [one.id for one in claimed] == ["a", "b", "c"]


def test_an_all_clear_whose_alarm_never_got_through_is_dropped(store: Store) -> None:
    store.post([delivery("alarm"), delivery("clear", reason="resolved", told=[])])
    store.dead(claim_now(store), FIRST, "404")

    assert claim(store) is None
    assert outcomes(store) == {"alarm": "dead", "clear": "unheard"}


def test_an_all_clear_goes_out_if_any_alarm_got_through(store: Store) -> None:
    store.post(
        [
            delivery("alarm"),
            delivery("more", reason="changed"),
            delivery("clear", reason="resolved", told=[]),
            delivery("next"),
            delivery("clear-2", reason="resolved", told=[]),
        ]
    )
    store.delivered(claim_now(store), Receipt(), FIRST)
    store.dead(claim_now(store), FIRST, "404")
    clear = claim_now(store)
    store.delivered(clear, Receipt(), FIRST)
    store.dead(claim_now(store), FIRST, "404")

    assert clear.id == "clear"
    assert claim(store) is None
    assert outcomes(store)["clear-2"] == "unheard"


# ── what was told, what is remembered ────────────────────────────────────────────


def test_what_is_on_its_way_counts_as_told(store: Store) -> None:
    assert store.told("flights", "daily", "team") is None

    store.post([delivery(told=["a", "b"])])

    assert store.told("flights", "daily", "team") == Told(
        incident_ids=frozenset("ab"), reason=Reason.FIRST, at=FIRST
    )
    assert store.told("flights", "daily", "other") is None
    assert store.told("flights", "hourly", "team") is None


def test_what_never_arrived_was_not_told(store: Store) -> None:
    store.post([delivery("d1", told=["a"]), delivery("d2", told=["a", "b"])])
    store.delivered(claim_now(store), Receipt(), FIRST)
    store.dead(claim_now(store), FIRST, "404")

    told = store.told("flights", "daily", "team")

    assert told
    assert told.incident_ids == {"a"}


def test_a_message_that_is_no_incident_does_not_count_as_told(store: Store) -> None:
    store.post(
        [
            delivery(told=["a"]),
            delivery("aside", reason="attention", group="flights/daily/x", told=[]),
        ]
    )

    told = store.told("flights", "daily", "team")

    assert told
    assert told.reason is Reason.FIRST


def test_memory_is_handed_on_in_the_group_until_the_all_clear(store: Store) -> None:
    posts = ["alarm", "more", "clear", "anew"]
    reasons = ["first", "changed", "resolved", "first"]
    store.post(
        [delivery(name, reason=why) for name, why in zip(posts, reasons, strict=True)]
    )
    left = [{"ts": "1.5", "channel": "C"}, {}, {"ts": "9"}, {}]
    seen = []
    for memory in left:
        claimed = claim_now(store)
        seen.append(dict(claimed.memory))
        store.delivered(claimed, Receipt(memory=memory, remote_id="x"), FIRST)

    thread = {"ts": "1.5", "channel": "C"}
    assert seen == [{}, thread, thread, {}]


def test_memory_is_not_shared_between_actions_or_groups(store: Store) -> None:
    store.post(
        [delivery("a"), delivery("b", action="other"), delivery("c", group="x/y")]
    )
    store.delivered(claim_now(store), Receipt(memory={"ts": "1"}), FIRST)

    assert claim_now(store).memory == {}
    assert claim_now(store).memory == {}


# ── the end ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("end", "expected"), [("dead", State.FAILED), ("unknown", State.UNKNOWN)]
)
def test_a_retraining_follows_its_delivery(
    store: Store, end: str, expected: State
) -> None:
    asked = delivery("r1", kind=Kind.RETRAINING, action="pipeline")
    store.decide(Consequences(deliveries=(asked,), retrainings=(retraining(),)))

    getattr(store, end)(claim_now(store), FIRST, "why", [delivery("meta")])

    assert [one.state for one in store.retrainings()] == [expected]
    assert outcomes(store) == {"r1": end, "meta": "pending"}


def test_a_retraining_that_arrives_is_accepted_under_the_targets_id(
    store: Store,
) -> None:
    asked = delivery("r1", kind=Kind.RETRAINING, action="pipeline")
    store.decide(Consequences(deliveries=(asked,), retrainings=(retraining(),)))

    store.delivered(claim_now(store), Receipt(remote_id="run-7"), FIRST + HOUR)

    (followed,) = store.retrainings()
    assert (followed.state, followed.remote_id) == (State.ACCEPTED, "run-7")
    assert store.told("flights", "daily", "pipeline") is None


def test_after_an_all_clear_that_never_arrived_the_next_one_is_heard(
    store: Store,
) -> None:
    store.post([delivery("alarm"), delivery("lost", reason="resolved", told=[])])
    store.delivered(claim_now(store), Receipt(), FIRST)
    store.dead(claim_now(store), FIRST, "404")

    store.post([delivery("clear", reason="resolved", told=[])])

    assert claim_now(store).id == "clear"


@pytest.mark.parametrize(
    ("end", "stands"), [("dead", State.REQUESTED), ("unknown", State.UNKNOWN)]
)
def test_a_retraining_that_is_sent_once_more_is_followed_again(
    store: Store, end: str, stands: State
) -> None:
    asked = delivery("r1", kind=Kind.RETRAINING, action="pipeline")
    store.decide(Consequences(deliveries=(asked,), retrainings=(retraining(),)))
    getattr(store, end)(claim_now(store), FIRST, "why")

    assert store.replay("r1", FIRST + HOUR)
    (again,) = store.retrainings()
    store.delivered(claim_now(store, HOUR), Receipt(remote_id="run-7"), FIRST + HOUR)

    (followed,) = store.retrainings()
    assert again.state is stands
    assert (followed.state, followed.remote_id) == (State.ACCEPTED, "run-7")


def test_a_dead_delivery_is_tried_again_with_the_same_id_and_body(
    store: Store,
) -> None:
    store.post([delivery()])
    store.dead(claim_now(store), FIRST, "404")

    assert store.replay("d1", FIRST + DAY)

    again = claim_now(store, DAY)
    assert (again.id, again.body, again.attempt) == ("d1", {"id": "d1"}, 2)
    assert not again.interrupted
    assert store.replay("d1", FIRST + DAY) is False


def test_deliveries_are_listed_and_counted(store: Store) -> None:
    store.post([delivery("a"), delivery("b", action="other")])
    oldest = store.oldest_pending()
    store.delivered(claim_now(store), Receipt(remote_id="x", detail="ok"), FIRST)

    assert oldest == FIRST
    assert store.tallies.deliveries() == {
        ("other", "pending"): 1,
        ("team", "delivered"): 1,
    }
    (done,) = store.deliveries(outcome=Outcome.DELIVERED)
    assert (done.remote_id, done.detail, done.settled) == ("x", "ok", FIRST)
    assert len(store.deliveries(limit=1)) == 1
    store.delivered(claim_now(store), Receipt(), FIRST)
    assert store.oldest_pending() is None
