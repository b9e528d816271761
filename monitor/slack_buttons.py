"""The buttons under a message in Slack: what each says, and what it is about."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from monitor.mrkdwn import plain

_PREFIX = "driftd_"
_LONGEST = 70
_PROPOSED = 5
"""Proposed retrainings that get buttons: a model has one for each action."""


class Button(StrEnum):
    """What a person can say with one press."""

    REAL = "real"
    NOISE = "noise"
    EXPECTED = "expected"
    SILENCE = "silence"
    APPROVE = "approve"
    DECLINE = "decline"

    @property
    def action_id(self) -> str:
        """The name under which Slack tells that it was pressed."""
        return f"{_PREFIX}{self.value}"

    @property
    def decides(self) -> bool:
        """Whether it is about a retraining, and not about incidents."""
        return self in (Button.APPROVE, Button.DECLINE)

    @classmethod
    def of(cls, action_id: str) -> "Button | None":
        """Return the button of a name, or None for one of somebody else's.

        >>> Button.of("driftd_noise"), Button.of("noise")
        (<Button.NOISE: 'noise'>, None)
        """
        return next((one for one in cls if one.action_id == action_id), None)


_LABELS = {
    Button.REAL: "It is real",
    Button.NOISE: "Noise",
    Button.EXPECTED: "Expected",
    Button.SILENCE: "Silence 24 h",
}


def incident_buttons(
    body: Mapping[str, Any], delivery: str
) -> Iterator[dict[str, Any]]:
    """Offer what can be said of the incidents that fire."""
    if body.get("firing"):
        offered = [_button(one, label, delivery) for one, label in _LABELS.items()]
        yield {"type": "actions", "elements": offered}


def retraining_buttons(
    body: Mapping[str, Any], delivery: str
) -> Iterator[dict[str, Any]]:
    """Offer to decide on each retraining that waits for a person's word."""
    for one in (body.get("proposed") or ())[:_PROPOSED]:
        about = f"{delivery} {one['id']}"
        by = f" ({one['action']})"
        yes = _button(Button.APPROVE, f"Approve retraining{by}", about)
        yes |= {"style": "primary", "confirm": _sure(f"{body.get('model')}{by}")}
        no = _button(Button.DECLINE, f"Decline{by}", about)
        yield {"type": "actions", "elements": [yes, no]}


def _button(button: Button, label: str, about: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": button.action_id,
        "value": about,
        "text": _text(label),
    }


def _sure(what: str) -> dict[str, Any]:
    """Ask once more before a pipeline is started."""
    return {
        "title": _text("Start the retraining?"),
        "text": _text(f"The pipeline is asked to retrain {what}."),
        "confirm": _text("Start it"),
        "deny": _text("Not now"),
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": plain(text, _LONGEST), "emoji": False}
