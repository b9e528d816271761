"""The loopback server: it answers, and it fails as told."""

import httpx
import pytest

from monitor.demo.loopback import (
    Answer,
    Loopback,
    Request,
    no_answer,
    rate_limited,
    server_error,
)


class Echo(Loopback):
    def __init__(self) -> None:
        super().__init__(self.handle)
        self.seen: list[Request] = []

    def handle(self, request: Request) -> Answer:
        self.seen.append(request)
        return Answer(body=request.body or b"nothing")


def test_a_request_arrives_as_it_was_sent() -> None:
    with Echo() as echo:
        answer = httpx.post(f"{echo.url}/a/b?c=d", content=b"e", headers={"X-F": "g"})
    (seen,) = echo.seen
    assert answer.text == "e"
    assert (seen.method, seen.path, seen.query["c"]) == ("POST", "/a/b", "d")
    assert seen.headers["x-f"] == "g"


def test_faults_happen_once_each_in_order_and_then_all_is_well() -> None:
    with Echo() as echo:
        echo.fail(rate_limited(3))
        echo.fail(server_error(), times=2)
        answers = [httpx.get(echo.url) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 500, 500, 200]
    assert answers[0].headers["retry-after"] == "3"
    assert len(echo.seen) == 1


def test_a_fault_hits_only_the_path_it_is_meant_for() -> None:
    with Echo() as echo:
        echo.fail(server_error(), path="/bad")
        assert httpx.get(f"{echo.url}/good").status_code == 200
        assert httpx.get(f"{echo.url}/bad").status_code == 500


def test_healing_forgets_the_faults_to_come() -> None:
    with Echo() as echo:
        echo.fail(server_error(), times=9)
        echo.heal()
        assert httpx.get(echo.url).status_code == 200


@pytest.mark.parametrize("carried_out", [False, True])
def test_silence_may_or_may_not_mean_that_nothing_was_done(
    *, carried_out: bool
) -> None:
    with Echo() as echo:
        echo.fail(no_answer(30, carried_out=carried_out))
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(echo.url, timeout=0.3)
    assert len(echo.seen) == carried_out


def test_a_line_that_is_dropped_is_an_error_at_once() -> None:
    with Echo() as echo:
        echo.fail(no_answer(0))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(echo.url)


def test_nothing_listens_after_the_end() -> None:
    with Echo() as echo:
        url = echo.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
