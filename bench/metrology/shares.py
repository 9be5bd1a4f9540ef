"""How many of many errors lie within a band, what their sizes are on average, and what weighing leaves open in both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BAND_PERCENTS = (5, 10, 15, 20, 25, 30)
_COUNTED = 1e-4
"""Chance that any item at all is on the other side of an edge, below which all have been counted."""


def share_within(deviations_percent: Sequence[float], band_percent: float) -> float:
    """Return the share, in percent, of deviations no greater than `band_percent` either way."""
    return 100.0 * sum(abs(deviation) <= band_percent for deviation in deviations_percent) / len(deviations_percent)


def share_standard_uncertainty(
    deviations_percent: Sequence[float], band_percent: float, own_percent: Sequence[float], common_percent: float
) -> tuple[float, float]:
    """Return what weighing leaves open in a share, in percent points: by each bolus's own error, and by the common one.

    A bolus at distance d from an edge is on the other side with a probability by its own standard uncertainty; those
    add like coins that are thrown. The common error moves all boluses together: the greater change of the share by a
    shift of it down or up. Where not one is likely to be on the other side, the share was counted and has no
    uncertainty: else no share could ever keep a limit of 100 % by a guard band.
    """
    number = len(deviations_percent)

    def chances(shift_percent: float) -> list[float]:
        return [
            probability_within(deviation + shift_percent, band_percent, own)
            for deviation, own in zip(deviations_percent, own_percent, strict=True)
        ]

    inside = chances(0.0)
    middle = sum(inside)
    own = math.sqrt(sum(each * (1.0 - each) for each in inside))
    common = max(abs(sum(chances(shift)) - middle) for shift in (-common_percent, common_percent))
    if _are_counted(inside):
        own = 0.0
    if common < _COUNTED:
        common = 0.0
    return 100.0 * own / number, 100.0 * common / number


def share_without_noise(
    deviations_percent: Sequence[float], band_percent: float, own_percent: float
) -> tuple[float, float]:
    """Return the share of deviations that lie within ±`band_percent` without weighing's own scatter, and its standard
    uncertainty, both in percent.

    Noise makes deviations scatter more, so that counting those inside tells too small a share. Each true deviation is
    expected between the one seen and the mean of all, by how much of the variance seen is the pulses' own (the normal
    posterior of a random-effects model, its mean and variance estimated from all), and lies inside with a probability;
    the share is their mean. How many are inside is a whole number: the standard uncertainty is no less than half of
    what holds 95 % of all counts.
    """
    number = len(deviations_percent)
    mean = sum(deviations_percent) / number
    variance = sum((each - mean) ** 2 for each in deviations_percent) / max(1, number - 1)
    # So few say little of a scatter that is less than the noise's: some of it may always be theirs.
    least = min(1.0, math.sqrt(2.0 / max(1, number - 1)))
    kept = max(least, 1.0 - own_percent**2 / variance) if variance > 0.0 else least
    spread = own_percent * math.sqrt(kept)
    inside = [probability_within(mean + kept * (each - mean), band_percent, spread) for each in deviations_percent]
    if _are_counted(inside):
        return 100.0 * round(sum(inside)) / number, 0.0
    expected, chance = sum(inside), math.sqrt(sum(each * (1.0 - each) for each in inside))
    return 100.0 * expected / number, 100.0 * max(chance, 0.5 * _reach(inside, expected)) / number


def _are_counted(inside: Sequence[float]) -> bool:
    return sum(min(each, 1.0 - each) for each in inside) < _COUNTED


def _reach(probabilities: Sequence[float], expected: float) -> float:
    """Return how far from the expected number 95 % of all counts lie, each item counted with its own probability."""
    chances = np.ones(1)
    for each in probabilities:
        if each < 1.0:
            chances = np.convolve(chances, [1.0 - each, each])
    counts = np.arange(len(chances)) + (len(probabilities) - (len(chances) - 1))
    away = np.abs(counts - expected)
    order = np.argsort(away)
    enough = int(np.searchsorted(np.cumsum(chances[order]), 0.95))
    return float(away[order][min(enough, len(order) - 1)])


def probability_within(deviation: float, band: float, standard_uncertainty: float) -> float:
    """Return how probable it is that a normal quantity around `deviation` lies within ±`band`."""
    if standard_uncertainty <= 0.0:
        return 1.0 if abs(deviation) <= band else 0.0
    scale = standard_uncertainty * math.sqrt(2.0)
    return 0.5 * (math.erf((band - deviation) / scale) - math.erf((-band - deviation) / scale))


def mean_size(errors_percent: Sequence[float]) -> float:
    """Return the mean absolute error (MARD where errors are relative), in percent."""
    return sum(abs(error) for error in errors_percent) / len(errors_percent)


def mean_size_standard_uncertainty(
    errors_percent: Sequence[float], own_percent: float, common_percent: float
) -> tuple[float, float, float]:
    """Return what weighing leaves open in a mean absolute error, in percent points: (excess, own, common).

    Noise makes absolute values greater on average, by how much follows from the folded normal distribution: that is the
    excess. Apart from it every error's own noise averages out; a common error moves the mean by as much as more errors
    lie on one side than on the other.
    """
    number = len(errors_percent)
    # A sum that is never less than nothing, but for what floating point makes of it.
    excess = max(0.0, sum(_folded_mean(error, own_percent) - abs(error) for error in errors_percent) / number)
    sides = sum(math.copysign(1.0, error) for error in errors_percent if error) / number
    shifted = [
        sum(_folded_mean(error + shift, own_percent) for error in errors_percent) / number
        for shift in (-common_percent, common_percent)
    ]
    middle = mean_size(errors_percent) + excess
    common = max(abs(sides) * common_percent, *(abs(each - middle) for each in shifted))
    return excess, own_percent / math.sqrt(number), common


def _folded_mean(mean: float, standard_uncertainty: float) -> float:
    """Return the mean absolute value of a normal quantity."""
    if standard_uncertainty <= 0.0:
        return abs(mean)
    ratio = mean / standard_uncertainty
    spread = standard_uncertainty * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * ratio**2)
    return spread + mean * math.erf(ratio / math.sqrt(2.0))
