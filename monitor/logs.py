"""The log, set up in one place: events with fields, to stderr.

A terminal gets lines to read, everything else one JSON object a line. What libraries
log through the standard library comes out the same way.
"""

import logging
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import Processor


class Level(StrEnum):
    """How grave an event must be to be written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The level's number in the standard library."""
        return logging.getLevelNamesMapping()[self.name]


class _Stderr:
    """Whatever stderr is when a line is written: it may be replaced in between."""

    def write(self, text: str) -> int:
        """Write to the stderr of now."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the stderr of now."""
        sys.stderr.flush()


def logger(name: str) -> Any:  # noqa: ANN401 - structlog's loggers have no common type
    """Return a logger of that name; structlog is imported with its first event."""
    return _Logger(name)


class _Logger:
    """A logger of structlog's that is made when it is used."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, word: str) -> Any:  # noqa: ANN401 - whatever structlog has
        import structlog  # noqa: PLC0415 - most commands log nothing

        for handler in logging.getLogger().handlers:
            if isinstance(handler, _Waiting):
                configure(handler.wanted)
        return getattr(structlog.get_logger(self._name), word)


def expect(level: Level) -> None:
    """Set the log up as soon as something is logged: most commands log nothing."""
    _listen(level, _Waiting(level))


class _Waiting(logging.Handler):
    """Sets the log up when a library is the first to say something."""

    def __init__(self, wanted: Level) -> None:
        super().__init__()
        self.wanted = wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Set the log up, and say it there."""
        configure(self.wanted)
        logging.getLogger().handle(record)


def _listen(level: Level, handler: logging.Handler) -> None:
    """Hear libraries from `warning` on."""
    logging.basicConfig(
        level=max(level.number, logging.WARNING), handlers=[handler], force=True
    )


def configure(level: Level) -> None:
    """Set the log up for this process; libraries are heard from `warning` on."""
    import structlog  # noqa: PLC0415 - most commands log nothing

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering()
    stream = _Stderr()
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level.number),
        logger_factory=structlog.PrintLoggerFactory(stream),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(stream)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendering,
            ],
        )
    )
    _listen(level, lines)


def _rendering() -> "list[Processor]":
    """Return what turns an event into a line: for people, or for machines."""
    import structlog  # noqa: PLC0415 - most commands log nothing

    if sys.stderr.isatty():
        plain = bool(os.environ.get("NO_COLOR"))
        return [
            structlog.dev.ConsoleRenderer(
                colors=not plain,
                sort_keys=False,
                # The default shows local variables, and with them secrets.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
