"""The server, asked over HTTP: what it tells and refuses, how it starts and ends."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from shutil import which
from urllib.parse import unquote

import httpx
import pytest

from monitor.action import Progress, Stage
from monitor.callbacks import Said
from monitor.errors import ServerError
from monitor.metrics import Daemon
from monitor.pressing import Answered
from monitor.server import LiveState, Server, create
from monitor.server.routes import report_file
from monitor.store import Store
from tests.monitor.server.filled import HOSTILE, NOW, config, filled

REPORT = "/reports/flights-late/daily/2026-03-09T000000Z.html"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[LiveState]:
    with filled(tmp_path) as live:
        yield live


@pytest.fixture
def client(state: LiveState) -> Iterator[httpx.Client]:
    with Server(create(state)) as server, httpx.Client(base_url=server.url) as asking:
        yield asking


def broken(state: LiveState) -> None:
    """Take the database away, as a full disk or a wrong hand would."""
    state.store.close()
    Path(state.store.name).unlink()
    Path(state.store.name).mkdir()


# ── health ───────────────────────────────────────────────────────────────────────


def test_a_daemon_that_works_is_alive_and_ready(client: httpx.Client) -> None:
    assert {"alive": True} == client.get("/livez").json()
    answer = client.get("/readyz")
    assert 200 == answer.status_code
    assert {"store": "ok", "scheduler": "ok"} == answer.json()["checks"]
    assert answer.json() == client.get("/healthz").json()


def test_a_store_that_is_gone_makes_it_unready_but_not_dead(
    state: LiveState, client: httpx.Client
) -> None:
    broken(state)
    assert 200 == client.get("/livez").status_code
    answer = client.get("/readyz")
    assert 503 == answer.status_code
    assert "unable to open database file" in answer.json()["checks"]["store"]
    assert "ok" == answer.json()["checks"]["scheduler"]
    assert 503 == client.get("/v1/models").status_code
    assert 503 == client.get("/").status_code
    told = client.get("/metrics")
    assert 200 == told.status_code
    assert "driftd_store_up 0.0" in told.text
    assert "driftd_scheduler_last_tick_timestamp_seconds" in told.text
    assert "driftd_windows_evaluated_total{" not in told.text


@pytest.mark.parametrize(
    ("ticked", "trouble"),
    [
        (None, "has not ticked yet"),
        (NOW - timedelta(hours=1), "last ticked at 2026-03-10T01:30:00Z"),
    ],
)
def test_a_scheduler_that_hangs_makes_it_unready(
    tmp_path: Path, ticked: datetime | None, trouble: str
) -> None:
    with filled(tmp_path) as state:
        daemon = Daemon(version="0", config_hash="", ticked=ticked)
        hanging = beside(state, daemon)
        with Server(create(hanging)) as server:
            answer = httpx.get(f"{server.url}/readyz")
    assert 503 == answer.status_code
    assert trouble in answer.json()["checks"]["scheduler"]


def beside(state: LiveState, daemon: Daemon) -> LiveState:
    """Return the state of another process on the same store."""
    return LiveState(
        store=state.store,
        config=state.config,
        daemon=lambda: daemon,
        clock=state.clock,
        reports=state.reports,
    )


# ── metrics ──────────────────────────────────────────────────────────────────────


def test_metrics_speak_the_format_that_is_asked_for(client: httpx.Client) -> None:
    plain = client.get("/metrics", headers={"accept": "text/plain"})
    assert "text/plain; version=0.0.4; charset=utf-8" == plain.headers["content-type"]
    modern = client.get(
        "/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"}
    )
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")
    assert "driftd_windows_evaluated_total{" in modern.text


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong_with_the_metrics(client: httpx.Client) -> None:
    told = client.get("/metrics").text
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("", 0) == (checked.stdout + checked.stderr, checked.returncode)


# ── the API ──────────────────────────────────────────────────────────────────────


def test_models_are_told_with_their_last_windows(client: httpx.Client) -> None:
    flights, churn = client.get("/v1/models").json()["models"]
    assert "flights-late" == flights["model"]
    assert "1" == flights["model_version"]
    assert "FAIL" == flights["status"]
    assert {"firing": 3, "pending": 1} == flights["incidents"]
    daily, hourly = flights["monitors"]
    assert {
        "start": "2026-03-09T00:00:00Z",
        "end": "2026-03-10T00:00:00Z",
        "rows": 912,
    } == daily["window"]
    assert REPORT == daily["report"]
    assert {"monitor": "hourly", "window": None} == hourly
    assert "PASS" == churn["status"]


def test_the_incidents_of_a_model_stand_worst_first(client: httpx.Client) -> None:
    told = client.get("/v1/models/flights-late/incidents").json()["incidents"]
    assert ["pending", "firing", "firing", "firing"] == [one["state"] for one in told]
    assert HOSTILE in [one["column"] for one in told]
    assert "daily" == told[1]["monitor"]
    assert 1.42 in [one["value"] for one in told]
    assert REPORT == told[1]["report"]
    assert [] == client.get("/v1/models/churn/incidents").json()["incidents"]


def test_a_model_that_nobody_knows_is_not_there(client: httpx.Client) -> None:
    answer = client.get("/v1/models/nobody/incidents")
    assert 404 == answer.status_code
    assert {"detail": "there is no model of that name"} == answer.json()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_taken_over_http_but_the_word_of_a_pipeline_or_of_slack(
    client: httpx.Client, method: str
) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    taking = {path for path, methods in paths.items() if method.lower() in methods}
    known = {"/v1/retrainings/{name}", "/v1/slack/actions"}
    assert taking == (known if method == "POST" else set())
    for path in (*paths, "/", REPORT, "/static/driftd.css"):
        where = path.replace("{model}", "flights-late")
        if path in taking:
            continue
        assert 405 == client.request(method, where).status_code, where


# ── the page ─────────────────────────────────────────────────────────────────────


def test_a_pipeline_is_heard_with_its_own_headers_and_body(state: LiveState) -> None:
    heard: list[tuple[str, str | None, bytes]] = []

    def hear(name: str, headers: Mapping[str, str], body: bytes) -> Said:
        heard.append((name, headers.get("authorization"), body))
        if name == "r1":
            return Said(progress=Progress(stage=Stage.RUNNING))
        return Said(status=HTTPStatus.UNAUTHORIZED, refusal="not signed")

    with Server(create(replace(state, hear=hear))) as server:
        asking = httpx.Client(
            base_url=server.url, headers={"authorization": "Bearer t"}
        )
        with asking:
            known = asking.post("/v1/retrainings/r1", content=b"{}")
            unknown = asking.post("/v1/retrainings/r2", content=b"{}")
            long = asking.post("/v1/retrainings/r1", content=b"x" * 70_000)

    assert (known.status_code, known.json()) == (200, {"heard": "running"})
    assert (unknown.status_code, unknown.json()) == (401, {"error": "not signed"})
    assert long.status_code == 413
    assert heard == [("r1", "Bearer t", b"{}"), ("r2", "Bearer t", b"{}")]


def test_a_press_of_a_button_is_answered_at_once_and_told_to_slack_afterwards(
    state: LiveState,
) -> None:
    told: list[Answered] = []
    done = threading.Event()

    def press(headers: Mapping[str, str], body: bytes) -> Answered:
        if headers.get("x-slack-signature") != "v0=1":
            return Answered(status=HTTPStatus.UNAUTHORIZED, text="not signed")
        return Answered(status=HTTPStatus.OK, text=f"took {body.decode()}", reply="u")

    def tell(answered: Answered) -> None:
        told.append(answered)
        done.set()

    with (
        Server(create(replace(state, press=press, tell=tell))) as server,
        httpx.Client(base_url=server.url) as asking,
    ):
        signed = {"x-slack-signature": "v0=1"}
        good = asking.post("/v1/slack/actions", content=b"b", headers=signed)
        bad = asking.post("/v1/slack/actions", content=b"b")
        long = asking.post("/v1/slack/actions", content=b"x" * 70_000)
        assert done.wait(5)

    assert good.json() == {"response_type": "ephemeral", "text": "took b"}
    assert (bad.status_code, bad.json()) == (401, {"error": "not signed"})
    assert long.status_code == 413
    assert [one.reply for one in told] == ["u"]


def test_a_daemon_that_hears_no_pipelines_says_so(client: httpx.Client) -> None:
    assert client.post("/v1/retrainings/r1", content=b"{}").status_code == 404


def test_the_page_says_first_whether_any_model_is_in_trouble(
    client: httpx.Client,
) -> None:
    page = client.get("/")
    assert "1 of 2 models in trouble" in page.text
    assert page.text.index("flights-late") < page.text.index("churn")
    assert "▲" in page.text
    assert 200 == client.get("/static/driftd.css").status_code
    assert REPORT[1:] in page.text
    assert "no window has been due yet" in page.text


def test_a_hostile_name_is_only_text_on_the_page(client: httpx.Client) -> None:
    page = client.get("/")
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert "nosniff" == page.headers["x-content-type-options"]


def test_a_daemon_without_any_window_has_a_page_too(tmp_path: Path) -> None:
    told = config(tmp_path)
    with Store.open(told.store) as store:
        state = LiveState(
            store=store,
            config=lambda: told,
            daemon=lambda: Daemon(version="0.1.0", config_hash=told.hash),
            clock=lambda: NOW,
            reports=tmp_path / "reports",
        )
        with Server(create(state)) as server:
            page = httpx.get(server.url)
            metrics = httpx.get(f"{server.url}/metrics")
    assert "2 models, none in trouble" in page.text
    assert "The daemon itself:" in page.text
    weekly = 'model="churn",monitor="weekly",status="PASS"'
    assert f"driftd_windows_evaluated_total{{{weekly}}} 0.0" in metrics.text


# ── reports ──────────────────────────────────────────────────────────────────────


def test_a_report_has_a_sandbox_and_no_way_out(client: httpx.Client) -> None:
    report = client.get(REPORT)
    assert "text/html; charset=utf-8" == report.headers["content-type"]
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    "where",
    [
        "../driftd.yaml",
        "..%2fdriftd.yaml",
        "%2e%2e/state/driftd.db",
        "flights-late/../../driftd.yaml",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "flights-late/daily",
        "out.html",
        ".hidden.html",
        "flights-late/daily/%00.html",
        "a" * 5000 + ".html",
        "",
    ],
)
def test_nothing_but_reports_is_served(
    state: LiveState, client: httpx.Client, where: str
) -> None:
    outside = state.reports.parent / "secret.html"
    outside.write_text("secret")
    (state.reports / "out.html").symlink_to(outside)
    (state.reports / ".hidden.html").write_text("half a report")
    answer = client.get(f"/reports/{where}")
    assert 404 == answer.status_code
    assert report_file(state.reports, unquote(where)) is None


# ── starting and ending ──────────────────────────────────────────────────────────


def test_a_port_that_is_taken_is_told_with_the_fix(state: LiveState) -> None:
    with Server(create(state)) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ServerError, match="Fix: set server"):
            Server(create(state), port=port)
    with pytest.raises(ServerError, match="cannot listen on"):
        Server(create(state), host="no.such.host.invalid")


def test_a_stopped_server_answers_nobody_and_stops_twice(state: LiveState) -> None:
    server = Server(create(state))
    server.start()
    assert 200 == httpx.get(f"{server.url}/livez").status_code
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez")


def test_a_server_that_never_started_can_be_stopped(state: LiveState) -> None:
    server = Server(create(state))
    port = int(server.url.rpartition(":")[2])
    server.stop()

    again = Server(create(state), port=port)
    assert again.url.endswith(f":{port}")
    again.stop()
