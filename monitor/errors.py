"""Everything the daemon can raise on purpose.

DriftdError
├── ConfigError      the user's configuration: file, path in it, message and fix
├── ConfigErrors     all the mistakes of one configuration
├── PluginError      a source, engine or action that is not there, or its options
├── SourceError      data could not be read; permanent or worth another try
├── MalformedError   a row, line or body that cannot be read, and goes to quarantine
├── ActionError      a notice could not be delivered; permanent, later, or nobody knows
├── StoreError       the state could not be opened, read or written
│   └── FencedError  another has taken over the work that this was about
└── ServerError      the server cannot listen where it was told to
"""

from collections.abc import Iterable


class DriftdError(Exception):
    """Any error that the daemon raises on purpose; its text is meant for the user."""


class ConfigError(DriftdError):
    """One mistake in a configuration: the file, the path in it, and the fix."""

    def __init__(self, file: str, path: str, message: str, fix: str = "") -> None:
        """Keep the parts; `path` is dotted (`models.churn.monitors.daily.every`)."""
        where = f"{file}: {path}: " if path else f"{file}: "
        super().__init__(where + message + (f" Fix: {fix}" if fix else ""))
        self.file = file
        self.path = path
        self.message = message
        self.fix = fix


class ConfigErrors(DriftdError):  # noqa: N818 - it is a group of ConfigError
    """All the mistakes of one configuration, one a line."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        """Keep the single mistakes, in the order of the file."""
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


class PluginError(DriftdError):
    """A source, engine or action that is not there, or options that it cannot take."""


class SourceError(DriftdError):
    """Data could not be read; `permanent` means that trying again will not help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        """Keep the answer to the one question a caller has."""
        super().__init__(message)
        self.permanent = permanent


class MalformedError(DriftdError):
    """Something read cannot be told as rows; it is left out, and the rest goes on.

    `reason` is one of few constant texts, which are counted; `detail` is of this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        """Keep both parts."""
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason
        self.detail = detail


class ActionError(DriftdError):
    """A delivery failed.

    `permanent`: trying again will not help. `retry_after`: seconds the receiver asked
    for. `ambiguous`: the request may have been carried out, nobody can know.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        retry_after: float | None = None,
        ambiguous: bool = False,
    ) -> None:
        """Keep the answers to the questions that delivery asks."""
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class StoreError(DriftdError):
    """The state could not be opened, read or written."""


class FencedError(StoreError):
    """Another has taken over the work that this was about; nothing was written."""


class ServerError(DriftdError):
    """The server cannot listen where it was told to."""
