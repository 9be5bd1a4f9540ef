"""The step response in closed form against the same filters worked step by step."""

import numpy as np
import pytest

from bench.metrology.step_response import StepResponse


def worked(response: StepResponse, time_s: np.ndarray) -> np.ndarray:
    """Put a unit step through creep, lag and moving average by small steps."""
    step_s = float(time_s[1] - time_s[0])
    slow = 1.0 - np.exp(-time_s / response.tail_s)
    arrived = (1.0 - response.tail_share) + response.tail_share * slow
    shown, state = np.zeros(len(time_s)), 0.0
    for index, value in enumerate(arrived):
        state += (value - state) * -np.expm1(-step_s / response.lag_s)
        shown[index] = state
    width = round(response.average_s / step_s)
    if width:
        padded = np.concatenate((np.zeros(width), shown))
        shown = np.convolve(padded, np.full(width, 1.0 / width), "full")[width : width + len(time_s)]
    return shown


@pytest.mark.parametrize(
    "response",
    [
        StepResponse(1.0),
        StepResponse(0.4, 0.8, 0.1, 12.0),
        StepResponse(2.0, 0.0, 0.2, 40.0),
        StepResponse(0.05, 2.0, 0.05, 20.0),
    ],
)
def test_closed_form(response: StepResponse) -> None:
    time_s = np.arange(0.0, 60.0, 0.002)
    np.testing.assert_allclose(response.at(time_s), worked(response, time_s), atol=0.025)
    np.testing.assert_allclose(response.at(time_s[2000:]), worked(response, time_s)[2000:], atol=0.002)


def test_means_are_those_of_the_response() -> None:
    response = StepResponse(0.7, 0.5, 0.08, 20.0)
    begin = np.array([-1.0, -0.3, 0.4, 5.0, 900.0])
    end = begin + np.array([0.5, 0.6, 0.1, 30.0, 60.0])
    for mean, first, last in zip(response.means(np.stack((begin, end))), begin, end, strict=True):
        middles = first + (np.arange(20000) + 0.5) * (last - first) / 20000
        assert mean == pytest.approx(float(np.mean(response.at(middles))), abs=1e-7)
    assert response.means(np.array([[1e4], [1e4 + 60.0]]))[0] == pytest.approx(1.0, abs=1e-6)
    assert response.at(np.array([-0.01]))[0] == 0.0


def test_what_has_not_come_yet() -> None:
    response = StepResponse(0.7, 0.5, 0.08, 20.0)
    late = np.array([10.0, 30.0, 80.0])
    np.testing.assert_allclose(response.tail_left(late), 1.0 - response.at(late), atol=2e-5)
