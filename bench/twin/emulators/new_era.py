"""A New Era NE-1000 syringe pump: packets, alarms, safe mode and power.

By the NE-1000 manual 1200-01 (10.2 to 10.4), the NE-1600 and NE-4000 manuals pp. 34-35, the NE-500 manual 1200-03 pp. 7
and 38 and the NE-9000 manual p. 48; whole manuals were not at hand. What none of them says is a guess: a stopped pump
takes `STP` in silence; words that a command does not know are answered with `?`, numbers with `?OOR`; another diameter
keeps units that were chosen. The answer to a safe packet that sets the mode comes in the mode that it sets, an alarm in
its place as well: that is what nesp-lib expects.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Length, Quantity
from bench.twin.emulators.new_era_commands import LONGEST_TIMEOUT_S, Commands, Refusal, Setup
from bench.twin.emulators.new_era_frames import Packet, Receiver, framed
from bench.twin.emulators.new_era_program import Memory, Program
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send
from bench.twin.syringe_drive import SyringeDrive

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

_ADDRESS = re.compile(r"(\*|[0-9]{1,2})?(.*)\Z", re.DOTALL)


class Options(BaseModel):
    """How the pump is set up when it is switched on, which is when the run starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network_address: int = Field(0, ge=0, le=99, description="of the pump")
    version: Annotated[
        str, Field(pattern=r"^NE[0-9]+(X[0-9]?)?V[0-9]+\.[0-9]+$", description="model and firmware, as it tells them")
    ] = "NE1000V3.93"
    baudrate: Literal[300, 1200, 2400, 9600, 19200] = Field(19200, description="8 data bits, no parity")
    safe_timeout: int = Field(0, ge=0, le=LONGEST_TIMEOUT_S, description="in s; above 0 it starts in safe mode")
    reset_alarm: bool = Field(True, description="whether the alarm of the power-up is still to be told")
    diameter: Length = Field(default=Quantity(4.699, "mm"), description="that the pump was told last")
    bore: Length | None = Field(default=None, description="of the syringe in it; what the pump is told, if none")


class NewEra:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        drive: what pumps.
        options: how it is set up.
        starts: tells how often the pump has started again after its power was lost.
        powered: tells whether it has power.

    """

    def __init__(
        self,
        send: Send,
        drive: SyringeDrive,
        options: Options,
        starts: Callable[[], int] = lambda: 0,
        powered: Callable[[], bool] = lambda: True,
    ) -> None:
        self._send = send
        self._version = options.version
        self._starts, self._powered = starts, powered
        self._seen_starts, self._was_operating = starts(), False
        self._setup = Setup(options.network_address, options.baudrate, options.safe_timeout)
        self._memory = Memory(options.diameter.to("mm"))
        self._program = Program(self._memory, drive, self._raise)
        bore_mm = options.bore.to("mm") if options.bore is not None else None
        self._commands = Commands(self._setup, self._memory, self._program, drive, bore_mm)
        self._receiver = Receiver()
        self._receiver.safe = self._setup.timeout_s > 0
        self._barks_s = math.inf
        self._alarm = "R" if options.reset_alarm else ""
        self._time_s = 0.0

    @property
    def line(self) -> LineSettings:
        """How its serial line is set."""
        return LineSettings(self._setup.baudrate)

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host and answer every packet that they end."""
        self._time_s = time_s
        self._notice_power()
        if not self._powered():
            return
        for byte in data:
            packet = self._receiver.take(byte, time_s)
            if packet is not None:
                self._answer(packet)

    def next_event_s(self) -> float:
        """Return when the program goes on, or the host's time is over."""
        return min(self._barks_s, self._program.next_s)

    def run_until(self, time_s: float) -> None:
        """Go on with the program; stop it when no valid packet has come for the safe mode's time."""
        self._time_s = time_s
        self._notice_power()
        self._program.run_until(time_s)
        if self._barks_s <= time_s:
            self._barks_s = math.inf
            self._program.abort(time_s)
            self._raise("T")

    def _notice_power(self) -> None:
        """Without power, forget what is not in non-volatile memory; with it again, tell of the reset."""
        restarted = self._seen_starts != self._starts()
        if self._powered() and not restarted:
            return
        self._was_operating = self._was_operating or self._program.operating
        self._receiver.forget()
        self._barks_s = math.inf
        self._program.abort(self._time_s)
        if restarted:
            self._seen_starts = self._starts()
            self._memory.forget_volatile()
            self._raise("R")
            if self._was_operating and self._setup.switches["PF"] == "1":
                self._program.run(None, self._time_s)
            self._was_operating = False

    def _raise(self, letter: str) -> None:
        """Raise an alarm; in safe mode it is told at once, which does not acknowledge it."""
        self._alarm = letter
        if self._receiver.safe:
            self._say(f"A?{letter}", safe=True)

    # -- packets

    def _answer(self, packet: Packet) -> None:
        if not packet.valid:
            status = f"A?{self._alarm}" if self._alarm else self._program.status
            self._say(f"{status}?COM", safe=True)
            return
        if "*" in packet.text[1:]:
            self._answer_burst(packet.text)
            return
        match = _ADDRESS.match(packet.text)
        addressed, command = (match[1] or "0", match[2]) if match else ("0", "")
        if addressed != "*" and int(addressed) != self._setup.address:
            return
        data = self._obey(command, system=addressed == "*")
        asked = packet.asks_for_safe
        self._say(data, safe=self._receiver.safe if asked is None else asked)

    def _answer_burst(self, text: str) -> None:
        """Do what a burst has for this pump: addresses of one digit, each command ended by `*`."""
        own = [each[1:] for each in text.split("*") if each[:1] == str(self._setup.address)]
        if own:
            self._say([self._obey(command, system=False) for command in own][-1], safe=self._receiver.safe)

    def _obey(self, command: str, *, system: bool) -> str:
        """Do a command; return status and data. A pending alarm is told instead, which acknowledges it."""
        data = ""
        if not self._alarm:
            try:
                data = self._version if command == "VER" else self._commands.do(command, self._time_s, system=system)
            except Refusal as refusal:
                data = f"?{refusal}"
            self._receiver.safe = self._setup.timeout_s > 0
        self._barks_s = self._time_s + self._setup.timeout_s if self._receiver.safe else math.inf
        if self._alarm:
            letter, self._alarm = self._alarm, ""
            return f"A?{letter}"
        return self._program.status + data

    def _say(self, text: str, *, safe: bool) -> None:
        self._send(framed(f"{self._setup.address:02d}{text}", safe=safe), self._time_s + REPLY_LATENCY_S)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> NewEra:
    del simulation
    pump = world.pump
    return NewEra(send, pump.drive, options, lambda: pump.starts, lambda: pump.powered)


EMULATOR = EmulatorEntry("new_era", "pump", _make, Options)
