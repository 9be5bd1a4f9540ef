"""Alaris Asena, CareFusion Alaris GH and CC clinical syringe pumps on RS-232, under remote control.

By two public clients and by frames that one of them recorded from pumps (`drivers/alaris.py`); no protocol document
and no such pump was at hand, so whatever the pump is told is compared with what it says that it took and does. It
counts in mL: rates from 0.10 mL/h with two decimals, volumes with three. Dilute accordingly: of U-100 its least rate is
10 U/h, of U-1 it is 0.1 U/h.

No command for a bolus is known (`INF_BOLUS` seems to permit one by the pump's own key). So a bolus is a volume to be
infused (VTBI) at its own rate, at whose end the pump stops by itself; a basal rate waits for it and is started again.
That a pump whose volume is done can be started by a command was not seen on one; if it cannot, the driver says so. The
pump has to be polled: remote control lasts only while it is asked for about every second. Closing stops the pump and
gives remote control back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.quantities import InsulinConcentration, Quantity, Rate
from drivers.alaris import AlarisSession, frame
from drivers.alaris_dosing import AlarisDosing
from drivers.alaris_pumping import AlarisPumping
from drivers.errors import InstrumentError
from drivers.link import Link, SerialLine
from drivers.opening import opener
from drivers.probe import Probe
from drivers.registry import DriverEntry
from drivers.roles import Identity
from drivers.syringe_pump import SyringePump

BAUD_RATE = 38400
_REPLIES_S = 1.0
"""Of the time that remote control lasts, what the exchange takes that keeps it."""


class Options(BaseModel):
    """What a rig may say of an Alaris pump."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bolus_rate: Rate = Field(
        default=Quantity(100.0, "mL/h"), description="at which boluses are infused", examples=["100 mL/h"]
    )
    syringe: str | None = Field(
        None,
        description="brand and size in mL, as the pump shows them; another one in the pump is refused",
        examples=["BD PLASTIPAK 50"],
    )
    insulin: InsulinConcentration | None = Field(
        None, description="what the syringe holds, to be compared with the plan's; volumes are mL to the pump"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bolus_rate.unit.startswith("U") and self.insulin is None:
            raise ValueError("`bolus_rate` in U needs `insulin`, such as U-1; or write it in mL/h")
        return self


class AlarisAsena(SyringePump):
    """An Alaris pump.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no such pump.

    """

    _pumping: AlarisPumping
    _dosing: AlarisDosing

    def __init__(self, link: Link, options: Options) -> None:
        insulin = options.insulin
        pumping = AlarisPumping(AlarisSession(link))
        bolus_ul_per_h = options.bolus_rate.to("µL/h", insulin)
        u_per_ml = insulin.u_per_ml if insulin is not None else None
        super().__init__(link, insulin, pumping, AlarisDosing(pumping, bolus_ul_per_h, options.syringe, u_per_ml))
        self._control = pumping.control
        with link.turn:
            pumping.open()
        self.longest_silence_s = self._control.lapse_s - _REPLIES_S

    @property
    def remote_control(self) -> str:
        """`held`, `lost` (it is wanted, and the pump does not grant it) or `none`."""
        if self._control.held:
            return "held"
        return "lost" if self._control.needed else "none"

    def identify(self) -> Identity:
        """Ask nothing more: serial number and the protocol's version are those that it told when it was opened."""
        return Identity("Alaris", "Asena", self._control.serial_number, self._pumping.session.version)

    def close(self) -> None:
        """Stop the pump if this driver has started it, give remote control back, and release the link."""
        with suppress(InstrumentError):
            if self._control.held:
                with self._link.turn:
                    if self._control.needed:
                        self._pumping.halt()
                    self._control.release()
        self._control.held = self._control.needed = False
        self._link.close()

    def line_pressure_kpa(self) -> float:
        """Ask for the line's pressure in kPa as the pump measures it (`INF`, in mmHg); NaN where it tells none."""
        with self._link.turn:
            return self._pumping.look().pressure_kpa


def _line(_options: Options) -> list[SerialLine]:
    return [SerialLine(BAUD_RATE)]


open_pump = opener("pump", AlarisAsena, _line)
"""Asks only, and takes no remote control."""

DRIVER = DriverEntry(
    name="alaris_asena",
    role="pump",
    instrument=AlarisAsena,
    factory=open_pump,
    Options=Options,
    summary="Alaris Asena, GH and CC clinical syringe pumps under remote control",
    probes=(
        Probe(
            frame(b"INST_SERIALNO"),
            rb"!INST_SERIALNO\^(?P<serial>[^|^\r]+)\|[0-9A-F]{4}\r",
            (SerialLine(BAUD_RATE),),
            details=((frame(b"COMMS_PROTOCOL"), rb"!COMMS_PROTOCOL\^(?P<firmware>[^|^\r]+)\|[0-9A-F]{4}\r"),),
            keys=lambda _line: {},
        ),
    ),
)
