"""A Monte Carlo check in words, the same on a terminal and in a report."""

from __future__ import annotations

import math

from bench.metrology.rounding import MINUS
from bench.results.model import Measurement, MonteCarlo


def confirmation_text(measured: Measurement) -> str:
    """Return both intervals of a measurement and whether drawing confirms the budget; nothing where none was drawn."""
    check = measured.monte_carlo
    if check is None:
        return ""
    places = max(0, -math.floor(math.log10(check.tolerance)))

    def span(low: float, high: float) -> str:
        return f"{low:.{places}f} to {high:.{places}f}".replace("-", MINUS)

    unit = f" {measured.unit}" if measured.unit else ""
    unstable = "" if check.stable else ", not yet stable"
    return (
        f"{span(check.low, check.high)}{unit}, budget {span(check.gum_low, check.gum_high)}{unit}"
        f" ({check.draws} draws{unstable}): {_verdict(check, unit)}"
    )


def _verdict(check: MonteCarlo, unit: str) -> str:
    if check.validated:
        return "confirms the budget"
    apart = max(abs(check.low - check.gum_low), abs(check.high - check.gum_high))
    wider = 100.0 * ((check.high - check.low) / (check.gum_high - check.gum_low) - 1.0)
    return (
        f"{abs(wider):.2g} % {'wider' if wider > 0.0 else 'narrower'} than the budget;"
        f" the ends lie up to {apart:.2g}{unit} apart, two digits of u allow {check.tolerance:.1g}{unit}"
    )
