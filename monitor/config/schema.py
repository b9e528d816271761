"""The JSON Schema of a config, for editors."""

from typing import Any

from monitor.config.model import Config
from monitor.plugins import Registry

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(
    *, sources: Registry[Any] | None = None, actions: Registry[Any] | None = None
) -> dict[str, Any]:
    """Return the JSON Schema of a config; with registries, of its plugins' options too.

    A config names it in a first line `# yaml-language-server: $schema=driftd.json`.
    """
    schema = Config.model_json_schema()
    schema["$schema"] = _DIALECT
    schema["title"] = "driftd"
    definitions = schema["$defs"]
    if actions is not None:
        schema["properties"]["actions"]["additionalProperties"] = _one_of(actions)
    if sources is not None:
        for owner, key in (
            ("Model", "reference"),
            ("Model", "source"),
            ("Labels", "source"),
            ("Recomputed", "source"),
        ):
            definitions[owner]["properties"][key] = _one_of(sources)
    return schema


def _one_of(registry: Registry[Any]) -> dict[str, Any]:
    return {"anyOf": [_section(registry, name) for name in registry.names()]}


def _section(registry: Registry[Any], name: str) -> dict[str, Any]:
    options = registry.options_type(name).model_json_schema()
    properties = options.get("properties", {})
    secrets = [key for key, value in properties.items() if "password" in repr(value)]
    files = {f"{key}_file": {"type": "string"} for key in secrets}
    options["properties"] = {"type": {"const": name}, **properties, **files}
    required = set(options.get("required", ())) - set(secrets)
    options["required"] = ["type", *sorted(required)]
    return options
