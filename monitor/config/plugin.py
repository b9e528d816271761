"""A source's or action's section: its type, and options that only the plugin knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from monitor.config.document import Substituted
from monitor.errors import PluginError
from monitor.plugins import Options, Registry, checked, secret_keys
from monitor.privacy import Personal
from monitor.problems import Problem, dotted, mistake

P = TypeVar("P")

_FILE = "_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A section with a `type`; `base` is the folder its relative paths start from."""

    type: str
    options: Mapping[str, Any] = field(repr=False)
    base: Path = Path()
    personal: Personal | None = field(default=None, repr=False)
    """The columns of a source that nothing may be told of as they are."""


def base_of(info: ValidationInfo) -> Path:
    """Return the folder that a config's relative paths start from."""
    return Path((info.context or {}).get("base", "."))


def _section(written: object, info: ValidationInfo) -> Plugin:
    if isinstance(written, Plugin):
        return written
    if not isinstance(written, Mapping):
        message, fix = "this is not a section", "write `type:` and the type's options."
        raise mistake(message, fix)
    kind = written.get("type")
    if not isinstance(kind, str):
        message, fix = "there is no `type`", "add for example `type: parquet`."
        raise mistake(message, fix)
    options = {key: value for key, value in written.items() if key != "type"}
    return Plugin(type=str(kind), options=options, base=base_of(info))


PluginSection = Annotated[
    Plugin,
    PlainValidator(_section),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"type": {"type": "string"}},
            "required": ["type"],
        }
    ),
]
"""A plugin as a config writes it."""


FED = ("ingest", "kafka")
"""Sources whose rows the daemon takes in by itself, into a folder of theirs."""


def with_folders(models: object) -> object:
    """Let what is sent to the daemon lie beside the config, where nothing is said."""
    if not isinstance(models, Mapping):
        return models
    return {name: _with_folder(m, f"ingest/{name}") for name, m in models.items()}


def _with_folder(model: object, folder: str) -> object:
    if not isinstance(model, Mapping):
        return model
    labels = model.get("labels")
    put = {"source": _in_folder(model.get("source"), f"{folder}/predictions")}
    if isinstance(labels, Mapping):
        source = _in_folder(labels.get("source"), f"{folder}/labels")
        put["labels"] = {**labels, "source": source}
    return {**model, **{key: put[key] for key in put.keys() & model.keys()}}


def _in_folder(section: object, folder: str) -> object:
    if isinstance(section, Mapping) and section.get("type") in FED:
        return {"path": folder, **section}
    return section


def resolve(
    plugin: Plugin, registry: Registry[P], *, literal_secrets: bool = True
) -> tuple[Options | None, list[Problem]]:
    """Return a plugin's options with its secret files read, or what is wrong with them.

    Without `literal_secrets` a secret that stands in the config itself is a mistake.
    """
    try:
        model = registry.options_type(plugin.type)
    except PluginError as error:
        return None, [Problem(path=("type",), message=str(error))]
    secrets = secret_keys(model)
    written, problems = _with_secret_files(plugin, secrets)
    options, wrong = checked(model, written)
    problems += wrong
    if not literal_secrets:
        problems += _literals(plugin, secrets)
    return (None if problems else options), problems


def options_of(plugin: Plugin, registry: Registry[P]) -> Options:
    """Return a plugin's options; PluginError says all that is wrong with them."""
    options, problems = resolve(plugin, registry)
    if options is None:
        told = "; ".join(
            f"{dotted(p.path)}: {p.message}. {p.fix}".strip() for p in problems
        )
        msg = f"{registry.noun} {plugin.type!r}: {told}"
        raise PluginError(msg)
    return options


def _with_secret_files(
    plugin: Plugin, secrets: frozenset[str]
) -> tuple[dict[str, Any], list[Problem]]:
    """Read `token_file: PATH` into `token`, for each key that holds a secret."""
    options: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in plugin.options.items():
        stem = key.removesuffix(_FILE)
        if stem == key or stem not in secrets:
            options[key] = value
            continue
        path = plugin.base / str(value)
        if stem in plugin.options:
            message = f"`{stem}` and `{key}` are both set"
            problems.append(Problem(path=(key,), message=message, fix="keep one."))
            continue
        try:
            options[stem] = Substituted(path.read_text("utf-8").strip(), written=key)
        except (OSError, UnicodeDecodeError) as error:
            message = f"the secret's file {path} cannot be read ({_why(error)})"
            fix = "write the path of a readable text file."
            problems.append(Problem(path=(key,), message=message, fix=fix))
            options[stem] = Substituted("unread", written=key)
    return options, problems


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is not UTF-8"


def _literals(plugin: Plugin, secrets: frozenset[str]) -> list[Problem]:
    """Find secrets that were typed into the config."""
    return [
        Problem(
            path=(key,),
            message="a secret stands in the file",
            fix=f"write ${{NAME}} for an environment variable, or {key}{_FILE}: PATH.",
        )
        for key in sorted(secrets & plugin.options.keys())
        if not _is_reference(plugin.options[key])
    ]


def _is_reference(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_reference(part) for part in value)
    return value is None or isinstance(value, Substituted)
