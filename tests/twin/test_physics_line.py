"""The line against its closed-form solutions, worked out here apart from the code."""

import math
from itertools import pairwise

import numpy as np
import pytest

from bench.quantities import Concentration
from bench.twin.faults import FaultSet
from bench.twin.plant import Line, Segment
from tests.twin.quiet import quiet

C_UL_PER_KPA = 0.15
R_KPA_S_PER_UL = 1.5
RC_S = C_UL_PER_KPA * R_KPA_S_PER_UL


def line_of(*faults: dict[str, object], **plant: str) -> Line:
    simulation = quiet(*faults, plant=plant)
    return Line(simulation.plant, FaultSet(simulation.faults), Concentration(100.0))


def test_a_pulse_raises_the_pressure_by_volume_over_compliance_and_leaves_with_rc() -> None:
    line = line_of()
    line.inject(0.5, 10.0)
    assert line.pressure_kpa(10.0) == pytest.approx(0.5 / C_UL_PER_KPA)
    for passed_s in (0.1, RC_S, 0.5, 2.0):
        assert line.volume_ul(10.0 + passed_s) == pytest.approx(0.5 * (1.0 - math.exp(-passed_s / RC_S)))
        assert line.pressure_kpa(10.0 + passed_s) == pytest.approx(0.5 / C_UL_PER_KPA * math.exp(-passed_s / RC_S))


def test_the_slow_share_leaves_with_its_own_time_constant() -> None:
    line = line_of(slow_share="8 %", slow_time="20 s")
    line.inject(1.0, 0.0)
    for passed_s in (5.0, 20.0, 60.0):
        assert line.volume_ul(passed_s) == pytest.approx(0.92 + 0.08 * (1.0 - math.exp(-passed_s / 20.0)), abs=1e-9)


def test_many_pulses_superpose_and_nothing_is_lost() -> None:
    line = line_of(slow_share="8 %")
    rng = np.random.default_rng(3)
    times_s = np.cumsum(rng.exponential(2.0, 200))
    volumes_ul = rng.uniform(0.1, 1.0, 200)
    for time_s, volume_ul in zip(times_s, volumes_ul, strict=True):
        line.inject(volume_ul, time_s)
    end_s = times_s[-1] + 3.0
    passed_s = end_s - times_s
    expected_ul = volumes_ul @ (1.0 - 0.92 * np.exp(-passed_s / RC_S) - 0.08 * np.exp(-passed_s / 20.0))
    assert line.volume_ul(end_s) == pytest.approx(expected_ul, rel=1e-12)
    assert line.volume_ul(end_s) + line.stored_ul(end_s) == pytest.approx(volumes_ul.sum(), rel=1e-12)


def test_an_occluded_line_keeps_everything_and_gives_it_back_with_rc() -> None:
    line = line_of()
    line.shut(0.0)
    for pulse in range(30):
        line.inject(0.5, 1.0 + pulse)
    assert line.volume_ul(100.0) == 0.0
    assert line.pressure_kpa(100.0) == pytest.approx(15.0 / C_UL_PER_KPA)
    line.open(200.0)
    assert line.volume_ul(200.0 + RC_S) == pytest.approx(15.0 * (1.0 - math.exp(-1.0)))
    assert line.volume_ul(300.0) == pytest.approx(15.0)


def test_a_bubble_is_compressed_by_boyles_law() -> None:
    line = line_of({"fault": "bubble", "volume": "10 µL", "ahead": "1 mL"})
    line.shut(0.0)
    line.inject(20.0, 1.0)
    pressure_kpa = line.pressure_kpa(1.0)
    air_ul = 10.0 * 101.325 / (101.325 + pressure_kpa)
    assert C_UL_PER_KPA * pressure_kpa + (10.0 - air_ul) == pytest.approx(20.0, rel=1e-9)
    line.inject(0.0005, 2.0)
    assert line.pressure_kpa(2.0) > pressure_kpa


def test_a_bubble_leaves_instead_of_liquid() -> None:
    line = line_of({"fault": "bubble", "volume": "10 µL", "ahead": "5 µL"})
    shown = []
    for pulse in range(60):
        time_s = 60.0 * pulse
        line.run_until(time_s)
        line.inject(0.5, time_s)
        line.run_until(time_s + 59.0)
        shown.append(line.volume_ul(time_s + 59.0))
    assert shown[9] == pytest.approx(5.0, abs=1e-6)
    assert shown[20] == pytest.approx(5.0, abs=1e-6)
    assert shown[-1] == pytest.approx(30.0 - 10.0, abs=1e-6)


def test_a_leak_takes_its_share_of_free_flow_and_lets_pressure_go() -> None:
    line = line_of({"fault": "slow_leak", "share": "25 %"})
    line.inject(1.0, 0.0)
    assert line.volume_ul(100.0) == pytest.approx(0.75)
    line.shut(100.0)
    line.inject(1.0, 100.0)
    leak = R_KPA_S_PER_UL * 0.75 / 0.25
    assert line.pressure_kpa(102.0) == pytest.approx(
        1.0 / C_UL_PER_KPA * math.exp(-2.0 / (leak * C_UL_PER_KPA)), rel=1e-9
    )


def test_a_clogged_cannula_slows_the_outflow() -> None:
    line = line_of({"fault": "partial_occlusion", "factor": 100.0})
    line.inject(1.0, 0.0)
    assert line.volume_ul(10.0) == pytest.approx(1.0 - math.exp(-10.0 / (100.0 * RC_S)))


def test_an_unequal_history_of_questions_leaves_the_same_state() -> None:
    asked, silent = line_of(slow_share="8 %"), line_of(slow_share="8 %")
    for pulse in range(20):
        for line in (asked, silent):
            line.inject(0.5, 3.0 * pulse)
        for part in range(10):
            asked.pressure_kpa(3.0 * pulse + 0.3 * part)
    assert asked.volume_ul(61.0) == silent.volume_ul(61.0)


def test_listeners_get_segments_that_join_without_a_jump() -> None:
    line = line_of(slow_share="8 %")
    segments: list[Segment] = []
    line.listen(segments.append)
    for pulse in range(5):
        line.inject(0.5, 2.0 * pulse)
    for before, after in pairwise(segments):
        assert before.volume_at(after.start_s) == pytest.approx(after.volume_ul, abs=1e-15)
