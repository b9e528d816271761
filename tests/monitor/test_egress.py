"""Where calls may go: no address that leads inside is ever connected to."""

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.actions.base import open_action
from monitor.clock import SystemClock
from monitor.config import Plugin
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.egress import OPEN, Egress, embedded
from monitor.errors import ActionError, ConfigErrors
from monitor.guarded import Guarded
from monitor.webhooks import Call, exchange
from tests.monitor.examples import delivery
from tests.monitor.world import small

SHUT = Egress(private=False)

INSIDE = [
    # as addresses are written, and as they can be written
    *("127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433"),
    *("017700000001", "0177.0.0.1", "127.255.255.254", "0", "0.0.0.0", "0.1.2.3"),  # noqa: S104 - not to bind to
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1"),
    *("100.64.0.1", "169.254.169.254", "169.254.170.2", "192.0.0.170", "192.0.2.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    # of the sixth version
    *("::1", "::", "::2", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("100::1", "2001:db8::1", "3fff::1", "5f00::1", "64:ff9b:1::1"),
    # with one of the fourth inside: mapped, compatible, translated, tunnelled
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::127.0.0.1", "::7f00:1", "::a00:1", "0:0:0:0:0:ffff:7f00:0001"),
    *(
        "64:ff9b::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
    ),
    *("2002:7f00:1::", "2002:7f00:1::1", "2002:a00:1::", "2002:a9fe:a9fe::1"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:7f00:1::"),
]
OUTSIDE = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::8a"]


class Sink(Loopback):
    """Counts whoever gets through to the loopback."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.got: list[Request] = []

    def _take(self, request: Request) -> Answer:
        self.got.append(request)
        return Answer(status=200)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def port(sink: Sink) -> str:
    return sink.url.rpartition(":")[2]


def test_there_are_vectors_enough() -> None:
    assert len(set(INSIDE)) >= 60


def as_the_system_reads(host: str, at: int) -> list[str]:
    """Read an address in whatever form the C library takes it for one."""
    del at
    if ":" in host:
        return [str(ipaddress.ip_address(host))]
    return [socket.inet_ntoa(socket.inet_aton(host))]


@pytest.mark.parametrize("host", INSIDE)
def test_nothing_inside_is_ever_connected_to(sink: Sink, host: str) -> None:
    where = f"[{host}]" if ":" in host else host
    client = httpx.Client(transport=Guarded(SHUT, as_the_system_reads))
    for scheme in ("http", "https"):
        with pytest.raises(
            (ActionError, httpx.InvalidURL), match=r"lies inside|Invalid IPv4"
        ):
            client.get(f"{scheme}://{where}:{port(sink)}/")
        with pytest.raises(ActionError):  # nor by the way that actions go
            exchange(
                Call(method="POST", url=f"{scheme}://{where}:{port(sink)}/", body=b""),
                timeout=1.0,
                clock=SystemClock(),
                egress=SHUT,
            )
    client.close()
    assert sink.got == []


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_outside_may_be_called(address: str) -> None:
    assert SHUT.permits(ipaddress.ip_address(address))


def test_everything_may_be_called_unless_somebody_says_so(sink: Sink) -> None:
    for egress in (OPEN, Egress(private=False, allow=networks("127.0.0.0/8"))):
        call = Call(method="POST", url=f"{sink.url}/hook", body=b"")
        answer = exchange(call, timeout=2.0, clock=SystemClock(), egress=egress)
        assert answer.status == 200
    assert [one.path for one in sink.got] == ["/hook"] * 2
    assert {one.headers["host"] for one in sink.got} == {f"127.0.0.1:{port(sink)}"}


def networks(
    *written: str,
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in written)


def test_a_name_that_is_resolved_anew_decides_nothing(sink: Sink) -> None:
    """The name server says something public first, and the loopback ever after."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    asked = []

    def rebinding(host: str, at: int) -> list[str]:
        asked.append((host, at))
        return next(answers)

    client = httpx.Client(transport=Guarded(SHUT, rebinding), timeout=0.5)
    with client, pytest.raises(httpx.HTTPError):
        client.get(f"http://rebinding.example:{port(sink)}/")
    assert asked == [("rebinding.example", int(port(sink)))]  # and never again
    assert sink.got == []


def test_a_name_with_one_address_inside_is_not_used(sink: Sink) -> None:
    client = httpx.Client(
        transport=Guarded(SHUT, lambda *_: ["93.184.216.34", "127.0.0.1"])
    )
    with (
        client,
        pytest.raises(ActionError, match=r"both\.example lies inside") as caught,
    ):
        client.get(f"http://both.example:{port(sink)}/")
    assert caught.value.permanent
    assert sink.got == []


def test_the_name_that_was_asked_for_stays_in_the_request(sink: Sink) -> None:
    allowed = Egress(private=False, allow=networks("127.0.0.1/32"))
    client = httpx.Client(transport=Guarded(allowed, lambda *_: ["127.0.0.1"]))
    with client:
        client.get(f"http://named.example:{port(sink)}/")
    assert sink.got[0].headers["host"] == f"named.example:{port(sink)}"


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_if_it_stood_alone(
    address: ipaddress.IPv4Address,
) -> None:
    number = int(address)
    for high in (0xFFFF << 32, 0x64FF9B << 96):
        within = ipaddress.IPv6Address(high | number)
        if high >> 96:
            within = ipaddress.ip_address(f"64:ff9b::{address}")  # type: ignore[assignment]
        assert address in list(embedded(within))
        assert SHUT.permits(within) <= SHUT.permits(address)
    tunnelled = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))
    assert SHUT.permits(tunnelled) is SHUT.permits(address)


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams", "gitlab", "email"])
def test_an_action_goes_where_the_config_lets_it(sink: Sink, kind: str) -> None:
    place = {"host": "127.0.0.1", "port": int(port(sink))}
    options: dict[str, dict[str, Any]] = {
        "webhook": {"url": sink.url},
        "slack": {"webhook_url": sink.url},
        "teams": {"webhook_url": sink.url},
        "gitlab": {"url": sink.url, "project": "1", "token": "t"},
        "email": {**place, "security": "none", "sender": "a@b.c", "to": "a@b.c"},
    }
    section = Plugin(type=kind, options=options[kind])
    action = open_action("mine", section, clock=SystemClock(), egress=SHUT)
    with pytest.raises(ActionError, match="lies inside this network") as caught:
        action.perform(delivery())
    assert caught.value.permanent
    assert sink.got == []


def test_a_config_says_where_calls_may_go(tmp_path: Path) -> None:
    with (
        Sink() as sink,
        small(
            tmp_path,
            actions={"hook": {"type": "webhook", "url": sink.url}},
            daily={"actions": ["hook"], "checks": {"wasserstein": {}}},
            egress={"private": False},
        ) as world,
    ):
        world.pass_day(shift=30.0)
        assert world.app.deliver().dead == 1
        assert sink.got == []


def test_a_network_that_is_none_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigErrors, match=r"egress\.allow\[0\]: '10\.1' is no network"),
        small(tmp_path, egress={"allow": ["10.1"]}),
    ):
        pass
