"""What a press of a button in Slack does, once: a silence, a judgement, a decision."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from pydantic import SecretStr

from monitor import presses, wording
from monitor.action import Action, Delivery
from monitor.errors import ActionError
from monitor.judgement import Judgement
from monitor.logs import logger
from monitor.presses import Press, Pressable, Refused
from monitor.silence import Acknowledgement, Silence
from monitor.slack_buttons import Button
from monitor.store import AuditEntry, Store
from monitor.window import rfc3339

log = logger(__name__)

SILENCED = timedelta(hours=24)
"""How long a press silences a monitor."""
REMEMBERED = timedelta(hours=1)
"""How long a request is known again: longer than its signature is good for."""
PRESSED = "slack_button_pressed"
"""The audit's word for a press."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of a press, in words; `action` is who can answer, at `reply`."""

    status: HTTPStatus
    text: str
    action: str | None = None
    reply: str | None = None


class Buttons:
    """The buttons of all messages; a press does only what its message offered."""

    def __init__(self, store: Store, actions: Mapping[str, Action]) -> None:
        """Take the store, and the actions whose messages may have buttons."""
        self._store = store
        self._actions = actions

    def press(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Answered:
        """Do what was pressed and say so; raises StoreError."""
        press = presses.read(headers, body, self._secrets(), now)
        if isinstance(press, Refused):
            return Answered(status=press.status, text=press.why)
        entry = AuditEntry(
            at=now,
            actor=press.actor,
            event=PRESSED,
            subject=press.id,
            detail=f"{press.button} on {press.delivery}"[:200],
        )
        if not self._store.journal.once(entry, since=now - REMEMBERED):
            why = "this press has been taken before"
            return Answered(status=HTTPStatus.CONFLICT, text=why)
        sent = self._store.delivery(press.delivery)
        if sent is None or sent.action not in press.actions:
            text = "Nothing was changed: this message is not known here any more."
            return Answered(status=HTTPStatus.OK, text=text)
        text = self._done(press, sent, now)
        log.info("slack_button_pressed", button=press.button.value, actor=press.actor)
        return Answered(
            status=HTTPStatus.OK, text=text, action=sent.action, reply=press.reply
        )

    def tell(self, answered: Answered) -> None:
        """Tell the person what came of it; that it fails changes nothing."""
        action: object = self._actions.get(answered.action or "")
        if answered.reply is None or not isinstance(action, Pressable):
            return
        try:
            action.answer(answered.reply, answered.text)
        except ActionError as error:
            log.warning("slack_answer_lost", action=answered.action, cause=str(error))

    def _secrets(self) -> dict[str, SecretStr]:
        return {
            name: action.signing_secret
            for name, action in self._actions.items()
            if isinstance(action, Pressable) and action.signing_secret is not None
        }

    def _done(self, press: Press, sent: Delivery, now: datetime) -> str:
        if press.retraining is not None:
            return self._decided(press, press.retraining, sent, now)
        if press.button is Button.SILENCE:
            return self._silenced(press, sent, now)
        return self._judged(press, sent, now)

    def _silenced(self, press: Press, sent: Delivery, now: datetime) -> str:
        about = {"model": sent.model, "monitor": sent.monitor}
        made = Silence(
            id=press.id,
            matchers={name: glob.escape(value) for name, value in about.items()},
            starts=now,
            ends=now + SILENCED,
            author=press.actor,
            comment="from Slack",
        )
        self._store.silences.add(made, now)
        return (
            f"{sent.model}, {sent.monitor}: silenced until {rfc3339(made.ends)}. "
            f"To end it: driftd silence CONFIG --end {made.id[:8]}"
        )

    def _judged(self, press: Press, sent: Delivery, now: datetime) -> str:
        judgement = Judgement(press.button.value)
        words = [
            Acknowledgement(
                incident=one,
                judgement=judgement,
                author=press.actor,
                at=now,
                comment="from Slack",
            )
            for one in sorted(sent.incident_ids)
        ]
        known = sum(self._store.silences.acknowledge(word) for word in words)
        if not known:
            return "Nothing was changed: these incidents are not known here any more."
        said = wording.count(known, "incident")
        verb = "is" if known == 1 else "are"
        return f"{sent.model}: {said} {verb} acknowledged as {judgement}."

    def _decided(self, press: Press, name: str, sent: Delivery, now: datetime) -> str:
        offered = {one["id"] for one in sent.body.get("proposed") or ()}
        yes = press.button is Button.APPROVE
        decide = self._store.approvals.approve if yes else self._store.approvals.decline
        if name in offered and decide(name, now, actor=press.actor):
            return f"The retraining is {'requested' if yes else 'declined'}."
        found = [r for r in self._store.retrainings(sent.model) if r.id == name]
        state = found[0].state if found and name in offered else "not known here"
        return f"Nothing was changed: the retraining is {state}."
