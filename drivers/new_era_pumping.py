"""What New Era pumps do one thing at a time: stop, pump a volume at a rate, count, and tell alarms.

All settings but a rate that is changed while the pump pumps are kept in its non-volatile memory, which wears (NE-1600
manual p. 35): each is read first, and written only where it is another. The pump's counter has four digits, so it is
cleared whenever the pump rests, and counted on here.
"""

from __future__ import annotations

import re

from drivers.errors import RefusedError
from drivers.new_era import NewEraSession, Reply
from drivers.new_era_numbers import RATES_UL_PER_H, VOLUMES_UL, Setting, number, setting
from drivers.pump_alarms import PumpAlarms
from drivers.pump_count import PumpCount
from drivers.single_runs import Doing

_HALTS = 6
_FINE_UL_PER_H = 100.0
"""Up to this rate volumes are counted in µL, of which the counter holds 9999; beyond it in mL."""
_DOING = {"S": Doing.RESTS, "I": Doing.INFUSES, "X": Doing.PRIMES, "W": Doing.PRIMES}
_ALARMS = {
    "R": ("POWER", "Pump was reset, its power was interrupted (A?R)"),
    "S": ("OCCLUSION", "Pump motor stalled (A?S)"),
    "T": ("WATCHDOG", "Safe mode's time ran out without a word from the host (A?T)"),
    "E": ("SYSTEM", "Pumping program error (A?E)"),
    "O": ("SYSTEM", "Pumping program phase is out of range (A?O)"),
}
_SETTING = re.compile(r"([0-9.]+)([UM][HML])\Z")
_DISPENSED = re.compile(r"I([0-9.]+)W([0-9.]+)(UL|ML)\Z")


class NewEraPumping:
    """One pump's pumping. Every method is called within the caller's turn at the link.

    Args:
        session: the conversation with it.
        diameter: inner diameter of its syringe in mm, as it is told.

    """

    def __init__(self, session: NewEraSession, diameter: str) -> None:
        self.session = session
        self.name: str = session.name
        self.alarms = PumpAlarms(session.name)
        self.count = PumpCount()
        self._diameter = diameter
        self._confirmed: dict[str, Setting] = {}
        self._ready = False

    # -- numbers

    def told_rate(self, rate_ul_per_h: float) -> Setting:
        """Return how a rate is told.

        Raises:
            RefusedError: the pump cannot take it; the text has the nearest that it can.

        """
        return setting(rate_ul_per_h, RATES_UL_PER_H, self.name, "rate")

    def told_volume(self, volume_ul: float) -> Setting:
        """Return how a volume is told.

        Raises:
            RefusedError: the pump cannot take it; the text has the nearest that it can.

        """
        return setting(volume_ul, VOLUMES_UL, self.name, "volume")

    def ul_per_h(self, rate: Setting) -> float:
        """Return a rate that is told so."""
        return rate.value * RATES_UL_PER_H[rate.unit]

    def ul(self, volume: Setting) -> float:
        """Return a volume that is told so."""
        return volume.value * VOLUMES_UL[volume.unit]

    def words(self, rate: Setting) -> str:
        """Return a rate as a person reads it."""
        return rate.words

    # -- the verbs

    def ask(self, command: str, allow: tuple[str, ...] = ()) -> Reply:
        """Send a command and return its reply, as `NewEraSession.ask`; alarms that come are kept."""
        try:
            return self.session.ask(command, allow)
        finally:
            self.take_in_alarms()

    def halt(self) -> None:
        """Stop the pump and reset its program; the first `STP` only pauses it.

        Raises:
            RefusedError: it goes on.

        """
        for _ in range(_HALTS):
            if self.ask("STP", allow=("?NA",)).status == "S":
                return
        advice = "Stop the pump by hand, with its Start/Stop key."
        raise RefusedError(self.name, "does not stop", sent=b"STP", advice=advice)

    def doing(self) -> Doing:
        """Ask what the pump does."""
        return _doing(self.ask(""))

    def run(self, volume: Setting | None, rate: Setting) -> None:
        """Pump a volume (None is for ever) at a rate; the pump is at rest.

        Raises:
            RefusedError: it refuses, or an alarm came meanwhile.
            GarbledReplyError: it has not taken a setting, or does not start.

        """
        self._make_ready()
        self._settle_count()
        self._set_volume(volume if volume is not None else Setting("0.000", self._counted_in(rate)))
        self._set_rate(rate)
        self.alarms.refuse_while_blocked()
        reply = self.ask("RUN")
        self.alarms.refuse_while_blocked()
        if reply.status != "I":
            raise self.session.garbled("was started and does not infuse", "RUN", reply.status + reply.data)

    def goes_on_at(self, now: Setting | None, rate: Setting) -> bool:
        """Return whether the pump infuses and can change to a rate without a stop."""
        if now is None or now.unit != rate.unit or self._counted_in(now) != self._counted_in(rate):
            return False
        return self.doing() is Doing.INFUSES

    def _counted_in(self, rate: Setting) -> str:
        """Return the unit of volumes in which the pump's counter holds a rate for days."""
        return "UL" if self.ul_per_h(rate) <= _FINE_UL_PER_H else "ML"

    def change_rate(self, rate: Setting) -> None:
        """Pump on at another rate in the same unit.

        Raises:
            RefusedError: the pump refuses it.
            GarbledReplyError: it has not taken it.

        """
        self.ask(f"RAT{rate.number}")
        self._read_back("RAT", rate)
        del self._confirmed["RAT"]  # it is not stored, and what holds after a stop has to be asked for

    def look(self) -> Doing:
        """Ask for the counter of what was infused (`DIS`), and note it in µL; return what the pump does.

        Raises:
            GarbledReplyError: it sent none, or one that is less than before.

        """
        reply = self.ask("DIS")
        match = _DISPENSED.match(reply.data)
        infused = number(match[1]) if match else None
        if match is None or infused is None or number(match[2]) is None:
            raise self.session.garbled("sent no volumes", "DIS", reply.data)
        if wrong := self.count.note(infused * VOLUMES_UL[match[3]]):
            raise self.session.garbled(wrong, "DIS", reply.data)
        return _doing(reply)

    def ask_infused_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened (`DIS`)."""
        self.look()
        return self.count.total_ul

    # -- alarms

    def take_in_alarms(self) -> None:
        """Keep alarms that the session heard."""
        heard, self.session.alarms = self.session.alarms, []
        for alarm in heard:
            code, text = _ALARMS[alarm.letter]
            if alarm.letter == "R":
                self._forget_settings()
            self.alarms.note(code, text, alarm.time_s)

    def ask_for_alarms(self) -> None:
        """Ask for alarms, which the reply to anything tells, and which that acknowledges."""
        self.ask("")

    def acknowledge(self) -> None:
        """Ask for what is pending, and let delivery be started again."""
        self.ask_for_alarms()
        self.alarms.blocked = ""

    def _forget_settings(self) -> None:
        """After a reset the counter has begun anew, and a rate that was not stored is gone."""
        self.count.settle()
        self._confirmed.clear()
        self._ready = False

    # -- settings

    def _make_ready(self) -> None:
        """Set what is the same for all deliveries, where it is not so already: diameter, direction, program.

        A second phase that stops ends a volume that the first has pumped.
        """
        if self._ready:
            return
        if number(self.ask("DIA").data) != float(self._diameter):
            self.ask(f"DIA{self._diameter}")
            found = self.ask("DIA").data
            if number(found) != float(self._diameter):
                raise self.session.garbled(f"has not taken the diameter {self._diameter}", "DIA", found)
        if self.ask("PHN", allow=("?",)).data != "?":  # models without a program have no phases
            self._select_phase(2)
            self._ensure("FUN", "STP")
            self._select_phase(1)
            self._ensure("FUN", "RAT")
        self._ensure("DIR", "INF")
        self._ready = True

    def _select_phase(self, phase: int) -> None:
        found = self.ask("PHN").data
        if not (found.isdecimal() and int(found) == phase):
            self.ask(f"PHN{phase}")

    def _ensure(self, command: str, wanted: str) -> None:
        if self.ask(command).data == wanted:
            return
        self.ask(command + wanted)
        found = self.ask(command).data
        if found != wanted:
            raise self.session.garbled(f"has not taken {command}{wanted}", command, found)

    def _settle_count(self) -> None:
        """Add the pump's counter to what was delivered before, and clear it."""
        self.look()
        if self.count.counter_ul > 0.0:
            self.ask("CLDINF")
            self.count.settle()

    def _set_volume(self, volume: Setting) -> None:
        if self._confirmed.get("VOL") == volume:
            return
        found = self._asked("VOL")
        if found.unit != volume.unit:
            self.ask(f"VOL{volume.unit}")
        if found.value != volume.value:
            self.ask(f"VOL{volume.number}")
        self._read_back("VOL", volume)

    def _set_rate(self, rate: Setting) -> None:
        if self._confirmed.get("RAT") == rate:
            return
        found = self._asked("RAT")
        if (found.value, found.unit) != (rate.value, rate.unit):
            self.ask(f"RAT{rate.number}{rate.unit}")
        self._read_back("RAT", rate)

    def _read_back(self, command: str, wanted: Setting) -> None:
        self._confirmed.pop(command, None)
        found = self._asked(command)
        if (found.value, found.unit) != (wanted.value, wanted.unit):
            raise self.session.garbled(f"has not taken {wanted.words}", command, found.number + found.unit)
        self._confirmed[command] = wanted

    def _asked(self, command: str) -> Setting:
        data = self.ask(command).data
        match = _SETTING.match(data)
        units = RATES_UL_PER_H if command == "RAT" else VOLUMES_UL
        if match is None or number(match[1]) is None or match[2] not in units:
            raise self.session.garbled("sent no number with its unit", command, data)
        return Setting(match[1], match[2])


def _doing(reply: Reply) -> Doing:
    return _DOING.get(reply.status, Doing.PAUSES)
