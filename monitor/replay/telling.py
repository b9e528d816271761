"""Telling a scenario on the stage, step by step, and noting what came of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.action import Action, Progress
from monitor.clock import ManualClock
from monitor.config import Config
from monitor.evaluate import Watch
from monitor.incident import Incident, State
from monitor.judgement import Judgement
from monitor.problems import Path as Where
from monitor.problems import Problem, nearest
from monitor.replay.recipients import Book, Sent, recipients
from monitor.replay.scenario import Deed, Scenario, Step, wrong
from monitor.replay.script import Script, named
from monitor.replay.stage import Stage
from monitor.retraining import Reason, Retraining
from monitor.silence import Acknowledgement, Silence
from monitor.window import Window, floor, rfc3339

PERSON = "somebody"
"""Who does what a scenario's people do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of one step: how things stand after it, and what was sent in it."""

    step: Step
    at: datetime
    windows: tuple[Window, ...]
    firing: tuple[str, ...]
    pending: tuple[str, ...]
    sent: tuple[Sent, ...]
    decided: tuple[tuple[str, Reason], ...]


class _Refusal(Exception):  # noqa: N818 - it becomes a ConfigError with its place
    """A step that cannot be done as things stand."""

    def __init__(self, key: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.problem = Problem(path=(key,), message=message, fix=fix)


def tell(  # noqa: PLR0913 - the world of a story
    config: Config,
    watch: Watch,
    scenario: Scenario,
    file: Path,
    *,
    actions: dict[str, Action],
    restart: bool = False,
) -> list[Came]:
    """Tell a scenario of a monitor; return what came of each step.

    With `restart` the daemon is stopped and started again after each step. Raises
    ConfigErrors for a step that cannot be.
    """
    clock = ManualClock(scenario.start)
    book = Book(clock=clock)
    script = Script.of(watch)
    _checked(file, scenario, watch, script)
    with TemporaryDirectory(prefix="driftd-replay-") as folder:
        stage = Stage(
            config,
            watch,
            folder=Path(folder),
            recipients=recipients(actions.values(), book),
            clock=clock,
        )
        try:
            teller = _Teller(stage, scenario, script, book)
            return list(_each(teller, file, scenario, restart=restart))
        finally:
            stage.close()


def _each(
    teller: "_Teller", file: Path, scenario: Scenario, *, restart: bool
) -> Iterator[Came]:
    for number, step in enumerate(scenario.windows):
        try:
            yield teller.take(step)
        except _Refusal as refusal:
            where = ("windows", number, "do")
            raise wrong(file, refusal.problem.under(*where)) from None
        if restart:
            teller.stage.restart()


def _checked(file: Path, scenario: Scenario, watch: Watch, script: Script) -> None:
    """Raise ConfigErrors for what is wrong by itself, whatever comes of it."""
    found: list[Problem] = []
    settings = watch.settings
    end = scenario.start + settings.window
    if floor(end, settings.every) != end:
        begins = rfc3339(floor(end, settings.every) - settings.window)
        message = "no window begins then"
        found.append(Problem(path=("start",), message=message, fix=f"write {begins}."))
    began = False
    for number, step in enumerate(scenario.windows):
        where: Where = ("windows", number)
        began = began or step.says is not None
        if step.says is not None:
            found += [one.under(*where) for one in script.problems(step.says)]
        if step.do is not None and step.do.deploy is not None and not began:
            message = "nothing has been said of the version before"
            fix = "let a window come first."
            path = (*where, "do", "deploy")
            found.append(Problem(path=path, message=message, fix=fix))
    if found:
        raise wrong(file, *found)


class _Teller:
    """Takes one step of a scenario after the other."""

    def __init__(
        self, stage: Stage, scenario: Scenario, script: Script, book: Book
    ) -> None:
        self.stage = stage
        self._script = script
        self._book = book
        self._start = scenario.start
        self._numbers = 0
        self._decided: dict[str, Reason] = {}
        stage.begin(self._due(self._window(0)))

    def _window(self, number: int) -> Window:
        settings = self.stage.watch.settings
        start = self._start + number * settings.every
        return Window(start, start + settings.window)

    def _due(self, window: Window) -> datetime:
        return window.end + self.stage.watch.settings.delay

    def take(self, step: Step) -> Came:
        """Take a step and say what came of it."""
        stage, before = self.stage, len(self._book.written)
        windows: list[Window] = []
        self._decided = {}
        if step.says is not None:
            windows = [self._judge(step) for _ in range(step.times)]
        elif step.do is not None:
            self._do(step.do)
            stage.tick()
        elif step.skip is not None:
            stage.clock.advance(step.length)
        else:
            stage.wait(stage.clock.now() + step.length)
            stage.tick()
        standing = stage.store.open_incidents()
        return Came(
            step=step,
            at=stage.clock.now(),
            windows=tuple(windows),
            firing=_in(standing, State.FIRING),
            pending=_in(standing, State.PENDING),
            sent=tuple(self._book.written[before:]),
            decided=tuple(self._decided.items()),
        )

    def _judge(self, step: Step) -> Window:
        """Let the next window say its piece when it is due, or at once if it was."""
        window = self._window(self._numbers)
        self._numbers += 1
        if self._due(window) > self.stage.clock.now():
            self.stage.wait(self._due(window))
        outcome = self.stage.judge(window, self._script.verdicts(step.says or {}))
        self._decided = {
            action: decision.reason
            for action, decision in outcome.decisions
            if decision.reason is not Reason.NOTHING_FIRING
        }
        return window

    # ── what people do ───────────────────────────────────────────────────────────

    def _do(self, deed: Deed) -> None:
        """Do what somebody did."""
        deeds: dict[str, Callable[[Deed], None]] = {
            "silence": self._silence,
            "acknowledge": self._acknowledge,
            "deploying": lambda deed: self.stage.deploying(now=bool(deed.deploying)),
            "deploy": lambda deed: self.stage.deploy(str(deed.deploy)),
            "approve": self._decide,
            "decline": self._decide,
            "close_breaker": self._close,
            "report": self._report,
        }
        act = next(do for name, do in deeds.items() if getattr(deed, name) is not None)
        act(deed)

    def _silence(self, deed: Deed) -> None:
        now = self.stage.clock.now()
        made = Silence(
            id=f"silence-{rfc3339(now)}-{len(self.stage.store.silences.standing(now))}",
            matchers=deed.silence or {},
            starts=now,
            ends=now + (deed.for_ or self.stage.watch.settings.every),
            author=PERSON,
        )
        self.stage.store.silences.add(made, now)

    def _acknowledge(self, deed: Deed) -> None:
        key = "acknowledge"
        by_name = {named(one.key): one for one in self.stage.store.open_incidents()}
        found = by_name.get(deed.acknowledge or "")
        if found is None:
            message = f"no incident {deed.acknowledge!r} is open by then"
            fix = nearest(deed.acknowledge or "", by_name, noun="open incidents")
            raise _Refusal(key, message, fix)
        word = Acknowledgement(
            incident=found.id,
            judgement=deed.as_ or Judgement.REAL,
            author=PERSON,
            at=self.stage.clock.now(),
        )
        self.stage.store.silences.acknowledge(word)

    def _decide(self, deed: Deed) -> None:
        key = "decline" if deed.approve is None else "approve"
        one = self._newest(key, deed.approve or deed.decline or "")
        approvals, now = self.stage.store.approvals, self.stage.clock.now()
        decided = getattr(approvals, key)
        if not decided(one.id, now, actor=PERSON):
            message = f"the retraining by {one.action!r} is {one.state} by then"
            raise _Refusal(key, message, "only one that is proposed waits for a word.")

    def _close(self, deed: Deed) -> None:
        stage, name = self.stage, deed.close_breaker or ""
        model, now = stage.watch.model, stage.clock.now()
        stage.store.approvals.close_breaker(model, name, now, actor=PERSON)

    def _report(self, deed: Deed) -> None:
        ((action, how),) = (deed.report or {}).items()
        key = "report"
        one = self._newest(key, action)
        now, heard = self.stage.clock.now(), Progress(stage=how)
        if not self.stage.followup.record(one, heard, now, actor=PERSON):
            message = f"the retraining by {action!r} is {one.state} by then"
            raise _Refusal(key, message, "report only what comes after that.")

    def _newest(self, key: str, action: str) -> Retraining:
        """Return the newest retraining of an action."""
        every = self.stage.store.retrainings()
        mine = [one for one in every if one.action == action]
        if not mine:
            message = f"no retraining by {action!r} was asked for by then"
            names = {one.action for one in every}
            raise _Refusal(key, message, nearest(action, names, noun="actions asked"))
        return max(mine, key=lambda one: one.requested)


def _in(standing: list[Incident], state: State) -> tuple[str, ...]:
    return tuple(sorted(named(one.key) for one in standing if one.state is state))
