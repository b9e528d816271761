"""What holds for the whole suite: no silent skips, no network, one kind of chance."""

import ipaddress
import os
import socket
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

LOOPBACK_NAMES = {"", "localhost", socket.gethostname()}

# "ci" tries the same examples each time, so that a red build is red again at home;
# "dev" tries new ones each time; "soak" tries many.
settings.register_profile("ci", derandomize=True, database=None, deadline=None)
settings.register_profile("dev", deadline=None)
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


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _keep_to_the_loopback(event: str, args: tuple[object, ...]) -> None:
    """Refuse, as a dead network would, whatever leaves this machine."""
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            msg = f"tests reach the loopback only, not {address[0]}"
            raise ConnectionRefusedError(msg)
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if isinstance(host, str) and not _is_loopback(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests do not look up {host}")


# An audit hook sees every library's sockets and needs no patching of ours or theirs.
sys.addaudithook(_keep_to_the_loopback)
