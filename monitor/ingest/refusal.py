"""Why a request is refused: one problem, with the place in it and the fix."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """A request that is answered with a problem (RFC 9457); nothing of it is kept."""

    def __init__(  # noqa: PLR0913 - the parts of a problem
        self,
        status: HTTPStatus,
        detail: str,
        *,
        fix: str,
        path: str = "",
        retry_after: int | None = None,
        allow: str | None = None,
        closing: bool = False,
    ) -> None:
        """Keep the parts; `path` is the place in the body, such as `$[3].amount`."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.path = path
        self.fix = fix
        self.retry_after = retry_after
        self.allow = allow
        self.closing = closing

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers beside the problem."""
        told = {
            "retry-after": self.retry_after,
            "allow": self.allow,
            "connection": "close" if self.closing else None,
        }
        return {name: str(value) for name, value in told.items() if value is not None}

    def body(self) -> bytes:
        """Return the problem as JSON."""
        told = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "path": self.path,
            "fix": self.fix,
        }
        return msgspec.json.encode({k: v for k, v in told.items() if v != ""})
