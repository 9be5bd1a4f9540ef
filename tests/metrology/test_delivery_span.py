"""Begin and end of a delivery by the readings alone: pulses, flows, and what must not be taken for either."""

from __future__ import annotations

import numpy as np
import pytest

from bench.metrology.delivery_span import DeliverySpan, delivery_span
from bench.metrology.noise import Floats

FLAT_S = 600.0


def times(length_s: float, step_s: float = 0.5) -> Floats:
    return np.arange(0.0, length_s, step_s)


def shown(
    time_s: Floats, delivered_mg: Floats, loss_mg_per_h: float, noise_mg: float = 0.012, digit_mg: float = 0.01
) -> Floats:
    """Return what a balance shows of a mass: its own noise, evaporation, rounding."""
    noise = np.random.default_rng(5).normal(0.0, noise_mg, len(time_s))
    mass = 25_000.0 + delivered_mg - loss_mg_per_h * time_s / 3600.0 + noise
    return np.asarray(np.round(mass / digit_mg) * digit_mg, dtype=np.float64)


def every(interval_s: float, number: int) -> Floats:
    """Return instants from the end of the first flat on."""
    return np.asarray(FLAT_S + interval_s * np.arange(number), dtype=np.float64)


def pulses(time_s: Floats, instants_s: Floats, size_mg: float, lag_s: float = 1.0) -> Floats:
    since_s = np.maximum(time_s[:, None] - instants_s[None, :], 0.0)
    return np.asarray(size_mg * (1.0 - np.exp(-since_s / lag_s)).sum(axis=1))


def assert_spans(span: DeliverySpan, begin_s: float, end_s: float) -> None:
    assert span.begin_s is not None
    assert span.end_s is not None
    assert span.begin_s == pytest.approx(begin_s, abs=3.0)
    assert span.end_s == pytest.approx(end_s, abs=3.0)


@pytest.mark.parametrize("loss_mg_per_h", [0.0, 30.0])
@pytest.mark.parametrize(
    ("interval_s", "size_mg", "digit_mg"), [(180.0, 0.5, 0.01), (40.0, 0.25, 0.01), (300.0, 1.0, 0.1)]
)
def test_pulses_span_as_many_intervals(
    interval_s: float, size_mg: float, digit_mg: float, loss_mg_per_h: float
) -> None:
    instants_s = every(interval_s, 12)
    time_s = times(instants_s[-1] + FLAT_S)
    mass_mg = shown(time_s, pulses(time_s, instants_s, size_mg), loss_mg_per_h, digit_mg, digit_mg)
    span = delivery_span(time_s, mass_mg)
    assert (span.pulses, span.intervals) == (12, 12)
    assert span.interval_s == pytest.approx(interval_s, rel=0.02)
    assert_spans(span, instants_s[0] - 0.5 * interval_s, instants_s[-1] + 0.5 * interval_s)


def test_readings_without_noise_and_sharp_steps() -> None:
    instants_s = every(180.0, 20)
    time_s = times(instants_s[-1] + FLAT_S, 0.1)
    mass_mg = shown(time_s, pulses(time_s, instants_s, 0.4984, 1e-9), 0.0, 0.0)
    assert_spans(delivery_span(time_s, mass_mg), FLAT_S - 90.0, instants_s[-1] + 90.0)


def test_a_missed_pulse_leaves_its_interval_to_the_delivery() -> None:
    instants_s = np.delete(every(180.0, 20), 7)
    time_s = times(instants_s[-1] + FLAT_S)
    span = delivery_span(time_s, shown(time_s, pulses(time_s, instants_s, 0.5), 1.0))
    assert (span.pulses, span.intervals) == (19, 20)


def test_what_touches_the_balance_before_and_after_is_no_pulse() -> None:
    instants_s = every(180.0, 20)
    time_s = times(instants_s[-1] + FLAT_S)
    mass_mg = shown(time_s, pulses(time_s, instants_s, 0.5), 1.0)
    mass_mg[(time_s > 100.0) & (time_s < 108.0)] += 0.6
    mass_mg[time_s > instants_s[-1] + 300.0] += 40.0
    assert_spans(delivery_span(time_s, mass_mg), FLAT_S - 90.0, instants_s[-1] + 90.0)


def test_a_gap_of_one_interval_is_no_flat() -> None:
    instants_s = every(200.0, 20) - FLAT_S + 200.0
    time_s = times(instants_s[-1] + FLAT_S)
    span = delivery_span(time_s, shown(time_s, pulses(time_s, instants_s, 0.5), 1.0))
    assert span.begin_s is None
    assert span.end_s == pytest.approx(instants_s[-1] + 100.0, abs=3.0)


@pytest.mark.parametrize("loss_mg_per_h", [0.0, 30.0])
@pytest.mark.parametrize("rate_mg_per_h", [10.0, 600.0])
def test_a_steady_flow_is_between_its_hinges(rate_mg_per_h: float, loss_mg_per_h: float) -> None:
    time_s = times(3600.0 + 2.0 * FLAT_S)
    flowed = rate_mg_per_h / 3600.0 * np.clip(time_s - FLAT_S, 0.0, 3600.0)
    span = delivery_span(time_s, shown(time_s, flowed, loss_mg_per_h))
    assert span.pulses == 0
    assert span.begin_s == pytest.approx(FLAT_S, abs=span.half_s)
    assert span.end_s == pytest.approx(FLAT_S + 3600.0, abs=span.half_s)
    assert span.half_s < 20.0


@pytest.mark.parametrize("first_hour", [1.0, 0.8])
def test_a_flow_from_end_to_end_has_no_flats(first_hour: float) -> None:
    time_s = times(4.0 * 3600.0)
    flowed = 10.0 / 3600.0 * (first_hour * np.minimum(time_s, 3600.0) + np.maximum(time_s - 3600.0, 0.0))
    span = delivery_span(time_s, shown(time_s, flowed, 0.05))
    assert span.begin_s is None
    assert span.end_s is None


def test_noise_and_loss_alone_are_no_delivery() -> None:
    time_s = times(3600.0)
    span = delivery_span(time_s, shown(time_s, np.zeros(len(time_s)), 10.0))
    assert (span.begin_s, span.end_s, span.pulses) == (None, None, 0)
