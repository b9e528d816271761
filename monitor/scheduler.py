"""The alarm clock: rings for each job again and again, and remembers nothing.

What is due is computed from the store by the job itself; a ring that is late or lost
costs time and nothing else. So APScheduler keeps its jobs in memory.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.clock import Clock
from monitor.logs import logger

log = logger(__name__)

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(seconds=30)
"""Between these lies the time from one look for due windows to the next."""


def interval(every: Sequence[timedelta]) -> timedelta:
    """Return how often to look for windows that are due as often as these.

    >>> interval([timedelta(days=1), timedelta(seconds=40)]), interval([])
    (datetime.timedelta(seconds=10), datetime.timedelta(seconds=30))
    """
    wanted = min(every, default=4 * LONGEST) / 4
    return min(LONGEST, max(SHORTEST, wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to be done again and again, never twice at the same time."""

    name: str
    act: Callable[[], None]
    every: timedelta


class Scheduler:
    """Runs jobs beside each other, each in a thread of its own.

    A job that raises is logged and counted, and rings again at its next time.
    """

    def __init__(self, jobs: Sequence[Job], *, clock: Clock) -> None:
        """Keep the jobs; nothing rings before `start`."""
        self._jobs = tuple(jobs)
        self._clock = clock
        self._changed = threading.Condition()
        self._stopping = False
        self._at_work: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._alarm = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(max(1, len(self._jobs)))},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            },
        )
        # That a job is still at work when it rings again is no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stopping

    @property
    def failures(self) -> dict[str, int]:
        """How often each job has raised."""
        with self._changed:
            return {job.name: self._failures[job.name] for job in self._jobs}

    def start(self) -> None:
        """Ring for every job now, and then at its times."""
        for job in self._jobs:
            self._alarm.add_job(
                self._run,
                IntervalTrigger(seconds=job.every.total_seconds(), timezone="UTC"),
                args=[job],
                id=job.name,
                next_run_time=self._clock.now(),
            )
        self._alarm.start()

    def tell_to_stop(self) -> None:
        """Ring no more; what is at work goes on, and sees that it is `stopping`."""
        with self._changed:
            self._stopping = True

    def stop(self, seconds: float) -> bool:
        """Stop ringing and wait for what is at work; False when time is up first."""
        self.tell_to_stop()
        if self._alarm.running:
            self._alarm.shutdown(wait=False)
        with self._changed:
            return self._changed.wait_for(lambda: not self._at_work, seconds)

    def _run(self, job: Job) -> None:
        with self._changed:
            if self._stopping:
                return
            self._at_work.add(job.name)
        try:
            job.act()
        except Exception:
            log.exception("job_failed", job=job.name)
            with self._changed:
                self._failures[job.name] += 1
        finally:
            with self._changed:
                self._at_work.discard(job.name)
                self._changed.notify_all()
