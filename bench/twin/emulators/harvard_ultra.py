r"""A Harvard PHD ULTRA, Pump 11 Elite or KDS Legato syringe pump: lines, addresses, prompts, echo, poll mode and power.

PHD ULTRA manual 5419-002 pp. 83 and 88, KDS Legato 100 5617-006 pp. 51-52, 200 5617-002 p. 58, Allegro 5613-004 p. 57;
of poll mode what the Pump 11 Elite manual 5420-002 says as clients quote it: with `poll on` nothing is told unasked and
each prompt is followed by XON, with `poll remote` there are neither prompts nor carriage returns. Without either, the
prompt of an end that nobody asked for comes by itself as `\r\nT*`, as a client of a PHD ULTRA recorded it.

Lines bear an address where it is not 0 by the manuals; four public clients of these pumps rely on it, 00 as well, where
the last command had one. A command may have a colon after its address (PHD ULTRA) or none (Legato). Without an address
it is for the pump on whose USB port it comes, or on a serial line for the one at address 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Duration, Length, Quantity, Volume
from bench.twin.emulators.harvard_ultra_commands import Commands
from bench.twin.emulators.harvard_ultra_models import MODELS
from bench.twin.emulators.harvard_ultra_motion import INFUSE, WITHDRAW, Motion
from bench.twin.emulators.harvard_ultra_numbers import Amount, Refusal
from bench.twin.emulators.harvard_ultra_setup import Setup, Storage
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send
from bench.twin.syringe_drive import SyringeDrive

if TYPE_CHECKING:
    import datetime as dt

    from bench.twin.settings import Simulation
    from bench.twin.world import World

_XON = "\x11"
_LINE = re.compile(r"@?\s*(?:([0-9]{1,2})\s*:?)?\s*@?\s*([A-Za-z]*)(?:\s+(.*)|\Z)", re.DOTALL)
_LONGEST_LINE = 256
_USB_BAUD = 115200


class Options(BaseModel):
    """Which pump it is, and how it is set when it is switched on, which is when the run starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["phd_ultra", "pump_11_elite", "legato"] = Field(
        "phd_ultra",
        description="dialect: times of `status` in s and 5 flags, or in ms and 6 flags",
    )
    address: int = Field(0, ge=0, le=99, description="of the pump")
    baudrate: Literal[9600, 19200, 38400, 57600, 115200] | None = Field(
        None, description="of an RS-232 line, 8N1; none is USB, where every rate will do"
    )
    serial_number: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "D401460"
    echo: bool = Field(False, description="whether it echoes what it receives")
    diameter: Length = Field(default=Quantity(4.699, "mm"), description="that the pump was told last")
    bore: Length | None = Field(default=None, description="of the syringe in it; what the pump is told, if none")
    syringe_volume: Volume = Field(default=Quantity(1.0, "mL"), description="that the pump was told last")
    force: int = Field(50, ge=1, le=100, description="in %, of the stall pressure of the twin's drive")
    run_screen: bool = Field(True, description="whether its Run screen is shown; else it refuses parameter commands")
    nvram_none: bool = Field(True, description="whether it knows `nvram none`; a Legato 101 knows `off` alone")
    touched: Duration | None = Field(
        default=None, description="when somebody touches the screen: the pump is deaf until a carriage return"
    )
    infuse_limit: Volume | None = Field(
        default=None, description="after which the infuse limit switch is hit; none without one"
    )
    withdraw_limit: Volume | None = Field(default=None, description="after which the withdraw limit switch is hit")


class HarvardUltra:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        drive: what pumps.
        options: how it is set.
        start_utc: what its clock shows at 0 s.
        starts: tells how often the pump has started again after its power was lost.
        powered: tells whether it has power.

    """

    def __init__(
        self,
        send: Send,
        drive: SyringeDrive,
        options: Options,
        start_utc: dt.datetime,
        starts: Callable[[], int] = lambda: 0,
        powered: Callable[[], bool] = lambda: True,
    ) -> None:
        self._send = send
        self._drive = drive
        self._is_usb = options.baudrate is None
        self._starts, self._powered = starts, powered
        self._seen_starts = starts()
        self._bore_mm = options.bore.to("mm") if options.bore is not None else None
        self._touched_s = options.touched.to("s") if options.touched is not None else math.inf
        self._deaf = False
        self._setup = Setup(
            address=options.address,
            baudrate=options.baudrate or _USB_BAUD,
            serial=options.serial_number,
            diameter_mm=options.diameter.to("mm"),
            syringe=Amount(options.syringe_volume.to("mL"), "ml"),
            force=options.force,
            run_screen=options.run_screen,
            knows_none=options.nvram_none,
            echo="on" if options.echo else "off",
        )
        self._storage = Storage(self._setup)
        limits_ul = {
            direction: limit.to("µL") if limit is not None else math.inf
            for direction, limit in ((INFUSE, options.infuse_limit), (WITHDRAW, options.withdraw_limit))
        }
        self._motion = Motion(drive, self._tell, limits_ul)
        self._commands = Commands(MODELS[options.model], self._setup, self._motion, self._fit, start_utc)
        self._line = ""
        self._addressed = False
        self._time_s = 0.0
        self._fit()
        self._take_rates()

    @property
    def line(self) -> LineSettings | None:
        """How its serial line is set; None over USB."""
        return None if self._is_usb else LineSettings(self._setup.baudrate)

    # -- bytes and time

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host, and answer every line that they end."""
        self._time_s = time_s
        self._notice_power()
        if not self._powered():
            return
        for letter in data.decode("latin-1"):
            if self._setup.echo == "on" and self._setup.poll != "remote" and letter != "\n":
                self._say(letter)
            if letter == "\r":
                line, self._line = self._line, ""
                self._hear(line)
            elif letter.isprintable() and len(self._line) < _LONGEST_LINE:
                self._line += letter

    def next_event_s(self) -> float:
        """Return when the motor stops or changes by itself."""
        return self._motion.next_s

    def run_until(self, time_s: float) -> None:
        """Stop where a target, a limit or a stall was met."""
        self._time_s = time_s
        self._notice_power()
        self._motion.run_until(time_s)

    def _notice_power(self) -> None:
        """Without power, forget what is not in non-volatile memory."""
        restarted = self._seen_starts != self._starts()
        if self._powered() and not restarted:
            return
        self._seen_starts = self._starts()
        self._line = ""
        self._motion.forget(self._time_s)
        self._storage.restore()
        self._fit()
        self._take_rates()

    def _fit(self) -> None:
        """Let the drive know of diameter and force."""
        bore_mm = self._setup.diameter_mm if self._bore_mm is None else self._bore_mm
        self._drive.bore_factor = (bore_mm / self._setup.diameter_mm) ** 2
        self._drive.force = self._setup.force / 100.0

    def _take_rates(self) -> None:
        """Let the motor know of settings that it was not told by a command."""
        setup = self._setup
        for direction, rate in setup.rates.items():
            self._motion.new_rate(direction, rate.value, self._time_s)
        target_ul = setup.target.value if setup.target is not None else None
        self._motion.new_target(volume_ul=target_ul, duration_s=setup.target_s, time_s=self._time_s)

    # -- lines

    def _hear(self, line: str) -> None:
        if self._touched_s <= self._time_s:
            self._touched_s, self._deaf = math.inf, True
        match = _LINE.match(line.strip())
        address = match[1] if match is not None else None
        if not self._is_meant(address):
            return
        self._addressed = address is not None
        if self._deaf:
            self._deaf = False
            self._answer([])
            return
        try:
            lines = self._obey(line if match is None else match[2], (match[3] or "").split() if match else [])
        except Refusal as refusal:
            lines = refusal.lines
        self._storage.keep()
        self._answer(lines)

    def _is_meant(self, address: str | None) -> bool:
        if address is None:
            return self._is_usb or self._setup.address == 0
        return int(address) == self._setup.address

    def _obey(self, name: str, words: list[str]) -> list[str]:
        if not name and not words:
            return []
        return self._commands.do(name, words, self._time_s)

    @property
    def _number(self) -> str:
        """The address as it stands before what is sent."""
        shown = self._addressed or self._setup.address != 0 or self._setup.poll == "remote"
        return f"{self._setup.address:02d}" if shown else ""

    def _answer(self, lines: list[str]) -> None:
        remote, number = self._setup.poll == "remote", self._number
        head = f"\n{number}:" if number else "\n"
        text = "".join(f"{head}{line}" if remote else f"{head}{line}\r" for line in lines)
        if not remote:
            text += f"\n{number}{self._motion.prompt}"
        self._say(text + (_XON if self._setup.poll == "on" else ""))

    def _tell(self) -> None:
        """Tell an end that nobody asked for, by its prompt."""
        if self._setup.poll == "off":
            self._say(f"\r\n{self._number}{self._motion.prompt}")

    def _say(self, text: str) -> None:
        if text:
            self._send(text.encode("latin-1"), self._time_s + REPLY_LATENCY_S)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> HarvardUltra:
    pump = world.pump
    return HarvardUltra(send, pump.drive, options, simulation.start_utc, lambda: pump.starts, lambda: pump.powered)


EMULATOR = EmulatorEntry("harvard_ultra", "pump", _make, Options)
