"""Figures of a profile: what was told and what came over the day, and how the difference grew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bench.metrology.decimate import series
from bench.metrology.noise import block_means
from bench.metrology.readings import within
from bench.metrology.rounding import number
from bench.procedures.profile.losses import Loss
from bench.procedures.profile.responses import Response
from bench.procedures.shared.dosing import Dosing
from bench.procedures.shared.periods import BAND_PERCENT, Period, period
from bench.procedures.shared.times import HOUR_S
from bench.results.model import Figure, Mark, Rule

_SHORTEST_STEP_S = 900.0
_STEPS = 96
_CURVE_S = 60.0
_MOST_MARKS = 24
_MOST_STRAYED = 6


def rates_figure(
    dosing: Dosing, periods: Sequence[Period], strayed: Sequence[Response], what: str, words: str
) -> Figure:
    """Return the commanded basal rate over the time, what was delivered of it, each part's mean, and late changes."""
    per_u = 1.0 / dosing.ul_per_u
    told_x, told_y = [], []
    for stretch in dosing.programme.stretches:
        if stretch.begin_s < dosing.ended_s:
            told_x += [_hours(dosing, stretch.begin_s), _hours(dosing, min(stretch.end_s, dosing.ended_s))]
            told_y += [stretch.rate_ul_per_h * per_u] * 2
    came_x, came_y = _delivered(dosing)
    mean_x: list[float] = []
    mean_y: list[float] = []
    for one in periods:
        if math.isfinite(one.error_percent):
            mean_x += [_hours(dosing, one.begin_s), *[_hours(dosing, one.end_s)] * 2]
            mean_y += [one.rate_ul_per_h * per_u * (1.0 + 0.01 * one.error_percent)] * 2 + [math.nan]
    return Figure(
        name="rates",
        title="Basal rate: commanded and delivered",
        x_label="time since the first command / h",
        y_label="rate / (U/h)",
        series=[
            series("commanded", told_x, told_y, role="limit", points=4000),
            series("delivered", came_x, came_y, role="flow", points=4000),
            series(f"delivered, mean of each {what}", mean_x, mean_y, role="pulse", points=4000),
        ],
        marks=_joined([*_marks(dosing), *_of_strayed(dosing, strayed)]),
        caption=f"Delivered: from dose to dose, without the times of boluses; the mean of each {what} includes what was"
        f" laid over it. Not reduced.{words}",
    )


def _delivered(dosing: Dosing) -> tuple[list[float], list[float]]:
    """Return a step curve of the basal rate as delivered, over parts of a stretch of constant rate each."""
    x, y = [], []
    step_s = max(_SHORTEST_STEP_S, (dosing.ended_s - dosing.began_s) / _STEPS)
    for stretch in dosing.programme.stretches:
        end_s = min(stretch.end_s, dosing.ended_s)
        for begin_s, last_s in dosing.basal_alone(stretch.begin_s, end_s):
            parts = max(1, round((last_s - begin_s) / step_s))
            edges_s = np.linspace(begin_s, last_s, parts + 1)
            for first_s, following_s in pairwise(edges_s):
                one = period(dosing, "", float(first_s), float(following_s))
                if one is None or stretch.kind == "stopped":
                    continue
                lasts_h = (one.pieces[-1][1].counted_s - one.pieces[0][0].counted_s) / HOUR_S
                rate = (
                    stretch.rate_ul_per_h * (one.delivered_ul / one.due_ul)
                    if one.due_ul > 0.0 and stretch.rate_ul_per_h > 0.0
                    else one.delivered_ul / max(lasts_h, (following_s - first_s) / HOUR_S)
                )
                x += [_hours(dosing, float(first_s)), _hours(dosing, float(following_s))]
                y += [rate / dosing.ul_per_u] * 2
    return x, y


def _of_strayed(dosing: Dosing, strayed: Sequence[Response]) -> list[Mark]:
    return [
        Mark(
            x=_hours(dosing, each.after.begin_s),
            label=f"{each.after.rate_ul_per_h / dosing.ul_per_u:.3g} U/h comes {abs(each.delay_s) / 60.0:.0f} min"
            f" {'late' if each.delay_s > 0.0 else 'early'}",
        )
        for each in strayed[:_MOST_STRAYED]
    ]


def _of_lost(dosing: Dosing, lost: Sequence[Loss]) -> list[Mark]:
    return [
        Mark(x=_hours(dosing, one.last.counted_s), label=f"{number(-one.lost_ul / dosing.ul_per_u, 2, signed=True)} U")
        for one in lost[:_MOST_STRAYED]
    ]


def _joined(marks: Sequence[Mark]) -> list[Mark]:
    """Return marks of which several at one place are one."""
    at: dict[float, list[str]] = {}
    for mark in marks:
        at.setdefault(round(mark.x, 4), []).append(mark.label)
    return [Mark(x=x, label=", ".join(labels)) for x, labels in sorted(at.items())]


def errors_figure(dosing: Dosing, periods: Sequence[Period], what: str, words: str) -> Figure:
    """Return the error of each part as a bar over its middle."""
    known = [one for one in periods if math.isfinite(one.error_percent)]
    x = [_hours(dosing, 0.5 * (one.begin_s + one.end_s)) for one in known]
    y = [one.error_percent for one in known]
    reach = [(one.error_percent - 2.0 * one.u_percent, one.error_percent + 2.0 * one.u_percent) for one in known]
    return Figure(
        name=f"{what}_errors",
        title=f"Error of each {what}",
        x_label="time since the first command / h",
        y_label="error / %",
        series=[
            series("error", x, y, role="pulse", style="bars"),
            series("± U", np.repeat(x, 3), [at for low, high in reach for at in (low, high, math.nan)], role="event"),
        ],
        rules=[
            Rule(y=BAND_PERCENT, label="+15 %"),
            Rule(y=0.0, label="commanded"),
            Rule(y=-BAND_PERCENT, label="−15 %"),
        ],
        caption=f"Delivered against due in each {what}, from dose to dose; lines: ± U (k = 2). Not reduced.{words}",
    )


def cumulative_figure(dosing: Dosing, lost: Sequence[Loss], words: str) -> Figure:
    """Return how far delivered is ahead of due, over the time, and the changes that lost or added about a dose."""
    window = (dosing.began_s, dosing.settled_s)
    time_s, mass = within(dosing.weighing.time_s, dosing.weighing.mass_mg, window)
    made_good = mass + dosing.weighing.loss_mg_per_s * (time_s - dosing.began_s)
    middle_s, mean = block_means(time_s, made_good - dosing.level_mg(dosing.first_edge.window), _CURVE_S)
    known = np.isfinite(mean)
    middle_s, volume_ul = middle_s[known], mean[known] * dosing.weighing.conversion.ul_per_mg
    due_ul = dosing.programme.due_ul(middle_s) - dosing.programme.due_ul(np.array([dosing.began_s]))
    error_u = (volume_ul - due_ul) / dosing.ul_per_u
    return Figure(
        name="cumulative",
        title="Delivered less commanded, since the first command",
        x_label="time since the first command / h",
        y_label="delivered − commanded / U",
        series=[
            series("delivered − commanded", (middle_s - dosing.began_s) / HOUR_S, error_u, role="flow", points=4000)
        ],
        rules=[Rule(y=0.0, label="commanded")],
        marks=_joined([*_marks(dosing), *_of_lost(dosing, lost)]),
        caption="Means over a minute. What is metered in doses lags by up to a dose; a slope is an error of the rate, a"
        f" step something that was lost or came twice.{words}",
    )


def _marks(dosing: Dosing) -> list[Mark]:
    per_u = 1.0 / dosing.ul_per_u
    marks = [
        Mark(x=_hours(dosing, each.begin_s), label=f"{each.programmed_ul * per_u:g} U")
        for each in dosing.programme.boluses
    ]
    words = {"suspended": "suspended", "temporary": "temporary", "stopped": "stopped"}
    before = ""
    for stretch in dosing.programme.stretches:
        if stretch.kind != before and stretch.kind in words:
            marks.append(Mark(x=_hours(dosing, stretch.begin_s), label=words[stretch.kind]))
        before = stretch.kind
    return sorted(marks, key=lambda mark: mark.x)[:_MOST_MARKS]


def _hours(dosing: Dosing, time_s: float) -> float:
    return (time_s - dosing.began_s) / HOUR_S
