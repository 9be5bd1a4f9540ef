"""Count the pulses that are missed and made up, over more than 100 000 slots of simulated weighings.

    ./run python benchmarks/pulse_detection.py [SHARE]      (default 1: all of it, some minutes; 0.05 for a look)

Noise, pulses and disturbances are drawn from their definitions, by other code than the twin's or the bench's:
pulses of 8 % scatter behind tubing (0.225 s), creep (8 % with 20 s) and the balance's lag (1 s); white, flicker and
random-walk noise; rounding; footsteps, draughts, doors, jumps of the meniscus, static charge. One pulse in 500 does not
come and the next brings both, one in 500 is doubled, one in 500 comes in two parts, and one in 500 is one too many.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.metrology.noise import estimate
from bench.metrology.pulse_train import HIGHEST, LOWEST, FoundPulse, Kind, PulseTrain
from bench.metrology.pulses import find_pulses
from benchmarks.drawn_weighing import BALANCES, STEP_S, Path, add_pulses, lagged, noise_of, rounded

Floats = NDArray[np.float64]
BLANK_S = 900.0
ODD = 1.0 / 500.0
PATH = Path()


@dataclass(frozen=True)
class Condition:
    """One line of the table."""

    balance: str
    size_mg: float
    interval_s: float
    slots: int
    around: str = "still"


@dataclass
class Truth:
    """What was put into one weighing: pulses that came, by slot, and everything else."""

    slot_s: list[float] = field(default_factory=list)
    slot_mg: list[float] = field(default_factory=list)
    split: set[int] = field(default_factory=set)
    extra_s: list[float] = field(default_factory=list)
    steps: list[tuple[float, float]] = field(default_factory=list)
    disturbances: list[tuple[str, float, float]] = field(default_factory=list)


def draw_truth(rng: np.random.Generator, condition: Condition, slots: int) -> Truth:
    """Draw the pulses of one delivery, odd ones among them."""
    truth = Truth()
    carried = 0.0
    phase = rng.uniform(0.55, 1.0)
    for number in range(slots):
        at_s = BLANK_S + (number + phase) * condition.interval_s
        mass = condition.size_mg * rng.normal(1.0, 0.08) + carried
        carried = 0.0
        odd = rng.random() if 0 < number < slots - 1 else 1.0
        if odd < ODD:
            carried, mass = mass, 0.0
        elif odd < 2.0 * ODD:
            mass += condition.size_mg
        elif odd < 3.0 * ODD and condition.interval_s >= 30.0:
            truth.split.add(number)
        elif odd < 4.0 * ODD:
            late_s = at_s + condition.interval_s * rng.uniform(0.4, 0.6)
            truth.extra_s.append(late_s)
            truth.steps.append((late_s, condition.size_mg * rng.normal(1.0, 0.08)))
        truth.slot_s.append(at_s)
        truth.slot_mg.append(mass)
        if number in truth.split:
            part = rng.uniform(0.3, 0.7)
            truth.steps += [(at_s, part * mass), (at_s + rng.uniform(3.0, 10.0), (1.0 - part) * mass)]
        else:
            truth.steps.append((at_s, mass))
    return truth


def around(rng: np.random.Generator, time_s: Floats, what: str, truth: Truth) -> Floats:
    """Return what the surroundings do to the balance, and note each in the truth."""
    load = np.zeros_like(time_s)
    hours = (time_s[-1] - 2.0 * BLANK_S) / 3600.0

    def instants(per_hour: float) -> Floats:
        return np.sort(rng.uniform(BLANK_S + 60.0, time_s[-1] - BLANK_S - 60.0, rng.poisson(per_hour * hours)))

    if what in ("footsteps", "all"):
        for at_s in instants(6.0):
            height, lasts_s = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 1.0), rng.uniform(1.0, 3.0)
            inside = (time_s >= at_s) & (time_s < at_s + lasts_s)
            load[inside] += height * np.sin(np.pi * (time_s[inside] - at_s) / lasts_s)
            truth.disturbances.append(("bump", float(at_s), float(height)))
    if what in ("door", "all"):
        for at_s in instants(2.0):
            height, wide_s = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 2.0), rng.uniform(8.0, 25.0)
            load += height * np.exp(-0.5 * ((time_s - at_s) / wide_s) ** 2)
            truth.disturbances.append(("swing", float(at_s), float(height)))
    if what in ("meniscus", "all"):
        for at_s in instants(1.0):
            height = rng.choice([-1.0, 1.0]) * rng.uniform(0.05, 2.0)
            load[time_s >= at_s] += height
            truth.disturbances.append(("jump", float(at_s), float(height)))
    if what in ("draught", "all"):
        for _ in range(4):
            frequency, height = np.exp(rng.uniform(np.log(0.01), np.log(0.1))), rng.uniform(0.005, 0.02)
            wander = np.cumsum(rng.normal(0.0, 0.3 * np.sqrt(STEP_S / 60.0), len(time_s)))
            load += height * np.sin(2.0 * np.pi * (frequency * time_s + rng.random()) + wander)
    if what in ("static", "all"):
        load += rng.uniform(0.1, 5.0) * np.exp(-np.maximum(time_s - BLANK_S - 120.0, 0.0) / rng.uniform(600.0, 3600.0))
    return lagged(load - load[0])


def weighing(rng: np.random.Generator, condition: Condition, slots: int) -> tuple[Floats, Floats, Truth, float]:
    """Return times, readings, truth and the instant of the stop of one delivery between two blanks."""
    truth = draw_truth(rng, condition, slots)
    stop_s = BLANK_S + slots * condition.interval_s + 0.5 * min(condition.interval_s, 20.0)
    count = round((stop_s + 60.0 + BLANK_S) / STEP_S)
    time_s = STEP_S * np.arange(count, dtype=np.float64)
    balance = BALANCES[condition.balance]
    mass = noise_of(rng, count, balance) + around(rng, time_s, condition.around, truth)
    add_pulses(mass, truth.steps, PATH)
    return time_s, rounded(mass - 0.05 / 3600.0 * time_s, balance), truth, stop_s


def find(time_s: Floats, mass: Floats, condition: Condition, stop_s: float) -> PulseTrain:
    """Look for the pulses, as a procedure does."""
    blanks = [time_s < BLANK_S, time_s > stop_s + 60.0]
    noise = estimate([(time_s[blank], mass[blank]) for blank in blanks], BALANCES[condition.balance].readability_mg)
    return find_pulses(time_s, mass, noise, condition.size_mg, condition.interval_s, (BLANK_S, stop_s), 0.05 / 3600.0)


def count(condition: Condition, truth: Truth, train: PulseTrain) -> Counter[str]:
    """Compare what was found with what was put in."""
    counts: Counter[str] = Counter(slots=len(truth.slot_s))
    if train.unresolved:
        counts["unresolved"] += len(truth.slot_s)
        return counts
    near_s = min(0.45 * condition.interval_s, 8.0)
    found = list(train.pulses)
    for number, (at_s, mass) in enumerate(zip(truth.slot_s, truth.slot_mg, strict=True)):
        here = _nearest(found, at_s, near_s)
        kind: Kind = found[here].kind if here is not None else "missed"
        if here is not None:
            del found[here]
        share = mass / condition.size_mg
        if share == 0.0:
            counts["empty"] += 1
            counts["spurious"] += kind != "missed"
            continue
        counts["missed"] += kind == "missed"
        if share > 1.6:
            counts["double"] += 1
            counts["doubles told"] += kind == "doubled"
        elif number in truth.split:
            counts["split"] += 1
            counts["splits told"] += kind == "split"
        else:
            counts["false doubles"] += kind == "doubled"
            counts["false splits"] += kind == "split"
    alike = [at for what, at, mg in truth.disturbances if what == "jump" and _alike(mg, condition)]
    for at_s in truth.extra_s:
        here = _nearest(found, at_s, near_s)
        counts["extra"] += 1
        if here is not None:
            counts["extras told"] += found[here].kind == "extra"
            del found[here]
    for pulse in found:
        if pulse.kind == "missed":
            continue
        of_jump = any(abs(pulse.time_s - at_s) < 8.0 for at_s in alike)
        counts["jumps alike" if of_jump else "spurious"] += 1
    told = [(each.time_s, each.time_s + each.lasted_s) for each in train.disturbances]
    for what, at_s, mg in truth.disturbances:
        counts[what] += 1
        near = any(begin - 10.0 <= at_s <= end + 10.0 for begin, end in told)
        counts[f"{what} told"] += near or (what == "jump" and _alike(mg, condition))
    return counts


def _alike(mg: float, condition: Condition) -> bool:
    return 0.9 * LOWEST * condition.size_mg < mg < 1.1 * HIGHEST * condition.size_mg


def _nearest(found: Sequence[FoundPulse], at_s: float, near_s: float) -> int | None:
    distances = [abs(pulse.time_s - at_s) for pulse in found[:40]]
    if not distances or min(distances) > near_s:
        return None
    return distances.index(min(distances))


CONDITIONS = [
    *(Condition("0.01 mg", 0.5, interval_s, slots) for interval_s, slots in
      ((3600.0, 120), (180.0, 4000), (30.0, 10000), (12.0, 10000), (5.0, 12000), (2.0, 20000))),
    *(Condition("0.01 mg", 0.25, interval_s, slots) for interval_s, slots in
      ((180.0, 3000), (30.0, 6000), (5.0, 10000), (2.0, 15000))),
    *(Condition(balance, 0.5, interval_s, slots) for balance in ("0.001 mg", "0.01 mg, quiet", "0.01 mg, restless")
      for interval_s, slots in ((180.0, 1000), (2.0, 5000))),
    Condition("0.1 mg", 0.5, 180.0, 2000),
    Condition("0.1 mg", 0.25, 180.0, 1000),
    Condition("0.1 mg", 0.5, 2.0, 2000),
    *(Condition("0.01 mg", 0.5, interval_s, slots, what) for what in
      ("footsteps", "draught", "door", "meniscus", "static", "all")
      for interval_s, slots in ((180.0, 1500), (30.0, 2000))),
    *(Condition("0.01 mg", 0.5, 2.0, 2000, what) for what in ("footsteps", "draught", "meniscus", "static")),
]  # fmt: skip


def run(condition: Condition, seed: int, share: float = 1.0) -> tuple[Counter[str], PulseTrain]:
    """Weigh and look for pulses until a condition has its slots."""
    rng = np.random.default_rng(seed)
    left = max(20, round(share * condition.slots))
    a_run = max(20, round(min(14400.0, 40_000.0) / condition.interval_s))
    counts: Counter[str] = Counter()
    train = PulseTrain()
    while left > 0:
        slots = min(a_run, left)
        time_s, mass, truth, stop_s = weighing(rng, condition, slots)
        train = find(time_s, mass, condition, stop_s)
        counts += count(condition, truth, train)
        left -= slots
    return counts, train


def main() -> None:
    """Print the table."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print("| balance | mg | every s | around | d′ | slots | missed | spurious | false doubles | false splits", end="")
    print(" | doubles | splits | extras | disturbances told | jumps like a pulse |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    total: Counter[str] = Counter()
    for number, condition in enumerate(CONDITIONS):
        counts, train = run(condition, 1000 + number, share)
        d_prime = f"{train.detection.d_prime:.1f}" if train.detection else "-"
        head = f"| {condition.balance} | {condition.size_mg:g} | {condition.interval_s:g} | {condition.around}"
        if counts["unresolved"]:
            print(f"{head} | {d_prime} | {counts['slots']} | {counts['unresolved']} unresolved: {train.unresolved} |")
            continue
        total += counts
        print(f"{head} | {d_prime} | {line_of(counts)} |", flush=True)
    print(f"| all | | | | | {line_of(total)} |")


def line_of(counts: Counter[str]) -> str:
    """Return the counts of one line of the table."""
    told = ", ".join(
        f"{counts[f'{kind} told']}/{counts[kind]} {kind}s" for kind in ("bump", "swing", "jump") if counts[kind]
    )
    return (
        f"{counts['slots']} | {counts['missed']} | {counts['spurious']} | {counts['false doubles']}"
        f" | {counts['false splits']} | {counts['doubles told']}/{counts['double']}"
        f" | {counts['splits told']}/{counts['split']} | {counts['extras told']}/{counts['extra']}"
        f" | {told or '-'} | {counts['jumps alike'] or '-'}"
    )


if __name__ == "__main__":
    main()
