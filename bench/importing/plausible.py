"""Is what a file says possible at all? Repeated stamps, lost readings, a unit that changes, a scale that is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.importing.cells import Floats
from bench.importing.errors import ImportedFileError
from bench.importing.outliers import leave_out_outliers
from bench.importing.table import Channel, Table
from bench.recording.reader import Event

LOST_SHARE = 0.01
"""Where more readings are lost, what is left may be wrong, too."""
_AROUND = 10
_SCALES = (1e3, 1e6, 1e-3, 1e-6)
_SCALE_TOLERANCE = 0.05
_POWERS = {1e3: "a thousand times", 1e6: "a million times", 1e-3: "a thousandth of", 1e-6: "a millionth of"}
_TIMES = {60.0: "min", 3600.0: "h", 86400.0: "d"}
_SLOWEST_S = 5.0
"""Readings further apart may be milliseconds that are called seconds."""
_FALLS = -0.3
_COARSER = 5.0
_FINEST_G = 5e-7
"""No balance that a pump is weighed with has finer steps: half a microgram."""
SECONDS_PER_HOUR = 3600.0
MG_PER_UL = 1.0
"""Near enough for telling a milligram from a gram."""


def tidy(table: Table, repeated: str) -> None:
    """Deal with what is odd in a table's readings; what is left out is noted, what is too much is a doubt.

    Args:
        table: what was read; its channels are changed.
        repeated: `refuse` or `mean`: what becomes of different masses with one stamp.

    Raises:
        ImportedFileError: nothing can be weighed, stamps repeat, or the unit changes within the file.

    """
    mass = table.mass
    known = int(np.count_nonzero(np.isfinite(mass.value)))
    if known < 2:
        cause = f"has {known} reading{'' if known == 1 else 's'} of the mass: nothing can be weighed"
        raise ImportedFileError(table.path, cause, "Name a file with readings from before to after the delivery")
    _note_lost(table, known)
    for name in table.channels:
        table.channels[name] = _without_repeats(table, name, repeated)
    leave_out_outliers(table, step_of(table))
    _refuse_unit_change(table)


def _note_lost(table: Table, known: int) -> None:
    """Count the rows that should have a mass: those with nothing else in them, and all where every row has all."""
    mass = table.mass
    nan = mass.line[np.isnan(mass.value)]
    if len(nan) == 0 and len(mass.line) == table.rows:
        return
    others = [channel for name, channel in table.channels.items() if name != "balance.mass_g"]
    with_others = np.unique(np.concatenate([channel.line for channel in others])) if others else np.empty(0, np.int64)
    worded = np.array([word.line for word in table.words], dtype=np.int64)
    side_by_side = len(np.intersect1d(with_others, mass.line[np.isfinite(mass.value)])) > 0.5 * known
    excused = worded if side_by_side else np.union1d(with_others, worded)
    blank = table.rows - len(mass.line) - int(np.count_nonzero(~np.isin(excused, mass.line)))
    lost = len(nan) + max(0, blank)
    if lost == 0:
        return
    first = f", first in line {nan[0]}" if len(nan) else ""
    share = 100.0 * lost / (known + lost)
    told = f"{lost} of {known + lost} rows have no mass{first}: they are left out"
    if share > 100.0 * LOST_SHARE:
        table.doubts.append(f"{told}, and {share:.2g} % is more than a sound recording loses.")
    else:
        table.notes.append(f"{told}.")


def _without_repeats(table: Table, name: str, repeated: str) -> Channel:
    channel = table.channels[name]
    same = np.flatnonzero(np.diff(channel.time_s) == 0.0)
    if len(same) == 0:
        return channel
    before, after = channel.value[same], channel.value[same + 1]
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    is_mass = name == "balance.mass_g"
    if is_mass and not equal.all() and repeated == "refuse":
        raise _repeats(table, channel, same[~equal], len(same))
    what = name.partition(".")[2]
    number = f"A time stamp of {what} repeats" if len(same) == 1 else f"{len(same)} time stamps of {what} repeat"
    number += " the one before"
    where = f"first in line {channel.line[same[0] + 1]}"
    if equal.all():
        table.notes.append(f"{number} with the same value, {where}: they are left out.")
    else:
        step_s = float(np.max(np.diff(channel.time_s)))
        table.notes.append(f"{number}, {where}: their mean counts, so that instants are known to {step_s:.3g} s only.")
    return _means(channel)


def _repeats(table: Table, channel: Channel, different: NDArray[np.intp], number: int) -> ImportedFileError:
    row = int(different[0])
    cause = (
        f"has the time stamp of line {channel.line[row]}, {channel.time_s[row]:.10g} s, and another mass"
        f" ({number} stamp{' repeats' if number == 1 else 's repeat'})"
    )
    way_out = (
        "Export the stamps with more digits; where the logger has no more, --repeated-stamps mean takes the mean"
        " of each stamp's readings"
    )
    return ImportedFileError(table.path, cause, way_out, int(channel.line[row + 1]))


def _means(channel: Channel) -> Channel:
    """Return a channel with the mean of the known readings of each stamp."""
    time_s, first, group = np.unique(channel.time_s, return_index=True, return_inverse=True)
    known = np.isfinite(channel.value)
    count = np.bincount(group[known], minlength=len(time_s))
    total = np.bincount(group[known], weights=channel.value[known], minlength=len(time_s))
    single = np.bincount(group, minlength=len(time_s)) == 1
    value = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    value[single] = channel.value[first[single]]
    spread = _spread_within(channel.value, group, len(time_s))
    value = np.where(spread == 0.0, channel.value[first], value)
    status = channel.status if isinstance(channel.status, str) else [channel.status[int(row)] for row in first]
    return Channel(time_s, value, status, channel.line[first])


def _spread_within(value: Floats, group: NDArray[np.intp], size: int) -> Floats:
    """Return greatest less least value of each group."""
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, group, value)
    np.maximum.at(high, group, value)
    spread: Floats = high - low
    return spread


def _refuse_unit_change(table: Table) -> None:
    """Refuse a mass that jumps by a power of a thousand and stays there."""
    known = np.isfinite(table.mass.value)
    value, line = table.mass.value[known], table.mass.line[known]
    before, after = np.abs(value[:-1]), np.abs(value[1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    for scale in _SCALES:
        for row in np.flatnonzero(np.abs(ratio / scale - 1.0) < _SCALE_TOLERANCE):
            old = float(np.median(value[max(0, row + 1 - _AROUND) : row + 1]))
            new = float(np.median(value[row + 1 : row + 1 + _AROUND]))
            spread = float(np.ptp(value[max(0, row + 1 - _AROUND) : row + 1]))
            if old == 0.0 or abs(new / old / scale - 1.0) > _SCALE_TOLERANCE or spread > 0.1 * abs(old):
                continue
            cause = f"the mass becomes {_POWERS[scale]} what it was, from {old:.6g} g to {new:.6g} g, and stays so"
            way_out = "Did the balance's unit change? Convert the part after it, or cut the file there"
            raise ImportedFileError(table.path, cause, way_out, int(line[row + 1]))


def step_of(table: Table) -> float:
    """Return the smallest step between the masses of a file in g: what its balance, or its export, resolves."""
    value = table.mass.value[np.isfinite(table.mass.value)]
    steps = np.abs(np.diff(value))
    steps = steps[steps > 1e-12 * max(1.0, float(np.max(np.abs(value))))]
    if len(steps) == 0:
        return 0.0
    # Numbers that were written with decimals differ from their multiples by rounding alone.
    return float(f"{np.min(steps):.3g}")


def _digit_of(table: Table) -> float:
    """Return what all steps between the masses are multiples of, in g; 0 where there are none.

    Readings without noise go from level to level, and their smallest step is what was delivered: two such steps differ
    by a digit or more.
    """
    steps = np.unique(np.round(np.abs(np.diff(table.mass.value[np.isfinite(table.mass.value)])), 12))
    between = np.diff(steps) if len(steps) > 1 else steps
    between = between[between > 1e-11]
    return min(step_of(table), float(np.min(between))) if len(between) else step_of(table)


def check_readability(table: Table, readability_g: float) -> None:
    """Doubt a readability that is finer than the file's own steps: it would promise too much."""
    step_g = _digit_of(table)
    if step_g > _COARSER * readability_g * (1.0 - 1e-6):
        table.doubts.append(
            f"The masses go in steps of {1000.0 * step_g:.3g} mg, and the readability is said to be"
            f" {1000.0 * readability_g:.3g} mg: the file, or its export, is coarser than the balance."
        )


def refuse_wrong_scale(table: Table, events: Sequence[Event], readability_g: float | None) -> None:
    """Refuse a file whose mass is a power of a thousand away from what was commanded, or its time a power of sixty.

    No pump delivers so; a wrong unit does. A pump that delivers nothing is no wrong unit: a mass that is too small
    counts only where its steps are too fine for the balance, too.

    Args:
        table: what was read.
        events: what the pump was told.
        readability_g: of the balance, where somebody told it.

    Raises:
        ImportedFileError: mass or time are in another unit than they are said to be.

    """
    commanded_mg, window = _commanded_mg(events, table)
    if commanded_mg <= 0.0:
        return
    gained_mg = 1000.0 * _gained_g(table, window)
    ratio = gained_mg / commanded_mg
    unit = next(each.unit for each in table.layout.fields if each.column.name == "mass_g")
    told = f"the mass grows by {_milligrams(gained_mg)} where {_milligrams(commanded_mg)} of water were commanded"
    if any(0.3 <= ratio / scale <= 3.0 for scale in (1e3, 1e6)):
        others = {"g": "mg", "kg": "g", "mg": "µg"}
        guess = others.get(unit, "another unit")
        if ratio / 1e6 >= 0.3:
            guess = {"g": "µg", "kg": "mg"}.get(unit, "another unit")
        raise _wrong_scale(table, told, f"Is it in {guess}, not in {unit} (--unit mass={guess})?")
    finest_g = _FINEST_G if readability_g is None else 0.02 * readability_g
    too_fine = 0.0 < step_of(table) < finest_g
    if too_fine and any(0.3 <= ratio / scale <= 3.0 for scale in (1e-3, 1e-6)):
        guess = {"mg": "g", "µg": "mg", "g": "kg"}.get(unit, "another unit")
        raise _wrong_scale(table, told, f"Is it in {guess}, not in {unit} (--unit mass={guess})?")
    for scale, name in _TIMES.items():
        time_unit = table.layout.fields[0].unit
        if time_unit == "s" and abs(ratio / scale - 1.0) < 0.3:
            raise _wrong_scale(table, told, f"Is the time in {name}, not in s (--unit time={name})?")
    every_s = float(np.median(np.diff(table.mass.time_s)))
    if table.layout.fields[0].unit == "s" and abs(ratio / 1e-3 - 1.0) < 0.3 and every_s > _SLOWEST_S:
        raise _wrong_scale(table, told, "Is the time in ms, not in s (--unit time=ms)?")


def doubt_falling(table: Table, events: Sequence[Event], *, source_weighed: bool) -> None:
    """Doubt a mass that falls while liquid was commanded: another side of the pump was weighed, or much was lost."""
    commanded_mg, window = _commanded_mg(events, table)
    gained_mg = 1000.0 * _gained_g(table, window)
    if commanded_mg <= 0.0 or gained_mg > _FALLS * commanded_mg:
        return
    lost, told = _milligrams(-gained_mg), f"while {_milligrams(commanded_mg)} of water were commanded"
    if source_weighed:
        table.doubts.append(
            f"The mass grows by {lost} {told}: was the source weighed, as --source-weighed says, or the vessel?"
        )
    else:
        table.doubts.append(
            f"The mass falls by {lost} {told}: if the pump or its reservoir stood on the balance, say --source-weighed;"
            " else the vessel lost more than it got."
        )


def _milligrams(mass_mg: float) -> str:
    return f"{mass_mg:.0f} mg" if abs(mass_mg) >= 100.0 else f"{mass_mg:.3g} mg"


def _wrong_scale(table: Table, told: str, question: str) -> ImportedFileError:
    return ImportedFileError(table.path, told, f"{question} Else correct rate, volume or concentration")


def _commanded_mg(events: Sequence[Event], table: Table) -> tuple[float, tuple[float, float]]:
    """Return what was commanded in all, and from when to when."""
    volume_ul, begin_s, end_s = 0.0, table.end_s, table.start_s
    rate_ul_per_h, since_s = 0.0, 0.0
    for event in events:
        if event.kind == "basal commanded":
            volume_ul += rate_ul_per_h * (event.time_s - since_s) / SECONDS_PER_HOUR
            rate_ul_per_h, since_s = float(event.data["rate_ul_per_h"]), event.time_s
        elif event.kind in ("basal stopped", "occluder closed"):
            volume_ul += rate_ul_per_h * (event.time_s - since_s) / SECONDS_PER_HOUR
            rate_ul_per_h = 0.0
        elif event.kind == "bolus commanded":
            volume_ul += float(event.data["volume_ul"])
        else:
            continue
        begin_s, end_s = min(begin_s, event.time_s), max(end_s, event.time_s)
        if event.kind == "occluder closed":
            break
    if rate_ul_per_h > 0.0:
        volume_ul += rate_ul_per_h * (table.end_s - since_s) / SECONDS_PER_HOUR
        end_s = table.end_s
    return MG_PER_UL * volume_ul, (begin_s, end_s)


def _gained_g(table: Table, window: tuple[float, float]) -> float:
    known = np.isfinite(table.mass.value)
    time_s, value = table.mass.time_s[known], table.mass.value[known]
    before = int(np.searchsorted(time_s, window[0], "right"))
    # What a last bolus delivers comes after its command: the end of the file is after both.
    after = min(len(value) - 1, int(np.searchsorted(time_s, window[1] + 180.0, "left")))
    first = value[max(0, before - _AROUND) : max(1, before)]
    last = value[after : after + _AROUND]
    return float(np.median(last) - np.median(first))
