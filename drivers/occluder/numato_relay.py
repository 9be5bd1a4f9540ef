"""Numato Lab USB relay modules that drive a pinch valve: 1 to 10 relays, whose index is one digit.

A contact at the valve, on an input of the module (`gpio read`, `adc read`), tells when the line was really
shut or open.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.quantities import Duration, Quantity
from drivers.errors import ReadBackError
from drivers.link import Link
from drivers.numato import ADC_FULL_SCALE, NumatoSession, any_line, module_probe
from drivers.opening import opener
from drivers.registry import DriverEntry
from drivers.roles import Identity

_CONTACT_EVERY_S = 0.005


class Feedback(BaseModel):
    """A contact at the valve, on an input of the same module; it must sit where the valve shuts the line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Literal["gpio", "adc"] = Field("gpio", description="digital input, or one compared with `threshold`")
    pin: int = Field(ge=0, le=9, description="its number", examples=[0])
    shut_when: Literal["high", "low"] = Field("high", description="what it reads when the line is shut")
    threshold: int = Field(512, ge=1, le=ADC_FULL_SCALE, description="of an adc input: high from there on, of 1023")
    timeout: Duration = Field(Quantity(5.0, "s"), description="how long the valve may take")


class Options(BaseModel):
    """What a rig says of the relay and its valve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: int = Field(0, ge=0, le=9, description="relay that drives the valve")
    closed_when: Literal["energised", "released"] = Field(
        "energised", description="state of the relay in which the valve shuts the delivery line"
    )
    feedback: Feedback | None = Field(None, description="the contact at the valve, if there is one")


class NumatoRelay:
    """One relay of a module as occluder.

    Raises:
        NoReplyError: nothing answers.
        GarbledReplyError: what answers is no Numato module.

    """

    def __init__(self, link: Link, options: Options) -> None:
        self._link = link
        self._channel = options.channel
        self._closed_state = "on" if options.closed_when == "energised" else "off"
        self._open_state = "off" if options.closed_when == "energised" else "on"
        self._clock = link.clock
        self._session = NumatoSession(link, "relay module")
        self._feedback = options.feedback
        self._moved_s: tuple[float, float] | None = None
        if self._feedback is not None:
            self._feels_shut(self._feedback)

    def identify(self) -> Identity:
        """Ask for the module's version (`ver`) and its id (`id get`)."""
        return Identity("Numato Lab", "relay module", self._session.identity(), self._session.firmware)

    def occlude(self) -> None:
        """Set the relay so that the line is shut, read it back, and wait for the contact at the valve."""
        self._set(self._closed_state)
        self._await_valve(shut=True)

    def release(self) -> None:
        """Set the relay so that the line is open, read it back, and wait for the contact at the valve."""
        self._set(self._open_state)
        self._await_valve(shut=False)

    def is_occluded(self) -> bool:
        """Ask whether the line is shut: the contact (`gpio read`, `adc read`), or else the relay (`relay read`)."""
        if self._feedback is not None:
            return self._feels_shut(self._feedback)
        return self._state() == self._closed_state

    def moved_between_s(self) -> tuple[float, float] | None:
        """Read between which instants the valve did what it was told last; None where there is no contact."""
        return self._moved_s

    def close(self) -> None:
        """Release the link; the relay stays as it is."""
        self._link.close()

    def _set(self, state: str) -> None:
        command = f"relay {state} {self._channel}"
        self._session.tell(command)
        seen = self._state()
        if seen != state:
            raise ReadBackError(
                self._link.name,
                f"relay {self._channel} reads {seen!r} after being set {state!r}",
                sent=command.encode(),
                seen=seen.encode(),
                advice="Is its supply on, and does the module have this relay?",
            )

    def _await_valve(self, *, shut: bool) -> None:
        """Ask the contact until the valve has moved; keep the instants between which that was."""
        self._moved_s = None
        if self._feedback is None:
            return
        earliest_s = -math.inf
        end_s = self._clock.now_s() + self._feedback.timeout.to("s")
        while True:
            asked_s = self._clock.now_s()
            if self._feels_shut(self._feedback) == shut:
                self._moved_s = (earliest_s, self._clock.now_s())
                return
            if asked_s >= end_s:
                raise ReadBackError(
                    self._link.name,
                    f"its relay has switched, and within {self._feedback.timeout} the contact at the valve does not"
                    f" say that the line is {'shut' if shut else 'open'}",
                    advice="Is the valve powered, does it move, and is its contact wired as the rig file says?",
                )
            earliest_s = asked_s
            self._clock.sleep_s(_CONTACT_EVERY_S)

    def _feels_shut(self, feedback: Feedback) -> bool:
        command = f"{feedback.input} read {feedback.pin}"
        value = self._session.ask(command).value
        form = r"[01]" if feedback.input == "gpio" else r"\d{1,4}"
        if re.fullmatch(form, value, re.ASCII) is None or int(value) > ADC_FULL_SCALE:
            raise self._session.garbled("told no input", command, value)
        high = int(value) >= (1 if feedback.input == "gpio" else feedback.threshold)
        return high == (feedback.shut_when == "high")

    def _state(self) -> str:
        command = f"relay read {self._channel}"
        value = self._session.ask(command).value
        if value not in ("on", "off"):
            raise self._session.garbled("told no relay state", command, value)
        return value


open_relay = opener("occluder", NumatoRelay, any_line)

DRIVER = DriverEntry(
    name="numato_relay",
    role="occluder",
    instrument=NumatoRelay,
    factory=open_relay,
    probes=(module_probe(rb"relay readall\s+[0-9a-fA-F]{2,}\s+>"),),
    Options=Options,
    summary="a pinch valve on a relay of a Numato Lab USB module",
)
