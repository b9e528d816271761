"""What the suite promises of itself: no silent skips, nothing beyond the loopback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SKIPPING = {
    "a test that skips": "import pytest\ndef test_it() -> None: pytest.skip('no tool')",
    "a marked test": (
        "import pytest\n@pytest.mark.skip(reason='no tool')\ndef test_it() -> None: ..."
    ),
    "a module that skips": "import pytest\npytest.importorskip('no_tool')",
}


def run_suite_of(
    folder: Path, text: str, *, forbid: bool
) -> subprocess.CompletedProcess[str]:
    """Run a test file of its own under this suite's rules."""
    file = folder / "test_of_its_own.py"
    file.write_text(text)
    environment = {k: v for k, v in os.environ.items() if k != "DRIFTD_FORBID_SKIPS"}
    if forbid:
        environment["DRIFTD_FORBID_SKIPS"] = "1"
    # Of what is installed beside it only this suite's own plugin is asked.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugin = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "--rootdir", str(folder), str(file)],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("text", SKIPPING.values(), ids=SKIPPING.keys())
def test_a_skip_is_a_failure_where_skips_are_forbidden(
    tmp_path: Path, text: str
) -> None:
    shown = run_suite_of(tmp_path, text, forbid=True)
    assert shown.returncode != 0
    assert "skips are forbidden here" in shown.stdout
    assert "no_tool" in shown.stdout or "no tool" in shown.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    shown = run_suite_of(tmp_path, SKIPPING["a test that skips"], forbid=False)
    assert shown.returncode == 0
    assert "1 skipped" in shown.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail\ndef test_it() -> None: assert 1 == 2"
    assert "1 xfailed" in run_suite_of(tmp_path, text, forbid=True).stdout


def test_nothing_beyond_this_machine_can_be_reached() -> None:
    with pytest.raises(ConnectionRefusedError, match="loopback"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(socket.gaierror, match="do not look up"):
        socket.getaddrinfo("example.org", 80)


def test_this_machine_can_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=1) as client,
    ):
        assert client.getpeername() == server.getsockname()
