"""What evaporates while the bench weighs: slopes of the blanks before and after, of the run's own rests, and what the
rig file declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metrology.coverage import student_factor
from bench.metrology.loss_slope import SECONDS_PER_HOUR, Slope
from bench.metrology.noise import FEWEST_DEGREES, Levels, Noise

Floats = NDArray[np.float64]

_WORTH_TELLING = 0.005
_AGREEMENT = 3.0
"""Standard uncertainties that two rates may be apart and be combined."""
_BY_CHANCE = 1e-5
"""Probability that noise alone makes two rates differ so much that it is said: a library has thousands of blanks."""


class GivenLevels(NamedTuple):
    """The error of a rate, given that of a difference of levels, with which it is correlated by `correlation`."""

    mg_per_h_per_mg: float
    standard_uncertainty: float
    correlation: float

    @property
    def told(self) -> str:
        """What a budget says of it; nothing where there is none to speak of."""
        if abs(self.correlation) < _WORTH_TELLING:
            return ""
        return f"; correlated with the levels' noise by {self.correlation:.2f}: so much of it is in the noise's lines"


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
    slopes: tuple[Slope, ...] = ()
    """The slopes whose mean is in `mg_per_h`."""
    weight: float = 0.0
    """By how much it is in it; the rest is what the rig file declares."""

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

    def given_levels(self, noise: Noise, levels: Levels, interval_s: float) -> GivenLevels:
        """Return what a difference of levels tells of the error of the mean rate between them, and what is left open.

        Levels in or beside a blank err with its slope: one that is too low before, or too high after, makes both the
        volume and the loss look greater. For white noise and levels at the inner ends of two blanks, each a share x
        of the blank's length, the correlation is √3·(1 − x)·√x. The rate's error is split into a multiple of the
        levels' (the regression upon it) and a rest that is not correlated with it.

        Of a change between the blanks nothing is correlated with levels as far apart as they are: it cancels there;
        and over a short interval all of the loss is small beside the noise.
        """
        own, of_levels = self.uncertainty_over(interval_s), noise.of(levels).standard_uncertainty
        if own <= 0.0 or of_levels <= 0.0:
            return GivenLevels(0.0, own, 0.0)
        together = self._of_slopes(lambda each: noise.covariance(each, levels))
        correlation = max(-1.0, min(1.0, together / (own * of_levels)))
        return GivenLevels(correlation * own / of_levels, own * math.sqrt(max(0.0, 1.0 - correlation**2)), correlation)

    def of_course(self, course: Callable[[Floats], Floats]) -> float:
        """Return the loss per hour, at `mg_per_h`, that a slow course of the readings is taken for."""
        return self._of_slopes(lambda each: each.sum_of(course))

    def _of_slopes(self, value: Callable[[Levels], float]) -> float:
        told = [value(slope.levels) for slope in self.slopes if slope.levels is not None]
        return -self.weight * sum(told) / len(told) if told else 0.0


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
    contradiction, agree = "", not _differ(known[0], known[-1], _AGREEMENT)
    if declared and half_width is not None:
        contradiction = _contradiction(known, declared[0], half_width)
        agree = agree and all(_beyond(each, declared[0], half_width) <= _AGREEMENT for each in known)
    believed = declared if agree else None
    combined, total, of_both, weight = _combined(rate, uncertainty, degrees, believed)
    found = Evaporation(
        combined,
        total,
        of_both,
        "blanks" if believed is None else "blanks and rig file",
        rate,
        uncertainty,
        contradiction,
        slopes=tuple(known),
        weight=weight,
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
    rate, uncertainty, degrees, weight = _combined(-run.mg_per_h, own, run.degrees_of_freedom, believed)
    source = "rests between deliveries" if believed is None else "rests between deliveries and rig file"
    return Evaporation(rate, uncertainty, degrees, source, -run.mg_per_h, own, run=run, slopes=(run,), weight=weight)


def _compared(found: Evaporation, other: Slope | None, run: Slope, words: str) -> Evaporation:
    """Widen a rate by what another slope differs from it beyond noise: the true rate is anywhere between the two."""
    if other is None:
        return replace(found, run=run)
    apart = -other.mg_per_h - found.mg_per_h
    noise = math.hypot(other.standard_uncertainty, found.standard_uncertainty)
    excess = math.sqrt(max(0.0, apart**2 - noise**2))
    unsteady, unsteady_mg_per_h = found.unsteady, found.unsteady_mg_per_h
    degrees = _degrees((other.standard_uncertainty, other.degrees_of_freedom), _own(found))
    if not unsteady and abs(apart) > student_factor(degrees, 1.0 - _BY_CHANCE) * noise:
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
) -> tuple[float, float, float, float]:
    """Return rate, standard uncertainty and degrees of freedom of a measured and a declared rate together.

    The last of the four is the weight of the measured one.
    """
    if declared is None:
        return rate, uncertainty, degrees, 1.0
    both = declared[1] ** 2 + uncertainty**2
    weight = declared[1] ** 2 / both if both > 0.0 else 1.0
    combined = math.hypot(weight * uncertainty, (1.0 - weight) * declared[1])
    # Only the measured share of the variance has finite degrees of freedom (Welch–Satterthwaite).
    share = (weight * uncertainty / combined) ** 2 if combined > 0.0 else 1.0
    return (
        weight * rate + (1.0 - weight) * declared[0],
        combined,
        degrees / share**2 if share > 0.0 else math.inf,
        weight,
    )


def _variance_of_mean(slopes: Sequence[Slope]) -> float:
    variance = sum(slope.standard_uncertainty**2 for slope in slopes) / len(slopes) ** 2
    if len(slopes) > 1:
        own = slopes[0].standard_uncertainty ** 2 + slopes[-1].standard_uncertainty ** 2
        variance += max(0.0, (slopes[-1].mg_per_h - slopes[0].mg_per_h) ** 2 - own) / 12.0
    return variance


def _own(found: Evaporation) -> tuple[float, float]:
    return found.standard_uncertainty, found.degrees_of_freedom


def _degrees(*parts: tuple[float, float]) -> float:
    """Return the degrees of freedom of a difference, of standard uncertainties and their own (Welch–Satterthwaite)."""
    total = sum(u**2 for u, _ in parts) ** 2
    spread = sum(u**4 / degrees for u, degrees in parts)
    return total / spread if spread > 0.0 else math.inf


def _differ(first: Slope, last: Slope, factor: float) -> bool:
    allowed = factor * math.hypot(first.standard_uncertainty, last.standard_uncertainty)
    return abs(last.mg_per_h - first.mg_per_h) > allowed


def _beyond(slope: Slope, declared: float, half_width: float) -> float:
    """Return how many standard uncertainties a blank lies outside what the rig file declares."""
    outside = max(0.0, abs(-slope.mg_per_h - declared) - half_width)
    return (
        outside / slope.standard_uncertainty
        if slope.standard_uncertainty > 0.0
        else (math.inf if outside > 0.0 else 0.0)
    )


def _change(slopes: Sequence[Slope]) -> str:
    """Return what to say of blanks that differ by more than noise explains; nothing where they do not."""
    first, last = slopes[0], slopes[-1]
    degrees = _degrees(*((each.standard_uncertainty, each.degrees_of_freedom) for each in (first, last)))
    if not _differ(first, last, student_factor(degrees, 1.0 - _BY_CHANCE)):
        return ""
    return f"The blank before lost {-first.mg_per_h:.2f} mg/h, the one after {-last.mg_per_h:.2f} mg/h"


def _contradiction(slopes: Sequence[Slope], declared: float, half_width: float) -> str:
    """Return what to say of blanks that the rig file contradicts; nothing where it does not."""
    for slope in slopes:
        if _beyond(slope, declared, half_width) > student_factor(slope.degrees_of_freedom, 1.0 - _BY_CHANCE):
            return (
                f"A blank lost {-slope.mg_per_h:.2f} mg/h (U = {2.0 * slope.standard_uncertainty:.2f} mg/h), and the"
                f" rig file declares {declared:.2f} mg/h ± {half_width:.2f} mg/h"
            )
    return ""


def _declared_only(declared: tuple[float, float] | None) -> Evaporation:
    if declared is None:
        return Evaporation(0.0, 0.0, math.inf, "none: no blank, and the rig file declares nothing")
    return Evaporation(declared[0], declared[1], math.inf, "rig file")
