"""What holds for the whole suite: no silent skips, no network, one kind of chance."""

import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

LOOPBACK_NAMES = {"", "localhost", socket.gethostname()}

# "ci" tries the same examples each time, so that a red build is red again at home;
# "dev" tries new ones each time; "soak" tries many.
settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, max_examples=40
)
settings.register_profile("dev", deadline=None, max_examples=40)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=5_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(
    os.environ.get("DRIFTD_HYPOTHESIS", "ci" if os.environ.get("CI") else "dev")
)


class SkipsAreFailures:
    """A plugin for CI: a test that cannot run where it was asked to has failed.

    It is registered rather than left to this file's hooks, which would not be asked
    about the doctests of `checks` and `monitor`.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn a skipped test into a failed one; an expected failure stays one."""
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"skips are forbidden here: {_why(report)}"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn a module that skipped itself into a failed one."""
        report = yield
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"skips are forbidden here: {_why(report)}"
        return report


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Say what a report says of its skip."""
    where = report.longrepr
    return str(where[2]) if isinstance(where, tuple) else str(where)


def pytest_configure(config: pytest.Config) -> None:
    """Forbid skips where the environment says so."""
    if os.environ.get("DRIFTD_FORBID_SKIPS"):
        config.pluginmanager.register(SkipsAreFailures(), "skips-are-failures")


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read a host as a numeric address; None when it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _keep_to_the_loopback(event: str, args: tuple[object, ...]) -> None:
    """Refuse, as a dead network would, whatever leaves this machine."""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
        number = _number(host)
        here = number is not None and (number.is_loopback or number.is_unspecified)
        if not here and host not in LOOPBACK_NAMES:
            msg = f"tests reach the loopback only, not {host}"
            raise ConnectionRefusedError(msg)
    elif event == "socket.getaddrinfo" and args[0] is not None:
        host = args[0].decode() if isinstance(args[0], bytes) else str(args[0])
        if host not in LOOPBACK_NAMES and _number(host) is None:
            raise socket.gaierror(socket.EAI_NONAME, f"tests do not look up {host}")


# An audit hook sees every library's sockets and needs no patching of ours or theirs.
sys.addaudithook(_keep_to_the_loopback)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """Return a real PostgreSQL that ends with the session."""
    from tests.postgres import Postgres  # noqa: PLC0415 - loaded where it is asked for

    # Its user has to get in, wherever the session's own folder is.
    with tempfile.TemporaryDirectory(prefix="driftd-postgres-") as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the object stores of this machine; what is started ends with it."""
    from tests.stores import Stores  # noqa: PLC0415 - loaded where it is asked for

    with ExitStack() as until:
        yield Stores(tmp_path_factory.mktemp("stores"), until)


@pytest.fixture(autouse=True)
def _the_log_is_left_as_it_was() -> Generator[None]:
    """Take away what a command has set up: the next test has its own log."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    known, words = structlog.is_configured(), structlog.get_config()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    if known:
        structlog.configure(**words)
    else:
        structlog.reset_defaults()
