"""The alarm clock: rings for each job on its own, survives what they do, and stops."""

import threading
from datetime import timedelta

import pytest

from monitor.clock import SystemClock
from monitor.scheduler import Job, Scheduler

OFTEN = timedelta(seconds=0.05)
SOON = 10.0


def scheduler(*jobs: Job) -> Scheduler:
    return Scheduler(jobs, clock=SystemClock())


def test_a_job_that_raises_is_counted_and_rings_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rings = 0
    thrice = threading.Event()

    def fail() -> None:
        nonlocal rings
        rings += 1
        if rings == 3:
            thrice.set()
        msg = "it cannot be"
        raise RuntimeError(msg)

    alarm = scheduler(Job(name="broken", act=fail, every=OFTEN))
    alarm.start()
    assert thrice.wait(SOON)
    assert alarm.stop(SOON)
    assert alarm.failures["broken"] >= 2
    assert "job_failed" in "".join(capsys.readouterr())


def test_a_slow_job_holds_up_no_other_and_is_never_there_twice() -> None:
    held, done = threading.Event(), threading.Event()
    slow, quick = 0, 0

    def wait() -> None:
        nonlocal slow
        slow += 1
        held.wait(SOON)

    def count() -> None:
        nonlocal quick
        quick += 1
        if quick == 5:
            done.set()

    alarm = scheduler(
        Job(name="slow", act=wait, every=OFTEN),
        Job(name="quick", act=count, every=OFTEN),
    )
    alarm.start()
    assert done.wait(SOON)
    assert slow == 1
    held.set()
    assert alarm.stop(SOON)


def test_stopping_waits_for_the_work_in_hand_and_for_no_longer_than_it_may() -> None:
    began, held = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        held.wait(SOON)

    alarm = scheduler(Job(name="slow", act=wait, every=OFTEN))
    alarm.start()
    assert began.wait(SOON)
    assert not alarm.stop(0.1)
    assert alarm.stopping
    held.set()
    assert alarm.stop(SOON)


def test_a_scheduler_that_never_started_can_be_stopped() -> None:
    assert scheduler().stop(0)
