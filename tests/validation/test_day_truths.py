"""A day on the twin: what is stated lies about the twin's own truth, and the plain reading of commands about ours.

Two hundred runs are made by `./run python benchmarks/coverage.py --procedures profile --runs 200 --folder …`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.procedures.shared.programme import programme
from bench.recording.reader import Event, TestRecord
from bench.rig.load import load_rig
from bench.twin.truth import Truth
from bench.validation.course import Course
from bench.validation.day_truths import day_truths
from bench.validation.plans import short_plan
from bench.validation.runs import Compared, compare, drive
from bench.validation.told import Told
from bench.validation.world import draw_world

RIG = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.yaml"
SEEDS = (1, 2, 3)
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Compared]:
    rig, found = load_rig(RIG), []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp("day") / str(seed)
        world = draw_world(rig, seed)
        run = drive(short_plan("profile", world.pump), rig, world, folder)
        found += compare(run, folder, seed, 10.0)
    return found


def test_every_measurement_of_a_day_has_a_truth(compared: Sequence[Compared]) -> None:
    assert {each.name for each in compared} == {
        "mean_error",
        "total_volume",
        "largest_segment_error",
        "segments_within_15_percent",
        "basal_error",
        "bolus_error",
        "largest_bolus_error",
        "response_delay",
        "largest_response_delay",
        "lost_at_changes",
        "largest_loss_at_change",
        "suspended_volume",
        "temporary_error",
        "interaction",
        "clock_error",
    }
    assert len(compared) == 15 * len(SEEDS)


def test_the_truth_lies_within_what_is_stated(compared: Sequence[Compared]) -> None:
    outside = [each for each in compared if not each.covered]
    assert len(outside) <= 0.1 * len(compared), outside
    far = [each for each in compared if abs(each.error) > 2.0 * each.expanded + 1e-9]
    assert far == []


class _Events(TestRecord):
    """Commands without a recording."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events


class _Staircase(Truth):
    """Pulses that are in the vessel at once."""

    def delivered_ul(self, time_s: float) -> float:
        return float(self.pulse_volume_ul[self.pulse_time_s <= time_s].sum())


def told(at_h: float, kind: str, **data: Any) -> Event:
    at_s = at_h * HOUR_S
    return Event(at_s, kind, {**data, "sent_s": at_s, "acknowledged_s": at_s})


@pytest.mark.parametrize("sticks", [False, True])
def test_a_change_is_answered_by_the_first_pulse_that_moves_anything(*, sticks: bool) -> None:
    """1 U/h to 2 U/h on the hour by pulses of 0.05 U; the first at 2 U/h may stick and come with the next."""
    events = [
        told(0.0, "profile commanded", segments=[[0.0, 10.0], [HOUR_S, 20.0]]),
        told(2.0, "basal stopped"),
        told(2.1, "settled"),
    ]
    times_s = np.concatenate([np.arange(180.0, 3601.0, 180.0), np.arange(3690.0, 7201.0, 90.0)])
    volumes_ul = np.full(times_s.size, 0.5)
    if sticks:
        volumes_ul[20:22] = 0.0, 1.0
    full = np.full(times_s.size, 0.5)
    truth = _Staircase({}, times_s, full, volumes_ul, 0.0 * full, ["basal"] * times_s.size, [], [])
    found = day_truths(Course(_Events(events), truth, 10.0))
    assert found["response_delay"] == pytest.approx(3.0 if sticks else 1.5)
    assert found["lost_at_changes"] == pytest.approx(0.0, abs=1e-12)


def test_two_readings_of_the_same_commands_agree() -> None:
    events = [
        told(0.0, "profile commanded", segments=[[0.0, 6.0], [5 * HOUR_S, 13.0], [20 * HOUR_S, 2.0]]),
        told(4.5, "temporary basal commanded", percent=40.0, duration_s=2 * HOUR_S),
        told(6.0, "delivery suspended"),
        told(7.0, "delivery resumed"),
        told(19.0, "temporary basal commanded", rate_ul_per_h=3.0, duration_s=3 * HOUR_S),
        told(21.0, "temporary basal cancelled"),
        told(30.0, "basal commanded", rate_ul_per_h=7.0),
        told(40.0, "basal stopped"),
    ]
    plain, ours = Told.of(_Events(events)), programme(events, 50 * HOUR_S, 10.0)
    for begin_h, end_h in [(0.0, 50.0), (4.0, 6.5), (5.9, 7.1), (18.0, 22.0), (23.0, 26.0), (29.0, 45.0)]:
        assert plain.due_ul(begin_h * HOUR_S, end_h * HOUR_S) == pytest.approx(
            ours.volume_ul(begin_h * HOUR_S, end_h * HOUR_S)
        )
