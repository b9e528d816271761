"""What keeps an incident from being told: a silence, or a person's judgement of it.

Both are for people. What is silenced goes on being judged, and whoever heard of it
hears of its end once it has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from monitor.incident import Incident, Key
from monitor.judgement import Judgement
from monitor.window import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stretch of time in which incidents that match are not told.

    `matchers` are globs by name (`column: temp*`), and all have to match; one without
    any silences all.
    """

    id: str
    matchers: Mapping[str, str]
    starts: datetime
    ends: datetime
    author: str
    comment: str = ""

    def covers(self, key: Key, now: datetime) -> bool:
        """Tell whether an incident is silenced now."""
        return self.starts <= now < self.ends and all(
            fnmatchcase(str(getattr(key, name) or ""), glob)
            for name, glob in self.matchers.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What a person has said of an incident; of one that is REAL no reminder is sent.

    NOISE, and what was EXPECTED, are not told any more until they end, and speak for no
    retraining.
    """

    incident: str
    judgement: Judgement
    author: str
    at: datetime
    comment: str = ""

    @property
    def dismisses(self) -> bool:
        """Whether there is nothing more to do about the incident."""
        return self.judgement is not Judgement.REAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """All silences that stand, and what was said of which incident."""

    silences: tuple[Silence, ...] = ()
    acknowledged: Mapping[str, Acknowledgement] = field(default_factory=dict)

    def reason(self, incident: Incident, now: datetime) -> str | None:
        """Return why an incident is not told now, in words; None where it is."""
        word = self.acknowledged.get(incident.id)
        if word is not None and word.dismisses:
            return f"acknowledged as {word.judgement} by {word.author}"
        for silence in self.silences:
            if silence.covers(incident.key, now):
                return f"silenced until {rfc3339(silence.ends)} by {silence.author}"
        return None

    def dismissed(self, incident: Incident) -> bool:
        """Tell whether a person has said that there is nothing to do about it."""
        word = self.acknowledged.get(incident.id)
        return word is not None and word.dismisses


TELL_ALL = Quiet()
"""Nothing is silenced, and nobody has said anything."""
