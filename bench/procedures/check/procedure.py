"""Procedure `check`: does this bench weigh today what it should? Zero, repeatability, check weight, known dose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.metrology.rounding import number
from bench.metrology.scatter import of_scatter
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.check.doser import UNKNOWN, blocking_alarm, clear_alarms, known_dose
from bench.procedures.check.evaluation import evaluate_check
from bench.procedures.check.loads import LEVEL
from bench.procedures.shared.commands import ended, timed
from bench.procedures.shared.common import record_blank
from bench.procedures.shared.operator import ask
from bench.procedures.shared.planning import repeatability_mg, ul_per_mg
from bench.quantities import Concentration, Duration, Quantity, Tolerance, ToleranceOf, VolumeWithin
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliversBolus, Operator, OperatorAction

LEVEL_S = 10.0
HAND_S = 30.0
"""About how long a weight takes to be placed or removed."""
DOSE_SPEED_UL_PER_S = 0.25
POLL_S = 0.5
_DOSE_TIMEOUT_S = 900.0


class CheckSettings(ProcedureSettings):
    """What is checked, and how often."""

    repeats: int = Field(
        default=5, ge=3, le=100, description="how often the check weight is placed, or a level at rest is taken"
    )
    weight: ToleranceOf("mass") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="check weight with its tolerance or certificate's U: an operator places it so often",
        examples=["20 g ± 0.08 mg"],
    )
    dose: VolumeWithin | None = Field(
        default=None,
        description="known volume that a reference doser is told as a bolus: the rig's `doser`, or the pump where it"
        " has none; without ± the certificate of the rig's doser says how well it is known",
        examples=["100 µL", "100 µL ± 0.5 µL"],
    )
    doses: int = Field(default=5, ge=1, le=100, description="how many doses the reference doser gives")
    settle: Duration = Field(default=Quantity(20.0, "s"), description="wait after each load, before its level is taken")
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without anything, before: tells noise and loss"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weight is not None and self.weight.nominal <= 0.0:
            raise ValueError(f"`weight` must be more than nothing, not {self.weight}")
        if self.settle.to("s") < 5.0:
            raise ValueError(f"`settle` must be 5 s or more, not {self.settle}")
        if self.blank.to("s") < 120.0:
            raise ValueError(f"`blank` must be 2 min or more to tell the noise, not {self.blank}")
        return self


class Check:
    """The daily check of the bench."""

    name: ClassVar[str] = "check"
    summary: ClassVar[str] = "daily check of the bench: zero, repeatability, a check weight, a reference doser's volume"
    Settings: ClassVar[type[ProcedureSettings]] = CheckSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = {
        "zero_return": MeasurementSpec("zero after the check less zero before it", "mass", "mg", perfect=0.0),
        "repeatability": MeasurementSpec("standard deviation of repeated weighings", "mass", "mg", (0.0, None)),
        "weight_error": MeasurementSpec("check weight as weighed less its mass", "mass", "mg", perfect=0.0),
        "dose_error": MeasurementSpec("known dose as weighed less its volume", "ratio", "%", perfect=0.0),
        "dose_sd": MeasurementSpec("standard deviation of the known doses", "ratio", "%", (0.0, None)),
    }

    def requires(self, settings: CheckSettings) -> Mapping[str, Sequence[type]]:
        """Return the balance, a doser where a dose is asked for, and an operator where a weight is."""
        needs: dict[str, Sequence[type]] = {"pump": [], "balance": [Balance]}
        if settings.dose is not None:
            needs["doser"] = [DeliversBolus]
        if settings.weight is not None:
            needs["operator"] = [Operator]
        return needs

    def expected_duration_s(self, settings: CheckSettings, plan: Plan) -> float:
        """Return blank, every load with its hand, and every dose."""
        one_s = settings.settle.to("s") + LEVEL_S
        pans = 1 + settings.repeats
        loads_s = settings.repeats * (one_s + 2.0 * HAND_S) if settings.weight is not None else 0.0
        doses_s = 0.0
        if settings.dose is not None:
            each_s = _nominal_ul(settings.dose, plan.pump.insulin) / DOSE_SPEED_UL_PER_S
            doses_s = settings.doses * (each_s + one_s) + one_s
        return settings.blank.to("s") + pans * one_s + loads_s + doses_s

    def planned_uncertainty(self, settings: CheckSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells of weight and doses."""
        own_mg = repeatability_mg(context.rig.balance)
        if own_mg <= 0.0:
            return {}
        words = f"a balance that repeats to {own_mg:.2g} mg"
        zero = 2.0 * math.sqrt(2.0) * own_mg
        chance = 2.0 * of_scatter(own_mg, settings.repeats - 1.0)
        found = {
            "zero_return": (zero, f"{words}, two levels; U = {number(zero, 2)} mg"),
            "repeatability": (chance, f"{words}, {settings.repeats} times; U = {number(chance, 2)} mg"),
        }
        if settings.weight is not None:
            half_mg = settings.weight.to("mg").half_width
            weight = 2.0 * math.hypot(own_mg * math.sqrt(1.5 / settings.repeats), half_mg / math.sqrt(3.0))
            found["weight_error"] = (weight, f"{words}, weight to ±{half_mg:.2g} mg; U = {number(weight, 2)} mg")
        if settings.dose is not None:
            found["dose_error"] = _planned_dose(settings.dose, settings.doses, context, own_mg, words)
        return found

    def drive(self, settings: CheckSettings, stage: Stage) -> None:
        """Weigh a blank, place and remove the weight, or wait, so often; then the doses."""
        stage.pump.stop()
        stage.event("pump stopped")
        stage.wait_s(settings.settle.to("s"), "settling")
        record_blank(stage, settings.blank.to("s"))
        _take(stage, settings, "pan", 0)
        for index in range(1, settings.repeats + 1):
            if settings.weight is not None:
                self._weigh(settings, stage, index)
            _take(stage, settings, "pan", index)
        if settings.dose is not None:
            _dose(settings, stage, _nominal_ul(settings.dose, stage.context.concentration))

    def _weigh(self, settings: CheckSettings, stage: Stage, index: int) -> None:
        nominal = settings.weight.nominal if settings.weight is not None else 0.0
        unit = settings.weight.unit if settings.weight is not None else "g"
        often = f"({index} of {settings.repeats})"
        words = f"Place the check weight of {nominal:g} {unit} on the pan {often}"
        ask(stage, OperatorAction.PLACE_WEIGHT, words, nominal, unit)
        _take(stage, settings, "weight", index)
        words = f"Take the check weight of {nominal:g} {unit} off the pan {often}"
        ask(stage, OperatorAction.REMOVE_WEIGHT, words, nominal, unit)

    def evaluate(self, settings: CheckSettings, record: TestRecord, context: Context) -> Evaluation:
        """Tell zero, repeatability, and what the balance makes of what is known."""
        weight: Tolerance | None = settings.weight.to("mg") if settings.weight is not None else None
        return evaluate_check(
            record,
            context,
            self.measurements,
            weight=weight,
            dose=known_dose(settings.dose, context) if settings.dose is not None else None,
            repeats=settings.repeats,
            doses=settings.doses,
        )


def _nominal_ul(dose: Quantity | Tolerance, insulin: Concentration) -> float:
    return dose.to("µL", insulin) if isinstance(dose, Quantity) else dose.to("µL", insulin).nominal


def _planned_dose(
    asked: Quantity | Tolerance, doses: int, context: Context, own_mg: float, words: str
) -> tuple[float, str]:
    """Return what the rig file foretells of the error of the doses: without end where nothing tells what they hold."""
    dose = known_dose(asked, context)
    if dose.known is None:
        return math.inf, UNKNOWN
    noise_ul = own_mg * math.sqrt(2.0 / doses) * ul_per_mg(context)
    dose_ul = dose.known.standard_uncertainty
    expanded = 200.0 * math.hypot(noise_ul, dose_ul) / dose.nominal_ul
    return expanded, f"{words}, dose to {2.0 * dose_ul:.2g} µL (k = 2); U = {number(expanded, 2)} %"


def _take(stage: Stage, settings: CheckSettings, what: str, index: int) -> None:
    """Let the pan settle and take a level."""
    stage.wait_s(settings.settle.to("s"), f"settling ({what} {index})")
    begin_s = stage.clock.now_s()
    stage.wait_s(LEVEL_S, f"taking a level ({what} {index})")
    stage.event(LEVEL, what=what, index=index, begin_s=begin_s, end_s=stage.clock.now_s())


def _dose(settings: CheckSettings, stage: Stage, volume_ul: float) -> None:
    """Have the doser give its volume so often; a blocking alarm ends that early."""
    doser = stage.doser
    if not isinstance(doser, DeliversBolus):
        raise TypeError("the doser gives no boluses, which collection should have refused")
    clear_alarms(stage)
    _take(stage, settings, "dose", 0)
    for index in range(1, settings.doses + 1):
        stage.event(
            "bolus commanded", index=index, volume_ul=volume_ul, **timed(stage, lambda: doser.start_bolus(volume_ul))
        )
        stage.wait_until(lambda: not doser.bolus_status().active, _DOSE_TIMEOUT_S, f"dose {index}", POLL_S)
        stage.event("bolus done", index=index, **ended(doser.bolus_status()))
        if blocking_alarm(stage) is not None:
            return
        _take(stage, settings, "dose", index)


PROCEDURE = Check()
