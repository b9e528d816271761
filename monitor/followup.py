"""Follow-up: asks targets how far the retrainings they took have come.

A pipeline may report back by itself (see `monitor.server.callbacks`); where its target
can be asked, it is. What ends badly, or is never heard of again, is told to people.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.action import Action, Delivery, Followable, Kind, Progress, Stage
from monitor.errors import ActionError
from monitor.logs import logger
from monitor.notice import attention
from monitor.parts import Trains
from monitor.retraining import Retraining, State
from monitor.store import Store

log = logger(__name__)

STATES = {
    Stage.WAITING: State.ACCEPTED,
    Stage.RUNNING: State.RUNNING,
    Stage.SUCCEEDED: State.SUCCEEDED,
    Stage.FAILED: State.FAILED,
}
"""What a target's word means for a retraining."""

ASKED = (State.ACCEPTED, State.RUNNING, State.UNKNOWN)
"""States in which there is more to hear."""


class FollowUp:
    """What is heard of the retrainings under way, and what follows from it."""

    def __init__(self, store: Store, actions: Mapping[str, Action]) -> None:
        """Keep both; nobody is asked yet."""
        self._store = store
        self._actions = actions

    def round(self, now: datetime) -> int:
        """Ask once about every retraining under way; return how many have moved.

        One whose target cannot be asked is left as it is until the action's patience
        is over: then nobody knows what became of it, and people hear so.
        """
        moved = 0
        for one in self._store.retrainings():
            if one.state not in ASKED:
                continue
            action = self._actions.get(one.action)
            heard = _progress(action, one)
            if heard is not None:
                moved += self.record(one, heard, now)
            elif _lapsed(action, one, now):
                detail = "no word of its end has come"
                moved += self._end(one, State.UNKNOWN, detail, now)
        return moved

    def record(
        self, one: Retraining, heard: Progress, now: datetime, actor: str = "driftd"
    ) -> bool:
        """Record what was heard of a retraining; False for what was known already."""
        state = STATES[heard.stage]
        if not state.follows(one.state):
            return False
        if state is State.FAILED:
            return self._end(one, state, heard.detail, now, actor)
        return self._moved(one, state, heard.detail, now, actor)

    def _end(
        self,
        one: Retraining,
        state: State,
        detail: str,
        now: datetime,
        actor: str = "driftd",
    ) -> bool:
        """Record a bad end and tell people of it, in one transaction."""
        word = "failed" if state is State.FAILED else "may have been lost"
        message = f"retraining {one.id} by action {one.action!r} {word}: {detail}"
        notices = [
            attention(
                message,
                about=f"{one.id}/{state}",
                model=one.model,
                monitor=one.monitor,
                action=name,
                now=now,
            )
            for name, action in sorted(self._actions.items())
            if action.takes is Kind.NOTICE
        ]
        return self._moved(one, state, detail, now, actor, notices)

    def _moved(  # noqa: PLR0913, PLR0917 - a row's new state
        self,
        one: Retraining,
        state: State,
        detail: str,
        now: datetime,
        actor: str,
        notices: Sequence[Delivery] = (),
    ) -> bool:
        """Move a retraining on and post who is told; False where it had moved."""
        new = self._store.set_retraining(
            one.id, state, now, detail=detail, actor=actor, notices=notices
        )
        log.info("retraining_moved", retraining=one.id, state=state.value)
        return new is not None and (new.state, new.changed) == (state, now)


def _progress(action: object, one: Retraining) -> Progress | None:
    """Ask a target; None where it does not say, or cannot be asked now."""
    if not isinstance(action, Followable):
        return None
    try:
        return action.progress(one.id, one.remote_id)
    except ActionError as error:
        log.warning("retraining_not_followed", retraining=one.id, cause=str(error))
    except Exception as error:  # noqa: BLE001 - one target must not stop the others
        kind = type(error).__name__  # its text may hold a secret
        log.error("retraining_not_followed", retraining=one.id, error=kind)  # noqa: TRY400
    return None


def _lapsed(action: object, one: Retraining, now: datetime) -> bool:
    """Tell whether a retraining has been silent for longer than it may."""
    return (
        one.state is not State.UNKNOWN
        and isinstance(action, Trains)
        and now - one.requested >= action.policy.patience
    )
