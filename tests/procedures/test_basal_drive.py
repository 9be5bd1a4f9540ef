"""What a basal test does to the pump, what it asks for, and what it foretells."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.clock import Clock, SimulatedClock
from bench.metrology.decision import resolvable
from bench.plan.model import PlanError
from bench.procedures import DuplicateProcedureError, _add, registry
from bench.procedures.basal.procedure import PROCEDURE, BasalSettings
from bench.procedures.base import Context, Procedure
from bench.procedures.bolus.procedure import PROCEDURE as BOLUS
from bench.quantities import parse_limit
from drivers.roles import Alarm, DeliversBasal, Occluder, Pump
from tests.procedures.made_contexts import context
from tests.procedures.staged import Waits

TEST = "  - {id: T-1, procedure: basal, rate: 1 U/h, duration: 2 h, blank: 10 min, accept: {mean_error: ±5 %%}%s}\n"


def made_context(more: str = "") -> Context:
    return context(TEST % "" if not more else TEST.replace("%s}", f", {more}}}").replace("%%", "%"))


def settings(of: Context) -> BasalSettings:
    found = of.plan.tests[0].settings
    assert isinstance(found, BasalSettings)
    return found


class Recorder(Waits):
    """A stage that lets time pass and writes down what is done; the pump is itself."""

    def __init__(self, alarm_at_s: float | None = None) -> None:
        self.clock: Clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.context = made_context()
        self.done: list[tuple[float, str]] = []
        self.told: list[tuple[float, str, dict[str, Any]]] = []
        self._alarm_at_s = alarm_at_s

    @property
    def pump(self) -> Pump:
        return self  # type: ignore[return-value]

    @property
    def doser(self) -> Pump:
        return self.pump

    @property
    def occluder(self) -> Occluder:
        raise AssertionError("a basal test needs no occluder")

    def pump_as(self, capability: type[Any]) -> Any:
        assert capability is DeliversBasal
        return self

    def start_basal(self, rate_ul_per_h: float) -> None:
        self.done.append((self.clock.now_s(), f"basal {rate_ul_per_h:g} µL/h"))

    def stop(self) -> None:
        self.done.append((self.clock.now_s(), "stop"))

    def event(self, kind: str, **data: Any) -> float:
        self.told.append((self.clock.now_s(), kind, data))
        return self.clock.now_s()

    def alarms(self) -> Sequence[Alarm]:
        if self._alarm_at_s is None or self.clock.now_s() < self._alarm_at_s:
            return []
        return [Alarm(1, "EMPTY", "Reservoir empty", self._alarm_at_s, self._alarm_at_s)]


def test_a_blank_the_rate_a_stop_and_a_blank() -> None:
    stage = Recorder()
    PROCEDURE.drive(settings(stage.context), stage)
    assert stage.done == [(600.0, "basal 10 µL/h"), (7800.0, "stop")]
    kinds = [(at_s, kind) for at_s, kind, _ in stage.told]
    assert kinds == [
        (0.0, "blank started"),
        (600.0, "blank ended"),
        (600.0, "basal commanded"),
        (7800.0, "basal stopped"),
        (7860.0, "settled"),
        (7860.0, "blank started"),
        (8460.0, "blank ended"),
    ]
    assert stage.told[2][2] == {"rate_ul_per_h": 10.0, "sent_s": 600.0, "acknowledged_s": 600.0}
    assert PROCEDURE.expected_duration_s(settings(stage.context), stage.context.plan) == 8460.0


def test_an_alarm_that_blocks_ends_the_delivery_and_is_named() -> None:
    stage = Recorder(alarm_at_s=1000.0)
    PROCEDURE.drive(settings(stage.context), stage)
    assert stage.done[1] == (1000.0, "stop")
    early = next(data for _, kind, data in stage.told if kind == "basal ended early")
    assert early == {"code": "EMPTY", "text": "Reservoir empty"}
    assert [kind for _, kind, _ in stage.told][-2:] == ["blank started", "blank ended"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("stabilisation: 3 h", "`stabilisation` must be shorter than `duration`"),
        ("trumpet: french horn", "shot cycles"),
        ("rates: 2 U/h", "rates"),
    ],
)
def test_settings_are_checked_where_they_stand(more: str, complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        made_context(more)


def test_foretold_uncertainty_refuses_what_no_rig_like_this_can_decide() -> None:
    of = made_context()
    planned = PROCEDURE.planned_uncertainty(settings(of), of)
    fitting = {"trumpet_error_15min", "trumpet_error_60min", "delivered_1h", "pk_cv_5min"}
    beyond = {name for name in PROCEDURE.measurements if name.startswith(("trumpet", "delivered", "pk_cv"))} - fitting
    missing = {name for name in beyond if name not in planned or math.isinf(planned[name][0])}
    assert missing == beyond
    assert set(planned) == set(PROCEDURE.measurements) - {name for name in beyond if name not in planned}
    expanded, words = planned["mean_error"]
    assert 0.3 < expanded < 3.0
    assert words.startswith("2 h at 10 µL/h = 19.9")
    assert resolvable(parse_limit("±5 %", "ratio"), expanded, "%", words) is None
    refusal = resolvable(parse_limit("±0.1 %", "ratio"), expanded, "%", words)
    assert refusal is not None
    assert "19.9" in refusal
    assert "evaporation" in refusal


def test_low_rates_are_foretold_to_be_harder() -> None:
    of = made_context()
    slow = BasalSettings.model_validate({"rate": "0.1 U/h", "duration": "2 h", "blank": "10 min"})
    fast_error = PROCEDURE.planned_uncertainty(settings(of), of)["mean_error"][0]
    assert PROCEDURE.planned_uncertainty(slow, of)["mean_error"][0] > 5.0 * fast_error


def test_every_procedure_is_found_by_its_name() -> None:
    found = registry()
    assert list(found) == sorted(found)
    assert {"basal", "bolus", "occlusion"} <= set(found)
    assert all(procedure.name == name for name, procedure in found.items())
    assert found["basal"] is PROCEDURE


def test_a_name_taken_twice_names_both_places() -> None:
    class Other:
        name = "basal"

    taken: dict[str, Procedure] = {"basal": PROCEDURE, "bolus": BOLUS}
    with pytest.raises(DuplicateProcedureError, match=r"bench\.procedures\.basal\.procedure and .*test_basal_drive"):
        _add(taken, Other())  # type: ignore[arg-type]
