"""A Numato USB relay board that works a pinch valve on the delivery line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.twin.emulators.numato_board import NumatoBoard, digits_of
from bench.twin.emulators.registry import EmulatorEntry
from bench.twin.port import Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World


class Options(BaseModel):
    """Which board it is, and what is wired to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relays: int = Field(4, ge=1, le=16)
    channel: int = Field(0, ge=0, le=15, description="the relay that works the valve")
    closed_when: Literal["energised", "released"] = "energised"
    contact: int | None = Field(None, ge=0, le=3, description="input with a contact at the valve: high when shut")


class Valve(Protocol):
    """What the emulator needs of the occluder's physics."""

    @property
    def shut(self) -> bool:
        """Whether the valve shuts the line now, as a contact at it tells."""

    def set(self, closed: bool, time_s: float) -> None:
        """Shut or open the line from `time_s` on."""


class NumatoRelay(NumatoBoard):
    """The emulator.

    Args:
        send: hands bytes to the host at a due time.
        valve: the valve that the relay works.
        channel: the relay that works it.
        closed_when_energised: whether the energised relay shuts the line; else the released one does.
        relays: how many relays the board has, 16 at most.
        identity: eight characters that `id get` answers.
        contact: the input to which a contact at the valve is wired, high when the line is shut.

    """

    def __init__(
        self,
        send: Send,
        valve: Valve,
        *,
        channel: int = 0,
        closed_when_energised: bool = True,
        relays: int = 4,
        identity: str = "TWIN0001",
        contact: int | None = None,
    ) -> None:
        super().__init__(send, identity)
        self._valve = valve
        self._channel = channel
        self._closed_when_energised = closed_when_energised
        self._energised = [False] * relays
        self._inputs = [False] * 4
        self._contact = contact
        self._io_mask = 0xFF
        if not closed_when_energised:
            valve.set(True, 0.0)
        self._verbs |= {"relay": self._relay, "gpio": self._gpio, "adc": self._adc, "reset": self._reset}

    def _relay(self, words: list[str], time_s: float) -> str | None:
        match words:
            case ["on" | "off" as state, text] if (relay := self._index(text, self._energised)) is not None:
                self._switch({relay: state == "on"}, time_s)
            case ["read", text] if (relay := self._index(text, self._energised)) is not None:
                return "on" if self._energised[relay] else "off"
            case ["readall"]:
                return f"{self._mask():0{digits_of(len(self._energised))}x}"
            case ["writeall", text] if (mask := self._hex(text, len(self._energised))) is not None:
                self._switch({n: bool(mask >> n & 1) for n in range(len(self._energised))}, time_s)
            case _:
                pass
        return None

    def _switch(self, states: dict[int, bool], time_s: float) -> None:
        for relay, energised in states.items():
            self._energised[relay] = energised
            if relay == self._channel:
                self._valve.set(energised == self._closed_when_energised, time_s)

    def _mask(self) -> int:
        return sum(1 << n for n, energised in enumerate(self._energised) if energised)

    def _gpio(self, words: list[str], _time_s: float) -> str | None:
        match words:
            case ["set" | "clear" as state, text] if (pin := self._index(text, self._inputs)) is not None:
                self._inputs[pin] = state == "set"
            case ["read", text] if (pin := self._index(text, self._inputs)) is not None:
                return "1" if self._level(pin) else "0"
            case ["readall"]:
                return f"{sum(1 << pin for pin in range(len(self._inputs)) if self._level(pin)):02x}"
            case ["writeall", text] if (mask := self._byte(text)) is not None:
                self._inputs = [
                    bool(mask >> pin & 1) if self._io_mask >> pin & 1 else high for pin, high in enumerate(self._inputs)
                ]
            case ["iomask", text] if (mask := self._byte(text)) is not None:
                self._io_mask = mask
            case _:
                pass  # directions and notifications are taken, and change nothing that is simulated
        return None

    def _level(self, pin: int) -> bool:
        return self._valve.shut if pin == self._contact else self._inputs[pin]

    @staticmethod
    def _byte(text: str) -> int | None:
        return int(text, 16) if re.fullmatch(r"[0-9a-fA-F]{2}", text) else None

    def _adc(self, words: list[str], _time_s: float) -> str | None:
        """Read an analogue input: of 1023 half where it is open, nearly all or nothing where it is the contact."""
        match words:
            case ["read", text] if (pin := self._index(text, self._inputs)) is not None:
                return ("1019" if self._valve.shut else "3") if pin == self._contact else "512"
            case _:
                return None

    def _reset(self, words: list[str], time_s: float) -> str | None:
        if not words:
            self._switch(dict.fromkeys(range(len(self._energised)), False), time_s)
        return None


def _make(send: Send, world: World, simulation: Simulation, options: Options) -> NumatoRelay:
    return NumatoRelay(
        send,
        world.occluder,
        channel=options.channel,
        closed_when_energised=options.closed_when == "energised",
        relays=options.relays,
        identity=f"{simulation.occluder.serial_number:<8.8}",
        contact=options.contact,
    )


EMULATOR = EmulatorEntry("numato", "occluder", _make, Options)
