"""What evaporates while the bench weighs: slopes of the blanks before and after, of the run's own rests, and what the
rig file declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import FEWEST_DEGREES, Noise, Window, block_means

Floats = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
_BLOCK_S = 5.0
_MOST_BLOCKS = 4096
_FEWEST_BLOCKS = 8
_AGREEMENT = 3.0
"""Standard uncertainties that two rates may be apart."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Slope of the balance in mg/h (evaporation is negative), over a blank about `middle_s` or over several rests."""

    mg_per_h: float
    standard_uncertainty: float
    degrees_of_freedom: float
    middle_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Evaporation:
    """Rate at which the vessel loses mass, in mg/h (positive: losing), and how it was found.

    `mg_per_h` is the rate in the middle between the blanks, `change_mg_per_h` by how much it grew from the first blank
    to the last, as far as they show it beyond noise; between them it is taken to change steadily.
    """

    mg_per_h: float
    standard_uncertainty: float
    degrees_of_freedom: float
    source: str
    measured_mg_per_h: float | None = None
    measured_uncertainty: float | None = None
    disagreement: str = ""
    """Why blanks and rig file cannot both be right; empty where they agree."""
    change_mg_per_h: float = 0.0
    u_change_mg_per_h: float = 0.0
    middle_s: float = math.nan
    span_s: float = 0.0
    """Time between the middles of first and last blank; 0 without two."""
    seen_change_mg_per_h: float = 0.0
    """Loss after less loss before, noise and all."""
    unsteady: str = ""
    """What to say of losses that changed by more than noise explains; empty where none did."""
    unsteady_mg_per_h: float = 0.0
    """By how much they did."""
    run: Slope | None = None
    """Slope of the rests between deliveries, where the recording has such."""

    def extra_mg(self, time_s: Floats) -> Floats:
        """Return what was lost by each instant beyond a steady loss at `mg_per_h`; 0 in the middle between the blanks.

        The rate is straight between the blanks' middles and steady outside of them.
        """
        if self.span_s <= 0.0 or self.change_mg_per_h == 0.0:
            return np.zeros_like(time_s)
        away = np.abs(time_s - self.middle_s) / self.span_s
        inside = np.minimum(away, 0.5)
        integral = 0.5 * inside**2 + 0.5 * (away - inside)
        return self.change_mg_per_h / SECONDS_PER_HOUR * self.span_s * integral

    def uncertainty_over(self, interval_s: float) -> float:
        """Return the standard uncertainty of the mean rate over an interval somewhere in the test, in mg/h.

        Over the whole of it the change cancels; a short one may lie anywhere, and the change is uncertain.
        """
        if self.span_s <= 0.0:
            return self.standard_uncertainty
        room = max(0.0, 1.0 - interval_s / self.span_s)
        return math.hypot(self.standard_uncertainty, room * self.u_change_mg_per_h / math.sqrt(12.0))


def blank_slope(time_s: Floats, mass_mg: Floats, noise: Noise) -> Slope | None:
    """Return the least-squares slope of a blank; None for one shorter than a minute.

    Its uncertainty is that of the slope under the balance's own noise, walk and flicker included: white noise alone
    would promise far too much.
    """
    if len(time_s) < 2 or time_s[-1] - time_s[0] < 60.0:
        return None
    return slope_of_rests(time_s, mass_mg, [(float(time_s[0]), float(time_s[-1]))], noise)


def slope_of_rests(time_s: Floats, mass_mg: Floats, rests: Sequence[Window], noise: Noise) -> Slope | None:
    """Return the one slope that all rests share, each at a level of its own; None where they hold too little.

    Least squares of 5 s means (longer ones for a long recording); the uncertainty is that of the weighted sum under the
    balance's coloured noise, from one rest to the next.
    """
    if not rests:
        return None
    begin, end = rests[0][0], rests[-1][1]
    inside = slice(np.searchsorted(time_s, begin, "left"), np.searchsorted(time_s, end, "right"))
    at_s, mass = time_s[inside], mass_mg[inside]
    if len(at_s) < 2:
        return None
    block_s = max(_BLOCK_S, (float(at_s[-1]) - float(at_s[0])) / _MOST_BLOCKS)
    middle, mean = block_means(at_s, mass, block_s)
    weights = np.zeros_like(middle)
    used = 0
    for first_s, last_s in rests:
        of_rest = np.flatnonzero((middle - 0.5 * block_s >= first_s - 1e-6) & (middle <= last_s) & np.isfinite(mean))
        weights[of_rest] = middle[of_rest] - np.mean(middle[of_rest]) if len(of_rest) else 0.0
        used += len(of_rest)
    squares = float(np.sum(weights**2))
    if used < _FEWEST_BLOCKS or squares <= 0.0:
        return None
    weights /= squares
    slope = float(np.dot(weights, np.where(np.isfinite(mean), mean, 0.0)))
    spread = noise.sum_of_blocks(weights, block_s)
    return Slope(
        slope * SECONDS_PER_HOUR,
        spread.standard_uncertainty * SECONDS_PER_HOUR,
        spread.degrees_of_freedom,
        0.5 * (begin + end),
    )


def evaporation(
    slopes: Sequence[Slope | None],
    declared_mg_per_h: float | None = None,
    declared_half_width: float | None = None,
    run: Slope | None = None,
) -> Evaporation:
    """Combine the blanks, the rig's declared rate and the slope of the rests between deliveries.

    Blanks come first: nothing is delivered in them, while between deliveries the pump may creep, and a loss taken from
    there would hide that. So the rests tell the rate only where the blanks before and after are not both there; else
    they are compared with it, and what they differ by beyond noise is in the uncertainty. Blanks and the rig's rate are
    combined by their inverse variances, unless they contradict each other: then the blanks are believed.

    u² = u_before²/4 + u_after²/4 + (Δ² − u_before² − u_after²)/12: between the blanks the rate is anywhere between
    theirs (rectangular); what of their difference Δ is noise is in the first two terms already.
    """
    known = [slope for slope in slopes if slope is not None]
    declared = None
    if declared_mg_per_h is not None and declared_half_width is not None:
        declared = (declared_mg_per_h, declared_half_width / math.sqrt(3.0))
    if len(known) < 2 and run is not None and not (known and _better(known[0], run)):
        return _compared(_of_rests(run, declared), known[0] if known else None, run, "one blank")
    if not known:
        return _declared_only(declared)
    found = _of_blanks(known, declared, declared_half_width)
    return found if run is None else _compared(found, run, run, "the rests between deliveries")


def _better(first: Slope, second: Slope) -> bool:
    return first.standard_uncertainty <= second.standard_uncertainty


def _of_blanks(known: Sequence[Slope], declared: tuple[float, float] | None, half_width: float | None) -> Evaporation:
    rate = -float(np.mean([slope.mg_per_h for slope in known]))
    uncertainty = math.sqrt(_variance_of_mean(known))
    degrees = max(FEWEST_DEGREES, sum(slope.degrees_of_freedom for slope in known) / len(known))
    contradiction = _contradiction(known, declared[0], half_width) if declared and half_width is not None else ""
    believed = None if contradiction or _change(known) else declared
    combined, total, of_both = _combined(rate, uncertainty, degrees, believed)
    found = Evaporation(
        combined,
        total,
        of_both,
        "blanks" if believed is None else "blanks and rig file",
        rate,
        uncertainty,
        contradiction,
    )
    return found if len(known) < 2 else _with_change(found, known[0], known[-1], believed)


def _with_change(found: Evaporation, first: Slope, last: Slope, declared: tuple[float, float] | None) -> Evaporation:
    """Add how the loss changed from the first blank to the last.

    Of the difference only what is not noise is believed: by its own size, or by how far rates that the rig file
    declares may differ.
    """
    seen = -(last.mg_per_h - first.mg_per_h)
    own = first.standard_uncertainty**2 + last.standard_uncertainty**2
    if declared is None:
        share = max(0.0, 1.0 - own / seen**2) if seen else 0.0
        left = own
    else:
        usual = 2.0 * declared[1] ** 2
        share = usual / (usual + own) if usual + own > 0.0 else 0.0
        left = share * own
    return replace(
        found,
        change_mg_per_h=share * seen,
        u_change_mg_per_h=math.sqrt(left),
        middle_s=0.5 * (first.middle_s + last.middle_s),
        span_s=last.middle_s - first.middle_s if math.isfinite(first.middle_s + last.middle_s) else 0.0,
        seen_change_mg_per_h=seen,
        unsteady=_change((first, last)),
        unsteady_mg_per_h=abs(seen),
    )


def _of_rests(run: Slope, declared: tuple[float, float] | None) -> Evaporation:
    own = run.standard_uncertainty
    apart = abs(-run.mg_per_h - declared[0]) if declared else 0.0
    believed = declared if declared and apart <= _AGREEMENT * math.hypot(own, declared[1]) else None
    rate, uncertainty, degrees = _combined(-run.mg_per_h, own, run.degrees_of_freedom, believed)
    source = "rests between deliveries" if believed is None else "rests between deliveries and rig file"
    return Evaporation(rate, uncertainty, degrees, source, -run.mg_per_h, own, run=run)


def _compared(found: Evaporation, other: Slope | None, run: Slope, words: str) -> Evaporation:
    """Widen a rate by what another slope differs from it beyond noise: the true rate is anywhere between the two."""
    if other is None:
        return replace(found, run=run)
    apart = -other.mg_per_h - found.mg_per_h
    noise = math.hypot(other.standard_uncertainty, found.standard_uncertainty)
    excess = math.sqrt(max(0.0, apart**2 - noise**2))
    unsteady, unsteady_mg_per_h = found.unsteady, found.unsteady_mg_per_h
    if not unsteady and abs(apart) > _AGREEMENT * noise:
        unsteady_mg_per_h = abs(apart)
        unsteady = f"By {found.source} the loss is {found.mg_per_h:.2f} mg/h, by {words} {-other.mg_per_h:.2f} mg/h"
    return replace(
        found,
        standard_uncertainty=math.hypot(found.standard_uncertainty, excess / math.sqrt(3.0)),
        unsteady=unsteady,
        unsteady_mg_per_h=unsteady_mg_per_h,
        run=run,
    )


def _combined(
    rate: float, uncertainty: float, degrees: float, declared: tuple[float, float] | None
) -> tuple[float, float, float]:
    """Return rate, standard uncertainty and degrees of freedom of a measured and a declared rate together."""
    if declared is None:
        return rate, uncertainty, degrees
    both = declared[1] ** 2 + uncertainty**2
    weight = declared[1] ** 2 / both if both > 0.0 else 1.0
    combined = math.hypot(weight * uncertainty, (1.0 - weight) * declared[1])
    # Only the measured share of the variance has finite degrees of freedom (Welch–Satterthwaite).
    share = (weight * uncertainty / combined) ** 2 if combined > 0.0 else 1.0
    return (
        weight * rate + (1.0 - weight) * declared[0],
        combined,
        degrees / share**2 if share > 0.0 else math.inf,
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


def _contradiction(slopes: Sequence[Slope], declared: float, half_width: float) -> str:
    """Return what to say of blanks that the rig file contradicts; nothing where it does not."""
    for slope in slopes:
        if abs(-slope.mg_per_h - declared) > half_width + _AGREEMENT * slope.standard_uncertainty:
            return (
                f"A blank lost {-slope.mg_per_h:.2f} mg/h (U = {2.0 * slope.standard_uncertainty:.2f} mg/h), and the"
                f" rig file declares {declared:.2f} mg/h ± {half_width:.2f} mg/h"
            )
    return ""


def _declared_only(declared: tuple[float, float] | None) -> Evaporation:
    if declared is None:
        return Evaporation(0.0, 0.0, math.inf, "none: no blank, and the rig file declares nothing")
    return Evaporation(declared[0], declared[1], math.inf, "rig file")
