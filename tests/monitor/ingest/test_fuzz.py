"""Whatever is sent, the answer is one that the description of the API names."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from monitor.ingest import Desk, IngestApi, described
from monitor.server import Server
from tests.monitor.ingest.pushed import NOW, config, nothing

EXAMPLES, ADDRESSES = 25, 5


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[schemathesis.BaseSchema]:
    read = config(tmp_path_factory.mktemp("fuzzed"))
    with Desk(read, lambda: NOW) as desk, Server(IngestApi(desk, nothing)) as server:
        told = {
            "openapi": "3.1.0",
            "info": {"title": "driftd", "version": "1"},
            "servers": [{"url": server.url}],
            "paths": described(desk),
        }
        schema = schemathesis.openapi.from_dict(told)
        schema.config.update(base_url=server.url)
        yield schema


def test_every_answer_is_one_that_is_described(api: schemathesis.BaseSchema) -> None:
    asked = 0
    for found in api.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def asking(case: "schemathesis.Case[Any]") -> None:
            # What a time or a number may be, a schema does not tell.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        asking()
        asked += 1
    assert asked == ADDRESSES
