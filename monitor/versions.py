"""Which version of a model is in production, and which driftd this is."""

import json
from collections.abc import Mapping
from importlib import metadata

from monitor.config import Version
from monitor.errors import SourceError


def current_version(version: Version) -> str:
    """Return the version that is in production now.

    A file may be JSON with the version under a key, or hold the bare version. Raises
    SourceError when it cannot be read, with the path and the fix: one that is half
    written must not pass for a new version.
    """
    if version.file is None:
        return str(version.value)
    try:
        text = version.file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{version.file}: the model's version cannot be read ({error})"
        raise SourceError(msg, permanent=False) from error
    try:
        # Numbers stay as they are written: 1.10 is not 1.1.
        written = json.loads(text, parse_float=str, parse_int=str)
    except ValueError as error:
        if text.startswith(("{", "[", '"')):
            msg = f"{version.file}: this is no whole JSON ({error})"
            raise SourceError(msg, permanent=False) from error
        written = text
    if isinstance(written, Mapping):
        if version.key not in written:
            msg = (
                f"{version.file}: there is no key {version.key!r}. "
                "Fix: name it in `version: {file: …, key: …}`"
            )
            raise SourceError(msg, permanent=True)
        written = written[version.key]
    if not isinstance(written, str) or not written.strip():
        msg = f"{version.file}: {written!r} is no version"
        raise SourceError(msg, permanent=True)
    return written.strip()


def is_deploying(version: Version) -> bool:
    """Tell whether a version of a model is being deployed just now.

    What cannot be read says nothing of it: then nobody is kept from being told.
    """
    if version.file is None or version.deploying is None:
        return False
    try:
        written = json.loads(version.file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(written, Mapping) and written.get(version.deploying) is True


def driftd_version() -> str:
    """Return the version of driftd that is installed."""
    try:
        return metadata.version("driftd")
    except metadata.PackageNotFoundError:
        return "unpackaged"
