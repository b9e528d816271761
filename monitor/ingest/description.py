"""What the addresses that rows are sent to take and answer, as OpenAPI tells it."""

from typing import Any

from checks.schema import Kind
from monitor.ingest.declared import LABELS
from monitor.ingest.desk import Desk
from monitor.ingest.dropped import MOST_ENTRIES, MOST_ROWS
from monitor.ingest.table import Table

_VALUES: dict[Kind, Any] = {
    Kind.NUMERIC: {"type": ["number", "null"]},
    Kind.BOOLEAN: {"type": ["boolean", "integer", "null"]},
    Kind.CATEGORICAL: {"type": ["string", "number", "boolean", "null"]},
    Kind.DATETIME: {"type": ["string", "null"], "format": "date-time"},
}
_REFUSED = {
    "400": "The body is not what its content-type says.",
    "408": "The body took too long to come.",
    "413": "The body is too large, or unfolds to too much.",
    "415": "The content-type, or the content-encoding, is not read.",
    "422": "None of the rows was taken; each is in the quarantine.",
    "429": "More is coming than can be written; Retry-After says when.",
    "503": "The rows could not be made durable; send them again.",
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "path": {"type": "string"},
        "fix": {"type": "string"},
    },
    "required": ["title", "status", "detail", "fix"],
}
_TAKEN = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "rejected": {"type": "integer", "minimum": 0},
        "rejects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer"},
                    "reason": {"type": "string"},
                },
            },
        },
    },
    "required": ["accepted", "rejected"],
}
_ACTUALS = {
    "type": "object",
    "required": ["actuals"],
    "properties": {
        "actuals": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "value"],
                "properties": {
                    "id": {"type": ["string", "integer"]},
                    "value": {"type": ["string", "number", "boolean", "null"]},
                    "known_at": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}


_DROPPED = {
    "type": "object",
    "required": ["report", "dropped"],
    "properties": {
        "report": {"type": "string", "minLength": 1, "maxLength": 128},
        "dropped": {
            "type": "array",
            "maxItems": MOST_ENTRIES,
            "items": {
                "type": "object",
                "required": ["rows"],
                "properties": {
                    "rows": {"type": "integer", "minimum": 0, "maximum": MOST_ROWS},
                    "at": {"type": ["string", "null"], "format": "date-time"},
                },
            },
        },
    },
}
_COUNTED = {
    "type": "object",
    "required": ["counted"],
    "properties": {"counted": {"type": "integer", "minimum": 0}},
}


def described(desk: Desk) -> dict[str, Any]:
    """Return the paths of OpenAPI of all tables that rows may be sent to."""
    paths: dict[str, Any] = {}
    for (model, what), intake in desk.intakes.items():
        row = _row(intake.reader.table)
        either = {"anyOf": [row, {"type": "array", "items": row}]}
        paths[f"/v1/models/{model}/{what}"] = _taking(f"Take {what} of {model}", either)
        if what == LABELS:
            summary = f"Take outcomes of {model} without naming its columns"
            paths[f"/v1/models/{model}/actuals:batch"] = _taking(summary, _ACTUALS)
        else:
            summary = f"Count rows of {model} that their sender has dropped"
            paths[f"/v1/models/{model}/dropped"] = _taking(summary, _DROPPED, _COUNTED)
        paths[f"/v1/models/{model}/quarantine"] = _listing(model)
    return paths


def _row(table: Table) -> dict[str, Any]:
    values = {one.name: _VALUES[one.kind] for one in table.fields}
    told: dict[str, Any] = {"type": "object", "properties": values}
    if table.id is not None:
        values[table.id] = {"type": ["string", "integer"], "minLength": 1}
        told["required"] = [table.id]
    return told


def _taking(
    summary: str, body: dict[str, Any], answer: dict[str, Any] = _TAKEN
) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _PROBLEM}}
    answers: dict[str, Any] = {
        code: {"description": told, "content": problem}
        for code, told in _REFUSED.items()
    }
    done = "They are counted, once for each report."
    if answer is _TAKEN:
        done = "What was accepted is durable."
        answers["422"]["content"] = {"application/json": {"schema": _TAKEN}}
    answers["200"] = {
        "description": done,
        "content": {"application/json": {"schema": answer}},
    }
    content = {"application/json": {"schema": body}}
    return {
        "post": {
            "tags": ["ingest"],
            "summary": summary,
            "requestBody": {"required": True, "content": content},
            "responses": dict(sorted(answers.items())),
        }
    }


def _listing(model: str) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["ingest"],
            "summary": f"List the newest rows of {model} that were not taken",
            "parameters": [
                {
                    "name": "limit",
                    "in": "query",
                    "schema": {"type": "integer", "minimum": 1, "maximum": 1000},
                }
            ],
            "responses": {
                "200": {
                    "description": "The rows, by table, with counts by reason.",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                "400": {
                    "description": "`limit` is no number.",
                    "content": {"application/problem+json": {"schema": _PROBLEM}},
                },
            },
        }
    }
