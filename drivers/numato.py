r"""The text terminal of Numato Lab USB modules: one command, its echo, its answer.

A USB device of the CDC class, any baud rate: the module echoes the command, sends `\n\r`, the value if there is one
with another `\n\r`, and a prompt `>` without line end. `# old new mask` comes unasked where an input changes and
`gpio notify` is on; it is passed over. After an answer that did not come, the line is ended, whatever it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.link import Link, SerialLine
from drivers.probe import Probe

ADC_FULL_SCALE = 1023
TIMEOUT_S = 2.0
WAKE_S = 0.5
_INDEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


@dataclass(frozen=True, slots=True)
class Answer:
    """A value, and between which instants the module read it."""

    value: str
    asked_s: float
    answered_s: float


def any_line(_options: BaseModel) -> list[SerialLine]:
    """Return how the line is set, which is all one to a module."""
    return [SerialLine()]


def module_probe(confirm: bytes) -> Probe:
    """Return the question for a module's id; `confirm` is an expression of what `relay readall` is answered."""
    return Probe(
        b"\rid get\r",
        rb"id get\s+(?P<serial>[ -~]{8})\s+>",
        confirm=(b"\rrelay readall\r", confirm),
        usb=((0x2A19, None),),
        usb_only=True,
        keys=lambda _line: {},
    )


def index(number: int) -> str:
    """Return a relay or pin number as modules of up to 32 have it: `0` to `9`, then `A` to `V` (manual not seen)."""
    return _INDEX[number]


class NumatoSession:
    """Talks to one module.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Numato module.

    """

    def __init__(self, link: Link, what: str) -> None:
        self._link = link
        self._clock = link.clock
        self._what = what
        self._advice = f"Is it a Numato {what}, and does no modem manager probe the port?"
        # Host services may have typed at the module, or eaten its first bytes.
        self._in_step = False
        self.firmware = self.ask("ver").value

    def identity(self) -> str:
        """Ask for the module's id (`id get`)."""
        return self.ask("id get").value

    def ask(self, command: str) -> Answer:
        """Ask for one value.

        Raises:
            NoReplyError: no answer.
            GarbledReplyError: an answer of another form, or to another command.

        """
        values, asked_s = self._exchange(command)
        if len(values) != 1:
            raise self.garbled("told not one value", command, " ".join(values))
        return Answer(values[0], asked_s, self._clock.now_s())

    def tell(self, command: str) -> None:
        """Tell the module to do something.

        Raises:
            RefusedError: it has something to say against it.
            InstrumentError: no answer, or one of another form.

        """
        values, _ = self._exchange(command)
        if values:
            seen = " ".join(values).encode()
            raise RefusedError(self._link.name, "refused", sent=command.encode(), seen=seen, advice=self._advice)

    def garbled(self, problem: str, command: str, seen: str) -> GarbledReplyError:
        """Return the error of an answer that cannot be used."""
        return GarbledReplyError(
            self._link.name, problem, sent=command.encode(), seen=seen.encode(), advice=self._advice
        )

    def _exchange(self, command: str) -> tuple[list[str], float]:
        """Send a command; return the lines between its echo and the prompt, and when it was sent."""
        sent = command.encode("ascii")
        with self._link.turn:
            if not self._in_step:
                self._end_line()
            self._in_step = False
            self._link.discard_input()
            asked_s = self._clock.now_s()
            self._link.write(sent + b"\r")
            seen = b""
            while (frame := self._link.read_until(b">", asked_s + TIMEOUT_S)) is not None:
                lines = [line.strip() for line in frame.data.replace(b"\r", b"\n").split(b"\n") if line.strip()]
                lines = [line for line in lines if not line.startswith(b"#")]
                if sent in lines:
                    self._in_step = True
                    values = lines[lines.index(sent) + 1 :]
                    return [value.decode("ascii", "backslashreplace") for value in values], asked_s
                seen = frame.data or seen
            seen = self._link.unread or seen
        if seen:
            raise GarbledReplyError(
                self._link.name, "did not echo the command", sent=sent + b"\r", seen=seen, advice=self._advice
            )
        raise NoReplyError(
            self._link.name,
            f"no answer within {TIMEOUT_S:g} s",
            sent=sent + b"\r",
            seen=b"",
            advice=f"Is it plugged in, and is the address the {self._what}'s?",
        )

    def _end_line(self) -> None:
        """End whatever line the module has begun to read, and let it answer that."""
        self._link.discard_input()
        self._link.write(b"\r")
        self._link.read_until(b">", self._clock.now_s() + WAKE_S)
