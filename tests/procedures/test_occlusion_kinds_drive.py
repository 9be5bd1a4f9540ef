"""How the other kinds of occlusion tests are driven: several times, opened before the alarm, never shut."""

from __future__ import annotations

import pytest

from bench.procedures.occlusion.procedure import PROCEDURE, OcclusionSettings
from drivers.errors import InstrumentError
from drivers.roles import OcclusionLevel
from tests.procedures.made_contexts import context
from tests.procedures.staged import RefusedError, Staged

TIMES = "run_in: 10 min, timeout: 40 min, release_observation: 5 min, blank: 5 min"
CYCLE_S = 600.0 + 300.0
"""Run-in and release; what comes between ends with the alarm, and a minute of weighing."""


class Pressed(Staged):
    """A stage whose line rises by 0.1 kPa a second once it is shut, above a zero of 2 kPa."""

    shut_s: float | None = None

    def latest(self, channel: str) -> float:
        assert channel == "pressure.pressure_kpa"
        if "occlude" not in self.pump.log or self.pump.log[-1] == "release":
            return 2.0
        if self.shut_s is None:
            self.shut_s = self.clock.now_s()
        return 2.0 + 0.1 * (self.clock.now_s() - self.shut_s)


def entry(words: str) -> str:
    limit = "line_pressure: <= 90 kPa" if "duration" in words else "peak_pressure: <= 150 kPa"
    return f"  - {{id: T-1, procedure: occlusion, {words}, accept: {{{limit}}}}}\n"


def driven(staged: Staged) -> Staged:
    settings = staged.context.plan.tests[0].settings
    assert isinstance(settings, OcclusionSettings)
    PROCEDURE.drive(settings, staged)
    return staged


def test_every_occlusion_waits_for_an_alarm_of_its_own() -> None:
    made = context(entry(f"rate: 3 U/h, repeats: 3, {TIMES}"))
    staged = driven(Staged(made, alarms=[(1500.0, "OCCLUSION"), (3100.0, "OCCLUSION")]))
    once = ["basal 30", "occlude", "stop", "acknowledge", "release"]
    assert staged.pump.log == 3 * once
    assert [data["index"] for data in staged.data("occlusion begun")] == [0, 1, 2]
    shut = [data["acknowledged_s"] for data in staged.data("occluder closed")]
    assert shut == pytest.approx([900.0, 1501.0 + 60.0 + CYCLE_S, 3101.0 + 60.0 + CYCLE_S], abs=3.0)
    # The third waits in vain.
    assert [data["waited_s"] for data in staged.data("no alarm")] == pytest.approx([2400.0])
    planned_s = PROCEDURE.expected_duration_s(made.plan.tests[0].settings, made.plan)
    assert planned_s == pytest.approx(600.0 + 3 * (600.0 + 2400.0 + 120.0 + 300.0))


@pytest.mark.parametrize(
    ("alarms", "shut"),
    [
        ([(1500.0, "EMPTY")], 1),
        ([(1500.0, "OCCLUSION"), (2200.0, "OCCLUSION")], 1),
        ([(1500.0, "LOWRES"), (1600.0, "OCCLUSION")], 3),
    ],
)
def test_another_alarm_or_a_false_one_ends_the_repeating(alarms: list[tuple[float, str]], shut: int) -> None:
    staged = driven(Staged(context(entry(f"rate: 3 U/h, repeats: 3, {TIMES}")), alarms=alarms))
    assert staged.pump.log.count("occlude") == shut
    assert staged.pump.log[-1] in ("release", "acknowledge")
    assert staged.kinds()[-1] == "blank ended"


def test_the_line_is_opened_at_its_pressure_while_the_pump_goes_on() -> None:
    staged = driven(Pressed(context(entry(f"rate: 3 U/h, release_before_alarm_at: 60 kPa, {TIMES}"))))
    assert staged.pump.log == ["basal 30", "occlude", "release", "stop", "acknowledge"]
    opened = staged.data("occluder opened")[0]["sent_s"]
    assert opened == pytest.approx(900.0 + 600.0, abs=1.5)
    assert staged.data("line released before the alarm")[0]["pressure_kpa"] == pytest.approx(62.0, abs=0.2)
    assert staged.data("basal stopped")[0]["sent_s"] == pytest.approx(opened + 300.0, abs=1.0)
    assert staged.kinds()[-3:] == ["settled", "blank started", "blank ended"]


def test_the_line_is_opened_after_its_time() -> None:
    staged = driven(Staged(context(entry(f"bolus: 5 U, release_before_alarm_after: 100 s, {TIMES}"))))
    assert staged.pump.log == ["bolus 50", "occlude", "bolus 50", "release", "stop", "acknowledge"]
    command = staged.data("bolus commanded")[1]["acknowledged_s"]
    assert staged.data("occluder opened")[0]["sent_s"] == pytest.approx(command + 100.0, abs=1.1)


@pytest.mark.parametrize("alarms", [[(1300.0, "OCCLUSION")], []])
def test_what_is_never_to_be_opened_ends_as_any_occlusion(alarms: list[tuple[float, str]]) -> None:
    """An alarm that came first; or a pressure that is not reached, for the stage has no sensor."""
    staged = driven(Staged(context(entry(f"rate: 3 U/h, release_before_alarm_at: 60 kPa, {TIMES}")), alarms=alarms))
    assert staged.pump.log == ["basal 30", "occlude", "stop", "acknowledge", "release"]
    assert "line released before the alarm" not in staged.kinds()


def test_false_alarms_are_acknowledged_and_the_flow_goes_on() -> None:
    words = "rate: 30 U/h, occlude: false, duration: 1 h, release_observation: 2 min, blank: 5 min"
    staged = driven(Staged(context(entry(words)), alarms=[(1000.0, "OCCLUSION"), (2000.0, "OCCLUSION")]))
    assert staged.pump.log == 3 * ["basal 300", "stop", "acknowledge"]
    stops = [data["sent_s"] for data in staged.data("basal stopped")]
    assert stops == pytest.approx([1000.0, 2000.0, 3900.0], abs=1.1)
    assert "occluder closed" not in staged.kinds()
    assert staged.kinds()[-3:] == ["settled", "blank started", "blank ended"]


def test_a_pump_that_alarms_without_end_is_not_restarted_without_end() -> None:
    words = "rate: 30 U/h, occlude: false, duration: 8 h, blank: 5 min"
    staged = driven(Staged(context(entry(words)), alarms=[(400.0 + 10.0 * n, "OCCLUSION") for n in range(200)]))
    assert staged.pump.log.count("basal 300") == 20


def test_an_alarm_in_a_narrowed_line_ends_the_flow() -> None:
    words = "rate: 3 U/h, partial_occlusion: needle valve, duration: 1 h, blank: 5 min"
    staged = driven(Staged(context(entry(words)), alarms=[(1000.0, "OCCLUSION")]))
    assert staged.pump.log == ["basal 30", "stop", "acknowledge"]
    assert staged.data("line narrowed, as declared") == [{"how": "needle valve"}]


def test_the_level_is_set_before_and_put_back_after() -> None:
    staged = driven(Staged(context(entry(f"rate: 3 U/h, level: low, {TIMES}")), alarms=[(1500.0, "OCCLUSION")]))
    assert staged.pump.log[0] == "level low"
    assert staged.pump.log[-1] == "level medium"
    assert staged.data("occlusion level told") == [{"level": "low"}]


def test_the_level_is_put_back_with_the_pump_stopped_when_the_test_breaks_off() -> None:
    staged = Staged(context(entry(f"rate: 3 U/h, level: high, {TIMES}")))

    def lost() -> None:
        raise RefusedError

    staged.occluder.occlude = lost  # type: ignore[method-assign]
    with pytest.raises(InstrumentError):
        driven(staged)
    assert staged.pump.log == ["level high", "basal 30", "stop", "level medium"]
    assert staged.pump.level is OcclusionLevel.MEDIUM
