"""What Harvard Protocol 11 pumps do one thing at a time: stop, infuse a volume at a rate, count, and stall.

Every setting is read first, written only where it is another, and read back. The pump counts what it infused in
femtolitres (`status`); the count is cleared before each run, from which a target volume counts, and counted on here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from drivers.errors import RefusedError
from drivers.harvard_ultra import RUNNING, HarvardSession, Reply
from drivers.harvard_ultra_numbers import (
    PlainNumbers,
    Status,
    agree,
    length_mm,
    limits_ul_per_h,
    percent,
    rate_ul_per_h,
    status,
    told_rate,
    told_volume,
    volume_ul,
)
from drivers.pump_alarms import PumpAlarms
from drivers.pump_count import DUST_UL, PumpCount
from drivers.single_runs import Doing

_HALTS = 4
_NO_TARGET = "Target volume not set"
_NO_TIME = "Target time not set"
_STALLED, _INFUSE_LIMIT, _WITHDRAW_LIMIT = "*", ">*", "<*"
_ALARMS = {
    _STALLED: ("OCCLUSION", "Pump motor stalled (*)"),
    _INFUSE_LIMIT: ("EMPTY", "Infuse limit switch was hit (>*)"),
    _WITHDRAW_LIMIT: ("SYSTEM", "Withdraw limit switch was hit (<*)"),
}
_DOING = {">": Doing.INFUSES, "<": Doing.PRIMES}
_BY_ITSELF = ("SYSTEM", "Pump stopped by itself: at its screen, by a target of its own, or by a loss of power")


class Syringe(NamedTuple):
    """What the pump is told of its syringe: diameter in mm, volume in µL and force in %, None where it is left."""

    diameter_mm: float
    volume_ul: float | None
    force: int | None


class HarvardPumping(PlainNumbers):
    """One pump's pumping. Every method is called within the caller's turn at the link.

    Args:
        session: the conversation with it.
        syringe: its syringe.

    """

    def __init__(self, session: HarvardSession, syringe: Syringe) -> None:
        self.session = session
        self.name: str = session.name
        self.alarms = PumpAlarms(session.name)
        self.count = PumpCount()
        self.limits_ul_per_h = (0.0, math.inf)
        """The slowest and the fastest rate of the syringe."""
        self._syringe = syringe
        self._endless = False
        self._told = ""
        self._flags = 0

    # -- numbers

    def told_rate(self, rate_ul_per_h: float) -> float:
        """Return a rate that the pump can do.

        Raises:
            RefusedError: it is beyond its limits.

        """
        told_rate(rate_ul_per_h, self.name)
        least, most = self.limits_ul_per_h
        if not (least <= rate_ul_per_h <= most or agree(least, rate_ul_per_h) or agree(most, rate_ul_per_h)):
            raise RefusedError(
                self.name,
                f"a rate of {rate_ul_per_h:g} µL/h is beyond what it can do with a syringe of"
                f" {self._syringe.diameter_mm:g} mm",
                advice=f"It takes {least:g} to {most:g} µL/h.",
            )
        return rate_ul_per_h

    def told_volume(self, volume_ul: float) -> float:
        """Return a volume of a bolus.

        Raises:
            RefusedError: it is none.

        """
        if not (math.isfinite(volume_ul) and volume_ul > 0.0):
            raise RefusedError(self.name, f"a bolus of {volume_ul:g} µL cannot be told")
        return volume_ul

    # -- the verbs

    def ask(self, command: str) -> Reply:
        """Send a command and return its reply, as `HarvardSession.ask`; what its prompt tells is noted."""
        reply = self.session.ask(command)
        self._notice(reply.prompt)
        return reply

    def make_ready(self) -> None:
        """Stop it, and set what is the same for all deliveries: memory, syringe, no target time; ask for its limits.

        Raises:
            RefusedError: the pump refuses one of these.
            GarbledReplyError: it has not taken one of these.

        """
        self.halt()
        self._spare_memory()
        self._ensure("diameter", f"{self._syringe.diameter_mm:.6g}", length_mm, self._syringe.diameter_mm)
        if (wanted_ul := self._syringe.volume_ul) is not None:
            self._ensure("svolume", told_volume(wanted_ul, self.name), volume_ul, wanted_ul)
        if (force := self._syringe.force) is not None:
            self._ensure("force", str(force), percent, force)
        self._ensure_none("ttime", "cttime", _NO_TIME)
        reply = self.ask("irate lim")
        limits = limits_ul_per_h(reply.text)
        if limits is None:
            raise self.session.garbled("sent no limits of its rate", "irate lim", reply)
        self.limits_ul_per_h = limits
        self._settle_count()
        self.count.settled_ul = 0.0

    def halt(self) -> None:
        """Stop the pump.

        Raises:
            RefusedError: it goes on.

        """
        self._endless = False
        for _ in range(_HALTS):
            if self.ask("stp").prompt not in RUNNING:
                return
        raise RefusedError(self.name, "does not stop", sent=b"stp", advice="Stop the pump by hand, at its screen.")

    def run(self, wanted_ul: float | None, wanted_ul_per_h: float) -> None:
        """Infuse a volume in µL (None is for ever) at a rate in µL/h; the pump is at rest.

        Raises:
            RefusedError: it refuses, the rate is beyond its limits, or an alarm has not been acknowledged.
            GarbledReplyError: it has not taken a setting, or does not start.

        """
        self.told_rate(wanted_ul_per_h)
        self._settle_count()
        if wanted_ul is None:
            self._ensure_none("tvolume", "ctvolume", _NO_TARGET)
        else:
            self._ensure("tvolume", told_volume(wanted_ul, self.name), volume_ul, wanted_ul)
        self._set_rate(wanted_ul_per_h)
        self.alarms.refuse_while_blocked()
        self._told = ""
        reply = self.ask("irun")
        self.alarms.refuse_while_blocked()
        if reply.prompt != ">" and not (reply.prompt == "T*" and wanted_ul is not None):
            raise self.session.garbled("was started and does not infuse", "irun", reply)
        self._endless = wanted_ul is None

    def goes_on_at(self, now: float | None, rate: float) -> bool:
        """Return whether the pump infuses and can change to a rate without a stop: it can to every one.

        Raises:
            RefusedError: an alarm has not been acknowledged.

        """
        del rate
        if now is not None and self.look() is Doing.INFUSES:
            return True
        self.alarms.refuse_while_blocked()
        return False

    def change_rate(self, wanted_ul_per_h: float) -> None:
        """Infuse on at another rate in µL/h.

        Raises:
            RefusedError: it refuses, or the rate is beyond its limits.
            GarbledReplyError: it has not taken it.

        """
        self.told_rate(wanted_ul_per_h)
        self._set_rate(wanted_ul_per_h)

    def ask_infused_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened."""
        self.look()
        return self.count.total_ul

    def look(self) -> Doing:
        """Ask what the pump does and has infused (`status`), and note that in µL; a withdrawal is left out of account.

        Raises:
            GarbledReplyError: it sent no status, or a count that is less than before.

        """
        return _DOING.get(self._look().prompt, Doing.RESTS)

    doing = look

    def _look(self) -> Reply:
        reply = self.ask("status")
        found = status(reply.text)
        if found is None or (self._flags and found.flags != self._flags):
            raise self.session.garbled("sent no status", "status", reply)
        self._flags = found.flags
        if found.stalled or found.limit_hit:
            self._notice(_sign(found))
        if found.infuses and (wrong := self.count.note(found.volume_ul)):
            raise self.session.garbled(wrong, "status", reply)
        return reply

    # -- alarms

    def ask_for_alarms(self) -> None:
        """Ask for alarms, which `status` tells."""
        self.look()

    def acknowledge(self) -> None:
        """Stop the pump that an alarm has stopped (`stp` clears it), and let delivery be started again."""
        self.look()
        if self.alarms.blocked:
            self.halt()
            self.alarms.blocked = ""

    def _notice(self, prompt: str) -> None:
        """Raise the alarm that a prompt tells, once a run."""
        if prompt in RUNNING:
            self._told = ""
            return
        was_endless, self._endless = self._endless, False
        if prompt in _ALARMS:
            if self._told != prompt:
                self._told = prompt
                self._raise(*_ALARMS[prompt])
        elif was_endless:
            self._raise(*_BY_ITSELF)

    def _raise(self, code: str, text: str) -> None:
        self.alarms.note(code, text, self.session.link.clock.now_s())

    # -- settings

    def _spare_memory(self) -> None:
        """Let what is set not be written into non-volatile memory, which wears; a Legato 101 only knows `off`."""
        try:
            self.ask("nvram none")
        except RefusedError:
            self.ask("nvram off")

    def _ensure(self, command: str, wanted: str, parse: Callable[[str], float | None], value: float) -> None:
        if agree(parse(self.ask(command).text), value):
            return
        self.ask(f"{command} {wanted}")
        reply = self.ask(command)
        if not agree(parse(reply.text), value):
            raise self.session.garbled(f"has not taken {command} {wanted}", command, reply)

    def _ensure_none(self, command: str, clear: str, nothing: str) -> None:
        if self.ask(command).text.startswith(nothing):
            return
        self.ask(clear)
        reply = self.ask(command)
        if not reply.text.startswith(nothing):
            raise self.session.garbled(f"has not taken {clear}", command, reply)

    def _set_rate(self, wanted_ul_per_h: float) -> None:
        self._ensure("irate", told_rate(wanted_ul_per_h, self.name), rate_ul_per_h, wanted_ul_per_h)

    def _settle_count(self) -> None:
        """Add the pump's counter to what was infused before, and clear it, which is read back."""
        self.look()
        self.ask("civolume")
        self.count.settle()
        reply = self._look()
        if self.count.counter_ul > DUST_UL:
            self.count.settled_ul -= self.count.counter_ul
            raise self.session.garbled("has not cleared its count", "civolume", reply)


def _sign(found: Status) -> str:
    if found.stalled:
        return _STALLED
    return _INFUSE_LIMIT if found.infuses else _WITHDRAW_LIMIT
