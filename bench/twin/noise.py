"""Seeded randomness of the twin: one generator a component, noise of balances, slow wandering.

Every component draws from a generator of its own with a fixed key, so one more leaves the others as they were; what is
drawn by time is drawn by index, so a history does not depend on who asks for it when.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_CHUNK = 64
_BLOCK = _CHUNK * _CHUNK
_FLICKER_RATIO = 6.0
_FLICKER_SHORTEST = 3.0
_FLICKER_STAGES = 8


class Key(IntEnum):
    """Who draws; a number is never given away again."""

    PUMP_DEVICE = 1
    PUMP_PULSE = 2
    PUMP_SLOW = 3
    BALANCE = 4
    TRANSDUCER = 5
    TEMPERATURE = 6
    AIR_PRESSURE = 7
    HUMIDITY = 8
    LOAD_ERROR = 9
    PUMP_STOP = 10
    DRAUGHT = 11
    DOSER = 12
    HANDS = 13


def generator(seed: int, key: Key, *index: int) -> np.random.Generator:
    """Return a component's generator; `index` parts its stream into blocks."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(int(key), *index))))


class AutoRegression:
    """Several first-order auto-regressions y_i = φ y_(i-1) + x_i side by side, block after block.

    Args:
        phis: φ of each, |φ| <= 1.
        start: y before the first sample.

    """

    def __init__(self, phis: Array, start: Array) -> None:
        lags = np.subtract.outer(np.arange(_CHUNK), np.arange(_CHUNK))
        self._within = np.where(lags >= 0, phis[:, None, None] ** np.maximum(lags, 0), 0.0).transpose(0, 2, 1)
        self._fading = phis[:, None] ** np.arange(1, _CHUNK + 1)
        self._last = start.copy()

    def filter(self, innovations: Array) -> Array:
        """Return y for innovations of shape (regressions, samples); samples are a multiple of 64."""
        count, samples = innovations.shape
        chunks = innovations.reshape(count, samples // _CHUNK, _CHUNK) @ self._within
        last = self._last
        for chunk in range(chunks.shape[1]):
            chunks[:, chunk] += self._fading * last[:, None]
            last = chunks[:, chunk, -1]
        self._last = last.copy()
        filtered: Array = chunks.reshape(count, samples)
        return filtered


class BalanceNoise:
    """White, flicker and random-walk noise of a balance behind its filter, by index of the output.

    Flicker is a sum of auto-regressions with time constants in geometric steps: each of variance σ² ln(ratio)/π adds up
    to the spectrum σ²/(π f) of a half-integrated white noise of innovation σ (one-sided, per output interval).

    Args:
        seed: the simulation's.
        white: standard deviation of white noise after the filter.
        flicker: innovation of flicker noise per output.
        walk: step of the random walk per output.
        outputs_per_lag: time constant of the filter in outputs.

    """

    def __init__(self, seed: int, *, white: float, flicker: float, walk: float, outputs_per_lag: float) -> None:
        self._rng = generator(seed, Key.BALANCE)
        lag = math.exp(-1.0 / outputs_per_lag)
        constants = _FLICKER_SHORTEST * _FLICKER_RATIO ** np.arange(_FLICKER_STAGES)
        stage = flicker * math.sqrt(math.log(_FLICKER_RATIO) / math.pi)
        phis = np.concatenate(([lag], np.exp(-1.0 / constants), [1.0]))
        sds = np.concatenate(([white], np.full(_FLICKER_STAGES, stage), [0.0]))
        self._steps = sds * np.sqrt(1.0 - phis**2)
        self._steps[-1] = walk
        sources = sds * self._rng.standard_normal(len(sds))
        self._sources = AutoRegression(phis, sources)
        self._filter = AutoRegression(np.array([lag]), np.array([sources[1:].sum()]))
        self._gain = 1.0 - lag
        self._first = -_BLOCK
        self._values: list[float] = []

    def at(self, index: int) -> float:
        """Return the noise of output `index`; indices may be skipped, but not gone back beyond the present block."""
        offset = index - self._first
        while offset >= _BLOCK or not self._values:
            self._values = self._next_block()
            self._first += _BLOCK
            offset = index - self._first
        return self._values[offset]

    def _next_block(self) -> list[float]:
        innovations = self._rng.standard_normal((len(self._steps), _BLOCK)) * self._steps[:, None]
        sources = self._sources.filter(innovations)
        coloured = self._filter.filter(self._gain * sources[1:].sum(axis=0)[None, :])[0]
        values: list[float] = (sources[0] + coloured).tolist()
        return values


class WhiteNoise:
    """White noise by index, in small blocks that can be had in any order: sensors are asked now and then."""

    def __init__(self, seed: int, key: Key, sd: float) -> None:
        self._bits = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(int(key),)))
        self._origin = self._bits.state
        self._generator = np.random.Generator(self._bits)
        self._sd = sd
        self._block = -1
        self._values: list[float] = []

    def at(self, index: int) -> float:
        """Return the noise at an index."""
        block, offset = divmod(index, _CHUNK)
        if block != self._block:
            # A counter-based generator goes anywhere by its counter; a new one for each block would take far longer.
            self._origin["state"]["counter"][1] = block
            self._bits.state = self._origin
            self._values = (self._sd * self._generator.standard_normal(_CHUNK)).tolist()
            self._block = block
        return self._values[offset]


class Wavy:
    """A random curve about zero, straight between normal values at knots of equal distance, in any order.

    Two values further apart than two knots differ by `sd` (standard deviation, over all places).
    """

    def __init__(self, seed: int, key: Key, *, sd: float, knot: float) -> None:
        self._seed = seed
        self._key = key
        # Half of a difference's variance each; halfway between knots there is less, two thirds on the whole.
        self._sd = sd * math.sqrt(0.5 * 1.5)
        self._knot = knot
        self._values: dict[int, float] = {}

    def at(self, place: float) -> float:
        """Return the curve's value at a place from zero on."""
        index, part = divmod(max(0.0, place) / self._knot, 1.0)
        here, there = self._value(int(index)), self._value(int(index) + 1)
        return here + part * (there - here)

    def _value(self, index: int) -> float:
        if index not in self._values:
            self._values[index] = self._sd * generator(self._seed, self._key, index).standard_normal()
        return self._values[index]


class Wander:
    """A slow random swing about a mean (Ornstein-Uhlenbeck), known at knots of equal distance.

    Args:
        seed: the simulation's.
        key: who draws.
        mean: of the swing.
        sd: standard deviation.
        correlation_s: time after which the correlation has fallen to 1/e.
        knot_s: distance of the knots.

    """

    def __init__(self, seed: int, key: Key, *, mean: float, sd: float, correlation_s: float, knot_s: float) -> None:
        self._rng = generator(seed, key)
        self._mean = mean
        self._keep = math.exp(-knot_s / correlation_s)
        self._step = sd * math.sqrt(1.0 - self._keep**2)
        self._swing = [sd * self._rng.standard_normal()]

    def knot(self, index: int) -> float:
        """Return the value at a knot."""
        while len(self._swing) <= index:
            self._swing.append(self._keep * self._swing[-1] + self._step * self._rng.standard_normal())
        return self._mean + self._swing[index]
