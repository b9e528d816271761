"""What a notice looks like in Slack: Block Kit, worst first, within Slack's limits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitor.mrkdwn import bullets, inert, link, plain
from monitor.slack_buttons import incident_buttons, retraining_buttons

Block = dict[str, Any]

_WORST = 10
_HEADER = 150
_FALLBACK = 3_000
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
    blocks = [_header(body), _section(inert(_headline(body)))]
    blocks += _findings(body, "firing", "*Firing*")
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
