"""An Alaris Asena, CareFusion Alaris GH or CC syringe pump on its RS-232 line.

By what two public clients agree on and by frames that they recorded from pumps (infupy `backends/alaris.py`, OpenICE
`Asena.java`, `AlarisMITM.java` and `SingleSimAlaris.java`); the maker's protocol document was not at hand, so what
neither shows is a guess and is marked as such in `alaris_commands.py`, `alaris_frames.py` and `alaris_infusion.py`.
Remote control ends when it is not asked for again within the time that the pump tells (4 s). The infusion goes on then;
it stops with an alarm when a pump that a command has started hears no frame for 15 s (directions for use 1000DF00329
p. 32).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Duration, Pressure, Quantity
from bench.twin.emulators.alaris_commands import Commands, Setup
from bench.twin.emulators.alaris_frames import Receiver, framed
from bench.twin.emulators.alaris_infusion import SILENT_HOST, Infusion
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send
from bench.twin.syringe_drive import SyringeDrive

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

_Word = Annotated[str, Field(pattern=r"^[ -;=-\]_-{}~]+$")]
"""What may stand in a field: neither `^` nor `|`."""


class Options(BaseModel):
    """How the pump is set up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    serial_number: _Word = "8002-51740"
    protocol: _Word = Field("Asena Rev 2.1.5", description="that the pump speaks, as it tells it")
    remote_control: bool = Field(True, description="whether its software permits it; from 2.3.7 on it does not")
    syringe: _Word = Field("BD PLASTIPAK", description="brand of the syringe in it")
    syringe_size: Literal[5, 10, 20, 30, 50] = Field(50, description="in mL")
    syringe_confirmed: bool = Field(True, description="whether somebody has confirmed the syringe at the pump")
    occlusion_pressure: Pressure = Field(default=Quantity(500.0, "mmHg"), description="from which it alarms")
    near_end: Duration = Field(default=Quantity(5.0, "min"), description="it warns when its syringe lasts no longer")
    remote_lapse: Duration = Field(default=Quantity(4.0, "s"), description="after which remote control ends")
    silence: Duration = Field(default=Quantity(15.0, "s"), description="of the host after which it stops with an alarm")


class AlarisAsena:
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        drive: what pumps.
        options: how it is set up.
        pressure_kpa: of the line, at an instant.
        syringe_ul: what the syringe still holds.
        starts: tells how often the pump has started again after its power was lost.
        powered: tells whether it has power.

    """

    line = LineSettings(38400)

    def __init__(
        self,
        send: Send,
        drive: SyringeDrive,
        options: Options,
        pressure_kpa: Callable[[float], float] = lambda _: 0.0,
        syringe_ul: Callable[[], float] = lambda: math.inf,
        starts: Callable[[], int] = lambda: 0,
        powered: Callable[[], bool] = lambda: True,
    ) -> None:
        self._send = send
        self._starts, self._powered = starts, powered
        self._seen_starts = starts()
        self._silence_s = options.silence.to("s")
        self._heard_s = 0.0
        self._infusion = Infusion(
            drive,
            pressure_kpa,
            syringe_ul,
            options.occlusion_pressure.to("kPa"),
            options.near_end.to("s"),
            1000.0 * options.syringe_size,
        )
        setup = Setup(
            options.serial_number,
            options.protocol,
            options.syringe,
            options.syringe_size,
            options.syringe_confirmed,
            options.remote_control,
            options.remote_lapse.to("s"),
        )
        self._commands = Commands(setup, self._infusion, pressure_kpa)
        self._receiver = Receiver()

    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host and answer every frame that they end."""
        self._catch_up(time_s)
        if not self._powered():
            return
        for byte in data:
            fields = self._receiver.take(byte)
            if fields is None:
                continue
            self._heard_s = time_s
            answer = self._commands.do(fields[0], fields[1:], time_s)
            if answer is not None:
                self._send(framed([fields[0], *answer]), time_s + REPLY_LATENCY_S)

    def next_event_s(self) -> float:
        """Return when the infusion changes, or the host's time is over."""
        return min(self._infusion.next_s, self._barks_s)

    def run_until(self, time_s: float) -> None:
        """Watch the infusion; stop it when the host that started it has said nothing for too long."""
        self._catch_up(time_s)

    @property
    def _barks_s(self) -> float:
        waits = self._infusion.infusing and self._commands.started_by_host
        return self._heard_s + self._silence_s if waits else math.inf

    def _catch_up(self, time_s: float) -> None:
        restarted = self._seen_starts != self._starts()
        if restarted or not self._powered():
            self._seen_starts = self._starts()
            self._receiver.forget()
            self._commands.forget_host()
            self._infusion.abort(time_s)
            return
        self._infusion.run_until(time_s)
        if self._barks_s <= time_s:
            self._infusion.trip(SILENT_HOST, time_s)


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> AlarisAsena:
    del simulation
    pump, line = world.pump, world.line
    return AlarisAsena(
        send,
        pump.drive,
        options,
        line.pressure_kpa,
        lambda: pump.syringe_ul,
        lambda: pump.starts,
        lambda: pump.powered,
    )


EMULATOR = EmulatorEntry("alaris_asena", "pump", _make, Options)
