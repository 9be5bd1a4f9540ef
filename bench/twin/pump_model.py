"""The pump: what it is told, what it believes and reports, and what its motor does. In U, as a pump counts.

Commands act at the world's present. A refusal leaves everything as it was.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Literal

from bench.twin.boluses import Boluses, Part
from bench.twin.faults import FaultSet
from bench.twin.faults.of_metering import DoubleAfterResume, ScaleErrorBelow
from bench.twin.metering import Metering
from bench.twin.plant import Line
from bench.twin.pulses import COUNTED_DIGITS, BasalClock, PulseTrain, Temporary
from bench.twin.pump_alarms import Alarms
from bench.twin.pump_occlusion import OcclusionGuard
from bench.twin.pump_power import PumpPower
from bench.twin.pump_reservoir import Reservoir
from bench.twin.refusal import PumpRefusal, check_range, pulses_of
from bench.twin.settings import PumpSettings
from bench.twin.syringe_drive import Stream, SyringeDrive
from bench.twin.truth import TruthWriter

_LONGEST_S = 86400.0
_MOST_PERCENT = 250.0
_TOGETHER_S = 1e-6


class PumpModel:
    """The pump under test, with its faults."""

    def __init__(
        self,
        settings: PumpSettings,
        faults: FaultSet,
        line: Line,
        metering: Metering,
        truth: TruthWriter,
        now: Callable[[], float],
    ) -> None:
        insulin = settings.insulin
        self.serial = settings.serial_number
        self.concentration_u_per_ml = insulin.u_per_ml
        self.basal_increment_u = settings.pulse.to("U", insulin)
        self.basal_minimum_u_per_h = settings.basal_minimum.to("U/h", insulin)
        self.basal_maximum_u_per_h = settings.basal_maximum.to("U/h", insulin)
        self._boluses = Boluses(settings, faults)
        self.bolus_increment_u = self._boluses.increment_u
        self.bolus_maximum_u = self._boluses.maximum_u
        self.bolus_speed_u_per_min = self._boluses.speed_u_per_min
        self._prime_maximum_u = settings.prime_maximum.to("U", insulin)
        self._prime_step_s = settings.prime_pulse_interval.to("s")
        self._reservoir = Reservoir(settings, faults)
        self._occlusion = OcclusionGuard(settings, faults)
        self._battery_life_s = settings.battery_life.to("s")
        self._low_battery_pct = settings.low_battery.to("%")
        self._ul_per_u = insulin.ul_per_u
        self._stall_kpa = settings.stall_pressure.to("kPa")
        self._clock_offset_s = settings.clock_offset.to("s")
        self._line = line
        self._metering = metering
        self._truth = truth
        self._now = now
        self.delivered_u: dict[Stream, float] = {"basal": 0.0, "bolus": 0.0, "prime": 0.0}
        self._alarms = Alarms(self._conditions)
        self._basal = BasalClock(settings, faults)
        self._clock_rate = self._basal.pace * (1.0 + settings.clock_drift.to("%") / 100.0)
        low, double = faults.get(ScaleErrorBelow), faults.get(DoubleAfterResume)
        self._low_u_per_h, self._low_factor = (low.rate.to("U/h", insulin), low.factor) if low else (0.0, 1.0)
        self._after_resume = 2.0 if double else 1.0
        self._resumed = False
        self._power = PumpPower(settings, faults)
        self._suspended = False
        self._prime_train: PulseTrain | None = None
        self._battery_marks = deque(
            [
                (self._battery_life_s * (1.0 - self._low_battery_pct / 100.0), "LOWBATT"),
                (self._battery_life_s, "BATTERY"),
            ]
        )
        self._change_s = math.inf
        self._next_s = math.inf
        self._syringe_ul = settings.reservoir.to("µL", insulin)
        self.drive = SyringeDrive(
            settings.pulse.to("µL", insulin), settings.bolus_pulse_interval.to("s"), self._push, self._plan
        )
        """What a syringe pump feeds with; an insulin pump has none of it."""
        self._plan()

    # -- what it reports

    @property
    def basal_on(self) -> bool:
        """Whether basal delivery is switched on."""
        return self._basal.on

    @property
    def basal_rate_u_per_h(self) -> float:
        """The basal rate that was set."""
        return self._basal.rate_u_per_h

    @property
    def temporary(self) -> tuple[str, float, float]:
        """Kind (`NONE`, `PERC`, `RATE`), value and time left in s of the temporary basal rate."""
        temporary = self._basal.temporary
        if temporary is None:
            return "NONE", 0.0, 0.0
        return temporary.kind, temporary.value, (temporary.end_s - self._now()) * self._basal.pace

    @property
    def profile(self) -> list[tuple[float, float]]:
        """Segments of the daily profile as start in s and rate in U/h; empty for none."""
        return list(self._basal.profile)

    @property
    def bolus(self) -> tuple[str, float, float]:
        """State (`IDLE`, `NORM`, `EXT`, `DUAL`), programmed and delivered U of the present or last bolus."""
        return self._boluses.kind, self._boluses.programmed_u, self._boluses.delivered_u

    @property
    def state(self) -> str:
        """`STOP`, `BAS`, `BOL`, `PRIM`, `SUSP` or `ALAR`."""
        if self._alarms.blocking:
            return "ALAR"
        if self._suspended:
            return "SUSP"
        if self._prime_train:
            return "PRIM"
        if self._boluses.under_way:
            return "BOL"
        return "BAS" if self.basal_on else "STOP"

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be delivered."""
        delivers = self.basal_on or self._boluses.giving or self._prime_train is not None or self.drive.running
        return self._suspended or not delivers

    @property
    def battery_pct(self) -> float:
        """The battery's charge."""
        if self._power.on_supply:
            return self._power.charge_pct
        return max(0.0, 100.0 * (1.0 - self._now() / self._battery_life_s))

    @property
    def powered(self) -> bool:
        """Whether it has power and has started: else it hears nothing."""
        return self._power.powered

    @property
    def starts(self) -> int:
        """How often it has started again after its power was lost."""
        return self._power.starts

    @property
    def alarms(self) -> deque[tuple[int, float, str, str]]:
        """Alarms not taken yet: sequence, pump time in s, code, text."""
        return self._alarms.queue

    @property
    def active_alarms(self) -> list[str]:
        """Codes of alarms that are present now."""
        return self._alarms.active

    @property
    def reservoir_u(self) -> float:
        """What it believes to have left."""
        return self._reservoir.left_u

    @property
    def occlusion_level(self) -> str:
        """`LOW`, `MED` or `HIGH`."""
        return self._occlusion.level

    @occlusion_level.setter
    def occlusion_level(self, level: str) -> None:
        self._occlusion.level = level

    def clock_s(self, time_s: float) -> float:
        """Return what the pump's own clock shows at an instant of the world."""
        return self._clock_offset_s + self._clock_rate * time_s

    # -- what it is told

    def set_basal_rate(self, rate_u_per_h: float) -> None:
        """Set the constant basal rate; it holds at once. 0 is allowed."""
        if rate_u_per_h != 0.0:
            check_range(rate_u_per_h, self.basal_minimum_u_per_h, self.basal_maximum_u_per_h)
        self._basal.rate_u_per_h = rate_u_per_h
        self._new_rate()

    def switch_basal(self, on: bool) -> None:
        """Start or stop basal delivery."""
        if not on:
            self._basal.switch(False, self._now())
            self._basal.temporary = None
        elif not self._basal.on:
            self._check_may_start()
            self._reservoir.check(self.basal_increment_u)
            if self._prime_train:
                raise PumpRefusal("conflict", "a prime is under way")
            self._basal.switch(True, self._now())
        else:
            return
        self._new_rate()

    def set_temporary(self, kind: Literal["PERC", "RATE"], value: float, duration_s: float) -> None:
        """Deliver a percentage of the basal rate, or another rate in U/h, for a time."""
        if not self._basal.on:
            raise PumpRefusal("conflict", "basal delivery is off")
        if not 0.0 < duration_s <= _LONGEST_S:
            raise PumpRefusal("range", f"{duration_s} s is not above 0 s and up to a day")
        check_range(value, 0.0, _MOST_PERCENT if kind == "PERC" else self.basal_maximum_u_per_h)
        self._basal.temporary = Temporary(kind, value, self._now() + duration_s / self._basal.pace)
        self._new_rate()

    def cancel_temporary(self) -> None:
        """End the temporary basal rate; nothing to do if there is none."""
        if self._basal.temporary is not None:
            self._basal.temporary = None
            self._new_rate()

    def set_profile(self, segments: list[tuple[float, float]]) -> None:
        """Set a daily profile of starts in s, ascending from 0, and rates in U/h."""
        starts_s = [start_s for start_s, _ in segments]
        if not segments or starts_s[0] != 0.0 or starts_s != sorted(set(starts_s)):
            raise PumpRefusal("step", "start times must ascend from 0")
        check_range(starts_s[-1], 0.0, math.nextafter(_LONGEST_S, 0.0))
        for _, rate_u_per_h in segments:
            check_range(rate_u_per_h, 0.0, self.basal_maximum_u_per_h)
        self._basal.profile = list(segments)
        self._new_rate()

    def clear_profile(self) -> None:
        """Return to the constant rate."""
        if self._basal.profile:
            self._basal.profile = []
            self._new_rate()

    def start_bolus(self, volume_u: float) -> None:
        """Start a normal bolus."""
        self._start_bolus("NORM", (volume_u, 0.0))

    def start_extended(self, volume_u: float, duration_s: float) -> None:
        """Start a square-wave bolus."""
        self._start_bolus("EXT", (volume_u, duration_s))

    def start_dual(self, now_u: float, extended_u: float, duration_s: float) -> None:
        """Start a dual-wave bolus; its spread part follows the part at once."""
        self._start_bolus("DUAL", (now_u, 0.0), (extended_u, duration_s))

    def cancel_bolus(self) -> None:
        """End the bolus now; nothing to do if there is none."""
        self._boluses.cancel()
        self._plan()

    def suspend(self) -> None:
        """Suspend basal and bolus, settings kept."""
        if self._alarms.blocking or self._prime_train:
            raise PumpRefusal("conflict", "blocked by an alarm, or a prime is under way")
        self._suspended = True
        self._basal.hold(self._now())
        self._plan()

    def resume(self) -> None:
        """Go on with what was suspended."""
        if self._alarms.blocking or not self._suspended:
            raise PumpRefusal("conflict", "nothing is suspended")
        self._suspended, self._resumed = False, True
        self._boluses.resume(self._now())
        self._new_rate()

    def stop(self) -> None:
        """Stop everything: basal off, its temporary rate ended, bolus cancelled, prime ended. Always allowed."""
        self._basal.switch(False, self._now())
        self._basal.temporary = None
        self._suspended = False
        self._prime_train = None
        self._occlusion.forget()
        self._boluses.stop()
        self.drive.stop(self._now())
        self._new_rate()

    def prime(self, volume_u: float) -> None:
        """Prime the tubing; only when nothing else is delivered."""
        count = pulses_of(volume_u, self.bolus_increment_u, self._prime_maximum_u)
        self._check_may_start()
        self._check_delivers_nothing()
        self._reservoir.check(volume_u)
        self._prime_train = PulseTrain(count, self._prime_step_s)
        self._prime_train.start(self._now())
        self._plan()

    def fill(self, volume_u: float) -> None:
        """Note that a reservoir with so much was put in; only when nothing is delivered."""
        self._check_delivers_nothing()
        self._reservoir.fill(volume_u)
        self._syringe_ul = volume_u * self._ul_per_u
        self._metering.install()

    def put_in(self, volume_ul: float) -> None:
        """Put in a reservoir that really holds so much, without a word to the pump; refused while it delivers."""
        self._check_delivers_nothing()
        self._syringe_ul = volume_ul
        self._metering.put_in(volume_ul)

    def raise_alarm(self, code: str) -> None:
        """Raise an alarm; all but warnings stop and block delivery."""
        now_s = self._now()
        self._alarms.raise_alarm(code, self.clock_s(now_s))
        self._truth.note(now_s, "alarm", code=code, pressure_kpa=self._line.pressure_kpa(now_s))
        if self._alarms.blocking:
            self.stop()

    def acknowledge(self) -> None:
        """Acknowledge every alarm; delivery stays stopped until it is started again."""
        self._alarms.acknowledge()

    def supplied(self, volts: float) -> None:
        """Feel another voltage at the battery's terminals."""
        power, was_low = self._power, self._power.low
        power.volts = volts
        if not power.on_supply:
            power.on_supply = True
            self._battery_marks.clear()
        if power.powered and not power.enough:
            self._lose_power()
        elif power.powered and power.low and not was_low:
            self.raise_alarm("LOWBATT")
        elif not power.powered:
            power.starts_s = self._now() + power.start_s if power.enough else math.inf
        self._plan()

    def _lose_power(self) -> None:
        self._power.powered = False
        self._power.was_delivering = self._basal.on
        self._truth.note(self._now(), "power", on=False)
        self.stop()

    def _start_again(self) -> None:
        power = self._power
        power.powered, power.starts_s = True, math.inf
        power.starts += 1
        self._truth.note(self._now(), "power", on=True)
        if power.forgets:
            self.delivered_u = {"basal": 0.0, "bolus": 0.0, "prime": 0.0}
            self._basal.rate_u_per_h, self._basal.profile = 0.0, []
        elif power.resumes and power.was_delivering:
            self.switch_basal(True)
        elif not power.resumes:
            self.raise_alarm("POWER")

    # -- what happens by itself

    def next_event_s(self) -> float:
        """Return when the pump does something by itself."""
        return self._next_s

    def run_due(self) -> None:
        """Do what is due at the world's present: pulses first, then what changes the rate, then alarms."""
        now_s = self._now()
        if self._power.starts_s <= now_s:
            self._start_again()
        if self._basal.next_pulse_s <= now_s + _TOGETHER_S:
            self._pulse("basal", self._basal.give(), self._basal_part(now_s))
        if not self._suspended and self._boluses.next_s <= now_s:
            counted = self._boluses.counted
            self._pulse("bolus", self.bolus_increment_u, self._boluses.give(now_s), counted=counted)
        self._run_prime(now_s)
        self.drive.run_due(now_s)
        if self._basal.temporary is not None and self._basal.temporary.end_s <= now_s:
            self._basal.temporary = None
            self._new_rate()
        elif self._basal.on and self._change_s <= now_s:
            self._new_rate()
        if self._occlusion.due_s <= now_s:
            self._occlusion.forget()
            self.raise_alarm("OCCLUSION")
        while self._battery_marks and self._battery_marks[0][0] <= now_s:
            self.raise_alarm(self._battery_marks.popleft()[1])
        self._plan()

    def _basal_part(self, now_s: float) -> float:
        """Return what part of a basal pulse the motor does."""
        part = self._low_factor if self._basal.effective_u_per_h(now_s) < self._low_u_per_h else 1.0
        part *= self._after_resume if self._resumed else 1.0
        self._resumed = False
        return part

    def _run_prime(self, now_s: float) -> None:
        train = self._prime_train
        if train is None or train.next_s > now_s:
            return
        self._pulse("prime", self.bolus_increment_u, train.give())
        if train.finished:
            self._prime_train = None

    def _pulse(self, stream: Stream, size_u: float, part: float, *, counted: bool = True) -> None:
        """Let the motor give a pulse, count it, and look for an occlusion and an empty reservoir."""
        now_s = self._now()
        commanded_ul = size_u * self._ul_per_u
        metered_ul = 0.0
        if part > 0.0 and self._line.pressure_kpa(now_s) < self._stall_kpa:
            metered_ul = self._metering.meter(commanded_ul * part, now_s)
        if metered_ul > 0.0:
            self._line.inject(metered_ul, now_s)
        self._truth.pulse(now_s, stream, commanded_ul, metered_ul, self._line.pressure_kpa(now_s))
        if counted:
            self.delivered_u[stream] = round(self.delivered_u[stream] + size_u, COUNTED_DIGITS)
            for code in self._reservoir.count(size_u):
                self.raise_alarm(code)
        in_bolus = stream == "bolus" or self._boluses.under_way
        if self._occlusion.look(self._line.pressure_kpa(now_s), now_s, in_bolus=in_bolus):
            self.raise_alarm("OCCLUSION")

    def _push(self, counted_ul: float, volume_ul: float, stream: Stream) -> bool:
        """Let a syringe pump's motor move the plunger, unless the line's pressure or the syringe's end stops it."""
        now_s = self._now()
        if volume_ul > 0.0 and (self._line.pressure_kpa(now_s) >= self._stall_kpa or self._syringe_ul < volume_ul):
            self._truth.note(now_s, "stall", pressure_kpa=self._line.pressure_kpa(now_s))
            return False
        metered_ul = math.copysign(self._metering.meter(abs(volume_ul), now_s), volume_ul)
        self._syringe_ul -= volume_ul
        self._line.inject(metered_ul, now_s)
        self._truth.pulse(now_s, stream, counted_ul, metered_ul, self._line.pressure_kpa(now_s))
        return True

    def _conditions(self) -> list[str]:
        present = {
            "EMPTY": self._reservoir.is_empty,
            "LOWRES": self._reservoir.is_low,
            "LOWBATT": self._power.low if self._power.on_supply else self.battery_pct <= self._low_battery_pct,
            "BATTERY": self.battery_pct <= 0.0,
        }
        return [code for code, here in present.items() if here]

    # -- helpers

    def _start_bolus(self, kind: str, *parts: Part) -> None:
        total_u = self._boluses.check(parts, spread=kind != "NORM")
        self._check_may_start()
        if self._boluses.under_way or self._prime_train:
            raise PumpRefusal("conflict", "a bolus or a prime is under way")
        self._reservoir.check(total_u)
        self._boluses.start(kind, parts, self._now())
        self._plan()

    def _check_delivers_nothing(self) -> None:
        if self._basal.on or self._boluses.under_way or self._prime_train or self.drive.running:
            raise PumpRefusal("conflict", "the pump delivers")

    def _check_may_start(self) -> None:
        if self._alarms.blocking or self._suspended:
            raise PumpRefusal("conflict", "delivery is blocked by an alarm, or suspended")

    def _new_rate(self) -> None:
        if not self._suspended:
            self._basal.restart(self._now())
        self._plan()

    def _plan(self) -> None:
        """Find out what happens next."""
        self._change_s = self._basal.next_change_s(self._now())
        bolus_s = math.inf if self._suspended else self._boluses.next_s
        self._next_s = min(
            self._basal.next_pulse_s,
            bolus_s,
            self._prime_train.next_s if self._prime_train else math.inf,
            self._change_s,
            self._occlusion.due_s,
            self._battery_marks[0][0] if self._battery_marks else math.inf,
            self.drive.next_s,
            self._power.starts_s,
        )
