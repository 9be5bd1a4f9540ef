"""The reference doser of a check: how well its dose is known, and its alarms where it is another than the pump."""

from __future__ import annotations

from dataclasses import dataclass

from bench.metrology.budget import bounded, component
from bench.procedures.base import Context, Stage
from bench.procedures.shared.alarms import blocking
from bench.quantities import Quantity, Tolerance
from bench.recording.reader import TestRecord
from bench.results.model import Component
from drivers.roles import Alarm, RaisesAlarms

ALARM = "doser alarm"
UNKNOWN = (
    "nothing tells how well the dose is known: write it into the plan as `dose: 100 µL ± 0.5 µL`, or give the rig's"
    " `doser` its calibration"
)
_NAME = "the dose itself"


@dataclass(frozen=True, slots=True)
class KnownDose:
    """What a dose holds, in µL, and the line of a budget in % that says how well that is known; None if nothing does.

    A half width in the plan counts; without one, the certificate of the rig's doser.
    """

    nominal_ul: float
    known: Component | None


def known_dose(dose: Quantity | Tolerance, context: Context) -> KnownDose:
    """Return what plan and rig know of a dose."""
    if isinstance(dose, Tolerance):
        within = dose.to("µL", context.concentration)
        per_ul = 100.0 / within.nominal
        return KnownDose(within.nominal, bounded(_NAME, within.half_width, "µL", per_ul, source=f"{within}, the plan"))
    nominal_ul = dose.to("µL", context.concentration)
    doser = context.rig.doser
    if doser is None or doser.calibration is None:
        return KnownDose(nominal_ul, None)
    stated = doser.calibration
    standard_ul = stated.expanded_uncertainty.to("µL") / stated.k
    source = f"certificate {stated.certificate} of the doser"
    return KnownDose(nominal_ul, component(_NAME, standard_ul, "µL", 100.0 / nominal_ul, source=source))


def clear_alarms(stage: Stage) -> None:
    """Acknowledge what a doser still has to tell from before; a pump that stands in for it is looked after already."""
    doser = stage.doser
    if doser is not stage.pump and isinstance(doser, RaisesAlarms):
        old = doser.take_alarms()
        doser.acknowledge_alarms()
        if old:
            stage.event("old doser alarms acknowledged", codes=[alarm.code for alarm in old])


def blocking_alarm(stage: Stage) -> Alarm | None:
    """Return the alarm that has stopped the doser, if one has; that of a doser of its own is recorded."""
    doser = stage.doser
    if doser is stage.pump:
        return blocking(stage.alarms())
    alarm = blocking(doser.take_alarms()) if isinstance(doser, RaisesAlarms) else None
    if alarm is not None:
        stage.event(ALARM, code=alarm.code, text=alarm.text)
    return alarm


def alarm_doubts(record: TestRecord) -> list[str]:
    """Return what is to be said of a doser's alarms."""
    return [
        f'The doser stopped with alarm {event.data["code"]} "{event.data["text"]}".' for event in record.events(ALARM)
    ]
