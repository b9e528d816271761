"""The Slack action: what the channel shows, threads, and Slack's own errors."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.action import Action, Delivery, Kind, Receipt
from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.demo.loopback import Answer, Fault, no_answer
from monitor.demo.slack_stand_in import SlackStandIn, slack_error
from monitor.errors import ActionError, PluginError
from monitor.mrkdwn import inert
from monitor.picture import chart
from monitor.slack_message import fallback, message, reply

NOW = datetime(2013, 5, 3, tzinfo=UTC)


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn(token="xoxb-1") as slack:
        yield slack


def bot(slack: SlackStandIn, **options: Any) -> Action:
    known = {"token": "xoxb-1", "channel": "C1", "base_url": slack.base_url}
    section = Plugin(type="slack", options={**known, **options})
    return open_action("team", section, clock=ManualClock(NOW))


def hook(slack: SlackStandIn) -> Action:
    section = Plugin(type="slack", options={"webhook_url": slack.webhook_url})
    return open_action("team", section, clock=ManualClock(NOW))


def finding(sentence: str) -> dict[str, Any]:
    return {"id": sentence, "sentence": sentence}


def body(reason: str = "first", count: int = 2, **changes: Any) -> dict[str, Any]:
    firing = [finding(f"x{i}: moved by 0.5, since 2013-05-01") for i in range(count)]
    return {
        "headline": f"flights: {count} incidents firing, worst: x0 moved",
        "model": "flights",
        "monitor": "daily",
        "model_version": "2",
        "reason": reason,
        "window": {"start": "2013-05-01T00:00:00Z", "end": "2013-05-02T00:00:00Z"},
        "reference_id": "ab" * 32,
        "firing": firing[:20],
        "n_firing": count,
        "muted": [finding("rain: moved, muted by schema change on whole table")],
        "n_muted": 1,
        "resolved": [],
        "n_resolved": 0,
        "retraining": "Retraining requested because of wasserstein on temp.",
        "links": {"incidents": "http://127.0.0.1:8787/incidents"},
        **changes,
    }


def delivery(told: Mapping[str, Any], **changes: Any) -> Delivery:
    known: dict[str, Any] = {
        "id": "d1",
        "action": "team",
        "kind": Kind.NOTICE,
        "group": "flights/daily",
        "model": "flights",
        "monitor": "daily",
        "reason": told["reason"],
        "body": told,
        "created": NOW,
        "attempt": 1,
    }
    return Delivery(**known | changes)


def refused(action: Action, sent: Delivery | None = None) -> ActionError:
    with pytest.raises(ActionError) as caught:
        action.perform(sent or delivery(body()))
    return caught.value


def test_a_message_says_what_since_when_what_is_muted_and_what_was_done(
    slack: SlackStandIn,
) -> None:
    hook(slack).perform(delivery(body()))
    shown = slack.messages[0].render()
    for said in (
        "Firing\n",
        "x1: moved by 0.5, since 2013-05-01",
        "muted by schema change",
        "Retraining requested",
        "model version 2",
        "2013-05-01T00:00:00Z",
        "incidents (http://127.0.0.1:8787/incidents)",
    ):
        assert said in shown
    assert slack.messages[0].text.startswith("🔴 flights: 2 incidents firing")


def moved(name: str, **figures: Any) -> dict[str, Any]:
    return finding(f"{name}: moved") | {
        "brief": f"{name}: moved by 0.3",
        "family": "drift",
        "check": "wasserstein",
        "column": name,
        "p_adjusted": 0.0002,
        "threshold": 0.2,
        **figures,
    }


def test_a_message_says_how_sure_how_bad_which_columns_and_what_to_do(
    slack: SlackStandIn,
) -> None:
    explained = [{"column": "temp", "share": 0.61}, {"column": "wind", "share": 0.2}]
    loss = moved("the model", family="performance", brief="the model: ROC AUC fell")
    told = body(firing=[moved("x0", explained_by=explained), loss])
    hook(slack).perform(delivery(told))
    shown = slack.messages[0].render()
    for said in (
        "How sure: chance alone does this less than once in 1,000 times",
        "Mostly: temp (61 %), wind (20 %)",
        "Harm: the model: ROC AUC fell",
        "To do: ask whether the change is real",
    ):
        assert said in shown
    hook(slack).perform(delivery(body(firing=[moved("x0", p_adjusted=None)])))
    shown = slack.messages[1].render()
    assert "How sure" not in shown
    assert "no loss of performance is known" in shown


def test_a_message_says_what_to_do_about_the_cause_of_a_skew(
    slack: SlackStandIn,
) -> None:
    said = "distance: values that differ from the recomputed ones: 13.1 % of the rows, "
    cause = (
        "served = recomputed × 1.609344 (miles → kilometres), on all 394 differing rows"
    )
    skew = moved("distance", family="skew", check="mismatch", brief=said + cause)
    hook(slack).perform(delivery(body(firing=[skew])))

    shown = slack.messages[0].render()
    assert "To do: convert the unit in one place" in shown


def test_a_bots_news_is_pictured_in_its_thread(slack: SlackStandIn) -> None:
    told = body(firing=[moved("x0")], history=[0.1, 0.12, 0.4])
    bot(slack).perform(delivery(told))
    first, picture = slack.messages
    assert picture.thread_ts == first.ts
    (upload,) = slack.uploads
    assert upload.content == chart([0.1, 0.12, 0.4], 0.2)
    bot(slack).perform(delivery({**told, "reason": "repeat"}))
    bot(slack).perform(delivery({**told, "history": [0.4]}))
    hook(slack).perform(delivery(told))
    assert len(slack.uploads) == 1


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("/api/files.get", slack_error("missing_scope")),
        ("/api/files.get", Fault(answer=Answer(body=b"<html>"))),
        ("/upload", Fault(answer=Answer(status=500))),
        ("/upload", no_answer(1.5)),
        ("/api/files.complete", slack_error("internal_error")),
        ("/api/files.complete", no_answer(0.0)),
    ],
)
def test_a_picture_that_fails_loses_no_message(
    slack: SlackStandIn, step: str, fault: Fault
) -> None:
    slack.fail(fault, path=step)
    told = body(firing=[moved("x0")], history=[0.1, 0.12, 0.4])
    receipt = bot(slack, timeout=1).perform(delivery(told))
    assert receipt.memory == {"channel": "C1", "ts": slack.messages[0].ts}
    assert slack.messages[0].text == fallback(told)


def test_the_worst_ten_are_spelled_out_and_the_rest_counted(
    slack: SlackStandIn,
) -> None:
    hook(slack).perform(delivery(body(count=200)))
    shown = slack.messages[0].render()
    assert "x9:" in shown
    assert "x10:" not in shown
    assert "and 190 more" in shown


def test_a_bots_news_goes_to_the_thread_and_updates_the_first_message(
    slack: SlackStandIn,
) -> None:
    action = bot(slack)
    first: Receipt = action.perform(delivery(body()))
    root = slack.messages[0]
    assert first.memory == {"channel": "C1", "ts": root.ts}
    over = body(
        "resolved",
        headline="flights: all clear, 2 incidents resolved",
        firing=[],
        n_firing=0,
        resolved=[finding("x0: moved")],
        n_resolved=1,
    )
    second = action.perform(delivery(over, id="d2", memory=first.memory))
    assert second.memory == first.memory
    root, answer = slack.messages
    assert (root.edits, answer.edits) == (1, 0)
    assert root.text.startswith("✅ flights: all clear")
    assert answer.thread_ts == root.ts
    assert "x0: moved" in answer.render()


def test_a_thread_whose_message_is_gone_begins_anew(slack: SlackStandIn) -> None:
    memory = {"channel": "C1", "ts": "1.0"}
    receipt = bot(slack).perform(delivery(body("changed"), memory=memory))
    assert len(slack.messages) == 1
    assert slack.messages[0].thread_ts is None
    assert receipt.memory["ts"] == slack.messages[0].ts


def test_a_message_whose_answer_was_lost_is_not_written_twice(
    slack: SlackStandIn,
) -> None:
    action = bot(slack)
    slack.fail(no_answer(0.0, carried_out=True), path="/api/chat.postMessage")
    assert refused(action).ambiguous
    receipt = action.perform(delivery(body(), attempt=2))
    assert len(slack.messages) == 1
    assert receipt.memory["ts"] == slack.messages[0].ts


def test_a_bot_that_may_not_read_the_channel_writes_again(slack: SlackStandIn) -> None:
    slack.fail(slack_error("missing_scope"), path="/api/conversations.history")
    bot(slack).perform(delivery(body(), interrupted=True))
    assert len(slack.messages) == 1


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "is_archived", "msg_too_long"]
)
def test_what_a_person_must_put_right_is_permanent(
    slack: SlackStandIn, error: str
) -> None:
    slack.fail(slack_error(error))
    failed = refused(bot(slack))
    assert failed.permanent
    assert error in str(failed)


def test_a_wrong_token_is_permanent_and_not_told(slack: SlackStandIn) -> None:
    failed = refused(bot(slack, token="xoxb-canary"))
    assert failed.permanent
    assert str(failed) == "Slack answered invalid_auth. Fix: set a valid token"


@pytest.mark.parametrize(
    ("error", "ambiguous"),
    [("ratelimited", False), ("internal_error", True), ("fatal_error", True)],
)
def test_what_passes_is_worth_another_try(
    slack: SlackStandIn, error: str, *, ambiguous: bool
) -> None:
    slack.fail(slack_error(error))
    failed = refused(bot(slack))
    assert not failed.permanent
    assert failed.ambiguous is ambiguous


def test_a_bot_told_to_slow_down_says_for_how_long(slack: SlackStandIn) -> None:
    answer = Answer(status=429, body=b'{"ok": false}', headers={"retry-after": "3"})
    slack.fail(Fault(answer=answer))
    failed = refused(bot(slack))
    assert (failed.permanent, failed.retry_after) == (False, 3.0)


def test_a_bots_server_that_fell_over_or_hung_up_is_tried_again(
    slack: SlackStandIn,
) -> None:
    for fault in (Fault(answer=Answer(status=503, body=b"<html>")), no_answer(0.0)):
        slack.fail(fault)
        assert not refused(bot(slack)).permanent


def test_a_page_instead_of_slack_is_not_taken_for_success(slack: SlackStandIn) -> None:
    slack.fail(Fault(answer=Answer(status=200, body=b"<html>sign in</html>")))
    assert refused(hook(slack)).permanent


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "by webhook_url or with a token"),
        (
            {"webhook_url": "https://h/x", "token": "t"},
            "by webhook_url or with a token",
        ),
        ({"token": "t"}, "a token needs a channel"),
        ({"webhook_url": "https://h/x", "channel": "C"}, "a token needs a channel"),
        ({"webhook_url": "file:///etc/passwd"}, "no address of Slack"),
    ],
)
def test_one_way_to_slack_is_chosen(options: dict[str, Any], told: str) -> None:
    section = Plugin(type="slack", options=options)
    with pytest.raises(PluginError, match=told):
        open_action("team", section, clock=ManualClock(NOW))


def texts(block: Any) -> Iterator[tuple[str, str]]:
    """Walk over the text objects of a block."""
    if isinstance(block, dict):
        if isinstance(block.get("text"), str):
            yield str(block["type"]), block["text"]
        for part in block.values():
            yield from texts(part)
    if isinstance(block, list):
        for part in block:
            yield from texts(part)


@given(
    st.text(max_size=80),
    st.text(alphabet="<>&!@channel|*_`~:\u202e\n ", max_size=5_000),
    st.integers(0, 500),
)
def test_any_names_make_a_message_within_slacks_limits(
    name: str, sentence: str, count: int
) -> None:
    found = [finding(f"{name}: {sentence}")] * min(count, 20)
    told = body(
        headline=sentence,
        model=name,
        firing=found,
        n_firing=count,
        resolved=found,
        n_resolved=count,
        muted=found,
        n_muted=count,
        retraining=sentence or None,
        links={f"l{i}": f"https://d/{name}" for i in range(20)},
    )
    for blocks in (message(told), reply(told)):
        assert len(blocks) <= 50
        for kind, text in texts(blocks):
            assert 0 < len(text) <= (150 if kind == "plain_text" else 3_000)
            assert "<!" not in text
            assert "<@" not in text
            assert "\u202e" not in text
            assert "@channel" not in text
        assert all(len(b.get("elements", ())) <= 10 for b in blocks)
    assert 0 < len(fallback(told)) <= 3_000
    assert "<!" not in fallback(told)


@given(st.text(max_size=50), st.integers(5, 60))
def test_an_inert_text_keeps_to_its_length_and_cuts_no_entity(
    text: str, limit: int
) -> None:
    shown = inert(text, limit)
    assert len(shown) <= limit
    assert shown.count("&") == sum(shown.count(e) for e in ("&amp;", "&lt;", "&gt;"))
