"""Bodies of inference requests and responses, as rows of named columns.

What model servers speak is told apart by its keys: KServe and TensorFlow Serving V1
(`instances`, `predictions`), the Open Inference Protocol V2 (`inputs`, `outputs` as
tensors), Seldon (`data`), MLflow (`dataframe_split`, `dataframe_records`), and lines of
CSV without a header (SageMaker). A body that is none of these raises MalformedError.
"""

import base64
import binascii
import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from monitor.errors import MalformedError

Row = dict[str, Any]
"""The values of a row by column: texts, numbers, truths and None."""

MOST_ROWS = 100_000
"""Rows that one body may hold."""
MOST_COLUMNS = 10_000
"""Columns that one row may have."""
LARGEST = 64 << 20
"""Bytes of one body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What columns are called whose body gives values and no names."""

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


NO_NAMES = Names()


def decoded(body: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON, as strictly as must be: `NaN` and `Infinity` are read as null.

    Raises MalformedError; nesting that is too deep for the machine is refused as well.
    """
    if len(body) > LARGEST:
        reason = "it is too large"
        raise MalformedError(reason, f"{len(body):,} bytes, and {LARGEST:,} at most")
    found = _parsed(body)
    if halved(body):
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            reason = "a text in it has half a character"
            raise MalformedError(reason) from None
    return found


def _parsed(body: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        told = str(error)
    try:
        # Python writes NaN, which JSON has not; msgspec is right to refuse it.
        found = json.loads(body, parse_constant=lambda _: None)
        msgspec.json.encode(found)  # half a character cannot be written anywhere
    except RecursionError:
        reason = "it is nested too deeply"
        raise MalformedError(reason) from None
    except UnicodeEncodeError:
        reason = "it holds half a character"
        raise MalformedError(reason) from None
    except ValueError:
        reason = "it is not JSON"
        raise MalformedError(reason, told) from None
    return found


def halved(body: bytes | str) -> bool:
    r"""Tell whether JSON may hold half a character, which is part of no text.

    >>> halved(rb'{"a": "\ud83d"}'), halved("{}")
    (True, False)
    """
    if isinstance(body, str):
        return "\\ud" in body or "\\uD" in body
    return b"\\ud" in body or b"\\uD" in body


def request_rows(body: Any, names: Names = NO_NAMES) -> list[Row]:  # noqa: ANN401
    """Return the rows that a decoded request asks about; raises MalformedError."""
    return _rows(body, _REQUEST, names.features, "feature")


def response_rows(body: Any, names: Names = NO_NAMES) -> list[Row]:  # noqa: ANN401
    """Return the answers of a decoded response, a row each; raises MalformedError."""
    return _rows(body, _RESPONSE, names.outputs, "prediction")


def csv_rows(text: str, names: Sequence[str], stem: str) -> list[Row]:
    r"""Return the rows of CSV lines without a header; raises MalformedError.

    What reads as a number is one, unless it would lose digits as one (`07030`).

    >>> csv_rows("1,a\n2.5,\n", ["x", "y"], "feature")
    [{'x': 1, 'y': 'a'}, {'x': 2.5, 'y': None}]
    """
    try:
        found = csv.reader(text.splitlines(), strict=True)
        lines = [[_number(value) for value in line] for line in found if line]
    except csv.Error as error:
        reason = "it is not CSV"
        raise MalformedError(reason, str(error)) from None
    return _listed(lines, names, stem)


_NUMBER = re.compile(r"\s*[+-]?(?:0|[1-9]\d{0,14})(\.\d*)?([eE][+-]?\d+)?\s*\Z")


def _number(text: str) -> int | float | str | None:
    """Read a value of CSV, which has no types."""
    match = _NUMBER.match(text)
    if match is None:
        return text or None
    return int(text) if match[1] is None and match[2] is None else float(text)


def unpacked(text: str) -> bytes:
    """Return what Base64 stands for; raises MalformedError.

    >>> unpacked("eyJhIjogMX0=")
    b'{"a": 1}'
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        reason = "it is not Base64"
        raise MalformedError(reason, str(error)) from None


def joined(
    asked: Sequence[Row], answered: Sequence[Row] | None, key: str, column: str
) -> list[Row]:
    """Lay the answers beside what was asked, and give each row an id of its own.

    >>> joined([{"x": 1}, {"x": 2}], [{"p": 0}, {"p": 1}], "7f", "id")
    [{'id': '7f#0', 'x': 1, 'p': 0}, {'id': '7f#1', 'x': 2, 'p': 1}]

    Without answers (None) there are only the features. Raises MalformedError when there
    are more or fewer answers than rows, or one name stands for two columns.
    """
    answers = answered if answered is not None else [{}] * len(asked)
    if len(answers) != len(asked):
        reason = "there are other answers than rows"
        raise MalformedError(reason, f"{len(answers)} answers to {len(asked)} rows")
    rows = []
    for place, (row, answer) in enumerate(zip(asked, answers, strict=True)):
        twice = (row.keys() & answer.keys()) | ({column} & (row.keys() | answer.keys()))
        if twice:
            reason = "a column stands twice"
            raise MalformedError(reason, min(twice))
        rows.append({column: f"{key}#{place}", **row, **answer})
    return rows


# ── the forms ────────────────────────────────────────────────────────────────────

_REQUEST = ("instances", "inputs", "dataframe_split", "dataframe_records", "data")
_RESPONSE = ("predictions", "outputs", "data")


def _rows(body: Any, keys: Iterable[str], names: Sequence[str], stem: str) -> list[Row]:  # noqa: ANN401
    if isinstance(body, list):
        return _listed(body, names, stem)
    if isinstance(body, Mapping):
        for key in (*keys, "jsonData"):
            if body.get(key) is not None:
                return _formed(key, body[key], names, stem)
        told = ", ".join(sorted(map(str, body))[:5])
        reason = "it has none of the keys of an inference body"
        raise MalformedError(reason, f"its keys: {told}")
    reason = "it is no inference body"
    raise MalformedError(reason, f"a JSON {type(body).__name__}")


def _formed(key: str, value: Any, names: Sequence[str], stem: str) -> list[Row]:  # noqa: ANN401
    if key == "dataframe_split":
        return _split(value)
    if key == "data":
        return _seldon(value, names, stem)
    if isinstance(value, list):
        tensors = value and all(_is_tensor(one) for one in value)
        return _tensors(value, names) if tensors else _listed(value, names, stem)
    if isinstance(value, Mapping):
        lists = [one for one in value.values() if isinstance(one, list)]
        if value and len(lists) == len(value):
            return _columnar(value)
        return [_named(value)]
    return _listed([value], names, stem)


def _listed(values: Sequence[Any], names: Sequence[str], stem: str) -> list[Row]:
    """Return a row for each instance: an object, a list of values, or one value."""
    _bounded(len(values))
    return [
        _named(one) if isinstance(one, Mapping) else _unnamed(one, names, stem)
        for one in values
    ]


def _named(instance: Mapping[str, Any]) -> Row:
    row: Row = {}
    for name, value in instance.items():
        _put(row, str(name), value)
    return row


def _unnamed(instance: Any, names: Sequence[str], stem: str) -> Row:  # noqa: ANN401
    values = _flat(instance)
    if names:
        if len(values) != len(names):
            reason = "it has another number of values than there are names"
            raise MalformedError(reason, f"{len(values)} values, {len(names)} names")
        return dict(zip(names, map(_plain, values), strict=True))
    return dict(zip(_numbered(stem, len(values)), map(_plain, values), strict=True))


def _put(row: Row, name: str, value: Any) -> None:  # noqa: ANN401
    """Put a value into plain columns: a part of an object or list is one of its own."""
    if isinstance(value, Mapping):
        for part, inner in value.items():
            _put(row, f"{name}.{part}", inner)
    elif isinstance(value, list):
        values = _flat(value)
        for part, inner in zip(_numbered(name, len(values)), values, strict=True):
            row[part] = _plain(inner)
    else:
        row[name] = _plain(value)
    if len(row) > MOST_COLUMNS:
        _refuse_width(len(row))


def _numbered(stem: str, count: int) -> list[str]:
    """Name the values of a list after it; a single one has its name."""
    return [stem] if count == 1 else [f"{stem}_{i}" for i in range(count)]


def _flat(value: Any) -> list[Any]:  # noqa: ANN401
    """Return the values of nested lists in order; MalformedError for too many."""
    if not isinstance(value, list):
        return [value]
    found: list[Any] = []
    waiting = [iter(value)]
    while waiting:
        for one in waiting[-1]:
            if isinstance(one, list):
                waiting.append(iter(one))
                break
            found.append(one)
            if len(found) > MOST_COLUMNS:
                _refuse_width(len(found))
        else:
            waiting.pop()
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping | list):
        return json.dumps(value)
    return value


def _columnar(columns: Mapping[str, list[Any]]) -> list[Row]:
    """Return the rows of an object of columns."""
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        reason = "its columns have different lengths"
        raise MalformedError(reason, ", ".join(map(str, sorted(counts))))
    _bounded(min(counts))
    rows: list[Row] = [{} for _ in range(min(counts))]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            _put(row, str(name), value)
    return rows


def _split(frame: Any) -> list[Row]:  # noqa: ANN401
    """Return the rows of pandas' split form: `columns` and `data`."""
    columns = frame.get("columns") if isinstance(frame, Mapping) else None
    table = frame.get("data") if isinstance(frame, Mapping) else None
    if not isinstance(columns, list) or not isinstance(table, list):
        reason = "its dataframe_split has no columns and data"
        raise MalformedError(reason)
    return _listed(table, [str(name) for name in columns], "feature")


def _seldon(data: Any, names: Sequence[str], stem: str) -> list[Row]:  # noqa: ANN401
    """Return the rows of Seldon's `data`: `names` beside an `ndarray` or a `tensor`."""
    if isinstance(data, list):
        return _listed(data, names, stem)
    if not isinstance(data, Mapping):
        reason = "its data is no object"
        raise MalformedError(reason)
    told = data.get("names")
    named = [str(name) for name in told] if isinstance(told, list) and told else names
    table, tensor = data.get("ndarray"), data.get("tensor")
    if isinstance(table, list):
        return _listed(table, named, stem)
    if isinstance(tensor, Mapping):
        rows = _shaped("tensor", tensor.get("shape"), tensor.get("values"))
        return _listed(rows, named, stem)
    reason = "its data has neither ndarray nor tensor"
    raise MalformedError(reason)


# ── tensors ──────────────────────────────────────────────────────────────────────


def _is_tensor(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Mapping) and "name" in value and "shape" in value


def _tensors(tensors: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Row]:
    """Return the rows of tensors that share their first axis."""
    columns: dict[str, list[list[Any]]] = {}
    for tensor in tensors:
        name = str(tensor["name"])
        columns[name] = _shaped(name, tensor["shape"], _contents(name, tensor))
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1 or len(columns) != len(tensors):
        reason = "its tensors do not have the same rows"
        raise MalformedError(reason, ", ".join(map(str, sorted(counts))))
    rows: list[Row] = []
    for parts in zip(*columns.values(), strict=True):
        told = dict(zip(columns, parts, strict=True))
        values = [value for part in parts for value in part]
        if names and len(names) == len(values):
            rows.append(dict(zip(names, map(_plain, values), strict=True)))
        else:
            rows.append(_named(told))
    return rows


def _contents(name: str, tensor: Mapping[str, Any]) -> list[Any]:
    told = tensor.get("parameters")
    parameters = told if isinstance(told, Mapping) else {}
    values = tensor.get("data")
    if not isinstance(values, list):
        reason = "a tensor's data is not in the body"
        detail = "binary" if "binary_data_size" in parameters else "no list"
        raise MalformedError(reason, f"{name}: {detail}")
    if parameters.get("content_type") == "base64":
        return [unpacked(str(v)).decode("utf-8", "replace") for v in values]
    return values


def _shaped(name: str, shape: Any, values: Any) -> list[list[Any]]:  # noqa: ANN401
    """Cut flat or nested values into rows along the first axis."""
    reason = "a tensor's shape is not that of its data"
    whole = isinstance(shape, list) and all(
        isinstance(size, int) and not isinstance(size, bool) and size >= 0
        for size in shape
    )
    if not whole or not isinstance(values, list):
        raise MalformedError(reason, name)
    rows = shape[0] if shape else 1
    width = math.prod(shape[1:])
    _bounded(rows)
    if width > MOST_COLUMNS:
        _refuse_width(width)
    nested = bool(values) and isinstance(values[0], list)
    cut = (
        [_flat(value) for value in values]
        if nested
        else [values[i * width : (i + 1) * width] for i in range(rows)]
    )
    fits = len(cut) == rows and all(len(row) == width for row in cut)
    if not fits or (not nested and len(values) != rows * width):
        raise MalformedError(reason, name)
    return cut


def _bounded(rows: int) -> None:
    if rows > MOST_ROWS:
        reason = "it has too many rows"
        raise MalformedError(reason, f"{rows:,} rows, and {MOST_ROWS:,} at most")


def _refuse_width(columns: int) -> None:
    reason = "it has too many columns"
    raise MalformedError(reason, f"{columns:,} columns, and {MOST_COLUMNS:,} at most")
