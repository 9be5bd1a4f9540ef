"""Days of wear: what a plan may say, what is done to the pump, and what is found of days that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bench.plan.model import PlanError
from bench.procedures.base import Context
from bench.procedures.wear.procedure import PROCEDURE, WearSettings
from bench.results.model import Evaluation
from drivers.roles import DeliveryState, Primes, TakesReservoir
from tests.procedures.made_contexts import UL_PER_MG, context
from tests.procedures.made_days import measured, table, value
from tests.procedures.made_recordings import Happening, Made, pulses_mg
from tests.procedures.staged import Staged
from tests.procedures.test_profile_drive import DayPump

HOUR_S = 3600.0
BLANK_S = 600.0
SEGMENTS = '[{at: "00:00", rate: 0.6 U/h}, {at: "06:00", rate: 1.2 U/h}]'
CHANGE = ", reservoir_change: {at: 30 h, filled: 300 U, prime: 10 U}"


def of(more: str = "", segments: str = SEGMENTS) -> Context:
    test = f"{{id: T-1, procedure: wear, segments: {segments}, blank: 10 min{more}, accept: {{mean_error: ±5 %}}}}"
    return context(f"  - {test}\n")


def settings(found: Context) -> WearSettings:
    made = found.plan.tests[0].settings
    assert isinstance(made, WearSettings)
    return made


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", duration: 3 h", "6 h or more"),
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


def test_a_reservoir_change_needs_a_pump_that_is_told_and_primes() -> None:
    assert {TakesReservoir, Primes} <= set(PROCEDURE.requires(settings(of(CHANGE)))["pump"])
    assert not {TakesReservoir, Primes} & set(PROCEDURE.requires(settings(of()))["pump"])


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


def worn(more: str) -> Staged:
    stage = Staged(of(more))
    stage.pump = WornPump(stage.clock, log=stage.pump.log)
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
    # Settling, five minutes for whoever changes it, half a minute of priming, settling.
    assert began_s == pytest.approx(30 * HOUR_S + 120.0 + 300.0 + 30.0 + 180.0, abs=2.0)
    assert told[1]["into_day_s"] == pytest.approx(began_s - 24 * HOUR_S)
    now, night, morning = told[1]["segments"]
    assert now == [0.0, 12.0]
    assert (night[1], morning[1]) == (6.0, 12.0)
    assert night[0] == pytest.approx(48 * HOUR_S - began_s)
    assert [line.split(" ", 1)[1] for line in stage.pump.log if "filled" in line or "prime" in line] == [
        "filled 3000",
        "prime 100",
    ]
    kinds = stage.kinds()
    assert kinds.index("reservoir change started") < kinds.index("prime commanded") < kinds.index("reservoir changed")


def made_wear(drift_per_day: float, first: float, hours: float = 30.0, change_h: float | None = None) -> Evaluation:
    """1 U/h, whose doses grow by so much a day; those of the first 6 h are `first` times as large."""
    more = f", duration: {hours} h"
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
    assert value(found, "largest_daily_error") == pytest.approx(2.5, abs=0.6)
    assert [row[0] for row in table(found, "days").rows] == ["day 1"]
    assert "volume_at_reservoir_change" not in {each.name for each in found.measurements}


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
