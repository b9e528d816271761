"""Which version of a model is in production: written down, or told by a file."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationInfo, WithJsonSchema, model_validator

from monitor.config.node import Node
from monitor.config.plugin import base_of
from monitor.config.scalars import Text
from monitor.problems import mistake


class Version(Node):
    """A model's version: a fixed one, or a key in a file that deployment writes."""

    value: Text | None = None
    file: Path | None = None
    key: str = "version"
    deploying: str | None = None
    """A key of the file that is true while a version is being deployed."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        return written if isinstance(written, Mapping) else {"value": written}

    @model_validator(mode="after")
    def _one_of_both(self, info: ValidationInfo) -> "Version":
        if (self.value is None) is (self.file is None):
            fix = 'write version: "1", or version: {file: PATH, key: version}.'
            message = "a version is a text, or stands in a file"
            raise mistake(message, fix)
        if self.file is not None:
            object.__setattr__(self, "file", base_of(info) / self.file)
        return self


VERSION_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": ["string", "integer"]},
            {
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "key": {"type": "string"},
                    "deploying": {"type": "string"},
                },
                "required": ["file"],
            },
        ]
    }
)
