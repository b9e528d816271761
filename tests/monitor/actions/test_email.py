"""The e-mail action: what is written, how it is threaded, and what replies mean."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.action import Delivery
from monitor.actions.base import open_action
from monitor.clock import ManualClock
from monitor.config import Plugin
from monitor.errors import ActionError, PluginError
from tests.monitor.actions.mail_server import MailServer
from tests.monitor.examples import FIRST, delivery


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def action(server: MailServer | None = None, **options: Any) -> Any:
    known = {
        "host": "127.0.0.1",
        "port": server.port if server else 25,
        "security": "none",
        "sender": "driftd@example.org",
        "to": ["ada@example.org", "bob@example.org"],
        **options,
    }
    section = Plugin(type="email", options=known)
    return open_action("mail", section, clock=ManualClock(FIRST))


def told(name: str = "d1", reason: str = "first", **memory: str) -> Delivery:
    body = {
        "headline": "flights: 1 incident firing\nBcc: eve@example.org",
        "lines": ["temp moved <b>", "\u202e and more"],
        "window": {"start": "2013-05-01T00:00:00Z", "end": "2013-05-02T00:00:00Z"},
        "links": {"report": "https://driftd.example.org/r?a=1&b='2'"},
    }
    return replace(delivery(name, reason=reason, body=body), memory=memory)


def test_a_notice_is_one_message_in_text_and_html(server: MailServer) -> None:
    receipt = action(server).perform(told())

    (mail,) = server.got
    assert mail["To"] == "ada@example.org, bob@example.org"
    assert mail["Bcc"] is None
    assert "\n" not in str(mail["Subject"])
    assert mail["Message-ID"] == "<d1@driftd>" == receipt.remote_id
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "temp moved <b>" in text
    assert "window 2013-05-01T00:00:00Z to" in text
    assert "temp moved &lt;b&gt;" in html
    assert "\u202e" not in text + html
    assert "href='https://driftd.example.org/r?a=1&amp;b=&#x27;2&#x27;'" in html


def test_news_of_an_incident_goes_into_its_thread(server: MailServer) -> None:
    first = action(server).perform(told("d1"))
    later = action(server).perform(told("d2", "changed", **first.memory))
    action(server).perform(told("d3", "resolved", **later.memory))

    assert [mail["References"] for mail in server.got] == [
        None,
        "<d1@driftd>",
        "<d1@driftd>",
    ]


@pytest.mark.parametrize(
    ("verb", "reply", "permanent"),
    [
        ("MAIL", "451 4.7.1 canary: greylisted", False),
        ("MAIL", "550 canary", True),
        ("RCPT", "450 canary", None),
        ("MAIL", "421 canary: busy", False),
    ],
)
def test_a_reply_says_whether_to_try_again(
    server: MailServer,
    verb: str,
    reply: str,
    permanent: bool | None,  # noqa: FBT001 - pytest passes parameters by name
) -> None:
    server.replies[verb] = reply
    if permanent is None:  # one of two recipients is refused: the message is taken
        action(server).perform(told())
        assert len(server.got) == 1
        return
    with pytest.raises(ActionError) as caught:
        action(server).perform(told())
    assert caught.value.permanent is permanent
    assert not caught.value.ambiguous
    assert "canary" not in str(caught.value)


def test_a_line_that_breaks_after_the_message_leaves_doubt(server: MailServer) -> None:
    server.hang_up = True
    with pytest.raises(ActionError) as caught:
        action(server).perform(told())
    assert (caught.value.permanent, caught.value.ambiguous) == (False, True)


def test_a_server_that_is_not_there_leaves_no_doubt() -> None:
    with MailServer() as gone:
        pass
    with pytest.raises(ActionError) as caught:
        action(gone).perform(told())
    assert (caught.value.permanent, caught.value.ambiguous) == (False, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": []}, "to: "),
        ({"to": "nobody"}, "is no address"),
        ({"sender": "a@b\nBcc: c@d"}, "is no address"),
        ({"username": "ada"}, "set username and password together"),
        ({"username": "ada", "password": "x"}, "in the clear"),
    ],
)
def test_options_that_cannot_be_are_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        action(**options)
