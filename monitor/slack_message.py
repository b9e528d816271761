"""What a notice looks like in Slack: Block Kit, worst first, within Slack's limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor import wording
from monitor.mrkdwn import bullets, inert, link, plain
from monitor.picture import chart
from monitor.slack_buttons import incident_buttons, retraining_buttons

Block = dict[str, Any]

_WORST = 10
_HEADER = 150
_FALLBACK = 3_000
_COLUMNS = 5
_OF_THE_MODEL = ("performance", "estimate")
_SHORTEST = 3
"""Windows that a picture shows at least."""
_SIGNS = {
    "first": "🔴",
    "changed": "🔴",
    "repeat": "🔴",
    "resolved": "✅",
    "attention": "⚠️",
}


def message(body: Mapping[str, Any], pressed: str | None = None) -> list[Block]:
    """Return a notice as the blocks of a message.

    `pressed` is the id of the delivery that a press of a button is about; without one
    there are no buttons.
    """
    blocks = [_header(body)]
    if not body.get("firing"):  # else the worst of them says it, and what sets it off
        blocks.append(_section(inert(_headline(body))))
    blocks += _findings(body, "firing", "*Firing*")
    blocks += _worst(body)
    blocks += _findings(body, "resolved", "*Resolved*")
    blocks += _findings(body, "muted", "*Muted*, since another explains them")
    if body.get("retraining"):
        blocks.append(_section(f"*Done*\n{inert(body['retraining'], 2_900)}"))
    if pressed is not None:
        blocks += incident_buttons(body, pressed)
        blocks += retraining_buttons(body, pressed)
    return [*blocks, *_about(body)]


def reply(body: Mapping[str, Any], pressed: str | None = None) -> list[Block]:
    """Return a notice as what is said of it in the thread of its first message."""
    blocks = [_section(f"{_sign(body)} {inert(_headline(body), 2_900)}")]
    blocks += _findings(body, "resolved", "*Resolved*")
    if body.get("retraining"):
        blocks.append(_section(f"*Done*\n{inert(body['retraining'], 2_900)}"))
    if pressed is not None:
        blocks += retraining_buttons(body, pressed)
    return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture, and what it shows in words."""

    content: bytes
    title: str


def pictured(body: Mapping[str, Any]) -> Picture | None:
    """Draw how the worst figure went; None where it has hardly a past."""
    values = [float(value) for value in body.get("history") or ()]
    firing = body.get("firing") or ()
    if len(values) < _SHORTEST or not firing:
        return None
    worst = firing[0]
    title = wording.pictured(
        str(worst.get("check")),
        worst.get("column"),
        values,
        worst.get("threshold"),
    )
    return Picture(
        content=chart(values, worst.get("threshold")), title=plain(title, _HEADER)
    )


def fallback(body: Mapping[str, Any]) -> str:
    """Return the line that stands for the message where blocks are not shown."""
    return f"{_sign(body)} {inert(_headline(body), _FALLBACK - 10)}"


def _headline(body: Mapping[str, Any]) -> str:
    return str(body.get("headline") or f"{body.get('model', 'driftd')}: news")


def _sign(body: Mapping[str, Any]) -> str:
    return _SIGNS.get(str(body.get("reason")), "🔔")


def _header(body: Mapping[str, Any]) -> Block:
    about = f"{body.get('model', 'driftd')} · {body.get('monitor', '')}".rstrip(" ·")
    text = plain(f"{_sign(body)} {about}", _HEADER)
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": text, "emoji": False},
    }


def _section(text: str) -> Block:
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
    }


def _findings(body: Mapping[str, Any], sort: str, title: str) -> list[Block]:
    """List the worst incidents of a sort, and say how many more there are."""
    found: Sequence[Mapping[str, Any]] = body.get(sort) or ()
    if not found:
        return []
    lines = [str(one.get("sentence", "")) for one in found[:_WORST]]
    more = int(body.get(f"n_{sort}") or len(found)) - len(lines)
    listed = bullets(lines, 2_800)
    rest = f"\nand {more:,} more" if more > 0 else ""
    return [_section(f"{title}\n{listed}{rest}")]


def _worst(body: Mapping[str, Any]) -> list[Block]:
    """Say of the worst incident how sure it is, what it means, and what to do."""
    firing: Sequence[Mapping[str, Any]] = body.get("firing") or ()
    if not firing or "family" not in firing[0]:
        return []
    worst = firing[0]
    columns = [
        f"{one['column']} ({wording.percent(one['share'])})"
        for one in (worst.get("explained_by") or ())[:_COLUMNS]
    ]
    said = {
        "How sure": wording.sureness(worst.get("p_adjusted")),
        "Mostly": ", ".join(columns),
        "Harm": _harm(firing),
        "To do": wording.to_do(worst["family"], str(worst.get("brief", ""))),
    }
    lines = [f"*{title}:* {inert(text, 600)}" for title, text in said.items() if text]
    return [_section("\n".join(lines))]


def _harm(firing: Sequence[Mapping[str, Any]]) -> str:
    """Say what a drift has done to the model; empty where the worst is just that."""
    told = [str(f.get("brief")) for f in firing if f.get("family") in _OF_THE_MODEL]
    if firing[0].get("family") in _OF_THE_MODEL:
        return ""
    return told[0] if told else "no loss of performance is known"


def _about(body: Mapping[str, Any]) -> Iterator[Block]:
    """Say what it is about in small print, and where there is more to see."""
    window = body.get("window") or {}
    parts = [
        f"window {window['start']} to {window['end']}" if window else "",
        f"model version {body['model_version']}" if body.get("model_version") else "",
        f"reference {str(body['reference_id'])[:12]}"
        if body.get("reference_id")
        else "",
    ]
    links = [
        link(str(url), str(label)) for label, url in (body.get("links") or {}).items()
    ]
    elements = [inert(part, 500) for part in parts if part] + links[:7]
    if elements:
        yield {
            "type": "context",
            "elements": [
                {"type": "mrkdwn", "text": text, "verbatim": True} for text in elements
            ],
        }
