"""A Numato USB relay board that works a pinch valve on the delivery line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bench.twin.emulators.numato_board import NumatoBoard, digits_of
from bench.twin.emulators.registry import EmulatorEntry, NoOptions
from bench.twin.port import Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation
    from bench.twin.world import World


class Valve(Protocol):
    """What the emulator needs of the occluder's physics."""

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
    ) -> None:
        super().__init__(send, identity)
        self._valve = valve
        self._channel = channel
        self._closed_when_energised = closed_when_energised
        self._energised = [False] * relays
        self._inputs = [False] * 4
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
                return "1" if self._inputs[pin] else "0"
            case _:
                pass
        return None

    def _adc(self, words: list[str], _time_s: float) -> str | None:
        """Read an open analogue input: half of 1023."""
        match words:
            case ["read", text] if self._index(text, self._inputs) is not None:
                return "512"
            case _:
                return None

    def _reset(self, words: list[str], time_s: float) -> str | None:
        if not words:
            self._switch(dict.fromkeys(range(len(self._energised)), False), time_s)
        return None


def _make(send: Send, world: World, simulation: Simulation, _options: NoOptions) -> NumatoRelay:
    return NumatoRelay(send, world.occluder, identity=f"{simulation.occluder.serial_number:<8.8}")


EMULATOR = EmulatorEntry("numato", "occluder", _make)
