"""The webhook action: what is signed, what is sent, and what answers mean."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from monitor.action import Delivery, Kind
from monitor.actions.base import open_action
from monitor.clock import ManualClock, SystemClock
from monitor.config import Plugin
from monitor.demo.loopback import Answer, Fault, Loopback
from monitor.demo.loopback import Request as Received
from monitor.demo.signatures import unsigned
from monitor.errors import ActionError, PluginError
from monitor.webhooks import Request

NOW = datetime(2013, 5, 3, 6, tzinfo=UTC)
OLD = "whsec_" + base64.b64encode(b"an old secret of thirty-two byte").decode()
NEW = "whsec_" + base64.b64encode(b"a new secret of thirty-two bytes").decode()


class Receiver(Loopback):
    def __init__(self) -> None:
        super().__init__(self._take)
        self.got: list[Received] = []

    def _take(self, request: Received) -> Answer:
        self.got.append(request)
        return Answer(status=202, body=b'{"id": "run-7"}')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def delivery(**changes: Any) -> Delivery:
    known: dict[str, Any] = {
        "id": "d1",
        "action": "hook",
        "kind": Kind.NOTICE,
        "group": "flights/daily",
        "model": "flights",
        "monitor": "daily",
        "reason": "first",
        "body": {"headline": "flights: 1 incident ☃", "n_firing": 1},
        "created": NOW,
    }
    return Delivery(**known | changes)


def send(
    receiver: Receiver,
    clock: ManualClock | SystemClock | None = None,
    kind: str = "webhook",
    sent: Delivery | None = None,
    **options: Any,
) -> Any:
    section = Plugin(type=kind, options={"url": receiver.url, "secret": NEW, **options})
    action = open_action("hook", section, clock=clock or ManualClock(NOW))
    return action.perform(sent or delivery())


def test_the_notice_is_the_body_with_a_type_and_a_time(receiver: Receiver) -> None:
    receipt = send(receiver)
    assert receipt.detail == f"{receiver.url} answered 202"
    assert json.loads(receiver.got[0].body) == {
        "type": "driftd.notice.first",
        "timestamp": "2013-05-03T06:00:00Z",
        "headline": "flights: 1 incident ☃",
        "n_firing": 1,
    }
    assert receiver.got[0].headers["content-type"] == "application/json"


def test_a_repeat_has_the_same_id_and_body_and_a_new_signature(
    receiver: Receiver,
) -> None:
    clock = ManualClock(NOW)
    for _ in range(2):
        send(receiver, clock)
        clock.advance(timedelta(minutes=5))
    first, again = receiver.got
    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "d1"
    assert first.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert first.headers["webhook-signature"] != again.headers["webhook-signature"]


@pytest.mark.parametrize(
    "secret", [NEW, [NEW], [OLD, NEW], f"{OLD} {NEW}", f"{OLD}\n{NEW}"]
)
def test_every_secret_signs_while_one_replaces_another(
    receiver: Receiver,
    secret: Any,
) -> None:
    send(receiver, SystemClock(), secret=secret)
    got = receiver.got[0]
    assert Webhook(NEW).verify(got.body, dict(got.headers))
    assert unsigned(got, NEW, SystemClock().now()) is None
    if OLD in secret or len(secret) == 2:
        assert Webhook(OLD).verify(got.body, dict(got.headers))


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    send(receiver, secret=[])
    assert "webhook-signature" not in receiver.got[0].headers
    assert receiver.got[0].headers["webhook-id"] == "d1"


def test_headers_and_a_bearers_token_are_sent(receiver: Receiver) -> None:
    send(receiver, bearer="t", headers={"x-team": "ml"})
    headers = receiver.got[0].headers
    assert (headers["authorization"], headers["x-team"]) == ("Bearer t", "ml")


payloads = st.dictionaries(
    st.text(max_size=9),
    st.text()
    | st.integers()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=5,
)
keys = st.binary(min_size=24, max_size=64)


@given(payloads, keys, st.uuids())
def test_the_reference_library_believes_our_signature(
    payload: dict[str, Any],
    secret: bytes,
    name: Any,
) -> None:
    request = Request.of(str(name), payload)
    text = "whsec_" + base64.b64encode(secret).decode()
    headers = request.headers([SecretStr(text)], SystemClock().now())
    assert Webhook(text).verify(request.body, headers) == payload
    with pytest.raises(WebhookVerificationError):
        Webhook(text).verify(request.body + b" ", headers)


@given(payloads, keys)
def test_our_signature_is_that_of_the_reference_library(
    payload: dict[str, Any], secret: bytes
) -> None:
    request = Request.of("d1", payload)
    text = base64.b64encode(secret).decode()
    ours = request.headers([SecretStr(text)], NOW)["webhook-signature"]
    assert ours == Webhook(text).sign("d1", NOW, request.body.decode())


@pytest.mark.parametrize("secret", ["whsec_", "hunter2", "whsec_c2hvcnQ=", "ü" * 40])
def test_a_secret_that_is_none_is_refused_without_being_told(
    receiver: Receiver, secret: str
) -> None:
    with pytest.raises(PluginError, match=r"secret: .*openssl rand") as caught:
        send(receiver, secret=secret)
    assert secret not in str(caught.value).replace("whsec_$(", "")


@pytest.mark.parametrize("secret", ["", " \n"])
def test_an_empty_secret_does_not_pass_for_none(
    receiver: Receiver, secret: str
) -> None:
    with pytest.raises(PluginError, match="nothing would be signed"):
        send(receiver, secret=secret)


@pytest.mark.parametrize(
    "url",
    ["ftp://h/x", "file:///etc/passwd", "hook", "http://", "http://u:pw@h/", "//h"],
)
def test_an_address_that_is_none_is_refused(receiver: Receiver, url: str) -> None:
    with pytest.raises(PluginError, match=r"webhook': url: ") as caught:
        send(receiver, url=url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_permanent(
    receiver: Receiver, status: int
) -> None:
    headers = {"location": f"{receiver.url}/elsewhere"}
    receiver.fail(Fault(answer=Answer(status=status, headers=headers)))
    with pytest.raises(ActionError, match="redirect") as caught:
        send(receiver)
    assert caught.value.permanent
    assert receiver.got == []


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
def test_some_refusals_are_worth_another_try(receiver: Receiver, status: int) -> None:
    wait = {"retry-after": "Fri, 03 May 2013 06:00:30 GMT"}
    receiver.fail(Fault(answer=Answer(status=status, headers=wait)))
    with pytest.raises(ActionError) as caught:
        send(receiver)
    assert not caught.value.permanent
    assert caught.value.retry_after == 30.0


def test_gone_means_that_nothing_more_is_wanted(receiver: Receiver) -> None:
    receiver.fail(Fault(answer=Answer(status=410)))
    with pytest.raises(ActionError, match="wants no more") as caught:
        send(receiver)
    assert caught.value.permanent


def test_an_answer_without_end_is_cut(receiver: Receiver) -> None:
    receiver.fail(Fault(answer=Answer(status=200, body=b"x" * 3_000_000)))
    assert send(receiver).detail.endswith("200")


def test_the_environments_proxies_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(receiver).detail.endswith("202")


def test_a_retraining_says_its_type_and_brings_the_runs_id_back(
    receiver: Receiver,
) -> None:
    body = {"id": "r1", "kind": "retraining", "window": {"end": "2013-05-03T00:00:00Z"}}
    sent = delivery(id="r1", kind=Kind.RETRAINING, body=body)
    receipt = send(receiver, kind="retrain", sent=sent)
    assert receipt.remote_id == "run-7"
    told = json.loads(receiver.got[0].body)
    assert told["type"] == "driftd.retraining.requested"
    assert told["window"] == {"end": "2013-05-03T00:00:00Z"}
    assert receiver.got[0].headers["webhook-id"] == "r1"


@pytest.mark.parametrize(
    ("answer", "remote"),
    [
        (b"", None),
        (b"ok", None),
        (b"[1]", None),
        (b'{"run_id": 12}', "12"),
        (b'{"id": {"x": 1}}', None),
        (b"[" * 60_000, None),
    ],
)
def test_any_answer_to_a_retraining_is_taken(
    receiver: Receiver, answer: bytes, remote: str | None
) -> None:
    receiver.fail(Fault(answer=Answer(status=200, body=answer)))
    assert send(receiver, kind="retrain").remote_id == remote


def test_a_cloudevent_in_binary_form_bears_its_attributes_as_headers(
    receiver: Receiver,
) -> None:
    sent = delivery(body={"model": "flüge 1", "monitor": "daily", "n_firing": 1})
    for _ in range(2):
        send(receiver, sent=sent, cloudevents="binary")

    first, second = receiver.got
    attributes = {k: v for k, v in first.headers.items() if k.startswith("ce-")}
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-id": "d1",
        "ce-source": "/driftd/fl%C3%BCge%201/daily",
        "ce-type": "driftd.notice.first",
        "ce-time": "2013-05-03T06:00:00Z",
    }
    assert first.headers["content-type"] == "application/json"
    assert json.loads(first.body)["n_firing"] == 1
    assert first.body == second.body
    found = from_http_event(
        HTTPMessage(headers=dict(first.headers), body=first.body), JSONFormat()
    )
    assert found.get_id() == "d1"
    assert found.get_source() == "/driftd/flüge 1/daily"


def test_a_cloudevent_in_structured_form_is_all_in_its_body(
    receiver: Receiver,
) -> None:
    send(receiver, SystemClock(), cloudevents="structured")

    (got,) = receiver.got
    assert got.headers["content-type"] == "application/cloudevents+json"
    event = json.loads(got.body)
    assert event["specversion"] == "1.0"
    assert (event["id"], event["type"]) == ("d1", "driftd.notice.first")
    assert event["data"]["n_firing"] == 1
    Webhook(NEW).verify(got.body, {k: str(v) for k, v in got.headers.items()})


def test_a_template_makes_the_body_that_a_receiver_wants(receiver: Receiver) -> None:
    template = '{"run": "{{ id }}", "until": {{ window.end | tojson }}}'
    asked = delivery(
        kind=Kind.RETRAINING, body={"model": "m", "window": {"end": 'a"b'}}
    )
    send(receiver, SystemClock(), kind="retrain", sent=asked, template=template)

    (got,) = receiver.got
    assert json.loads(got.body) == {"run": "d1", "until": 'a"b'}
    Webhook(NEW).verify(got.body, {k: str(v) for k, v in got.headers.items()})


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing_of_that_name }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ model.__init__.__globals__ }}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "{{ 'x' * 300000 }}",
    ],
)
def test_a_template_reads_what_it_is_given_and_reaches_nothing_else(
    receiver: Receiver, template: str
) -> None:
    asked = delivery(kind=Kind.RETRAINING, body={"model": "m"})
    with pytest.raises(ActionError, match="the template") as caught:
        send(receiver, kind="retrain", sent=asked, template=template)
    assert caught.value.permanent
    assert receiver.got == []


def test_a_template_that_cannot_be_read_is_told_in_the_config(
    receiver: Receiver,
) -> None:
    with pytest.raises(PluginError, match="template: the template cannot be read"):
        send(receiver, kind="retrain", template="{{ id ")
    with pytest.raises(PluginError, match="take template or cloudevents out"):
        send(receiver, kind="retrain", template="x", cloudevents="binary")
