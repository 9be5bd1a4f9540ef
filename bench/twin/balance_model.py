"""The balance: its own filter, noise, drift and faults, up to the unrounded indication."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from bench.twin.faults import FaultSet
from bench.twin.faults.of_instruments import BalanceBump, BalanceDrift, BalanceFrozen, BalanceScaleError
from bench.twin.noise import BalanceNoise, Key, Wavy
from bench.twin.pan_forces import gusts, lean
from bench.twin.plant import Segment
from bench.twin.sensors import KNOT_S, ClimateModel
from bench.twin.settings import BalanceSettings
from bench.twin.vessel import Vessel

_RESONANCE = 1e-6
_UNDERLOAD = -0.02


class _Filter:
    """Delivered mass behind the balance's first-order lag and dead time, exact at any instant.

    Between two events of the line the mass is M − a·e^(−k·u) − b·e^(−s·u); the lag's answer to it is of the same form
    with a/(1 − kτ), b/(1 − sτ) and a remainder that dies away with τ.
    """

    def __init__(self, lag_s: float, dead_s: float, density_g_per_ul: Callable[[float], float]) -> None:
        self._lag_s = lag_s
        self._dead_s = dead_s
        self._density = density_g_per_ul
        self._coming: deque[Segment] = deque()
        self._volume_ul = 0.0
        self._mass_g = 0.0
        self._last: tuple[Segment, float] | None = None
        self._start_s = 0.0
        self._end_g = self._fast_g = self._slow_g = self._rest_g = 0.0
        self._fast_per_s = self._slow_per_s = 1.0
        self._next_s = math.inf

    def take(self, segment: Segment) -> None:
        """Note a new segment of the line; it shows after the dead time."""
        self._coming.append(segment)
        self._next_s = self._coming[0].start_s + self._dead_s

    def mass_at(self, time_s: float) -> float:
        """Return the filtered mass in g; times may not go back."""
        while self._next_s <= time_s:
            self._turn(self._coming.popleft())
            self._next_s = self._coming[0].start_s + self._dead_s if self._coming else math.inf
        return self._shown_at(time_s)

    def _turn(self, segment: Segment) -> None:
        start_s = segment.start_s + self._dead_s
        shown_g = self._shown_at(start_s)
        if self._last is not None:
            old, density = self._last
            self._mass_g += density * (segment.volume_ul - old.volume_ul)
        density = self._density(segment.start_s)
        self._last = segment, density
        fast_g = density * segment.share * segment.fast_ul
        slow_g = density * segment.share * segment.slow_ul
        self._start_s = start_s
        self._end_g = self._mass_g + fast_g + slow_g
        self._fast_per_s = self._off_resonance(segment.fast_per_s)
        self._slow_per_s = self._off_resonance(segment.slow_per_s)
        self._fast_g = fast_g / (1.0 - self._fast_per_s * self._lag_s)
        self._slow_g = slow_g / (1.0 - self._slow_per_s * self._lag_s)
        self._rest_g = shown_g - (self._end_g - self._fast_g - self._slow_g)

    def _shown_at(self, time_s: float) -> float:
        passed_s = time_s - self._start_s
        return (
            self._end_g
            - self._fast_g * math.exp(-self._fast_per_s * passed_s)
            - self._slow_g * math.exp(-self._slow_per_s * passed_s)
            + self._rest_g * math.exp(-passed_s / self._lag_s)
        )

    def _off_resonance(self, per_s: float) -> float:
        return per_s * (1.0 + _RESONANCE) if abs(1.0 - per_s * self._lag_s) < _RESONANCE else per_s


class BalanceModel:
    """The balance.

    Its indication exists at output instants, a multiple of the output interval, and holds until the next. Zero, tare
    and rounding are the instrument's, not the physics'.
    """

    def __init__(
        self,
        settings: BalanceSettings,
        faults: FaultSet,
        seed: int,
        vessel: Vessel,
        climate: ClimateModel,
        advance: Callable[[float], None],
    ) -> None:
        self.serial = settings.serial_number
        self.readability_g = settings.readability.to("g")
        self.maximum_g = settings.maximum.to("g")
        self.output_rate_hz = settings.output_rate.to("Hz")
        self._lag_s = settings.lag.to("s")
        self._filter = _Filter(self._lag_s, settings.dead_time.to("s"), vessel.density_g_per_ul)
        self._noise = BalanceNoise(
            seed,
            white=settings.noise_white.to("g"),
            flicker=settings.noise_flicker.to("g"),
            walk=settings.noise_walk.to("g"),
            outputs_per_lag=self._lag_s * self.output_rate_hz,
        )
        self._vessel = vessel
        self._climate = climate
        self._advance = advance
        self._drift_g_per_s = settings.drift.to("mg/h") / 3.6e6
        self._zero_g_per_k = settings.zero_per_kelvin.to("g")
        wrong = faults.get(BalanceScaleError)
        error_g = settings.load_error.to("g")
        self._load_error = (
            Wavy(seed, Key.LOAD_ERROR, sd=error_g, knot=settings.load_error_step.to("g")) if error_g else None
        )
        self._scale = 1.0 + (settings.scale_error.to("%") + (wrong.error.to("%") if wrong else 0.0)) / 100.0
        self._drifting = faults.get(BalanceDrift)
        self._bump = faults.get(BalanceBump)
        self._frozen = faults.get(BalanceFrozen)
        self._gusts = gusts(faults, seed, self.output_rate_hz)
        self._lean = lean(faults, self._lag_s)
        self._window = max(2, round(settings.stable_time.to("s") * self.output_rate_hz))
        self._stable_g = settings.stable_within * self.readability_g
        self._placed_g = self._placed_from_g = 0.0
        self._placed_s = 0.0
        self._recent: deque[float] = deque(maxlen=self._window)
        self._output = -1
        self._held = -1
        self._held_g = 0.0
        self._knot = -1
        self._rest_g = self._rest_slope = self._per_gram = self._per_gram_slope = 0.0

    @property
    def take_segment(self) -> Callable[[Segment], None]:
        """What the line tells of its segments."""
        return self._filter.take

    def too_much_g(self, mass_g: float, time_s: float) -> float:
        """Return by how much the balance shows too much of a mass put onto what lies on it at `time_s`, noise apart."""
        error_g = (self._scale - 1.0) * mass_g
        if self._load_error is None:
            return error_g
        self.indication_g(time_s)
        load_g = self._rest_g + self._per_gram * self._filter.mass_at(time_s) + self._placed_g
        return error_g + self._load_error.at(load_g + mass_g) - self._load_error.at(load_g)

    def put_on(self, mass_g: float, time_s: float) -> None:
        """Put a weight on the pan at `time_s`, or take it off where its mass is negative; the lag follows."""
        self.indication_g(time_s)
        self._placed_from_g = self._placed_at(time_s)
        self._placed_g += mass_g
        self._placed_s = time_s

    def _placed_at(self, time_s: float) -> float:
        """Return what of the weights on the pan shows, behind the lag."""
        passed_s = max(0.0, time_s - self._placed_s)
        return self._placed_g + (self._placed_from_g - self._placed_g) * math.exp(-passed_s / self._lag_s)

    def indication_g(self, time_s: float) -> float:
        """Return the last output by `time_s` in g, vessel included; times may not go back by more than an output."""
        output = int(time_s * self.output_rate_hz + 1e-6)
        if output > self._output:
            self._advance(time_s)
            for each in range(max(self._output + 1, output - self._window + 1), output + 1):
                self._recent.append(self._output_g(each))
            self._output = output
        return self._recent[-1]

    def stable(self, time_s: float) -> bool:
        """Return whether the indication has kept within the stability width for the stability time."""
        self.indication_g(time_s)
        recent = self._recent
        return len(recent) == self._window and max(recent) - min(recent) <= self._stable_g

    @property
    def overload(self) -> bool:
        """Whether the last indication is above the balance's maximum."""
        return bool(self._recent) and self._recent[-1] > self.maximum_g

    @property
    def underload(self) -> bool:
        """Whether the last indication is well below an empty pan's."""
        return bool(self._recent) and self._recent[-1] < _UNDERLOAD * self.maximum_g

    def _output_g(self, output: int) -> float:
        if self._frozen is None:
            return self._live_g(output)
        held = self._held_output(output)
        if held is None:
            return self._live_g(output)
        if held != self._held:
            self._held, self._held_g = held, self._live_g(held)
        return self._held_g

    def _live_g(self, output: int) -> float:
        time_s = output / self.output_rate_hz
        knot = int(time_s / KNOT_S)
        if knot != self._knot:
            self._turn_knot(knot)
        passed_s = time_s - knot * KNOT_S
        load_g = (
            self._rest_g
            + self._rest_slope * passed_s
            + (self._per_gram + self._per_gram_slope * passed_s) * self._filter.mass_at(time_s)
        )
        if self._bump is not None:
            load_g += self._bumps_g(time_s)
        if self._gusts is not None:
            load_g += self._gusts.at(output)
        if self._lean is not None:
            load_g += self._lean.at(time_s)
        if self._placed_s:
            load_g += self._placed_at(time_s)
        shown_g = load_g * self._scale + self._noise.at(output)
        return shown_g if self._load_error is None else shown_g + self._load_error.at(load_g)

    def _turn_knot(self, knot: int) -> None:
        rest_g, per_gram = self._vessel.knot(knot)
        next_rest_g, next_per_gram = self._vessel.knot(knot + 1)
        rest_g += self._zero_g(knot)
        next_rest_g += self._zero_g(knot + 1)
        self._knot = knot
        self._rest_g, self._rest_slope = rest_g, (next_rest_g - rest_g) / KNOT_S
        self._per_gram, self._per_gram_slope = per_gram, (next_per_gram - per_gram) / KNOT_S

    def _zero_g(self, knot: int) -> float:
        time_s = knot * KNOT_S
        zero_g = self._drift_g_per_s * time_s
        zero_g += self._zero_g_per_k * (self._climate.knot(knot)[0] - self._climate.knot(0)[0])
        if self._drifting is not None:
            zero_g += self._drifting.rate.to("mg/h") / 3.6e6 * max(0.0, time_s - self._drifting.first.to("s"))
        return zero_g

    def _bumps_g(self, time_s: float) -> float:
        """Return all steps so far; the filter has settled on all but the last."""
        bump = self._bump
        if bump is None or time_s < bump.first.to("s"):
            return 0.0
        earlier, since_s = divmod(time_s - bump.first.to("s"), bump.every.to("s"))
        return bump.step.to("g") * (earlier - math.expm1(-since_s / self._lag_s))

    def _held_output(self, output: int) -> int | None:
        """Return the output that is repeated at `output`, itself at first; None while all is well."""
        frozen = self._frozen
        time_s = output / self.output_rate_hz
        if frozen is None or time_s < frozen.first.to("s"):
            return None
        since_s = (time_s - frozen.first.to("s")) % frozen.every.to("s")
        return output - int(since_s * self.output_rate_hz + 1e-6) if since_s < frozen.lasting.to("s") else None
