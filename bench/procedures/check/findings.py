"""What is wrong with a balance, or with what it was checked by, each in a sentence with what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.metrology.rounding import number
from bench.procedures.check.doser import KnownDose
from bench.quantities import Limit, Tolerance
from bench.results.model import Measurement

_SHOWN = "Clean pan and weight, level the balance, let it warm up, adjust it, and check again before you measure."
_SCALE_SHARE = 3.0
"""An error so many times as large as the scatter of the loads is one of the scale."""


def check_findings(
    made: Sequence[Measurement], accept: Mapping[str, Limit], weight: Tolerance | None, dose: KnownDose | None
) -> list[str]:
    """Return what breaks its limit; `weight` in mg and `dose` are what is known of them."""
    by_name = {each.name: each for each in made}
    found = []
    error, scatter = by_name.get("weight_error"), by_name.get("repeatability")
    if weight is not None and error is not None and _breaks(error, accept):
        found.append(_scale(error, scatter, weight))
    if scatter is not None and _breaks(scatter, accept):
        found.append(
            f"Weighing the same again and again scatters by {number(scatter.value or 0.0, 2)} mg: look for draught,"
            " vibration, static charge, or a pan that touches."
        )
    zero = by_name.get("zero_return")
    if zero is not None and _breaks(zero, accept):
        found.append(
            f"The empty pan shows {number(zero.value or 0.0, 2, signed=True)} mg after the check: the balance drifts,"
            " or something was left on the pan."
        )
    doses = by_name.get("dose_error")
    if dose is not None and doses is not None and _breaks(doses, accept):
        sound = error is not None and error.value is not None and not _breaks(error, accept)
        where = "the balance weighs its check weight rightly, so look at" if sound else "look at the balance,"
        found.append(
            f"Doses of {dose.nominal_ul:g} µL weigh {number(doses.value or 0.0, 2, signed=True)} % off: {where} doser,"
            " air in the line, temperature and evaporation."
        )
    return found


def _scale(error: Measurement, scatter: Measurement | None, weight: Tolerance) -> str:
    value = error.value or 0.0
    percent = 100.0 * abs(value) / weight.nominal
    way = "too much" if value > 0.0 else "too little"
    told = f"The balance shows {number(abs(value), 4)} mg ({number(percent, 2)} %) {way} for a weight of"
    told += f" {number(0.001 * weight.nominal)} g"
    if scatter is not None and scatter.value is not None and abs(value) > _SCALE_SHARE * scatter.value:
        told += f", and the same each time (scatter {number(scatter.value, 2)} mg): its scale is off, or the weight is"
        told += " another one"
    return f"{told}. All that is weighed with it is {number(percent, 2)} % {way}. {_SHOWN}"


def _breaks(one: Measurement, accept: Mapping[str, Limit]) -> bool:
    limit = accept.get(one.name)
    if limit is None or one.value is None:
        return False
    lower, upper = limit.to(one.unit)
    return (upper is not None and one.value > upper) or (lower is not None and one.value < lower)


def check_warnings(made: Sequence[Measurement], accept: Mapping[str, Limit], share: float) -> list[str]:
    """Warn of a value that keeps its limit and has used up more than a share of it."""
    told = []
    for each in made:
        limit = accept.get(each.name)
        if limit is None or each.value is None:
            continue
        lower, upper = limit.to(each.unit)
        room = upper if each.value > 0.0 else lower
        if room and share * abs(room) < abs(each.value) <= abs(room) and each.value * room > 0.0:
            told.append(
                f"Warning: {each.title} is {each.value:+.3g} {each.unit}, beyond two thirds of its limit {limit}."
                f" {_SHOWN}"
            )
    return told
