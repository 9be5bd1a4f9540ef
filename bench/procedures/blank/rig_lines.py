"""What a blank tells that belongs into the rig file: lines to paste, which feed the budgets of every later test."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.results.model import Table


@dataclass(frozen=True, slots=True)
class RigLines:
    """Figures for the rig file: mg/h and mg, all rounded up."""

    rate_mg_per_h: float
    half_width_mg_per_h: float
    repeatability_mg: float
    drift_mg_per_h: float

    @property
    def evaporation(self) -> str:
        """The rig's line for its loss."""
        return f"evaporation: {{rate: {self.rate_mg_per_h:g} mg/h, half_width: {self.half_width_mg_per_h:g} mg/h}}"

    @property
    def repeatability(self) -> str:
        """The balance's line for what its readings scatter."""
        return f"repeatability: {self.repeatability_mg:g} mg"

    @property
    def drift(self) -> str:
        """The balance's line for how much its zero drifts."""
        return f"drift: {self.drift_mg_per_h:g} mg/h"


def rig_lines(
    loss_mg_per_h: float, expanded: float, change: float, expanded_change: float, repeatability_mg: float
) -> RigLines:
    """Return what to declare, no less than this blank leaves open.

    The loss of another day lies within its uncertainty and half of the change that was seen; a loss cannot be
    negative, so what the balance gained widens it. The drift is what the change would come to, noise included.
    """
    rate = max(0.0, loss_mg_per_h)
    half = math.hypot(expanded, 0.5 * change) + (rate - loss_mg_per_h)
    return RigLines(_rounded(rate), _up(half), _up(repeatability_mg), _up(max(abs(change), expanded_change)))


def rig_lines_table(lines: RigLines) -> Table:
    """Return the lines as a table."""
    return Table(
        name="rig_lines",
        title="For the rig file: lines to paste",
        columns=["line", "where", "what it feeds"],
        rows=[
            [lines.evaporation, "beside `rig:`", "loss of every test, and blanks that contradict it"],
            [lines.repeatability, "in `balance:`", "what is foretold of a test before it runs"],
            [lines.drift, "in `balance:`", "half width of the loss, by the balance"],
        ],
        note="Rounded up, from this one blank. A blank of another day that does not agree is a finding: oil film,"
        " draught, temperature. Keep the larger half width.",
    )


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def _up(value: float) -> float:
    """Return a value with two significant digits, rounded up."""
    if value <= 0.0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.2g}")
