"""Whatever happens on the wire, the New Era driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.link import BUFFER_LIMIT
from drivers.pump.new_era import NewEraPump, NewEraSafePump, Options
from drivers.roles import BolusStatus, DeliveryState
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, flip, late
from tests.drivers.new_era_peer import EmulatedLink, elsewhere, noise, opened
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

LONGEST_S = 60.0
"""No verb takes longer, whatever comes."""
BASIC: list[Fault] = [drop, cut, late, doubled, doubled_late, elsewhere, noise]
SAFE: list[Fault] = [drop, cut, late, doubled, doubled_late, noise, flip]
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


def in_time(link: EmulatedLink, ask: Callable[[], object]) -> object:
    began_s = link.clock.now_s()
    answer = outcome(ask)
    assert link.clock.now_s() - began_s < LONGEST_S
    return answer


def work(pump: NewEraSafePump, link: EmulatedLink) -> None:
    """Deliver something, whatever it comes to; every answer is right or an error."""
    in_time(link, lambda: pump.start_basal(100.0))
    link.clock.sleep_s(36.0)
    for _ in range(3):
        moved_ul = link.moved_ul
        counted_ul = in_time(link, pump.delivered_ul)
        assert counted_ul is None or moved_ul - 0.02 <= counted_ul <= link.moved_ul + 0.02  # type: ignore[operator]
        state = in_time(link, pump.state)
        assert state in (None, DeliveryState.ALARM) or (state is DeliveryState.BASAL) == link.drive.running
        in_time(link, lambda: pump.poll(link.clock.now_s()))
    in_time(link, pump.take_alarms)
    in_time(link, pump.stop)
    in_time(link, lambda: pump.start_bolus(2.0))
    link.clock.sleep_s(20.0)
    status = in_time(link, pump.bolus_status)
    assert status is None or isinstance(status, BolusStatus)
    in_time(link, pump.stop)


def recover(pump: NewEraSafePump, link: EmulatedLink) -> None:
    """With a sound line again the pump is stopped, and counts what it gave."""
    link.faults = iter(())
    link.clock.sleep_s(2.0)
    pump.stop()
    assert not link.drive.running
    assert pump.state() in (DeliveryState.STOPPED, DeliveryState.ALARM)
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=0.02)


@FEW
@given(st.lists(st.sampled_from([None, None, *BASIC]), max_size=40))
def test_in_basic_mode(faults: Sequence[Fault | None]) -> None:
    pump, link = opened(*faults)
    work(pump, link)
    recover(pump, link)


@FEW
@given(st.lists(st.sampled_from([None, None, *SAFE]), max_size=40))
def test_in_safe_mode(faults: Sequence[Fault | None]) -> None:
    pump, link = opened()
    pump.arm_watchdog(255.0)
    link.faults = iter(faults)
    work(pump, link)
    recover(pump, link)


@pytest.mark.parametrize("fault", SAFE)
@pytest.mark.parametrize("armed", [False, True])
def test_the_watchdog_is_armed_and_disarmed_at_last(fault: Fault, armed: bool) -> None:
    """Whichever reply meets a fault, the next attempt finds the pump in the mode that it is in."""
    for hit in range(3):
        pump, link = opened()
        if armed:
            pump.arm_watchdog(255.0)
        link.faults = iter([None] * hit + [fault])
        outcome(lambda: pump.disarm_watchdog() if armed else pump.arm_watchdog(60.0))  # noqa: B023
        link.faults = iter(())
        link.clock.sleep_s(2.0)
        pump.disarm_watchdog() if armed else pump.arm_watchdog(60.0)
        assert pump.state() is DeliveryState.STOPPED
        assert (link.written[-1][:1] == b"\x02") is not armed


def test_a_flood_is_neither_kept_nor_waited_for() -> None:
    pump, link = opened()
    flood = b"\x0200S" * 4096

    def endless(may_wait: bool) -> bytes:
        if may_wait:
            link.clock.sleep_s(0.001)
        return flood

    receive, link._receive = link._receive, endless  # type: ignore[method-assign]
    for ask in (pump.state, pump.delivered_ul, pump.stop):
        assert in_time(link, ask) is None
        assert len(link.unread) <= BUFFER_LIMIT + len(flood)
    link._receive = receive  # type: ignore[method-assign]
    pump.stop()


@FEW
@given(st.lists(NOISE, min_size=1, max_size=6), st.integers(0, 6))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = ScriptedLink([b"\x0200SNE1000V3.93\x03", *replies])
    pump = NewEraPump(link, Options.model_validate({"diameter": "4.699 mm"}))
    asks: list[Callable[[], object]] = [
        pump.state,
        pump.bolus_status,
        pump.delivered_ul,
        pump.take_alarms,
        pump.stop,
        lambda: pump.start_bolus(1.0),
        lambda: pump.start_basal(10.0),
    ]
    answer = outcome(asks[ask])
    if isinstance(answer, float):
        assert math.isfinite(answer)
    assert answer is None or isinstance(answer, (DeliveryState, BolusStatus, float, list))


@FEW
@given(st.lists(NOISE, min_size=1, max_size=6))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: NewEraPump(link, Options.model_validate({"diameter": "4.699 mm"})))
    assert link.clock.now_s() < LONGEST_S
