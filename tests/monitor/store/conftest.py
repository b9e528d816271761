"""A store on a real database of each kind, for every test of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from monitor.store import Store
from tests.postgres import Postgres

KINDS = ["sqlite", "postgresql"]


def told(place: URL) -> str:
    return place.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def handed_on(postgres: Postgres) -> URL:
    """Return a database that tests of the store take over from each other."""
    made = postgres.database()
    Store.open(told(made)).close()
    return made


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a store is that nothing has been written to."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/driftd.db"
    place: URL = request.getfixturevalue("handed_on")
    server: Postgres = request.getfixturevalue("postgres")
    server.empty(place, keep="alembic_version")
    return told(place)


@pytest.fixture(params=KINDS)
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return where a store can be made, and none is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/driftd.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    place = server.database()
    yield told(place)
    server.drop(place)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened
