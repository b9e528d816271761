"""YAML as configs are written in it: a tree of plain values, and the line of each.

It is YAML 1.2's core schema: `on`, `yes` and `2013-04-01` are texts, `1e-6` is a
number. A key is always a text, a key that stands twice is a mistake, and `${NAME}` or
`${NAME:-default}` is replaced by an environment variable (`$$` is a `$`).
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from monitor.problems import Path, Problem

_MOST_VALUES = 100_000
"""A config is smaller; aliases of aliases can unfold to more than a machine holds."""

_DEEPEST = 50
"""A config is flatter; an anchor that holds its own alias has no bottom."""

_VARIABLE = re.compile(r"\$\$|\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?")

_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")


class Substituted(str):
    """A text with an environment variable in it; its repr shows what was written.

    >>> token = Substituted("xoxb-1", written="${TOKEN}")
    >>> token == "xoxb-1", token
    (True, '${TOKEN}')
    """

    __slots__ = ("written",)

    written: str

    def __new__(cls, value: str, *, written: str) -> Self:
        """Keep the text that stands in the file beside its value."""
        self = super().__new__(cls, value)
        self.written = written
        return self

    def __repr__(self) -> str:
        return repr(self.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a config file says: its tree, where each part stands, and what is wrong."""

    tree: Any
    lines: Mapping[Path, int]
    problems: tuple[Problem, ...]

    def line(self, path: Path) -> int | None:
        """Return the line a path stands on, or that of the nearest part above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def parse(text: str, env: Mapping[str, str]) -> Document:
    """Read a config's text; what cannot be read is among the problems."""
    reading = _Reading(env)
    try:
        node = _composed(text)
        tree = None if node is None else reading.value(node, ())
    except (yaml.YAMLError, RecursionError) as error:
        problem = Problem(path=(), message=_not_yaml(error), fix="correct the YAML.")
        return Document(tree=None, lines={}, problems=(problem,))
    return Document(tree=tree, lines=reading.lines, problems=tuple(reading.problems))


def _composed(text: str) -> yaml.Node | None:
    """Read YAML; libyaml, where it is there, scans it many times as quick."""
    if _FAST is not None:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_FAST)
        # What is wrong is told in the same words everywhere.
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _fast_loader() -> type[Any] | None:
    """Return a loader on libyaml; nodes are nested by Python, which knows its depth."""
    scanner: Any = getattr(yaml, "cyaml", None)
    if scanner is None:
        return None

    class Loader(Composer, scanner.CParser, Resolver):  # type: ignore[misc]
        def __init__(self, stream: str) -> None:
            scanner.CParser.__init__(self, stream)
            Composer.__init__(self)
            Resolver.__init__(self)

    return Loader


_FAST = _fast_loader()


def scalar(text: str) -> str | int | float | bool | None:
    """Return what a plain text means in YAML.

    >>> [scalar(t) for t in ("0.2", "1e-6", "007", "true", "on", "~")]
    [0.2, 1e-06, 7, True, 'on', None]
    """
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _BOOL.match(text):
        return text[0] in "tT"
    return None if _NULL.match(text) else text


@dataclass(slots=True)
class _Reading:
    """One walk over a composed document."""

    env: Mapping[str, str]
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0

    def value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - a YAML value
        """Return a node's value and note where it stands."""
        self.values += 1
        self.lines.setdefault(path, node.start_mark.line + 1)
        if self.values > _MOST_VALUES or len(path) > _DEEPEST:
            self._unfolds(path)
            return None
        if isinstance(node, yaml.ScalarNode):
            if "$" in node.value:
                return self._substituted(node.value, path)
            return node.value if node.style else scalar(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(n, (*path, i)) for i, n in enumerate(node.value)]
        return self._mapping(node, path)

    def _unfolds(self, path: Path) -> None:
        message = "the file's aliases unfold to too much"
        if all(problem.message != message for problem in self.problems):
            self._wrong(path[:3], message, "write the values out.")

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(path, "a key is a list or a mapping", "write a text.")
            elif key_node.value == "<<" and not key_node.style:
                merged.update(self._merged(value_node, path))
            elif key_node.value in own:
                line = key_node.start_mark.line + 1
                self._wrong(
                    (*path, key_node.value),
                    f"the key stands twice, again on line {line}",
                    "keep one.",
                )
            else:
                here = (*path, key_node.value)
                self.lines[here] = key_node.start_mark.line + 1
                own[key_node.value] = self.value(value_node, here)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """Return the keys that `<<: *anchor` brings in."""
        value = self.value(node, path)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            self._wrong(path, "`<<` brings in no mapping", "name an anchor of one.")
            return {}
        return {k: v for part in reversed(parts) for k, v in part.items()}

    def _substituted(self, text: str, path: Path) -> str:
        """Put environment variables in."""

        def put(match: re.Match[str]) -> str:
            name, default = match.groups()
            if match.group() == "$$":
                return "$"
            if name is None:
                self._wrong(path, f"{text!r} has a `${{` that names nothing", _DOLLAR)
                return ""
            if default is not None:
                return self.env.get(name) or str(default)
            if name not in self.env:
                fix = f"set it, or write ${{{name}:-default}}."
                self._wrong(path, f"the environment variable {name} is not set", fix)
            return self.env.get(name, "")

        value = _VARIABLE.sub(put, text)
        plain = all(match.group() == "$$" for match in _VARIABLE.finditer(text))
        return value if plain else Substituted(value, written=text)

    def _wrong(self, path: Path, message: str, fix: str) -> None:
        self.problems.append(Problem(path=path, message=message, fix=fix))


_DOLLAR = "write ${NAME}, ${NAME:-default}, or $$ for a dollar."


def _not_yaml(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or "unreadable"
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"this is not YAML: {said}{where}"
