"""What a rig can tell of a basal rate, foretold from its file before the pump is started."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.metrology.budget import bounded, combined, component
from bench.metrology.flow_continuity import DISCARDED_HALF_LIVES, FEWEST_HALF_LIVES
from bench.metrology.observation import (
    AMBULATORY_SAMPLE_S,
    AMBULATORY_WINDOWS_S,
    INFUSION_SAMPLE_S,
    INFUSION_WINDOWS_S,
    infusion_periods,
)
from bench.metrology.pulse_train import DOUBLED, LOWEST
from bench.metrology.rounding import number
from bench.metrology.trumpet import noise_floor_percent
from bench.procedures.basal.continuity import MEASURED_MINUTES
from bench.procedures.basal.pulses import load_uncertainty_mg
from bench.procedures.basal.trumpet import BEFORE_STOP_S
from bench.procedures.basal.trumpet_measurements import error_name, extreme_name
from bench.procedures.basal.windows import MARD_MINUTES, PULSE_MEANS
from bench.procedures.base import Context
from bench.procedures.shared.planning import (
    evaporation_mg_per_h,
    in_words,
    pulse_noise_mg,
    repeatability_mg,
    ul_per_mg,
)
from bench.procedures.shared.weighing import balance_components
from bench.results.model import Component

HOUR_S = 3600.0
HOURLY_BAND_PERCENT = 15.0
_LEVELS_S = 90.0
"""A pulse is weighed between levels no further apart than this."""
_ONSET_S = 0.3
"""Standard uncertainty of a pulse's onset; a quarter of it where the balance is finer than 0.1 mg."""
_IMPOSSIBLE = 1e-9

Planned = dict[str, tuple[float, str]]


@dataclass(frozen=True, slots=True)
class PlannedBasal:
    """A basal delivery that has not happened yet; `increment_ul` is NaN where the pump meters no pulses.

    `windows_hours` is how long the trumpet has, `trumpet` which windows are asked for.
    """

    rate_ul_per_h: float
    hours: float
    blank_hours: float
    increment_ul: float
    windows_hours: float
    trumpet: str
    context: Context

    @property
    def factor(self) -> float:
        """Volume of one milligram shown, in µL."""
        return ul_per_mg(self.context)

    @property
    def ambulatory(self) -> bool:
        """Whether the trumpet looks through ambulatory windows."""
        return self.trumpet in ("by pump", "ambulatory")

    @property
    def infusion(self) -> bool:
        """Whether the trumpet looks through those of infusion pumps."""
        continuous = self.context.plan.pump.delivery == "continuous"
        return self.trumpet == "infusion" or (self.trumpet == "by pump" and continuous)

    @property
    def interval_s(self) -> float:
        """From pulse to pulse."""
        return HOUR_S * self.increment_ul / self.rate_ul_per_h

    @property
    def pulses(self) -> int:
        """How many pulses there will be."""
        return int(self.hours * self.rate_ul_per_h / self.increment_ul) if math.isfinite(self.increment_ul) else 0


def planned(basal: PlannedBasal) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of every measurement that will be made, with the arithmetic in words."""
    return {
        **dict(_volumes(basal)),
        **dict(_hours(basal)),
        **dict(_windows(basal)),
        **dict(_means(basal)),
        **dict(_pulses(basal)),
    }


def _volumes(basal: PlannedBasal) -> Iterator[tuple[str, tuple[float, str]]]:
    ul_per_u = basal.context.concentration.ul_per_u
    for name, hours in (("total_volume", basal.hours), *((f"delivered_{h}h", float(h)) for h in (1, 6, 12))):
        if hours <= basal.hours:
            uncertainty_ul, words = _between_levels(basal, hours)
            yield name, (uncertainty_ul / ul_per_u, f"{words} = {number(uncertainty_ul / ul_per_u, 2)} U")
    yield "mean_error", _relative(basal, basal.hours)


def _hours(basal: PlannedBasal) -> Iterator[tuple[str, tuple[float, str]]]:
    if basal.hours < 1.0:
        return
    percent, words = _relative(basal, 1.0)
    yield "largest_hourly_error", (percent, words)
    name, band = "hourly_windows_within_15_percent", f"the band of ±{HOURLY_BAND_PERCENT:g} % itself"
    if percent < HOURLY_BAND_PERCENT:
        yield name, (0.0, f"{words}, less than {band}")
    else:
        # No hour can be told to lie inside the band, so the share within it is anything.
        yield name, (100.0, f"{words}, no less than {band}")


def _windows(basal: PlannedBasal) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield the trumpet's windows; without end where none is looked through."""
    for window_s in AMBULATORY_WINDOWS_S:
        count = _windows_within(basal.windows_hours, window_s, AMBULATORY_SAMPLE_S)
        missing = _missing(window_s, count, basal, basal.ambulatory, "ambulatory")
        yield error_name(window_s), missing or _one_window(basal, window_s, count)
    lasts_s = basal.windows_hours * HOUR_S
    periods = infusion_periods(0.0, lasts_s, basal.rate_ul_per_h)
    hours = [(min(each.end_s, lasts_s - BEFORE_STOP_S) - each.start_s) / HOUR_S for each in periods]
    for window_s in INFUSION_WINDOWS_S:
        count = sum(_windows_within(each, window_s, INFUSION_SAMPLE_S) for each in hours)
        missing = _missing(window_s, count, basal, basal.infusion, "infusion")
        for largest in (True, False):
            yield extreme_name(window_s, largest=largest), missing or _one_window(basal, window_s, count)


def _windows_within(hours: float, window_s: float, sample_s: float) -> int:
    return max(0, 1 + math.floor((hours * HOUR_S - window_s) / sample_s + 1e-6))


def _missing(window_s: float, count: int, basal: PlannedBasal, chosen: bool, choice: str) -> tuple[float, str] | None:
    minutes = f"{window_s / 60.0:g} min"
    if not chosen:
        return math.inf, f"`trumpet: {basal.trumpet}` looks through no windows of {minutes}: `trumpet: {choice}` does"
    if not count:
        has = f"the {basal.windows_hours:g} h that `duration` and `stabilisation` leave to the trumpet"
        return math.inf, f"no window of {minutes} fits into {has}: `duration` must be longer"
    return None


def _one_window(basal: PlannedBasal, window_s: float, count: int) -> tuple[float, str]:
    hours = window_s / HOUR_S
    noise_ul = math.sqrt(2.0) * repeatability_mg(basal.context.rig.balance) * basal.factor
    floor = noise_floor_percent(noise_ul, basal.rate_ul_per_h, window_s, count)
    nominal_ul = basal.rate_ul_per_h * hours
    return _relative(basal, hours, bounded(f"largest of {count} windows by noise", 0.01 * floor * nominal_ul, "µL"))


def _means(basal: PlannedBasal) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield means over some pulses, mean absolute errors of windows, and flow continuity."""
    for pulses in PULSE_MEANS:
        if pulses <= basal.pulses:
            percent, words = _relative(basal, pulses * basal.interval_s / HOUR_S)
            told, band = f"{words} for one mean of {pulses} pulses", f"the band of ±{HOURLY_BAND_PERCENT:g} % itself"
            lost = percent >= HOURLY_BAND_PERCENT
            told = f"{told}, {'no less' if lost else 'less'} than {band}"
            yield f"means_of_{pulses}_pulses_within_15_percent", (100.0 if lost else 0.0, told)
    for minutes in MARD_MINUTES:
        if minutes / 60.0 <= basal.hours:
            yield f"mard_{minutes}min", _relative(basal, minutes / 60.0)
    for minutes in MEASURED_MINUTES:
        if (DISCARDED_HALF_LIVES + FEWEST_HALF_LIVES) * minutes / 60.0 <= basal.hours:
            level_mg = basal.rate_ul_per_h * minutes / 60.0 / math.log(2.0) / basal.factor
            noise_percent = 100.0 * repeatability_mg(basal.context.rig.balance) / level_mg
            expanded = 2.0 * noise_percent / math.sqrt(3.0)
            words = f"a level of {level_mg:.3g} mg, weighed to {noise_percent:.2g} %; U = {number(expanded, 2)} %"
            yield f"pk_cv_{minutes}min", (expanded, words)


def _relative(basal: PlannedBasal, hours: float, *more: Component) -> tuple[float, str]:
    uncertainty_ul, words = _between_levels(basal, hours, *more)
    percent = 100.0 * uncertainty_ul / (basal.rate_ul_per_h * hours)
    return percent, f"{words} = {number(percent, 2)} %"


def _between_levels(basal: PlannedBasal, hours: float, *more: Component) -> tuple[float, str]:
    """Return the expanded uncertainty in µL of what is delivered within some hours, and how it comes about."""
    balance, factor = basal.context.rig.balance, basal.factor
    lost = evaporation_mg_per_h(balance, basal.blank_hours, basal.context)
    lines = [
        component("repeatability", repeatability_mg(balance), "mg", math.sqrt(2.0) * factor),
        *balance_components(balance, factor),
        component("evaporation and steady drift", lost, "mg/h", factor * hours),
        *more,
    ]
    expanded_ul = 2.0 * combined(lines)
    return expanded_ul, (
        f"{hours:g} h at {basal.rate_ul_per_h:g} µL/h = {basal.rate_ul_per_h * hours / factor:.4g} mg;"
        f" standard uncertainties: {in_words(lines, factor)}; U = {number(expanded_ul / factor, 2)} mg"
    )


def _pulses(basal: PlannedBasal) -> Iterator[tuple[str, tuple[float, str]]]:
    pulses = basal.pulses
    if pulses < 2:
        return
    pulse_mg = basal.increment_ul / basal.factor
    own_mg = pulse_noise_mg(basal.context.rig.balance, basal.interval_s)
    ul_per_u = basal.context.concentration.ul_per_u
    one = f"a pulse of {basal.increment_ul / ul_per_u:g} U = {pulse_mg:.3g} mg, weighed to {own_mg:.2g} mg"
    lines = _mean_pulse(basal, own_mg)
    mean_u = 2.0 * combined(lines) / ul_per_u
    words = f"{one}; {pulses} pulses; standard uncertainties of their mean: {in_words(lines, basal.factor)}"
    yield "mean_pulse_volume", (mean_u, f"{words}; U = {number(mean_u, 2)} U")
    # A pulse lies between two loads as any volume does: certificate and linearity act on each.
    whole_mg = math.hypot(own_mg, load_uncertainty_mg(basal.context.rig.balance))
    if 2.0 * whole_mg / pulse_mg < 0.01 * HOURLY_BAND_PERCENT:
        told, expanded = "less", 0.0
    else:
        told, expanded = "no less", 100.0
    band = f"the band of ±{HOURLY_BAND_PERCENT:g} % itself"
    percent = 200.0 * whole_mg / pulse_mg
    one = f"a pulse of {basal.increment_ul / ul_per_u:g} U = {pulse_mg:.3g} mg, weighed to {whole_mg:.2g} mg"
    yield "pulses_within_15_percent", (expanded, f"{one}: U = {number(percent, 2)} %, {told} than {band}")
    # The scatter that pumps have of themselves is not the rig's: what weighing adds to it is foretold, and no more.
    own_percent = 100.0 * whole_mg / pulse_mg
    scatter = 2.0 * own_percent * math.hypot(1.0 / math.sqrt(3.0), 1.0 / math.sqrt(2.0 * (pulses - 1)))
    told = f"{one}; {pulses} pulses; weighing alone scatters by {own_percent:.2g} %"
    yield "pulse_volume_sd", (scatter, f"{told}; U = {number(scatter, 2)} %")
    interval_s = 2.0 * math.sqrt(2.0) * _ONSET_S / (pulses - 1)
    told = f"onsets to {_ONSET_S:g} s, over {pulses - 1} intervals; U = {number(interval_s, 2)} s"
    yield "mean_pulse_interval", (interval_s, told)
    yield from _miscounted(pulses, own_mg / pulse_mg, one)


def _mean_pulse(basal: PlannedBasal, own_mg: float) -> list[Component]:
    balance, factor, pulses = basal.context.rig.balance, basal.factor, basal.pulses
    near_s = min(basal.interval_s, _LEVELS_S)
    lost = evaporation_mg_per_h(balance, basal.blank_hours, basal.context)
    lines = [
        component("repeatability of a pulse's levels", own_mg / math.sqrt(pulses), "mg", factor),
        component("evaporation and steady drift", lost, "mg/h", factor * near_s / HOUR_S),
    ]
    if balance is not None and balance.calibration is not None:
        whole_mg = balance.calibration.expanded_uncertainty.to("mg") / balance.calibration.k
        lines.append(component("calibration, over all pulses", whole_mg / pulses, "mg", factor))
    return lines


def _miscounted(pulses: int, noise: float, one: str) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield how many pulses noise takes for missing ones or for double ones; `noise` is in terms of a pulse."""
    for name, distance in (
        ("missed_pulses", 1.0 - LOWEST),
        ("doubled_pulses", DOUBLED - 1.0),
        ("extra_pulses", LOWEST),
    ):
        wrong = 0.5 * math.erfc(distance / noise / math.sqrt(2.0)) if noise > 0.0 else 0.0
        expanded = 2.0 * math.sqrt(pulses * wrong * (1.0 - wrong)) if wrong > _IMPOSSIBLE else 0.0
        words = f"{one}: of {pulses} pulses some {pulses * wrong:.2g} are mistaken by noise; U = {number(expanded, 2)}"
        yield name, (expanded, words)
