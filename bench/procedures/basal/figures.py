"""Figures of a basal delivery."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrology.cumulative import Cumulative
from bench.metrology.decimate import series
from bench.metrology.noise import Floats
from bench.metrology.pulse_train import PulseTrain
from bench.procedures.basal.delivery import Delivery
from bench.procedures.basal.pulses import load_uncertainty_mg, pulse_errors_percent
from bench.procedures.basal.trumpet import TrumpetPoint
from bench.procedures.basal.windows import BAND_PERCENT, Errors
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Figure, Mark, Rule, Series

_REDUCED = "reduced to least and greatest of every stretch, so that no extreme is lost"
_START_UP_S = 24.0 * HOUR_S
_BIN_PERCENT = 5.0


def mass_figure(delivery: Delivery, train: PulseTrain, alarms: Sequence[tuple[float, str]], words: str) -> Figure:
    """Return mass against time, with the pulses found, the commands and the alarms."""
    weighing = delivery.weighing
    hours = (weighing.time_s - delivery.began_s) / HOUR_S
    drawn = [series("balance", hours, weighing.mass_mg, role="mass", points=4000), _commanded(delivery)]
    for kind in ("expected", "split", "missed", "doubled", "extra"):
        instants = np.array([pulse.time_s for pulse in train.pulses if pulse.kind == kind])
        if len(instants):
            heights = _level_at(delivery, instants)
            x = (instants - delivery.began_s) / HOUR_S
            drawn.append(series(f"{kind} pulses", x, heights, role=f"pulse-{kind}", style="points", points=2000))
    for disturbance in train.disturbances[:1]:
        del disturbance
        instants = np.array([each.time_s for each in train.disturbances])
        x = (instants - delivery.began_s) / HOUR_S
        drawn.append(series("disturbances", x, _level_at(delivery, instants), role="disturbance", style="points"))
    marks = [Mark(x=0.0, label="basal commanded"), Mark(x=delivery.duration_s / HOUR_S, label="stopped")]
    marks += [Mark(x=(time_s - delivery.began_s) / HOUR_S, label=label) for time_s, label in alarms]
    return Figure(
        name="mass",
        title="Mass on the balance",
        x_label="time since the first command / h",
        y_label="mass / mg",
        series=drawn,
        marks=marks,
        caption=f"Readings as they came, {_REDUCED}; points: pulses where they were found.{words}",
    )


def _commanded(delivery: Delivery) -> Series:
    """Return the mass that should have come, from the level before the first command on."""
    begin_s, end_s = delivery.first_window
    weighing = delivery.weighing
    level = weighing.mass_mg[(weighing.time_s >= begin_s) & (weighing.time_s <= end_s)]
    level_mg = float(np.nanmean(level)) if np.isfinite(level).any() else 0.0
    hours = delivery.duration_s / HOUR_S
    due_mg = delivery.rate_ul_per_h * hours / weighing.conversion.ul_per_mg
    return series("commanded", [0.0, hours], [level_mg, level_mg + due_mg], role="nominal")


def _level_at(delivery: Delivery, instants: Floats) -> Floats:
    known = np.isfinite(delivery.weighing.mass_mg)
    return np.interp(instants, delivery.weighing.time_s[known], delivery.weighing.mass_mg[known])


def trumpet_figure(points: Sequence[TrumpetPoint], mean_error_percent: float, words: str) -> Figure:
    """Return the trumpet: extremes against window length, with what counting pulses explains and what noise does."""
    points = [point for point in points if point.seen.errors.extremes.windows]
    drawn: list[Series] = []
    counted = sorted((point for point in points if point.envelope_percent is not None), key=_window)
    if any(point.envelope_percent != (0.0, 0.0) for point in counted):
        x = [point.seen.window_s / 60.0 for point in counted]
        for index, style in ((0, "band-low"), (1, "band-high")):
            y = [point.envelope_percent[index] for point in counted if point.envelope_percent is not None]
            drawn.append(series("equal pulses, any phase", x, y, role="envelope", style=style))
    for name in dict.fromkeys(point.name for point in points):
        chosen = sorted((point for point in points if point.name == name), key=_window)
        x = [point.seen.window_s / 60.0 for point in chosen]
        extremes = [point.seen.errors.extremes for point in chosen]
        role = f"trumpet {chosen[0].seen.windows}"
        drawn.append(series(f"largest, {name}", x, [each.largest_percent for each in extremes], role=role))
        drawn.append(series(f"least, {name}", x, [each.least_percent for each in extremes], role=role))
    noisy = sorted(points, key=_window)
    x = [point.seen.window_s / 60.0 for point in noisy]
    for sign, word in ((1.0, "+"), (-1.0, "−")):
        y = [sign * point.floor_percent for point in noisy]
        drawn.append(series(f"{word} noise of the balance", x, y, role="limit", style="points"))
    rules = [Rule(y=0.0, label="commanded")]
    if math.isfinite(mean_error_percent):
        rules.append(Rule(y=mean_error_percent, label=f"overall {mean_error_percent:+.2f} %"))
    return Figure(
        name="trumpet",
        title="Trumpet curve",
        x_label="observation window / min",
        y_label="flow error / %",
        series=drawn,
        rules=rules,
        caption="Largest and least mean error over all windows of a length, evaporation made good; not reduced. Longer"
        " windows are not later in the run. Band: what equal pulses at equal intervals show by counting alone, over all"
        f" phases. Points: how far the balance's noise alone would spread the extremes.{words}",
    )


def _window(point: TrumpetPoint) -> float:
    return point.seen.window_s


def start_up_figure(delivery: Delivery, curve: Cumulative, sample_s: float, words: str) -> Figure:
    """Return flow against time from the first command: the mean over every sample interval; gaps stay empty."""
    grid_s, flow = start_up_flow(delivery, curve, sample_s)
    x = np.repeat(grid_s, 2)[1:-1] / HOUR_S
    rate = delivery.rate_ul_per_h / delivery.ul_per_u
    return Figure(
        name="start_up",
        title="Start-up curve",
        x_label="time since the first command / h",
        y_label="flow / (U/h)",
        series=[series("flow", x, np.repeat(flow, 2), role="flow")],
        rules=[Rule(y=rate, label="commanded")],
        caption=f"Mean flow over every {sample_s / 60.0:.4g} min, nothing left out at the start; not reduced.{words}",
    )


def start_up_flow(delivery: Delivery, curve: Cumulative, sample_s: float) -> tuple[Floats, Floats]:
    """Return the ends of the samples, in s after the command, shape (n + 1,), and the mean flow in each, in U/h.

    The first sample begins at the command, the others between doses. NaN where an end lies in a gap.
    """
    length_s = min(delivery.duration_s, _START_UP_S)
    wanted_s = delivery.began_s + np.arange(0.0, length_s + 1.0, sample_s)
    ends_s = np.array([delivery.between_doses_s(float(each)) for each in wanted_s])
    ends_s[0] = delivery.began_s
    volume = np.where(curve.known(ends_s), curve.at(ends_s), np.nan)
    return wanted_s - delivery.began_s, np.diff(volume) / (sample_s / HOUR_S) / delivery.ul_per_u


def hours_figure(hours: Errors, words: str) -> Figure:
    """Return the error of every whole hour."""
    x = [index + 0.5 for index in range(len(hours.errors_percent))]
    return Figure(
        name="hours",
        title="Error of every hour",
        x_label="time since the first command / h",
        y_label="error / %",
        series=[series("hours", x, hours.errors_percent, role="pulse", style="bars")],
        rules=[Rule(y=BAND_PERCENT, label="+15 %"), Rule(y=-BAND_PERCENT, label="−15 %")],
        caption=f"Volume of every whole hour from the first command on against the commanded; not reduced.{words}",
    )


def pulses_figure(train: PulseTrain, delivery: Delivery, increment_ul: float, words: str) -> Figure:
    """Return the volume of every pulse over time."""
    hours, errors = pulse_errors_percent(train, delivery, increment_ul)
    drawn = []
    for kind in ("expected", "split", "missed", "doubled", "extra"):
        chosen = np.array([pulse.kind == kind for pulse in train.pulses], dtype=np.bool_)
        if np.any(chosen):
            role = f"pulse-{kind}"
            drawn.append(series(kind, hours[chosen], errors[chosen], role=role, style="points", points=2000))
    typical = float(np.median([pulse.standard_uncertainty_mg for pulse in train.pulses]))
    per_mg = 200.0 * delivery.weighing.conversion.ul_per_mg / increment_ul
    whole = math.hypot(typical, load_uncertainty_mg(delivery.weighing.balance))
    return Figure(
        name="pulses",
        title="Volume of every pulse",
        x_label="time since the first command / h",
        y_label="deviation from the increment / %",
        series=drawn,
        rules=[Rule(y=0.0, label="increment")],
        caption=f"One point a pulse, {_REDUCED}; U of a single pulse is {per_mg * whole:.2g} % (k = 2), by noise alone"
        f" {per_mg * typical:.2g} %.{words}",
    )


def pulse_distribution_figure(train: PulseTrain, delivery: Delivery, increment_ul: float, words: str) -> Figure:
    """Return how many pulses had which volume."""
    _, errors = pulse_errors_percent(train, delivery, increment_ul)
    first, last = math.floor(errors.min() / _BIN_PERCENT), math.floor(errors.max() / _BIN_PERCENT) + 1
    counts, edges = np.histogram(errors, bins=_BIN_PERCENT * np.arange(first, last + 1))
    return Figure(
        name="pulse_distribution",
        title="Distribution of pulse volumes",
        x_label="deviation from the increment / %",
        y_label="pulses",
        series=[series("pulses", 0.5 * (edges[1:] + edges[:-1]), counts, role="pulse", style="bars")],
        caption=f"All slots, missed ones included, in bins of {_BIN_PERCENT:g} %; counted, not reduced.{words}",
    )
