"""What a motor pulse really moves: the stepper, the screw, the plunger and the reservoir behind a nominal volume."""

from __future__ import annotations

import math

from bench.twin.faults import FaultSet
from bench.twin.faults.of_metering import (
    DeliveryFades,
    DoseScaleError,
    EmptyReservoir,
    ExtraPulses,
    MissedPulses,
    StartupOverdelivery,
    WrongConcentration,
)
from bench.twin.noise import Key, generator
from bench.twin.settings import PumpSettings


class Metering:
    """Metered volume of each pulse: nominal × (1 + device + slow + pulse scatter + start-up) and the screw's error.

    The scale wanders slowly (an Ornstein-Uhlenbeck process), since published window means refute independent pulses;
    pulses in quick succession hardly have it, since published boluses and high rates do not. Where the plunger stops
    scatters, too, and the next pulse makes up for it. A pulse that sticks moves nothing, and the next moves both.
    """

    def __init__(self, settings: PumpSettings, faults: FaultSet, seed: int) -> None:
        def part(ratio_pct: float) -> float:
            return ratio_pct / 100.0

        device = generator(seed, Key.PUMP_DEVICE)
        self._pulse_rng = generator(seed, Key.PUMP_PULSE)
        self._slow_rng = generator(seed, Key.PUMP_SLOW)
        self._bias = part(settings.device_bias_sd.to("%")) * device.standard_normal()
        self._pulse_sd = part(settings.pulse_sd.to("%"))
        self._slow_sd = part(settings.slow_sd.to("%"))
        self._slow_s = settings.slow_correlation.to("s")
        self._slow = self._slow_sd * self._slow_rng.standard_normal()
        self._slow_rest_s = settings.slow_rest.to("s")
        self._last_s = 0.0
        self._stop_rng = generator(seed, Key.PUMP_STOP)
        self._stop_sd_ul = settings.stop_sd.to("µL", settings.insulin)
        self._ahead_ul = 0.0
        self._stiction = part(settings.stiction.to("%"))
        self._most_stuck_ul = settings.stiction_most.to("µL", settings.insulin)
        self._stuck_ul = 0.0
        startup = faults.get(StartupOverdelivery)
        self._excess = part((startup.excess if startup else settings.startup_excess).to("%"))
        self._decay_s = (startup.decay if startup else settings.startup_decay).to("s")
        self._startup_ul = settings.startup_volume.to("µL", settings.insulin)
        self._first_s = math.nan
        fades = faults.get(DeliveryFades)
        self._lost_per_s = part(fades.by.to("%")) / 86_400.0 if fades else 0.0
        self._turn_ul = settings.screw_turn.to("µL", settings.insulin)
        self._screw_ul = part(settings.screw_error.to("%")) * self._turn_ul / (2.0 * math.pi)
        self._position_ul = device.uniform(0.0, self._turn_ul)
        scale, missed, extra = faults.get(DoseScaleError), faults.get(MissedPulses), faults.get(ExtraPulses)
        self._factor = scale.factor if scale else 1.0
        self._missed_every = missed.every if missed else 0
        self._extra_every = extra.every if extra else 0
        self._pulses = 0
        short = faults.get(EmptyReservoir)
        self._contents = short.contents.to("µL", settings.insulin) if short else math.inf
        mistaken = faults.get(WrongConcentration)
        if mistaken:
            self._factor *= mistaken.insulin.ul_per_u / settings.insulin.ul_per_u

    def put_in(self, volume_ul: float) -> None:
        """Put in a reservoir that really holds so much; one that nobody ever changed holds more than is taken."""
        self._contents = volume_ul

    def install(self) -> None:
        """Start anew the transient of a freshly filled reservoir."""
        self._first_s = math.nan

    def meter(self, nominal_ul: float, time_s: float) -> float:
        """Return what one pulse of a nominal volume moves, in µL."""
        self._pulses += 1
        volume_ul = self._stop(self._scatter(nominal_ul, time_s) + self._screw(nominal_ul))
        volume_ul = max(0.0, volume_ul) * self._factor * self._held(time_s) + self._stuck_ul
        self._stuck_ul = 0.0
        if self._pulse_rng.random() < self._stiction:
            self._stuck_ul = min(volume_ul, self._most_stuck_ul)
            volume_ul -= self._stuck_ul
        if self._missed_every and self._pulses % self._missed_every == 0:
            volume_ul = 0.0
        if self._extra_every and self._pulses % self._extra_every == 0:
            volume_ul *= 2.0
        volume_ul = min(volume_ul, self._contents)
        self._contents -= volume_ul
        return volume_ul

    def _scatter(self, nominal_ul: float, time_s: float) -> float:
        if math.isnan(self._first_s):
            self._first_s = time_s
        rested_s = time_s - self._last_s
        before_s, since_s = max(0.0, self._last_s - self._first_s), time_s - self._first_s
        self._last_s = time_s
        keep = math.exp(-rested_s / self._slow_s)
        self._slow = keep * self._slow + self._slow_sd * math.sqrt(1.0 - keep * keep) * self._slow_rng.standard_normal()
        slow = self._slow * (-math.expm1(-rested_s / self._slow_rest_s) if self._slow_rest_s else 1.0)
        startup = self._excess * math.exp(-since_s / self._decay_s)
        beside_ul = self._startup_ul * (math.exp(-before_s / self._decay_s) - math.exp(-since_s / self._decay_s))
        noise = self._pulse_sd * self._pulse_rng.standard_normal()
        return nominal_ul * (1.0 + self._bias + slow + noise + startup) + beside_ul

    def _stop(self, travel_ul: float) -> float:
        """Return the travel that ends where the plunger stops, which is never behind where it was."""
        if not self._stop_sd_ul:
            return travel_ul
        ahead_ul = self._stop_sd_ul * self._stop_rng.standard_normal()
        moved_ul = max(0.0, travel_ul + ahead_ul - self._ahead_ul)
        self._ahead_ul += moved_ul - travel_ul
        return moved_ul

    def _held(self, time_s: float) -> float:
        """Return the share of a pulse that a plunger still moves that slips more with every day since its first."""
        return max(0.0, 1.0 - self._lost_per_s * (time_s - self._first_s)) if self._lost_per_s else 1.0

    def _screw(self, nominal_ul: float) -> float:
        """Return the periodic error of the screw over one pulse's travel."""
        turn = 2.0 * math.pi / self._turn_ul
        here, there = self._position_ul, self._position_ul + nominal_ul
        self._position_ul = there % self._turn_ul
        return self._screw_ul * (math.sin(turn * there) - math.sin(turn * here))
