"""Measurements as tables: judged against limits with a bar that shows value ± U, and the others."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.metrology.reasons import probability_text
from bench.metrology.rounding import is_exact, limit_text, number, parts_text
from bench.metrology.rounding import measured_text as plain_text
from bench.reporting.numbers import with_minus
from bench.results.model import Judged, Measurement, Verdict

_SIGN = {"pass": "✓", "fail": "✕", "inconclusive": "?", "error": "!"}
_BAR_WIDTH, _BAR_HEIGHT, _EDGE = 170.0, 22.0, 8.0


def verdict_chip(verdict: Verdict) -> str:
    """Return a verdict as word, sign and colour."""
    return f'<b class="v v-{verdict.value}"><i aria-hidden="true">{_SIGN[verdict.value]}</i>{verdict.value.upper()}</b>'


def measured_text(measurement: Measurement, judged: Judged | None = None) -> str:
    """Return `1.23 ± 0.45 %`, `> 10800 s` or `not determined` as plain text."""
    return plain_text(measurement, signed=_signed(judged))


def title_text(measurement: Measurement) -> str:
    """Return a measurement's title as the head of a row."""
    return measurement.title[:1].upper() + measurement.title[1:]


NOT_JUDGED = '<b class="v v-inconclusive">NOT JUDGED</b>'


def judged_table(
    judged: Sequence[Judged], measurements: Sequence[Measurement], *, why: bool = False, partial: bool = False
) -> str:
    """Return the table of measurements against limits.

    Args:
        judged: the limits.
        measurements: of the test.
        why: whether those that are open say their whole reason.
        partial: whether nothing was judged, since the test was aborted.

    """
    by_name = {measurement.name: measurement for measurement in measurements}
    rows = "".join(_judged_row(line, by_name.get(line.measurement), why=why, partial=partial) for line in judged)
    return (
        '<table class="measured judged"><thead><tr><th>Measurement<th class="n">Value<th>± U<th>Unit<th class="n">k'
        f"<th>Limit<th>Value ± U in the limits<th>Verdict</tr></thead><tbody>{rows}</tbody></table>"
    )


def other_table(measurements: Sequence[Measurement]) -> str:
    """Return the table of measurements without a limit."""
    rows = "".join(f"<tr>{_measured_cells(measurement, None)}</tr>" for measurement in measurements)
    return (
        '<table class="measured"><thead><tr><th>Measurement<th class="n">Value<th>± U<th>Unit<th class="n">k'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _judged_row(judged: Judged, measurement: Measurement | None, *, why: bool, partial: bool) -> str:
    if measurement is None:
        cells = f'<th scope="row">{escape(judged.measurement)}<td colspan="4" class="none">not measured'
        bar = ""
    else:
        is_open = why and judged.verdict is Verdict.INCONCLUSIVE and measurement.value is not None
        cells = _measured_cells(measurement, judged, judged.reason if is_open else "")
        bar = _bar(measurement, judged)
    verdict = NOT_JUDGED if partial else f"{verdict_chip(judged.verdict)}{_odds(judged, measurement)}"
    return f"<tr>{cells}<td>{_limit(judged)}{_rule(judged, measurement)}<td>{bar}<td>{verdict}</tr>"


def _rule(judged: Judged, measurement: Measurement | None) -> str:
    """Return by which rule a verdict came about, and its guard band; nothing of what was counted."""
    if not judged.rule or not _is_uncertain(measurement):
        return ""
    guard = f"w = {number(judged.guard_band, 2)} {judged.unit}".rstrip() if judged.guard_band else ""
    return f'<small>{escape(judged.rule)}</small><small class="odds">{escape(guard)}</small>'


def _odds(judged: Judged, measurement: Measurement | None) -> str:
    """Return how probable conformity is, and the test uncertainty ratio; nothing of what was counted."""
    if not _is_uncertain(measurement):
        return ""
    told = []
    if judged.probability_of_conformity is not None:
        told.append(f"conforms: {probability_text(judged.probability_of_conformity)}")
    if judged.test_uncertainty_ratio is not None:
        told.append(f"TUR {number(judged.test_uncertainty_ratio, 2)}")
    return "".join(f'<small class="odds">{escape(each)}</small>' for each in told)


def _is_uncertain(measurement: Measurement | None) -> bool:
    return measurement is not None and measurement.value is not None and not is_exact(measurement)


def _limit(judged: Judged) -> str:
    text = escape(with_minus(limit_text(judged.limit)))
    if judged.unit and judged.unit not in judged.limit:
        low, high = (None if bound is None else number(bound, 5) for bound in (judged.lower, judged.upper))
        if low is not None and high is not None:
            text += f"<small>{escape(f'{low} to {high} {judged.unit}')}</small>"
        elif low is not None or high is not None:
            text += f"<small>{escape(f'≥ {low} {judged.unit}' if high is None else f'≤ {high} {judged.unit}')}</small>"
    return text


def _measured_cells(measurement: Measurement, judged: Judged | None, why: str = "") -> str:
    value, uncertainty = parts_text(measurement, signed=_signed(judged))
    note = "".join(f"<small>{escape(with_minus(each))}</small>" for each in (measurement.note, why) if each)
    name = f'<th scope="row">{escape(title_text(measurement))} <code>{escape(measurement.name)}</code>{note}'
    if measurement.value is None:
        return f'{name}<td colspan="4" class="none">not determined'
    without = "exact" if is_exact(measurement) else "none stated"
    spread = f"± {uncertainty}" if uncertainty else f'<i class="none">{without}</i>'
    factor = number(measurement.coverage_factor, 3) if uncertainty else ""
    return f'{name}<td class="n">{value}<td class="u">{spread}<td>{escape(measurement.unit)}<td class="n">{factor}'


def _signed(judged: Judged | None) -> bool:
    """Return whether a value is a deviation, so that its plus is shown: its limits lie on both sides of zero."""
    return judged is not None and judged.lower is not None and judged.lower < 0 and (judged.upper or 0) >= 0


def _bar(measurement: Measurement, judged: Judged) -> str:
    """Draw value ± U on a scale that shows the limits; what lies far outside is an arrow at the edge."""
    value, spread = measurement.value, measurement.expanded_uncertainty or 0.0
    bounds = [bound for bound in (judged.lower, judged.upper) if bound is not None]
    if value is None or not bounds:
        return ""
    low, high = _bar_range(value, spread, judged.lower, judged.upper)

    def across(at: float) -> float:
        inside = min(max((at - low) / (high - low), 0.0), 1.0)
        return _EDGE + inside * (_BAR_WIDTH - 2 * _EDGE)

    middle = _BAR_HEIGHT / 2
    start = across(judged.lower) if judged.lower is not None else 0.0
    end = across(judged.upper) if judged.upper is not None else _BAR_WIDTH
    parts = [
        f'<rect class="zone" x="{start:.1f}" y="4" width="{max(end - start, 0.5):.1f}" height="14" fill="#DCEBE2"/>'
    ]
    ends = "".join(f"M{across(bound):.1f} 1V{_BAR_HEIGHT - 1:g}" for bound in bounds)
    parts.append(f'<path class="s6" d="{ends}" stroke="#5A6570" stroke-width="1.5"/>')
    left, right = across(value - spread), across(value + spread)
    whisker = f"M{left:.1f} {middle:g}H{right:.1f}"
    whisker += "".join(
        f"M{x:.1f} {middle - 4:g}v8" for x, at in ((left, -1), (right, 1)) if low < value + at * spread < high
    )
    parts.append(f'<path class="s7" d="{whisker}" stroke="#1A1D21" stroke-width="1.5"/>')
    x = across(value)
    if measurement.censored == "above" or value > high:
        shape = f"M{x - 3:.1f} {middle - 5:g}l7 5l-7 5z"
    elif measurement.censored == "below" or value < low:
        shape = f"M{x + 3:.1f} {middle - 5:g}l-7 5l7 5z"
    else:
        shape = f"M{x - 3.5:.1f} {middle:g}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z"
    parts.append(f'<path class="d-{judged.verdict.value}" d="{shape}" fill="#1A1D21"/>')
    label = escape(f"{measured_text(measurement, judged)}, limit {limit_text(judged.limit)}")
    return (
        f'<svg class="bar" width="{_BAR_WIDTH:g}" height="{_BAR_HEIGHT:g}" viewBox="0 0 {_BAR_WIDTH:g} {_BAR_HEIGHT:g}"'
        f' role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _bar_range(value: float, spread: float, lower: float | None, upper: float | None) -> tuple[float, float]:
    if lower is not None and upper is not None:
        width = (upper - lower) or abs(upper) or 1.0
        return lower - 0.35 * width, upper + 0.35 * width
    limit = lower if lower is not None else upper
    assert limit is not None  # noqa: S101 - the caller has one
    reach = max(abs(value - limit) + spread, 4 * spread, abs(limit) * 0.05, 1e-12)
    reach = min(reach, max(abs(limit), 6 * spread, 1e-12)) if limit else reach
    inside, outside = 1.25 * reach, 0.6 * reach
    return (limit - outside, limit + inside) if lower is not None else (limit - inside, limit + outside)
