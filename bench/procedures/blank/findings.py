"""What is wrong with a bench at rest, each in a sentence with its likely cause."""

from __future__ import annotations

from collections.abc import Sequence

from bench.metrology.pulse_train import Disturbance
from bench.metrology.rounding import number
from bench.procedures.base import Context
from bench.procedures.blank.measurements import Losses
from bench.procedures.blank.stretch import Stretch
from bench.results.model import Measurement

_MOST_TOLD = 3
_FEWEST_TEETH = 3
_ALIKE_SHARE = 0.3
"""What creeps between jumps must be so much of what they take back, to be one and the same thing."""


def blank_findings(
    stretch: Stretch, losses: Losses | None, measured: Sequence[Measurement], context: Context
) -> list[str]:
    """Return what disturbed the balance, and whether the loss is what the rig file declares."""
    leaning = _leaning(stretch, losses)
    if leaning:
        return leaning
    return [*_disturbed(stretch.disturbances, stretch), *_against_the_rig(measured, context)]


def _leaning(stretch: Stretch, losses: Losses | None) -> list[str]:
    """Tell of a mass that creeps one way and jumps back again and again: something leans on the vessel and slips."""
    jumps = [each for each in stretch.disturbances if each.kind == "jump"]
    back_mg = sum(each.step_mg for each in jumps)
    if losses is None or len(jumps) < _FEWEST_TEETH or any(each.step_mg * back_mg <= 0.0 for each in jumps):
        return []
    crept_mg = -losses.mg_per_h * stretch.hours
    if crept_mg * back_mg >= 0.0 or abs(crept_mg) < _ALIKE_SHARE * abs(back_mg):
        return []
    ways = ("rises", "falls back") if back_mg < 0.0 else ("falls", "rises back")
    every_min = (jumps[-1].time_s - jumps[0].time_s) / (len(jumps) - 1) / 60.0
    since_min = (jumps[0].time_s - stretch.window[0]) / 60.0
    return [
        f"The mass {ways[0]} slowly and {ways[1]} at once, by {number(abs(back_mg) / len(jumps), 2)} mg every"
        f" {every_min:.0f} min, {len(jumps)} times, first at minute {since_min:.1f}: something leans on the vessel and"
        " slips off again. Look at the needle: it must hang free of wall and film; and at tubing and draught shield."
    ]


def _disturbed(found: Sequence[Disturbance], stretch: Stretch) -> list[str]:
    if not found:
        return []
    words = [
        f"{each.kind} of {each.step_mg:+.2g} mg at minute {(each.time_s - stretch.window[0]) / 60.0:.1f}"
        for each in found[:_MOST_TOLD]
    ]
    more = f" and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    times = "once" if len(found) == 1 else f"{len(found)} times"
    return [
        f"The balance was disturbed {times}: {', '.join(words)}{more}. Jumps are left out of loss and noise; look for"
        " people, doors, fans, a needle that touches, static charge."
    ]


def _against_the_rig(measured: Sequence[Measurement], context: Context) -> list[str]:
    """Say where the loss is not what the rig file declares."""
    rate, declared = measured[0], context.rig.evaporation
    if rate.value is None or rate.expanded_uncertainty is None or declared is None:
        return []
    nominal, half = declared.rate.to("mg/h"), declared.half_width.to("mg/h")
    if abs(rate.value - nominal) <= half + rate.expanded_uncertainty:
        return []
    return [
        f"The loss is {number(rate.value, 2)} mg/h, and the rig file declares {nominal:g} mg/h ± {half:g} mg/h: renew"
        " the oil film, shut the draught shield, wait until vessel and balance are warm, and weigh a blank again; or"
        " correct the rig file by its lines in the notes."
    ]
