"""Basal rates and boluses of an Alaris pump; volumes in µL.

A bolus is a volume to be infused at its own rate, at whose end the pump stops by itself; a basal rate waits for it and
is started again.
"""

from __future__ import annotations

from drivers.alaris_pumping import AlarisPumping
from drivers.alaris_replies import rate_text, volume_text
from drivers.errors import InstrumentError, RefusedError
from drivers.roles import BolusStatus, DeliveryState

_BOLUS_POLL_S = 0.5
_CONFIRMED = "CONF"


class AlarisDosing:
    """What is to be delivered. Every method is called within the caller's turn at the link.

    Args:
        pumping: the pump.
        bolus_ul_per_h: at which boluses are infused.
        syringe: its brand and size; None for any.
        u_per_ml: what it holds, where that is known.

    """

    def __init__(
        self, pumping: AlarisPumping, bolus_ul_per_h: float, syringe: str | None, u_per_ml: float | None
    ) -> None:
        self._pumping = pumping
        self._control = pumping.control
        self._name = pumping.name
        self._bolus_rate_ul_per_h = bolus_ul_per_h
        self._wanted_syringe = syringe
        self._u_per_ml = u_per_ml
        self._steady_ul_per_h: float | None = None
        self._bolus_ul: float | None = None
        self._bolus_from_ul = 0.0
        self._last_bolus = BolusStatus(False, 0.0, 0.0)
        pumping.alarms.stopped = self._forget

    def stop(self) -> None:
        """Stop, and note how far a bolus came."""
        self._forget()
        self._pumping.halt()
        if self._bolus_ul is not None:
            self._end_bolus()

    def _forget(self) -> None:
        """Start nothing any more by itself."""
        self._steady_ul_per_h = None

    def state(self) -> DeliveryState:
        """Ask what the pump is doing (`INF`)."""
        if self._bolus_ul is not None:
            self.look_at_bolus()
        infusing = self._pumping.look().infusing
        if self._pumping.alarms.blocked:
            return DeliveryState.ALARM
        if not infusing:
            return DeliveryState.STOPPED
        return DeliveryState.BOLUS if self._bolus_ul is not None else DeliveryState.BASAL

    # -- basal

    def start_basal(self, rate_ul_per_h: float) -> None:
        """Start a basal rate in µL/h, or change it."""
        self._pumping.alarms.refuse_while_blocked()
        rate = self._rate(rate_ul_per_h)
        if self._bolus_ul is not None and self.look_at_bolus().active:
            self._steady_ul_per_h = rate_ul_per_h
        elif self._steady_ul_per_h is not None and self._pumping.look().infusing:
            self._pumping.set_rate(rate)
            self._steady_ul_per_h = rate_ul_per_h
        else:
            self._check_syringe()
            self._run_steady(rate_ul_per_h)

    def _run_steady(self, rate_ul_per_h: float) -> None:
        self._steady_ul_per_h = None
        self._pumping.halt()
        self._pumping.run(self._rate(rate_ul_per_h))
        self._steady_ul_per_h = rate_ul_per_h

    # -- bolus

    def start_bolus(self, volume_ul: float) -> None:
        """Start a bolus."""
        self._pumping.alarms.refuse_while_blocked()
        volume = volume_text(volume_ul, self._name)
        if self._bolus_ul is not None and self.look_at_bolus().active:
            raise RefusedError(self._name, "a bolus is in progress", advice="Wait for its end, or cancel it.")
        rate = self._rate(self._bolus_rate_ul_per_h)
        self._check_syringe()
        self._pumping.halt()
        self._pumping.look()
        self._bolus_from_ul = self._pumping.count.total_ul
        self._bolus_ul = volume_ul
        self._last_bolus = BolusStatus(False, volume_ul, 0.0)
        try:
            self._pumping.run(rate, volume)
        except InstrumentError:
            self._bolus_ul = None
            raise

    def cancel_bolus(self) -> None:
        """Stop the bolus; a basal rate goes on."""
        if self._bolus_ul is not None and self.look_at_bolus().active:
            self._pumping.halt()
            self.look_at_bolus()

    def look_at_bolus(self) -> BolusStatus:
        """Ask for the bolus; where it has ended, let a basal rate go on."""
        if self._bolus_ul is None:
            return self._last_bolus
        infusing = self._pumping.look().infusing
        if infusing:
            given_ul = self._pumping.count.total_ul - self._bolus_from_ul
            return BolusStatus(True, self._bolus_ul, round(given_ul, 3))
        self._end_bolus()
        if self._steady_ul_per_h is not None and not self._pumping.alarms.blocked:
            self._run_steady(self._steady_ul_per_h)
        return self._last_bolus

    def _end_bolus(self) -> None:
        """Note how far a bolus came that is over, and let the pump no longer stop after a volume."""
        given_ul = round(self._pumping.count.total_ul - self._bolus_from_ul, 3)
        self._last_bolus = BolusStatus(False, self._bolus_ul or 0.0, given_ul)
        self._bolus_ul = None
        self._control.needed = False
        self._pumping.set_volume(None)

    # -- while time passes

    def poll(self, now_s: float) -> float:
        """Take remote control again (`REMOTE_CTRL`), and let a basal rate go on that waits for a bolus.

        Raises:
            ControlLostError: remote control lapsed while the pump should infuse, or is no longer granted.

        """
        if now_s >= self._control.next_keep_s():
            self._control.keep()
        wanted_s = self._control.next_keep_s()
        if self._bolus_ul is not None and self.look_at_bolus().active:
            wanted_s = min(wanted_s, now_s + _BOLUS_POLL_S)
        return wanted_s

    # -- helpers

    def _rate(self, rate_ul_per_h: float) -> str:
        return rate_text(rate_ul_per_h, self._pumping.most_ul_per_h(), self._name, self._u_per_ml)

    def _check_syringe(self) -> None:
        """Refuse to start with no syringe, or another one."""
        brand, size, status = self._pumping.syringe()
        if status != _CONFIRMED:
            raise RefusedError(
                self._name,
                f"its syringe is not confirmed: {brand} {size} mL, {status}",
                advice="Load the syringe and confirm it at the pump.",
            )
        wanted = self._wanted_syringe
        if wanted is not None and wanted.split() != f"{brand} {size}".split():
            raise RefusedError(
                self._name,
                f"has a syringe {brand} {size} mL, and the rig file says {wanted}",
                advice="Choose the right syringe at the pump: volumes go by it.",
            )
