"""How Slack's blocks and markup read in a terminal."""

import html
import re
from collections.abc import Mapping
from typing import Any

_LINK = re.compile(r"<([^|>]+)\|([^>]+)>")
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")
_BARE_LINK = re.compile(r"<(https?://[^>]+)>")


def block_lines(block: Mapping[str, Any]) -> list[str]:
    """Return the lines of one block."""
    match block.get("type"):
        case "divider":
            return ["-" * 40]
        case "actions":
            return ["  ".join(_button(each) for each in block.get("elements", ()))]
        case "context":
            parts = [_text(each) for each in block.get("elements", ())]
            return [" · ".join(part for part in parts if part)]
        case _:
            parts = [_text(block.get("text")), *map(_text, block.get("fields", ()))]
            return [line for part in parts for line in part.splitlines()]


def _button(element: Mapping[str, Any]) -> str:
    """Return a button as text, with the page it opens."""
    page = f" ({element['url']})" if "url" in element else ""
    return f"[{_text(element.get('text'))}]{page}"


def _text(element: Mapping[str, Any] | None) -> str:
    """Return the text of a text object."""
    return plain(str(element.get("text", ""))) if element else ""


def plain(text: str) -> str:
    """Turn Slack's markup into plain text.

    >>> plain("*late* &lt; 1: <http://127.0.0.1/i/1|incident 1>")
    'late < 1: incident 1 (http://127.0.0.1/i/1)'
    """
    text = _BOLD.sub(r"\1", text)
    return html.unescape(_BARE_LINK.sub(r"\1", _LINK.sub(r"\2 (\1)", text)))
