"""Procedure `bolus`: the same bolus many times over, each weighed by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bench.metrology.readings import within
from bench.metrology.shares import BAND_PERCENTS
from bench.plan.model import Plan
from bench.procedures.base import Context, MeasurementSpec, ProcedureSettings, Stage
from bench.procedures.bolus.course import restorers
from bench.procedures.bolus.evaluation import BolusRow, measure, nothing_measured
from bench.procedures.bolus.figures import mass_figure, row_figures, simulated_words, tables
from bench.procedures.bolus.meanwhile import Meanwhile
from bench.procedures.bolus.planning import POLL_S, TYPICAL_SPEED_UL_PER_MIN, planned_boluses
from bench.procedures.bolus.settling import StillToCome, still_to_come
from bench.procedures.bolus.weighing import (
    SHORTEST_WINDOW_S,
    CommandedBolus,
    bolus_doubts,
    commanded_boluses,
    too_soon,
    weigh,
    with_arrivals,
)
from bench.procedures.shared.alarms import alarm_findings, blocking
from bench.procedures.shared.common import record_blank, start_basal, stop_basal
from bench.procedures.shared.corrections import corrections_table
from bench.procedures.shared.findings import recording_findings
from bench.procedures.shared.weighing import Weighing, weigh_record
from bench.quantities import Duration, Quantity, Rate, Volume
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation
from drivers.errors import InstrumentError
from drivers.roles import Balance, DeliversBasal, DeliversBolus

SECONDS_PER_HOUR = 3600.0
DEFAULT_INCREMENT = Quantity(0.05, "U")
"""What basal is metered in where the plan does not say."""
SLOWEST_SPEED_UL_PER_MIN = 2.5
LONGEST_START_S = 120.0


class BolusSettings(ProcedureSettings):
    """What a bolus test delivers, and how long it waits."""

    volume: Volume = Field(description="volume of every bolus", examples=["0.1 U", "10 µL"])
    count: Annotated[int, Field(ge=1, le=1000)] = Field(default=25, description="number of boluses")
    interval: Duration = Field(
        default=Quantity(90.0, "s"),
        description="from the end of a bolus, as the pump reports it, to the command of the next",
    )
    settle: Duration = Field(
        default=Quantity(60.0, "s"),
        description="what arrives so long after the reported end belongs to the bolus; then it is weighed",
    )
    basal: Rate | None = Field(default=None, description="basal rate that runs meanwhile; none: basal is off")
    blank: Duration = Field(
        default=Quantity(10.0, "min"), description="weighing without delivery before the first and after the last bolus"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.volume.value <= 0.0:
            raise ValueError(f"`volume` must be more than nothing, not {self.volume}")
        if self.basal is not None and self.basal.value <= 0.0:
            raise ValueError(f"`basal` must be more than nothing, not {self.basal}; without the key basal is off")
        if self.settle.value < 0.0 or self.blank.value < 0.0:
            raise ValueError("`settle` and `blank` cannot be negative")
        if self.interval.to("s") - self.settle.to("s") < SHORTEST_WINDOW_S:
            raise ValueError(
                f"`interval` must leave {SHORTEST_WINDOW_S:g} s for weighing after `settle`:"
                f" {self.interval} less {self.settle} is too short"
            )
        return self


def _wider(band: int) -> tuple[str, ...]:
    """Return the shares within wider bands."""
    return tuple(f"within_{wider}_percent" for wider in BAND_PERCENTS if wider > band)


def _catalogue() -> dict[str, MeasurementSpec]:
    catalogue = {
        "mean_error": MeasurementSpec("mean error of the boluses", "ratio", "%", perfect=0.0),
        "mean_volume": MeasurementSpec("mean volume of the boluses", "volume", "U", (0.0, None)),
        "bolus_sd": MeasurementSpec(
            "standard deviation of the boluses, of commanded, without that of weighing", "ratio", "%", (0.0, None)
        ),
        "largest_positive_deviation": MeasurementSpec(
            "largest deviation upwards", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
        "largest_negative_deviation": MeasurementSpec(
            "largest deviation downwards", "ratio", "%", instead=("mean_error",), perfect=0.0
        ),
    }
    for band in BAND_PERCENTS:
        catalogue[f"within_{band}_percent"] = MeasurementSpec(
            f"boluses within ±{band} % of commanded", "ratio", "%", (0.0, 100.0), _wider(band)
        )
    catalogue["delivery_time"] = MeasurementSpec(
        "mean time from command to 95 % on the balance", "duration", "s", (0.0, None)
    )
    catalogue["tail_fraction"] = MeasurementSpec(
        "part that arrives after the pump says done", "ratio", "%", (0.0, 100.0)
    )
    catalogue["reported_difference"] = MeasurementSpec(
        "reported by the pump minus weighed, of commanded", "ratio", "%", perfect=0.0
    )
    return catalogue


class Bolus:
    """The same bolus many times over, each weighed by itself."""

    name: ClassVar[str] = "bolus"
    summary: ClassVar[str] = "volume of each of a row of equal boluses, and when it arrived"
    Settings: ClassVar[type[ProcedureSettings]] = BolusSettings
    measurements: ClassVar[Mapping[str, MeasurementSpec]] = _catalogue()

    def requires(self, settings: BolusSettings) -> Mapping[str, Sequence[type]]:
        """Return what the pump must be able to do, and that there is a balance."""
        pump = [DeliversBolus] if settings.basal is None else [DeliversBolus, DeliversBasal]
        return {"pump": pump, "balance": [Balance]}

    def expected_duration_s(self, settings: BolusSettings, plan: Plan) -> float:
        """Return both blanks and every bolus with its interval, at the usual speed of 1.5 U/min."""
        volume_ul = settings.volume.to("µL", plan.pump.insulin)
        one_s = 60.0 * volume_ul / TYPICAL_SPEED_UL_PER_MIN + settings.interval.to("s")
        return 2.0 * settings.blank.to("s") + settings.count * one_s

    def planned_uncertainty(self, settings: BolusSettings, context: Context) -> Mapping[str, tuple[float, str]]:
        """Return what the rig file foretells for the mean and for a single bolus."""
        volume_ul = settings.volume.to("µL", context.concentration)
        interval_s = 60.0 * volume_ul / TYPICAL_SPEED_UL_PER_MIN + settings.interval.to("s")
        return planned_boluses(volume_ul, settings.count, interval_s, settings.blank.to("s"), context)

    def drive(self, settings: BolusSettings, stage: Stage) -> None:
        """Weigh a blank, deliver the boluses one by one, weigh a blank again; an alarm that blocks ends it early."""
        record_blank(stage, settings.blank.to("s"))
        concentration = stage.context.concentration
        volume_ul = settings.volume.to("µL", concentration)
        if settings.basal is not None:
            start_basal(stage, settings.basal.to("µL/h", concentration))
            stage.wait_s(settings.interval.to("s"), "basal before the first bolus")
        for index in range(1, settings.count + 1):
            if not _deliver(stage, index, settings.count, volume_ul):
                break
            stage.wait_s(settings.interval.to("s"), f"bolus {index} of {settings.count}: settling")
        if settings.basal is not None:
            stop_basal(stage)
        record_blank(stage, settings.blank.to("s"))

    def evaluate(self, settings: BolusSettings, record: TestRecord, context: Context) -> Evaluation:
        """Weigh every bolus and sum them up."""
        weighing = weigh_record(record, context)
        boluses = commanded_boluses(record, settings.settle.to("s"), settings.interval.to("s"))
        notes, doubts = recording_findings(record, weighing, context)
        row = weighed_row(settings, weighing, boluses, context)
        alarm_notes, alarm_doubts = alarm_findings(record)
        soon = too_soon(boluses, settings.settle.to("s"))
        settled = sum(bolus.settled for bolus in boluses)
        missing = _missing(settings.count, len(boluses), len(row.weighed), settled)
        doubts = [*alarm_doubts, *missing, *soon, *_weighing_doubts(weighing, row), *doubts]
        notes = [*alarm_notes, *notes]
        words = simulated_words(record.simulated)
        figures = [mass_figure(weighing.time_s, weighing.mass_mg, boluses, record.start_s, words)]
        if not row.weighed:
            why = "each bolus was followed by the next before it had settled" if soon else "no bolus could be weighed"
            return Evaluation(
                measurements=nothing_measured(self.measurements, why), figures=figures, notes=notes, doubts=doubts
            )
        measured = measure(row, self.measurements)
        first, last = row.weighed[0].bolus, row.weighed[-1].bolus
        corrected = corrections_table(weighing, context, first.before, last.after)
        return Evaluation(
            measurements=measured,
            pulses=row.pulses(),
            tables=[*tables(row, {one.name: one for one in measured}), *corrected],
            figures=[*figures, *row_figures(row, words)],
            notes=notes,
            doubts=doubts,
        )


def weighed_row(
    settings: BolusSettings, weighing: Weighing, boluses: Sequence[CommandedBolus], context: Context
) -> BolusRow:
    """Weigh every bolus that has both its windows."""
    commanded_ul = settings.volume.to("µL", context.concentration)
    drift_mg_per_s = -weighing.loss_mg_per_s
    rate_ul_per_h = 0.0
    if settings.basal is not None:
        rate_ul_per_h = settings.basal.to("µL/h", context.concentration)
        drift_mg_per_s += rate_ul_per_h / SECONDS_PER_HOUR / weighing.conversion.ul_per_mg
    shown, mass_mg = weighing.time_s, weighing.mass_mg
    weighed = [
        one for bolus in boluses if (one := weigh(shown, mass_mg, bolus, drift_mg_per_s, weighing.noise)) is not None
    ]
    to_come = still_to_come(weighed, weighing.noise) if weighed else StillToCome(0.0, 0.0)
    made_good = restorers([within(shown, mass_mg, blank) for blank in weighing.blanks])
    weighed = with_arrivals(weighed, to_come.mass_mg, made_good)
    basal = None
    if settings.basal is not None and weighed:
        increment = context.plan.pump.basal_increment or DEFAULT_INCREMENT
        basal = Meanwhile(rate_ul_per_h, increment.to("µL", context.concentration))
    return BolusRow(weighed, weighing, commanded_ul, context.concentration.ul_per_u, to_come, basal)


def _weighing_doubts(weighing: Weighing, row: BolusRow) -> list[str]:
    return bolus_doubts(weighing.time_s, weighing.shown_mg, row.weighed, weighing.noise)


def _missing(count: int, delivered: int, weighed: int, settled: int) -> list[str]:
    doubts = []
    if delivered < count:
        doubts.append(f"Only {delivered} of {count} boluses were delivered.")
    if weighed < settled:
        doubts.append(f"Only {weighed} of {settled} boluses could be weighed: the balance's readings have gaps.")
    return doubts


def _deliver(stage: Stage, index: int, count: int, volume_ul: float) -> bool:
    """Deliver one bolus and wait for its end; return whether the next one may follow."""
    pump = stage.pump_as(DeliversBolus)
    if _blocked(stage, index):
        return False
    sent_s = stage.clock.now_s()
    try:
        pump.start_bolus(volume_ul)
    except InstrumentError:
        # An alarm may have come since the last look: then that is what ends the test, not the refusal.
        stage.wait_s(1.0, "looking for the reason of a refused bolus")
        if _blocked(stage, index):
            return False
        raise
    acknowledged_s = stage.clock.now_s()
    stage.event("bolus commanded", index=index, volume_ul=volume_ul, sent_s=sent_s, acknowledged_s=acknowledged_s)
    active_s = acknowledged_s

    def done() -> bool:
        nonlocal active_s
        asked_s = stage.clock.now_s()
        if pump.bolus_status().active:
            active_s = asked_s
            return False
        return True

    timeout_s = LONGEST_START_S + 60.0 * volume_ul / SLOWEST_SPEED_UL_PER_MIN
    ended = stage.wait_until(done, timeout_s, f"bolus {index} of {count}", POLL_S)
    if not ended:
        pump.cancel_bolus()
    stage.event(
        "bolus done", index=index, reported_ul=pump.bolus_status().delivered_ul, active_s=active_s, cancelled=not ended
    )
    return ended


def _blocked(stage: Stage, index: int) -> bool:
    """Whether an alarm blocks delivery; if so, say before which bolus."""
    alarm = blocking(stage.alarms())
    if alarm is not None:
        stage.event("boluses ended early", before_index=index, code=alarm.code, text=alarm.text)
    return alarm is not None


PROCEDURE = Bolus()
