"""Summaries whose parts add up: counts, arrays of counts, and exact sums."""

from dataclasses import fields
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from checks import codec
from checks.bins import Ints
from checks.errors import ProfileError
from checks.exact import Moments

Part = float | Ints | Moments
Summary = TypeVar("Summary")


class Additive:
    """A frozen dataclass of parts, which adds up and has a stored form."""

    __slots__ = ()

    stored_as: ClassVar[str]
    """What its stored form calls it."""

    def merge(self, other: Self) -> Self:
        """Return the summary of both sets of rows together.

        Raises ProfileError for a summary of another kind.
        """
        return merge(self, other)

    def to_bytes(self) -> bytes:
        """Write the summary in driftd's one format."""
        header: dict[str, Any] = {}
        arrays = {}
        for name, part in parts(self).items():
            if isinstance(part, np.ndarray):
                arrays[name] = part
            else:
                header[name] = part.to_json() if isinstance(part, Moments) else part
        return codec.pack(self.stored_as, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises ProfileError when the data is truncated, newer or of another kind.
        """
        header, arrays = codec.unpack(cls.stored_as, data)
        plain = {
            name: Moments.from_json(part) if isinstance(part, list) else part
            for name, part in header.items()
        }
        return cls(**plain, **arrays)

    @property
    def hash(self) -> str:
        """The name that the content gives itself."""
        return codec.digest(self.to_bytes())


def frozen(counts: Ints) -> Ints:
    """Return the counts, closed for writing."""
    counts.flags.writeable = False
    return counts


def parts(summary: Any) -> dict[str, Part]:  # noqa: ANN401 - any dataclass of parts
    """Return the parts of a summary by name, in the order of their declaration."""
    return {part.name: getattr(summary, part.name) for part in fields(summary)}


def merge(mine: Summary, theirs: Summary) -> Summary:
    """Add two summaries of one kind, part by part.

    Raises ProfileError when they are of two kinds.
    """
    if type(mine) is not type(theirs):
        msg = f"{type(mine).__name__} cannot be merged with {type(theirs).__name__}"
        raise ProfileError(msg)
    other = parts(theirs)
    added = {name: _plus(part, other[name]) for name, part in parts(mine).items()}
    return type(mine)(**added)


def _plus(mine: Part, theirs: Any) -> Part:  # noqa: ANN401 - of the type of `mine`
    if isinstance(mine, Moments):
        return mine.merge(theirs)
    if isinstance(mine, np.ndarray):
        return frozen(mine + theirs)
    added = mine + theirs
    return added if isinstance(added, float) else int(added)
