"""The serial line of a balance as a rig file sets it, and the opening of a driver on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from bench.clock import Clock
from drivers.link import Link, WireLog, open_link

Balance = TypeVar("Balance")
Options = TypeVar("Options", bound="LineOptions")


class LineOptions(BaseModel):
    """What a rig may say of such a balance; each protocol has its own factory setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=150, le=115200, description="as set in the balance's menu")
    bytesize: Literal[7, 8] = 8
    parity: Literal["E", "O", "N"] = Field("N", description="even, odd or none")
    stopbits: Literal[1, 2] = 1
    stable_timeout_s: float = Field(60.0, ge=5.0, le=180.0, description="how long to wait for a stable pan (s)")


def opener(driver: Callable[[Link, Options], Balance]) -> Callable[..., Balance]:
    """Return what opens a driver at a device path, a pyserial URL or a VISA resource, as the registry asks for."""

    def open_balance(
        address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
    ) -> Balance:
        link = open_link(
            address,
            clock,
            instrument="balance",
            wire_log=wire_log,
            visa_library=visa_library,
            baudrate=options.baudrate,
            bytesize=options.bytesize,
            parity=options.parity,
            stopbits=options.stopbits,
        )
        try:
            return driver(link, options)
        except BaseException:
            link.close()
            raise

    return open_balance
