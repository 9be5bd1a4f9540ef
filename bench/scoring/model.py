"""The score as data: what each test said of each fault and of each healthy pump, and what that comes to."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from bench.results.model import OF_THE_BENCH, Verdict

PUMP_PLACES = frozenset({"Pump", "Line"})
"""Where a fault is one of what is under test: the pump, its reservoir and its line. All else is the rig's."""


class Outcome(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    """By every test that was made for it."""
    BY_OTHERS = "caught by others"
    """A test made for it let it through, and another one caught it."""
    DOUBTED = "doubted"
    """Nothing that ran passed it off as sound and nothing caught it, either: inconclusive, or not named."""
    SLIPPED = "slipped through"
    """All passed."""
    UNTRIED = "not tried"
    """No test could be run on it."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tried(_Model):
    """What one test said."""

    test: str = Field(description="id of the test in its plan")
    procedure: str
    verdict: Verdict
    not_met: list[str] = Field(description="measurements that did not pass")
    reason: str
    named: bool = Field(description="whether the words tell of the fault; true where no words are expected")
    plan: str = Field(default="", description="file of the plan that the test is of")

    @property
    def passed(self) -> bool:
        """Whether it saw nothing."""
        return self.verdict is Verdict.PASS


class FaultScore(_Model):
    """One fault, with its settings, and all that was tried on it."""

    fault: str
    settings: str = Field(description="those that are not the fault's own defaults")
    place: str = Field(description="where it acts: Pump, Line, Balance …")
    what: str = Field(description="what it does")
    own: list[Tried] = Field(description="tests made for it")
    others: list[Tried] = []
    lacking: list[str] = Field(default=[], description="why tests made for it could not be run")

    @property
    def of_pump(self) -> bool:
        """Whether it is a fault of what is under test."""
        return self.place in PUMP_PLACES

    def caught_by(self, tried: Tried) -> bool:
        """Tell whether a test caught it: failed a faulty pump, or did not let a faulty rig pass."""
        if self.of_pump:
            return tried.verdict is Verdict.FAIL and tried.named
        return not tried.passed and tried.named

    @property
    def also(self) -> list[Tried]:
        """Tests that were not made for it, and caught it."""
        return [each for each in self.others if self.caught_by(each)]

    @property
    def missed_by(self) -> list[Tried]:
        """Tests made for it that did not catch it."""
        return [each for each in self.own if not self.caught_by(each)]

    @property
    def false_blames(self) -> list[Tried]:
        """Tests that failed a healthy pump for a fault of the rig, and no check in their plan shows that."""
        return [each for each in self._blames if each not in self.withdrawn]

    @property
    def withdrawn(self) -> list[Tried]:
        """Tests that failed it, in a plan of which a check fails, too: in a run of the plan they are inconclusive."""
        shown = {each.plan for each in self.failed_checks}
        return [each for each in self._blames if each.plan in shown]

    @property
    def failed_checks(self) -> list[Tried]:
        """Checks of the bench that failed."""
        tried = [*self.own, *self.others]
        return [each for each in tried if each.procedure == "check" and each.verdict is Verdict.FAIL]

    @property
    def _blames(self) -> list[Tried]:
        if self.of_pump:
            return []
        tried = [*self.own, *self.others]
        return [each for each in tried if each.verdict is Verdict.FAIL and each.procedure not in OF_THE_BENCH]

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        tried = [*self.own, *self.others]
        if not tried:
            return Outcome.UNTRIED
        if self.own and not self.lacking and not self.missed_by:
            return Outcome.CAUGHT
        if any(self.caught_by(each) for each in tried):
            return Outcome.BY_OTHERS
        return Outcome.SLIPPED if all(each.passed for each in tried) else Outcome.DOUBTED


class FalseAlarm(_Model):
    """A test that did not pass a healthy pump."""

    seed: int
    tried: Tried


class Score(_Model):
    """The score of a plan set on the twin of a rig. Simulated throughout."""

    rig: str
    plans: list[str]
    tests: list[str]
    left_out: list[str] = Field(description="tests that the rig cannot run, and why")
    seed: int = Field(description="of the pump that the faults were tried on, and of the first healthy one")
    own_only: bool = Field(description="whether each fault was tried by nothing but the tests known to see it")
    faults: list[FaultScore]
    healthy: int = Field(description="healthy pumps, each through every test")
    healthy_runs: int
    false_alarms: list[FalseAlarm]

    def having(self, outcome: Outcome) -> list[FaultScore]:
        """Return the faults of which this became."""
        return [each for each in self.faults if each.outcome is outcome]

    @property
    def perfect(self) -> bool:
        """Whether each fault was caught by the tests made for it, and no healthy pump caused an alarm."""
        return len(self.having(Outcome.CAUGHT)) == len(self.faults) and not self.false_alarms
