"""Text for places that read Markdown, in which nothing but our own markup means."""

import re

from monitor.mrkdwn import visible

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-!|<>~])")
_CUT = "…"


def inert(text: str, limit: int) -> str:
    r"""Return a text as it is shown letter by letter, within a number of characters.

    >>> inert("*b* <at>x</at>", 100)
    '\\*b\\* \\<at\\>x\\</at\\>'
    >>> inert("abc", 2)
    'a…'
    """
    shown = visible(text)
    if len(shown) > limit:
        shown = shown[: limit - len(_CUT)] + _CUT
    return _MARKUP.sub(r"\\\1", shown)
