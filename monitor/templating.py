"""A body that a user writes as a template, for receivers with a form of their own.

Jinja's sandbox: a template reads what it is given and reaches nothing else.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.errors import ActionError
from monitor.problems import mistake

LONGEST = 1 << 18
"""Characters that a body may come to."""

# What is written is no page: nothing of it is escaped for one.
_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def checked(source: str) -> str:
    """Return a template; a mistake where it cannot be read."""
    try:
        _SANDBOX.from_string(source)
    except TemplateError as error:
        message = f"the template cannot be read: {error}"
        raise mistake(
            message, "see https://jinja.palletsprojects.com/templates"
        ) from error
    return source


def rendered(source: str, given: Mapping[str, Any]) -> bytes:
    """Return what a template makes of values; raises ActionError, which is final."""
    try:
        text = _SANDBOX.from_string(source).render(given)
    except (TemplateError, TypeError, ValueError, OverflowError) as error:
        msg = f"the template cannot be filled in: {error}"
        raise ActionError(msg, permanent=True) from error
    if len(text) > LONGEST:
        msg = (
            f"the template comes to {len(text):,} characters, and {LONGEST:,} are most"
        )
        raise ActionError(msg, permanent=True)
    return text.encode()
