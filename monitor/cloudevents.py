"""What inference loggers send and store: the request or the response of one call.

KServe and Seldon post CloudEvents: binary (`ce-` headers beside the body), structured
(one JSON object with the body in `data` or `data_base64`), or stored by KServe's own
blob logger (one JSON object with the body in `Bytes`), which keeps no time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

import msgspec

from monitor.errors import MalformedError
from monitor.payloads import unpacked
from monitor.window import parse_time


class Part(StrEnum):
    """Which half of a call it is."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceEvent:
    """One half of a call; both halves have the same key.

    `time` is None where the logger tells none. `attributes` are those of the
    CloudEvent beside them, such as `inferenceservicename`, in lower case.
    """

    key: str
    part: Part
    body: bytes
    content_type: str = "application/json"
    time: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


_PREFIX = "ce-"
_OF_THE_EVENT = frozenset({"specversion", "data", "data_base64", "datacontenttype"})


def from_headers(headers: Mapping[str, str], body: bytes) -> InferenceEvent:
    """Return the event of an HTTP request in binary mode; raises MalformedError.

    >>> headers = {"Ce-Id": "7f", "Ce-Type": "org.kubeflow.serving.inference.request"}
    >>> event = from_headers(headers, b"{}")
    >>> event.key, event.part.value
    ('7f', 'request')
    """
    lower = {name.lower(): value for name, value in headers.items()}
    attributes = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in lower.items()
        if name.startswith(_PREFIX)
    }
    return _event(attributes, body, lower.get("content-type"))


def from_json(written: Any) -> InferenceEvent:  # noqa: ANN401 - any JSON value
    """Return the event that a decoded JSON object holds; raises MalformedError.

    The object is a structured CloudEvent, a record of KServe's blob logger, or a binary
    event as a dump of `headers` and `body`.
    """
    if not isinstance(written, Mapping):
        reason = "it is no CloudEvent"
        raise MalformedError(reason, f"a JSON {type(written).__name__}")
    if "ReqType" in written:
        return _logged(written)
    headers = written.get("headers")
    if isinstance(headers, Mapping):
        told = {str(name): str(value) for name, value in headers.items()}
        return from_headers(told, _bytes(written.get("body")))
    attributes = {
        str(name).lower(): str(value)
        for name, value in written.items()
        if name not in _OF_THE_EVENT and value is not None
    }
    packed = written.get("data_base64")
    body = _bytes(written.get("data")) if packed is None else unpacked(str(packed))
    kind = written.get("datacontenttype")
    return _event(attributes, body, str(kind) if kind else None)


def _logged(record: Mapping[str, Any]) -> InferenceEvent:
    """Return the event of a record of KServe's blob logger, Go's names and all."""
    attributes = {
        "id": str(record.get("Id") or ""),
        "type": str(record["ReqType"]),
        "inferenceservicename": str(record.get("InferenceService") or ""),
        "namespace": str(record.get("Namespace") or ""),
        "component": str(record.get("Component") or ""),
        "endpoint": str(record.get("Endpoint") or ""),
    }
    packed = record.get("Bytes")
    body = unpacked(packed) if isinstance(packed, str) else b""
    return _event(attributes, body, str(record.get("ContentType") or "") or None)


def _event(
    attributes: Mapping[str, str], body: bytes, content_type: str | None
) -> InferenceEvent:
    kind = attributes.get("type", "")
    half = kind.rpartition(".")[2]
    if half not in {part.value for part in Part} or ".inference." not in kind:
        reason = "it is no event of an inference"
        raise MalformedError(reason, f"its type is {kind!r}")
    # Seldon gives each half an id of its own, and both the id of the call.
    key = attributes.get("requestid") or attributes.get("id")
    if not key:
        reason = "its event has no id"
        raise MalformedError(reason)
    return InferenceEvent(
        key=key,
        part=Part(half),
        body=body,
        content_type=content_type or "application/json",
        time=_time(attributes.get("time")),
        attributes=attributes,
    )


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        reason = "its event's time is no time"
        raise MalformedError(reason, text) from None


def _bytes(value: Any) -> bytes:  # noqa: ANN401
    """Return a body that stands in a JSON object, as a text or as what it says."""
    if isinstance(value, str):
        return value.encode()
    return b"" if value is None else msgspec.json.encode(value)
