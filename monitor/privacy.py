"""Personal values replaced by pseudonyms, before anything of them is kept.

A pseudonym is a keyed hash (HMAC-SHA-256, cut to 128 bits): equal values have equal
ones, so that categories are still counted, compared and joined, and without the key no
list of guesses leads back. What is a pseudonym already stays as it is: a row that was
sent, kept and read again is hidden once.
"""

import hmac
import re
from dataclasses import dataclass, field
from typing import Any

PREFIX = "pii-"
MIN_ROWS = 10
"""Rows that hold a value which people are told by its pseudonym, at least."""
_PSEUDONYM = re.compile(r"pii-[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Which columns of a model hold personal values, and the key that hides them.

    A pseudonym that fewer than `min_rows` rows hold is shown to nobody.
    """

    columns: frozenset[str]
    key: bytes = field(repr=False)
    min_rows: int = MIN_ROWS

    def pseudonym(self, value: str) -> str:
        """Return what stands for a value.

        >>> people = Personal(columns=frozenset({"email"}), key=b"sixteen or more")
        >>> shown = people.pseudonym("ada@example.org")
        >>> shown == people.pseudonym(shown), len(shown)
        (True, 36)
        """
        if _PSEUDONYM.match(value):
            return value
        return PREFIX + hmac.digest(self.key, value.encode(), "sha256").hex()[:32]

    def shown(self, value: object) -> str | None:
        """Return what stands for a plain value, as `hidden` does in a column."""
        if value is None or isinstance(value, str):
            return value if value is None else self.pseudonym(value)
        if isinstance(value, bool):
            return self.pseudonym("true" if value else "false")
        if isinstance(value, float):
            return self.pseudonym(_number(value) or "")
        return self.pseudonym(str(value))

    def hidden(self, column: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return a column of texts, an array or a chunked one, that tells no value.

        Each different value is hashed once. Whole numbers have one text, be they
        integers or floats; bytes are the texts that they spell.
        """
        import pyarrow as pa  # noqa: PLC0415 - reading a config is light
        import pyarrow.compute as pc  # noqa: PLC0415

        from checks.bytestrings import is_bytes, worded  # noqa: PLC0415

        if isinstance(column, pa.ChunkedArray):
            chunks = [self.hidden(chunk) for chunk in column.chunks]
            return pa.chunked_array(chunks, pa.string())
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if is_bytes(column.type):
            column = worded(column)
        encoded = column.dictionary_encode()
        values = encoded.dictionary
        if pa.types.is_floating(values.type):
            texts = [_number(value) for value in values.to_pylist()]
        elif pa.types.is_nested(values.type):
            texts = [repr(value) for value in values.to_pylist()]
        else:
            texts = pc.cast(values, pa.string()).to_pylist()
        shown = [None if text is None else self.pseudonym(text) for text in texts]
        return pa.array(shown, pa.string()).take(encoded.indices)


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    return str(int(value)) if value.is_integer() else repr(value)
