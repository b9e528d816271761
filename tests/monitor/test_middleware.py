"""The middleware logs a model server's calls, and changes nothing about them."""

import asyncio
import gzip
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from monitor.client import Client
from monitor.middleware import LARGEST, PredictionLog
from monitor.server import Server
from tests.monitor.ingest.pushed import found, serving

SOON = 20.0


def model_server(client: Client) -> FastAPI:
    """Return a model's server, logged in one line."""
    app = FastAPI()
    app.add_middleware(PredictionLog, client=client, path="/predict")

    @app.post("/predict")
    def predict(body: Annotated[Any, Body()]) -> Any:
        if body == "break":
            raise HTTPException(500)
        if isinstance(body, dict) and "instances" in body:
            return {"predictions": [{"score": 0.25} for _ in body["instances"]]}
        return {"score": 0.5}

    @app.post("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    return app


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_calls_are_logged_under_the_id_that_the_answer_tells(tmp_path: Path) -> None:
    with serving(tmp_path) as pushed:
        now = pushed.clock.now().isoformat()
        client = Client(pushed.url, model="churn", linger=0.01)
        app = model_server(client)
        with Server(app) as server, httpx.Client(base_url=server.url) as caller:
            asked = {"amount": 3.5, "plan": "pro", "at": now}
            one = caller.post("/predict", json=asked)
            assert one.json() == {"score": 0.5}
            both = {"instances": [{"amount": 1, "at": now}, {"amount": 2, "at": now}]}
            two = caller.post("/predict", json=both, headers={"x-request-id": "r7"})
            assert two.headers["x-prediction-id"] == "r7"
            assert caller.post("/predict", json="break").status_code == 500
            assert caller.post("/stream").text == "ab"
        assert client.flush(SOON)
        rows = {r["id"]: r for r in found(pushed.config).to_pylist()}
        client.close()
    assert set(rows) == {one.headers["x-prediction-id"], "r7#0", "r7#1"}
    assert rows[one.headers["x-prediction-id"]]["plan"] == "pro"
    assert [rows[f"r7#{i}"]["amount"] for i in range(2)] == [1.0, 2.0]
    assert rows["r7#1"]["score"] == 0.25


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_call_that_cannot_be_logged_is_answered_all_the_same() -> None:
    client = Client("http://127.0.0.1:9", model="churn", linger=0.01)
    logged = PredictionLog(model_server(client), client=client, path="/predict")
    with Server(logged) as server, httpx.Client(base_url=server.url) as caller:
        large = {"instances": ["x" * LARGEST]}
        assert caller.post("/predict", json=large).status_code == 200
        assert caller.post("/predict", json=[1, 2, 3]).status_code == 200
        assert caller.get("/predict").status_code == 405
    client.close(0.2)
    assert logged.skipped == 1
    assert client.dropped >= 1


SCORE = b'{"score": 0.5}'


def every_kind(seen: list[str]) -> FastAPI:
    """Return a server that answers in every way there is."""
    app = FastAPI()

    def raising() -> None:
        seen.append("worked after the answer")
        raise ZeroDivisionError

    answers: dict[str, Callable[[bytes], Response]] = {
        "plain": lambda _: Response(SCORE, media_type="application/json"),
        "streamed": lambda _: StreamingResponse(iter([SCORE[:5], SCORE[5:]])),
        "packed": lambda _: Response(
            gzip.compress(SCORE, mtime=0), headers={"content-encoding": "gzip"}
        ),
        "background": lambda _: Response(SCORE, background=BackgroundTask(raising)),
        "large": lambda body: Response(body * 2),
        "bytes": lambda _: Response(b"\xff\x00", 201, {"x-own": "y"}),
        "empty": lambda _: Response(status_code=204),
    }

    @app.post("/predict")
    async def predict(request: Request, how: str) -> Response:
        body = await request.body()
        if how == "refused":
            raise HTTPException(422, "no")
        return answers[how](body)  # "error" is a KeyError

    return app


HOWS = ("plain", "streamed", "packed", "background", "large", "bytes", "empty")


def broken(*_: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("options", [{}, {"features": broken}, {"new_id": broken}])
def test_no_byte_of_any_answer_is_another_with_it(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    seen: list[str] = []
    plain = every_kind(seen)
    with serving(tmp_path) as pushed:
        client = Client(pushed.url, model="churn", linger=0.01)
        at = pushed.clock.now().isoformat()
        logged = PredictionLog(plain, client=client, **options)
        with Server(plain) as one, Server(logged) as other:
            for how in (*HOWS, "error", "refused"):
                body = (
                    b"x" * LARGEST if how == "large" else f'{{"at": "{at}"}}'.encode()
                )
                bare, told = (
                    httpx.post(f"{server.url}/predict?how={how}", content=body)
                    for server in (one, other)
                )
                assert told.status_code == bare.status_code
                assert told.content == bare.content
                mine, theirs = dict(told.headers), dict(bare.headers)
                assert mine.pop("x-prediction-id", "") or how == "error"
                assert mine | {"date": ""} == theirs | {"date": ""}
        assert client.flush(SOON)
        ids = found(pushed.config)["id"].to_pylist() if client.sent else []
        client.close()
    assert seen == ["worked after the answer"] * 2
    wanted = 0 if "features" in options else 4  # plain, streamed, packed, background
    assert len(ids) == wanted
    assert client.dropped == len(HOWS) - wanted
    assert logged.skipped == 1


def test_what_is_no_call_passes_by() -> None:
    client = Client("http://127.0.0.1:9", model="churn")
    passed: list[Any] = []

    async def behind(*told: Any) -> None:
        passed.append(told)

    logged = PredictionLog(behind, client=client)
    for kind in ("websocket", "lifespan"):
        told = ({"type": kind, "path": "/predict"}, object(), object())
        asyncio.run(logged(*told))
        assert passed.pop() == told
    client.close(0.0)
    assert client.dropped == 0


@pytest.mark.parametrize("told", [b"x" * 129, b"a b", b"\xe9", b"", b"a\r\nb: c"])
def test_a_caller_cannot_name_a_call_as_it_likes(told: bytes) -> None:
    client = Client("http://127.0.0.1:9", model="churn")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {**CALL, "headers": [(b"x-request-id", told)]}
    asyncio.run(PredictionLog(_bare, client=client)(scope, _asked, send))
    (header,) = sent[0]["headers"]
    assert re.fullmatch(rb"[0-9a-f]{32}", header[1])
    client.close(0.0)


CALL = {"type": "http", "method": "POST", "path": "/predict", "headers": []}


async def _asked() -> Any:
    return {"type": "http.request", "body": b'{"amount": 1}', "more_body": False}


async def _many(app: Any, calls: int) -> float:
    """Return how many microseconds a call takes."""

    async def send(message: Any) -> None:
        del message

    began = time.perf_counter()
    for _ in range(calls):
        await app(CALL, _asked, send)
    return 1e6 * (time.perf_counter() - began) / calls


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    del scope
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"score": 0.5}'})


def test_it_adds_microseconds_to_a_call() -> None:
    client = Client("http://127.0.0.1:9", model="churn")
    logged = PredictionLog(_bare, client=client)
    added = min(
        asyncio.run(_many(logged, 500)) - asyncio.run(_many(_bare, 500))
        for _ in range(5)
    )
    client.close(0.0)
    assert added < 500
