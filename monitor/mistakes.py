"""A classifier's single outcomes, right or wrong, in the order of time: what DDM reads.

Of each window the kept sample's rows whose labels had come by then; they are kept with
the run as bits, so that the same history gives the same answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks import codec
from checks.bins import Floats
from checks.errors import ChecksError
from checks.samples import LOSS
from checks.schema import Role, Schema
from checks.sequence.registry import get
from checks.statistic import Statistic
from checks.verdict import Family, Reason, Status, Verdict
from monitor import wording
from monitor.config import Sequence as Section
from monitor.config.sequence import ERRORS
from monitor.ids import as_text, column
from monitor.window import EPOCH, Window

MOST = 1000
"""Windows that a history goes back at most."""

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mistakes:
    """Which labelled rows of the window that began at `start` were wrong, in order."""

    start: datetime
    wrong: Bits

    @classmethod
    def of(
        cls, sample: pa.Table, schema: Schema, window: Window, every: timedelta
    ) -> Self | None:
        """Take them from sampled rows that were told what each has cost.

        None where none was told. Rows of an instant are in the order of their ids; of
        a row that was logged more than once the last counts. Where windows overlap,
        only rows that the next one does not hold again are taken.
        """
        ids, moments = schema.first(Role.ID), schema.first(Role.TIMESTAMP)
        named = {LOSS, ids, moments}
        if None in named or not named <= set(sample.column_names):
            return None
        rows = sample.select([LOSS, str(ids), str(moments)])
        rows = rows.rename_columns(["loss", "id", "at"])
        rows = rows.filter(pc.is_finite(rows["loss"]))
        times = pc.cast(rows["at"], pa.timestamp("us"), safe=False)
        rows = rows.set_column(2, "at", pc.cast(times, pa.int64()))
        rows = rows.set_column(1, "id", as_text(column(rows, "id")))
        # The next window begins so much later, and holds the rest itself.
        end = (window.start + every - EPOCH) // timedelta(microseconds=1)
        rows = rows.filter(pc.less(rows["at"], end)).sort_by(
            [("at", "ascending"), ("id", "ascending"), ("loss", "ascending")]
        )
        latest = rows["id"].to_pylist()
        last = {name: place for place, name in enumerate(latest)}
        kept = sorted(last.values())
        return cls(
            start=window.start, wrong=np.asarray(rows["loss"], np.float64)[kept] > 0
        )

    def to_bytes(self) -> bytes:
        """Write them: eight outcomes a byte."""
        packed = np.packbits(self.wrong)
        padded = np.pad(packed, (0, -len(packed) % 8)).view(np.int64)
        return codec.pack("errors", {"rows": len(self.wrong)}, {"bits": padded})

    @classmethod
    def from_bytes(cls, start: datetime, content: bytes) -> Self:
        """Read what `to_bytes` wrote; raises ProfileError for what it did not."""
        header, arrays = codec.unpack("errors", content)
        packed = np.ascontiguousarray(arrays["bits"], np.int64).view(np.uint8)
        bits = np.unpackbits(packed)[: int(header["rows"])]
        return cls(start=start, wrong=bits.astype(np.bool_))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSeries:
    """A detector over the model's single outcomes: its own rule decides, on its own.

    It takes no share of the false-alarm budget, as another system's rule takes none.
    """

    section: Section

    @property
    def name(self) -> str:
        """The name under which it is judged, such as `ddm(errors)`."""
        return f"{self.section.detector}({ERRORS})"

    @property
    def family(self) -> Family:
        """The family of what it watches."""
        return Family.PERFORMANCE

    def unknown(self, cause: str) -> Verdict:
        """Return the verdict that nothing can be said, and why."""
        return self._verdict(Status.UNKNOWN, Reason.UNMEASURABLE, cause=cause)

    def judged(self, past: Iterable[Mistakes], now: Mistakes | None) -> Verdict:
        """Judge by the windows before, oldest first, and the one at hand.

        It fails in a window in which the detector alarms, as river would after one of
        its outcomes, and warns in one that ends in the warning zone.
        """
        if now is None or len(now.wrong) == 0:
            return self.unknown("no labels of this window have come yet")
        every = [*past, now]
        stream = np.concatenate([one.wrong for one in every]).astype(np.float64)
        began = len(stream) - len(now.wrong)
        detector = get(self.section.detector)
        try:
            found = detector.detect(stream, **self.section.options)
        except ChecksError as error:
            return self.unknown(str(error))
        if found.statistic is None and found.last is None:
            return self.unknown(f"the history is too short yet: {len(stream)} outcomes")
        alarm = found.last if found.last and found.last.at >= began else None
        previous = [c.at + 1 for c in found.changes if c.at < began]
        since = alarm.since if alarm else found.warning
        first = previous[-1] if previous else 0
        before = stream[first : max(began if since is None else since, first + 1)]
        after = stream[began if since is None else since :]
        told = _told(every, stream, since) if since is not None else ""
        statistic = _rise(before, after, told)
        least = self.section.threshold
        if alarm is not None and (least is None or statistic.value > least):
            return self._verdict(Status.FAIL, Reason.PEERS_RULE, statistic)
        if alarm is None and found.warning is not None:
            reason = Reason.CERTAIN_AND_NEARLY_MATERIAL
            return self._verdict(Status.WARN, reason, statistic)
        return self._verdict(Status.PASS, Reason.NO_DIFFERENCE, statistic)

    def _verdict(
        self,
        status: Status,
        reason: Reason,
        statistic: Statistic | None = None,
        cause: str | None = None,
    ) -> Verdict:
        return Verdict(
            check=self.name,
            family=Family.PERFORMANCE,
            column=None,
            segment=None,
            status=status,
            reason=reason,
            cause=cause,
            statistic=statistic,
            threshold=self.section.threshold,
        )


def _rise(before: Floats, after: Floats, told: str) -> Statistic:
    """Measure by how much the share of errors has risen."""
    was, now = float(np.mean(before)), float(np.mean(after))
    value = max(0.0, now - was)
    shares = [wording.percent(share) for share in (was, now)]
    calm = f"no change in {len(before) + len(after):,} outcomes"
    said = f"wrong predictions went from {shares[0]} to {shares[1]}{told}"
    return Statistic(
        value=value,
        low=value,
        high=value,
        p_value=None,
        n_reference=len(before),
        n_current=len(after),
        at_reference=was,
        at_current=now,
        detail=said if told else calm,
    )


def _told(every: Sequence[Mistakes], stream: Floats, since: int) -> str:
    """Say in which window a change has probably begun."""
    ends = np.cumsum([len(one.wrong) for one in every])
    at = int(np.searchsorted(ends, min(since, len(stream) - 1), side="right"))
    return f", from {wording.day(every[at].start)} on"
