"""What evaporates while the bench weighs: slopes of the blanks before and after, and what the rig file declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import FEWEST_DEGREES, Noise, block_means

Floats = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
_BLOCK_S = 5.0
_AGREEMENT = 3.0
"""Standard uncertainties that a measured and a declared rate may be apart."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of the balance over one blank, in mg/h (evaporation is negative)."""

    mg_per_h: float
    standard_uncertainty: float
    degrees_of_freedom: float


@dataclass(frozen=True, slots=True)
class Evaporation:
    """Rate at which the vessel loses mass, in mg/h (positive: losing), and how it was found."""

    mg_per_h: float
    standard_uncertainty: float
    degrees_of_freedom: float
    source: str
    measured_mg_per_h: float | None
    measured_uncertainty: float | None
    disagreement: str
    """Why blanks and rig file cannot both be right; empty where they agree."""


def blank_slope(time_s: Floats, mass_mg: Floats, noise: Noise) -> Slope | None:
    """Return the least-squares slope of a blank; None for one shorter than a minute.

    Its uncertainty is that of the slope under the balance's own noise, walk and flicker included: white noise alone
    would promise far too much.
    """
    if len(time_s) < 2 or time_s[-1] - time_s[0] < 60.0:
        return None
    middle, mean = block_means(time_s, mass_mg, _BLOCK_S)
    known = np.isfinite(mean)
    if np.count_nonzero(known) < 8:
        return None
    offset = np.where(known, middle - np.mean(middle[known]), 0.0)
    weights = offset / float(np.sum(offset**2))
    slope = float(np.dot(weights, np.where(known, mean, 0.0)))
    spread = noise.sum_of_blocks(weights, _BLOCK_S)
    return Slope(slope * SECONDS_PER_HOUR, spread.standard_uncertainty * SECONDS_PER_HOUR, spread.degrees_of_freedom)


def evaporation(
    slopes: Sequence[Slope | None],
    declared_mg_per_h: float | None = None,
    declared_half_width: float | None = None,
) -> Evaporation:
    """Combine blanks and the rig's declared rate, each by its inverse variance.

    Where the blanks differ by more than their uncertainties the excess counts as a change during the test
    (rectangular). Where blanks and rig file contradict each other, the blanks are believed.
    """
    known = [slope for slope in slopes if slope is not None]
    declared = None
    if declared_mg_per_h is not None and declared_half_width is not None:
        declared = (declared_mg_per_h, declared_half_width / math.sqrt(3.0))
    if not known:
        return _declared_only(declared)
    rate = -float(np.mean([slope.mg_per_h for slope in known]))
    uncertainty = math.sqrt(_variance_of_mean(known))
    degrees = max(FEWEST_DEGREES, sum(slope.degrees_of_freedom for slope in known) / len(known))
    contradiction = _change(known) or _contradiction(known, declared_mg_per_h, declared_half_width)
    if declared is None or contradiction:
        return Evaporation(rate, uncertainty, degrees, "blanks", rate, uncertainty, contradiction)
    both = declared[1] ** 2 + uncertainty**2
    weight = declared[1] ** 2 / both if both > 0.0 else 1.0
    combined = math.hypot(weight * uncertainty, (1.0 - weight) * declared[1])
    # Only the blanks' share of the variance has finite degrees of freedom (Welch–Satterthwaite).
    share = (weight * uncertainty / combined) ** 2 if combined > 0.0 else 1.0
    return Evaporation(
        weight * rate + (1.0 - weight) * declared[0],
        combined,
        degrees / share**2 if share > 0.0 else math.inf,
        "blanks and rig file",
        rate,
        uncertainty,
        "",
    )


def _variance_of_mean(slopes: Sequence[Slope]) -> float:
    variance = sum(slope.standard_uncertainty**2 for slope in slopes) / len(slopes) ** 2
    if len(slopes) > 1:
        own = slopes[0].standard_uncertainty ** 2 + slopes[-1].standard_uncertainty ** 2
        variance += max(0.0, (slopes[-1].mg_per_h - slopes[0].mg_per_h) ** 2 - own) / 12.0
    return variance


def _change(slopes: Sequence[Slope]) -> str:
    """Return what to say of blanks that differ by more than their uncertainties explain; nothing where they do not."""
    first, last = slopes[0], slopes[-1]
    allowed = _AGREEMENT * math.hypot(first.standard_uncertainty, last.standard_uncertainty)
    if len(slopes) < 2 or abs(last.mg_per_h - first.mg_per_h) <= allowed:
        return ""
    return f"The blank before lost {-first.mg_per_h:.2f} mg/h, the one after {-last.mg_per_h:.2f} mg/h"


def _contradiction(slopes: Sequence[Slope], declared: float | None, half_width: float | None) -> str:
    """Return what to say of blanks that the rig file contradicts; nothing where it does not."""
    if declared is None or half_width is None:
        return ""
    for slope in slopes:
        if abs(-slope.mg_per_h - declared) > half_width + _AGREEMENT * slope.standard_uncertainty:
            return (
                f"A blank lost {-slope.mg_per_h:.2f} mg/h (U = {2.0 * slope.standard_uncertainty:.2f} mg/h), and the"
                f" rig file declares {declared:.2f} mg/h ± {half_width:.2f} mg/h"
            )
    return ""


def _declared_only(declared: tuple[float, float] | None) -> Evaporation:
    if declared is None:
        return Evaporation(0.0, 0.0, math.inf, "none: no blank, and the rig file declares nothing", None, None, "")
    return Evaporation(declared[0], declared[1], math.inf, "rig file", None, None, "")
