"""When an alarm began, from looks that come now and then."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from drivers.alarm_detector import AlarmDetector
from drivers.roles import AlarmSignal

TOOK_S = 0.01


def looks(detector: AlarmDetector, seen: Iterable[tuple[float, bool]]) -> list[AlarmSignal]:
    return [detector.look(there, at_s, at_s + TOOK_S, "seen") for at_s, there in seen]


def test_it_began_between_the_last_look_without_and_the_first_with() -> None:
    *before, signal = looks(AlarmDetector(0.0, 0.0), [(1.0, False), (2.0, False), (3.0, True)])
    assert not any(each.on for each in before)
    assert (signal.on, signal.earliest_s, signal.latest_s) == (True, 2.0, 3.0 + TOOK_S)


def test_a_gap_in_the_looks_widens_when_it_began() -> None:
    *_, signal = looks(AlarmDetector(0.0, 0.0), [(1.0, False), (90.0, True)])
    assert (signal.earliest_s, signal.latest_s) == (1.0, 90.0 + TOOK_S)


def test_nobody_knows_since_when_what_was_there_at_first() -> None:
    (signal,) = looks(AlarmDetector(0.0, 0.0), [(5.0, True)])
    assert signal.on
    assert math.isnan(signal.earliest_s)


def test_it_is_believed_once_it_has_lasted_and_dated_back() -> None:
    detector = AlarmDetector(1.0, 0.0)
    found = looks(detector, [(0.0, False), (0.5, True), (1.0, True), (1.5, True)])
    assert [each.on for each in found] == [False, False, False, True]
    assert (found[-1].earliest_s, found[-1].latest_s) == (0.0, 0.5 + TOOK_S)


def test_a_click_is_no_alarm_and_the_next_one_is_none_of_its() -> None:
    detector = AlarmDetector(1.0, 0.3)
    found = looks(
        detector, [(0.0, False), (0.5, True), (1.0, False), (1.4, False), (1.5, True), (2.0, False), (2.5, False)]
    )
    assert not any(each.on for each in found)
    assert looks(detector, [(3.0, True), (4.1, True)])[-1].earliest_s == 2.5


def test_beeps_are_one_alarm_and_a_longer_silence_ends_it() -> None:
    detector = AlarmDetector(0.0, 1.0)
    beeps = [(0.0, False), (0.5, True), (1.0, False), (1.5, False), (2.0, True), (2.5, False)]
    assert [each.on for each in looks(detector, beeps)] == [False, True, True, True, True, True]
    assert looks(detector, [(3.4, False)])[0].latest_s == 0.5 + TOOK_S
    assert not looks(detector, [(3.6, False)])[0].on
    assert looks(detector, [(3.7, True)])[0].earliest_s == 3.6


@pytest.mark.parametrize("began_s", [0.0, 0.13, 0.49, 0.51, 7.77])
def test_a_beeping_alarm_began_within_what_is_told(began_s: float) -> None:
    detector = AlarmDetector(1.5, 1.0)
    for number in range(200):
        at_s = 0.4 * number - 5.0
        signal = detector.look(at_s >= began_s and (at_s - began_s) % 1.5 < 0.5, at_s, at_s + TOOK_S, "")
        if signal.on:
            assert signal.earliest_s <= began_s <= signal.latest_s
            assert at_s - began_s < 3.0
            return
    pytest.fail("never heard")
