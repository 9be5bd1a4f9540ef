"""The simulated bench's physics: pump, doser, line, vessel, balance, transducer, clamp and air, in one order of events.

Nothing advances by steps: between two events every quantity is known in closed form, so the state is exact at whatever
instant is asked for, in ascending order. Seconds count from the run's start.
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType

from bench.twin.balance_model import BalanceModel
from bench.twin.doser_model import DoserModel
from bench.twin.faults import FaultSet
from bench.twin.faults.of_line import Evaporation
from bench.twin.hands import Hands
from bench.twin.metering import Metering
from bench.twin.plant import Line
from bench.twin.pump_model import PumpModel
from bench.twin.seepage import Seepage
from bench.twin.sensors import KNOT_S, ClimateModel, ClimateProbes, OccluderModel, TransducerModel
from bench.twin.settings import Simulation
from bench.twin.supply_model import SupplyModel
from bench.twin.truth import TruthWriter
from bench.twin.vessel import Vessel


def at_rest(simulation: Simulation) -> dict[str, float]:
    """Return what vessel and balance do by themselves, for the truth: the steady loss, and the noise as it is made."""
    balance, faults = simulation.balance, FaultSet(simulation.faults)
    bare = faults.get(Evaporation)
    evaporation = bare.rate if bare else simulation.plant.evaporation
    return {
        "loss_mg_per_h": evaporation.to("mg/h") - balance.drift.to("mg/h"),
        "noise_white_mg": balance.noise_white.to("mg"),
        "noise_flicker_mg": balance.noise_flicker.to("mg"),
        "noise_walk_mg": balance.noise_walk.to("mg"),
        "lag_s": balance.lag.to("s"),
        "output_rate_hz": balance.output_rate.to("Hz"),
        "readability_mg": balance.readability.to("mg"),
        "load_error_mg": balance.load_error.to("mg"),
        "zero_mg_per_k": balance.zero_per_kelvin.to("mg"),
        "pulse_ul": simulation.pump.pulse.to("µL", simulation.pump.insulin),
    }


class World:
    """One simulated bench.

    Args:
        simulation: what is simulated.
        seed: of everything random; the simulation's own by default.
        truth_path: where the truth is written, for tests only; None for nowhere.

    """

    def __init__(self, simulation: Simulation, seed: int | None = None, truth_path: Path | None = None) -> None:
        seed = simulation.seed if seed is None else seed
        faults = FaultSet(simulation.faults)
        insulin = simulation.pump.insulin
        self.now_s = 0.0
        self._truth = TruthWriter(
            truth_path,
            seed=seed,
            start_utc=simulation.start_utc.isoformat(),
            concentration_u_per_ml=insulin.u_per_ml,
            faults=[fault.model_dump(mode="json") for fault in simulation.faults],
            at_rest=at_rest(simulation),
        )
        line = Line(simulation.plant, faults, insulin)
        self.climate = ClimateModel(simulation.climate, faults, seed)
        self.probes = ClimateProbes(simulation.climate, self.climate)
        self.vessel = Vessel(simulation.plant, faults, self.climate)
        self.balance = BalanceModel(simulation.balance, faults, seed, self.vessel, self.climate, self.advance)
        self.transducer = TransducerModel(simulation.transducer, faults, seed, line, self.advance)
        self.occluder = OccluderModel(
            simulation.occluder, faults, line, lambda closed, at_s: self._truth.note(at_s, "occluder", closed=closed)
        )
        metering = Metering(simulation.pump, faults, seed)
        self.pump = PumpModel(simulation.pump, faults, line, metering, self._truth, lambda: self.now_s)
        self.doser = DoserModel(simulation.doser, seed, line, self._truth, lambda: self.now_s)
        self.supply = SupplyModel(simulation.supply, self._supplied)
        self._on_supply = simulation.supply.connected
        self._supplied(self.supply.terminals_v)
        self.seepage = Seepage(simulation.pump, simulation.plant, faults, line, lambda: self.pump.at_rest)
        self.hands = Hands(simulation.operator, self.balance, self.pump, line, self.seepage, self._truth.note, seed)
        self.line = line
        line.listen(self.balance.take_segment)
        line.listen(self._truth.outflow)

    def _supplied(self, volts: float) -> None:
        """Let the pump feel what stands at the supply's terminals, if it hangs there."""
        if self._on_supply:
            self.pump.supplied(volts)

    def next_event_s(self) -> float:
        """Return the next instant at which something happens by itself."""
        next_s = self.pump.next_event_s()
        if self.doser.drive.next_s < next_s:
            next_s = self.doser.drive.next_s
        if self.occluder.next_event_s < next_s:
            next_s = self.occluder.next_event_s
        if self.seepage.next_event_s < next_s:
            next_s = self.seepage.next_event_s
        return next_s if next_s <= self.line.next_event_s else self.line.next_event_s

    def run_until(self, time_s: float) -> None:
        """Let everything happen that is due up to and including `time_s`."""
        while (event_s := self.next_event_s()) <= time_s:
            self.now_s = max(self.now_s, event_s)
            self.line.run_until(self.now_s)
            self.occluder.run_until(self.now_s)
            self.seepage.run_until(self.now_s)
            if self.pump.next_event_s() <= self.now_s:
                self.pump.run_due()
            self.doser.drive.run_due(self.now_s)
        if math.isfinite(time_s):
            self.now_s = max(self.now_s, time_s)

    def advance(self, time_s: float) -> None:
        """Come to `time_s`, if that is ahead."""
        if time_s > self.now_s:
            self.run_until(time_s)

    def close(self) -> None:
        """End the truth file, with the air's temperature up to now; safe to call twice."""
        knots = range(int(self.now_s / KNOT_S) + 2)
        self._truth.note(self.now_s, "air", knot_s=KNOT_S, temperature_c=[self.climate.knot(each)[0] for each in knots])
        self._truth.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
