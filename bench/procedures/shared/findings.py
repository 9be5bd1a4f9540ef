"""What a recording itself tells against a verdict: lost readings, a balance that stands still, air out of bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bench.metrology.noise import Floats, Window
from bench.metrology.rounding import value_and_uncertainty
from bench.procedures.base import Context
from bench.procedures.shared.by_hand import hand_notes
from bench.procedures.shared.falls import fall_doubts
from bench.procedures.shared.link_gaps import gap_findings, other_links
from bench.procedures.shared.reservoir import reservoir_notes
from bench.procedures.shared.standstill import frozen_doubts
from bench.procedures.shared.weighing import Weighing
from bench.recording.reader import TestRecord

LONGEST_GAP_S = 2.0
"""A stream that is silent for longer has lost something; it is told."""
HARMFUL_GAP_S = 10.0
"""A longer gap may hide a pulse or a bump."""
FEWEST_READINGS = 20
GARBLED_SHARE = 0.01
"""A line on which more is lost is not sound: what came through whole may be wrong, too."""
GARBLED_BY_CHANCE = 2
"""So few may be lost of a slow instrument without that being said of its line."""
UNSTEADY_SHARE = 0.01
"""Share of what was delivered beyond which a changing loss makes a verdict doubtful."""
UNSTABLE_SHARE, UNSTABLE_ANYWHERE = 0.05, 0.25
"""So many readings of the blanks, or of all without a blank, may be called unstable without a word: pulses unsettle."""
CHANNEL_OF = {
    "balance": "balance.mass_g",
    "pressure": "pressure.pressure_kpa",
    "climate": "climate.temperature_c",
}


def recording_findings(
    record: TestRecord, weighing: Weighing, context: Context, *, falls: bool = True
) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about everything that was read from instruments during a test.

    A level that falls at once is doubted; a test that measures how often it does passes no `falls`.
    """
    notes, doubts = _weighing_findings(record, weighing, context, falls=falls)
    delivered_ul = delivered_mg(weighing) * weighing.conversion.ul_per_mg
    notes += reservoir_notes(record, weighing.conversion, context, delivered_ul)
    garbled_notes, garbled_doubts = _garbled(record)
    return [*hand_notes(record), *garbled_notes, *other_links(record), *notes], [*garbled_doubts, *doubts]


def _garbled(record: TestRecord) -> tuple[list[str], list[str]]:
    """Count the lines that were garbled or did not come, instrument by instrument."""
    notes, doubts = [], []
    lost = Counter(str(event.data["instrument"]) for event in record.events("gap"))
    for instrument, channel in CHANNEL_OF.items():
        count = lost[instrument]
        if not count:
            continue
        lines = count + len(record.series(channel))
        # A balance streams: of it only garbled lines are told. The others are asked, and may not answer at all.
        what = "garbled line" if instrument == "balance" else "garbled or missing answer"
        told = f"{count} {what}{'' if count == 1 else 's'} of {lines} from the {instrument}"
        if count > GARBLED_BY_CHANCE and count > GARBLED_SHARE * lines:
            share = f"more than {100.0 * GARBLED_SHARE:g} %"
            doubts.append(
                f"{told}, {100.0 * count / lines:.2g} %: {share} is no sound line; look at cable and settings."
            )
        else:
            notes.append(f"{told}: left out.")
    return notes, doubts


def _weighing_findings(
    record: TestRecord, weighing: Weighing, context: Context, *, falls: bool
) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about the balance's readings between the begin and the end of a test."""
    span = (record.start_s, record.end_s)
    time_s, known = weighing.time_s, np.isfinite(weighing.shown_mg)
    if np.count_nonzero(known) < FEWEST_READINGS:
        return [], [f"The balance gave {np.count_nonzero(known)} readings: nothing was weighed."]
    notes, doubts = gap_findings(weighing.link_gaps, record.start_s)
    gap_notes, gap_doubts = _gaps(time_s[known], span, [each.begin_s for each in weighing.link_gaps])
    notes, doubts = [*notes, *gap_notes], [*doubts, *gap_doubts]
    doubts += _beyond(weighing.beyond_s, span)
    notes += _together(weighing.together)
    notes += _unstable(weighing)
    doubts += frozen_doubts(record, weighing, context, record.start_s)
    doubts += _climate(weighing, context)
    loss_notes, loss_doubts = _loss(weighing)
    notes, doubts = [*notes, *loss_notes], [*doubts, *loss_doubts]
    if falls:
        doubts += fall_doubts(record, weighing, record.start_s)
    off = [name.replace("_", " ") for name, applied in weighing.conversion.applied if not applied]
    if off:
        notes.append(
            f"Not corrected, because switched off: {', '.join(off)}; the budgets hold the whole of it instead."
        )
    if weighing.conversion.declared:
        notes.append("Temperature, pressure and humidity of the air were declared in the rig file, not measured.")
    if not weighing.quiet:
        notes.append("No blank tells the balance's noise: that of the whole recording is taken, delivery and all.")
    return notes, doubts


def _together(count: int) -> list[str]:
    """Tell of readings that arrived together, the host held up: only the last of them is as old as it says."""
    if count == 0:
        return []
    what = "1 reading of the balance" if count == 1 else f"{count} readings of the balance"
    return [f"{what} arrived together with a later one, as when the computer is held up: left out."]


def _loss(weighing: Weighing) -> tuple[list[str], list[str]]:
    """Tell of losses that contradict each other; one that changed is a doubt only where that moves the result."""
    found = weighing.found_evaporation
    notes, doubts = [], []
    if found.measured_mg_per_h is None:
        notes.append(f"No blank tells the evaporation; source: {found.source}.")
    why = "the oil film is missing, the balance drifts, or something leaks"
    allowed_mg = UNSTEADY_SHARE * delivered_mg(weighing)
    hours = (found.span_s or float(weighing.time_s[-1] - weighing.time_s[0])) / 3600.0
    believed_mg = abs(found.change_mg_per_h) * hours
    if found.unsteady and found.unsteady_mg_per_h * hours > allowed_mg:
        doubts.append(f"{found.unsteady}: {why}.")
    elif found.disagreement:
        doubts.append(f"{found.disagreement}: {why}.")
    elif found.unsteady:
        notes.append(f"{found.unsteady}: less than {100.0 * UNSTEADY_SHARE:g} % of what was delivered, in the budget.")
    elif believed_mg > allowed_mg:
        notes.append(
            f"The loss changed by some {found.change_mg_per_h:+.2f} mg/h between the blanks, {believed_mg:.2g} mg over"
            f" the test: more than {100.0 * UNSTEADY_SHARE:g} % of what was delivered; noise may explain it."
        )
    return notes, doubts


def delivered_mg(weighing: Weighing) -> float:
    """Return about how much the vessel gained over a test; 0 without readings."""
    known = weighing.mass_mg[np.isfinite(weighing.mass_mg)]
    if len(known) == 0:
        return 0.0
    edge = min(FEWEST_READINGS, len(known))
    return abs(float(np.median(known[-edge:]) - np.median(known[:edge])))


def _gaps(time_s: Floats, span: Window, told_s: Sequence[float]) -> tuple[list[str], list[str]]:
    """Return `(notes, doubts)` about times without readings, but for those that begin at instants of `told_s`."""
    stamps = np.concatenate(([span[0]], time_s, [span[1]]))
    lengths = np.diff(stamps)
    lengths[np.isin(stamps[:-1], told_s)] = 0.0
    long = np.flatnonzero(lengths > LONGEST_GAP_S)
    harmful = [int(i) for i in long if lengths[i] > HARMFUL_GAP_S]
    notes, doubts = [], []
    if len(long) > len(harmful):
        short = [i for i in long if lengths[i] <= HARMFUL_GAP_S]
        notes.append(f"The balance was silent {len(short)} times for {LONGEST_GAP_S:g} s to {HARMFUL_GAP_S:g} s.")
    if harmful:
        first = harmful[0]
        where = f"first {lengths[first]:.0f} s from {_minutes(stamps[first] - span[0])} on"
        doubts.append(f"The balance gave no reading for more than {HARMFUL_GAP_S:g} s, {len(harmful)} times ({where}).")
    return notes, doubts


def _beyond(beyond_s: Floats, span: Window) -> list[str]:
    if len(beyond_s) == 0:
        return []
    times = "once" if len(beyond_s) == 1 else f"{len(beyond_s)} times"
    where = f"first at {_minutes(beyond_s[0] - span[0])}"
    return [f"The balance was beyond its range, over- or unloaded, {times} ({where}): then it weighed nothing."]


def _unstable(weighing: Weighing) -> list[str]:
    """Tell how many readings the balance itself called unstable, where they are not few while nothing is delivered.

    Pulses unsettle a balance, and its noise is measured: such readings count like the others.
    """
    stamps, unstable = weighing.time_s[np.isfinite(weighing.shown_mg)], weighing.unstable_s
    shares = {"its readings": len(unstable) / len(stamps)}
    in_blanks = sum(_inside(stamps, blank) for blank in weighing.blanks)
    if in_blanks:
        shares["those in the blanks"] = sum(_inside(unstable, blank) for blank in weighing.blanks) / in_blanks
    share = shares.get("those in the blanks")
    if (share <= UNSTABLE_SHARE) if share is not None else (shares["its readings"] <= UNSTABLE_ANYWHERE):
        return []
    told = " and ".join(f"{100.0 * share:.2g} % of {which}" for which, share in shares.items())
    return [
        f"The balance called {told} unstable. They count like the others, and their noise is in the budget; where"
        " nothing is delivered they tell of draught, vibration or static charge."
    ]


def _inside(time_s: Floats, window: Window) -> int:
    return int(np.searchsorted(time_s, window[1], "right") - np.searchsorted(time_s, window[0], "left"))


def _climate(weighing: Weighing, context: Context) -> list[str]:
    implausible = weighing.conversion.implausible
    impossible = [f"Readings of the climate that cannot be true were left out: {implausible}."] if implausible else []
    return [*impossible, *_warmth(weighing, context)]


def _warmth(weighing: Weighing, context: Context) -> list[str]:
    wanted, seen = context.plan.conditions.temperature, weighing.conversion.temperature_c
    if wanted is None or seen is None:
        return []
    low, high = wanted.nominal - wanted.half_width, wanted.nominal + wanted.half_width
    if seen[0] >= low and seen[1] <= high:
        return []
    return [f"The air was {seen[0]:.1f} °C to {seen[1]:.1f} °C warm, the plan wants {wanted}."]


def _minutes(duration_s: float) -> str:
    return f"minute {duration_s / 60.0:.1f}"


def loss_note(weighing: Weighing) -> str:
    """Return the loss that is made good, and what a milligram is."""
    lost, made_good = weighing.found_evaporation, weighing.conversion.applied.evaporation
    rate, spread = value_and_uncertainty(lost.mg_per_h, 2.0 * lost.standard_uncertainty)
    return (
        f"Evaporation and drift of {rate} mg/h ± {spread} mg/h (k = 2; from {lost.source})"
        f" are {'' if made_good else 'not '}made good."
        f" 1 mg is {weighing.conversion.ul_per_mg:.5f} µL (density of water: {weighing.conversion.source})."
    )
