"""Errors that no reading shows: each acts where it says, and is zero unless it is switched on."""

import numpy as np
import pytest

from bench.twin.densities import water_g_per_ml
from bench.twin.noise import Key, Wavy
from bench.twin.world import World
from tests.twin.quiet import quiet


def test_a_probe_shows_the_air_with_its_own_error() -> None:
    errors = {"temperature_error": "0.2 K", "pressure_error": "-1 hPa", "humidity_error": "3 %"}
    world = World(quiet(climate=errors), 1)
    shown, true = world.probes.read(90.0), world.climate.read(90.0)
    assert np.subtract(shown, true) == pytest.approx([0.2, -1.0, 3.0])


def test_a_probe_shows_no_more_humidity_than_there_can_be() -> None:
    world = World(quiet(climate={"humidity": "99 %", "humidity_error": "3 %"}), 1)
    assert world.probes.read(0.0)[2] == 100.0


def test_warmer_liquid_is_lighter_in_the_same_air() -> None:
    warm, same = World(quiet(plant={"liquid_warmer": "2 K"}), 1), World(quiet(), 1)
    air_c = same.climate.read(0.0)[0]
    assert warm.climate.read(0.0) == same.climate.read(0.0)
    assert warm.vessel.density_g_per_ul(0.0) == water_g_per_ml(air_c + 2.0) * 1e-3
    assert warm.vessel.density_g_per_ul(0.0) < same.vessel.density_g_per_ul(0.0)


def test_the_error_over_the_load_is_that_of_a_difference() -> None:
    places = np.linspace(10.0, 11.0, 41)
    differences = [
        curve.at(20.0 + place) - curve.at(place)
        for curve in (Wavy(seed, Key.LOAD_ERROR, sd=0.02, knot=0.5) for seed in range(400))
        for place in places
    ]
    assert np.std(differences) == pytest.approx(0.02, rel=0.05)


def test_the_error_over_the_load_is_the_same_whoever_asks_first() -> None:
    forth, back = (Wavy(7, Key.LOAD_ERROR, sd=0.02, knot=0.5) for _ in range(2))
    loads = [0.1, 3.2, 50.0]
    assert [forth.at(load) for load in loads] == [back.at(load) for load in reversed(loads)][::-1]


def test_the_balance_shows_the_error_of_its_load() -> None:
    off, right = (World(quiet(balance={"load_error": error}), 3) for error in ("1 mg", "0 mg"))
    for world in (off, right):
        world.line.inject(10.0, 60.0)
    differences = [off.balance.indication_g(at_s) - right.balance.indication_g(at_s) for at_s in (50.0, 150.0)]
    curve = Wavy(3, Key.LOAD_ERROR, sd=1e-3, knot=0.5e-3)
    loads = [right.balance.indication_g(150.0)]
    assert differences[1] == pytest.approx(curve.at(loads[0]), abs=1e-12)
    assert differences[0] != pytest.approx(differences[1], abs=1e-6)
