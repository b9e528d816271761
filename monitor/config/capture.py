"""A model's `capture` section: what tells how much of the traffic reached the log."""

from collections.abc import Iterator

from pydantic import model_validator

from checks.schema import Schema
from monitor.config.node import Node
from monitor.config.plugin import PluginSection
from monitor.config.scalars import Text
from monitor.problems import Problem, mistake, nearest

_ONE = (
    "write counters: {source: …}, sequence: COLUMN, or response: COLUMN; "
    "counters stand beside either of the others."
)


class Counters(Node):
    """Counts of the full traffic, kept where all of it passes.

    Rows of `time`, `name` and `count`; the counts of a window add up. `requests` are
    what the serving side was asked; the other names are those of `checks.traffic`.
    """

    source: PluginSection
    time: Text = "time"
    name: Text = "name"
    count: Text = "count"


class Capture(Node):
    """What tells how many rows there should be.

    Counters of the full traffic; or a column of numbers that rise by one with each
    request, for each `producer` by itself where there are several; or a column that
    only the response fills in.
    """

    counters: Counters | None = None
    sequence: str | None = None
    producer: str | None = None
    response: str | None = None

    @model_validator(mode="after")
    def _told_once(self) -> "Capture":
        if self.sequence is not None and self.response is not None:
            message = "numbers and responses both tell how many rows there should be"
            raise mistake(message, "keep one of sequence and response.")
        if (self.counters, self.sequence, self.response) == (None, None, None):
            message = "nothing tells how many rows there should be"
            raise mistake(message, _ONE)
        if self.producer is not None and self.sequence is None:
            message = "a producer is whose numbers rise, and there are none"
            raise mistake(message, "add sequence: COLUMN, or leave producer out.")
        return self

    @property
    def checks(self) -> tuple[str, ...]:
        """The checks that can be made with it."""
        biased = ("sampling_bias",) if self.counters is not None else ()
        return ("completeness", *biased)

    def problems(self, table: Schema) -> Iterator[Problem]:
        """Find columns that are not among the model's.

        A response is one of them; numbers and who made them may be the log's alone.
        """
        if self.response is not None and table.get(self.response) is None:
            yield Problem(
                path=("response",),
                message=f"there is no column {self.response!r}",
                fix=nearest(self.response, table.names, noun="columns"),
            )
