"""Figures of a blank: the readings, their Allan deviation, and the loss over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.metrology.allan import AllanPoint, allan_of
from bench.metrology.decimate import series
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.rounding import number
from bench.procedures.blank.measurements import Losses
from bench.procedures.blank.stretch import SECONDS_PER_HOUR, Stretch
from bench.recording.reader import TestRecord
from bench.results.model import Figure, Mark, Rule

_PARTS = 12


def mass_figure(stretch: Stretch, words: str) -> Figure:
    """Return the readings over time, with what disturbed the balance."""
    time_s, mass_mg = stretch.readings
    hours = (time_s - stretch.window[0]) / SECONDS_PER_HOUR
    marks = [
        Mark(x=(each.time_s - stretch.window[0]) / SECONDS_PER_HOUR, label=f"{each.kind} {index}")
        for index, each in enumerate(stretch.disturbances, start=1)
    ]
    return Figure(
        name="mass",
        title="The balance at rest",
        x_label="time since the blank began / h",
        y_label="mass / mg",
        series=[series("balance", hours, mass_mg, role="mass", points=4000)],
        marks=marks,
        caption="Every reading, the vessel's buoyancy made good; reduced to least and greatest of every stretch, so"
        f" that no extreme is lost. Nothing is delivered: what moves is the room, the balance or evaporation.{words}",
    )


def allan_figure(points: Sequence[AllanPoint], noise: FilteredNoise, words: str) -> Figure:
    """Return the Allan deviation over the averaging time, both axes logarithmic, with the fitted noise."""
    x = [point.tau_s for point in points]
    drawn = [
        series("seen", x, [point.deviation for point in points], role="mass", style="points"),
        series("fitted noise", x, [allan_of(noise, tau_s) for tau_s in x], role="envelope"),
    ]
    for sign, style in ((-1.0, "band-low"), (1.0, "band-high")):
        y = [max(point.deviation + 2.0 * sign * point.standard_uncertainty, 0.1 * point.deviation) for point in points]
        drawn.append(series("chance (k = 2)", x, y, role="mass", style=style))
    return Figure(
        name="allan",
        title="Allan deviation of the balance",
        x_label="averaging time τ / s",
        y_label="Allan deviation / mg",
        x_log=True,
        y_log=True,
        series=drawn,
        caption="By how much a mean over τ differs from the mean over the same time before it (divided by √2), the line"
        " taken off. Falling: white noise, averaging helps. Level: flicker, it no longer does. Rising: the balance"
        f" walks, or a draught; weigh within the time where the curve is lowest.{words}",
    )


def rate_figure(stretch: Stretch, losses: Losses, words: str) -> Figure:
    """Return the loss in parts of the blank, with what noise leaves open in each."""
    minutes, lost, low, high = [], [], [], []
    for begin, end in stretch.parts(_PARTS):
        slope = stretch.slope((begin, end))
        minutes.append(round((0.5 * (begin + end) - stretch.window[0]) / 60.0, 1))
        rate = -slope.mg_per_h if slope is not None else np.nan
        spread = 2.0 * slope.standard_uncertainty if slope is not None else np.nan
        lost.append(rate)
        low.append(rate - spread)
        high.append(rate + spread)
    return Figure(
        name="rate",
        title="Loss over the blank",
        x_label="time since the blank began / min",
        y_label="loss / (mg/h)",
        series=[
            series("loss", minutes, lost, role="rate"),
            series("noise (k = 2)", minutes, low, role="rate", style="band-low"),
            series("noise (k = 2)", minutes, high, role="rate", style="band-high"),
        ],
        rules=[Rule(y=losses.mg_per_h, label=f"mean {number(losses.mg_per_h, 2)} mg/h")],
        caption=f"Slope of the balance in {_PARTS} equal parts, steps left out. A loss that leaves the band and stays"
        f" out is a film that opens, a vessel that warms, or a balance that was not warmed up.{words}",
    )


def temperature_figure(stretch: Stretch, record: TestRecord, words: str) -> list[Figure]:
    """Return the air's temperature over the blank; nothing where none was measured."""
    warmth = record.series("climate.temperature_c")
    if warmth.declared or len(warmth.time_s) < 2:
        return []
    hours = (warmth.time_s - stretch.window[0]) / SECONDS_PER_HOUR
    return [
        Figure(
            name="temperature",
            title="Air beside the balance",
            x_label="time since the blank began / h",
            y_label="temperature / °C",
            series=[series("air", hours, warmth.value, role="temperature")],
            caption=f"Every reading of the climate sensor.{words}",
        )
    ]
