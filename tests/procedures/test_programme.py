"""What the pump was told, worked out by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.procedures.shared.programme import Programme, programme
from bench.recording.reader import Event

UL_PER_U = 10.0
HOUR_S = 3600.0


def told(at_s: float, kind: str, *, latency_s: float = 0.0, **data: Any) -> Event:
    acknowledged_s = at_s + latency_s
    return Event(acknowledged_s, kind, {**data, "sent_s": at_s, "acknowledged_s": acknowledged_s})


def of(*events: Event, end_h: float = 24.0) -> Programme:
    return programme(events, end_h * HOUR_S, UL_PER_U)


def profile(at_s: float = 0.0, segments: Any = ((0.0, 6.0), (6 * HOUR_S, 12.0))) -> Event:
    return told(at_s, "profile commanded", segments=[list(each) for each in segments])


def rates(found: Programme) -> list[tuple[float, float, str]]:
    return [(each.begin_s / HOUR_S, each.rate_ul_per_h, each.kind) for each in found.stretches]


def test_a_basal_rate_a_change_and_a_stop() -> None:
    found = of(
        told(HOUR_S, "basal commanded", rate_ul_per_h=10.0),
        told(3 * HOUR_S, "basal commanded", rate_ul_per_h=5.0),
        told(5 * HOUR_S, "basal stopped"),
    )
    assert rates(found) == [(1.0, 10.0, "basal"), (3.0, 5.0, "basal"), (5.0, 0.0, "stopped")]
    assert found.volume_ul(0.0, 24 * HOUR_S) == pytest.approx(30.0)
    assert found.volume_ul(2 * HOUR_S, 4 * HOUR_S) == pytest.approx(15.0)
    assert found.stretches[0].reason == "basal 1 U/h"
    assert found.rate_ul_per_h(0.5 * HOUR_S) == 0.0


def test_a_profile_goes_on_the_next_day_at_its_first_segment() -> None:
    found = of(profile(HOUR_S), end_h=50.0)
    assert rates(found) == [
        (1.0, 6.0, "profile"),
        (7.0, 12.0, "profile"),
        (25.0, 6.0, "profile"),
        (31.0, 12.0, "profile"),
        (49.0, 6.0, "profile"),
    ]
    assert [each.segment for each in found.stretches] == [0, 1, 0, 1, 0]
    assert [each.by_itself for each in found.stretches] == [False, True, True, True, True]
    assert found.volume_ul(HOUR_S, 25 * HOUR_S) == pytest.approx(6 * 6.0 + 18 * 12.0)
    assert found.stretches[1].reason == "profile from 06:00"


def test_a_temporary_percentage_follows_the_profile_and_ends_by_itself() -> None:
    found = of(profile(), told(5 * HOUR_S, "temporary basal commanded", percent=50.0, duration_s=2 * HOUR_S))
    assert rates(found) == [
        (0.0, 6.0, "profile"),
        (5.0, 3.0, "temporary"),
        (6.0, 6.0, "temporary"),
        (7.0, 12.0, "profile"),
    ]
    assert found.stretches[1].programmed_ul_per_h == 6.0
    assert found.stretches[1].reason == "temporary 50 % (profile from 00:00)"


def test_a_temporary_rate_is_its_own_and_a_cancel_ends_it() -> None:
    found = of(
        told(0.0, "basal commanded", rate_ul_per_h=10.0),
        told(HOUR_S, "temporary basal commanded", rate_ul_per_h=3.0, duration_s=4 * HOUR_S),
        told(2 * HOUR_S, "temporary basal cancelled"),
    )
    assert rates(found) == [(0.0, 10.0, "basal"), (1.0, 3.0, "temporary"), (2.0, 10.0, "basal")]


def test_a_suspension_gives_nothing_and_a_temporary_rate_runs_on_meanwhile() -> None:
    found = of(
        told(0.0, "basal commanded", rate_ul_per_h=10.0),
        told(HOUR_S, "temporary basal commanded", percent=200.0, duration_s=2 * HOUR_S),
        told(2 * HOUR_S, "delivery suspended"),
        told(4 * HOUR_S, "delivery resumed"),
        end_h=5.0,
    )
    assert rates(found) == [
        (0.0, 10.0, "basal"),
        (1.0, 20.0, "temporary"),
        (2.0, 0.0, "suspended"),
        (3.0, 0.0, "suspended"),
        (4.0, 10.0, "basal"),
    ]
    assert found.volume_ul(0.0, 5 * HOUR_S) == pytest.approx(10.0 + 20.0 + 10.0)


def test_a_command_holds_half_way_between_sent_and_acknowledged() -> None:
    found = of(told(100.0, "basal commanded", latency_s=4.0, rate_ul_per_h=10.0))
    assert (found.begin_s, found.stretches[0].half_s) == (102.0, 2.0)


def test_a_normal_bolus_comes_evenly_until_it_was_done() -> None:
    found = of(
        told(0.0, "basal commanded", rate_ul_per_h=10.0),
        told(1000.0, "bolus commanded", index=1, volume_ul=40.0),
        Event(1201.0, "bolus done", {"index": 1, "active_s": 1199.0, "reported_ul": 40.0}),
    )
    (bolus,) = found.boluses
    assert (bolus.kind, bolus.begin_s, bolus.end_s, bolus.volume_ul) == ("normal", 1000.0, 1200.0, 40.0)
    assert found.bolus_ul(1000.0, 1050.0) == pytest.approx(10.0)
    assert found.volume_ul(0.0, 3600.0) == pytest.approx(50.0)


def test_a_dual_wave_bolus_waits_while_suspended_and_ends_with_a_stop() -> None:
    found = of(
        told(0.0, "basal commanded", rate_ul_per_h=10.0),
        told(0.0, "extended bolus commanded", index=1, now_ul=15.0, extended_ul=20.0, duration_s=2000.0),
        told(1060.0, "delivery suspended"),
        told(1560.0, "delivery resumed"),
        told(2060.0, "basal stopped"),
    )
    (bolus,) = found.boluses
    assert bolus.kind == "dual wave"
    assert [(piece.begin_s, piece.end_s) for piece in bolus.pieces] == [(0.0, 60.0), (60.0, 1060.0), (1560.0, 2060.0)]
    assert [piece.volume_ul for piece in bolus.pieces] == pytest.approx([15.0, 10.0, 5.0])
    assert bolus.programmed_ul == 35.0
    assert bolus.volume_ul == pytest.approx(30.0)


def test_a_cancelled_bolus_is_due_up_to_the_cancel() -> None:
    found = of(
        told(0.0, "extended bolus commanded", index=1, now_ul=0.0, extended_ul=20.0, duration_s=2000.0),
        told(500.0, "bolus cancelled"),
    )
    assert found.boluses[0].volume_ul == pytest.approx(5.0)
    assert found.bolus_ul(0.0, 9e9) == pytest.approx(5.0)


INSTANT = st.floats(0.0, 30 * HOUR_S)
EVENTS = st.lists(
    st.one_of(
        INSTANT.map(lambda at_s: told(at_s, "basal commanded", rate_ul_per_h=7.0)),
        INSTANT.map(lambda at_s: profile(at_s)),
        INSTANT.map(lambda at_s: told(at_s, "basal stopped")),
        INSTANT.map(lambda at_s: told(at_s, "temporary basal commanded", percent=130.0, duration_s=5000.0)),
        INSTANT.map(lambda at_s: told(at_s, "delivery suspended")),
        INSTANT.map(lambda at_s: told(at_s, "delivery resumed")),
        INSTANT.map(
            lambda at_s: told(at_s, "extended bolus commanded", index=1, now_ul=3.0, extended_ul=4.0, duration_s=3e3)
        ),
    ),
    max_size=8,
)


@given(EVENTS, INSTANT, INSTANT, INSTANT)
def test_volumes_add_up_over_intervals_and_never_come_back(events: list[Event], a: float, b: float, c: float) -> None:
    first, middle, last = sorted((a, b, c))
    found = programme(events, 30 * HOUR_S, UL_PER_U)
    parts = found.volume_ul(first, middle), found.volume_ul(middle, last)
    assert min(parts) >= -1e-9
    assert found.volume_ul(first, last) == pytest.approx(sum(parts), abs=1e-6)
    edges = [(each.begin_s, each.end_s) for each in found.stretches]
    assert all(one[1] == following[0] for one, following in itertools.pairwise(edges))
    assert found.basal_ul(0.0, 30 * HOUR_S) == pytest.approx(sum(each.volume_ul for each in found.stretches))
