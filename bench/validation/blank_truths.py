"""What a blank should have told, from the twin's own truth.

Nothing here knows of readings; the noise is that of the twin's own making, by its own formulas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.metrology.noise_covariance import FilteredNoise
from bench.procedures.blank.detection import pulse_standard_mg

if TYPE_CHECKING:
    from bench.validation.course import Course

_NOISE_S = 10.0
_PULSES_AT_U_PER_H = 1.0
_WATER_MG_PER_UL = 0.9975


def blank_truths(course: Course) -> dict[str, float]:
    """Return the truths of a blank.

    - `evaporation_rate`: what evaporates less what the balance drifts upwards; both are steady, so `rate_stability` and
      `disturbances_per_hour` are nothing.
    - `noise_10s`: what the noise as it is made comes to; `pulse_uncertainty`: the bound under that noise, with the
      error over the load that the balance was given.
    - `temperature_range`: of the air, at every minute and at both ends.
    """
    rest: Mapping[str, float] = course.truth.header["at_rest"]
    return {
        "evaporation_rate": rest["loss_mg_per_h"],
        "rate_stability": 0.0,
        "noise_10s": allan_mg(rest, _NOISE_S),
        "pulse_uncertainty": _pulse_percent(rest, course.ul_per_u),
        "disturbances_per_hour": 0.0,
        "temperature_range": _range_k(course),
    }


def allan_mg(rest: Mapping[str, float], tau_s: float) -> float:
    """Return the Allan deviation of means over `tau_s` of the noise as it is made.

    White noise behind a lag is a first-order auto-regression, summed term by term; flicker of innovation σ has the
    one-sided density σ²/(πf), whose Allan variance is 2·ln 2·σ²/π; a walk of q² a second has q²τ/3; rounding is white.
    """
    rate_hz = rest["output_rate_hz"]
    count = round(tau_s * rate_hz)
    weights = np.repeat([-1.0, 1.0], count) / count
    often = np.correlate(weights, weights, "full")[2 * count - 1 :]
    often[1:] *= 2.0
    white = rest["noise_white_mg"] ** 2 * float(often @ np.exp(-np.arange(2 * count) / (rest["lag_s"] * rate_hz)))
    flicker = 2.0 * math.log(2.0) * rest["noise_flicker_mg"] ** 2 / math.pi
    walk = rest["noise_walk_mg"] ** 2 * rate_hz * tau_s / 3.0
    rounding = rest["readability_mg"] ** 2 / 12.0 / count
    return math.sqrt(0.5 * white + flicker + walk + rounding)


def noise_as_made(rest: Mapping[str, float]) -> FilteredNoise:
    """Return the twin's noise by its densities: white behind the filter, flicker, walk and rounding."""
    return FilteredNoise(
        2.0 * rest["noise_white_mg"] ** 2 * rest["lag_s"],
        rest["noise_flicker_mg"] ** 2 / math.pi,
        rest["noise_walk_mg"] ** 2 * rest["output_rate_hz"],
        rest["lag_s"],
        rounded_mg=rest["readability_mg"],
        sample_s=1.0 / rest["output_rate_hz"],
    )


def _pulse_percent(rest: Mapping[str, float], ul_per_u: float) -> float:
    noise = noise_as_made(rest)
    pulse_mg = rest["pulse_ul"] * _WATER_MG_PER_UL
    interval_s = 3600.0 * rest["pulse_ul"] / (_PULSES_AT_U_PER_H * ul_per_u)
    own_mg = math.hypot(pulse_standard_mg(noise, pulse_mg, interval_s), rest["load_error_mg"])
    return 200.0 * own_mg / pulse_mg


def _range_k(course: Course) -> float:
    begin_s, end_s = course.event_s("blank started"), course.event_s("blank ended")
    knots_s, warmth = course.air()
    at_s = np.concatenate(([begin_s, end_s], knots_s[(knots_s > begin_s) & (knots_s < end_s)]))
    return float(np.ptp(np.interp(at_s, knots_s, warmth)))
