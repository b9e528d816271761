"""A script: what the checks of a monitor say, by the names that a scenario gives them.

A check is named as `wasserstein(amount)`, one on the whole table as `schema_change`,
and one on a segment as `wasserstein(amount) in plan = pro`; `*` stands for any text.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from checks.verdict import Reason, Status, Verdict
from monitor.evaluate import Watch
from monitor.incident import Key
from monitor.judging import unknown
from monitor.problems import Problem, nearest

WHERE = " in "
"""What stands between a check and the segment it is made on."""

_REASONS = {
    Status.PASS: Reason.NO_DIFFERENCE,
    Status.WARN: Reason.CERTAIN_AND_NEARLY_MATERIAL,
    Status.FAIL: Reason.CERTAIN_AND_MATERIAL,
    Status.UNKNOWN: Reason.UNMEASURABLE,
}


def named(told: Verdict | Key) -> str:
    """Return the name of a verdict, or of an incident, in a scenario."""
    name = told.check if told.column is None else f"{told.check}({told.column})"
    return f"{name}{WHERE}{told.segment}" if told.segment else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a monitor's checks can say: one verdict each, to be given a status."""

    checks: Mapping[str, Verdict]
    segmented: bool = False

    @classmethod
    def of(cls, watch: Watch) -> "Script":
        """List the checks of a monitor."""
        made = unknown(watch, "the scenario says so")
        return cls(
            checks={named(one): one for one in made},
            segmented=watch.section.segments is not None,
        )

    def problems(self, said: Iterable[str]) -> Iterator[Problem]:
        """Tell which names are of no check."""
        for name in said:
            if not self._meant(name):
                message = f"there is no check {name!r} here"
                fix = nearest(name, self.checks, noun="checks")
                yield Problem(path=("says", name), message=message, fix=fix)

    def verdicts(self, said: Mapping[str, Status]) -> tuple[Verdict, ...]:
        """Return the verdicts of a window; checks that are not named say PASS.

        A later name overrules an earlier one that means the same check.
        """
        found = {name: _with(one, Status.PASS) for name, one in self.checks.items()}
        for name, status in said.items():
            for key, verdict in self._meant(name).items():
                found[key] = _with(verdict, status)
        return tuple(found.values())

    def _meant(self, name: str) -> dict[str, Verdict]:
        """Return the checks that a name means, all by their own names."""
        if name in self.checks:
            return {name: self.checks[name]}
        base, _, segment = name.partition(WHERE)
        if segment and self.segmented:
            meant = self._meant(base)
            parts = [replace(one, segment=segment) for one in meant.values()]
            return {named(one): one for one in parts}
        return {
            key: one
            for key, one in self.checks.items()
            if fnmatchcase(key, _glob(name))
        }


def _glob(name: str) -> str:
    """Let `*` alone stand for something: names have brackets of their own."""
    return name.replace("[", "[[]").replace("?", "[?]")


def _with(verdict: Verdict, status: Status) -> Verdict:
    if status is Status.UNKNOWN:
        return verdict
    return replace(verdict, status=status, reason=_REASONS[status], cause=None)
