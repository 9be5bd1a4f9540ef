"""What a driver declares to have its instruments found: read-only questions for their identity, and how they answer.

`drivers/asking.py` asks them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.link import SerialLine


@dataclass(frozen=True, slots=True)
class Probe:
    """One read-only question, and how to tell its answer.

    A question is heard by strangers, too, and by those whose line is set alike. So it ends with a line end, is a
    command of no other instrument, and does not become one when another question stands before or after it. A frame,
    which has bytes beyond ASCII, has no line end: whoever asks is silent before it and sends a line end after it.

    Args:
        send: the question's bytes. Nothing that moves, sets, zeroes, prints on paper or clears anything.
        answer: a regular expression that finds the answer among the bytes that came; its groups `maker`, `model`,
            `serial` and `firmware`, as far as it has them, tell who answered.
        read: for an answer that is no text: who the bytes that `answer` found say that they come from, by the names of
            those groups; None where they are no answer, as where the checksum is wrong.
        lines: how a serial line may be set, the likeliest first.
        confirm: another read-only question and its answer's expression, asked where the first matched and no other
            driver knows the answer: for drivers that any identity fits. Its groups count as those of the first.
        details: read-only questions that tell more of who answered, where the instrument knows them.
        alarm: an expression whose group `alarm` finds an alarm that is told in place of an answer.
        usb: vendor and product of USB adapters that are the instrument's own; None for any product.
        usb_only: whether it is always behind such an adapter: it is not asked where USB tells of another one.
        over_visa: whether it is asked of VISA resources, too.
        keys: the rig file's keys for a line setting that was found; `baudrate` alone by itself.

    """

    send: bytes
    answer: bytes
    lines: tuple[SerialLine, ...] = (SerialLine(),)
    read: Callable[[bytes], Mapping[str, str] | None] | None = None
    confirm: tuple[bytes, bytes] | None = None
    details: tuple[tuple[bytes, bytes], ...] = ()
    alarm: bytes | None = None
    usb: tuple[tuple[int, int | None], ...] = ()
    usb_only: bool = False
    over_visa: bool = False
    keys: Callable[[SerialLine], Mapping[str, Any]] = field(default=lambda line: {"baudrate": line.baudrate})

    @property
    def questions(self) -> tuple[bytes, ...]:
        """All that an instrument is asked that this finds."""
        confirm = () if self.confirm is None else (self.confirm[0],)
        return (self.send, *confirm, *(question for question, _ in self.details))

    def find(self, seen: bytes) -> tuple[bytes, dict[str, str]] | None:
        """Return the answer among the bytes that came, and who it says that it is; None where there is none."""
        expression, start = re.compile(self.answer, re.DOTALL), 0
        while (match := expression.search(seen, start)) is not None:
            told = said(match) if self.read is None else self.read(match[0])
            if told is not None:
                return match[0], dict(told)
            start = match.start() + 1
        return None

    def fits_usb(self, vendor: int | None, product: int | None) -> bool:
        """Return whether a USB device is the instrument's own."""
        return any(vendor == own and each in (None, product) for own, each in self.usb)

    def may_be_at(self, vendor: int | None, product: int | None) -> bool:
        """Return whether the instrument may be behind a USB device, or behind what is none (None)."""
        return not self.usb_only or vendor is None or self.fits_usb(vendor, product)


Probes = Mapping[str, Sequence[Probe]]
"""The probes of each driver, by its name."""


def said(match: re.Match[bytes]) -> dict[str, str]:
    """Return what the groups of an answer have found."""
    return {name: text.decode("latin-1").strip(' "') for name, text in match.groupdict().items() if text}


def is_frame(send: bytes) -> bool:
    """Return whether a question is no text: pauses tell where it begins and ends."""
    return not send.isascii()


def with_parity(line: SerialLine) -> dict[str, Any]:
    """Return the rig file's keys for a line setting, for drivers whose instruments have parity."""
    return {"baudrate": line.baudrate, "bytesize": line.bytesize, "parity": line.parity, "stopbits": line.stopbits}


SCPI_QUESTION = b"*IDN?\n"
SCPI_IDENTITY = rb"(?P<maker>[^,\r\n]+),(?P<model>[^,\r\n]+),(?P<serial>[^,\r\n]*),(?P<firmware>[^\r\n]*)\r?\n"


def scpi_probe(
    models: bytes = b"",
    confirm: tuple[bytes, bytes] | None = None,
    baudrates: Sequence[int] = (9600, 115200),
) -> Probe:
    r"""Return the question `*IDN?` for instruments whose model has `models` (a regular expression) in it.

    Args:
        models: found in the model; any by default.
        confirm: as of `Probe`.
        baudrates: of the usual lines, the likeliest first.

    """
    model = rb"(?P<model>[^,\r\n]*(?:" + models + rb")[^,\r\n]*)" if models else rb"(?P<model>[^,\r\n]+)"
    answer = rb"(?P<maker>[^,\r\n]+)," + model + rb",(?P<serial>[^,\r\n]*),(?P<firmware>[^\r\n]*)\r?\n"
    return Probe(
        SCPI_QUESTION,
        answer,
        tuple(SerialLine(baudrate) for baudrate in baudrates),
        confirm=confirm,
        over_visa=True,
    )
