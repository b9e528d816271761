"""The stand-in for Slack, asked by Slack's own client."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from monitor.demo.loopback import no_answer, rate_limited, server_error
from monitor.demo.slack_stand_in import SlackStandIn, slack_error

SECTION: dict[str, Any] = {
    "type": "section",
    "text": {"type": "mrkdwn", "text": "temp drifts &gt; 1.4 <http://h/i/1|see>"},
    "fields": [{"type": "mrkdwn", "text": "window\n1 April"}],
}


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn(token="xoxb-demo") as server:
        yield server


@pytest.fixture
def client(slack: SlackStandIn) -> WebClient:
    return WebClient(token="xoxb-demo", base_url=slack.base_url)


def test_the_bot_is_told_who_it_is(client: WebClient) -> None:
    assert client.auth_test()["ok"]


def test_a_wrong_token_is_refused(slack: SlackStandIn) -> None:
    stranger = WebClient(token="xoxb-other", base_url=slack.base_url)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        stranger.chat_postMessage(channel="C1", text="hello")
    assert slack.messages == ()


def test_a_posted_message_is_kept_with_its_blocks_thread_and_metadata(
    slack: SlackStandIn, client: WebClient
) -> None:
    first = client.chat_postMessage(channel="C1", text="start", blocks=[SECTION])
    about = {"event_type": "driftd", "event_payload": {"delivery": "d-1"}}
    client.chat_postMessage(
        channel="C1", text="more", thread_ts=first["ts"], metadata=about
    )
    start, more = slack.messages
    assert (start.channel, start.text, start.blocks) == ("C1", "start", [SECTION])
    assert start.ts < more.ts
    assert more.thread_ts == start.ts
    assert more.metadata == about


def test_an_update_changes_the_message_in_its_place(
    slack: SlackStandIn, client: WebClient
) -> None:
    sent = client.chat_postMessage(channel="C1", text="firing")
    client.chat_postMessage(channel="C1", text="another")
    client.chat_update(channel="C1", ts=sent["ts"], text="resolved")
    assert [m.text for m in slack.messages] == ["resolved", "another"]
    assert slack.messages[0].edits == 1


def test_an_update_of_what_was_never_sent_is_refused(client: WebClient) -> None:
    with pytest.raises(SlackApiError, match="message_not_found"):
        client.chat_update(channel="C1", ts="1.000001", text="resolved")


def test_a_file_goes_up_in_three_steps_and_lands_in_the_thread(
    slack: SlackStandIn, client: WebClient
) -> None:
    sent = client.chat_postMessage(channel="C1", text="firing")
    client.files_upload_v2(
        channel="C1",
        thread_ts=sent["ts"],
        filename="report.html",
        content="<h1>drift</h1>",
        initial_comment="the report",
    )
    assert [(each.name, each.content) for each in slack.uploads] == [
        ("report.html", b"<h1>drift</h1>")
    ]
    assert slack.messages[1].thread_ts == sent["ts"]
    assert slack.messages[1].files == ("report.html",)


def test_what_became_of_a_lost_answer_can_be_looked_up_by_metadata(
    slack: SlackStandIn, client: WebClient
) -> None:
    client.timeout = 1
    slack.fail(no_answer(5, carried_out=True), path="/api/chat.postMessage")
    about = {"event_type": "driftd", "event_payload": {"delivery": "d-1"}}
    with pytest.raises(TimeoutError):
        client.chat_postMessage(channel="C1", text="firing", metadata=about)
    history = client.conversations_history(channel="C1", include_all_metadata=True)
    assert [m["metadata"] for m in history["messages"]] == [about]


def test_a_webhook_is_answered_ok_and_its_message_is_kept(slack: SlackStandIn) -> None:
    answer = WebhookClient(slack.webhook_url).send(text="firing", blocks=[SECTION])
    assert (answer.status_code, answer.body) == (200, "ok")
    assert slack.messages[0].text == "firing"


def test_a_webhook_without_words_is_refused(slack: SlackStandIn) -> None:
    answer = WebhookClient(slack.webhook_url).send_dict({"username": "driftd"})
    assert (answer.status_code, answer.body) == (400, "no_text")
    assert slack.messages == ()


def test_faults_reach_the_client_as_slack_s_own(
    slack: SlackStandIn, client: WebClient
) -> None:
    slack.fail(rate_limited(3))
    with pytest.raises(SlackApiError) as limited:
        client.chat_postMessage(channel="C1", text="hello")
    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["retry-after"] == "3"
    slack.fail(server_error())
    with pytest.raises(SlackApiError) as broken:
        client.chat_postMessage(channel="C1", text="hello")
    assert broken.value.response.status_code == 500
    slack.fail(slack_error("channel_not_found"))
    with pytest.raises(SlackApiError, match="channel_not_found"):
        client.chat_postMessage(channel="C1", text="hello")
    assert slack.messages == ()


def test_a_message_reads_well_in_a_terminal(
    slack: SlackStandIn, client: WebClient
) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}}
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": "flights-late"}},
        SECTION,
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "v1"}]},
        {"type": "actions", "elements": [{**button, "url": "http://h/"}]},
    ]
    client.chat_postMessage(channel="C1", text="fallback", blocks=blocks)
    assert slack.messages[0].render() == "\n".join(
        [
            "flights-late",
            "temp drifts > 1.4 see (http://h/i/1)",
            *("window", "1 April"),
            "-" * 40,
            "v1",
            "[Open] (http://h/)",
        ]
    )


def test_a_message_without_blocks_shows_its_text_and_files(
    slack: SlackStandIn, client: WebClient
) -> None:
    client.chat_postMessage(channel="C1", text="one &amp; two")
    client.files_upload_v2(channel="C1", filename="a.html", content="a")
    assert [m.render() for m in slack.messages] == ["one & two", "[file] a.html"]
