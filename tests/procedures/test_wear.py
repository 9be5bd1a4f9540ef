"""Days of wear: what a plan may say, what is done to the pump, and what is found of days that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bench.plan.model import PlanError
from bench.procedures.base import Context
from bench.procedures.wear.procedure import PROCEDURE
from bench.procedures.wear.settings import WearSettings
from bench.results.model import Evaluation
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from drivers.errors import RefusedError
from drivers.roles import DeliveryState, OperatorAnswer, OperatorRequest, Primes, TakesReservoir
from tests.procedures.made_contexts import UL_PER_MG, context
from tests.procedures.made_days import measured, table, value
from tests.procedures.made_recordings import Happening, Made, pulses_mg
from tests.procedures.staged import Staged
from tests.procedures.test_profile_drive import DayPump
from tests.system.in_process import rig_text

HOUR_S = 3600.0
BLANK_S = 600.0
SEGMENTS = '[{at: "00:00", rate: 0.6 U/h}, {at: "06:00", rate: 1.2 U/h}]'
CHANGE = ", reservoir_change: {at: 30 h, filled: 300 U, prime: 10 U}"


def of(more: str = "", segments: str = SEGMENTS, limit: str = "mean_error: ±5 %") -> Context:
    test = f"{{id: T-1, procedure: wear, segments: {segments}, blank: 10 min{more}, accept: {{{limit}}}}}"
    return context(f"  - {test}\n")


def settings(found: Context) -> WearSettings:
    made = found.plan.tests[0].settings
    assert isinstance(made, WearSettings)
    return made


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", duration: 3 h", "6 h or more"),
        (", part: 10 min", "30 min to the whole wear time"),
        (", duration: 8 h, part: 9 h", "30 min to the whole wear time"),
        (", daily: [{at: 25 h, bolus: 4 U}]", "before the stop"),
        (
            f'{CHANGE}, daily: [{{at: "06:05", bolus: 4 U}}]',
            r"bolus 4 U at day 2 06:05 .*falls into the change",
        ),
        (", reservoir_change: {at: 71.9 h, filled: 300 U}", "must lie within the wear time of 72 h"),
        (', daily: [{at: "07:00", bolus: 4.01 U}]', "no whole number of the `bolus_increment`"),
    ],
)
def test_what_contradicts_itself_is_refused(more: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        of(more)


@pytest.mark.parametrize(
    ("more", "limit", "message"),
    [
        (", duration: 20 h", "error_drift: ±5 %", "takes 4 parts of 6 h, and 20 h has 3: make `duration` longer"),
        (", duration: 6 h, part: 2 h", "error_drift: ±5 %", "takes 4 parts of 2 h, and 6 h has 3"),
        ("", "volume_at_reservoir_change: 9 U to 11 U", "not measured without a `reservoir_change`"),
    ],
)
def test_a_limit_on_what_is_never_measured_is_refused(more: str, limit: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        of(more, limit=limit)
    of(more.replace("duration: 20 h", "duration: 21.1 h").replace("2 h", "1.6 h") + CHANGE * (not more), limit=limit)


def test_a_reservoir_change_needs_an_operator_and_a_pump_that_is_told_and_primes() -> None:
    needs = PROCEDURE.requires(settings(of(CHANGE)))
    assert {TakesReservoir, Primes} <= set(needs["pump"])
    rig = load_rig(rig_text(), name="rig.yaml")
    bare = replace(rig, instruments={role: spec for role, spec in rig.instruments.items() if role != "operator"})
    assert misfits(rig, needs) == []
    (refused,) = misfits(bare, needs)
    assert "an operator" in refused
    without = PROCEDURE.requires(settings(of()))
    assert not {TakesReservoir, Primes} & set(without["pump"])
    assert misfits(bare, without) == []


@dataclass
class WornPump(DayPump):
    """A pump that takes a reservoir and primes it in half a minute."""

    primed_s: float = -1.0

    def reservoir_filled(self, volume_ul: float) -> None:
        self._say(f"filled {volume_ul:g}")

    def prime(self, volume_ul: float) -> None:
        self.primed_s = self.clock.now_s() + 30.0
        self._say(f"prime {volume_ul:g}")

    def state(self) -> DeliveryState:
        return DeliveryState.PRIMING if self.clock.now_s() < self.primed_s else DeliveryState.BASAL


class Hands(Staged):
    """A stage whose operator takes his time, or says why not."""

    def __init__(self, context: Context, takes_s: float = 20.0, refuses: str = "") -> None:
        super().__init__(context)
        self.pump = WornPump(self.clock, log=self.pump.log)
        self.takes_s, self.refuses = takes_s, refuses

    def ask(self, request: OperatorRequest) -> OperatorAnswer:
        self.clock.sleep_s(self.takes_s)
        self.pump.log.append(f"{self.clock.now_s():.0f} {request.action.value} {request.value:g} {request.unit}")
        return OperatorAnswer(not self.refuses, self.refuses, self.clock.now_s())


def worn(more: str, takes_s: float = 20.0) -> Hands:
    stage = Hands(of(more), takes_s)
    PROCEDURE.drive(settings(stage.context), stage)
    return stage


def test_every_day_is_the_same_and_the_last_is_cut() -> None:
    stage = worn(', duration: 55 h, daily: [{at: "08:00", bolus: 4 U}, {at: "12:00", temporary: 50 %, lasting: 1 h}]')
    boluses = [(event["sent_s"] - BLANK_S) / HOUR_S for event in stage.data("bolus commanded")]
    assert boluses == pytest.approx([8.0, 32.0])
    assert [event["index"] for event in stage.data("bolus done")] == [1, 2]
    assert len(stage.data("temporary basal commanded")) == 2
    (stopped,) = [at_s for at_s, kind, _ in stage.events if kind == "basal stopped"]
    assert stopped == pytest.approx(BLANK_S + 55 * HOUR_S)


def test_after_a_new_reservoir_the_day_goes_on_where_it_is() -> None:
    stage = worn(f", duration: 40 h{CHANGE}")
    told = stage.data("profile commanded")
    assert told[0]["segments"] == [[0.0, 6.0], [6 * HOUR_S, 12.0]]
    began_s = told[1]["sent_s"] - BLANK_S
    # Settling, the operator's 20 s, half a minute of priming, settling.
    assert began_s == pytest.approx(30 * HOUR_S + 120.0 + 20.0 + 30.0 + 180.0, abs=2.0)
    assert told[1]["into_day_s"] == pytest.approx(began_s - 24 * HOUR_S)
    now, night, morning = told[1]["segments"]
    assert now == [0.0, 12.0]
    assert (night[1], morning[1]) == (6.0, 12.0)
    assert night[0] == pytest.approx(48 * HOUR_S - began_s)
    words = ("change_reservoir", "filled", "prime")
    assert [line.split(" ", 1)[1] for line in stage.pump.log if any(word in line for word in words)] == [
        "change_reservoir 3000 µL",
        "filled 3000",
        "prime 100",
    ]
    kinds = stage.kinds()
    assert kinds.index("reservoir change started") < kinds.index("prime commanded") < kinds.index("reservoir changed")
    assert "left out" not in kinds


SOON = ", duration: 6 h, reservoir_change: {at: 1 h, filled: 300 U, prime: 10 U}"


def test_what_falls_due_while_the_operator_is_waited_for_is_left_out_and_told() -> None:
    daily = '[{at: "01:20", bolus: 4 U}, {at: "02:00", suspend: 30 min}, {at: "04:00", bolus: 5 U}]'
    stage = worn(f"{SOON}, daily: {daily}", takes_s=70 * 60.0)
    told = [each["what"] for each in stage.data("left out")]
    assert told == ["bolus 4 U at 01:20", "suspend for 30 min at 02:00"]
    assert [event["volume_ul"] for event in stage.data("bolus commanded")] == [50.0]
    assert not stage.data("delivery resumed")


def test_an_operator_who_comes_after_the_last_hour_ends_the_test() -> None:
    stage = worn(SOON, takes_s=12 * HOUR_S)
    assert len(stage.data("profile commanded")) == 1
    assert stage.kinds()[-1] == "blank ended"


def test_a_refused_change_ends_the_test_with_its_reason() -> None:
    stage = Hands(of(SOON), refuses="no reservoir left")
    with pytest.raises(RefusedError, match="change reservoir: no reservoir left"):
        PROCEDURE.drive(settings(stage.context), stage)
    assert not [line for line in stage.pump.log if "filled" in line]


def made_wear(
    drift_per_day: float,
    first: float,
    hours: float = 30.0,
    change_h: float | None = None,
    left_out: Sequence[str] = (),
    part: str = "6 h",
) -> Evaluation:
    """1 U/h, whose doses grow by so much a day; those of the first 6 h are `first` times as large."""
    more = f", duration: {hours} h, part: {part}"
    change_s, resumed_s = hours * HOUR_S, hours * HOUR_S
    if change_h is not None:
        more += f", reservoir_change: {{at: {change_h} h, filled: 300 U, prime: 10 U}}"
        change_s, resumed_s = change_h * HOUR_S, change_h * HOUR_S + 600.0
    found = of(more, "[{at: 0 h, rate: 1 U/h}]")
    grid = np.arange(180.0, change_s + 1e-6, 180.0)
    if change_h is not None:
        grid = np.concatenate((grid, np.arange(resumed_s + 180.0, hours * HOUR_S + 1e-6, 180.0)))
    doses = [
        (at_s, 0.5 * (1.0 + drift_per_day * at_s / 86400.0) * (first if at_s <= 6 * HOUR_S else 1.0))
        for at_s in grid.tolist()
    ]
    segments = [[0.0, 10.0]]
    told: list[Happening] = [(0.0, "profile commanded", {"segments": segments})]
    if change_h is not None:
        told += [
            (change_s, "basal stopped", {}),
            (change_s + 420.0, "prime commanded", {"volume_ul": 100.0}),
            *((resumed_s, "left out", {"what": each}) for each in left_out),
            (resumed_s, "profile commanded", {"segments": segments}),
        ]
        doses += [(change_s + 420.0 + 0.15 * i, 0.5) for i in range(1, 201)]
    told.append((hours * HOUR_S, "basal stopped", {}))
    end_s = BLANK_S + hours * HOUR_S
    made = Made(end_s + 60.0 + BLANK_S)
    made.events = [
        (0.0, "blank started", {}),
        (BLANK_S, "blank ended", {}),
        *((BLANK_S + t, k, {**d, "sent_s": BLANK_S + t, "acknowledged_s": BLANK_S + t}) for t, k, d in told),
        (end_s + 60.0, "blank started", {}),
        (made.duration_s, "blank ended", {}),
    ]
    pulses = [(BLANK_S + at_s, volume_ul / UL_PER_MG) for at_s, volume_ul in sorted(doses)]
    made.balance(lambda time_s: pulses_mg(time_s, pulses), 1, 0.5)
    made.climate()
    return PROCEDURE.evaluate(settings(found), made.in_memory(), found)


def test_a_drift_of_the_error_is_told_by_the_day() -> None:
    found = made_wear(0.05, 1.0)
    drift = measured(found, "error_drift")
    assert drift.expanded_uncertainty is not None
    assert drift.value == pytest.approx(5.0, abs=drift.expanded_uncertainty)
    assert drift.expanded_uncertainty < 1.5
    assert "5 parts of 6 h" in drift.note
    assert found.findings[0].startswith("Delivery drifts over the wear time, by +5")
    assert "fades" not in found.findings[0]
    assert value(found, "largest_daily_error") == pytest.approx(2.5, abs=0.6)
    assert [row[0] for row in table(found, "days").rows] == ["day 1"]
    assert "volume_at_reservoir_change" not in {each.name for each in found.measurements}


def test_a_short_wear_time_in_short_parts_has_a_drift_too() -> None:
    found = made_wear(-1.2, 1.0, 6.0, part="1 h")
    drift = measured(found, "error_drift")
    assert drift.expanded_uncertainty is not None
    assert drift.value == pytest.approx(-120.0, abs=drift.expanded_uncertainty)
    assert "6 parts of 1 h" in drift.note
    assert "in the first 1 h" in found.findings[0]
    assert found.findings[0].endswith("It fades, as where a plunger slips more and more, or a leak grows.")
    assert (table(found, "parts").title, len(table(found, "parts").rows)) == ("Every 1 h", 6)


def test_the_first_hours_are_kept_and_shown() -> None:
    found = made_wear(0.0, 1.3)
    assert value(found, "first_6h_error") == pytest.approx(30.0, abs=1.0)
    assert value(found, "mean_error") == pytest.approx(30.0 * 6.0 / 30.0, abs=1.0)
    assert table(found, "parts").rows[0][6].startswith(("+30", "+29"))


def test_what_a_new_reservoir_brings_is_no_part_of_the_delivery() -> None:
    found = made_wear(0.0, 1.0, 30.0, 13.0)
    assert value(found, "volume_at_reservoir_change") == pytest.approx(10.0, abs=0.05)
    for name in ("mean_error", "basal_error", "error_drift"):
        one = measured(found, name)
        assert one.value == pytest.approx(0.0, abs=one.expanded_uncertainty), name
    assert value(found, "largest_segment_error") < 2.0
    assert value(found, "largest_daily_error") < 1.0
    assert value(found, "total_volume") == pytest.approx(30.0 - 1.0 / 6.0, abs=0.3)
    assert not found.doubts
    (doubt,) = made_wear(0.0, 1.0, 6.0, 1.0, ["bolus 4 U at 01:05"]).doubts
    assert "left out: bolus 4 U at 01:05" in doubt
