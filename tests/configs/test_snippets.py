"""The YAML in the pages on alerts and retraining is what driftd takes."""

import re
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from monitor.actions.base import ACTIONS
from monitor.config import load, verify
from monitor.shipped import configs
from monitor.sources.base import SOURCES
from tests.configs.test_examples import environment

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("alerts.md", "retraining.md")
FENCED = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def snippets() -> list[tuple[str, str]]:
    """Return each page's pieces of YAML, with where they stand."""
    found = []
    for page in PAGES:
        text = (DOCS / page).read_text("utf-8")
        for match in FENCED.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{page}:{line}", match[1]))
    return found


@pytest.mark.parametrize(
    "text", [text for _, text in snippets()], ids=[where for where, _ in snippets()]
)
def test_a_snippet_is_valid_in_a_config(text: str, tmp_path: Path) -> None:
    minimal = (configs() / "minimal.yaml").read_text("utf-8")
    if text.startswith("monitors:"):
        model, _, _ = minimal.partition("    monitors:")
        minimal, text = model, indent(text, "    ")
    else:
        assert text.startswith("actions:")
    file = tmp_path / "driftd.yaml"
    file.write_text(f"{minimal}\n{text}")

    config = load(file, environment(file))

    verify(config, sources=SOURCES, actions=ACTIONS)


def test_every_action_has_a_snippet_on_one_of_the_pages() -> None:
    trees = [yaml.safe_load(text).get("actions", {}) for _, text in snippets()]
    assert set(ACTIONS.names()) == {
        one["type"] for tree in trees for one in tree.values()
    }
