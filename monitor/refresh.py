"""Refreshing: receivers that forget are told again what fires, and what has ended.

That is no news and needs no outbox: what is told is the state that the store has, and
who misses one telling hears the next.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from checks.verdict import Family
from monitor.action import Action, Refreshable
from monitor.config import Config
from monitor.cycle import watched
from monitor.errors import ActionError
from monitor.incident import Incident
from monitor.logs import logger
from monitor.notice import Group
from monitor.store import Store

log = logger(__name__)

ENDED = timedelta(minutes=15)
"""How long after its end an incident is told to have ended."""


class Refresher:
    """What is told again, to whom, and when it was told last."""

    def __init__(
        self, config: Config, store: Store, actions: Mapping[str, Action]
    ) -> None:
        """Tell nobody yet."""
        self._config = config
        self._store = store
        self._actions = actions
        self._told: dict[str, datetime] = {}

    @property
    def wanted(self) -> bool:
        """Whether there is anybody who forgets."""
        return any(isinstance(one, Refreshable) for one in self._actions.values())

    def round(self, now: datetime) -> int:
        """Tell whoever it is time for; return how many incidents were told."""
        told = 0
        for name, action in sorted(self._actions.items()):
            if not isinstance(action, Refreshable):
                continue
            last = self._told.get(name)
            if last is not None and now - last < action.every:
                continue
            self._told[name] = now
            try:
                told += action.refresh(self._heard(name, action.on, now))
            except ActionError as error:
                log.warning("refresh_failed", action=name, cause=str(error))
        return told

    def _heard(
        self, name: str, on: frozenset[Family], now: datetime
    ) -> Iterator[Incident]:
        """Walk over the incidents that an action tells of, as they stand now.

        What another explains, and what is silenced, is left out, as in notices.
        """
        ended = self._store.incidents_ended(now - ENDED)
        quiet = self._store.silences.quiet(now)
        for model, section in self._config.models.items():
            around = self._store.open_incidents(model)
            gone = [one for one in ended if one.key.model == model]
            for monitor, settings in watched(section).items():
                if name not in settings.actions:
                    continue
                own = [i for i in (*around, *gone) if i.key.monitor == monitor]
                group = Group.of(
                    model, monitor, own, around, lambda one: quiet.reason(one, now)
                )
                every = (*group.firing, *group.resolved)
                yield from (one for one in every if one.key.family in on)
