"""Basal rates, pulses and boluses of a Harvard Protocol 11 pump, made of single runs of it; volumes in µL.

A bolus interrupts a basal rate: a steady one goes on after it, pulses that were due meanwhile come one after another.
"""

from __future__ import annotations

import math

from bench.clock import Clock
from drivers.errors import InstrumentError, RefusedError
from drivers.harvard_ultra_pumping import HarvardPumping
from drivers.pulse_schedule import PulseSchedule
from drivers.roles import BolusStatus, DeliveryState

_BOLUS_POLL_S = 0.5
_PULSE_POLL_S = 0.05
_REST_MARGIN_S = 2.0
_HOUR_S = 3600.0
_DUST_UL = 1e-6


class Dosing:
    """What is to be delivered. Every method is called within the caller's turn at the link.

    Args:
        pumping: the pump.
        pulses: the schedule of a pulsed basal rate; None for a steady one.
        bolus_ul_per_h: at which boluses and pulses are infused.
        clock: the run's clock.

    """

    def __init__(
        self, pumping: HarvardPumping, pulses: PulseSchedule | None, bolus_ul_per_h: float, clock: Clock
    ) -> None:
        self._pumping = pumping
        self._pulses = pulses
        self._bolus_ul_per_h = bolus_ul_per_h
        self._clock = clock
        self._steady: float | None = None
        self._bolus_ul: float | None = None
        self._before_ul = 0.0
        """What the bolus had delivered before its present run."""
        self._suspended_s: float | None = None
        self._last_bolus = BolusStatus(False, 0.0, 0.0)

    def forget(self) -> None:
        """Start nothing any more by itself."""
        self._steady = self._suspended_s = None
        if self._pulses is not None:
            self._pulses.stop()

    def state(self) -> DeliveryState:
        """Ask what the pump is doing."""
        prompt = self._pumping.look().prompt
        if self._bolus_ul is not None and prompt != ">" and self._suspended_s is None:
            self.look_at_bolus()
            prompt = self._pumping.look().prompt
        if self._pumping.blocked:
            return DeliveryState.ALARM
        if prompt == ">":
            return DeliveryState.BASAL if self._bolus_ul is None else DeliveryState.BOLUS
        if prompt == "<":  # started by somebody else
            return DeliveryState.PRIMING
        if self._suspended_s is not None:
            return DeliveryState.SUSPENDED
        return DeliveryState.BASAL if self._pulses is not None and self._pulses.on else DeliveryState.STOPPED

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Start a basal rate in µL/h, or change it."""
        self._refuse_now()
        if self._pulses is not None:
            self._start_pulses(self._pulses, rate_ul_per_h)
            return
        self._pumping.check_rate(rate_ul_per_h)
        if self._bolus_ul is not None and self.look_at_bolus().active:
            self._steady = rate_ul_per_h
        elif self._steady is not None and self._pumping.look().prompt == ">":
            self._pumping.change_rate(rate_ul_per_h)
            self._steady = rate_ul_per_h
        else:
            self._pumping.refuse_while_blocked()
            self._run_steady(rate_ul_per_h)

    def _start_pulses(self, pulses: PulseSchedule, rate_ul_per_h: float) -> None:
        if not (math.isfinite(rate_ul_per_h) and rate_ul_per_h > 0.0):
            raise RefusedError(self._pumping.name, f"a rate of {rate_ul_per_h:g} µL/h cannot be made of pulses")
        pulse_ul = pulses.volume_at(rate_ul_per_h)
        if self._bolus_ul_per_h < 2.0 * rate_ul_per_h:
            raise RefusedError(
                self._pumping.name,
                f"pulses of {pulse_ul:g} µL at {self._bolus_ul_per_h:g} µL/h make no rate of {rate_ul_per_h:g} µL/h",
                advice="Write a larger `bolus_rate` into the rig file, or `basal: steady`.",
            )
        begins = not pulses.on and self._bolus_ul is None
        if begins:
            self._pumping.halt()
        pulses.start(rate_ul_per_h, self._clock.now_s())
        if begins:
            try:
                self._give_pulse(pulses)
            except InstrumentError:
                pulses.stop()
                raise

    def _run_steady(self, rate_ul_per_h: float) -> None:
        self._pumping.halt()
        self._steady = None
        self._pumping.run(None, rate_ul_per_h)
        self._steady = rate_ul_per_h

    # -- bolus

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus."""
        self._refuse_now()
        if not (math.isfinite(volume_ul) and volume_ul > 0.0):
            raise RefusedError(self._pumping.name, f"a bolus of {volume_ul:g} µL cannot be told")
        if self._bolus_ul is not None and self.look_at_bolus().active:
            raise RefusedError(self._pumping.name, "a bolus is in progress", advice="Wait for its end, or cancel it.")
        if self._pulses is not None:
            self._await_rest(self._pulses)
        self._pumping.halt()
        self._pumping.run(volume_ul, self._bolus_ul_per_h)
        self._bolus_ul, self._before_ul = volume_ul, 0.0

    def look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a steady basal rate go on."""
        if self._bolus_ul is None:
            return self._last_bolus
        prompt = self._pumping.look().prompt
        active = self._suspended_s is not None or (prompt == ">" and not self._pumping.blocked)
        self._last_bolus = BolusStatus(active, self._bolus_ul, self._before_ul + self._pumping.counter_ul)
        if not active:
            self._bolus_ul = None
            if self._steady is not None:
                self._run_steady(self._steady)
        return self._last_bolus

    def cancel_bolus(self) -> None:
        """Stop the bolus; a basal rate goes on."""
        if self._bolus_ul is None or not (now := self.look_at_bolus()).active:
            return
        if self._suspended_s is not None:
            self._last_bolus, self._bolus_ul = BolusStatus(False, now.programmed_ul, now.delivered_ul), None
        else:
            self._pumping.halt()
            self.look_at_bolus()

    # -- suspension

    def suspend(self) -> None:
        """Stop, and keep in mind what was under way."""
        self._pumping.refuse_while_blocked()
        if self._suspended_s is not None:
            return
        if self._bolus_ul is not None:
            self.look_at_bolus()
        self._pumping.halt()
        self._suspended_s = self._clock.now_s()

    def resume(self) -> None:
        """Go on with what was suspended."""
        self._pumping.refuse_while_blocked()
        if self._suspended_s is None:
            raise RefusedError(self._pumping.name, "nothing is suspended")
        if self._bolus_ul is not None:
            self._go_on(self._bolus_ul)
        elif self._steady is not None:
            self._run_steady(self._steady)
        if self._pulses is not None:
            self._pulses.put_off(self._clock.now_s() - self._suspended_s)
        self._suspended_s = None

    def _go_on(self, bolus_ul: float) -> None:
        """Infuse what is left of a bolus."""
        self._pumping.look()
        delivered_ul = self._before_ul + self._pumping.counter_ul
        if bolus_ul - delivered_ul > _DUST_UL:
            self._pumping.run(bolus_ul - delivered_ul, self._bolus_ul_per_h)
            self._before_ul = delivered_ul

    def _refuse_now(self) -> None:
        self._pumping.refuse_while_blocked()
        if self._suspended_s is not None:
            raise RefusedError(self._pumping.name, "delivery is suspended", advice="Resume it first, or stop it.")

    # -- while time passes

    def poll(self, now_s: float) -> float:
        """Start the pulse that is due, or a basal rate that waits for a bolus; return when it wants to be polled."""
        if self._suspended_s is not None:
            return math.inf
        if self._bolus_ul is not None and self.look_at_bolus().active:
            return now_s + _BOLUS_POLL_S
        pulses = self._pulses
        if pulses is None:
            return math.inf
        if pulses.next_s <= now_s:
            self._give_pulse(pulses)
        return pulses.next_s if pulses.next_s > now_s else now_s + _PULSE_POLL_S

    def _give_pulse(self, pulses: PulseSchedule) -> None:
        """Start a pulse, unless the one before has not ended or an alarm has come."""
        prompt = self._pumping.look().prompt
        if prompt == ">" or self._pumping.blocked:
            return
        if prompt == "<":
            self._pumping.halt()
        self._pumping.run(pulses.pulse_ul, self._bolus_ul_per_h)
        pulses.given()

    def _await_rest(self, pulses: PulseSchedule) -> None:
        """Wait for the end of a pulse that is under way."""
        end_s = self._clock.now_s() + pulses.pulse_ul / self._bolus_ul_per_h * _HOUR_S + _REST_MARGIN_S
        while self._pumping.look().prompt == ">" and self._clock.now_s() < end_s:
            self._clock.sleep_s(_PULSE_POLL_S)
