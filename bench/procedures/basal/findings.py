"""What went wrong with a basal delivery, each in a sentence with its likely cause."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.pulse_train import FoundPulse, PulseTrain
from bench.metrology.rounding import number
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.pulses import pulse_errors_percent
from bench.results.model import Measurement

LONGEST_RUN = 3
"""So many doses missing one after another are a time without delivery."""
FEWEST_ODD, ODD_SHARE = 3, 0.02
"""So many, and such a share, of single doses that did not come or came twice are told."""
CLEAR_PERCENT = 8.0
"""A mean error that is greater is told by its course."""
CHANGE_PERCENT, CHANGE_ERRORS = 10.0, 3.0
"""First and last quarter of the doses differ clearly by so much, and so many standard errors."""


def basal_findings(
    train: PulseTrain, delivery: Delivery, increment_ul: float, error: Measurement | None, clear_percent: float
) -> list[str]:
    """Return what did not come, what came twice, or how the rate was off.

    Args:
        train: the pulses.
        delivery: what was weighed.
        increment_ul: what a pulse should be.
        error: the mean error of the rate, in percent.
        clear_percent: from which size on, beyond its uncertainty, it is told.

    """
    if any(each.kind != "bump" for each in train.disturbances):
        return []  # what disturbed the balance is in all of this, too: no word of the pump
    found = [*_missing(train, delivery), *_often(train, "doubled", "came twice as large", delivery)]
    found += _often(train, "extra", "came out of turn", delivery)
    if found or error is None or error.value is None or error.expanded_uncertainty is None:
        return found
    is_clear = abs(error.value) > max(clear_percent, error.expanded_uncertainty)
    return _off(error.value, train, delivery, increment_ul) if is_clear else []


def _missing(train: PulseTrain, delivery: Delivery) -> list[str]:
    told, single = [], []
    for run in _runs(train):
        if len(run) < LONGEST_RUN:
            single += run
            continue
        begin = _minute(run[0].time_s, delivery)
        lasting = f"{len(run)} doses"
        if run[-1] is train.pulses[-1]:
            told.append(
                f"Nothing more came from minute {begin:.0f} on ({lasting} of {len(train.pulses)}): is the reservoir"
                " empty, the line shut, or did the pump stop?"
            )
        else:
            end = _minute(run[-1].time_s, delivery)
            told.append(
                f"Nothing came from minute {begin:.0f} to {end:.0f} ({lasting} of {len(train.pulses)}): air in the"
                " line, or a pump that paused?"
            )
    return [*told, *_told(single, train, "did not come", delivery)]


def _runs(train: PulseTrain) -> list[list[FoundPulse]]:
    runs: list[list[FoundPulse]] = []
    previous = False
    for pulse in train.pulses:
        missed = pulse.kind == "missed"
        if missed and previous:
            runs[-1].append(pulse)
        elif missed:
            runs.append([pulse])
        previous = missed
    return runs


def _often(train: PulseTrain, kind: str, what: str, delivery: Delivery) -> list[str]:
    return _told([pulse for pulse in train.pulses if pulse.kind == kind], train, what, delivery)


def _told(odd: Sequence[FoundPulse], train: PulseTrain, what: str, delivery: Delivery) -> list[str]:
    if len(odd) < max(FEWEST_ODD, ODD_SHARE * len(train.pulses)):
        return []
    apart = np.diff([pulse.time_s for pulse in odd]) / train.interval_s
    every = float(np.median(apart))
    regular = np.all(np.abs(apart - every) < 0.3) and every > 1.5
    how = f"every {every:.0f}th one" if regular else f"the first at minute {_minute(odd[0].time_s, delivery):.0f}"
    return [f"{len(odd)} of {len(train.pulses)} doses {what}, {how}."]


def _minute(time_s: float, delivery: Delivery) -> float:
    return (time_s - delivery.began_s) / 60.0


def _off(value: float, train: PulseTrain, delivery: Delivery, increment_ul: float) -> list[str]:
    """Tell of a rate that is off by so many percent, and whether it is so from first to last."""
    way = "too much" if value > 0.0 else "too little"
    rate = delivery.rate_ul_per_h / delivery.ul_per_u * (1.0 + 0.01 * value)
    told = (
        f"{number(abs(value), 2)} % {way} came: {number(rate, 3)} U/h instead of"
        f" {number(delivery.rate_ul_per_h / delivery.ul_per_u, 3)} U/h"
    )
    ends = _quarters(train, delivery, increment_ul)
    if ends is None:
        return [f"{told}."]
    first, last, u_change = ends
    if abs(first - last) > max(CHANGE_PERCENT, CHANGE_ERRORS * u_change):
        course = f"doses were {first:+.0f} % off in the first quarter and {last:+.0f} % in the last"
        cause = "it dies away, as after a start" if abs(first) > abs(last) else "it grows"
        return [f"{told}; {course}: {cause}."]
    return [
        f"{told}, evenly from first to last: are the doses wrong by that, or is it the balance? A check weight tells."
    ]


def _quarters(train: PulseTrain, delivery: Delivery, increment_ul: float) -> tuple[float, float, float] | None:
    """Return the mean error of the first and the last quarter of the doses, and what chance leaves of a difference."""
    _, errors = pulse_errors_percent(train, delivery, increment_ul)
    count = len(errors) // 4
    if count < 3 or not math.isfinite(increment_ul):
        return None
    first, last = errors[:count], errors[-count:]
    scatter = math.hypot(float(np.std(first, ddof=1)), float(np.std(last, ddof=1))) / math.sqrt(count)
    return float(first.mean()), float(last.mean()), scatter
