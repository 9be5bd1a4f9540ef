"""What a rig can tell of a volume between two levels, foretold from its file before anything runs."""

from __future__ import annotations

import math

from bench.metrology.budget import combined, component
from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.shared.conversion import assumed_surroundings, immersion_of
from bench.procedures.shared.weighing import balance_components, declared_loss
from bench.results.model import Component
from bench.rig.instruments import BalanceSpec

MOST_NAMED = 3
_NOISE_IN_STEPS = 1.5
"""Repeatability of a balance whose file tells none, in steps of its display: usual for four to six places."""
_FLICKER_FLOOR = 0.6
_WHITE_S = 5.0


def repeatability_mg(balance: BalanceSpec | None) -> float:
    """Return the standard deviation of a reading: the rig file's, or the usual one of such a display."""
    if balance is None:
        return 0.0
    if balance.repeatability is not None:
        return balance.repeatability.to("mg")
    return _NOISE_IN_STEPS * balance.readability.to("mg")


def pulse_noise_mg(balance: BalanceSpec | None, interval_s: float) -> float:
    """Return the standard uncertainty of one of many pulses, fitted over the interval between them.

    Averaging helps against white noise, and stops where the balance flickers: at some 0.6 repeatabilities for pulses
    minutes apart. Simulated balances of four to six places have 0.4 to 0.65 at 180 s, and 0.9 to 1.2 at 5 s.
    """
    return repeatability_mg(balance) * math.sqrt(_FLICKER_FLOOR**2 + _WHITE_S / interval_s)


def evaporation_mg_per_h(balance: BalanceSpec | None, blank_hours: float, context: Context) -> float:
    """Return the standard uncertainty of the loss: blanks and rig file, each by its inverse variance.

    A balance's wander lets a slope over a blank be known to about its repeatability over the blank's length.
    """
    weights = []
    if blank_hours > 0.0 and repeatability_mg(balance) > 0.0:
        weights.append((blank_hours / repeatability_mg(balance)) ** 2)
    _, half_width = declared_loss(context)
    if half_width is not None:
        weights.append(3.0 / max(half_width, 1e-9) ** 2)
    return 1.0 / math.sqrt(sum(weights)) if weights else 0.0


def planned_levels(interval_s: float, blank_s: float, context: Context) -> tuple[float, str]:
    """Return the expanded uncertainty (k = 2) in U of a volume between two levels that lie `interval_s` apart."""
    lines, factor = step_components(interval_s, blank_s, context), ul_per_mg(context)
    uncertainty_u = 2.0 * combined(lines) / context.concentration.ul_per_u
    words = f"two levels {interval_s / 60.0:.3g} min apart; standard uncertainties: {in_words(lines, factor)}"
    return uncertainty_u, f"{words}; U = {number(uncertainty_u, 2)} U"


def ul_per_mg(context: Context) -> float:
    """Return the volume of one milligram shown, immersion included, in the assumed surroundings."""
    return assumed_surroundings(context).factor_ul_per_mg() * immersion_of(context.rig.balance)


def step_components(interval_s: float, blank_s: float, context: Context) -> list[Component]:
    """Return the budget in µL of the step between two levels that lie `interval_s` apart."""
    balance, factor = context.rig.balance, ul_per_mg(context)
    lost = evaporation_mg_per_h(balance, blank_s / 3600.0, context)
    return [
        component("repeatability", repeatability_mg(balance), "mg", math.sqrt(2.0) * factor),
        *balance_components(balance, factor),
        component("evaporation and steady drift", lost, "mg/h", factor * interval_s / 3600.0),
    ]


def in_words(lines: list[Component], factor: float) -> str:
    """Return the largest lines of a budget in words, in mg."""
    largest = sorted(lines, key=lambda line: -line.contribution)[:MOST_NAMED]
    return ", ".join(f"{line.name} {line.contribution / factor:.2g} mg" for line in largest)
