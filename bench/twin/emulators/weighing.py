"""What every emulated balance does, however it speaks: range, zero, tare, units, and waiting for a stable pan.

A part of the emulators of Sartorius, A&D, Ohaus and Radwag balances; each of them adds its own protocol.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import TareInMidRun, WrongUnit
from bench.twin.port import REPLY_LATENCY_S, LineSettings, Send

if TYPE_CHECKING:
    from bench.twin.settings import Simulation

ZERO_RANGE = 0.02
"""Share of the capacity about the power-on zero within which a balance can be zeroed."""
_UNDERLOAD = 0.05
"""Share of the capacity below zero that still is a weight."""
_G_PER_UNIT = {"g": 1.0, "mg": 1e-3, "ct": 0.2, "oz": 28.349523125, "mom": 3.75}


class Scale(Protocol):
    """What an emulator needs of the balance's physics."""

    readability_g: float
    maximum_g: float
    output_rate_hz: float
    serial: str

    def indication_g(self, time_s: float) -> float:
        """Return the filtered indication at an output instant, unrounded and untared, in g."""

    def stable(self, time_s: float) -> bool:
        """Return whether the balance deems its indication stable."""


class SerialOptions(BaseModel):
    """How the balance's interface is set in its menu."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baudrate: int = Field(9600, ge=150, le=115200)
    bytesize: Literal[7, 8] = 8
    parity: Literal["E", "O", "N"] = "N"
    stopbits: Literal[1, 2] = 1

    @property
    def line(self) -> LineSettings:
        """What a host's UART must be set to."""
        return LineSettings(self.baudrate, self.bytesize, self.parity, self.stopbits)


class Circumstances(NamedTuple):
    """What a fault has done to the balance: its unit, and when somebody presses its tare key."""

    unit: str = "g"
    tare_key_s: float = math.inf


def circumstances(simulation: Simulation) -> Circumstances:
    """Read from a simulation's faults what has been done to the balance."""
    faults = FaultSet(list(simulation.faults))
    wrong_unit, tare_key = faults.get(WrongUnit), faults.get(TareInMidRun)
    return Circumstances(
        wrong_unit.unit if wrong_unit is not None else "g",
        tare_key.first.to("s") if tare_key is not None else math.inf,
    )


class Pan:
    """The pan as the balance reports it; all masses in g, `indication_g` unrounded and untared."""

    def __init__(self, scale: Scale, unit: str) -> None:
        self.unit = unit
        self.zero_g = 0.0
        self.tare_g = 0.0
        self.maximum_g = scale.maximum_g
        self._per_g = 1.0 / scale.readability_g
        self._g_per_unit = _G_PER_UNIT[unit]
        decimals = max(0, math.ceil(-math.log10(scale.readability_g) - 1e-9))
        self.decimals = max(0, decimals + round(math.log10(self._g_per_unit)))

    def beyond(self, indication_g: float) -> str:
        """Return `+` or `-` where the load is above or below the range, else nothing."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return "+"
        return "-" if gross_g < -_UNDERLOAD * self.maximum_g else ""

    def net(self, indication_g: float) -> str:
        """Write the net weight, rounded to the readability, in the balance's unit; never minus zero."""
        return self.text(indication_g - self.zero_g - self.tare_g)

    def text(self, mass_g: float) -> str:
        """Write a mass, rounded to the readability, in the balance's unit; never minus zero."""
        rounded = round(mass_g * self._per_g) / self._per_g / self._g_per_unit
        text = f"{rounded:.{self.decimals}f}"
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text

    def shows_zero(self, indication_g: float) -> bool:
        """Tell whether the net weight rounds to nothing."""
        return not self.net(indication_g).strip("-0.")

    def in_zero_range(self, indication_g: float) -> bool:
        """Tell whether the load can be made the zero."""
        return abs(indication_g) <= ZERO_RANGE * self.maximum_g

    def zero(self, indication_g: float) -> str:
        """Make the load the new zero and clear the tare; return `+` or `-` where that is beyond the zero range."""
        if not self.in_zero_range(indication_g):
            return "+" if indication_g > 0.0 else "-"
        self.zero_g = indication_g
        self.tare_g = 0.0
        return ""

    def tare(self, indication_g: float) -> str:
        """Make the load the tare; return `+` or `-` where that is beyond the tare range."""
        gross_g = indication_g - self.zero_g
        if gross_g > self.maximum_g:
            return "+"
        if gross_g < -ZERO_RANGE * self.maximum_g:
            return "-"
        self.tare_g = gross_g
        return ""

    def preset_tare(self, mass_g: float) -> bool:
        """Set the tare to a mass; return whether it can be one."""
        if not 0.0 <= mass_g <= self.maximum_g:
            return False
        self.tare_g = round(mass_g * self._per_g) / self._per_g
        return True

    def zero_or_tare(self, indication_g: float) -> str:
        """Zero within the zero range, else tare, as a balance with one key for both; return as `tare`."""
        return self.zero(indication_g) and self.tare(indication_g)

    def mass_g(self, number: str) -> float | None:
        """Read a mass in the balance's unit; None if that is none."""
        try:
            mass_g = float(number) * self._g_per_unit
        except ValueError:
            return None
        return mass_g if math.isfinite(mass_g) else None


class _Wait(NamedTuple):
    """Something to be done when the pan is stable, or at `deadline_s`."""

    on_stable: Callable[[float, float], None]
    on_timeout: Callable[[float], None]
    deadline_s: float


class WeighingEmulator(abc.ABC):
    """A balance's own doings in time; protocols are subclasses.

    Args:
        send: hands bytes to the host at a due time.
        scale: the balance's physics.
        circumstances: what faults have done to it.
        stability_timeout_s: how long it waits for a stable pan.

    """

    def __init__(
        self,
        send: Send,
        scale: Scale,
        circumstances: Circumstances = Circumstances(),  # noqa: B008
        *,
        stability_timeout_s: float,
    ) -> None:
        self._send = send
        self._scale = scale
        self._pan = Pan(scale, circumstances.unit)
        self._tare_key_s = circumstances.tare_key_s
        self._stability_timeout_s = stability_timeout_s
        self._waits: dict[str, _Wait] = {}
        self._adjusted_s = math.inf
        self._on_adjusted: Callable[[float], None] = lambda _: None
        self._output = 0
        self._next_s = math.inf

    # -- each protocol's own

    @abc.abstractmethod
    def receive(self, data: bytes, time_s: float) -> None:
        """Take bytes from the host; ends with `_schedule`."""

    @property
    @abc.abstractmethod
    def _streams(self) -> bool:
        """Whether every output is looked at."""

    @abc.abstractmethod
    def _put_out(self, indication_g: float, stable: bool, time_s: float) -> None:
        """Send what one new output calls for."""

    # -- time

    def next_event_s(self) -> float:
        """Return the next output instant that matters, or the end of an adjustment."""
        return self._next_s

    def run_until(self, time_s: float) -> None:
        """Do what is due at each output instant up to `time_s`."""
        while self._next_s <= time_s:
            if self._adjusted_s <= self._next_s:
                ended_s, self._adjusted_s = self._adjusted_s, math.inf
                self._on_adjusted(ended_s)
                self._schedule(ended_s)
                continue
            instant_s = self._next_s
            self._output += 1
            self._next_s = min(self._output / self._scale.output_rate_hz, self._adjusted_s)
            self._look(instant_s)

    def _look(self, time_s: float) -> None:
        indication_g, stable = self._indication(time_s)
        if self._streams:
            self._put_out(indication_g, stable, time_s)
        due = [kind for kind, wait in self._waits.items() if stable or time_s >= wait.deadline_s]
        for kind in due:
            if (wait := self._waits.pop(kind, None)) is None:
                continue
            if stable:
                wait.on_stable(indication_g, time_s)
            else:
                wait.on_timeout(time_s)
        if due:
            self._schedule(time_s)

    def _schedule(self, time_s: float) -> None:
        """Set the next instant at which anything is to be done."""
        if self._streams or self._waits:
            rate_hz = self._scale.output_rate_hz
            self._output = math.floor(time_s * rate_hz + 1e-9) + 1
            self._next_s = min(self._output / rate_hz, self._adjusted_s)
        else:
            self._next_s = self._adjusted_s

    # -- what protocols use

    def _indication(self, time_s: float) -> tuple[float, bool]:
        """Return the indication in g and whether it is stable, after whatever a hand did to the keys."""
        indication_g, stable = self._scale.indication_g(time_s), self._scale.stable(time_s)
        if time_s >= self._tare_key_s:
            self._tare_key_s = math.inf
            self._pan.tare(indication_g)
        return indication_g, stable

    def _wait_for_stable(
        self,
        kind: str,
        time_s: float,
        on_stable: Callable[[float, float], None],
        on_timeout: Callable[[float], None] = lambda _: None,
        timeout_s: float | None = None,
    ) -> None:
        """Do something at the first stable output, at most one of a kind at a time.

        Args:
            kind: what it is; another of the same kind takes its place.
            time_s: now.
            on_stable: what to do, told indication in g and time.
            on_timeout: what to do when the pan is not stable in time.
            timeout_s: how long to wait; None for as long as this balance does.

        """
        limit_s = self._stability_timeout_s if timeout_s is None else timeout_s
        self._waits[kind] = _Wait(on_stable, on_timeout, time_s + limit_s)

    def _adjust(self, time_s: float, duration_s: float, on_adjusted: Callable[[float], None]) -> None:
        """Begin an adjustment; `on_adjusted` is told when it has ended."""
        self._adjusted_s = time_s + duration_s
        self._on_adjusted = on_adjusted

    def _abort_adjustment(self) -> None:
        self._adjusted_s = math.inf

    @property
    def _adjusting(self) -> bool:
        return not math.isinf(self._adjusted_s)

    def _reply(self, text: str, time_s: float) -> None:
        self._send(f"{text}\r\n".encode("latin-1"), time_s + REPLY_LATENCY_S)
