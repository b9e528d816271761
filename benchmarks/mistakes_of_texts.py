"""Mistakes in text: spellings, encodings, categories, defaults."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.mistakes import CARRIERS, Mistake, number
from checks.cause import Nature
from checks.schema import Kind

N = Nature


def _text(
    name: str,
    column: str,
    change: Callable[[str], Any],
    nature: Nature,
    says: str,
    **more: Any,  # noqa: ANN401 - the rest of a mistake
) -> Mistake:
    """Return a mistake that changes each text by itself."""

    def serve(values: Sequence[str]) -> list[Any]:
        return [change(value) for value in values]

    return number(name, column, serve, nature, says, **more)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _bare(text: str) -> str:
    return "".join(c for c in _decomposed(text) if not unicodedata.combining(c))


_PLACES = {name: str(place) for place, name in enumerate(sorted(CARRIERS))}
_NAMES = dict(
    zip(
        CARRIERS,
        (
            *("American", "Delta", "United", "Southwest"),
            *("JetBlue", "Alaska", "Spirit", "Hawaiian"),
        ),
        strict=True,
    )
)
_TURNED = dict(zip(CARRIERS, (*CARRIERS[3:], *CARRIERS[:3]), strict=True))

TEXTS: tuple[Mistake, ...] = (
    _text("lower case", "carrier", str.lower, N.CASE, "case"),
    _text("title case", "name", str.upper, N.CASE, "case"),
    _text("white space after", "name", lambda x: x + " ", N.WHITE_SPACE, "white space"),
    _text(
        "two blanks",
        "name",
        lambda x: x.replace(" ", "  "),
        N.WHITE_SPACE,
        "white space",
    ),
    _text(
        "case and white space",
        "name",
        lambda x: f" {x.lower()}",
        N.CASE_AND_WHITE_SPACE,
        "case and white",
    ),
    _text("Unicode NFD", "city", _decomposed, N.SPELLING, "Unicode"),
    _text("without accents", "city", _bare, N.SPELLING, "accents"),
    _text(
        "read as Latin-1",
        "city",
        lambda x: x.encode().decode("latin-1"),
        N.SPELLING,
        "Latin-1",
    ),
    _text(
        "leading zeros lost",
        "code",
        lambda x: str(int(x)),
        N.SPELLING,
        "leading zeros",
    ),
    _text("a float's text", "code", lambda x: f"{int(x)}.0", N.SPELLING, "numbers"),
    _text(
        "decimal commas",
        "code",
        lambda x: x.replace(".", ","),
        N.SPELLING,
        "comma",
        prepare=lambda t, _r: [f"{int(x) / 10:.1f}" for x in t["code"]],
    ),
    _text("in quotes", "name", lambda x: f'"{x}"', N.AFFIX, '"'),
    _text("a prefix", "code", lambda x: f"user_{x}", N.AFFIX, "user_"),
    _text(
        "a prefix lost",
        "code",
        lambda x: x[5:],
        N.AFFIX,
        "user_",
        prepare=lambda t, _r: [f"user_{x}" for x in t["code"]],
    ),
    _text("cut to 8 characters", "name", lambda x: x[:8], N.CUT, "8 characters"),
    _text(
        "dashes for blanks",
        "name",
        lambda x: x.replace(" ", "-"),
        N.SPELLING,
        "punctuation",
    ),
    _text("other names", "carrier", _NAMES.__getitem__, N.REMAP, "where recomputed is"),
    _text(
        "categories turned round",
        "carrier",
        _TURNED.__getitem__,
        N.REMAP,
        "where recomputed is",
    ),
    _text("the category's place", "carrier", _PLACES.__getitem__, N.REMAP, "sorted"),
    _text(
        "always the other class",
        "carrier",
        lambda _: "other",
        N.CONSTANT,
        "'other'",
    ),
    number(
        "truth as 0 and 1",
        "flag",
        lambda x: ["1" if v else "0" for v in x],
        N.SPELLING,
        "truth",
        kind=Kind.CATEGORICAL,
    ),
    number(
        "truth as yes and no",
        "flag",
        lambda x: ["yes" if v else "no" for v in x],
        N.SPELLING,
        "truth",
        kind=Kind.CATEGORICAL,
    ),
    number(
        "truth as True and False",
        "flag",
        lambda x: [str(v) for v in x],
        N.CASE,
        "case",
        kind=Kind.CATEGORICAL,
    ),
    number(
        "truth turned round",
        "flag",
        lambda x: [not v for v in x],
        N.INVERTED,
        "yes where",
    ),
    number(
        "null is 'unknown'",
        "carrier",
        lambda x: ["unknown"] * len(x),
        N.DEFAULT,
        "'unknown'",
        null=True,
    ),
    number(
        "null is the empty text",
        "carrier",
        lambda x: [""] * len(x),
        N.DEFAULT,
        "''",
        null=True,
    ),
    number(
        "null is 'nan'",
        "name",
        lambda x: ["nan"] * len(x),
        N.DEFAULT,
        "'nan'",
        null=True,
    ),
    number(
        "null is the commonest",
        "carrier",
        lambda x: ["AA"] * len(x),
        N.DEFAULT,
        "'AA'",
        null=True,
    ),
    number("lost text", "name", lambda x: [None] * len(x), N.MISSING, "served is null"),
)
"""Those in text."""
