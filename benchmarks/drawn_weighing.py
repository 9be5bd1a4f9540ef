"""Weighings drawn from their definitions, by other code than the twin's or the bench's.

A balance's noise is white, flicker and random walk behind its lag; readings are rounded. Pulses come through tubing,
and a part of each creeps after it, both behind the same lag.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
STEP_S = 0.1
LAG_S = 1.0
CREEP_S = 20.0
_TAIL_S = 10.0 * CREEP_S


class Balance(NamedTuple):
    """White (standard deviation shown), flicker and walk (innovations a sample), readability (0: none); in mg."""

    white_mg: float
    flicker_mg: float
    walk_mg: float
    readability_mg: float


class Path(NamedTuple):
    """What lies between pump and balance: time constant of the tubing, and the share of a pulse that creeps."""

    tubing_s: float = 0.225
    creep: float = 0.08


BALANCES = {
    "0.001 mg": Balance(0.003, 0.0004, 3e-5, 0.001),
    "0.01 mg, quiet": Balance(0.012, 0.0016, 1.5e-4, 0.01),
    "0.01 mg": Balance(0.015, 0.003, 2e-4, 0.01),
    "0.01 mg, restless": Balance(0.025, 0.004, 5e-4, 0.01),
    "0.1 mg": Balance(0.08, 0.012, 1e-3, 0.1),
    "0.1 mg, over-filtered": Balance(0.01, 0.0015, 1.5e-4, 0.1),
    "white alone": Balance(0.025, 0.0, 0.0, 0.0),
}


def noise_of(rng: np.random.Generator, count: int, balance: Balance) -> Floats:
    """Return `count` samples of a balance's noise in mg: white, flicker and walk behind its lag."""
    keep = np.exp(-STEP_S / LAG_S)
    source = rng.normal(0.0, balance.white_mg * np.sqrt((1.0 + keep) / (1.0 - keep)), count)
    # Flicker is white noise through (1 − z⁻¹)^(−1/2); by FFT, long enough that nothing wraps around.
    half = np.cumprod(np.concatenate(([1.0], (np.arange(1, count) - 0.5) / np.arange(1, count))))
    size = 1 << (2 * count - 1).bit_length()
    drawn = np.fft.rfft(rng.normal(0.0, balance.flicker_mg, count), size)
    source += np.fft.irfft(np.fft.rfft(half, size) * drawn, size)[:count]
    source += np.cumsum(rng.normal(0.0, balance.walk_mg, count))
    return lagged(source)


def lagged(signal: Floats) -> Floats:
    """Return a load as the balance shows it."""
    keep = np.exp(-STEP_S / LAG_S)
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], signal))


def rounded(mass_mg: Floats, balance: Balance) -> Floats:
    """Return what the balance's display shows."""
    step = balance.readability_mg
    return np.round(mass_mg / step) * step if step > 0.0 else mass_mg


def response(since_s: Floats, path: Path) -> Floats:
    """Return what part of a pulse shows so long after it: what flows at once and what creeps, each behind the lag."""
    shown = np.ones_like(since_s)
    for share, slow_s in ((1.0 - path.creep, path.tubing_s), (path.creep, CREEP_S)):
        shown -= (
            share
            * (slow_s * np.exp(-since_s / max(slow_s, 1e-9)) - LAG_S * np.exp(-since_s / LAG_S))
            / (slow_s - LAG_S)
        )
    return shown


def add_pulses(mass_mg: Floats, pulses: Iterable[tuple[float, float]], path: Path) -> None:
    """Add pulses, each an instant (s) and a mass (mg), to what the balance shows from time zero on."""
    count = len(mass_mg)
    for at_s, size_mg in pulses:
        first = int(np.ceil(at_s / STEP_S))
        last = min(count, first + round(_TAIL_S / STEP_S))
        mass_mg[first:last] += size_mg * response(STEP_S * np.arange(first, last, dtype=np.float64) - at_s, path)
        mass_mg[last:] += size_mg
