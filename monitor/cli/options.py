"""What several commands let a user choose."""

from enum import StrEnum


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class Written(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
