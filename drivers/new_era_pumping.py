"""What New Era pumps do one thing at a time: stop, pump a volume at a rate, count, and tell alarms.

All settings but a rate that is changed while the pump pumps are kept in its non-volatile memory, which wears (NE-1600
manual p. 35): each is read first, and written only where it is another. The pump's counter has four digits, so it is
cleared whenever the pump rests, and counted on here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from drivers.errors import RefusedError
from drivers.new_era import NewEraSession, Reply
from drivers.new_era_numbers import RATES_UL_PER_H, VOLUMES_UL, Setting, number
from drivers.roles import Alarm

_HALTS = 6
_DUST_UL = 1e-6
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
        alarmed: called at each alarm, which has stopped the pump.

    """

    def __init__(self, session: NewEraSession, diameter: str, alarmed: Callable[[], None]) -> None:
        self.session = session
        self.name = session.name
        self.blocked = ""
        """The alarm that nobody has acknowledged yet."""
        self.counter_ul = 0.0
        """What the pump's counter last said."""
        self.alarms: list[Alarm] = []
        """Alarms that the bench has not taken yet."""
        self._diameter = diameter
        self._alarmed = alarmed
        self._alarm_count = 0
        self._settled_ul = 0.0
        self._confirmed: dict[str, Setting] = {}
        self._ready = False

    @property
    def delivered_ul(self) -> float:
        """What was infused in all, by the last look at the counter."""
        return self._settled_ul + self.counter_ul

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

    def run(self, volume: Setting, rate: Setting) -> None:
        """Pump a volume (0 is for ever) at a rate; the pump is at rest.

        Raises:
            RefusedError: it refuses, or an alarm came meanwhile.
            GarbledReplyError: it has not taken a setting, or does not start.

        """
        self._make_ready()
        self._settle_count()
        self._set_volume(volume)
        self._set_rate(rate)
        self.refuse_while_blocked()
        reply = self.ask("RUN")
        self.refuse_while_blocked()
        if reply.status != "I":
            raise self.session.garbled("was started and does not infuse", "RUN", reply.status + reply.data)

    def change_rate(self, rate: Setting) -> None:
        """Pump on at another rate in the same unit.

        Raises:
            RefusedError: the pump refuses it.
            GarbledReplyError: it has not taken it.

        """
        self.ask(f"RAT{rate.number}")
        self._read_back("RAT", rate)
        del self._confirmed["RAT"]  # it is not stored, and what holds after a stop has to be asked for

    def look_at_counter(self) -> Reply:
        """Ask for the counter of what was infused (`DIS`), and note it in µL.

        Raises:
            GarbledReplyError: it sent none, or one that is less than before.

        """
        reply = self.ask("DIS")
        match = _DISPENSED.match(reply.data)
        infused = number(match[1]) if match else None
        if match is None or infused is None or number(match[2]) is None:
            raise self.session.garbled("sent no volumes", "DIS", reply.data)
        before_ul, self.counter_ul = self.counter_ul, infused * VOLUMES_UL[match[3]]
        if self.counter_ul < before_ul - _DUST_UL:
            self._settled_ul += before_ul
            raise self.session.garbled(f"counts back from {before_ul:g} µL", "DIS", reply.data)
        return reply

    # -- alarms

    def take_in_alarms(self) -> None:
        """Keep alarms that the session heard."""
        heard, self.session.alarms = self.session.alarms, []
        for alarm in heard:
            code, text = _ALARMS[alarm.letter]
            self._alarm_count += 1
            self.alarms.append(Alarm(self._alarm_count, code, text, math.nan, alarm.time_s))
            self.blocked = text
            if alarm.letter == "R":
                self._forget_settings()
            self._alarmed()

    def refuse_while_blocked(self) -> None:
        """Refuse to start anything before an alarm has been acknowledged.

        Raises:
            RefusedError: one has not.

        """
        if self.blocked:
            problem = f"an alarm has not been acknowledged: {self.blocked}"
            raise RefusedError(self.name, problem, advice="Remove its cause, and acknowledge it.")

    def _forget_settings(self) -> None:
        """After a reset the counter has begun anew, and a rate that was not stored is gone."""
        self._settled_ul += self.counter_ul
        self.counter_ul = 0.0
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
        self.look_at_counter()
        if self.counter_ul > 0.0:
            self.ask("CLDINF")
            self._settled_ul += self.counter_ul
            self.counter_ul = 0.0

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
