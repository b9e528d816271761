"""Calls of a server's API: of those pipelines that take no webhook of ours."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, urlencode

from pydantic import Field, field_validator

from monitor.action import Kind, Progress, Stage
from monitor.actions.training import TrainingOptions
from monitor.clock import Clock
from monitor.egress import Egress
from monitor.errors import ActionError
from monitor.retraining import RetrainPolicy
from monitor.webhooks import Answer, Call, exchange, web_address


class ServerOptions(TrainingOptions):
    """A server with an API of its own, beside when it may be asked."""

    url: str = Field(repr=False)
    """Where the server is, without the path of its API."""
    timeout: float = Field(default=15.0, gt=0, le=30, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not url and cls.model_fields["url"].default == "":
            return url  # it is that of a region
        return web_address(url).rstrip("/")

    @property
    def server(self) -> str:
        """Where its API begins."""
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Calls of one server's API; each raises ActionError as `exchange` does."""

    url: str = field(repr=False)
    timeout: float
    clock: Clock
    egress: Egress
    headers: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)

    @classmethod
    def of(
        cls,
        options: ServerOptions,
        clock: Clock,
        egress: Egress,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> Self:
        """Return the API of the server that a user names."""
        return cls(
            url=options.server,
            timeout=options.timeout,
            clock=clock,
            egress=egress,
            headers=headers,
        )

    def get(
        self,
        *path: str,
        query: Mapping[str, Any] | None = None,
        takes: frozenset[int] = frozenset(),
    ) -> Answer:
        """Read something."""
        return self._call("GET", path, query=query, takes=takes)

    def post(
        self,
        *path: str,
        json_body: Any = None,  # noqa: ANN401 - any JSON
        form: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        takes: frozenset[int] = frozenset(),
    ) -> Answer:
        """Ask for something."""
        if form is not None:
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps(json_body).encode(), "application/json"
        return self._call("POST", path, query=query, body=body, kind=kind, takes=takes)

    def _call(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        kind: str | None = None,
        takes: frozenset[int] = frozenset(),
    ) -> Answer:
        asked = f"?{urlencode(query)}" if query else ""
        headers = {"accept": "application/json", "user-agent": "driftd"}
        if kind is not None:
            headers["content-type"] = kind
        call = Call(
            method=method,
            url=f"{self.url}/{'/'.join(quote(part, safe='') for part in path)}{asked}",
            headers={**headers, **self.headers()},
            body=body,
            takes=takes,
        )
        return exchange(
            call, timeout=self.timeout, clock=self.clock, egress=self.egress
        )


Asked = TypeVar("Asked", bound=ServerOptions)


class ServerAction(Generic[Asked]):
    """What actions that ask a server's API have in common: options, policy, calls."""

    takes = Kind.RETRAINING

    def __init__(
        self, name: str, options: Asked, *, clock: Clock, egress: Egress
    ) -> None:
        """Take the name it has in the config."""
        self.name = name
        self.on = options.on
        self.options = options
        self.api = Api.of(options, clock, egress, self.headers)

    @property
    def policy(self) -> RetrainPolicy:
        """When it may ask."""
        return self.options.policy

    def headers(self) -> dict[str, str]:
        """Return the headers by which the server knows who asks."""
        return {}


def look(search: Callable[[], Answer]) -> Answer:
    """Look for something; a look that fails never tells whether it is there.

    What goes wrong with it is worth another try, whatever the server answers.
    """
    try:
        return search()
    except ActionError as error:
        wait = error.retry_after
        raise ActionError(str(error), permanent=False, retry_after=wait) from None


def told(answer: Answer, *path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands at a path of a JSON answer, or None."""
    found: Any = answer.json()
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def listed(answer: Answer, *path: str) -> Iterator[Mapping[str, Any]]:
    """Walk over the objects of a list at a path of a JSON answer."""
    found = told(answer, *path) if path else answer.content()
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping):
            yield one


def word(found: object) -> str | None:
    """Return a server's own id as text, or None where it is none."""
    known = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found)[:500] if known and str(found) else None


def progressed(
    said: object, stages: Mapping[Stage, Sequence[str]], where: str = ""
) -> Progress | None:
    """Return what a server's word for a state means; None for one nobody knows."""
    for stage, words in stages.items():
        if said in words:
            return Progress(stage=stage, detail=f"{said} {where}".strip())
    return None


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication (RFC 7617).

    >>> basic("ada", "x")
    {'authorization': 'Basic YWRhOng='}
    """
    both = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {"authorization": f"Basic {both}"}
