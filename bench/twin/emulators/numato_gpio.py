"""A Numato USB GPIO module beside the pump: a contact follows its alarm at one pin, a microphone at another.

The contact is closed all the while that the alarm is given; what is heard beeps. The converter of a pin that nothing is
at reads half of its range.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Duration, Quantity
from bench.twin.emulators.numato_board import NumatoBoard, digits_of
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World

FULL_SCALE = 1023
_OPEN = "512"
_MURMUR = 12
"""By how much the room's sound wanders, at most, in steps of the converter."""


class Options(BaseModel):
    """What the module is connected to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pins: Literal[8, 16, 32] = 8
    contact: int = Field(0, ge=0, le=31, description="pin of the contact")
    alarm_when: Literal["high", "low"] = Field("high", description="level of that pin during an alarm")
    microphone: int = Field(1, ge=0, le=31, description="pin of the microphone")
    quiet: int = Field(60, ge=_MURMUR, le=FULL_SCALE - _MURMUR, description="its reading in a quiet room")
    loud: int = Field(700, ge=_MURMUR, le=FULL_SCALE - _MURMUR, description="its reading while the pump beeps")
    beep: Duration = Quantity(1, "s")
    pause: Duration = Quantity(1, "s")
    serial_number: str = Field("GPIO0001", min_length=8, max_length=8)


class Sounds(Protocol):
    """What the emulator needs of the pump."""

    @property
    def sounds_since_s(self) -> float | None:
        """Since when its alarm can be heard, in s of the world; None where it is silent."""


class NumatoGpio(NumatoBoard):
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        pump: whose alarm it follows.
        options: what it is connected to.

    """

    def __init__(self, send: Send, pump: Sounds, options: Options) -> None:
        super().__init__(send, options.serial_number)
        self._pump = pump
        self._options = options
        self._beep_s, self._pause_s = options.beep.to("s"), options.pause.to("s")
        self._outputs = [False] * options.pins
        self._inputs = [True] * options.pins
        self._verbs |= {"gpio": self._gpio, "adc": self._adc, "reset": self._reset}

    def _gpio(self, words: list[str], _time_s: float) -> str | None:
        pins = self._options.pins
        match words:
            case ["set" | "clear" as state, text] if (pin := self._index(text, self._outputs)) is not None:
                self._outputs[pin], self._inputs[pin] = state == "set", False
            case ["read", text] if (pin := self._index(text, self._outputs)) is not None:
                self._inputs[pin] = True
                return "1" if self._level(pin) else "0"
            case ["readall"]:
                mask = sum(1 << pin for pin in range(pins) if self._level(pin))
                return f"{mask:0{digits_of(pins)}x}"
            case ["iodir", text] if (inputs := self._hex(text, pins)) is not None:
                self._inputs = [bool(inputs >> pin & 1) for pin in range(pins)]
            case ["writeall", text] if (outputs := self._hex(text, pins)) is not None:
                self._outputs = [bool(outputs >> pin & 1) for pin in range(pins)]
            case _:  # `iomask` and `notify` have no answer either
                pass
        return None

    def _level(self, pin: int) -> bool:
        if not self._inputs[pin]:
            return self._outputs[pin]
        given = pin == self._options.contact and self._pump.sounds_since_s is not None
        return given == (self._options.alarm_when == "high") if pin == self._options.contact else False

    def _adc(self, words: list[str], time_s: float) -> str | None:
        match words:
            case ["read", text] if (pin := self._index(text, self._inputs)) is not None:
                return str(self._heard(time_s)) if pin == self._options.microphone else _OPEN
            case _:
                return None

    def _heard(self, time_s: float) -> int:
        murmur = round(_MURMUR * math.sin(1e3 * time_s))
        since_s = self._pump.sounds_since_s
        beeps = since_s is not None and (time_s - since_s) % (self._beep_s + self._pause_s) < self._beep_s
        return (self._options.loud if beeps else self._options.quiet) + murmur

    def _reset(self, words: list[str], _time_s: float) -> str | None:
        if not words:
            self._inputs = [True] * self._options.pins
        return None


def _make(send: Send, world: World, _simulation: Simulation, options: Options) -> NumatoGpio:
    return NumatoGpio(send, world.pump, options)


EMULATOR = EmulatorEntry("numato_gpio", "alarm", _make, Options)
