"""Check that every relative link and anchor of the pages for people leads somewhere."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def pages() -> list[Path]:
    """List the pages: those at the top of the repository and all under docs."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(text: str) -> set[str]:
    r"""Name the headings of a page as a forge does.

    >>> sorted(anchors("# Two keys\n## `driftd check`: exit codes"))
    ['driftd-check-exit-codes', 'two-keys']
    """
    found = (heading.lower().strip() for heading in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in found}


def broken(page: Path) -> list[str]:
    """List the links of a page that lead nowhere."""
    text = FENCE.sub("", page.read_text())
    faults = []
    for target in LINK.findall(INLINE.sub("", text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            faults.append(f"{page.relative_to(ROOT)}: no such file: {target}")
        elif anchor and there.suffix == ".md":
            headings = anchors(FENCE.sub("", there.read_text()))
            if anchor not in headings:
                faults.append(f"{page.relative_to(ROOT)}: no such heading: {target}")
    return faults


def main() -> int:
    """Print every broken link; 1 when there is one."""
    faults = [fault for page in pages() for fault in broken(page)]
    print("\n".join(faults) or f"{len(pages())} pages, every link leads somewhere")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
