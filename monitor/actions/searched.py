"""Servers that know no idempotency key: runs are searched before any repeat."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from monitor.action import Delivery, Progress, Receipt, Stage
from monitor.actions.api import Asked, ServerAction, progressed, word


class SearchedAction(ServerAction[Asked], ABC):
    """What actions have in common whose runs bear the retraining's id."""

    idempotent = False

    has: ClassVar[str]
    """What is said of a run that is there."""
    id_field: ClassVar[str]
    state_field: ClassVar[str]
    stages: ClassVar[Mapping[Stage, Sequence[str]]]

    @abstractmethod
    def runs(self, delivery_id: str) -> Iterator[Mapping[str, Any]]:
        """Walk over the runs that bear a retraining's id; raises ActionError."""

    @property
    def settles(self) -> timedelta | None:
        """A run is listed at once."""
        return timedelta(seconds=10)

    def made(self, run_id: object) -> Receipt:
        """Return that a run is there."""
        return Receipt(remote_id=word(run_id), detail=self.has)

    def find(self, delivery: Delivery) -> Receipt | None:
        """Search the runs for one that bears the retraining's id."""
        for run in self.runs(delivery.id):
            return self.made(run.get(self.id_field))
        return None

    def progress(self, delivery_id: str, remote_id: str | None) -> Progress | None:
        """Ask how the run goes on; one that told no id is searched for."""
        return progressed(self.state(delivery_id, remote_id), self.stages)

    def state(self, delivery_id: str, remote_id: str | None) -> object:
        """Return the server's word for a run's state; raises ActionError."""
        del remote_id
        return next(self.runs(delivery_id), {}).get(self.state_field)
