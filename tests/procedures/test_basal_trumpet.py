"""Ep(max) and Ep(min) of an infusion's windows, from a flow that is known at every instant; what is refused before."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.procedures.basal.procedure import PROCEDURE, BasalSettings
from bench.procedures.base import Context
from bench.results.model import Evaluation, Measurement
from bench.run.judging import UnresolvableError, check_resolvable
from tests.procedures.made_contexts import PUMP, UL_PER_MG, context
from tests.procedures.made_recordings import Made

Floats = NDArray[np.float64]
BLANK_S, HOUR_S = 600.0, 3600.0
RATE_UL_PER_H, TURN_S, SHARE, LAG_S = 5000.0, 480.0, 0.02, 1.3
WINDOWS_MIN = (1, 2, 5, 11, 19, 31)
NAMES = [f"trumpet_{word}_{minutes}min" for word in ("largest", "least") for minutes in WINDOWS_MIN]
CONTINUOUS = "{insulin: U-100, delivery: continuous}"


def made_context(more: str, accept: str = "mean_error: ±5 %", pump: str = CONTINUOUS) -> Context:
    test = f"{{id: T-1, procedure: basal, rate: 5 mL/h, blank: 10 min, {more}, accept: {{{accept}}}}}"
    return context(f"  - {test}\n", pump)


def settings(of: Context) -> BasalSettings:
    found = of.plan.tests[0].settings
    assert isinstance(found, BasalSettings)
    return found


def volume_ul(since_s: Floats, hours: float) -> Floats:
    """5 mL/h with the waves of a lead screw, twice as high in the last hour; a tenth less in the first half hour."""
    wave_ul = SHARE * RATE_UL_PER_H / HOUR_S * TURN_S / (2.0 * math.pi)
    of_turn = wave_ul * np.sin(2.0 * math.pi * (since_s - 60.0) / TURN_S)
    higher = np.where(since_s > (hours - 1.0) * HOUR_S, 2.0, 1.0)
    started = RATE_UL_PER_H / HOUR_S * (since_s - 0.1 * np.minimum(since_s, 1800.0))
    return np.where(since_s <= 0.0, 0.0, started + higher * of_turn)


def evaluated(hours: float, more: str, volume: Callable[[Floats, float], Floats] = volume_ul) -> Evaluation:
    of = made_context(f"duration: {hours} h{more}")
    stop_s = BLANK_S + hours * HOUR_S
    recording = Made(stop_s + 60.0 + BLANK_S)
    recording.climate()
    recording.events = [
        (0.0, "blank started", {}),
        (BLANK_S, "blank ended", {}),
        (BLANK_S, "basal commanded", {"rate_ul_per_h": RATE_UL_PER_H, "sent_s": BLANK_S, "acknowledged_s": BLANK_S}),
        (stop_s, "basal stopped", {"sent_s": stop_s, "acknowledged_s": stop_s}),
        (stop_s + 60.0, "settled", {}),
        (stop_s + 60.0, "blank started", {}),
        (stop_s + 60.0 + BLANK_S, "blank ended", {}),
    ]
    recording.balance(lambda time_s: volume(np.minimum(time_s - LAG_S, stop_s) - BLANK_S, hours) / UL_PER_MG, 5, 0.5)
    return PROCEDURE.evaluate(settings(of), recording.in_memory(), of)


def known(hours: float, minutes: int, periods_h: list[tuple[float, float]]) -> tuple[float, float]:
    """Return Ep(max) and Ep(min) over the windows that begin every 30 s of some periods."""
    found: list[float] = []
    for begin_h, end_h in periods_h:
        ends_s = min(end_h * HOUR_S, hours * HOUR_S - 15.0)  # what comes last before the stop is left out
        starts_s = np.arange(begin_h * HOUR_S, ends_s - 60.0 * minutes + 1.0, 30.0)
        volumes_ul = volume_ul(starts_s + 60.0 * minutes, hours) - volume_ul(starts_s, hours)
        found += list(100.0 * (volumes_ul / (RATE_UL_PER_H * minutes / 60.0) - 1.0))
    return max(found), min(found)


def measured(evaluation: Evaluation) -> dict[str, Measurement]:
    return {one.name: one for one in evaluation.measurements}


@cache
def three_hours() -> Evaluation:
    return evaluated(3.0, ", trumpet: infusion")


@pytest.mark.parametrize(
    ("hours", "more", "periods_h"),
    [(3.0, ", trumpet: infusion", [(1.0, 2.0), (2.0, 3.0)]), (2.0, ", stabilisation: 1 h", [(1.0, 2.0)])],
)
def test_the_extremes_of_every_window_are_those_of_the_flow(
    hours: float, more: str, periods_h: list[tuple[float, float]]
) -> None:
    evaluation = three_hours() if hours == 3.0 else evaluated(hours, more)
    found = measured(evaluation)
    assert not evaluation.doubts
    for minutes in WINDOWS_MIN:
        truths = known(hours, minutes, periods_h)
        for word, truth in zip(("largest", "least"), truths, strict=True):
            one = found[f"trumpet_{word}_{minutes}min"]
            assert one.value is not None
            assert one.expanded_uncertainty is not None
            assert abs(one.value - truth) <= one.expanded_uncertainty, one.name
            assert one.expanded_uncertainty < 0.12, one.name
    # The start is no part of the analysis periods, in which the screw makes ±2 %, or ±4 % in the last hour.
    assert abs(found["trumpet_largest_2min"].value or 0.0) > 1.5
    assert abs(found["trumpet_least_2min"].value or 0.0) < 5.0


def test_the_window_of_the_extreme_is_named() -> None:
    note = measured(three_hours())["trumpet_largest_2min"].note
    assert "last hour (T2)" in note
    assert "% over 233 windows" in note
    begin_min = float(note.split("the window that begins ")[1].split(" min")[0])
    # The flow is greatest a minute after the command and every eight minutes from then.
    assert (begin_min + 1.0) % 8.0 == pytest.approx(1.0, abs=0.6)
    assert 120.0 <= begin_min <= 178.0


def test_a_flow_that_the_balance_shows_late_is_as_continuous_as_it_is() -> None:
    """Of a flow that is even from the command on the level stays; only the balance's lag makes it sag at first."""

    def volume(since_s: Floats, hours: float) -> Floats:
        del hours
        return RATE_UL_PER_H / HOUR_S * np.maximum(0.0, since_s)

    swing = measured(evaluated(1.0, "", volume))["pk_cv_5min"]
    assert swing.value is not None
    assert swing.expanded_uncertainty is not None
    assert swing.value <= swing.expanded_uncertainty < 0.02


def test_hours_on_either_side_of_the_rate_share_no_lag_that_cancels() -> None:
    """An hour of 10 % too little and one of 2 % too much: the lag takes from the one what the other gets."""

    def volume(since_s: Floats, hours: float) -> Floats:
        del hours
        first_s, second_s = np.clip(since_s, 0.0, HOUR_S), np.maximum(0.0, since_s - HOUR_S)
        return RATE_UL_PER_H / HOUR_S * (0.9 * first_s + 1.02 * second_s)

    mard = measured(evaluated(2.0, "", volume))["mard_60min"]
    assert mard.value is not None
    assert mard.expanded_uncertainty is not None
    assert mard.value == pytest.approx(6.0, abs=mard.expanded_uncertainty)
    assert mard.expanded_uncertainty < 0.2


@pytest.mark.parametrize(
    ("more", "name", "words"),
    [
        (
            "duration: 2 h, trumpet: ambulatory",
            "trumpet_largest_2min",
            r"no windows of 2 min: `trumpet: infusion` does",
        ),
        (
            "duration: 2 h, trumpet: infusion",
            "trumpet_error_15min",
            r"no windows of 15 min: `trumpet: ambulatory` does",
        ),
        ("duration: 20 min", "trumpet_least_31min", r"no window of 31 min fits into the 0.333\d* h"),
    ],
)
def test_a_window_that_is_not_looked_through_is_refused_before_the_pump_is_started(
    more: str, name: str, words: str
) -> None:
    limit = "±5 %" if "error" not in name else "<= 5 %"
    of = made_context(more, f"{name}: {limit}")
    with pytest.raises(UnresolvableError, match=words):
        check_resolvable(of.plan.tests[0], PROCEDURE, of)


def test_short_windows_of_a_slow_pump_are_refused_with_the_arithmetic_and_wider_ones() -> None:
    of = context(
        "  - {id: T-1, procedure: basal, rate: 0.1 mL/h, duration: 2 h, trumpet: infusion,"
        " accept: {trumpet_largest_1min: <= 5 %}}\n",
        CONTINUOUS,
    )
    with pytest.raises(UnresolvableError, match=r"largest of 118 windows by noise.*`trumpet_largest_5min` instead"):
        check_resolvable(of.plan.tests[0], PROCEDURE, of)


def test_every_short_window_is_foretold_to_be_less_sure_than_a_longer_one() -> None:
    of = made_context("duration: 3 h")
    planned = PROCEDURE.planned_uncertainty(settings(of), of)
    for word in ("largest", "least"):
        expanded = [planned[f"trumpet_{word}_{minutes}min"][0] for minutes in WINDOWS_MIN]
        assert expanded == sorted(expanded, reverse=True)
        assert 0.0 < expanded[-1] < expanded[0] < 1.0
    by_pump = PROCEDURE.planned_uncertainty(settings(of), made_context("duration: 3 h", pump=PUMP))
    assert all(math.isinf(by_pump[name][0]) for name in NAMES)
