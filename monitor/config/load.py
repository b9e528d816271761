"""Reading a config: every mistake in it at once, each with file, path and fix."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.config.crossref import dangling
from monitor.config.document import Document, Substituted, parse
from monitor.config.model import Config
from monitor.errors import ConfigError, ConfigErrors
from monitor.problems import Path as Where
from monitor.problems import Problem, dotted, translate

_SECTIONS_OF_PLUGINS = frozenset({"actions", "source", "reference", "store", "privacy"})


def load(path: Path, env: Mapping[str, str]) -> Config:
    """Read a config file; paths in it start from its folder.

    No plugin is imported: what only a plugin or a check can judge is told by `verify`.
    Raises ConfigErrors with everything that is wrong.
    """
    document = parse(_text(path), env)
    told = {"base": path.parent, "file": path, "hash": digest(document.tree)}
    problems = list(document.problems)
    config = None
    if not document.lines:
        if not problems:
            fix = "write one, or let `driftd init` write it."
            problems = [Problem(path=(), message="the config is empty", fix=fix)]
    else:
        try:
            config = Config.model_validate(document.tree, context=told)
        except ValidationError as error:
            problems += translate(error, Config)
        else:
            problems += dangling(config)
    if config is None or problems:
        raise as_errors(path, problems, document)
    return config


def as_errors(
    path: Path, problems: Iterable[Problem], document: Document | None = None
) -> ConfigErrors:
    """Return the problems as errors of a file, in the order of its lines."""

    def line(problem: Problem) -> int:
        return (document.line(problem.path) if document else None) or 0

    errors = []
    seen: set[tuple[Where, str]] = set()
    for problem in sorted(problems, key=line):
        if (problem.path, problem.message) in seen:
            continue
        seen.add((problem.path, problem.message))
        at = f" (line {line(problem)})" if line(problem) and problem.path else ""
        errors.append(
            ConfigError(
                str(path),
                dotted(problem.path),
                problem.message.rstrip(".") + at + ".",
                problem.fix,
            )
        )
    return ConfigErrors(errors)


def digest(tree: object) -> str:
    """Return a digest of a config's tree that holds nothing secret.

    What an environment variable puts into a plugin's options or the store's URL counts
    as it is written; elsewhere it counts with its value.
    """
    canonical = json.dumps(
        _plain(tree, secret=False),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _plain(tree: Any, *, secret: bool) -> Any:  # noqa: ANN401 - any YAML tree
    if isinstance(tree, Mapping):
        return {
            str(k): _plain(v, secret=secret or k in _SECTIONS_OF_PLUGINS)
            for k, v in tree.items()
        }
    if isinstance(tree, list):
        return [_plain(part, secret=secret) for part in tree]
    if isinstance(tree, Substituted):
        return tree.written if secret else str(tree)
    return tree


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        message = "there is no such file."
        fix = "name a config, or let `driftd init` write one."
    except UnicodeDecodeError:
        message, fix = "the file is not UTF-8 text.", "save it as UTF-8."
    except OSError as error:
        message = f"the file cannot be read ({error.strerror})."
        fix = "name a readable file."
    raise ConfigErrors([ConfigError(str(path), "", message, fix)])
