"""The middleware logs a model server's calls, and changes nothing about them."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import StreamingResponse

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
