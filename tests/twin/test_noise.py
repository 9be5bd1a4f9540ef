"""Noise against the slopes and levels that theory gives it, and seeds against each other."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from bench.twin.noise import AutoRegression, BalanceNoise, Key, Wander, WhiteNoise, generator

SAMPLES = 400_000


def noise(white: float = 0.0, flicker: float = 0.0, walk: float = 0.0, seed: int = 1) -> npt.NDArray[np.float64]:
    source = BalanceNoise(seed, white=white, flicker=flicker, walk=walk, outputs_per_lag=10.0)
    return np.array([source.at(index) for index in range(SAMPLES)])


def allan_deviation(values: npt.NDArray[np.float64], count: int) -> float:
    """Return the deviation of differences of neighbouring means of `count` values."""
    means = values[: len(values) // count * count].reshape(-1, count).mean(axis=1)
    return float(np.sqrt(0.5 * np.mean(np.diff(means) ** 2)))


def slope(values: npt.NDArray[np.float64], short: int, long: int) -> float:
    return math.log(allan_deviation(values, long) / allan_deviation(values, short)) / math.log(long / short)


def test_white_noise_has_its_deviation_and_averages_out() -> None:
    values = noise(white=0.015)
    assert values.std() == pytest.approx(0.015, rel=0.02)
    assert slope(values, 100, 3000) == pytest.approx(-0.5, abs=0.08)


def test_the_filter_colours_white_noise() -> None:
    values = noise(white=0.015)
    correlation = np.corrcoef(values[:-10], values[10:])[0, 1]
    assert correlation == pytest.approx(math.exp(-1.0), abs=0.03)


def test_flicker_has_a_floor_that_no_averaging_lowers() -> None:
    values = noise(flicker=0.003)
    assert abs(slope(values, 50, 5000)) < 0.12


def test_flicker_has_the_level_of_its_innovation() -> None:
    """A one-sided spectrum h/f has an Allan deviation of √(2 ln 2 h); a half-integrated white noise h = σ²/π."""
    values = noise(flicker=0.003)
    expected = math.sqrt(2.0 * math.log(2.0) * 0.003**2 / math.pi)
    assert np.mean([allan_deviation(values, count) for count in (50, 200, 800, 3000)]) == pytest.approx(
        expected, rel=0.1
    )


def test_a_random_walk_grows_with_the_root_of_time() -> None:
    values = noise(walk=0.001)
    assert slope(values, 100, 3000) == pytest.approx(0.5, abs=0.15)
    assert np.std(values[1000:] - values[:-1000]) == pytest.approx(0.001 * math.sqrt(1000.0), rel=0.15)


def test_noise_is_known_by_index_whoever_asks_for_what() -> None:
    every, some = (BalanceNoise(4, white=1.0, flicker=1.0, walk=0.1, outputs_per_lag=10.0) for _ in range(2))
    all_of_them = [every.at(index) for index in range(20_000)]
    assert [some.at(index) for index in range(0, 20_000, 997)] == all_of_them[::997]


def test_white_noise_can_be_had_in_any_order() -> None:
    source = WhiteNoise(1, Key.TRANSDUCER, 2.0)
    late = source.at(100_000)
    values = [source.at(index) for index in range(20_000)]
    assert source.at(100_000) == late
    assert np.std(values) == pytest.approx(2.0, rel=0.03)


def test_an_auto_regression_equals_its_recursion() -> None:
    rng = np.random.default_rng(0)
    innovations = rng.standard_normal((2, 192))
    phis, start = np.array([0.9, 1.0]), np.array([2.0, -1.0])
    last = start.copy()
    expected = np.empty_like(innovations)
    for index in range(192):
        last = phis * last + innovations[:, index]
        expected[:, index] = last
    filtered = AutoRegression(phis, start)
    parts = [filtered.filter(innovations[:, :64]), filtered.filter(innovations[:, 64:])]
    assert np.concatenate(parts, axis=1) == pytest.approx(expected)


def test_a_wander_has_its_deviation_and_its_memory() -> None:
    source = Wander(1, Key.HUMIDITY, mean=50.0, sd=2.0, correlation_s=600.0, knot_s=60.0)
    values = np.array([source.knot(index) for index in range(60_000)])
    assert values.mean() == pytest.approx(50.0, abs=0.15)
    assert values.std() == pytest.approx(2.0, rel=0.05)
    assert np.corrcoef(values[:-10], values[10:])[0, 1] == pytest.approx(math.exp(-1.0), abs=0.03)


def test_components_and_seeds_draw_apart() -> None:
    draws = {
        float(generator(seed, key, *block).standard_normal())
        for seed in (1, 2)
        for key in Key
        for block in ((), (0,), (1,))
    }
    assert len(draws) == 2 * len(Key) * 3
