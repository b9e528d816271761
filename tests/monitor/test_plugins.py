"""The registry of plugins: discovery, names, and options."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from monitor.errors import PluginError
from monitor.plugins import Options, Registry, checked, secret_keys
from monitor.problems import dotted

PLUGIN = """\
from monitor.plugins import Options
from zoo import ANIMALS

@ANIMALS.register("{name}")
class {name}:
    class Options(Options):
        legs: int = 4
"""


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Any]]:
    """A package of plugins, in files of their own."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from monitor.plugins import Registry\nANIMALS = Registry('animal', 'zoo')\n"
    )
    for name in ("cat", "dog"):
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("zoo").ANIMALS
    for name in [m for m in sys.modules if m.partition(".")[0] == "zoo"]:
        del sys.modules[name]


def test_plugins_are_found_in_the_files_of_their_package(zoo: Registry[Any]) -> None:
    assert zoo.names() == ("cat", "dog")
    assert zoo.get("cat").__name__ == "cat"


def test_a_new_file_is_a_new_plugin_and_edits_no_list(
    zoo: Registry[Any], tmp_path: Path
) -> None:
    (tmp_path / "zoo/emu.py").write_text(PLUGIN.format(name="emu"))
    importlib.invalidate_caches()
    assert zoo.names() == ("cat", "dog", "emu")


def test_nothing_is_imported_before_the_first_question(zoo: Registry[Any]) -> None:
    assert "zoo.cat" not in sys.modules
    zoo.names()
    assert "zoo.cat" in sys.modules


def test_a_name_that_is_not_there_is_told_with_those_that_are(
    zoo: Registry[Any],
) -> None:
    with pytest.raises(PluginError) as caught:
        zoo.get("cut")
    assert str(caught.value) == (
        "there is no animal 'cut'; did you mean `cat`? The animals are: cat, dog."
    )


def test_a_name_belongs_to_one_class(zoo: Registry[Any]) -> None:
    class Impostor:
        class Options(Options):
            """None."""

    zoo.names()
    with pytest.raises(ValueError, match="'cat' is registered twice"):
        zoo.register("cat")(Impostor)


def test_a_class_without_options_is_no_plugin(zoo: Registry[Any]) -> None:
    class Bare:
        pass

    with pytest.raises(TypeError, match="has no Options"):
        zoo.register("bare")(Bare)


class Hook(Options):
    """Options with everything."""

    url: str
    token: SecretStr | None = None
    keys: tuple[SecretStr, ...] = ()
    tries: int = 3


def test_all_that_is_wrong_with_options_is_told_and_no_secret() -> None:
    written = {"tokn": "canary", "token": 7, "tries": "many"}
    options, problems = checked(Hook, written)
    assert options is None
    told = {dotted(p.path): (p.message, p.fix) for p in problems}
    assert told == {
        "url": ("this key is required", "add `url:`."),
        "token": ("the value is not a text", ""),
        "tries": ("'many' is not a whole number", ""),
        "tokn": (
            "there is no key `tokn`",
            "did you mean `token`? The keys here are: keys, token, tries, url.",
        ),
    }


def test_keys_that_hold_secrets_are_known() -> None:
    assert secret_keys(Hook) == {"token", "keys"}
