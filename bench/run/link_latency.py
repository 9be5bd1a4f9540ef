"""How long each instrument takes to answer, measured before the first test: by how much instants may be off.

A reading is stamped when the first byte of its line arrives, which is later than the moment it tells of by what port,
adapter and network take: by no more than the way there and back.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from bench.clock import Clock
from bench.procedures.shared.latency import LATENCY
from bench.recording.writer import RecordingWriter
from bench.rig.open import OpenRig
from drivers.errors import InstrumentError
from drivers.roles import AlarmInput, Balance, ClimateSensor, Instrument, Occluder, PowerSupply, PressureSensor, Pump

QUERIES = 20
LIMIT_S = 2.0
"""An instrument that answers slowly is asked for no longer."""

_QUESTIONS: Mapping[str, Callable[[Instrument], object]] = {
    "pump": lambda each: cast(Pump, each).state(),
    "doser": lambda each: cast(Pump, each).state(),
    "balance": lambda each: cast(Balance, each).read(),
    "pressure": lambda each: cast(PressureSensor, each).read(),
    "occluder": lambda each: cast(Occluder, each).is_occluded(),
    "climate": lambda each: cast(ClimateSensor, each).read(),
    "power": lambda each: cast(PowerSupply, each).read_voltage_v(),
    "alarm": lambda each: cast(AlarmInput, each).signal(),
}
"""What each role is asked: nothing that moves, and nothing that waits for a person."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From a question to the first byte of its answer, over some questions."""

    median_s: float
    least_s: float
    greatest_s: float
    questions: int

    def __str__(self) -> str:
        return (
            f"{1e3 * self.median_s:.1f} ms ({1e3 * self.least_s:.1f} ms to {1e3 * self.greatest_s:.1f} ms,"
            f" {self.questions} questions)"
        )


def measure_links(rig: OpenRig, clock: Clock, writer: RecordingWriter) -> Mapping[str, object]:
    """Measure every link, record `link latency` for each, and add it to what is known of the instrument.

    An instrument that does not answer now is left to the tests, which tell it in their own way.

    Returns:
        What each instrument that was asked answered last, by role.

    """
    answers: dict[str, object] = {}
    for role, instrument in rig.instruments.items():
        links = rig.links(role)
        found, problem = _measure(role, instrument, rig, clock, answers)
        port = "; ".join(link.low_latency for link in links if link.low_latency)
        if found is not None:
            writer.event(
                LATENCY,
                "",
                instrument=role,
                median_s=found.median_s,
                least_s=found.least_s,
                greatest_s=found.greatest_s,
                questions=found.questions,
                low_latency=port,
            )
            rig.identities[role]["link_latency"] = str(found)
        elif problem:
            writer.event("link latency not measured", "", instrument=role, problem=problem, low_latency=port)
        if port:
            rig.identities[role]["low_latency_mode"] = port
    return answers


def _measure(
    role: str, instrument: Instrument, rig: OpenRig, clock: Clock, answers: dict[str, object]
) -> tuple[Latency | None, str]:
    """Return what was measured, or why nothing was; neither where there is nothing to ask, or no link to ask over."""
    links, ask = rig.links(role), _QUESTIONS.get(role)
    if not links or ask is None:
        return None, ""
    for link in links:
        link.round_trips_s.clear()
    end_s = clock.now_s() + LIMIT_S
    problem = ""
    for _ in range(QUERIES):
        try:
            answers[role] = ask(instrument)
        except InstrumentError as error:
            problem = str(error)
            break
        if clock.now_s() >= end_s:
            break
    trips_s = [trip_s for link in links for trip_s in link.round_trips_s]
    if not trips_s:
        return None, problem
    return Latency(statistics.median(trips_s), min(trips_s), max(trips_s), len(trips_s)), ""
