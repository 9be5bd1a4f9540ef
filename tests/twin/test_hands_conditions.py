"""Head height and back pressure on the simulated bench, by what they must do to a line of known softness."""

from __future__ import annotations

import pytest

from bench.twin.refusal import HandsRefusal
from bench.twin.world import World
from tests.twin.quiet import quiet

COMPLIANCE_UL_PER_KPA = 0.15


def test_a_back_pressure_stands_in_the_line_and_stretches_it() -> None:
    world = World(quiet())
    world.run_until(10.0)
    before_ul = world.line.volume_ul(10.0)
    world.hands.actions["set_back_pressure"](13.33, "kPa", 10.0)
    assert world.line.pressure_kpa(10.0) == pytest.approx(0.0, abs=1e-9)
    world.run_until(1000.0)
    assert world.line.pressure_kpa(1000.0) == pytest.approx(13.33, rel=1e-6)
    taken_ul = before_ul - world.line.volume_ul(1000.0)
    assert taken_ul == pytest.approx(COMPLIANCE_UL_PER_KPA * 13.33, rel=1e-6)
    world.hands.actions["set_back_pressure"](0.0, "kPa", 1000.0)
    world.run_until(2000.0)
    assert world.line.volume_ul(2000.0) == pytest.approx(before_ul, abs=1e-6)


def test_what_is_no_height_and_no_pressure_is_refused() -> None:
    world = World(quiet())
    with pytest.raises(HandsRefusal, match="is no length"):
        world.hands.actions["set_head_height"](1.0, "kPa", 1.0)
    with pytest.raises(HandsRefusal, match="is no pressure"):
        world.hands.actions["set_back_pressure"](1.0, "cm", 1.0)


def test_a_leaking_line_takes_no_back_pressure() -> None:
    world = World(quiet({"fault": "slow_leak"}))
    with pytest.raises(HandsRefusal, match="leak or a bubble"):
        world.hands.actions["set_back_pressure"](1.0, "kPa", 1.0)
