"""PK-CV against closed forms: steady flow, equal pulses, a sinusoid, and a fine numerical integration."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrology.cumulative import Cumulative
from bench.metrology.flow_continuity import flow_continuity, level_noise_mg, of_equal_pulses_percent
from bench.metrology.noise import Noise, Part, white_noise

Floats = NDArray[np.float64]


def test_steady_flow_has_none() -> None:
    time_s = np.cumsum(np.random.default_rng(1).exponential(20.0, 3000))
    record = Cumulative(time_s, 10.0 / 3600.0 * time_s)
    found = flow_continuity(record, 300.0, 10.0, float(time_s[0]), float(time_s[-1]))
    assert found is not None
    assert found.cv_percent == pytest.approx(0.0, abs=1e-6)
    assert found.mean_ul == pytest.approx(10.0 / 3600.0 * 300.0 / math.log(2.0))


@pytest.mark.parametrize("half_life_s", [120.0, 300.0, 1200.0, 3600.0])
def test_equal_pulses(half_life_s: float) -> None:
    """Pulses of 0.5 µL every 180 s: √(x·coth x − 1), over whole intervals; a step lasts a microsecond."""
    interval_s = 180.0
    pulses_s = interval_s * (np.arange(600) + 0.5)
    time_s = np.sort(np.concatenate(([0.0], pulses_s - 5e-7, pulses_s + 5e-7, [600 * interval_s])))
    volume_ul = 0.5 * np.searchsorted(pulses_s, time_s).astype(np.float64)
    start_s = 600 * interval_s - interval_s * math.floor(580 - 5 * half_life_s / interval_s) - 5 * half_life_s
    found = flow_continuity(Cumulative(time_s, volume_ul), half_life_s, 10.0, start_s, 600 * interval_s)
    assert found is not None
    assert found.cv_percent == pytest.approx(of_equal_pulses_percent(half_life_s, interval_s), rel=3e-3)


def test_a_sinusoid_is_damped_as_by_a_low_pass() -> None:
    """Flow r·(1 + a·sin ωt): a/√2/√(1 + (ω/k)²), once what was at the start has gone."""
    half_life_s, period_s, amplitude = 600.0, 1800.0, 0.3
    omega, per_s = 2.0 * math.pi / period_s, math.log(2.0) / half_life_s
    end_s = 100.0 * half_life_s + 5.0 * half_life_s
    time_s = np.arange(0.0, end_s + 0.1, 1.0)
    volume_ul = 10.0 / 3600.0 * (time_s + amplitude / omega * (1.0 - np.cos(omega * time_s)))
    found = flow_continuity(Cumulative(time_s, volume_ul), half_life_s, 10.0, 0.0, end_s - (end_s - 3000.0) % period_s)
    assert found is not None
    expected = 100.0 * amplitude / math.sqrt(2.0) / math.sqrt(1.0 + (omega / per_s) ** 2)
    assert found.cv_percent == pytest.approx(expected, rel=1e-3)


def test_any_record_as_by_fine_integration() -> None:
    rng = np.random.default_rng(3)
    time_s = np.concatenate(([0.0], np.cumsum(rng.exponential(40.0, 400))))
    volume_ul = np.concatenate(([0.0], np.cumsum(rng.exponential(0.1, 400))))
    end_s = float(time_s[-1])
    found = flow_continuity(Cumulative(time_s, volume_ul), 400.0, 9.0, 0.0, end_s)
    assert found is not None
    step_s, per_s = 0.05, math.log(2.0) / 400.0
    fine_s = np.arange(0.0, end_s, step_s)
    flow = np.diff(np.interp(fine_s, time_s, volume_ul)) / step_s
    level, levels = 9.0 / 3600.0 / per_s, []
    for each in flow.tolist():
        level += step_s * (each - per_s * level)
        levels.append(level)
    counted = np.array(levels)[fine_s[1:] >= 2000.0]
    assert found.cv_percent == pytest.approx(100.0 * float(counted.std() / counted.mean()), rel=2e-3)
    assert found.mean_ul == pytest.approx(float(counted.mean()), rel=1e-3)
    assert found.seen_s == pytest.approx(end_s - 2000.0)


def test_too_short_a_record_gives_none() -> None:
    time_s = np.arange(0.0, 3001.0, 10.0)
    record = Cumulative(time_s, time_s)
    assert flow_continuity(record, 300.1, 3600.0, 0.0, 3000.0) is None
    assert flow_continuity(record, 300.0, 3600.0, 0.0, 3000.0) is not None


def test_noise_of_the_level() -> None:
    """White noise of density S0: a mean over 10 s has S0/10 s, the past adds little; a walk goes on meanwhile."""
    assert level_noise_mg(white_noise(0.01), 3600.0, 10.0) == pytest.approx(math.sqrt(0.01 / 10.0), rel=2e-3)
    # A walk of q² = 1e-6 mg²/s against its own exponential past: q²·(1/k)/2.
    walk = Noise((Part("walk", 0.0, 1e-6, (0.0, 0.0, 0.0)),))
    mean_life_s = 600.0 / math.log(2.0)
    assert level_noise_mg(walk, 600.0, 10.0) == pytest.approx(math.sqrt(0.5e-6 * mean_life_s), rel=0.03)
