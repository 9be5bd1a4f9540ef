"""The parts of a pump's scatter, each alone: what is made up for, what rest brings in, what comes at first."""

import numpy as np
import numpy.typing as npt
import pytest

from bench.twin.faults import FaultSet
from bench.twin.metering import Metering
from tests.twin.quiet import quiet

Array = npt.NDArray[np.float64]


def metered(times_s: Array, **pump: str) -> Array:
    metering = Metering(quiet(pump=pump).pump, FaultSet([]), 1)
    return np.array([metering.meter(0.5, float(time_s)) for time_s in times_s])


def every(interval_s: float, count: int) -> Array:
    return interval_s * np.arange(1.0, count + 1.0)


def test_where_the_plunger_stops_scatters_and_the_next_pulse_makes_up_for_it() -> None:
    volumes = metered(every(180.0, 4000), stop_sd="0.005 U")
    # One pulse has the difference of two stops; any sum has no more than that.
    assert volumes.std() == pytest.approx(np.sqrt(2.0) * 0.05, rel=0.05)
    errors = np.cumsum(volumes) - 0.5 * np.arange(1, 4001)
    assert errors.std() == pytest.approx(0.05, rel=0.05)
    assert abs(errors[-1]) < 5 * 0.05
    assert np.corrcoef(volumes[:-1], volumes[1:])[0, 1] == pytest.approx(-0.5, abs=0.05)


def test_a_stop_is_never_behind_the_one_before() -> None:
    volumes = metered(every(180.0, 4000), stop_sd="0.05 U")
    assert volumes.min() == 0.0
    assert abs(volumes.sum() - 2000.0) < 5 * 0.5


def test_pulses_in_quick_succession_hardly_have_the_slow_wander() -> None:
    wander = {"slow_sd": "20 %", "slow_correlation": "1 h", "slow_rest": "60 s"}
    slow, quick = metered(every(600.0, 4000), **wander), metered(every(2.0, 4000), **wander)
    always = metered(every(2.0, 4000), **{**wander, "slow_rest": "0 s"})
    assert slow.std() / 0.5 == pytest.approx(0.2, rel=0.1)
    assert quick - 0.5 == pytest.approx((always - 0.5) * -np.expm1(-2.0 / 60.0))


@pytest.mark.parametrize("interval_s", [60.0, 600.0])
def test_the_startup_volume_is_the_same_whatever_the_rate_and_comes_anew_with_a_reservoir(interval_s: float) -> None:
    metering = Metering(quiet(pump={"startup_volume": "0.2 U", "startup_decay": "2 h"}).pump, FaultSet([]), 1)

    def excess_ul(first_s: float) -> float:
        times_s = first_s + np.arange(0.0, 2 * 3600.0 + 1.0, interval_s)
        return sum(metering.meter(0.5, float(time_s)) - 0.5 for time_s in times_s)

    assert excess_ul(1000.0) == pytest.approx(2.0 * -np.expm1(-1.0))
    metering.install()
    assert excess_ul(50000.0) == pytest.approx(2.0 * -np.expm1(-1.0))


def test_a_plunger_that_sticks_holds_back_no_more_than_it_can() -> None:
    metering = Metering(quiet(pump={"stiction": "100 %", "stiction_most": "0.03 U"}).pump, FaultSet([]), 1)
    assert [metering.meter(0.5, 180.0 * pulse) for pulse in (1, 2, 3)] == pytest.approx([0.2, 0.5, 0.5])
    assert [metering.meter(0.2, 180.0 * pulse) for pulse in (4, 5)] == pytest.approx([0.2, 0.2])
