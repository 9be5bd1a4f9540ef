"""The tolerance interval that doses of one or several devices allow, with the checks that lead to it in words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from bench.metrology.normality import ALPHA, Normality, check_normality, checked_interval
from bench.metrology.order_statistics import FreeInterval, free_confidence, needed_values
from bench.metrology.random_effects import interval_of
from bench.metrology.tolerance import check_shares
from bench.metrology.variance_components import Scatter, analyse_scatter


@dataclass(frozen=True, slots=True)
class DoseInterval:
    """An interval for `coverage` of all doses; `achieved_confidence` may be less than `confidence` where data lack.

    `holds_for` says of which devices and runs it speaks, `words` what a reader must know of how it came about. The
    analysis is by device, or by run where there is one device with several runs.
    """

    lower: float
    upper: float
    coverage: float
    confidence: float
    achieved_confidence: float
    method: str
    holds_for: str
    words: tuple[str, ...]
    scatter: Scatter

    @property
    def enough(self) -> bool:
        """Whether the confidence that was asked for is reached."""
        return self.achieved_confidence >= self.confidence


def dose_interval(
    values: Sequence[float],
    devices: Sequence[Hashable],
    runs: Sequence[Hashable],
    coverage: float,
    confidence: float,
    alpha: float = ALPHA,
) -> DoseInterval:
    """Return the interval that doses allow, the device being the unit.

    Several devices: random effects where neither doses nor devices speak against normal ones, else from the least to
    the greatest, with the confidence of as many independent values as there are devices. One device: its runs are the
    units, or, with one run, its doses, taken as independent; the interval then holds for that device alone.

    Args:
        values: one a dose, of any unit; at least two.
        devices: which device gave each.
        runs: which run gave each; a run belongs to one device.
        coverage: share of doses to be held, between 0 and 1.
        confidence: probability that so much is held, between 0 and 1.
        alpha: level of the checks for normality.

    Raises:
        ValueError: fewer than two values, one that is not finite, labels that do not fit, or a share outside 0 to 1.

    """
    check_shares(coverage, confidence)
    scatter = analyse_scatter(values, devices, runs)
    if scatter.device_count > 1:
        return _by_unit(values, scatter, coverage, confidence, alpha, ("devices", "devices like these"))
    if scatter.run_count > 1:
        by_run = analyse_scatter(values, runs)
        return _by_unit(values, by_run, coverage, confidence, alpha, ("runs", "this device, in runs like these"))
    found, _, told = checked_interval(values, coverage, confidence, alpha)
    return DoseInterval(
        found.lower,
        found.upper,
        coverage,
        confidence,
        found.achieved_confidence if isinstance(found, FreeInterval) else confidence,
        found.method,
        "this device, in a run like this, doses taken as independent",
        (told, "one device tells nothing of others"),
        scatter,
    )


def _by_unit(
    values: Sequence[float],
    scatter: Scatter,
    coverage: float,
    confidence: float,
    alpha: float,
    said: tuple[str, str],
) -> DoseInterval:
    unit, holds_for = said
    normal = interval_of(scatter, coverage, confidence)
    rejected, told = _checks(scatter, unit, alpha)
    if not rejected:
        method = normal.method.replace("devices", unit)
        return DoseInterval(
            normal.lower, normal.upper, coverage, confidence, confidence, method, holds_for, told, scatter
        )
    count = scatter.device_count
    achieved, needed = free_confidence(count, coverage), needed_values(coverage, confidence)
    short = "" if achieved >= confidence else f"; {needed} {unit} are needed for {100 * confidence:g} %"
    return DoseInterval(
        min(values),
        max(values),
        coverage,
        confidence,
        achieved,
        f"distribution-free (Wilks), least to greatest, {count} {unit} as the independent values: confidence"
        f" {100 * achieved:.3g} %{short}",
        holds_for,
        (*told, f"taken for normal nevertheless, it would be {normal.lower:.4g} to {normal.upper:.4g}"),
        scatter,
    )


def _checks(scatter: Scatter, unit: str, alpha: float) -> tuple[bool, tuple[str, ...]]:
    """Return whether a check speaks against normal doses or units, and what the checks found."""
    found: list[tuple[str, Normality]] = []
    if scatter.residuals:
        found.append((f"doses about their {unit}' means", check_normality(scatter.residuals, alpha)))
    found.append((f"means of {unit}", check_normality(scatter.device_means, alpha)))
    return any(check.normal is False for _, check in found), tuple(f"{what}: {check.words}" for what, check in found)
