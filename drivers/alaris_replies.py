"""What replies of Alaris pumps say, every field checked, and numbers as these pumps take them.

Fields of `INF`, `ALARM` and `SYRINGE_STATUS` are those of frames that OpenICE recorded from pumps; alarm codes are
those of its `AlarisMITM.java`, and their meaning is guessed from their names. A code that is not listed is told as it
came.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from drivers.errors import RefusedError

NO_ALARM = "AL_NOALM"
VTBI_DONE = "AL_VTBIS"
WARNINGS = frozenset({"LOWRES", "LOWBATT"})
LEAST_UL_PER_H = 100.0
_KPA_PER_MMHG = 0.133322
_INF_FIELDS = 13
_ON_HOLD = "HLD"
_NUMBER = re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,4})?\Z")
_DUST = 1e-6
"""Of the last digit: what binary fractions leave of a decimal one."""
_ALARMS = {
    "AL_OCCLU": ("OCCLUSION", "Occlusion"),
    "AL_EOIST": ("EMPTY", "End of infusion, pump stopped"),
    "AL_EOIKV": ("EMPTY", "End of infusion, pump keeps the vein open"),
    "AL_NEOIN": ("LOWRES", "Near end of infusion"),
    "AL_LWBAT": ("LOWBATT", "Battery low"),
    "AL_EMBAT": ("BATTERY", "Battery empty"),
    "AL_COMTO": ("WATCHDOG", "No communication: the host fell silent"),
    "AL_FAULT": ("SYSTEM", "Pump fault"),
}


class Status(NamedTuple):
    """What an `INF` reply says."""

    alarmed: bool
    """Whether an alarm stands."""
    mode: str
    rate_ul_per_h: float
    """At which it infuses; 0 on hold."""
    volume_ul: float
    """Infused since the pump's count was cleared."""
    pressure_kpa: float
    """In the line; NaN where the pump tells none."""

    @property
    def infusing(self) -> bool:
        """Whether anything is delivered."""
        return self.rate_ul_per_h > 0.0


def status_in(fields: Sequence[str], serial_number: str) -> Status | None:
    """Return what the fields of an `INF` reply say; None where they are none, or another pump's."""
    if len(fields) != _INF_FIELDS:
        return None
    serial, alarm, mode, rate, rate_unit, _drug, volume, volume_unit, pressure, pressure_unit, *_rest = fields
    if serial != serial_number or (rate_unit, volume_unit) != ("ml/h", "ml"):
        return None
    rate_ml_per_h, volume_ml = number(rate), number(volume)
    if not alarm or rate_ml_per_h is None or volume_ml is None or min(rate_ml_per_h, volume_ml) < 0.0:
        return None
    if mode == _ON_HOLD and rate_ml_per_h > 0.0:
        return None
    pressure_mmhg = math.nan if pressure.strip(" -") == "" else number(pressure)
    if pressure_mmhg is None or (pressure_unit != "mmHg" and not math.isnan(pressure_mmhg)):
        return None
    return Status(
        alarm != "-",
        mode,
        round(1000.0 * rate_ml_per_h, 3),
        round(1000.0 * volume_ml, 3),
        _KPA_PER_MMHG * pressure_mmhg,
    )


def alarm_told(code: str, more: Sequence[str] = ()) -> tuple[str, str]:
    """Return code and text for the bench of an alarm by the pump's own code, and what else it says of it."""
    known, text = _ALARMS.get(code, (code, "Alarm of the pump"))
    words = " ".join(each.strip() for each in more if each.strip())
    return known, f"{text} ({code}{': ' + words if words else ''})"


def number(text: str) -> float | None:
    """Return a number that the pump sent; None if it is none."""
    return float(text) if _NUMBER.match(text) else None


def rate_text(ul_per_h: float, most_ul_per_h: float, instrument: str, u_per_ml: float | None = None) -> str:
    """Return how a rate is told, in mL/h with two decimals.

    Args:
        ul_per_h: the rate.
        most_ul_per_h: what the pump takes with its syringe.
        instrument: for errors.
        u_per_ml: what the syringe holds, where that is known.

    Raises:
        RefusedError: it is out of range, or has more digits; the text has what can be told.

    """
    if not LEAST_UL_PER_H - _DUST <= ul_per_h <= most_ul_per_h + _DUST:
        limits = f"{_ml(LEAST_UL_PER_H)} to {_ml(most_ul_per_h)} mL/h"
        if u_per_ml is not None:
            per_u = u_per_ml / 1000.0
            limits += f", which is {LEAST_UL_PER_H * per_u:g} to {most_ul_per_h * per_u:g} U/h of U-{u_per_ml:g}"
        raise RefusedError(
            instrument,
            f"a rate of {ul_per_h / 1000.0:g} mL/h is out of the pump's range",
            advice=f"With its syringe it takes {limits}. A smaller dose needs a more diluted liquid.",
        )
    return _told(ul_per_h / 1000.0, 2, "rate", "mL/h", instrument)


def volume_text(volume_ul: float, instrument: str) -> str:
    """Return how a volume to be infused is told, in mL with three decimals.

    Raises:
        RefusedError: it is not above zero, or has more digits; the text has what can be told.

    """
    if not (math.isfinite(volume_ul) and volume_ul > 0.0):
        raise RefusedError(instrument, f"a volume of {volume_ul:g} µL cannot be told", advice="It must be above zero.")
    return _told(volume_ul / 1000.0, 3, "volume", "mL", instrument)


def _told(value: float, decimals: int, what: str, unit: str, instrument: str) -> str:
    scaled = value * 10**decimals
    if abs(scaled - round(scaled)) > _DUST * max(1.0, abs(scaled) * 1e-3):
        near = [f"{each / 10**decimals:.{decimals}f}" for each in (math.floor(scaled), math.ceil(scaled)) if each > 0]
        raise RefusedError(
            instrument,
            f"a {what} of {value:.9g} {unit} has more than the {decimals} decimals that the pump takes",
            advice=f"The nearest that it takes: {' or '.join(near)} {unit}.",
        )
    return f"{round(scaled) / 10**decimals:.{decimals}f}"


def _ml(ul: float) -> str:
    return f"{ul / 1000.0:.2f}"
