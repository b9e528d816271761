"""Events of inference loggers: KServe's, Seldon's, and what the SDK itself writes."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from monitor.cloudevents import InferenceEvent, Part, from_headers, from_json
from monitor.errors import MalformedError

BODY = b'{"instances": [[6.8, 2.8]]}'
EVENT = CloudEvent(
    attributes={
        "id": "7f",
        "type": "org.kubeflow.serving.inference.request",
        "source": "http://localhost:9081/",
        "specversion": "1.0",
        "time": datetime(2013, 4, 1, 6, 30, tzinfo=UTC),
        "datacontenttype": "application/json",
        "inferenceservicename": "iris",
    },
    data={"instances": [[6.8, 2.8]]},
)


def same(event: InferenceEvent) -> None:
    assert event.key == "7f"
    assert event.part is Part.REQUEST
    assert json.loads(event.body) == json.loads(BODY)
    assert event.content_type == "application/json"
    assert event.attributes["inferenceservicename"] == "iris"


def test_both_modes_are_read_as_the_sdk_writes_them() -> None:
    binary = to_binary_event(EVENT, JSONFormat())
    assert binary.body is not None
    headers = {str(k): str(v) for k, v in binary.headers.items()}
    found = from_headers(headers, bytes(binary.body))
    same(found)
    assert found.time == datetime(2013, 4, 1, 6, 30, tzinfo=UTC)
    structured = to_structured_event(EVENT, JSONFormat())
    same(from_json(json.loads(structured.body)))
    assert found.time == from_json(json.loads(structured.body)).time


def test_a_record_of_kserves_blob_logger_is_read_and_has_no_time() -> None:
    record = {
        "Url": {"Scheme": "s3", "Host": "bucket"},
        "Bytes": base64.b64encode(BODY).decode(),
        "ContentType": "application/json",
        "ReqType": "org.kubeflow.serving.inference.request",
        "Id": "7f",
        "SourceUri": {"Scheme": "http", "Host": "localhost:9081"},
        "InferenceService": "iris",
        "Namespace": "default",
        "Component": "predictor",
        "Endpoint": "",
        "Metadata": None,
        "Annotations": None,
        "CertName": "",
        "TlsSkipVerify": False,
    }
    found = from_json(record)
    same(found)
    assert found.time is None


def test_the_halves_of_seldons_call_share_the_id_of_the_request() -> None:
    halves = [
        from_json(
            {
                "headers": {
                    "ce-id": name,
                    "ce-requestid": "12b0",
                    "ce-type": f"io.seldon.serving.inference.{name}",
                    "ce-time": "2022-08-16T22:38:13.447502807Z",
                    "ce-specversion": "1.0",
                },
                "body": '{"data": {"ndarray": [[2, 1]]}}',
            }
        )
        for name in ("request", "response")
    ]
    assert [(one.key, one.part.value) for one in halves] == [
        ("12b0", "request"),
        ("12b0", "response"),
    ]
    assert halves[0].time == datetime(2022, 8, 16, 22, 38, 13, 447502, UTC)
    assert json.loads(halves[0].body) == {"data": {"ndarray": [[2, 1]]}}


def test_a_structured_event_may_hold_its_body_in_base64() -> None:
    packed = base64.b64encode(BODY).decode()
    kind = "org.kubeflow.serving.inference.request"
    event = {"id": "7f", "type": kind, "data_base64": packed, "specversion": "1.0"}
    assert from_json(event).body == BODY


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ([], "no CloudEvent"),
        ({"id": "7f"}, "no event of an inference"),
        ({"id": "7f", "type": "io.seldon.serving.inference.custominsight"}, "no event"),
        ({"type": "org.kubeflow.serving.inference.request"}, "no id"),
        ({"ReqType": "org.kubeflow.serving.inference.request", "Id": ""}, "no id"),
        (
            {"type": "a.inference.request", "id": "7f", "time": "yesterday"},
            "time is no time",
        ),
        ({"type": "a.inference.request", "id": "7f", "data_base64": "*"}, "Base64"),
    ],
)
def test_what_is_no_event_of_an_inference_is_malformed(
    written: Any, reason: str
) -> None:
    with pytest.raises(MalformedError, match=reason):
        from_json(written)
