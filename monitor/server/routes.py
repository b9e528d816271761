"""The routes: what each address answers, and the headers that every answer carries."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from prometheus_client.exposition import choose_encoder
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from monitor.callbacks import LONGEST
from monitor.errors import StoreError
from monitor.finding import Finding
from monitor.incident import Incident
from monitor.server.page import landing
from monitor.server.state import ModelState, MonitorState, ServerState
from monitor.window import rfc3339

STYLE = Path(__file__).parent / "static" / "driftd.css"

POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
# A report is one file with its scripts in it, drawn by another's library from values of
# the user's data: it gets an origin of its own, and no way out of the page.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'"
    " 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Described(FastAPI):
    """An application that also describes the addresses of who stands before it."""

    elsewhere: Mapping[str, Any] = {}

    def openapi(self) -> dict[str, Any]:
        """Return the description of all addresses."""
        told = super().openapi()
        told["paths"].update(self.elsewhere)
        return told


def create(state: ServerState, elsewhere: Mapping[str, Any] | None = None) -> FastAPI:
    """Return the application over a daemon's state; nothing in it can be changed.

    `elsewhere` describes paths that are answered before a request comes here.
    """
    app = _Described(
        title="driftd",
        version=state.version,
        description="What a driftd daemon knows of its models.",
        docs_url=None,  # both pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.elsewhere = elsewhere or {}
    app.middleware("http")(_guarded)
    app.exception_handler(StoreError)(_without_store)
    _operating(app, state)
    _reading(app, state)
    _looking(app, state)
    _listening(app, state)
    return app


async def _guarded(
    request: Request, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Give every answer the headers that keep a browser from doing more with it."""
    response = await answer(request)
    response.headers.setdefault("content-security-policy", POLICY)
    response.headers.setdefault("cache-control", "no-store")
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["cross-origin-resource-policy"] = "same-origin"
    return response


async def _without_store(_: Request, error: Exception) -> Response:
    """Say that the store does not answer; the cause names it and no secret."""
    return JSONResponse({"error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE)


def _operating(app: FastAPI, state: ServerState) -> None:
    """Add what machines ask for: metrics and health."""

    @app.get("/metrics", tags=["operating"])
    def metrics(accept: Annotated[str, Header()] = "") -> Response:
        """Every metric, in the format that the scraper asks for."""
        encode, content_type = choose_encoder(accept)
        return Response(encode(state.registry), headers={"content-type": content_type})

    @app.get("/livez", tags=["operating"])
    def livez() -> dict[str, bool]:
        """Whether the process answers; restart it where it does not."""
        return {"alive": True}

    @app.get("/readyz", tags=["operating"])
    @app.get("/healthz", tags=["operating"])
    def readyz() -> JSONResponse:
        """Whether the daemon does its work, and if not what keeps it (503)."""
        troubles = state.readiness()
        ready = not any(troubles.values())
        body = {
            "ready": ready,
            "checks": {name: trouble or "ok" for name, trouble in troubles.items()},
        }
        code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse(body, code)


def _reading(app: FastAPI, state: ServerState) -> None:
    """Add the API, which only reads."""

    @app.get("/v1/models", tags=["models"])
    def models() -> dict[str, Any]:
        """Every configured model with its last windows."""
        return {"models": [_model(model) for model in state.models()]}

    @app.get("/v1/models/{model}/incidents", tags=["models"])
    def incidents(model: str) -> dict[str, Any]:
        """The open incidents of one model, the worst first."""
        for known in state.models():
            if known.model == model:
                told = [_incident(state, incident) for incident in known.incidents]
                return {"model": model, "incidents": told}
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no model of that name")


def _looking(app: FastAPI, state: ServerState) -> None:
    """Add what people look at."""

    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(landing(state))

    @app.get("/static/driftd.css", include_in_schema=False)
    def style() -> FileResponse:
        return FileResponse(STYLE, headers={"cache-control": "max-age=300"})

    @app.get("/reports/{where:path}", include_in_schema=False)
    def report(where: str) -> FileResponse:
        found = report_file(state.reports, where)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such report")
        headers = {"content-security-policy": REPORT_POLICY}
        return FileResponse(found, media_type="text/html", headers=headers)


def _listening(app: FastAPI, state: ServerState) -> None:
    """Add where pipelines say how retrainings go, and people what they decide."""

    @app.post("/v1/retrainings/{name}", tags=["retrainings"])
    async def hear(name: str, request: Request) -> JSONResponse:
        """Take `{"state": "running" | "succeeded" | "failed", "detail": "…"}`.

        Signed as a Standard Webhook with the action's secret, or with the callback's
        token as bearer.
        """
        body = await _body(request)
        headers = dict(request.headers)
        said = await run_in_threadpool(state.hear, name, headers, body)
        if said.progress is None:
            return JSONResponse({"error": said.refusal}, said.status)
        return JSONResponse({"heard": said.progress.stage.value})

    @app.post("/v1/slack/actions", tags=["slack"])
    async def press(request: Request) -> JSONResponse:
        """Take the press of a button under a message, as Slack's app sends it.

        Signed by Slack with the signing secret of the action.
        """
        body = await _body(request)
        headers = dict(request.headers)
        done = await run_in_threadpool(state.press, headers, body)
        if done.status is not HTTPStatus.OK:
            return JSONResponse({"error": done.text}, done.status)
        told = {"response_type": "ephemeral", "text": done.text}
        # Slack gives three seconds, and shows only what comes to its own address.
        return JSONResponse(told, background=BackgroundTask(state.tell, done))


async def _body(request: Request) -> bytes:
    """Read a body that is not too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            told = f"the body is longer than {LONGEST} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
    return body


def report_file(folder: Path, where: str) -> Path | None:
    """Return a report's file, or None for what is no report below the folder.

    Links are followed first, so that none leads out of the folder.
    """
    try:
        root = folder.resolve()
        found = (root / where).resolve()
        inside = found.is_relative_to(root) and found.suffix == ".html"
        shown = not any(p.startswith(".") for p in found.relative_to(root).parts)
        return found if inside and shown and found.is_file() else None
    except (OSError, ValueError):
        return None


def _model(model: ModelState) -> dict[str, Any]:
    """Return a model as the API tells it."""
    return {
        "model": model.model,
        "model_version": model.version,
        "status": model.status.value,
        "incidents": {"firing": len(model.firing), "pending": len(model.pending)},
        "monitors": [_monitor(monitor) for monitor in model.monitors],
    }


def _monitor(monitor: MonitorState) -> dict[str, Any]:
    """Return a monitor's last window as the API tells it; null before the first."""
    told: dict[str, Any] = {"monitor": monitor.monitor, "window": None}
    if monitor.window is None or monitor.evaluated is None:
        return told
    return told | {
        "status": monitor.status.value,
        "cause": monitor.cause,
        "window": {
            "start": rfc3339(monitor.window.start),
            "end": rfc3339(monitor.window.end),
            "rows": monitor.rows,
        },
        "evaluated": rfc3339(monitor.evaluated),
        "report": monitor.report and f"/reports/{monitor.report}",
    }


def _incident(state: ServerState, incident: Incident) -> dict[str, Any]:
    """Return an incident as the API tells it."""
    report = state.report_of(incident)
    return Finding.of(incident).to_dict() | {
        "state": incident.state.value,
        "monitor": incident.key.monitor,
        "fired": rfc3339(incident.fired) if incident.fired else None,
        "report": report and f"/reports/{report}",
    }
