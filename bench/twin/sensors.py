"""The air in the room, the pressure transducer and the clamp that shuts the line."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import SensorOffset, WarmRoom
from bench.twin.faults.of_line import OccluderLeaks, ValveStuckOpen
from bench.twin.noise import Key, Wander, WhiteNoise
from bench.twin.plant import Line
from bench.twin.settings import ClimateSettings, OccluderSettings, TransducerSettings

KNOT_S = 60.0
"""Distance of the instants at which slow things are known; between them they change linearly."""

_TRANSDUCER_HZ = 1000.0


class ClimateModel:
    """The air beside the balance."""

    def __init__(self, settings: ClimateSettings, faults: FaultSet, seed: int) -> None:
        warm = faults.get(WarmRoom)
        temperature = warm.temperature if warm else settings.temperature
        self.serial = settings.serial_number
        self._temperature = Wander(
            seed,
            Key.TEMPERATURE,
            mean=temperature.to("°C"),
            sd=settings.temperature_wander.to("K") / 2.0,
            correlation_s=settings.temperature_correlation.to("s"),
            knot_s=KNOT_S,
        )
        self._pressure = Wander(
            seed,
            Key.AIR_PRESSURE,
            mean=settings.pressure.to("hPa"),
            sd=settings.pressure_wander.to("hPa") / 2.0,
            correlation_s=settings.pressure_correlation.to("s"),
            knot_s=KNOT_S,
        )
        self._humidity = Wander(
            seed,
            Key.HUMIDITY,
            mean=settings.humidity.to("%"),
            sd=settings.humidity_wander.to("%") / 2.0,
            correlation_s=settings.humidity_correlation.to("s"),
            knot_s=KNOT_S,
        )

    def knot(self, index: int) -> tuple[float, float, float]:
        """Return temperature in °C, pressure in hPa and humidity in % at a knot."""
        humidity = min(100.0, max(0.0, self._humidity.knot(index)))
        return self._temperature.knot(index), self._pressure.knot(index), humidity

    def read(self, time_s: float) -> tuple[float, float, float]:
        """Return temperature in °C, pressure in hPa and humidity in %."""
        index, part = divmod(time_s / KNOT_S, 1.0)
        here, there = self.knot(int(index)), self.knot(int(index) + 1)
        temperature_c, pressure_hpa, humidity_pct = (a + part * (b - a) for a, b in zip(here, there, strict=True))
        return temperature_c, pressure_hpa, humidity_pct


class ClimateProbes:
    """The probes of the climate sensor: each shows the air with an error of its own."""

    def __init__(self, settings: ClimateSettings, air: ClimateModel) -> None:
        self._air = air
        self._errors = (
            settings.temperature_error.to("K"),
            settings.pressure_error.to("hPa"),
            settings.humidity_error.to("%"),
        )

    def read(self, time_s: float) -> tuple[float, float, float]:
        """Return what is shown of temperature in °C, pressure in hPa and humidity in %."""
        temperature_c, pressure_hpa, humidity_pct = (
            true + error for true, error in zip(self._air.read(time_s), self._errors, strict=True)
        )
        return temperature_c, pressure_hpa, min(100.0, max(0.0, humidity_pct))


class TransducerModel:
    """A pressure transducer with a voltage output, between pump and occluder."""

    def __init__(
        self,
        settings: TransducerSettings,
        faults: FaultSet,
        seed: int,
        line: Line,
        advance: Callable[[float], None],
    ) -> None:
        off_zero = faults.get(SensorOffset)
        self.serial = settings.serial_number
        self._kpa_per_v = settings.scale.to("kPa/V")
        self._offset_v = settings.offset.to("V") + (off_zero.pressure.to("kPa") / self._kpa_per_v if off_zero else 0.0)
        self._noise = WhiteNoise(seed, Key.TRANSDUCER, settings.noise.to("V"))
        self._line = line
        self._advance = advance

    def volts(self, time_s: float) -> float:
        """Return the output in V at `time_s`, which may not be before the present of the world."""
        self._advance(time_s)
        noise_v = self._noise.at(int(time_s * _TRANSDUCER_HZ))
        return self._line.pressure_kpa(time_s) / self._kpa_per_v + self._offset_v + noise_v

    def pressure_kpa(self, time_s: float) -> float:
        """Return what a transducer with a display of its own shows, in kPa above the air: its zero and noise alike."""
        return self.volts(time_s) * self._kpa_per_v


class OccluderModel:
    """A relay and the clamp behind it, which takes a moment."""

    def __init__(
        self, settings: OccluderSettings, faults: FaultSet, line: Line, moved: Callable[[bool, float], None]
    ) -> None:
        leaking = faults.get(OccluderLeaks)
        self.serial = settings.serial_number
        self.closed = False
        """What the relay was told last."""
        self.shut = False
        """Where the clamp is, which a contact at it tells."""
        self._takes_s = {True: settings.closing_time.to("s"), False: settings.opening_time.to("s")}
        self._factor = leaking.factor if leaking else math.inf
        self._stuck = faults.get(ValveStuckOpen) is not None
        self._line = line
        self._moved = moved
        self._moves: deque[tuple[float, bool]] = deque()
        self.next_event_s = math.inf
        """When the clamp has moved."""

    def set(self, closed: bool, time_s: float) -> None:
        """Close or open the relay; the line follows after the closing or opening time."""
        if closed != self.closed:
            self.closed = closed
            due_s = time_s + self._takes_s[closed]
            self._moves.append((max(due_s, self._moves[-1][0]) if self._moves else due_s, closed))
            self.next_event_s = self._moves[0][0]

    def run_until(self, time_s: float) -> None:
        """Move the clamp when it is due."""
        while self._moves and self._moves[0][0] <= time_s:
            due_s, closed = self._moves.popleft()
            if closed and not self._stuck:
                self._line.shut(due_s, self._factor)
            elif not self._stuck:
                self._line.open(due_s)
            if not self._stuck:
                self.shut = closed
                self._moved(closed, due_s)
        self.next_event_s = self._moves[0][0] if self._moves else math.inf
