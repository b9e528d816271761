"""Who is told what, and why."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.verdict import Family
from monitor.action import Delivery
from monitor.incident import Incident, State
from monitor.notice import (
    SHOWN,
    Context,
    Group,
    Notice,
    Reason,
    Routing,
    Told,
    attention,
    notify,
    reason_to_send,
)
from tests.monitor.examples import DAY, FIRST, incident, statistic, verdict, window

NOW = FIRST + 9 * DAY
A, B = incident(name="a"), incident(verdict(column="wind"), name="b")
MISSING = incident(verdict(check="missing", family=Family.QUALITY), name="m")
AUC = incident(
    verdict(check="roc_auc", family=Family.PERFORMANCE, column=None), name="auc"
)


def group(
    *firing: Incident,
    muted: tuple[Incident, ...] = (),
    resolved: tuple[Incident, ...] = (),
) -> Group:
    return Group(
        model="flights",
        monitor="daily",
        firing=firing,
        muted=tuple((one, MISSING) for one in muted),
        resolved=resolved,
    )


def told(*names: str, ago: timedelta = DAY) -> Told:
    return Told(incident_ids=frozenset(names), reason=Reason.FIRST, at=NOW - ago)


EVERY = Routing()
WEEKLY = Routing(repeat=7 * DAY)
DRIFT = Routing(on=frozenset({Family.DRIFT}))

TABLE = [
    # the rule, what stands, what was told, how it is routed, what is sent
    ("nothing firing, nobody told: silence", group(), None, EVERY, None),
    ("firing and never told", group(A), None, EVERY, Reason.FIRST),
    ("firing again after the all clear", group(A), told(), EVERY, Reason.FIRST),
    ("told already", group(A), told("a"), EVERY, None),
    ("one more than was told", group(A, B), told("a"), EVERY, Reason.CHANGED),
    ("another than was told", group(B), told("a"), EVERY, Reason.CHANGED),
    ("one less is no news while others fire", group(A), told("a", "b"), EVERY, None),
    ("none firing, someone was told", group(), told("a"), EVERY, Reason.RESOLVED),
    ("the all clear is said once", group(), told(), EVERY, None),
    ("nobody hears the end who missed the start", group(), None, EVERY, None),
    ("no repeat unless asked for", group(A), told("a", ago=99 * DAY), EVERY, None),
    ("not yet time to repeat", group(A), told("a", ago=6 * DAY), WEEKLY, None),
    ("time to repeat", group(A), told("a", ago=7 * DAY), WEEKLY, Reason.REPEAT),
    ("no repeat of the all clear", group(), told(ago=99 * DAY), WEEKLY, None),
    ("another family than asked for", group(AUC), None, DRIFT, None),
    ("the asked for among others", group(AUC, A), None, DRIFT, Reason.FIRST),
    ("muted makes no notice", group(muted=(A,)), None, EVERY, None),
    ("muted is not resolved", group(muted=(A,)), told("a"), EVERY, None),
    ("its cause is news", group(MISSING, muted=(A,)), told("a"), EVERY, Reason.CHANGED),
    ("its cause is not asked for", group(MISSING, muted=(A,)), told("a"), DRIFT, None),
    ("no longer muted", group(A), told("m"), EVERY, Reason.CHANGED),
    (
        "resolved while another is muted",
        group(muted=(A,)),
        told("b"),
        EVERY,
        "resolved",
    ),
]


@pytest.mark.parametrize(
    ("standing", "before", "routing", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0].replace(" ", "_") for row in TABLE],
)
def test_a_notice_is_sent_for_a_named_reason_or_not_at_all(
    standing: Group, before: Told | None, routing: Routing, expected: Reason | None
) -> None:
    assert expected == reason_to_send(standing, before, NOW, routing)


# ── laws ─────────────────────────────────────────────────────────────────────────

names = st.sampled_from("abcdef")
worlds = st.lists(
    st.tuples(st.sets(names), st.sets(names)).map(lambda s: (s[0] - s[1], s[1])),
    max_size=12,
)
routings = st.builds(Routing, repeat=st.none() | st.just(2 * DAY))


def send(
    standing: Group, before: Told | None, at: datetime, routing: Routing
) -> Delivery | None:
    return notify(
        standing, before, action="team", routing=routing, context=Context(), now=at
    )


@given(worlds, routings)
def test_a_resolve_goes_only_to_who_heard_the_start_and_nothing_is_left_unsaid(
    days: list[tuple[set[str], set[str]]], routing: Routing
) -> None:
    before: Told | None = None
    open_for_reader = False
    for day, (firing, muted) in enumerate(days):
        at = FIRST + day * DAY
        standing = group(
            *(incident(name=name) for name in sorted(firing)),
            muted=tuple(incident(name=name) for name in sorted(muted)),
        )
        sent = send(standing, before, at, routing)
        if sent is not None:
            reason = Reason(sent.reason)
            assert open_for_reader is (reason is not Reason.FIRST)
            open_for_reader = reason is not Reason.RESOLVED
            before = Told(incident_ids=sent.incident_ids, reason=reason, at=at)
        heard = before.incident_ids if before else set()
        assert firing <= heard
        if not firing and not muted:
            assert not heard


@given(worlds, routings)
def test_saying_it_twice_at_once_is_never_due(
    days: list[tuple[set[str], set[str]]], routing: Routing
) -> None:
    for firing, muted in days:
        standing = group(
            *(incident(name=name) for name in sorted(firing)),
            muted=tuple(incident(name=name) for name in sorted(muted)),
        )
        sent = send(standing, None, NOW, routing)
        if sent is not None:
            now_told = Told(
                incident_ids=sent.incident_ids, reason=Reason(sent.reason), at=NOW
            )
            assert reason_to_send(standing, now_told, NOW, routing) is None


# ── groups ───────────────────────────────────────────────────────────────────────


def test_a_group_puts_the_worst_first_and_causes_before_effects() -> None:
    schema = incident(
        verdict(check="schema_change", family=Family.QUALITY, column=None), name="s"
    )
    mild = incident(verdict(column="wind", found=statistic(0.3)), name="mild")
    hard = incident(verdict(column="temp", found=statistic(0.9)), name="hard")

    sorted_in = Group.of("flights", "daily", [mild, AUC, hard, MISSING])

    assert [i.id for i in sorted_in.firing] == ["m", "auc", "mild"]
    assert [(i.id, cause.id) for i, cause in sorted_in.muted] == [("hard", "m")]
    muted = Group.of("flights", "daily", [mild, hard, schema]).muted
    assert [i.id for i, _ in muted] == ["hard", "mild"]


def test_what_is_pending_or_inactive_is_in_no_group() -> None:
    made = [incident(state=State.PENDING), incident(state=State.INACTIVE)]

    assert Group(model="flights", monitor="daily") == Group.of("flights", "daily", made)


def test_a_break_seen_by_another_monitor_mutes_too_and_is_not_told_here() -> None:
    elsewhere = incident(
        verdict(check="missing", family=Family.QUALITY), monitor="hourly"
    )

    made = Group.of("flights", "daily", [A], others=[A, elsewhere])

    assert made.firing == ()
    assert made.muted == ((A, elsewhere),)


# ── what is said ─────────────────────────────────────────────────────────────────


def said(standing: Group, before: Told | None = None) -> Notice:
    context = Context(
        model_version="1",
        window=window(8),
        reference_id="ref",
        retraining="Retraining requested because of wasserstein on temp.",
        links={"report": "reports/1.html"},
    )
    made = notify(
        standing, before, action="team", routing=EVERY, context=context, now=NOW
    )
    assert made
    return Notice.from_dict(json.loads(json.dumps(dict(made.body), allow_nan=False)))


def test_a_notice_comes_back_from_json_as_it_was() -> None:
    notice = said(group(A, muted=(B,)), told("z"))

    assert notice == Notice.from_dict(notice.to_dict())
    assert (notice.n_firing, notice.n_muted, notice.window) == (1, 1, window(8))


def test_a_notice_from_a_later_version_is_read_without_what_is_new() -> None:
    body = said(group(A)).to_dict()
    body["mood"] = "fine"
    body["firing"][0]["mood"] = "fine"

    assert said(group(A)) == Notice.from_dict(body)


def test_the_headline_counts_and_names_the_worst() -> None:
    assert said(group(A, B)).headline() == (
        "flights: 2 incidents firing, worst: temp: distribution moved by 1.42 "
        "reference standard deviations"
    )


def test_a_repeat_says_still_and_an_end_says_all_clear() -> None:
    repeat = notify(
        group(A),
        told("a", ago=9 * DAY),
        action="team",
        routing=WEEKLY,
        context=Context(),
        now=NOW,
    )
    clear = said(group(resolved=(A, B)), told("a"))

    assert repeat
    assert "1 incident still firing" in repeat.body["headline"]
    assert clear.headline() == "flights: all clear, 1 incident resolved"
    assert [found.id for found in clear.resolved] == ["a"]


def test_two_hundred_incidents_are_one_message_of_the_worst_and_a_number() -> None:
    many = [incident(verdict(column=f"c{i}"), name=f"i{i}") for i in range(200)]
    made = notify(
        Group.of("flights", "daily", many),
        None,
        action="team",
        routing=EVERY,
        context=Context(),
        now=NOW,
    )

    assert made
    assert len(made.incident_ids) == 200
    assert made.body["n_firing"] == 200
    assert len(made.body["firing"]) == SHOWN
    assert made.body["lines"][-1] == "and 180 more firing"
    assert len(json.dumps(dict(made.body))) < 20_000


def test_the_lines_tell_what_is_muted_what_ended_and_the_retraining() -> None:
    lines = said(group(B, muted=(A,), resolved=(AUC,)), told("auc")).lines()

    assert lines[0].startswith("wind: ")
    assert lines[1].startswith("resolved: the model: ")
    assert lines[2].endswith(", muted by missing on temp")
    assert lines[3] == "Retraining requested because of wasserstein on temp."


def test_a_delivery_keeps_its_id_while_time_gives_another() -> None:
    def made(at: datetime, action: str = "team") -> str:
        sent = notify(
            group(A), None, action=action, routing=EVERY, context=Context(), now=at
        )
        assert sent
        return sent.id

    assert made(NOW) == made(NOW)
    assert len({made(NOW), made(NOW + DAY), made(NOW, "other")}) == 3


def test_two_windows_caught_up_at_one_moment_make_two_deliveries() -> None:
    ids = set()
    for day in (1, 2):
        made = notify(
            group(A),
            None,
            action="team",
            routing=EVERY,
            context=Context(window=window(day)),
            now=NOW,
        )
        assert made
        ids.add(made.id)

    assert len(ids) == 2


def test_two_stories_told_at_one_moment_make_two_deliveries() -> None:
    first, second = send(group(A), None, NOW, EVERY), send(group(B), None, NOW, EVERY)

    assert first
    assert second
    assert first.id != second.id


def test_what_is_no_incident_keeps_out_of_the_incidents_group() -> None:
    aside = attention(
        "delivery d1 could not reach team: 404",
        about="d1",
        model="flights",
        monitor="daily",
        action="log",
        now=NOW,
    )

    assert aside.body["headline"] == "flights: delivery d1 could not reach team: 404"
    assert aside.body["lines"] == []
    assert aside.group != "flights/daily"
    assert aside.incident_ids == frozenset()
