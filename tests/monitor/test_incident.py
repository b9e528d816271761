"""What moves an incident, and what does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.verdict import Family, Reason, Status, Verdict
from monitor.incident import (
    NO_DATA,
    Cause,
    Incident,
    Key,
    Move,
    Policy,
    State,
    Transition,
    advance,
    close,
    inhibited,
    silence,
    step,
)
from monitor.window import Window

DAY = timedelta(days=1)
FIRST = datetime(2013, 4, 1, tzinfo=UTC)
KEY = Key(model="flights", monitor="daily", family=Family.DRIFT, check="psi")
LETTERS = {
    "P": Status.PASS,
    "W": Status.WARN,
    "F": Status.FAIL,
    "U": Status.UNKNOWN,
}


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"incident-{next(numbers)}"


def verdict(  # noqa: PLR0913 - a test says only what matters to it
    status: Status = Status.FAIL,
    *,
    family: Family = Family.DRIFT,
    check: str = "psi",
    column: str | None = None,
    segment: str | None = None,
    cause: str | None = None,
) -> Verdict:
    return Verdict(
        check=check,
        family=family,
        column=column,
        segment=segment,
        status=status,
        reason=Reason.UNMEASURABLE,
        cause=cause,
    )


def window(day: int) -> Window:
    return Window(FIRST + day * DAY, FIRST + (day + 1) * DAY)


def play(
    letters: str, policy: Policy
) -> list[tuple[Incident | None, Transition | None]]:
    """Walk one incident through a string of P(ass) W(arn) F(ail) U(nknown)."""
    new_id = ids()
    walked: list[tuple[Incident | None, Transition | None]] = []
    incident: Incident | None = None
    for day, letter in enumerate(letters):
        incident, transition = step(
            incident,
            verdict(LETTERS[letter]),
            key=KEY,
            window=window(day),
            policy=policy,
            now=window(day).end,
            new_id=new_id,
        )
        walked.append((incident, transition))
    return walked


def drawn(letters: str, policy: Policy) -> str:
    """Draw the states along the way: - none, p pending, f firing, i inactive, r."""
    return "".join(
        "-" if incident is None else incident.state.value[0]
        for incident, _ in play(letters, policy)
    )


STORIES = [
    # what it says                                         verdicts   policy   states
    ("nothing opens while all is well", "PPWU", Policy(), "----"),
    ("one FAIL fires at once by default", "PF", Policy(), "-f"),
    ("the first PASS resolves by default", "FP", Policy(), "fr"),
    ("an UNKNOWN neither opens nor closes", "UFUUP", Policy(), "-fffr"),
    ("a WARN never opens an incident", "WWWF", Policy(), "---f"),
    ("a WARN never lets one close", "FWWWP", Policy(), "ffffr"),
    ("for counts windows that FAIL in a row", "FFF", Policy(for_=3), "ppf"),
    ("an UNKNOWN does not count for it", "FUUFUF", Policy(for_=3), "pppppf"),
    ("a PASS ends a pending incident silently", "FFPF", Policy(for_=3), "ppip"),
    ("and so does a WARN", "FFWF", Policy(for_=3), "ppip"),
    (
        "it keeps firing until enough PASSes stand in a row",
        "FPPP",
        Policy(keep_firing_for=3),
        "fffr",
    ),
    (
        "a FAIL clears the countdown",
        "FPPFPPP",
        Policy(keep_firing_for=3),
        "ffffffr",
    ),
    (
        "a WARN clears the countdown",
        "FPPWPPP",
        Policy(keep_firing_for=3),
        "ffffffr",
    ),
    (
        "an UNKNOWN neither clears the countdown nor shortens it",
        "FPUUPUP",
        Policy(keep_firing_for=3),
        "ffffffr",
    ),
    ("2 of 3 fires on alternation", "FPF", Policy(for_=2, of=3), "ppf"),
    ("2 of 3 forgets a FAIL that fell out", "FPPF", Policy(for_=2, of=3), "ppip"),
    ("2 of 3 counts no UNKNOWN", "FUUPUUF", Policy(for_=2, of=3), "ppppppf"),
    ("3 of 5 slides along", "FFPPFF", Policy(for_=3, of=5), "ppppff"),
    ("3 of 5 drops what can fire no more", "FPPPF", Policy(for_=3, of=5), "pppip"),
    (
        "without of a strict alternation stays silent",
        "FPFPFP",
        Policy(for_=2),
        "pipipi",
    ),
    ("after the end a FAIL opens another", "FPFP", Policy(), "frfr"),
]


@pytest.mark.parametrize(
    ("letters", "policy", "expected"),
    [story[1:] for story in STORIES],
    ids=[story[0].replace(" ", "_") for story in STORIES],
)
def test_an_incident_moves_as_its_policy_says(
    letters: str, policy: Policy, expected: str
) -> None:
    assert expected == drawn(letters, policy)


def test_each_move_is_a_row_with_its_reason() -> None:
    moves = [move for _, move in play("FFPF", Policy(for_=2)) if move]

    assert [
        (State.INACTIVE, State.PENDING, Cause.FAILED, window(0).end),
        (State.PENDING, State.FIRING, Cause.FAILED_LONG_ENOUGH, window(1).end),
        (State.FIRING, State.RESOLVED, Cause.RECOVERED, window(2).end),
        (State.INACTIVE, State.PENDING, Cause.FAILED, window(3).end),
    ] == [(move.old, move.new, move.reason, move.at) for move in moves]
    assert moves[0].incident_id == moves[2].incident_id != moves[3].incident_id


def test_a_pending_incident_that_recovers_says_so_and_never_fired() -> None:
    incident, move = play("FP", Policy(for_=2))[-1]

    assert incident
    assert move
    assert Cause.RECOVERED_BEFORE_FIRING is move.reason
    assert incident.fired is None
    assert incident.resolved == window(1).end


def test_an_incident_remembers_since_when_and_the_last_telling_verdict() -> None:
    incident, _ = play("PFWP", Policy(keep_firing_for=2))[-1]

    assert incident
    assert window(1).start == incident.opened
    assert window(1).end == incident.fired
    assert window(3).start == incident.last_window
    assert Status.WARN is incident.verdict.status


@pytest.mark.parametrize("day", [0, 1])
def test_a_window_counted_already_moves_nothing(day: int) -> None:
    incident, _ = play("FF", Policy(for_=3))[-1]

    again = step(
        incident,
        verdict(),
        key=KEY,
        window=window(day),
        policy=Policy(for_=3),
        now=FIRST,
        new_id=ids(),
    )

    assert (incident, None) == again


@pytest.mark.parametrize(
    "counts",
    [
        {"for_": 0},
        {"keep_firing_for": 0},
        {"no_data_after": 0},
        {"for_": 3, "of": 2},
    ],
)
def test_a_policy_that_no_windows_can_meet_is_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|never be met"):
        Policy(**counts)


# ── laws ─────────────────────────────────────────────────────────────────────────

strings = st.text(alphabet="PWFU", max_size=30)
policies = st.integers(1, 4).flatmap(
    lambda m: st.builds(
        Policy,
        for_=st.just(m),
        of=st.none() | st.integers(m, 6),
        keep_firing_for=st.integers(1, 4),
    )
)


@given(strings, policies)
def test_an_unknown_verdict_never_changes_anything(
    letters: str, policy: Policy
) -> None:
    before: tuple[Incident | None, Transition | None] = (None, None)
    for letter, after in zip(letters, play(letters, policy), strict=True):
        if letter == "U":
            assert before[0] is after[0]
            assert after[1] is None
        before = after


@given(strings, policies)
def test_leaving_the_unknowns_out_gives_the_same_moves(
    letters: str, policy: Policy
) -> None:
    def moves(text: str) -> list[tuple[str, State, State, Cause]]:
        return [
            (m.incident_id, m.old, m.new, m.reason) for _, m in play(text, policy) if m
        ]

    assert moves(letters.replace("U", "")) == moves(letters)


@given(strings, policies)
def test_an_incident_id_never_returns_once_it_has_ended(
    letters: str, policy: Policy
) -> None:
    ended: set[str] = set()
    for _, move in play(letters, policy):
        if move:
            assert move.incident_id not in ended
            if not move.new.open:
                ended.add(move.incident_id)


@given(strings, policies)
def test_it_fires_only_on_for_fails_among_the_last_of_counted_windows(
    letters: str, policy: Policy
) -> None:
    counted = ""
    for letter, (_, move) in zip(letters, play(letters, policy), strict=True):
        counted += letter.replace("U", "")
        if move and move.new is State.FIRING:
            assert letter == "F"
            assert counted[-policy.width :].count("F") >= policy.for_
        if move and move.new is State.RESOLVED:
            assert counted.endswith("P" * policy.keep_firing_for)


@given(strings, policies)
def test_for_fails_in_a_row_always_fire(letters: str, policy: Policy) -> None:
    final, _ = play(letters + "F" * policy.for_, policy)[-1]

    assert final
    assert State.FIRING is final.state


@given(strings, policies)
def test_enough_passes_end_everything_and_history_stays_bounded(
    letters: str, policy: Policy
) -> None:
    final, _ = play(letters + "P" * policy.memory, policy)[-1]

    assert final is None or not final.state.open
    assert final is None or len(final.history) <= policy.memory


@given(strings)
def test_for_m_of_m_is_for_m_in_a_row(letters: str) -> None:
    assert drawn(letters, Policy(for_=3)) == drawn(letters, Policy(for_=3, of=3))


# ── close ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("letters", "end"), [("F", State.INACTIVE), ("FF", State.RESOLVED)]
)
def test_a_rotated_reference_closes_what_is_open(letters: str, end: State) -> None:
    incident, _ = play(letters, Policy(for_=2))[-1]
    assert incident

    move = close(incident, Cause.REFERENCE_ROTATED, FIRST + 9 * DAY)

    assert end is move.incident.state
    assert move.transition
    assert Cause.REFERENCE_ROTATED is move.transition.reason
    with pytest.raises(ValueError, match="not open"):
        close(move.incident, Cause.REFERENCE_ROTATED, FIRST)


# ── a whole run ──────────────────────────────────────────────────────────────────


def run(
    incidents: Sequence[Incident],
    verdicts: Sequence[Verdict],
    day: int = 0,
    policy: Policy | None = None,
    new_id: Callable[[], str] | None = None,
) -> list[Move]:
    return advance(
        incidents,
        verdicts,
        model="flights",
        monitor="daily",
        window=window(day),
        policy=policy or Policy(),
        now=window(day).end,
        new_id=new_id or ids(),
    )


def test_a_run_moves_each_thing_by_its_own_verdict() -> None:
    moves = run([], [verdict(column="a"), verdict(Status.PASS, column="b")])

    assert [move.incident.key.column for move in moves] == ["a"]


def test_a_run_leaves_alone_what_no_verdict_speaks_about() -> None:
    opened = [move.incident for move in run([], [verdict(column="a")])]

    assert run(opened, [verdict(Status.PASS, column="b")], day=1) == []


def test_the_same_check_for_drift_and_for_skew_makes_two_incidents() -> None:
    moves = run([], [verdict(column="a"), verdict(column="a", family=Family.SKEW)])

    assert len({move.incident.id for move in moves}) == 2


def unknown(column: str | None, **changes: str) -> Verdict:
    made = verdict(Status.UNKNOWN, column=column, cause="no rows in the window")
    return replace(made, **changes)  # type: ignore[arg-type]


def silent_days(days: Sequence[Sequence[Verdict]], policy: Policy) -> list[Incident]:
    """Play whole runs and return every incident on silence, in its last state."""
    new_id = ids()
    known: dict[str, Incident] = {}
    for day, verdicts in enumerate(days):
        for move in run(list(known.values()), verdicts, day, policy, new_id):
            known[move.incident.id] = move.incident
    return [incident for incident in known.values() if incident.key.check == NO_DATA]


def test_silence_that_lasts_opens_an_incident_of_its_own() -> None:
    day = [unknown("a"), verdict(Status.PASS, column="b")]

    assert [i.state for i in silent_days([day] * 2, Policy())] == [State.PENDING]
    (lasting,) = silent_days([day] * 3, Policy())
    assert State.FIRING is lasting.state
    assert (lasting.key.family, lasting.key.column) == (Family.QUALITY, "a")
    assert lasting.verdict.cause == "no rows in the window"


def test_one_word_ends_the_silence() -> None:
    quiet = [unknown("a"), verdict(Status.PASS, column="b")]
    loud = [verdict(Status.PASS, column="a"), verdict(Status.PASS, column="b")]

    (before,) = silent_days([quiet, quiet, loud], Policy())
    (after,) = silent_days([quiet, quiet, quiet, loud], Policy())

    assert State.INACTIVE is before.state
    assert State.RESOLVED is after.state


def test_a_check_that_can_never_be_made_is_no_silence_while_others_speak() -> None:
    day = [unknown("a", check="unseen_category"), verdict(Status.PASS, column="a")]

    assert silent_days([day] * 9, Policy()) == []


def test_a_silent_table_is_one_incident_not_one_a_column() -> None:
    rows = verdict(family=Family.QUALITY, check="volume")
    day = [rows, *(unknown(f"c{i}") for i in range(200))]

    (incident,) = silent_days([day] * 3, Policy())

    assert incident.key.column is None
    assert State.FIRING is incident.state


def test_a_table_heard_again_leaves_the_silent_column_its_own_incident() -> None:
    outage = [unknown("a"), unknown("b")]
    partial = [unknown("a"), verdict(Status.PASS, column="b")]

    table, column = silent_days([*[outage] * 3, *[partial] * 3], Policy())

    assert (table.key.column, table.state) == (None, State.RESOLVED)
    assert (column.key.column, column.state) == ("a", State.FIRING)


def test_missing_labels_and_small_segments_are_no_silence() -> None:
    verdicts = [
        verdict(Status.PASS, column="a"),
        unknown("a", segment="carrier=UA"),
        replace(unknown(None), family=Family.PERFORMANCE),
    ]

    assert [drawn.status for drawn in silence(verdicts)] == [Status.PASS] * 2


def test_silence_is_no_incident_when_the_user_says_so() -> None:
    assert silent_days([[unknown("a")]] * 9, Policy(no_data_after=None)) == []


def test_a_run_without_verdicts_says_nothing_about_silence() -> None:
    assert silence([]) == []


# ── what mutes what ──────────────────────────────────────────────────────────────


def firing(  # noqa: PLR0913 - a test says only what matters to it
    family: Family,
    check: str = "psi",
    column: str | None = None,
    *,
    model: str = "flights",
    state: State = State.FIRING,
    segment: str | None = None,
) -> Incident:
    key = Key(
        model=model,
        monitor="daily",
        family=family,
        check=check,
        column=column,
        segment=segment,
    )
    return Incident(
        id=f"{family}-{check}-{column}-{segment}",
        key=key,
        state=state,
        history=(Status.FAIL,),
        opened=FIRST,
        last_window=FIRST,
        verdict=verdict(family=family, check=check, column=column),
    )


DRIFT = firing(Family.DRIFT, column="temp")
INSIDE = firing(Family.DRIFT, column="temp", segment="carrier = UA")
LOSS = firing(Family.PERFORMANCE, "roc_auc")
MUTING = [
    ("a schema break mutes all drift", firing(Family.QUALITY, "schema_change"), DRIFT),
    ("a column's own", firing(Family.QUALITY, "schema_change", "temp"), DRIFT),
    ("missing values mute drift", firing(Family.QUALITY, "missing", "temp"), DRIFT),
    ("skew mutes drift", firing(Family.SKEW, "row_skew", "temp"), DRIFT),
    ("drift mutes estimates", DRIFT, firing(Family.ESTIMATE, "cbpe")),
    ("what all rows have mutes a segment's", DRIFT, INSIDE),
    ("even a loss", LOSS, firing(Family.PERFORMANCE, "roc_auc", segment="eu")),
    ("a schema break mutes segments", firing(Family.QUALITY, "schema_change"), INSIDE),
    (
        "missing values in the same segment",
        firing(Family.QUALITY, "missing", "temp", segment="carrier = UA"),
        INSIDE,
    ),
]
SPEAKING = [
    ("another column", firing(Family.QUALITY, "missing", "wind"), DRIFT),
    ("volume is the table's", firing(Family.QUALITY, "volume"), DRIFT),
    ("drift on itself", DRIFT, firing(Family.DRIFT, "wasserstein", "temp")),
    ("a segment mutes not all rows", INSIDE, DRIFT),
    ("another check of all rows", firing(Family.DRIFT, "js", "temp"), INSIDE),
    (
        "missing values in another segment",
        firing(Family.QUALITY, "missing", "temp", segment="carrier = AA"),
        INSIDE,
    ),
    ("measured performance", DRIFT, firing(Family.PERFORMANCE, "roc_auc")),
    ("quality by drift", DRIFT, firing(Family.QUALITY, "missing", "temp")),
    (
        "another model",
        firing(Family.QUALITY, "missing", "temp", model="other"),
        DRIFT,
    ),
    (
        "pending quality",
        firing(Family.QUALITY, "missing", "temp", state=State.PENDING),
        DRIFT,
    ),
]


@pytest.mark.parametrize(("_rule", "cause", "effect"), MUTING)
def test_an_incident_is_muted_by_what_explains_it(
    _rule: str, cause: Incident, effect: Incident
) -> None:
    assert cause == inhibited(effect, [effect, cause])


@pytest.mark.parametrize(("_rule", "cause", "effect"), SPEAKING)
def test_an_incident_is_not_muted_by_what_does_not_explain_it(
    _rule: str, cause: Incident, effect: Incident
) -> None:
    assert inhibited(effect, [effect, cause]) is None


def test_a_segment_that_was_searched_for_is_one_incident_however_it_moves() -> None:
    keys = {
        Key.of(
            "flights",
            "daily",
            verdict(check="worst_segment", column=None, segment=segment),
        )
        for segment in ("region = EU", "age < 30", None)
    }

    assert [None] == [key.segment for key in keys]
