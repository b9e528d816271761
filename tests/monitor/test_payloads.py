"""Bodies of inference servers, in every form that they publish, and bodies of none."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import payloads
from monitor.errors import MalformedError
from monitor.payloads import (
    Names,
    csv_rows,
    decoded,
    joined,
    request_rows,
    response_rows,
    unpacked,
)

IRIS = Names(features=("length", "width"), outputs=("species",))


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"instances": [[6.8, 2.8], [6.0, 3.4]]}, [(6.8, 2.8), (6.0, 3.4)]),
        ({"instances": [{"length": 6.8, "width": 2.8}]}, [(6.8, 2.8)]),
        (
            {"inputs": {"length": [6.8, 6.0], "width": [2.8, 3.4]}},
            [(6.8, 2.8), (6, 3.4)],
        ),
        ({"inputs": [[6.8, 2.8]]}, [(6.8, 2.8)]),
        (
            {"dataframe_split": {"columns": ["length", "width"], "data": [[6.8, 2.8]]}},
            [(6.8, 2.8)],
        ),
        ({"dataframe_records": [{"length": 6.8, "width": 2.8}]}, [(6.8, 2.8)]),
        (
            {"data": {"names": ["length", "width"], "ndarray": [[6.8, 2.8]]}},
            [(6.8, 2.8)],
        ),
        ({"data": {"tensor": {"shape": [1, 2], "values": [6.8, 2.8]}}}, [(6.8, 2.8)]),
        ({"jsonData": {"length": 6.8, "width": 2.8}}, [(6.8, 2.8)]),
        (
            {
                "id": "x",
                "inputs": [
                    {
                        "name": "input-0",
                        "shape": [2, 2],
                        "datatype": "FP32",
                        "data": [6.8, 2.8, 6.0, 3.4],
                    }
                ],
            },
            [(6.8, 2.8), (6.0, 3.4)],
        ),
        (
            {
                "inputs": [
                    {
                        "name": "input-0",
                        "shape": [2, 2],
                        "datatype": "FP32",
                        "data": [[6.8, 2.8], [6.0, 3.4]],
                    }
                ]
            },
            [(6.8, 2.8), (6.0, 3.4)],
        ),
        (
            {
                "inputs": [
                    {
                        "name": "length",
                        "shape": [2],
                        "datatype": "FP32",
                        "data": [6, 7],
                    },
                    {
                        "name": "width",
                        "shape": [2, 1],
                        "datatype": "FP32",
                        "data": [2, 3],
                    },
                ]
            },
            [(6, 2), (7, 3)],
        ),
    ],
)
def test_a_request_is_read_in_every_published_form(
    body: dict[str, Any], rows: list[tuple[float, float]]
) -> None:
    found = request_rows(body, IRIS)
    assert found == [{"length": a, "width": b} for a, b in rows]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"predictions": [1, 0]}, [{"prediction": 1}, {"prediction": 0}]),
        ({"predictions": [[0.2, 0.8]]}, [{"prediction_0": 0.2, "prediction_1": 0.8}]),
        ({"predictions": [{"p": 0.2}]}, [{"p": 0.2}]),
        ({"predictions": {"p": [0.2, 0.3]}}, [{"p": 0.2}, {"p": 0.3}]),
        (
            {"outputs": [{"name": "predict", "shape": [2], "data": [1, 0]}]},
            [{"predict": 1}, {"predict": 0}],
        ),
        (
            {"data": {"names": ["t:0", "t:1"], "ndarray": [[0.25, 0.75]]}, "meta": {}},
            [{"t:0": 0.25, "t:1": 0.75}],
        ),
        ([0.5], [{"prediction": 0.5}]),
    ],
)
def test_a_response_names_its_answers(body: Any, rows: list[dict[str, Any]]) -> None:
    assert response_rows(body) == rows


def test_names_that_are_given_replace_those_of_one_tensor() -> None:
    body = {"outputs": [{"name": "output-0", "shape": [1, 1], "data": [0.7]}]}
    assert response_rows(body, IRIS) == [{"species": 0.7}]


def test_what_is_nested_becomes_columns_of_its_own() -> None:
    body = {"instances": [{"user": {"age": 3, "tags": ["a", "b"]}, "x": [1.5]}]}
    assert request_rows(body) == [
        {"user.age": 3, "user.tags_0": "a", "user.tags_1": "b", "x": 1.5}
    ]


def test_texts_of_a_tensor_in_base64_are_unpacked() -> None:
    packed = base64.b64encode("Zürich".encode()).decode()
    tensor = {
        "name": "city",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [packed],
    }
    assert request_rows({"inputs": [tensor]}) == [{"city": "Zürich"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"question": "?"}, "none of the keys"),
        ("text", "no inference body"),
        (None, "no inference body"),
        ({"instances": [[1, 2, 3]]}, "another number of values"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "different lengths"),
        ({"dataframe_split": {"data": []}}, "no columns and data"),
        ({"dataframe_split": []}, "no columns and data"),
        ({"data": {"names": ["a"]}}, "neither ndarray nor tensor"),
        ({"data": 3}, "its data is no object"),
        ({"inputs": [{"name": "a", "shape": [2], "data": [1]}]}, "shape"),
        ({"inputs": [{"name": "a", "shape": "2", "data": [1]}]}, "shape"),
        ({"inputs": [{"name": "a", "shape": [-1, -1], "data": [1]}]}, "shape"),
        ({"inputs": [{"name": "a", "shape": [2, 2], "data": [[1], [2]]}]}, "shape"),
        (
            {
                "inputs": [
                    {"name": "a", "shape": [1], "data": [1]},
                    {"name": "b", "shape": [2], "data": [1, 2]},
                ]
            },
            "same rows",
        ),
        (
            {
                "inputs": [
                    {"name": "a", "shape": [1], "parameters": {"binary_data_size": 4}}
                ]
            },
            "not in the body",
        ),
        ({"inputs": [{"name": "a", "shape": [0, 10**9], "data": []}]}, "many columns"),
        ({"inputs": [{"name": "a", "shape": [10**9], "data": []}]}, "many rows"),
        ({"instances": [0] * 100_001}, "many rows"),
        ({"instances": [[[0] * 10_001]]}, "many columns"),
        ({"instances": [{str(i): 0 for i in range(10_001)}]}, "many columns"),
    ],
)
def test_a_body_of_another_form_is_malformed(body: Any, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        request_rows(body, IRIS if "another" in reason else payloads.NO_NAMES)


def test_json_as_python_writes_it_is_read() -> None:
    assert decoded(b'{"x": NaN, "y": -Infinity, "z": 1}') == {
        "x": None,
        "y": None,
        "z": 1,
    }


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"x": ', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"x": NaN', "not JSON"),
        (b"", "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b" " * (payloads.LARGEST + 1), "too large"),
    ],
)
def test_what_is_not_json_or_a_bomb_is_malformed(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        decoded(body)


def test_csv_that_is_broken_is_malformed() -> None:
    with pytest.raises(MalformedError, match="not CSV"):
        csv_rows('1,"a\n', ["x", "y"], "feature")


def test_what_is_not_base64_is_malformed() -> None:
    with pytest.raises(MalformedError, match="Base64"):
        unpacked("***")


def test_each_row_of_a_call_has_an_id_of_its_own() -> None:
    asked, answered = [{"x": 1}, {"x": 2}], [{"p": 0}, {"p": 1}]
    rows = joined(asked, answered, "7f", "id")
    assert [row["id"] for row in rows] == ["7f#0", "7f#1"]
    assert joined(asked, None, "7f", "id") == [
        {"id": "7f#0", "x": 1},
        {"id": "7f#1", "x": 2},
    ]


def test_answers_that_are_not_those_of_the_rows_are_malformed() -> None:
    with pytest.raises(MalformedError, match="1 answers to 2 rows"):
        joined([{"x": 1}, {"x": 2}], [{"p": 0}], "7f", "id")


@pytest.mark.parametrize("answer", [{"x": 0}, {"id": 0}])
def test_one_name_for_two_columns_is_malformed(answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="stands twice"):
        joined([{"x": 1}], [answer], "7f", "id")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("instances", "inputs", "outputs", "predictions", "data", "name"),
                    *("shape", "tensor", "values", "ndarray", "names", "columns"),
                    *("dataframe_split", "dataframe_records", "parameters"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_body_at_all_does_more_than_be_malformed(body: Any) -> None:
    for read in (request_rows, response_rows):
        try:
            rows = read(decoded(json.dumps(body)), IRIS)
        except MalformedError:
            continue
        for row in rows:
            assert all(
                value is None or isinstance(value, str | int | float | bool)
                for value in row.values()
            )
