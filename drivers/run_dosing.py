"""Basal rates, pulses and boluses made of single runs of a pump that knows no such things; volumes in µL.

A steady basal rate is a run without end. A pulsed one is made of small runs that are timed here, so it needs to be
polled; the pump rests in between. A bolus interrupts a basal rate: a steady one goes on after it, pulses that were due
meanwhile come one after another.
"""

from __future__ import annotations

import math
from typing import Generic

from bench.clock import Clock
from drivers.errors import InstrumentError, RefusedError
from drivers.pulse_schedule import PulseSchedule
from drivers.pump_count import DUST_UL
from drivers.roles import BolusStatus, DeliveryState
from drivers.single_runs import Doing, SingleRuns, Told

_BOLUS_POLL_S = 0.5
_PULSE_POLL_S = 0.05
_REST_MARGIN_S = 2.0
_HOUR_S = 3600.0


class RunDosing(Generic[Told]):
    """What is to be delivered. Every method is called within the caller's turn at the link.

    Args:
        pumping: the pump.
        pulses: the schedule of a pulsed basal rate; None for a steady one.
        bolus_rate: at which boluses and pulses are infused.
        clock: the run's clock.

    """

    def __init__(self, pumping: SingleRuns[Told], pulses: PulseSchedule | None, bolus_rate: Told, clock: Clock) -> None:
        self._pumping = pumping
        self._pulses = pulses
        self._bolus_rate = bolus_rate
        self._clock = clock
        self._steady: Told | None = None
        self._bolus: Told | None = None
        self._before_ul = 0.0
        """What the bolus had delivered before its present run."""
        self._suspended_s: float | None = None
        self._last_bolus = BolusStatus(False, 0.0, 0.0)
        pumping.alarms.stopped = self._forget

    def stop(self) -> None:
        """Stop the pump, and start nothing any more."""
        self._forget()
        self._pumping.halt()

    def _forget(self) -> None:
        """Start nothing any more by itself."""
        self._steady = self._suspended_s = None
        if self._pulses is not None:
            self._pulses.stop()

    def state(self) -> DeliveryState:
        """Ask what the pump is doing. Between two pulses of a pulsed basal rate that is still the basal rate."""
        doing = self._pumping.doing()
        if self._bolus is not None and doing is not Doing.INFUSES and self._suspended_s is None:
            self.look_at_bolus()
            doing = self._pumping.doing()
        if self._pumping.alarms.blocked:
            return DeliveryState.ALARM
        if doing is Doing.INFUSES:
            return DeliveryState.BASAL if self._bolus is None else DeliveryState.BOLUS
        if doing is Doing.PRIMES:
            return DeliveryState.PRIMING
        if doing is Doing.PAUSES or self._suspended_s is not None:
            return DeliveryState.SUSPENDED
        return DeliveryState.BASAL if self._pulses is not None and self._pulses.on else DeliveryState.STOPPED

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Start a basal rate in µL/h, or change it."""
        self._refuse_now()
        if self._pulses is not None:
            self._start_pulses(self._pulses, rate_ul_per_h)
            return
        rate = self._pumping.told_rate(rate_ul_per_h)
        if self._bolus is not None and self.look_at_bolus().active:
            self._steady = rate
        elif self._pumping.goes_on_at(self._steady, rate):
            self._pumping.change_rate(rate)
            self._steady = rate
        else:
            self._run_steady(rate)

    def _start_pulses(self, pulses: PulseSchedule, rate_ul_per_h: float) -> None:
        if not (math.isfinite(rate_ul_per_h) and rate_ul_per_h > 0.0):
            raise RefusedError(self._pumping.name, f"a rate of {rate_ul_per_h:g} µL/h cannot be made of pulses")
        pulse_ul = pulses.volume_at(rate_ul_per_h)
        self._pumping.told_volume(pulse_ul)
        if self._pumping.ul_per_h(self._bolus_rate) < 2.0 * rate_ul_per_h:
            at = self._pumping.words(self._bolus_rate)
            raise RefusedError(
                self._pumping.name,
                f"pulses of {pulse_ul:g} µL at {at} make no rate of {rate_ul_per_h:g} µL/h",
                advice="Write a larger `bolus_rate` into the rig file, or `basal: steady`.",
            )
        begins = not pulses.on and self._bolus is None
        if begins:
            self._pumping.halt()
        pulses.start(rate_ul_per_h, self._clock.now_s())
        if begins:
            try:
                self._give_pulse(pulses)
            except InstrumentError:
                pulses.stop()
                raise

    def _run_steady(self, rate: Told) -> None:
        self._pumping.halt()
        self._steady = None
        self._pumping.run(None, rate)
        self._steady = rate

    # -- bolus

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus."""
        self._refuse_now()
        volume = self._pumping.told_volume(volume_ul)
        if self._bolus is not None and self.look_at_bolus().active:
            raise RefusedError(self._pumping.name, "a bolus is in progress", advice="Wait for its end, or cancel it.")
        if self._pulses is not None:
            self._await_rest(self._pulses)
        self._pumping.halt()
        self._pumping.run(volume, self._bolus_rate)
        self._bolus, self._before_ul = volume, 0.0

    def look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a steady basal rate go on."""
        if self._bolus is None:
            return self._last_bolus
        infuses = self._pumping.look() is Doing.INFUSES
        active = self._suspended_s is not None or (infuses and not self._pumping.alarms.blocked)
        self._last_bolus = BolusStatus(active, self._pumping.ul(self._bolus), self._given_ul())
        if not active:
            self._bolus = None
            if self._steady is not None:
                self._run_steady(self._steady)
        return self._last_bolus

    def cancel_bolus(self) -> None:
        """Stop the bolus; a basal rate goes on."""
        if self._bolus is None or not (now := self.look_at_bolus()).active:
            return
        if self._suspended_s is not None:
            self._last_bolus, self._bolus = BolusStatus(False, now.programmed_ul, now.delivered_ul), None
        else:
            self._pumping.halt()
            self.look_at_bolus()

    def _given_ul(self) -> float:
        """Return what the bolus has delivered, by the last look."""
        return self._before_ul + self._pumping.count.counter_ul

    # -- suspension

    def suspend(self) -> None:
        """Stop, and keep in mind what was under way."""
        self._pumping.alarms.refuse_while_blocked()
        if self._suspended_s is not None:
            return
        if self._bolus is not None:
            self.look_at_bolus()
        self._pumping.halt()
        self._suspended_s = self._clock.now_s()

    def resume(self) -> None:
        """Go on with what was suspended."""
        self._pumping.alarms.refuse_while_blocked()
        if self._suspended_s is None:
            raise RefusedError(self._pumping.name, "nothing is suspended")
        if self._bolus is not None:
            self._go_on(self._bolus)
        elif self._steady is not None:
            self._run_steady(self._steady)
        if self._pulses is not None:
            self._pulses.put_off(self._clock.now_s() - self._suspended_s)
        self._suspended_s = None

    def _go_on(self, bolus: Told) -> None:
        """Infuse what is left of a bolus."""
        self._pumping.look()
        given_ul = self._given_ul()
        left_ul = self._pumping.ul(bolus) - given_ul
        if left_ul > DUST_UL:
            self._pumping.run(self._pumping.told_volume(left_ul), self._bolus_rate)
            self._before_ul = given_ul

    def _refuse_now(self) -> None:
        self._pumping.alarms.refuse_while_blocked()
        if self._suspended_s is not None:
            raise RefusedError(self._pumping.name, "delivery is suspended", advice="Resume it first, or stop it.")

    # -- while time passes

    def poll(self, now_s: float) -> float:
        """Start what is due; return when it wants to be polled next, `inf` for not before something is told."""
        self.go_on(now_s)
        return self.next_poll_s(now_s)

    def go_on(self, now_s: float) -> None:
        """Start the pulse that is due, or a basal rate that waits for a bolus."""
        if self._suspended_s is not None or (self._bolus is not None and self.look_at_bolus().active):
            return
        if self._pulses is not None and self._pulses.next_s <= now_s:
            self._give_pulse(self._pulses)

    def next_poll_s(self, now_s: float) -> float:
        """Return when to go on next."""
        if self._suspended_s is not None:
            return math.inf
        if self._bolus is not None:
            return now_s + _BOLUS_POLL_S
        if self._pulses is None:
            return math.inf
        return self._pulses.next_s if self._pulses.next_s > now_s else now_s + _PULSE_POLL_S

    def _give_pulse(self, pulses: PulseSchedule) -> None:
        """Start a pulse, unless the one before has not ended or an alarm has come."""
        doing = self._pumping.doing()
        if doing is Doing.INFUSES or self._pumping.alarms.blocked:
            return
        if doing is not Doing.RESTS:
            self._pumping.halt()
        self._pumping.run(self._pumping.told_volume(pulses.pulse_ul), self._bolus_rate)
        pulses.given()

    def _await_rest(self, pulses: PulseSchedule) -> None:
        """Wait for the end of a pulse that is under way."""
        pulse_s = pulses.pulse_ul / self._pumping.ul_per_h(self._bolus_rate) * _HOUR_S
        end_s = self._clock.now_s() + pulse_s + _REST_MARGIN_S
        while self._pumping.doing() is Doing.INFUSES and self._clock.now_s() < end_s:
            self._clock.sleep_s(_PULSE_POLL_S)
