"""Summaries whose parts add up: counts, arrays of counts, and exact sums."""

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from checks import codec
from checks.bins import Ints
from checks.errors import ProfileError
from checks.exact import Moments

Part = float | Ints | Moments
Summary = TypeVar("Summary")


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


def write(kind: str, summary: object) -> bytes:
    """Write a summary in driftd's one format."""
    header: dict[str, Any] = {}
    arrays = {}
    for name, part in parts(summary).items():
        if isinstance(part, np.ndarray):
            arrays[name] = part
        else:
            header[name] = part.to_json() if isinstance(part, Moments) else part
    return codec.pack(kind, header, arrays)


def read(kind: str, of: type[Summary], data: bytes) -> Summary:
    """Read what `write` wrote.

    Raises ProfileError when the data is truncated, newer or of another kind.
    """
    header, arrays = codec.unpack(kind, data)
    plain = {
        name: Moments.from_json(part) if isinstance(part, list) else part
        for name, part in header.items()
    }
    return of(**plain, **arrays)
