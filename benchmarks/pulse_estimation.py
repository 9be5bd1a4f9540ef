"""Weigh simulated pulses of known mass, and compare the mean squared error with the Cramér-Rao bound.

    ./run python benchmarks/pulse_estimation.py [--pulses 1200] [--seed 1] [--only TEXT]

Weighings are drawn by `drawn_weighing.py`. Every run has blanks of 30 min before and after its pulses; noise, drift,
step response and onsets are estimated from the recording alone, as for a real pump (noise from the blanks, and from
between pulses that are more than 12 min apart). The pulses scatter by 8 % and come 0.3 s (where fast, a twentieth of
their interval) about instants that are told but for a delay that all have in common.

`bound` is for the same problem over the same run: level, drift and all masses are unknown; onsets and the four
parameters of the response are unknown within what is known of them beforehand, which the estimator is told, too; noise
and common delay are known to the bound, not to the estimator. `window` is a simpler bound: pulses within ± 90 s, whose
drift is their own and whose response is known. `reading` is the last reading before a pulse less the first 5 s after it
(or before the next); `mean 20 s` the same with means over 20 s. Both are told the true onset.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

import numpy as np

from bench.metrology.cramer_rao import pulse_bounds, sample_blocks
from bench.metrology.noise_covariance import FilteredNoise
from bench.metrology.noise_fit import between_pulses, fit_noise
from bench.metrology.pulse_blocks import Spacing, cut
from bench.metrology.pulse_fit import PulseFit, fit_pulses
from bench.metrology.step_response import StepResponse
from bench.metrology.step_response_fit import USUAL
from benchmarks.drawn_weighing import (
    BALANCES,
    CREEP_S,
    LAG_S,
    STEP_S,
    Balance,
    Floats,
    Path,
    add_pulses,
    noise_of,
    rounded,
)

BLANK_S = 1800.0
SCATTER = 0.08
SETTLED_S = 5.0
WINDOW_S = 90.0
SHARP, CREEPING, REAL = Path(0.0, 0.0), Path(0.0, 0.08), Path()
A_RUN = {3600.0: 24, 180.0: 60, 30.0: 60, 5.0: 120, 2.0: 150}
"""Pulses a run, by their interval."""


class Condition(NamedTuple):
    """One line of the table."""

    balance: str
    size_mg: float
    interval_s: float
    path: Path
    loss_mg_per_h: float = 0.05

    @property
    def spread_s(self) -> float:
        """Standard deviation of onsets about the instants that are told."""
        return min(0.3, 0.05 * self.interval_s)

    @property
    def name(self) -> str:
        """The first columns of the table."""
        creep = f"{100.0 * self.path.creep:g} %" + (", tubing" if self.path.tubing_s else "")
        return f"{self.balance} | {self.loss_mg_per_h:g} | {self.size_mg:g} | {self.interval_s:g} | {creep}"


class Truth(NamedTuple):
    """What was drawn, and what is told of it: instants."""

    onsets_s: Floats
    masses_mg: Floats
    instants_s: Floats


class Weighed(NamedTuple):
    """A run's pulses by each way of weighing them; NaN where it does not apply."""

    truth: Truth
    fit: PulseFit
    reading_mg: Floats
    mean_mg: Floats


def draw(rng: np.random.Generator, condition: Condition) -> tuple[Floats, Floats, Truth]:
    """Return times and readings of a run, and the truth."""
    count, interval_s = A_RUN[condition.interval_s], condition.interval_s
    instants = BLANK_S + (np.arange(count, dtype=np.float64) + rng.uniform(0.3, 0.7)) * interval_s
    early_s = rng.uniform(-1.0, 1.0) * min(1.0, 0.2 * interval_s)
    onsets = instants + early_s + rng.normal(0.0, condition.spread_s, count)
    masses = condition.size_mg * rng.normal(1.0, SCATTER, count)
    time_s = STEP_S * np.arange(round((2.0 * BLANK_S + count * interval_s) / STEP_S), dtype=np.float64)
    balance = BALANCES[condition.balance]
    mass = noise_of(rng, len(time_s), balance) - condition.loss_mg_per_h / 3600.0 * time_s
    add_pulses(mass, zip(onsets, masses, strict=True), condition.path)
    return time_s, rounded(mass, balance), Truth(onsets, masses, instants)


def weigh(time_s: Floats, mass_mg: Floats, truth: Truth, condition: Condition) -> Weighed:
    """Weigh a run's pulses."""
    blanks = [time_s < BLANK_S, time_s > time_s[-1] - BLANK_S + 60.0]
    quiet = [(time_s[b], mass_mg[b]) for b in blanks] + between_pulses(time_s, mass_mg, truth.instants_s)
    noise = fit_noise(quiet, BALANCES[condition.balance].readability_mg)
    delay_s = min(2.0, 0.3 * condition.interval_s)
    fit = fit_pulses(
        time_s, mass_mg, truth.instants_s, noise, instant_spread_s=condition.spread_s, common_delay_s=delay_s
    )
    before = np.searchsorted(time_s, truth.onsets_s)
    after_s = np.minimum(truth.onsets_s + SETTLED_S, np.append(truth.onsets_s[1:], np.inf) - STEP_S)
    after = np.searchsorted(time_s, after_s)
    reading = mass_mg[after] - mass_mg[before - 1]
    mean = np.full(len(before), np.nan)
    if condition.interval_s >= 30.0:
        run_up, size = np.concatenate(([0.0], np.cumsum(mass_mg))), round(20.0 / STEP_S)
        mean = (run_up[after + size] - run_up[after] - run_up[before] + run_up[before - size]) / size
    return Weighed(truth, fit, reading, mean)


def noise_as_drawn(balance: Balance) -> FilteredNoise:
    """Return the densities of the noise that is drawn."""
    keep = math.exp(-STEP_S / LAG_S)
    return FilteredNoise(
        balance.white_mg**2 * STEP_S * (1.0 + keep) / (1.0 - keep),
        balance.flicker_mg**2 / math.pi,
        balance.walk_mg**2 / STEP_S,
        LAG_S,
        0.0,
        balance.readability_mg,
        STEP_S,
    )


def bounds(condition: Condition) -> tuple[Floats, float]:
    """Return the bound of each pulse of a run, and the bound of one within ± 90 s, in mg."""
    noise = noise_as_drawn(BALANCES[condition.balance])
    response = StepResponse(LAG_S, 0.0, condition.path.creep, CREEP_S)
    count, interval_s = A_RUN[condition.interval_s], condition.interval_s
    onsets = BLANK_S + (np.arange(count, dtype=np.float64) + 0.5) * interval_s
    time_s = STEP_S * np.arange(round((2.0 * BLANK_S + count * interval_s) / STEP_S), dtype=np.float64)
    # Coarser than readings, by which the bound grows by 0.2 % where that was tried.
    blocks = cut(time_s, np.zeros_like(time_s), onsets, Spacing(0.4, 1.2, 6.0, STEP_S, STEP_S))
    masses = np.full(count, condition.size_mg)
    joint = pulse_bounds(
        noise,
        response,
        masses,
        onsets,
        blocks.begin_s,
        blocks.end_s,
        time_spread_s=condition.spread_s,
        response_spread=np.sqrt(np.diag(USUAL.covariance)),
    )
    side = int((WINDOW_S - 1.0) // interval_s)
    near = np.arange(-side, side + 1, dtype=np.float64) * interval_s
    window = pulse_bounds(noise, response, masses[: len(near)], near, *sample_blocks(-WINDOW_S, WINDOW_S, 2.0 * STEP_S))
    return joint.mass_mg, float(window.mass_mg[side])


def line(condition: Condition, runs: list[Weighed]) -> str:
    """Return a line of the table."""
    joint, window = bounds(condition)
    errors = np.array([run.fit.mass_mg - run.truth.masses_mg for run in runs])
    stated = np.array([run.fit.mass_uncertainty_mg for run in runs])
    squares = (errors / joint) ** 2
    ratio, inexact = float(np.mean(squares)), standard_error(squares)
    sigma = math.sqrt(float(np.mean(joint**2)))
    simple = [
        mean_square(np.array([getattr(run, way) - run.truth.masses_mg for run in runs]) / joint)
        for way in ("reading_mg", "mean_mg")
    ]
    to_stated = errors / stated
    return (
        f"| {condition.name} | {errors.size} | {1000.0 * sigma:.3g} | {ratio:.2f} ± {inexact:.2f}"
        f" | {np.mean(errors) / sigma:+.2f} | {mean_square(errors / window):.2f} | {simple[0]:.1f} | "
        f"{'-' if math.isnan(simple[1]) else f'{simple[1]:.1f}'} | {math.sqrt(mean_square(to_stated)):.2f}"
        f" | {100.0 * np.mean(np.abs(to_stated) < 2.0):.1f} |"
    )


def mean_square(values: Floats) -> float:
    """Return the mean of the squares."""
    return float(np.mean(values**2))


def standard_error(squares: Floats) -> float:
    """Return the standard error of a mean over runs of pulses, whose errors are alike within a run."""
    return float(np.std(np.mean(squares, axis=1), ddof=1) / math.sqrt(len(squares))) if len(squares) > 1 else math.nan


KINDS = ("0.001 mg", "0.01 mg, quiet", "0.01 mg, restless", "0.1 mg", "white alone")
WATER = "0.01 mg, restless", 6.0
CONDITIONS = [
    *(Condition(balance, 0.5, interval_s, CREEPING, loss) for interval_s in (180.0, 30.0, 5.0, 2.0)
      for balance, loss in (*((kind, 0.05) for kind in KINDS), WATER)),
    *(Condition(balance, 0.5, 180.0, SHARP) for balance in KINDS),
    *(Condition(balance, 0.25, interval_s, CREEPING) for interval_s in (180.0, 30.0, 5.0, 2.0)
      for balance in ("0.01 mg, restless", "0.1 mg")),
    *(Condition(balance, 0.5, 3600.0, CREEPING, loss) for balance, loss in (("0.001 mg", 0.05), WATER)),
    *(Condition("0.01 mg, restless", 0.5, interval_s, REAL) for interval_s in (180.0, 5.0)),
    *(Condition("0.1 mg, over-filtered", 0.5, interval_s, CREEPING) for interval_s in (180.0, 5.0)),
]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pulses", type=int, default=1200, help="of each condition, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="conditions in whose first columns this text stands")
    chosen = parser.parse_args()
    print("| balance | loss mg/h | pulse mg | every s | creep | pulses | bound µg | MSE/bound | bias/σ", end="")
    print(" | MSE/window | reading | mean 20 s | RMS(error/u) | within 2u % |")
    print("|" + "---|" * 14)
    for number, condition in enumerate(CONDITIONS):
        if chosen.only not in condition.name:
            continue
        runs = math.ceil(chosen.pulses / A_RUN[condition.interval_s])
        rng = np.random.default_rng((chosen.seed, number))
        print(line(condition, [weigh(*draw(rng, condition), condition) for _ in range(runs)]), flush=True)


if __name__ == "__main__":
    main()
