"""`driftd replay`: differences as a scenario writes them, mistakes with their place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import yaml

from monitor.cli import main

CONFIG = Path(__file__).parents[2] / "timelines" / "driftd.yaml"

STORY = """
about: A column fails.
model: churn
windows:
  - says: {wasserstein(amount): FAIL}
    sent: {to: team, reason: first}
  - says: PASS
    sent: {to: team, reason: resolved}
"""


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the log as it was, and have room for a table."""
    monkeypatch.setenv("COLUMNS", "200")
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def replayed(folder: Path, story: str, *options: str) -> int:
    file = folder / "story.yaml"
    file.write_text(story)
    return main(["replay", str(CONFIG), "--expect", str(file), *options])


@pytest.mark.parametrize("options", [[], ["--restart"]])
def test_what_came_as_expected_is_shown_row_by_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert replayed(tmp_path, STORY, *options) == 0
    out = capsys.readouterr().out
    assert "2026-03-02: wasserstein(amount) FAIL" in out
    assert "team: first, firing wasserstein(amount)" in out
    assert out.endswith("as expected\n")


def test_what_did_not_is_shown_as_a_scenario_would_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = STORY.replace("    sent: {to: team, reason: first}\n", "    pending: 1\n")
    assert replayed(tmp_path, story) == 1
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("step 1 is not as expected")
    came = lines[at + 2].removeprefix("  + ")
    assert lines[at + 1] == "  - sent: []"
    assert yaml.safe_load(came) == {
        "sent": [
            {
                "to": "team",
                "reason": "first",
                "firing": ["wasserstein(amount)"],
                "at": yaml.safe_load("2026-03-03T01:00:00Z"),
            }
        ]
    }
    assert lines[at + 3 : at + 5] == ["  - pending: 1", "  + pending: []"]
    # What came, written where nothing was expected, is as expected.
    story = story.replace("    pending: 1\n", f"    {came}\n")
    assert replayed(tmp_path, story) == 0


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "model: churn",
            "model: chrun",
            "model: the config has no model 'chrun' (line",
        ),
        ("model: churn\n", "", "say which with model: NAME"),
        ("wasserstein(amount)", "waserstein(amount)", "did you mean `wasserstein(amou"),
        (
            "says: PASS",
            "say: PASS",
            "there is no key `say` (line 7). Fix: did you mean",
        ),
        ("says: PASS", "says: FINE", "'FINE' is not"),
        ("says: PASS", "skip: 2", "2 is not a duration"),
        ("says: PASS", "do: {approve: careful}", "no retraining by 'careful' was aske"),
        (
            "says: PASS",
            "do: {acknowledge: missing(age)}",
            "no incident 'missing(age)' is",
        ),
        ("says: PASS", "do: {silence: {}}", "a silence has an end"),
        ("says: PASS", "do: {deploy: '2', as: noise}", "`as` belongs to `acknowledge`"),
        ("says: PASS", "do: {approve: a, decline: b}", "a step does exactly one thing"),
        ("to: team, reason: res", "to: taem, reason: res", "no action 'taem'"),
        ("windows:", "start: 2026-03-02T05:00:00Z\nwindows:", "no window begins then"),
        ("windows:", "with: {for: 0}\nwindows:", "with.for"),
        ("windows:", "with: {actions: [taem]}\nwindows:", "with.actions[0]"),
        ("windows:", "windows:\n  - do: {deploy: '2'}", "let a window come first"),
    ],
)
def test_a_scenario_that_cannot_be_told_is_a_mistake_with_its_place_and_fix(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    why: str,
) -> None:
    assert replayed(tmp_path, STORY.replace(old, new)) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "story.yaml: " in said


def test_a_scenario_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.yaml")
    assert main(["replay", str(CONFIG), "--expect", missing]) == 2
    assert "it cannot be read" in capsys.readouterr().err
