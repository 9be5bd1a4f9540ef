"""What a rig can tell of an occlusion test, foretold from its file before the pump is started."""

from __future__ import annotations

from collections.abc import Mapping

from bench.metrology.poisson import upper_limit
from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.occlusion.driving import POLL_S, WEIGH_S
from bench.procedures.occlusion.flowing import CONFIDENCE
from bench.procedures.occlusion.settings import MEASURED, OcclusionSettings
from bench.procedures.shared.planning import planned_levels

Planned = dict[str, tuple[float, str]]
HOUR_S = 3600.0


def longest_wait_s(settings: OcclusionSettings) -> float:
    """Return how long the shut line is waited for, at the most."""
    after = settings.release_before_alarm_after or settings.timeout
    return after.to("s") if after is not None else 0.0


def planned(settings: OcclusionSettings, context: Context) -> Mapping[str, tuple[float, str]]:
    """Return the expanded uncertainty (k = 2) of what this test measures, and the arithmetic in words."""
    found = _pressures(context) | (_shut(settings, context) if settings.shuts else _open(settings, context))
    return {name: each for name, each in found.items() if name in MEASURED[settings.kind]}


def _shut(settings: OcclusionSettings, context: Context) -> Planned:
    blank_s, poll_s = settings.blank.to("s"), 2.0 * POLL_S
    asked = f"alarms are asked for every {POLL_S:g} s; U = {number(poll_s / 60.0, 2)} min"
    release_s = settings.release_observation.to("s")
    found = {
        "time_to_alarm": (poll_s / 60.0, asked),
        "longest_time_to_alarm": (poll_s / 60.0, asked),
        "missed_volume": planned_levels(longest_wait_s(settings), blank_s, context),
        "stored_bolus": planned_levels(release_s, blank_s, context),
        "missed_after_release": planned_levels(longest_wait_s(settings) + release_s + WEIGH_S, blank_s, context),
    }
    return found | _caught_up(settings, found["missed_after_release"], context)


def _caught_up(settings: OcclusionSettings, missing: tuple[float, str], context: Context) -> Planned:
    """Return what is foretold of the share: nothing where only the line's own softness says how much is missed."""
    after = settings.release_before_alarm_after
    if after is None or settings.rate is None:
        return {}
    missed_u = settings.rate.to("U/h", context.concentration) * after.to("s") / HOUR_S
    percent = 100.0 * missing[0] / missed_u
    return {"caught_up_fraction": (percent, f"{missing[1]} of {missed_u:.3g} U missed; U = {number(percent, 2)} %")}


def _open(settings: OcclusionSettings, context: Context) -> Planned:
    if settings.duration is None or settings.rate is None:
        return {}
    duration_s, poll_s = settings.duration.to("s"), 2.0 * POLL_S
    hours = duration_s / HOUR_S
    due_u = settings.rate.to("U/h", context.concentration) * hours
    expanded_u, words = planned_levels(duration_s, settings.blank.to("s"), context)
    percent = 100.0 * expanded_u / due_u
    least = upper_limit(0, hours, CONFIDENCE)
    none = f"no false alarm in {hours:.3g} h leaves a rate of {number(least, 2)} /h possible (95 %)"
    return {
        "flow_error": (percent, f"{words} of {due_u:.3g} U; U = {number(percent, 2)} %"),
        "false_alarm_rate": (least, none),
        "time_to_alarm": (poll_s / 60.0, f"alarms are asked for every {POLL_S:g} s"),
    }


def _pressures(context: Context) -> Planned:
    pressure = context.rig.pressure
    if pressure is None or pressure.calibration is None:
        return {}
    calibration = pressure.calibration
    expanded_kpa = 2.0 * calibration.expanded_uncertainty.to("kPa") / calibration.k
    words = f"certificate {calibration.certificate}: U = {number(expanded_kpa, 2)} kPa"
    return dict.fromkeys(("pressure_at_alarm", "peak_pressure", "line_pressure"), (expanded_kpa, words))
