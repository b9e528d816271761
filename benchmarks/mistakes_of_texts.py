"""Mistakes in text: spellings, encodings, categories, defaults."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.mistakes import CARRIERS, Mistake, number
from checks.cause import Nature
from checks.schema import Kind

N = Nature


def _each(change: Callable[[str], Any]) -> Callable[[Sequence[str]], list[Any]]:
    return lambda values: [change(value) for value in values]


def texts() -> list[Mistake]:
    """Return the mistakes in text."""
    index = {name: str(i) for i, name in enumerate(sorted(CARRIERS))}
    long = dict(
        zip(
            CARRIERS,
            (
                "American",
                "Delta",
                "United",
                "Southwest",
                "JetBlue",
                "Alaska",
                "Spirit",
                "Hawaiian",
            ),
            strict=True,
        )
    )
    turned = dict(zip(CARRIERS, (*CARRIERS[3:], *CARRIERS[:3]), strict=True))
    nfd = _each(lambda x: unicodedata.normalize("NFD", x))
    bare = _each(
        lambda x: "".join(
            c for c in unicodedata.normalize("NFD", x) if not unicodedata.combining(c)
        )
    )

    def many(
        name: str,
        column: str,
        change: Callable[[str], Any],
        nature: Nature,
        says: str,
        **more: Any,  # noqa: ANN401 - the rest of a mistake
    ) -> Mistake:
        return number(name, column, _each(change), nature, says, **more)

    return [
        many("lower case", "carrier", str.lower, N.CASE, "case"),
        many("title case", "name", str.upper, N.CASE, "case"),
        many(
            "white space after", "name", lambda x: x + " ", N.WHITE_SPACE, "white space"
        ),
        many(
            "two blanks",
            "name",
            lambda x: x.replace(" ", "  "),
            N.WHITE_SPACE,
            "white space",
        ),
        many(
            "case and white space",
            "name",
            lambda x: f" {x.lower()}",
            N.CASE_AND_WHITE_SPACE,
            "case and white",
        ),
        number("Unicode NFD", "city", nfd, N.SPELLING, "Unicode"),
        number("without accents", "city", bare, N.SPELLING, "accents"),
        many(
            "read as Latin-1",
            "city",
            lambda x: x.encode().decode("latin-1"),
            N.SPELLING,
            "Latin-1",
        ),
        many(
            "leading zeros lost",
            "code",
            lambda x: str(int(x)),
            N.SPELLING,
            "leading zeros",
        ),
        many("a float's text", "code", lambda x: f"{int(x)}.0", N.SPELLING, "numbers"),
        many(
            "decimal commas",
            "code",
            lambda x: x.replace(".", ","),
            N.SPELLING,
            "comma",
            prepare=lambda t, _r: [f"{int(x) / 10:.1f}" for x in t["code"]],
        ),
        many("in quotes", "name", lambda x: f'"{x}"', N.AFFIX, '"'),
        many("a prefix", "code", lambda x: f"user_{x}", N.AFFIX, "user_"),
        many(
            "a prefix lost",
            "code",
            lambda x: x[5:],
            N.AFFIX,
            "user_",
            prepare=lambda t, _r: [f"user_{x}" for x in t["code"]],
        ),
        many("cut to 8 characters", "name", lambda x: x[:8], N.CUT, "8 characters"),
        many(
            "dashes for blanks",
            "name",
            lambda x: x.replace(" ", "-"),
            N.SPELLING,
            "punctuation",
        ),
        many(
            "other names", "carrier", long.__getitem__, N.REMAP, "where recomputed is"
        ),
        many(
            "categories turned round",
            "carrier",
            turned.__getitem__,
            N.REMAP,
            "where recomputed is",
        ),
        many("the category's place", "carrier", index.__getitem__, N.REMAP, "sorted"),
        many(
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
        number(
            "lost text", "name", lambda x: [None] * len(x), N.MISSING, "served is null"
        ),
    ]
