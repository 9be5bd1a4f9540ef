"""What syringe pumps on a link have in common: turns, a stop that is insisted on, and what none of them tells."""

from __future__ import annotations

import math
from typing import Protocol

from bench.quantities import Concentration
from drivers.errors import InstrumentError, LinkError
from drivers.link import Link
from drivers.pump_alarms import PumpAlarms
from drivers.roles import Alarm, BolusStatus, DeliveryState

_STOPS = 3


class Pumping(Protocol):
    """What a pump counts and tells. Every method is called within the caller's turn at the link."""

    @property
    def alarms(self) -> PumpAlarms:
        """What it has told."""

    def ask_infused_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened."""

    def ask_for_alarms(self) -> None:
        """Ask for alarms, and note them."""

    def acknowledge(self) -> None:
        """Let delivery be started again after an alarm.

        Raises:
            RefusedError: the alarm still stands.

        """


class Dosing(Protocol):
    """What a pump is to deliver. Every method is called within the caller's turn at the link."""

    def stop(self) -> None:
        """Stop the pump, and start nothing any more."""

    def state(self) -> DeliveryState:
        """Ask what the pump is doing."""

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Start a basal rate in µL/h, or change it."""

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus."""

    def look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a basal rate go on that waits for it."""

    def cancel_bolus(self) -> None:
        """Stop the bolus; a basal rate goes on."""

    def poll(self, now_s: float) -> float:
        """Do what is due; return when it wants to be polled next, `inf` for not before something is told."""


class SyringePump:
    """A pump that counts in volume, knows neither its syringe's filling nor a clock, and has no battery to tell of.

    Args:
        link: the byte channel.
        insulin: what the syringe holds, where the rig file tells.
        pumping: what it counts and tells.
        dosing: what it is to deliver.

    """

    def __init__(self, link: Link, insulin: Concentration | None, pumping: Pumping, dosing: Dosing) -> None:
        self.concentration_u_per_ml: float | None = insulin.u_per_ml if insulin is not None else None
        self._link = link
        self._name = link.name
        self._pumping = pumping
        self._dosing = dosing

    # -- every pump

    def stop(self) -> None:
        """Stop all delivery at once, until the pump says that it is stopped; tried three times.

        Raises:
            InstrumentError: the pump does not say that it is stopped.

        """
        failure = InstrumentError(self._name, "was not stopped")
        for _ in range(_STOPS):
            try:
                with self._link.turn:
                    self._dosing.stop()
                    return
            except LinkError:
                raise
            except InstrumentError as error:
                failure = error
        raise failure

    def state(self) -> DeliveryState:
        """Ask what the pump is doing."""
        with self._link.turn:
            return self._dosing.state()

    # -- what it delivers

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Set the basal rate in µL/h and start delivering it, or change it while delivering.

        Raises:
            RefusedError: the pump cannot do that rate (the text says which it can), delivery is suspended, an alarm has
                not been acknowledged, or its syringe is not right.
            ControlLostError: remote control of a pump that needs it lapsed while it infused.

        """
        with self._link.turn:
            self._dosing.start_basal(rate_ul_per_h)

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus of `volume_ul` in µL; a steady basal rate waits for its end.

        Raises:
            RefusedError: a bolus is in progress, the pump cannot take that volume (the text says which it could),
                delivery is suspended, an alarm has not been acknowledged, or its syringe is not right.
            ControlLostError: remote control of a pump that needs it lapsed while it infused.

        """
        with self._link.turn:
            self._dosing.start_bolus(volume_ul)

    def bolus_status(self) -> BolusStatus:
        """Ask how far the bolus is, or how far the last one came, in µL as the pump counts."""
        with self._link.turn:
            return self._dosing.look_at_bolus()

    def cancel_bolus(self) -> None:
        """Stop the bolus now; a basal rate goes on. No error if there is none."""
        with self._link.turn:
            self._dosing.cancel_bolus()

    def poll(self, now_s: float) -> float:
        """Start the pulse that is due, or a basal rate that waits for a bolus, and keep the pump from giving up.

        Raises:
            ControlLostError: remote control of a pump that needs it lapsed while it should infuse.

        """
        with self._link.turn:
            return self._dosing.poll(now_s)

    # -- what it counts

    def delivered_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened, as it counts."""
        with self._link.turn:
            return self._pumping.ask_infused_ul()

    def reservoir_ul(self) -> float:
        """Ask nothing and return NaN: the pump does not tell what its syringe holds."""
        return math.nan

    def battery_pct(self) -> float:
        """Ask nothing and return NaN: the pump tells of no battery."""
        return math.nan

    # -- alarms

    def pump_time_s(self) -> float:
        """Ask nothing and return NaN: the pump tells no time."""
        return math.nan

    def take_alarms(self) -> list[Alarm]:
        """Ask for alarms, and take every one that the pump has told since they were taken last, oldest first."""
        with self._link.turn:
            self._pumping.ask_for_alarms()
            return self._pumping.alarms.take()

    def acknowledge_alarms(self) -> None:
        """Ask for what is pending, acknowledge it, and let delivery be started again.

        Raises:
            RefusedError: the alarm still stands, and has to be cleared at the pump.

        """
        with self._link.turn:
            self._pumping.acknowledge()
