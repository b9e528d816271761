"""Text for Slack in which nothing but our own markup means anything."""

import re
import unicodedata
from collections.abc import Iterable

SECTION = 3_000
"""The most characters Slack takes in a section."""

_CUT = "…"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WORD_JOINER = "\N{WORD JOINER}"
_MENTION = re.compile(r"<(?=[@!#])")
_BEFORE_A_WORD = frozenset("*_~`@:#")
_AFTER_A_WORD = frozenset("*_~`")
"""Characters that Slack reads as format, emoji or mention at the edge of a word."""


def visible(text: str) -> str:
    r"""Spell out what cannot be seen: control characters and changes of direction.

    >>> print(visible("a\u202eb\nc"))
    a\u202eb\u000ac
    """
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in _INVISIBLE else c for c in text
    )


def inert(text: str, limit: int = SECTION) -> str:
    """Return a text as Slack shows it letter by letter, within a number of characters.

    >>> inert("<!channel> & roc_auc")
    '&lt;!channel&gt; &amp; roc_auc'
    >>> inert("@here, *now*").replace("\N{WORD JOINER}", "|")
    '@|here, *|now*|'
    >>> inert("1 < 2", limit=5)
    '1 …'
    """
    shown: list[str] = []
    room = limit
    letters = visible(text)
    for i, c in enumerate(letters):
        marked = _is_markup(letters[i - 1 : i], c, letters[i + 1 : i + 2])
        piece = c + _WORD_JOINER if marked else _ENTITIES.get(c, c)
        shown.append(piece)
        room -= len(piece)
        if room < 0:
            break
    else:
        return "".join(shown)
    while shown and sum(map(len, shown)) > limit - len(_CUT):
        shown.pop()
    return "".join(shown) + _CUT


def _is_markup(before: str, c: str, after: str) -> bool:
    """Tell whether a character stands where Slack would give it a meaning."""
    opens = c in _BEFORE_A_WORD and not before.isalnum() and not after.isspace()
    closes = c in _AFTER_A_WORD and not after.isalnum() and not before.isspace()
    return opens or closes


def plain(text: str, limit: int) -> str:
    """Return a text for a place where Slack knows no markup, within a length.

    A mention is taken apart all the same: notifications are made of this text too.
    """
    shown = _MENTION.sub(f"<{_WORD_JOINER}", visible(text))
    return shown if len(shown) <= limit else shown[: limit - len(_CUT)] + _CUT


def link(url: str, label: str) -> str:
    """Return a link; where the address is none for a browser, both as plain text.

    >>> link("https://d.example/i?a=1&b=2", "incident")
    '<https://d.example/i?a=1&amp;b=2|incident>'
    >>> link("/var/lib/driftd/reports/churn.html", "report")
    'report: /var/lib/driftd/reports/churn.html'
    """
    if not url.startswith(("https://", "http://")):
        return f"{inert(label, 100)}: {inert(url, 400)}"
    address = "".join(
        f"%{ord(c):02X}" if c in '<>|"' or c.isspace() else c for c in visible(url)
    ).replace("&", "&amp;")
    return f"<{address}|{inert(label, 100)}>"


def bullets(lines: Iterable[str], limit: int = SECTION) -> str:
    r"""Return lines as a list of whole lines within a number of characters.

    >>> bullets(["one", "two", "three"], limit=14)
    '• one\n• two\n…'
    """
    text = ""
    for line in lines:
        more = ("\n" if text else "") + "• " + inert(line, limit // 3)
        if len(text) + len(more) + len("\n" + _CUT) > limit:
            return text + "\n" + _CUT
        text += more
    return text
