"""From the recording of an empty rig to what it says of the bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.metrology.allan import allan_curve
from bench.metrology.noise_covariance import FilteredNoise
from bench.procedures.base import Context, MeasurementSpec
from bench.procedures.blank.detection import LevelDifference, level_differences, repeatability_mg
from bench.procedures.blank.display import display_findings, display_of
from bench.procedures.blank.figures import allan_figure, mass_figure, rate_figure, temperature_figure
from bench.procedures.blank.findings import blank_findings
from bench.procedures.blank.measurements import (
    Losses,
    losses_of,
    measure_disturbances,
    measure_losses,
    measure_noise,
    measure_pulse,
    measure_temperature,
)
from bench.procedures.blank.rig_lines import RigLines, rig_lines, rig_lines_table
from bench.procedures.blank.stretch import Stretch, stretch_of
from bench.procedures.shared.alarms import described, seen
from bench.procedures.shared.findings import FEWEST_READINGS, recording_findings
from bench.procedures.shared.shown import asked_for, simulated_words
from bench.procedures.shared.stated import nothing_stated
from bench.procedures.shared.weighing import Weighing, weigh_record
from bench.recording.reader import TestRecord
from bench.results.model import Evaluation, Figure, Measurement, Table

_MOST_LISTED = 40
_SHORT_SHARE = 0.99
_SECONDS = ((86_400.0, "24 h"), (3600.0, "1 h"), (600.0, "10 min"), (60.0, "1 min"))


def evaluate_blank(
    record: TestRecord,
    context: Context,
    catalogue: Mapping[str, MeasurementSpec],
    *,
    duration_s: float,
    pulse_ul: float | None,
    rate_ul_per_h: float,
) -> Evaluation:
    """Evaluate one blank.

    `pulse_ul` is what a single pulse is told for, None where the plan tells no increment; `rate_ul_per_h` how fast
    such pulses come.
    """
    weighing = weigh_record(record, context)
    # A blank asks what is lost and how steadily: that the rig file says otherwise is its answer, and no doubt in it.
    calm = replace(weighing.found_evaporation, disagreement="", unsteady="")
    notes, doubts = recording_findings(record, replace(weighing, found_evaporation=calm), context, falls=False)
    notes += [f"The pump raised {described(event)}." for event in seen(record)]
    doubts += _pump_delivered(record, context.concentration.ul_per_u)
    stretch = stretch_of(weighing, weighing.blanks[0]) if weighing.blanks else None
    if stretch is None or np.count_nonzero(np.isfinite(weighing.shown_mg)) < FEWEST_READINGS:
        why = "no blank was weighed" if not weighing.blanks else "the balance gave too few readings"
        nothing = nothing_stated(catalogue, why)
        return Evaluation(measurements=nothing, notes=notes, doubts=doubts or [f"Nothing can be said: {why}."])
    if stretch.hours * 3600.0 < _SHORT_SHARE * duration_s:
        doubts.append(f"The blank was weighed for {stretch.hours:.3g} h, the test wants {duration_s / 3600.0:.3g} h.")
    display_notes, display_doubts = _display(weighing, stretch)
    losses, noise = losses_of(stretch), weighing.filtered_noise()
    measurements = [
        *measure_losses(stretch, losses, catalogue),
        measure_noise(stretch, catalogue),
        measure_pulse(stretch, noise, pulse_ul, rate_ul_per_h, catalogue),
        measure_disturbances(stretch, catalogue),
        measure_temperature(record, stretch.window, catalogue),
    ]
    pasted = _rig_lines(stretch, losses, measurements)
    words = simulated_words(record.simulated)
    return Evaluation(
        measurements=asked_for(measurements, record, context),
        tables=_tables(stretch, losses, pasted, noise, context),
        figures=_figures(stretch, losses, noise, record, words),
        findings=blank_findings(stretch, losses, measurements, context),
        notes=[
            *_undeclared(context),
            *display_notes,
            *([] if pasted is None else [f"For the rig file: {pasted.evaporation}, {pasted.repeatability}."]),
            *notes,
        ],
        doubts=[*display_doubts, *doubts],
    )


def _display(weighing: Weighing, stretch: Stretch) -> tuple[list[str], list[str]]:
    inside = (weighing.time_s >= stretch.window[0]) & (weighing.time_s <= stretch.window[1])
    known = inside & np.isfinite(weighing.shown_mg)
    return display_findings(display_of(weighing.time_s[known], weighing.shown_mg[known]), weighing.readability_mg)


def _pump_delivered(record: TestRecord, ul_per_u: float) -> list[str]:
    """Doubt a blank during which the pump itself counted a delivery."""
    counted = record.series("pump.delivered_ul").value
    counted = counted[np.isfinite(counted)]
    if len(counted) < 2 or counted[-1] <= counted[0]:
        return []
    delivered = (counted[-1] - counted[0]) / ul_per_u
    return [f"The pump counted {delivered:.3g} U as delivered while it should have stood still: this is no blank."]


def _rig_lines(stretch: Stretch, losses: Losses | None, measured: Sequence[Measurement]) -> RigLines | None:
    by_name = {each.name: each for each in measured}
    rate, change = by_name["evaporation_rate"], by_name["rate_stability"]
    if losses is None or rate.expanded_uncertainty is None or change.expanded_uncertainty is None:
        return None
    return rig_lines(
        losses.mg_per_h,
        rate.expanded_uncertainty,
        losses.change_mg_per_h,
        change.expanded_uncertainty,
        repeatability_mg(stretch),
    )


def _undeclared(context: Context) -> list[str]:
    return [] if context.rig.evaporation else ["The rig file declares no `evaporation:`; the line below does."]


def _tables(
    stretch: Stretch, losses: Losses | None, pasted: RigLines | None, noise: FilteredNoise, context: Context
) -> list[Table]:
    tables = [] if pasted is None else [rig_lines_table(pasted)]
    if losses is not None:
        differences = level_differences(stretch, losses.whole, losses.change_mg_per_h)
        tables.append(_detection_table(differences, stretch, context.concentration.ul_per_u))
    tables.append(_noise_table(noise))
    if stretch.disturbances:
        tables.append(_disturbances_table(stretch))
    return tables


def _detection_table(differences: Sequence[LevelDifference], stretch: Stretch, ul_per_u: float) -> Table:
    factor = stretch.weighing.conversion.ul_per_mg
    names = dict(_SECONDS)
    rows = [
        [
            names[each.interval_s] + (" (continued)" if each.beyond else ""),
            f"{each.noise_mg:.2g}",
            f"{each.loss_mg:.2g}",
            f"{each.standard_mg:.2g}",
            f"{each.standard_mg * factor / ul_per_u:.2g}",
            f"{each.least_ul(factor) / ul_per_u:.2g}",
        ]
        for each in differences
    ]
    return Table(
        name="detection",
        title="What this bench can tell: difference of two levels",
        columns=["apart", "noise / mg", "loss / mg", "together / mg", "together / U", "smallest volume to ±5 % / U"],
        rows=rows,
        note="Standard uncertainties (k = 1) of means over 30 s; the last column is k = 2. Loss: what this blank leaves"
        " open of it, and half of its change. Continued: longer than this blank, by its noise as flicker or walk."
        " Certificate, linearity and conversion to volume come on top.",
    )


def _noise_table(noise: FilteredNoise) -> Table:
    own = [max(0.0, noise.density_covariance[index][index]) ** 0.5 for index in range(3)]
    filtered = f"moving average of {noise.average_s:.2g} s" if noise.average_s > noise.lag_s else ""
    rows = [
        ["white noise", f"{noise.white:.2e} ± {2.0 * own[0]:.1e}", "mg²·s", "falls with the averaging time"],
        ["flicker", f"{noise.flicker:.2e} ± {2.0 * own[1]:.1e}", "mg²", "stays, however long one averages"],
        ["random walk", f"{noise.walk:.2e} ± {2.0 * own[2]:.1e}", "mg²/s", "grows with time"],
        ["filter of the balance", filtered or f"lag of {noise.lag_s:.2g} s", "", "smears pulses and noise alike"],
        ["scatter of a reading", f"{noise.reading_mg:.2g}", "mg", "slow parts left out"],
    ]
    return Table(
        name="noise",
        title="Noise of the balance, fitted",
        columns=["part", "value ± (k = 2)", "unit", "what it does"],
        rows=rows,
        note="One-sided spectral densities: white S0, flicker h/f, walk q²; restricted maximum likelihood.",
    )


def _disturbances_table(stretch: Stretch) -> Table:
    rows = [
        [
            f"{(each.time_s - stretch.window[0]) / 60.0:.2f}",
            each.kind,
            f"{each.step_mg:+.3f}",
            f"{each.lasted_s:.3g}" if each.kind != "jump" else "stays",
        ]
        for each in stretch.disturbances[:_MOST_LISTED]
    ]
    number = len(stretch.disturbances)
    more = f" The first {_MOST_LISTED} of {number}." if number > _MOST_LISTED else ""
    return Table(
        name="disturbances",
        title="What disturbed the balance",
        columns=["minutes into the blank", "kind", "size / mg", "lasted / s"],
        rows=rows,
        note=f"A jump stays; a swing takes tens of seconds, a drift minutes.{more}",
    )


def _figures(
    stretch: Stretch, losses: Losses | None, noise: FilteredNoise, record: TestRecord, words: str
) -> list[Figure]:
    figures = [mass_figure(stretch, words)]
    shortest_s = max(0.5, 2.0 * float(np.median(np.diff(stretch.readings[0]))))
    points = allan_curve(stretch.still_readings, shortest_s)
    if points:
        figures.append(allan_figure(points, noise, words))
    if losses is not None:
        figures.append(rate_figure(stretch, losses, words))
    return [*figures, *temperature_figure(stretch, record, words)]
