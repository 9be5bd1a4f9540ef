"""Numato Lab USB GPIO modules as alarm input: a contact at a digital input, or a sound level at an analogue one.

A contact is the pump's alarm relay, or an optocoupler at its lamp or vibration motor (`gpio read n`: `0` or `1`). A
sound level is what a microphone board with an envelope output gives (`adc read n`: 0 to 1023), compared with a
threshold that has a hysteresis. Both may come and go as an alarm beeps. Pins of modules with up to 32 inputs have one
character; modules with 64 have two digits and another line end, and are not spoken to (manual not seen).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.quantities import Duration, Quantity
from drivers.alarm_detector import AlarmDetector
from drivers.link import Link
from drivers.numato import ADC_FULL_SCALE, Answer, NumatoSession, any_line, index, module_probe
from drivers.opening import opener
from drivers.registry import DriverEntry
from drivers.roles import AlarmSignal, Identity


class Options(BaseModel):
    """What a rig says of the input."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: int = Field(0, ge=0, le=31, description="pin that the contact or the microphone is at")
    signal: Literal["contact", "sound"] = Field(
        "contact", description="what is looked at: a level of 0 or 1, or a sound"
    )
    alarm_when: Literal["high", "low"] = Field("high", description="of a contact: level at the pin during an alarm")
    threshold: int | None = Field(
        None, ge=1, le=ADC_FULL_SCALE, description="of a sound: reading of the converter from which on it is an alarm's"
    )
    hysteresis: int = Field(
        0,
        ge=0,
        le=ADC_FULL_SCALE,
        description="of a sound: how far the reading must fall below the threshold to end it",
    )
    least: Duration = Field(
        default=Quantity(0, "s"), description="how long it must last, pauses included; 0 s: the first sign counts"
    )
    pause: Duration = Field(
        default=Quantity(0, "s"), description="longest pause between two beeps of one alarm", examples=["2 s"]
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.signal == "sound") != (self.threshold is not None):
            raise ValueError("`signal: sound` goes with a `threshold`, and `signal: contact` with none")
        if self.threshold is not None and self.hysteresis >= self.threshold:
            raise ValueError(f"a sound never ends: `hysteresis` {self.hysteresis} takes away the whole threshold")
        if self.least.to("s") < 0.0 or self.pause.to("s") < 0.0:
            raise ValueError("`least` and `pause` are no less than 0 s")
        return self


class NumatoGpio:
    """One pin of a module as alarm input.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Numato module.

    """

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._options = options
        self._detector = AlarmDetector(options.least.to("s"), options.pause.to("s"))
        self._loud = False
        self._session = NumatoSession(link, "GPIO module")

    def identify(self) -> Identity:
        """Ask for the module's version (`ver`) and its id (`id get`)."""
        return Identity("Numato Lab", "GPIO module", self._session.identity(), self._session.firmware)

    def signal(self) -> AlarmSignal:
        """Read the pin (`gpio read`, `adc read`): whether there is an alarm, and since when.

        Raises:
            InstrumentError: no answer, or no level.

        """
        look = self._contact if self._options.signal == "contact" else self._sound
        there, answer, text = look()
        return self._detector.look(there, answer.asked_s, answer.answered_s, text)

    def close(self) -> None:
        """Release the link."""
        self._link.close()

    def _contact(self) -> tuple[bool, Answer, str]:
        command = f"gpio read {index(self._options.channel)}"
        answer = self._session.ask(command)
        if answer.value not in ("0", "1"):
            raise self._session.garbled("told no level", command, answer.value)
        level = "high" if answer.value == "1" else "low"
        return level == self._options.alarm_when, answer, f"input {self._options.channel} {level}"

    def _sound(self) -> tuple[bool, Answer, str]:
        command = f"adc read {index(self._options.channel)}"
        answer = self._session.ask(command)
        digits = answer.value
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(ADC_FULL_SCALE))):
            raise self._session.garbled("told no reading of the converter", command, digits)
        reading, threshold = int(digits), self._options.threshold or ADC_FULL_SCALE
        if reading > ADC_FULL_SCALE:
            raise self._session.garbled("told a reading beyond the converter's", command, digits)
        self._loud = reading >= threshold - (self._options.hysteresis if self._loud else 0)
        return self._loud, answer, f"sound {reading} of {ADC_FULL_SCALE} at input {self._options.channel}"


open_gpio = opener("alarm", NumatoGpio, any_line)

DRIVER = DriverEntry(
    name="numato_gpio",
    role="alarm",
    instrument=NumatoGpio,
    factory=open_gpio,
    # A module that has no relays.
    probes=(module_probe(rb"relay readall\s+(?:[^0-9a-fA-F\s][^>]*)?>"),),
    Options=Options,
    summary="a pump's alarm at a contact or a microphone on a Numato Lab USB GPIO module",
)
