"""Holding a lease while work is done under it: taken, renewed beside, and let go."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta

from monitor.errors import StoreError
from monitor.logs import logger
from monitor.store import Lease
from monitor.store.leases import Leases

log = logger(__name__)

PERIOD = timedelta(seconds=30)
"""How long a lease outlives whoever has stopped renewing it."""
BEATS = 3
"""How often it is renewed in a period: two in a row may fail."""


@contextlib.contextmanager
def holding(
    leases: Leases, name: str, *, holder: str, period: timedelta = PERIOD
) -> Iterator[Lease | None]:
    """Hold a lease for as long as the work takes; None while another holds it.

    A holder that stands still for longer than the period loses it, and what it commits
    under it is refused. Raises StoreError when it cannot be asked for.
    """
    held = leases.take(name, holder, period)
    if held is None:
        log.info("held_elsewhere", lease=name)
        yield None
        return
    done = threading.Event()
    beating = threading.Thread(
        target=_beat, args=[leases, held, period, done], name="lease", daemon=True
    )
    beating.start()
    try:
        yield held
    finally:
        done.set()
        beating.join(1.0)
        # It ends by itself where the database cannot be told.
        with contextlib.suppress(StoreError):
            leases.release(held)


def _beat(
    leases: Leases, held: Lease, period: timedelta, done: threading.Event
) -> None:
    """Renew a lease until the work is done, or until it is lost."""
    while not done.wait(period.total_seconds() / BEATS):
        try:
            if not leases.renew(held, period):
                log.warning("lease_lost", lease=held.name)
                return
        except StoreError as error:
            log.warning("lease_not_renewed", lease=held.name, cause=str(error))
