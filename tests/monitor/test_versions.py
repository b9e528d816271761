"""The version of a model, as deployments write it, whole or not."""

from pathlib import Path

import pytest

from monitor.config import Version
from monitor.errors import SourceError
from monitor.versions import current_version


def version(folder: Path, text: str) -> str:
    """Return the version that a file with this text names."""
    file = folder / "current.json"
    file.write_text(text)
    return current_version(Version(file=file))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"version": "v7", "by": "ci"}', "v7"),
        ('{"version": 7}', "7"),
        ('{"version": 1.10}', "1.10"),
        ("7\n", "7"),
        ("1.10\n", "1.10"),
        ("007", "007"),
        ("2026-10-01", "2026-10-01"),
        ('"v7"', "v7"),
    ],
)
def test_a_version_is_what_is_written_letter_for_letter(
    tmp_path: Path, text: str, named: str
) -> None:
    assert version(tmp_path, text) == named


@pytest.mark.parametrize("text", ["", "{", '{"version": "v', '"v7', "[1", "{}\n{}"])
def test_a_file_that_is_half_written_names_no_version(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(SourceError, match=r"current\.json: "):
        version(tmp_path, text)


@pytest.mark.parametrize("text", ["{}", '{"version": null}', "null", "true", "[1]"])
def test_what_is_no_version_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"current\.json: "):
        version(tmp_path, text)
