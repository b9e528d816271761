"""The key that personal values are hidden with, and which columns it is used on."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, model_validator

from checks.schema import Kind, Role
from monitor.config.document import Substituted
from monitor.config.node import Node
from monitor.config.plugin import base_of
from monitor.privacy import MIN_ROWS
from monitor.problems import Problem, mistake

SHORTEST = 16
"""Characters of a key at least."""
_FROM_OUTSIDE = "write key: ${DRIFTD_PII_KEY}, or key_file: PATH."
_HIDDEN = (Role.FEATURE, Role.SEGMENT, Role.ID)
"""Roles of columns of which nothing but equality is asked."""


class Privacy(Node):
    """What hides personal values: a key that stands nowhere in the config."""

    key: SecretStr
    min_rows: int = Field(MIN_ROWS, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, written: object, info: ValidationInfo) -> object:
        if not isinstance(written, Mapping):
            message = "this is no section with a key"
            raise mistake(message, _FROM_OUTSIDE)
        if "key_file" in written:
            rest = {name: told for name, told in written.items() if name != "key_file"}
            return rest | {"key": _in_file(base_of(info) / str(written["key_file"]))}
        key = written.get("key")
        if key is not None and not isinstance(key, Substituted):
            message = "the key stands in the file"
            raise mistake(message, _FROM_OUTSIDE)
        return written

    @model_validator(mode="after")
    def _long(self) -> "Privacy":
        if len(self.key.get_secret_value()) < SHORTEST:
            message = f"the key has fewer than {SHORTEST} characters"
            raise mistake(message, "make one: openssl rand -hex 32.")
        return self

    @property
    def secret(self) -> bytes:
        """The key itself."""
        return self.key.get_secret_value().encode()


def _in_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        message = f"the key's file {path} cannot be read ({why})"
        raise mistake(message, "write the path of a readable text file.") from None


def unhidable(name: str, role: Role, kind: Kind) -> Iterator[Problem]:
    """Find why a column cannot be hidden: only equality is left of its values."""
    if role not in _HIDDEN or kind is not Kind.CATEGORICAL:
        yield Problem(
            path=("columns", name, "pii"),
            message=f"a {kind.value} {role.value} cannot be hidden: its values count",
            fix="hide ids and categorical features, or leave the column out.",
        )
