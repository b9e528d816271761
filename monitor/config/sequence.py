"""What a config says of series: a check's figure, window after window."""

from typing import Any, Literal

from pydantic import Field, model_validator

from monitor.config.node import Node

ERRORS = "errors"
"""What stands in the place of a check for the model's own single outcomes."""


class SeriesSource(Node):
    """Which figure makes a series: a check's, on one column or each it is made on.

    Or the model's `errors`, row by row, for the detectors that take nothing else.
    """

    check: str
    column: str | None = None
    figure: Literal["value", "at_current"] | None = None
    """The distance, or the plain measure, which is the default where there is one."""

    @property
    def errors(self) -> bool:
        """Whether the model's single outcomes, right or wrong, are watched."""
        return self.check == ERRORS

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        return {"check": written} if isinstance(written, str) else written


class Sequence(Node):
    """A detector of lasting change along a series.

    A change below `threshold`, in the series' own unit, does not matter. By the
    convention `budget` the detector alarms no oftener than the model's budget allows;
    by `river` it is river's, with river's defaults.
    """

    of: SeriesSource
    detector: str = "cusum"
    threshold: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    convention: Literal["budget", "river"] = "budget"
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, written: object) -> object:
        return {"of": written} if isinstance(written, str) else written
