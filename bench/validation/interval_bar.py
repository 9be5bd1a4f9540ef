"""A share with its interval on a short scale, as the bars of a run's report show value ± U in the limits."""

from __future__ import annotations

from html import escape

from bench.results.model import Verdict

_WIDTH, _HEIGHT, _EDGE = 170.0, 22.0, 8.0


def interval_bar(
    interval: tuple[float, float, float],
    zone: tuple[float, float],
    scale: tuple[float, float],
    verdict: Verdict,
    label: str,
) -> str:
    """Return a bar as SVG.

    Args:
        interval: least, found and greatest share; what lies off the scale is drawn at its edge.
        zone: where a share should lie.
        scale: ends of the bar.
        verdict: gives the dot's colour.
        label: says in words what is drawn.

    """

    def across(share: float) -> float:
        inside = min(max((share - scale[0]) / (scale[1] - scale[0]), 0.0), 1.0)
        return _EDGE + inside * (_WIDTH - 2.0 * _EDGE)

    middle = _HEIGHT / 2.0
    low, found, high = (across(share) for share in interval)
    start, end = across(zone[0]), across(zone[1])
    ends = f"M{start:.1f} 1V{_HEIGHT - 1:g}M{end:.1f} 1V{_HEIGHT - 1:g}"
    whisker = f"M{low:.1f} {middle:g}H{high:.1f}M{low:.1f} {middle - 4:g}v8M{high:.1f} {middle - 4:g}v8"
    if interval[1] < scale[0]:
        shape = f"M{found + 3:.1f} {middle - 5:g}l-7 5l7 5z"
    else:
        shape = f"M{found - 3.5:.1f} {middle:g}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z"
    return (
        f'<svg class="bar" width="{_WIDTH:g}" height="{_HEIGHT:g}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img"'
        f' aria-label="{escape(label)}">'
        f'<rect class="zone" x="{start:.1f}" y="4" width="{end - start:.1f}" height="14" fill="#DCEBE2"/>'
        f'<path class="s6" d="{ends}" stroke="#5A6570" stroke-width="1.5"/>'
        f'<path class="s7" d="{whisker}" stroke="#1A1D21" stroke-width="1.5"/>'
        f'<path class="d-{verdict.value}" d="{shape}" fill="#1A1D21"/></svg>'
    )
