"""How many there are of everything: what the metrics are read from."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from monitor.store import incidents, outbox, retrainings, runs


class Tallies:
    """Counts, each read in a transaction; all raise StoreError."""

    def __init__(
        self, transaction: Callable[..., AbstractContextManager[Connection]]
    ) -> None:
        """Take the way to a transaction of the store."""
        self._transaction = transaction

    def runs(self) -> dict[tuple[str, str, str], tuple[int, datetime]]:
        """Count the runs by model, monitor and status, with when the last was made."""
        with self._transaction(writes=False) as connection:
            return runs.counts(connection)

    def incidents(self) -> dict[tuple[str, str, str], int]:
        """Count the open incidents by model, family and state."""
        with self._transaction(writes=False) as connection:
            return incidents.counts(connection)

    def deliveries(self) -> dict[tuple[str, str], int]:
        """Count the deliveries by action and outcome."""
        with self._transaction(writes=False) as connection:
            return outbox.counts(connection)

    def retrainings(self) -> dict[tuple[str, str], int]:
        """Count the retrainings by model and state."""
        with self._transaction(writes=False) as connection:
            return retrainings.counts(connection)
