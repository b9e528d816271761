"""Everything `checks` can raise.

ChecksError
├── ProfileError      a profile that cannot be read, merged or compared
├── OptionError       an option a check does not have, or a value it cannot take
└── Unmeasurable      a check that cannot say anything here; it becomes UNKNOWN
"""


class ChecksError(Exception):
    """Any error that `checks` raises on purpose."""


class ProfileError(ChecksError):
    """A profile that cannot be read, merged or compared."""


class OptionError(ChecksError):
    """An option that a check does not have, or a value that it cannot take."""


class Unmeasurable(ChecksError):  # noqa: N818 - it is an answer ("unknown"), not a fault
    """A check cannot say anything about these profiles; the verdict is UNKNOWN."""

    def __init__(self, cause: str) -> None:
        """Keep the cause, a phrase for people such as `no rows in the window`."""
        super().__init__(cause)
        self.cause = cause
