"""Remote control of Alaris pumps: it is granted for a code, and lasts only while it is asked for again and again.

The code is the checksum of the pump's serial number. The pump tells for how long control lasts (`COMMS_RESPONSE_MAX`,
4 s, as two public clients take it); both ask again about once a second. When it has lapsed the pump goes on, its keys
are free, and commands are not obeyed; a pump that was started by a command stops with an alarm after 15 s without any
communication (directions for use of the Alaris CC, 1000DF00329 p. 32). Up to software 2.3.6 remote control can be
enabled, later versions have it disabled, by a thread of biomedical engineers (ebme.co.uk, topic 64957).
"""

from __future__ import annotations

import math

from drivers.alaris import AlarisSession, crc
from drivers.alaris_replies import number
from drivers.errors import ControlLostError, RefusedError

KEEP_S = 1.0
"""Remote control is taken again so long after it was taken last."""
_LAPSES_S = (2.0, 60.0)
_PERMISSION = (
    "Its software may have remote control disabled (versions after 2.3.6 do), or its RS-232 configuration does: look at"
    " the pump's access-coded menus, or ask its maker for software that permits it."
)


class AlarisControl:
    """Who may control one pump. Every method is called within the caller's turn at the link."""

    def __init__(self, session: AlarisSession) -> None:
        self.session = session
        self.name = session.name
        self.serial_number = ""
        self.lapse_s = math.nan
        """How long remote control lasts, as the pump tells."""
        self.held = False
        """Whether remote control was granted when it was last asked for."""
        self.needed = False
        """Whether the pump was told to infuse and should still do so: a lapse is then an error."""
        self._clock = session.link.clock
        self._code = ""
        self._kept_s = -math.inf

    def open(self) -> None:
        """Ask who the pump is and how long remote control lasts; take none.

        Raises:
            NoReplyError: nothing answers.
            GarbledReplyError: what answers is no such pump.

        """
        self.session.open()
        fields = self.session.ask("INST_SERIALNO")
        if len(fields) != 1 or not fields[0].strip():
            raise self.session.garbled("does not tell its serial number", "INST_SERIALNO", *fields)
        self.serial_number = fields[0]
        self._code = crc(self.serial_number.encode("ascii"))
        self.session.link.keep_secret(self._code.encode())
        fields = self.session.ask("COMMS_RESPONSE_MAX")
        lapse_ms = number(fields[0]) if len(fields) == 2 and fields[1] == "ms" else None
        if lapse_ms is None or not _LAPSES_S[0] <= lapse_ms / 1000.0 <= _LAPSES_S[1]:
            raise self.session.garbled("does not tell how long remote control lasts", "COMMS_RESPONSE_MAX", *fields)
        self.lapse_s = lapse_ms / 1000.0

    def take(self) -> None:
        """Take remote control, unless it was taken within the last second."""
        if not self.held or self._clock.now_s() - self._kept_s >= KEEP_S:
            self.keep()

    def keep(self) -> None:
        """Take remote control again.

        Raises:
            ControlLostError: it had lapsed while the pump should infuse, or is refused and was granted before.
            RefusedError: it is refused.

        """
        sent_s = self._clock.now_s()
        silent_s = sent_s - self._kept_s
        lapsed = self.held and self.needed and silent_s > self.lapse_s
        fields = self.session.ask("REMOTE_CTRL", "ENABLED", self._code)
        if fields[:1] != ["ENABLED"] or (len(fields) > 2 and fields[2] != "PERMIT"):
            was_held, self.held = self.held, False
            seen = "^".join(fields).encode("latin-1")
            if was_held:
                problem = "lost remote control: the pump no longer grants it"
                raise ControlLostError(self.name, problem, sent=b"REMOTE_CTRL", seen=seen, advice=_PERMISSION)
            problem = "does not permit remote control"
            raise RefusedError(self.name, problem, sent=b"REMOTE_CTRL", seen=seen, advice=_PERMISSION)
        self.held, self._kept_s = True, sent_s
        if lapsed:
            raise ControlLostError(
                self.name,
                f"lost remote control: the bench was silent for {silent_s:.1f} s, and it lasts {self.lapse_s:g} s; it"
                " has been taken again, and meanwhile the pump's keys were free",
                advice="Is the bench's computer too busy, or its link to the pump too slow?",
            )

    def next_keep_s(self) -> float:
        """Return when remote control is to be taken again."""
        return self._kept_s + KEEP_S

    def release(self) -> None:
        """Give remote control back, if it is held."""
        if self.held:
            self.held = False
            self.session.ask("REMOTE_CTRL", "DISABLED")
