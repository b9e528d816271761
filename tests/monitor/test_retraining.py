"""Whether to ask for a retraining."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.verdict import Family
from monitor import retraining
from monitor.incident import Incident
from monitor.incident import State as IncidentState
from monitor.retraining import (
    Budget,
    Facts,
    Reason,
    Retraining,
    RetrainPolicy,
    State,
    reason_to_retrain,
)
from tests.monitor.examples import DAY, FIRST, incident, verdict, window

NOW = FIRST + 60 * DAY
DRIFT = incident()
AUC = incident(verdict(check="roc_auc", family=Family.PERFORMANCE, column=None))
CBPE = incident(verdict(check="cbpe", family=Family.ESTIMATE, column=None))
MISSING = incident(verdict(check="missing", family=Family.QUALITY, column="wind"))
SKEW = incident(
    verdict(check="mismatch", family=Family.SKEW, column="wind"), monitor="hourly"
)
PENDING = IncidentState.PENDING


def past(days_ago: float, state: State = State.PROMOTED) -> Retraining:
    when = NOW - days_ago * DAY
    return Retraining(
        id=f"r{days_ago}",
        model="flights",
        monitor="daily",
        model_version="1",
        action="pipeline",
        state=state,
        requested=when,
        changed=when,
        window=window(),
        evidence="",
    )


WEEK = RetrainPolicy(cooldown=7 * DAY)
TWICE = RetrainPolicy(cooldown=timedelta(0), budget=Budget(count=2, per=30 * DAY))
PATIENT = RetrainPolicy(cooldown=timedelta(0), patience=14 * DAY)
BREAK, NOTHING = Reason.REFUSED_DATA_BREAK, Reason.NOTHING_FIRING
RUNNING = Reason.ALREADY_RUNNING
Past = list[Retraining]

TABLE: list[tuple[str, list[Incident], Past, RetrainPolicy, str]] = [
    ("nothing is wrong", [], [], WEEK, NOTHING),
    ("drift is firing", [DRIFT], [], WEEK, Reason.REQUESTED),
    ("performance is firing", [AUC], [], WEEK, Reason.REQUESTED),
    ("an estimate was not asked for", [CBPE], [], WEEK, NOTHING),
    (
        "drift is only pending",
        [replace(DRIFT, state=PENDING)],
        [],
        WEEK,
        NOTHING,
    ),
    (
        "drift has ended",
        [replace(DRIFT, state=IncidentState.RESOLVED)],
        [],
        WEEK,
        NOTHING,
    ),
    ("the data is broken", [DRIFT, MISSING], [], WEEK, BREAK),
    ("a break is pending", [DRIFT, replace(MISSING, state=PENDING)], [], WEEK, BREAK),
    ("skew in another monitor", [DRIFT, AUC, SKEW], [], WEEK, BREAK),
    ("only the data is broken", [MISSING, SKEW], [], WEEK, NOTHING),
    (
        "the break is over",
        [DRIFT, replace(MISSING, state=IncidentState.RESOLVED)],
        [],
        WEEK,
        Reason.REQUESTED,
    ),
    ("cooling down", [DRIFT], [past(6.9)], WEEK, Reason.COOLDOWN),
    ("cooled down", [DRIFT], [past(7)], WEEK, Reason.REQUESTED),
    ("a failure cools down too", [DRIFT], [past(1, State.FAILED)], WEEK, "cooldown"),
    ("a refusal costs nothing", [DRIFT], [past(1, State.REFUSED)], WEEK, "requested"),
    (
        "one is requested",
        [DRIFT],
        [past(1, State.REQUESTED)],
        PATIENT,
        RUNNING,
    ),
    ("one is running", [DRIFT], [past(13, State.RUNNING)], PATIENT, RUNNING),
    ("nobody knows", [DRIFT], [past(1, State.UNKNOWN)], PATIENT, RUNNING),
    ("patience is over", [DRIFT], [past(14, State.RUNNING)], PATIENT, "requested"),
    ("one has ended", [DRIFT], [past(1, State.SUCCEEDED)], PATIENT, "requested"),
    ("one is proposed", [DRIFT], [past(1, State.PROPOSED)], PATIENT, RUNNING),
    ("a proposal lapses", [DRIFT], [past(15, State.PROPOSED)], PATIENT, "requested"),
    ("stands too short", [DRIFT], [], replace(WEEK, after=59 * DAY), "too_early"),
    ("stands long enough", [DRIFT], [], replace(WEEK, after=58 * DAY), "requested"),
    ("too few labels", [DRIFT], [], replace(WEEK, min_labels=1), "too_few_labels"),
    ("a person decides", [DRIFT], [], replace(WEEK, approval=True), "proposed"),
    ("dry run", [DRIFT], [], replace(WEEK, dry_run=True), "dry_run"),
    (
        "three of no use",
        [DRIFT],
        [past(60), past(40), past(20, State.FAILED)],
        WEEK,
        "circuit_open",
    ),
    (
        "one of them was of use",
        [DRIFT],
        [past(80), past(40), past(20)],
        WEEK,
        "requested",
    ),
    (
        "one that nobody knows of breaks the row",
        [DRIFT],
        [past(40), past(30, State.UNKNOWN), past(20)],
        WEEK,
        "requested",
    ),
    ("budget left", [DRIFT], [past(10), past(31)], TWICE, "requested"),
    ("budget spent", [DRIFT], [past(29), past(10)], TWICE, "over_budget"),
]


@pytest.mark.parametrize(
    ("incidents", "before", "policy", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0].replace(" ", "_") for row in TABLE],
)
def test_a_retraining_is_decided_with_a_named_reason(
    incidents: list[Incident],
    before: list[Retraining],
    policy: RetrainPolicy,
    expected: str,
) -> None:
    decision = reason_to_retrain(incidents, before, NOW, policy)

    assert expected == decision.reason
    assert decision.retrain is (expected in {"requested", "proposed"})
    assert decision.sentence.endswith(".")


def test_a_refusal_says_what_is_broken() -> None:
    decision = reason_to_retrain([DRIFT, MISSING], [], NOW, WEEK)

    assert decision.sentence == (
        "No retraining: the data is broken (missing on wind), not the model."
    )


def test_a_cooldown_says_until_when_and_a_budget_how_much_is_used() -> None:
    cooling = reason_to_retrain([DRIFT], [past(1)], NOW, WEEK)
    spent = reason_to_retrain([DRIFT], [past(2), past(1)], NOW, TWICE)

    assert cooling.sentence == "No retraining: cooling down until 2013-07-06."
    assert spent.sentence == "No retraining: 2 of 2 in 30 days are used up."


def requested(day: int = 3) -> Retraining:
    return retraining.request(
        reason_to_retrain([DRIFT, AUC], [], NOW, WEEK),
        model="flights",
        monitor="daily",
        model_version="1",
        action="pipeline",
        window=window(day),
        now=NOW + day * timedelta(hours=1),
    )


def test_asking_again_about_one_window_asks_for_the_same_retraining() -> None:
    later = replace(requested(), requested=NOW + DAY)

    assert requested().id == later.id
    assert requested(4).id != requested().id
    assert requested().incident_ids == {DRIFT.id, AUC.id}


def test_a_request_carries_its_key_its_evidence_and_its_window() -> None:
    decision = reason_to_retrain([DRIFT, AUC], [], NOW, WEEK)

    sent = retraining.delivery(
        requested(), decision, reference_id="ref", context={"data": "log/*.parquet"}
    )

    assert sent.id == requested().id == sent.body["id"]
    assert sent.body["window"] == {
        "start": "2013-05-04T00:00:00Z",
        "end": "2013-05-05T00:00:00Z",
    }
    assert [one["check"] for one in sent.body["evidence"]] == ["roc_auc", "wasserstein"]
    assert sent.body["reason"] == (
        "Retraining requested because of ROC AUC of the model and 1 more."
    )
    assert sent.body["data"] == "log/*.parquet"
    json.dumps(dict(sent.body), allow_nan=False)


def test_a_retraining_keeps_the_targets_id_once_it_has_one() -> None:
    accepted = retraining.moved(requested(), State.ACCEPTED, NOW, remote_id="run-7")
    running = retraining.moved(accepted, State.RUNNING, NOW + DAY, detail="epoch 3")

    assert (running.remote_id, running.state, running.changed) == (
        "run-7",
        State.RUNNING,
        NOW + DAY,
    )
    assert running.state.under_way
    assert not State.FAILED.under_way


def test_a_person_closes_the_circuit_breaker_for_what_was_before() -> None:
    useless = [past(60), past(40), past(20)]
    looked = Facts(until=NOW, closed=NOW - DAY)
    early = Facts(until=NOW, closed=NOW - 61 * DAY)

    assert reason_to_retrain([DRIFT], useless, NOW, WEEK, looked).retrain
    refused = reason_to_retrain([DRIFT], useless, NOW, WEEK, early)
    assert refused.reason is Reason.CIRCUIT_OPEN
    assert "the last 3 were of no use" in refused.sentence


def test_a_busy_target_is_left_alone() -> None:
    one = replace(WEEK, concurrency=1)
    busy = Facts(until=NOW, busy=1)

    assert reason_to_retrain([DRIFT], [], NOW, WEEK, busy).retrain
    assert reason_to_retrain([DRIFT], [], NOW, one).retrain
    assert reason_to_retrain([DRIFT], [], NOW, one, busy).reason is Reason.TARGET_BUSY


def test_labels_that_have_come_are_counted() -> None:
    thousand = replace(WEEK, min_labels=1_000)
    few, enough = Facts(until=NOW, labels=999), Facts(until=NOW, labels=1_000)

    refused = reason_to_retrain([DRIFT], [], NOW, thousand, few)
    assert refused.sentence == (
        "No retraining: 999 rows labelled since the last one, and 1,000 needed."
    )
    assert reason_to_retrain([DRIFT], [], NOW, thousand, enough).retrain


def test_what_waits_for_approval_is_put_aside() -> None:
    policy = replace(WEEK, approval=True)
    decision = reason_to_retrain([DRIFT], [], NOW, policy)
    asked = retraining.request(
        decision,
        model="flights",
        monitor="daily",
        model_version="1",
        action="pipeline",
        window=window(),
        now=NOW,
    )

    assert decision.sentence.endswith("and awaits approval.")
    assert asked.state is State.PROPOSED
    assert retraining.delivery(asked, decision, reference_id=None).held
