"""The pump: what it is told, and what it does of itself. In U, as a pump counts.

Commands act at the world's present. A refusal leaves everything as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from bench.twin.boluses import Part
from bench.twin.faults import FaultSet
from bench.twin.metering import Metering
from bench.twin.plant import Line
from bench.twin.pulses import COUNTED_DIGITS
from bench.twin.pump_state import PumpState
from bench.twin.refusal import PumpRefusal
from bench.twin.settings import PumpSettings
from bench.twin.syringe_drive import Stream, SyringeDrive
from bench.twin.truth import TruthWriter

_TOGETHER_S = 1e-6


class PumpModel(PumpState):
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
        super().__init__(settings, faults, now)
        self._ul_per_u = settings.insulin.ul_per_u
        self._stall_kpa = settings.stall_pressure.to("kPa")
        self._line = line
        self._metering = metering
        self._truth = truth
        self._change_s = math.inf
        self._next_s = math.inf
        self._syringe_ul = settings.reservoir.to("µL", settings.insulin)
        self.drive = SyringeDrive(
            settings.pulse.to("µL", settings.insulin), settings.bolus_pulse_interval.to("s"), self._push, self._plan
        )
        """What a syringe pump feeds with; an insulin pump has none of it."""
        self._plan()

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be delivered."""
        return super().at_rest and (self._suspended or not self.drive.running)

    @property
    def syringe_ul(self) -> float:
        """What a syringe pump's syringe really holds, in µL; the plunger shows it."""
        return self._syringe_ul

    # -- what it is told

    def set_basal_rate(self, rate_u_per_h: float) -> None:
        """Set the constant basal rate; it holds at once. 0 is allowed."""
        self._basal.set_rate(rate_u_per_h)
        self._new_rate()

    def switch_basal(self, on: bool) -> None:
        """Start or stop basal delivery."""
        if not on:
            self._basal.switch(False, self._now())
        elif not self._basal.on:
            self._check_may_start()
            self._reservoir.check(self.basal_increment_u)
            if self._priming.under_way:
                raise PumpRefusal("conflict", "a prime is under way")
            self._basal.switch(True, self._now())
        else:
            return
        self._new_rate()

    def set_temporary(self, kind: Literal["PERC", "RATE"], value: float, duration_s: float) -> None:
        """Deliver a percentage of the basal rate, or another rate in U/h, for a time."""
        self._basal.set_temporary(kind, value, duration_s, self._now())
        self._new_rate()

    def cancel_temporary(self) -> None:
        """End the temporary basal rate; nothing to do if there is none."""
        if self._basal.temporary is not None:
            self._basal.temporary = None
            self._new_rate()

    def set_profile(self, segments: list[tuple[float, float]]) -> None:
        """Set a daily profile of starts in s, ascending from 0, and rates in U/h."""
        self._basal.set_profile(segments)
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
        if self._alarms.blocking or self._priming.under_way:
            raise PumpRefusal("conflict", "blocked by an alarm, or a prime is under way")
        self._suspended = True
        self._basal.hold(self._now())
        self._plan()

    def resume(self) -> None:
        """Go on with what was suspended."""
        if self._alarms.blocking or not self._suspended:
            raise PumpRefusal("conflict", "nothing is suspended")
        self._suspended = False
        self._boluses.resume(self._now())
        self._basal.resume(self._now())
        self._plan()

    def stop(self) -> None:
        """Stop everything: basal off, its temporary rate ended, bolus cancelled, prime ended. Always allowed."""
        self._basal.switch(False, self._now())
        self._suspended = False
        self._priming.stop()
        self._occlusion.forget()
        self._boluses.stop()
        self.drive.stop(self._now())
        self._new_rate()

    def prime(self, volume_u: float) -> None:
        """Prime the tubing; only when nothing else is delivered."""
        train = self._priming.train(volume_u)
        self._check_may_start()
        self._check_delivers_nothing()
        self._reservoir.check(volume_u)
        self._priming.start(train, self._now())
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
        self._alarms.raise_alarm(code, self.clock_s(now_s), now_s)
        self._truth.note(now_s, "alarm", code=code, pressure_kpa=self._line.pressure_kpa(now_s))
        if self._alarms.blocking:
            self.stop()

    def acknowledge(self) -> None:
        """Acknowledge every alarm; delivery stays stopped until it is started again."""
        self._alarms.acknowledge()

    def supplied(self, volts: float) -> None:
        """Feel another voltage at the battery's terminals."""
        effect = self._power.feel(volts, self._now())
        if effect == "lost":
            self._lose_power()
        elif effect == "low":
            self.raise_alarm("LOWBATT")
        self._plan()

    # -- what happens by itself

    def next_event_s(self) -> float:
        """Return when the pump does something by itself."""
        return self._next_s

    def run_due(self) -> None:
        """Do what is due at the world's present: pulses first, then what changes the rate, then alarms."""
        now_s = self._now()
        if self._power.started_again(now_s):
            self._start_again()
        if self._basal.next_pulse_s <= now_s + _TOGETHER_S:
            self._pulse("basal", *self._basal.give(now_s))
        if not self._suspended and self._boluses.next_s <= now_s:
            counted = self._boluses.counted
            self._pulse("bolus", self.bolus_increment_u, self._boluses.give(now_s), counted=counted)
        if self._priming.next_s <= now_s:
            self._pulse("prime", self.bolus_increment_u, self._priming.give())
        self.drive.run_due(now_s)
        if self._basal.temporary is not None and self._basal.temporary.end_s <= now_s:
            self._basal.temporary = None
            self._new_rate()
        elif self._basal.on and self._change_s <= now_s:
            self._new_rate()
        if self._occlusion.due_s <= now_s:
            self._occlusion.forget()
            self.raise_alarm("OCCLUSION")
        for code in self._power.alarms_due(now_s):
            self.raise_alarm(code)
        self._plan()

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
        pressure_kpa = self._line.pressure_kpa(now_s)
        stall_kpa = self._stall_kpa * self.drive.force
        if volume_ul > 0.0 and (pressure_kpa >= stall_kpa or self._syringe_ul < volume_ul):
            self._truth.note(now_s, "stall", pressure_kpa=pressure_kpa)
            return False
        metered_ul = math.copysign(self._metering.meter(abs(volume_ul), now_s), volume_ul)
        self._syringe_ul -= volume_ul
        self._line.inject(metered_ul, now_s)
        self._truth.pulse(now_s, stream, counted_ul, metered_ul, self._line.pressure_kpa(now_s))
        return True

    def _lose_power(self) -> None:
        self._power.lose(delivering=self._basal.on)
        self._truth.note(self._now(), "power", on=False)
        self.stop()

    def _start_again(self) -> None:
        self._truth.note(self._now(), "power", on=True)
        if self._power.forgets:
            self.delivered_u = {"basal": 0.0, "bolus": 0.0, "prime": 0.0}
            self._basal.forget()
        elif self._power.resumes_basal:
            self.switch_basal(True)
        elif not self._power.resumes:
            self.raise_alarm("POWER")

    # -- helpers

    def _start_bolus(self, kind: str, *parts: Part) -> None:
        total_u = self._boluses.check(parts, spread=kind != "NORM")
        self._check_may_start()
        if self._boluses.under_way or self._priming.under_way:
            raise PumpRefusal("conflict", "a bolus or a prime is under way")
        self._reservoir.check(total_u)
        self._boluses.start(kind, parts, self._now())
        self._plan()

    def _check_delivers_nothing(self) -> None:
        if self._basal.on or self._boluses.under_way or self._priming.under_way or self.drive.running:
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
            self._priming.next_s,
            self._change_s,
            self._occlusion.due_s,
            self.drive.next_s,
            self._power.next_s,
        )
