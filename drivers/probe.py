"""How to find out, without disturbing anything, which instrument is at a port: what drivers declare, and the asking.

A driver declares read-only questions for the identity of its instruments. A port is opened once and asked each question
at each line setting, the likeliest first, for a second in all by default; whatever answers ends it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import serial

from bench.clock import Clock
from drivers.link import SerialLine, is_visa

LIMIT_S = 1.0
"""How long a port is asked in all."""
WAIT_S = 0.12
"""How long the first byte of an answer may take; it is listened to for as long as more comes."""
_QUIET_S = 0.06
try:
    import termios

    _REFUSALS: tuple[type[Exception], ...] = (ValueError, termios.error)
except ImportError:  # not on this system
    _REFUSALS = (ValueError,)
_POLL_S = 0.02
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Probe:
    """One read-only question, and how to tell its answer.

    Args:
        send: the question's bytes. Nothing that moves, sets, zeroes or clears anything.
        answer: a regular expression that finds the answer among the bytes that came; its groups `maker`, `model`,
            `serial` and `firmware`, as far as it has them, tell who answered.
        lines: how a serial line may be set, the likeliest first.
        confirm: another read-only question and its answer's expression, asked where the first matched and no other
            driver knows the answer: for drivers that any identity fits.
        usb: vendor and product of USB adapters that are the instrument's own; None for any product.
        over_visa: whether it is asked of VISA resources, too.
        keys: the rig file's keys for a line setting that was found; `baudrate` alone by itself.

    """

    send: bytes
    answer: bytes
    lines: tuple[SerialLine, ...] = (SerialLine(),)
    confirm: tuple[bytes, bytes] | None = None
    usb: tuple[tuple[int, int | None], ...] = ()
    over_visa: bool = False
    keys: Callable[[SerialLine], Mapping[str, Any]] = field(default=lambda line: {"baudrate": line.baudrate})

    def fits_usb(self, vendor: int | None, product: int | None) -> bool:
        """Return whether a USB device is the instrument's own."""
        return any(vendor == own and each in (None, product) for own, each in self.usb)


@dataclass(frozen=True, slots=True)
class Answered:
    """What answered: whose probe matched (None: nobody's), who it says that it is, and how the line was set."""

    driver: str | None
    probe: Probe | None
    said: Mapping[str, str]
    seen: bytes
    line: SerialLine
    took_s: float


class PortError(Exception):
    """A port cannot be opened or was lost; the text says why."""


Probes = Mapping[str, Sequence[Probe]]
"""The probes of each driver, by its name."""


def ask_port(
    address: str,
    probes: Probes,
    clock: Clock,
    *,
    limit_s: float = LIMIT_S,
    usb: tuple[int | None, int | None] = (None, None),
) -> Answered | None:
    """Ask what is at a device path or a pyserial URL; None where nothing that is known answers within the limit.

    Raises:
        PortError: it cannot be opened, or was lost meanwhile.

    """
    end_s = clock.now_s() + limit_s
    try:
        with serial.serial_for_url(address, timeout=_POLL_S, **_exclusively(address)) as port:
            unknown: Answered | None = None
            before = b""
            for line, send in _attempts(probes, usb):
                if clock.now_s() >= end_s:
                    break
                if _set(port, line) or not before.endswith(b"\n"):
                    # Ends whatever the question before has left in the instrument's own line.
                    port.write(b"\r\n")
                    clock.sleep_s(_POLL_S)
                found, before = _ask(port, line, send, probes, clock, end_s), send
                if found is not None and found.driver is not None:
                    return found
                unknown = unknown or found
            return unknown
    except (serial.SerialException, OSError, ValueError, KeyError) as error:
        raise PortError(str(error)) from error


def ask_visa(
    resource: str, probes: Probes, clock: Clock, *, visa_library: str = "@py", limit_s: float = LIMIT_S
) -> Answered | None:
    """Ask what is at a VISA resource; None where nothing that is known answers within the limit.

    Raises:
        PortError: it cannot be opened, or was lost meanwhile.

    """
    from drivers.errors import LinkError
    from drivers.link import open_visa

    try:
        link = open_visa(resource, clock, instrument="something", visa_library=visa_library)
    except LinkError as error:
        raise PortError(error.problem) from error
    end_s = clock.now_s() + limit_s
    over_visa = {name: [each for each in own if each.over_visa] for name, own in probes.items()}

    def exchange(send: bytes) -> bytes:
        link.write(send)
        line = link.read_line(end_s)
        return b"" if line is None else line.data + b"\n"

    try:
        for send in dict.fromkeys(each.send for own in over_visa.values() for each in own):
            began_s = clock.now_s()
            if began_s >= end_s:
                return None
            seen = exchange(send)
            found = _known(seen, send, SerialLine(), over_visa, exchange, clock.now_s() - began_s)
            if found is not None:
                return found
        return None
    except LinkError as error:
        raise PortError(error.problem) from error
    finally:
        link.close()


def _exclusively(address: str) -> dict[str, Any]:
    return {} if "://" in address or is_visa(address) else {"exclusive": True}


def _attempts(probes: Probes, usb: tuple[int | None, int | None]) -> Iterator[tuple[SerialLine, bytes]]:
    """Yield line settings with the questions to be asked at them: those of a USB device's own driver first."""
    every = [each for own in probes.values() for each in own]
    first = [each for each in every if each.fits_usb(*usb)]
    asked: dict[tuple[SerialLine, bytes], None] = {}
    for row in (first, every):
        # The likeliest setting of each before the second likeliest of any.
        for rank in range(max((len(each.lines) for each in row), default=0)):
            ranked = [(each.lines[rank], each.send) for each in row if rank < len(each.lines)]
            asked.update(dict.fromkeys(sorted(ranked, key=lambda pair: _order(pair[0]))))
    return iter(asked)


def _order(line: SerialLine) -> tuple[bool, int]:
    """Questions at one setting follow one another: a change takes time, and may drop what is on its way."""
    return (line != SerialLine(), line.baudrate)


def _ask(port: Any, line: SerialLine, send: bytes, probes: Probes, clock: Clock, end_s: float) -> Answered | None:
    began_s = clock.now_s()

    def exchange(question: bytes) -> bytes:
        port.reset_input_buffer()
        port.write(question)
        return _listen(port, clock, end_s)

    seen = exchange(send)
    return _known(seen, send, line, probes, exchange, clock.now_s() - began_s)


def _set(port: Any, line: SerialLine) -> bool:
    """Set the port's line, and return whether it was set otherwise; a port that has no such line stays as it is."""
    names = ("baudrate", "bytesize", "parity", "stopbits")
    other = [name for name in names if getattr(port, name) != getattr(line, name)]
    for name in other:
        # A pseudo-terminal refuses, by an error of its own, what it cannot do.
        with contextlib.suppress(*_REFUSALS):
            setattr(port, name, getattr(line, name))
    return bool(other)


def _listen(port: Any, clock: Clock, end_s: float) -> bytes:
    """Return what comes until it is quiet: an answer begins within `WAIT_S`, and its bytes follow one another."""
    seen = b""
    until_s = min(end_s, clock.now_s() + WAIT_S)
    while clock.now_s() < until_s and len(seen) < _MOST_BYTES:
        data: bytes = port.read(1)
        if data:
            seen += data + port.read(port.in_waiting)
            until_s = min(end_s, clock.now_s() + _QUIET_S)
    return seen


def _known(
    seen: bytes,
    send: bytes,
    line: SerialLine,
    probes: Probes,
    exchange: Callable[[bytes], bytes],
    took_s: float,
) -> Answered | None:
    """Return whose answer was seen: who needs no confirmation first, then those that do; nobody's as such."""
    if not seen:
        return None
    matching = [
        (name, each, match)
        for name, own in probes.items()
        for each in own
        if each.send == send and (match := re.search(each.answer, seen, re.DOTALL)) is not None
    ]
    for name, each, match in sorted(matching, key=lambda found: found[1].confirm is not None):
        if each.confirm is None or re.search(each.confirm[1], exchange(each.confirm[0])) is not None:
            return Answered(name, each, _said(match), seen, line, took_s)
    identity = re.search(SCPI_IDENTITY, seen)
    return Answered(None, None, _said(identity), seen, line, took_s) if identity is not None else None


def _said(match: re.Match[bytes]) -> dict[str, str]:
    return {name: text.decode("latin-1").strip(' "') for name, text in match.groupdict().items() if text}


SCPI_IDENTITY = rb"(?P<maker>[^,\r\n]+),(?P<model>[^,\r\n]+),(?P<serial>[^,\r\n]*),(?P<firmware>[^\r\n]*)\r?\n"


def scpi_probe(
    models: bytes = b"", confirm: tuple[bytes, bytes] | None = None, lines: tuple[SerialLine, ...] = ()
) -> Probe:
    r"""Return the question `*IDN?` for instruments whose model has `models` (a regular expression) in it.

    Args:
        models: found in the model; any by default.
        confirm: as of `Probe`.
        lines: how a serial line may be set beside the usual ways.

    """
    model = rb"(?P<model>[^,\r\n]*(?:" + models + rb")[^,\r\n]*)" if models else rb"(?P<model>[^,\r\n]+)"
    answer = rb"(?P<maker>[^,\r\n]+)," + model + rb",(?P<serial>[^,\r\n]*),(?P<firmware>[^\r\n]*)\r?\n"
    return Probe(
        b"*IDN?\n",
        answer,
        (SerialLine(9600), SerialLine(115200), *lines),
        confirm=confirm,
        over_visa=True,
    )
