"""Procedure `basal`: a constant basal rate, weighed from the first command on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.metrology.observation import AMBULATORY_WINDOWS_S, HOUR_S, INFUSION_WINDOWS_S
from bench.plan.model import Plan
from bench.procedures.basal.continuity import MEASURED_MINUTES
from bench.procedures.basal.evaluation import evaluate_basal
from bench.procedures.basal.planning import PlannedBasal, planned
from bench.procedures.basal.trumpet_measurements import error_name, extreme_name
from bench.procedures.basal.windows import MARD_MINUTES, PULSE_MEANS
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.shared.alarms import blocking
from bench.procedures.shared.common import let_settle, record_blank, start_basal, stop_basal
from bench.procedures.shared.extent import duration_doubts
from bench.procedures.shared.levels import SETTLE_S
from bench.quantities import Duration, Quantity, Rate
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.roles import Balance, DeliversBasal

POLL_S = 2.0


class BasalSettings(ProcedureSettings):
    """Which rate is delivered for how long, and how it is looked at."""

    rate: Rate = Field(description="commanded basal rate", examples=["1 U/h"])
    duration: Duration = Field(description="from the first command to the stop", examples=["24 h"])
    blank: Duration = Field(
        default=Quantity(30.0, "min"),
        description="weighing without delivery before the first command and after the stop",
    )
    stabilisation: Duration = Field(
        default=Quantity(0.0, "h"),
        description="how much of the start the trumpet leaves out; everything else keeps it",
    )
    trumpet: Literal["by pump", "ambulatory", "shot cycles", "infusion"] = Field(
        default="by pump",
        description="observation windows: 15 to 930 min (ambulatory), whole pulse intervals (shot cycles), 2 to 31 min "
        "(infusion); by pump: ambulatory, and shot cycles for a pulsed pump or infusion for a continuous one",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rate.value <= 0.0:
            raise ValueError(f"`rate` must be more than nothing, not {self.rate}")
        if self.duration.to("s") < 60.0:
            raise ValueError(f"`duration` must be a minute or more, not {self.duration}")
        if self.blank.value < 0.0:
            raise ValueError(f"`blank` cannot be negative: {self.blank}")
        if not 0.0 <= self.stabilisation.to("s") < self.duration.to("s"):
            raise ValueError(f"`stabilisation` must be shorter than `duration`, not {self.stabilisation}")
        return self


def _wider(window_s: float) -> tuple[str, ...]:
    """Return what has wider windows: the trumpet's, and the whole delivery."""
    return (*(error_name(wider_s) for wider_s in AMBULATORY_WINDOWS_S if wider_s > window_s), "mean_error")


def _trumpet() -> dict[str, MeasurementSpec]:
    found = {}
    for window_s in AMBULATORY_WINDOWS_S:
        title = f"trumpet: largest error over {window_s / 60.0:.0f} min, by size"
        found[error_name(window_s)] = MeasurementSpec(title, "ratio", "%", (0.0, None), _wider(window_s))
    for largest in (True, False):
        words = "largest error, Ep(max)," if largest else "least error, Ep(min),"
        for window_s in INFUSION_WINDOWS_S:
            wider = [extreme_name(wider_s, largest=largest) for wider_s in INFUSION_WINDOWS_S if wider_s > window_s]
            title = f"infusion trumpet: {words} over {window_s / 60.0:.0f} min"
            found[extreme_name(window_s, largest=largest)] = MeasurementSpec(
                title, "ratio", "%", instead=(*wider, "mean_error"), perfect=0.0
            )
    return found


def _longer_means(pulses: int) -> tuple[str, ...]:
    """Return the shares of means over more pulses, and of hours."""
    longer = (f"means_of_{number}_pulses_within_15_percent" for number in PULSE_MEANS if number > pulses)
    return (*longer, "hourly_windows_within_15_percent")


def _catalogue() -> dict[str, MeasurementSpec]:
    catalogue = {
        "mean_error": MeasurementSpec("mean error of the rate, from the first command", "ratio", "%", perfect=0.0),
        "total_volume": MeasurementSpec("volume delivered in all", "volume", "U", (0.0, None)),
    }
    for hours in (1, 6, 12):
        catalogue[f"delivered_{hours}h"] = MeasurementSpec(
            f"delivered {hours} h after the first command", "volume", "U", (0.0, None)
        )
    catalogue |= {
        "hourly_windows_within_15_percent": MeasurementSpec(
            "hours within ±15 % of commanded", "ratio", "%", (0.0, 100.0)
        ),
        "largest_hourly_error": MeasurementSpec(
            "largest error of an hour, by size", "ratio", "%", (0.0, None), _wider(HOUR_S)
        ),
    }
    catalogue["pulses_within_15_percent"] = MeasurementSpec(
        "single pulses within ±15 % of commanded", "ratio", "%", (0.0, 100.0), _longer_means(1)
    )
    for number in PULSE_MEANS:
        catalogue[f"means_of_{number}_pulses_within_15_percent"] = MeasurementSpec(
            f"means over {number} pulses within ±15 % of commanded", "ratio", "%", (0.0, 100.0), _longer_means(number)
        )
    for minutes in MARD_MINUTES:
        catalogue[f"mard_{minutes}min"] = MeasurementSpec(
            f"mean absolute relative difference of {minutes} min windows",
            "ratio",
            "%",
            (0.0, None),
            tuple(f"mard_{longer}min" for longer in MARD_MINUTES if longer > minutes),
        )
    for minutes in MEASURED_MINUTES:
        catalogue[f"pk_cv_{minutes}min"] = MeasurementSpec(
            f"flow continuity: PK-CV for a half-life of {minutes} min",
            "ratio",
            "%",
            (0.0, None),
            tuple(f"pk_cv_{longer}min" for longer in MEASURED_MINUTES if longer > minutes),
        )
    catalogue |= _trumpet()
    return catalogue | {
        "mean_pulse_volume": MeasurementSpec("mean volume of a pulse", "volume", "U", (0.0, None)),
        "pulse_volume_sd": MeasurementSpec("standard deviation of pulses, of their mean", "ratio", "%", (0.0, None)),
        "mean_pulse_interval": MeasurementSpec("mean time between pulses", "duration", "s", (0.0, None)),
        "missed_pulses": MeasurementSpec("pulses that did not come", "count", "", (0.0, None)),
        "doubled_pulses": MeasurementSpec("pulses of twice the volume", "count", "", (0.0, None)),
        "extra_pulses": MeasurementSpec("pulses out of turn", "count", "", (0.0, None)),
    }


class Basal:
    """A constant basal rate, weighed from the first command on."""

    name: ClassVar[str] = "basal"
    partial: ClassVar[bool] = True
    summary: ClassVar[str] = "volume, steadiness and every pulse of a constant basal rate"
    Settings: ClassVar[type[ProcedureSettings]] = BasalSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = _catalogue()

    def requires(self, settings: BasalSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and that there is a balance."""
        del settings
        return {"pump": [DeliversBasal], "balance": [Balance]}

    def expected_duration_s(self, settings: BasalSettings, plan: Plan) -> float:
        """Return delivery, both blanks and settling."""
        del plan
        return settings.duration.to("s") + 2.0 * settings.blank.to("s") + SETTLE_S

    def planned_uncertainty(self, settings: BasalSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for everything that is measured."""
        concentration, pump = context.concentration, context.plan.pump
        increment = pump.basal_increment if pump.delivery == "pulsed" else None
        hours = settings.duration.to("h")
        basal = PlannedBasal(
            rate_ul_per_h=settings.rate.to("µL/h", concentration),
            hours=hours,
            blank_hours=settings.blank.to("h"),
            increment_ul=increment.to("µL", concentration) if increment is not None else math.nan,
            windows_hours=hours - settings.stabilisation.to("h"),
            trumpet=settings.trumpet,
            context=context,
        )
        return planned(basal)

    def drive(self, settings: BasalSettings, stage: Stage) -> None:
        """Weigh a blank, deliver, stop, let the line settle, weigh a blank again; a blocking alarm ends it early."""
        record_blank(stage, settings.blank.to("s"))
        start_basal(stage, settings.rate.to("µL/h", stage.context.concentration))
        blocked = stage.wait_until(
            lambda: blocking(stage.alarms()) is not None, settings.duration.to("s"), f"basal {settings.rate}", POLL_S
        )
        if blocked:
            alarm = blocking(stage.alarms())
            stage.event("basal ended early", code=alarm.code if alarm else "", text=alarm.text if alarm else "")
        stop_basal(stage)
        let_settle(stage)
        record_blank(stage, settings.blank.to("s"))

    def evaluate(self, settings: BasalSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh the delivery as a whole, by the hour, by window and by pulse."""
        concentration = context.concentration
        increment = context.plan.pump.basal_increment
        pulsed = context.plan.pump.delivery == "pulsed"
        evaluation = evaluate_basal(
            record,
            context,
            self.measurements,
            rate_ul_per_h=settings.rate.to("µL/h", concentration),
            increment_ul=math.nan if not pulsed else 0.0 if increment is None else increment.to("µL", concentration),
            stabilisation_s=settings.stabilisation.to("s"),
            trumpet=settings.trumpet,
        )
        doubts = [*evaluation.doubts, *duration_doubts(record, settings.duration)]
        return evaluation.model_copy(update={"doubts": doubts})


PROCEDURE = Basal()
