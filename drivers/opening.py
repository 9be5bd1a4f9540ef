"""The opening of a driver on a link, as the registry asks for it: what cannot be made leaves no link open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel

from bench.clock import Clock
from drivers.errors import GarbledReplyError, NoReplyError
from drivers.link import Link, SerialLine, WireLog, open_link

Made = TypeVar("Made")
Options = TypeVar("Options", bound=BaseModel)


class _TellsBaudrate(Protocol):
    @property
    def baudrate(self) -> int: ...


def plain_line(options: _TellsBaudrate) -> list[SerialLine]:
    """Return the line of an instrument of whose line some options tell the baud rate: 8 data bits, no parity."""
    return [SerialLine(options.baudrate)]


def opener(
    role: str, make: Callable[[Link, Options], Made], lines: Callable[[Options], Sequence[SerialLine]]
) -> Callable[..., Made]:
    """Return what opens a driver at a device path, a pyserial URL or a VISA resource: a `drivers.registry.Factory`.

    Args:
        role: what errors and the wire log call the instrument.
        make: makes the driver on a link; raises NoReplyError or GarbledReplyError where no such instrument answers.
        lines: returns how a serial line may be set by some options; one after the other is tried until one answers.

    """

    def open_instrument(
        address: str, options: Options, clock: Clock, wire_log: WireLog | None = None, visa_library: str = "@py"
    ) -> Made:
        failures: list[NoReplyError | GarbledReplyError] = []
        for line in lines(options):
            link = open_link(
                address,
                clock,
                instrument=role,
                wire_log=wire_log,
                visa_library=visa_library,
                baudrate=line.baudrate,
                bytesize=line.bytesize,
                parity=line.parity,
                stopbits=line.stopbits,
            )
            try:
                return make(link, options)
            except (NoReplyError, GarbledReplyError) as error:
                link.close()
                failures.append(error)
            except BaseException:
                link.close()
                raise
        raise failures[0]

    return open_instrument
