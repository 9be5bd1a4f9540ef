"""What Alaris pumps do one thing at a time: stop, infuse, count, and tell alarms.

Every setting is compared with what the pump says that it took. No command that clears an alarm is known.
"""

from __future__ import annotations

import math

from drivers.alaris import AlarisSession
from drivers.alaris_control import AlarisControl
from drivers.alaris_replies import NO_ALARM, VTBI_DONE, WARNINGS, Status, alarm_told, number, status_in
from drivers.errors import ControlLostError, RefusedError
from drivers.pump_alarms import PumpAlarms
from drivers.pump_count import PumpCount

_SETTLES_S = 3.0
"""Within this time the pump infuses, or is on hold, after it was told to."""
_LOOK_AGAIN_S = 0.1


class AlarisPumping:
    """One pump's pumping. Every method is called within the caller's turn at the link."""

    def __init__(self, session: AlarisSession) -> None:
        self.session = session
        self.name = session.name
        self.control = AlarisControl(session)
        self.alarms = PumpAlarms(session.name)
        self.count = PumpCount()
        self._clock = session.link.clock
        self._ends_by_itself = False
        """Whether it stops after a volume: the alarm that this is done is then none."""
        self._standing = NO_ALARM

    def open(self) -> None:
        """Ask who the pump is, how long remote control lasts, and what it has counted; changes nothing.

        Raises:
            NoReplyError: nothing answers.
            GarbledReplyError: what answers is no such pump.

        """
        self.control.open()
        self.count.settled_ul = -self.look().volume_ul

    # -- the verbs

    def look(self) -> Status:
        """Ask what the pump is doing (`INF`); note its count, and its alarm if one stands.

        Raises:
            GarbledReplyError: it says what makes no sense, or counts less than before.

        """
        fields = self.session.ask("INF")
        status = status_in(fields, self.control.serial_number)
        if status is None:
            raise self.session.garbled("sent no status of this pump", "INF", *fields)
        if status.alarmed or self._standing != NO_ALARM:
            self.look_at_alarm()
        if wrong := self.count.note(status.volume_ul):
            raise self.session.garbled(wrong, "INF", *fields)
        return status

    def ask_infused_ul(self) -> float:
        """Ask for the volume in µL that was infused since the pump was opened, to 1 µL (`INF`)."""
        self.look()
        return round(self.count.total_ul, 3)

    def halt(self) -> None:
        """Stop the pump (`INF_STOP`), whether or not it grants remote control for that.

        Raises:
            RefusedError: it goes on.

        """
        self.control.needed = False
        failure: RefusedError | ControlLostError | None = None
        try:
            self.control.take()
            self.session.ask("INF_STOP")
        except (RefusedError, ControlLostError) as error:
            failure = error
        if not self._settles(infusing=False):
            advice = "Stop the pump by hand, with its HOLD key."
            raise failure or RefusedError(self.name, "does not stop", sent=b"INF_STOP", advice=advice)

    def run(self, rate: str, volume: str | None = None) -> None:
        """Infuse at a rate in mL/h, a volume in mL or for ever; the pump is on hold.

        Raises:
            RefusedError: it refuses, or an alarm has come.
            GarbledReplyError: it has not taken a setting, or does not start.

        """
        self.control.take()
        self.set_volume(volume)
        self.set_rate(rate)
        self.alarms.refuse_while_blocked()
        self.control.take()
        self.session.ask("INF_START")
        self.control.needed = True
        before_ul = self.count.counter_ul
        if not self._settles(infusing=True, count_ul=before_ul if volume is not None else math.inf):
            self.control.needed = False
            self.alarms.refuse_while_blocked()
            raise self.session.garbled("was started and does not infuse", "INF_START")

    def set_rate(self, rate: str) -> None:
        """Set the rate in mL/h, also while the pump infuses.

        Raises:
            GarbledReplyError: the pump has not taken it.

        """
        self.control.take()
        fields = self.session.ask("INF_RATE", rate, "ml/h")
        if len(fields) != 2 or fields[1] != "ml/h" or number(fields[0]) != float(rate):
            raise self.session.garbled(f"has not taken {rate} mL/h", "INF_RATE", *fields)

    def set_volume(self, volume: str | None) -> None:
        """Let the pump stop after a volume in mL, or not.

        Raises:
            GarbledReplyError: the pump has not taken it.

        """
        self.control.take()
        if volume is None:
            fields = self.session.ask("INF_VTBI", "DEACT")
            taken = fields[:1] == ["DEACT"]
        else:
            fields = self.session.ask("INF_VTBI", "ACTIV", volume, "ml", "STOP")
            taken = [fields[0], *fields[2:]] == ["ACTIV", "ml", "STOP"] if len(fields) == 4 else False
            taken = taken and number(fields[1]) == float(volume)
        if not taken:
            what = f"a volume of {volume} mL" if volume is not None else "that there is no volume to be infused"
            raise self.session.garbled(f"has not taken {what}", "INF_VTBI", *fields)
        self._ends_by_itself = volume is not None

    def syringe(self) -> tuple[str, str, str]:
        """Ask for brand and size in mL of the syringe, and whether it was confirmed at the pump (`CONF`).

        Raises:
            GarbledReplyError: it does not tell.

        """
        fields = [each.strip() for each in self.session.ask("SYRINGE_STATUS")]
        if len(fields) != 3:
            raise self.session.garbled("does not tell its syringe", "SYRINGE_STATUS", *fields)
        return fields[0], fields[1], fields[2]

    def most_ul_per_h(self) -> float:
        """Ask for the highest rate that the pump takes with its syringe.

        Raises:
            GarbledReplyError: it does not tell.

        """
        fields = self.session.ask("INF_RATE_MAX_SYRINGE")
        most = number(fields[0]) if len(fields) == 2 and fields[1] == "ml/h" else None
        if most is None or most <= 0.0:
            raise self.session.garbled("does not tell its highest rate", "INF_RATE_MAX_SYRINGE", *fields)
        return 1000.0 * most

    def _settles(self, *, infusing: bool, count_ul: float = math.inf) -> bool:
        """Return whether the pump comes to infuse, or to rest, in time; a count above `count_ul` shows that it did."""
        end_s = self._clock.now_s() + _SETTLES_S
        while True:
            status = self.look()
            if status.infusing == infusing or (infusing and status.volume_ul > count_ul):
                return True
            if self.alarms.blocked or self._clock.now_s() >= end_s:
                return False
            self._clock.sleep_s(_LOOK_AGAIN_S)

    # -- alarms

    def look_at_alarm(self) -> str:
        """Ask for the alarm that stands (`ALARM`); keep one that is new. Return its code as the pump has it.

        Raises:
            GarbledReplyError: it tells none, nor that there is none.

        """
        fields = self.session.ask("ALARM")
        code = fields[0].strip() if fields else ""
        if not code:
            raise self.session.garbled("does not tell its alarm", "ALARM", *fields)
        known, self._standing = self._standing, code
        if code in (known, NO_ALARM) or (code == VTBI_DONE and self._ends_by_itself):
            return code
        told, text = alarm_told(code, fields[1:])
        stops = told not in WARNINGS
        if stops:
            self.control.needed = False
        self.alarms.note(told, text, self._clock.now_s(), stops=stops)
        return code

    def ask_for_alarms(self) -> None:
        """Ask for the alarm that stands (`ALARM`). A code that is not known is told as the pump tells it."""
        self.look_at_alarm()

    def acknowledge(self) -> None:
        """Let delivery be started again. An alarm that stands is met by `INF_STOP`, since none that clears is known.

        Raises:
            RefusedError: the alarm still stands.

        """
        if self._blocks(self.look_at_alarm()):
            self.halt()
            if self._blocks(code := self.look_at_alarm()):
                problem = f"alarm {code} still stands"
                advice = "Remove its cause and clear it at the pump: no command for that is known."
                raise RefusedError(self.name, problem, sent=b"ALARM", seen=code.encode("latin-1"), advice=advice)
        self.alarms.blocked = ""

    @staticmethod
    def _blocks(code: str) -> bool:
        return code != NO_ALARM and alarm_told(code)[0] not in WARNINGS
