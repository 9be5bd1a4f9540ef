"""A syringe pump's driver on the twin, polled as the bench polls it, in simulated time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.clock import SimulatedClock
from bench.run.poller import Poller
from bench.run.samplers import Samplers
from bench.twin.truth import Truth, read_truth
from bench.twin.twin import Twin
from drivers.pump.new_era import NewEraPump
from drivers.registry import driver
from tests.twin.quiet import quiet

Use = Callable[[Any, SimulatedClock, Twin], None]


@dataclass(frozen=True)
class Syringe:
    """A pump with its syringe and its line: the driver's name, its options, and settings of the twin."""

    driver: str
    options: dict[str, Any]
    pump: dict[str, Any]
    plant: dict[str, Any] = field(default_factory=dict)


_SMALL = {"pulse": "0.02 µL", "bolus_pulse_interval": "100 ms", "reservoir": "1 mL"}
NEW_ERA = Syringe("new_era", {"diameter": "4.699 mm"}, _SMALL)
HARVARD = Syringe("harvard_ultra", {"diameter": "4.699 mm"}, _SMALL)
ALARIS = Syringe(
    "alaris_asena",
    {},
    {"pulse": "0.1 µL", "bolus_pulse_interval": "500 ms", "reservoir": "50 mL"},
    {"compliance": "1 µL/kPa", "resistance": "0.05 kPa·s/µL"},
)


def deliver(
    syringe: Syringe,
    path: Path,
    use: Use,
    emulator: dict[str, Any] | None = None,
    reservoir: str | None = None,
    **options: Any,
) -> Truth:
    """Let `use` do something with a driver that is being polled; return the truth of it."""
    clock, entry = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), driver(syringe.driver)
    simulation = quiet(
        pump=syringe.pump | ({"reservoir": reservoir} if reservoir is not None else {}),
        plant=syringe.plant,
        emulators={"pump": {"emulator": syringe.driver, **(emulator or {})}},
    )
    gaps: list[str] = []
    with Twin("twin", simulation, 1, clock, path) as twin:
        pump = entry.factory("sim://twin/pump", entry.Options.model_validate({**syringe.options, **options}), clock)
        polled = Samplers([Poller("pump", pump, clock, lambda _, problem: gaps.append(problem))])
        polled.start()
        new_era = isinstance(pump, NewEraPump)  # tells that it was switched on, and goes on without its driver
        assert [alarm.code for alarm in pump.take_alarms()] == (["POWER"] if new_era else [])
        pump.acknowledge_alarms()
        use(pump, clock, twin)
        polled.check()
        polled.stop()
        if new_era:
            pump.stop()
        pump.close()
        assert not twin.world.pump.drive.running
    assert gaps == []
    return read_truth(path)
