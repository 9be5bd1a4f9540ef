"""Whatever happens on the wire, the Harvard driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.link import BUFFER_LIMIT
from drivers.pump.harvard_ultra import HarvardUltraPump, Options
from drivers.roles import BolusStatus, DeliveryState
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, late
from tests.drivers.harvard_ultra_peer import EmulatedLink, elsewhere, lost_line, noise, opened
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

LONGEST_S = 60.0
"""No verb takes longer, whatever comes."""
FAULTS: list[Fault] = [drop, cut, late, doubled, doubled_late, elsewhere, noise, lost_line]
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
OPENING = [
    b"\n:", b"\n:\x11", b"\n:\x11", b"\nPHD ULTRA 3.0.5\r\n:\x11", b"\n:\x11", b"\n:\x11", b"\n4.699 mm\r\n:\x11",
    b"\nTarget time not set\r\n:\x11", b"\n3 nl/min to 3 ml/min\r\n:\x11", b"\n0 0 0 i..TI.\r\n:\x11", b"\n:\x11",
    b"\n0 0 0 i..TI.\r\n:\x11",
]  # fmt: skip
LIKE_IT = st.one_of(NOISE, st.text("\n\r:*<>T\x110123456789 .iIwWSTulmhrn/", max_size=60).map(str.encode))


def in_time(link: EmulatedLink, ask: Callable[[], object]) -> object:
    began_s = link.clock.now_s()
    answer = outcome(ask)
    assert link.clock.now_s() - began_s < LONGEST_S
    return answer


def work(pump: HarvardUltraPump, link: EmulatedLink) -> None:
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
    in_time(link, pump.suspend)
    in_time(link, pump.resume)
    in_time(link, pump.stop)
    in_time(link, lambda: pump.start_bolus(2.0))
    link.clock.sleep_s(20.0)
    status = in_time(link, pump.bolus_status)
    assert status is None or isinstance(status, BolusStatus)
    in_time(link, pump.stop)


def recover(pump: HarvardUltraPump, link: EmulatedLink) -> None:
    """With a sound line again the pump is stopped, and counts what it gave."""
    link.faults = iter(())
    link.clock.sleep_s(2.0)
    pump.stop()
    assert not link.drive.running
    assert pump.state() in (DeliveryState.STOPPED, DeliveryState.ALARM)
    outcome(pump.delivered_ul)  # may tell that the count was cleared meanwhile
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=0.02)


@FEW
@given(st.lists(st.sampled_from([None, None, *FAULTS]), max_size=60), st.sampled_from([0, 7]))
def test_faults_on_the_wire(faults: Sequence[Fault | None], address: int) -> None:
    pump, link = opened(*faults, driver={"pump_address": address}, address=address, model="legato")
    work(pump, link)
    recover(pump, link)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_at_each_reply_of_a_start_and_a_stop(fault: Fault) -> None:
    for hit in range(24):
        pump, link = opened(*[None] * hit, fault)
        work(pump, link)
        recover(pump, link)


def test_a_touched_screen_does_not_keep_it_from_being_stopped() -> None:
    pump, link = opened(touched="30 s")
    pump.start_basal(100.0)
    link.clock.sleep_s(60.0)
    pump.stop()
    assert not link.drive.running


def test_a_flood_is_neither_kept_nor_waited_for() -> None:
    pump, link = opened()
    flood = b"\n:ver" * 4096

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
@given(st.lists(LIKE_IT, min_size=1, max_size=6), st.integers(0, 7))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = ScriptedLink([*OPENING, *replies])
    pump = HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm"}))
    asks: list[Callable[[], object]] = [
        pump.state,
        pump.bolus_status,
        pump.delivered_ul,
        pump.take_alarms,
        pump.stop,
        lambda: pump.start_bolus(1.0),
        lambda: pump.start_basal(10.0),
        pump.identify,
    ]
    answer = outcome(asks[ask])
    if isinstance(answer, float):
        assert math.isfinite(answer)
    assert link.clock.now_s() < 2 * LONGEST_S


@FEW
@given(st.lists(LIKE_IT, min_size=1, max_size=14))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm"})))
    assert link.clock.now_s() < LONGEST_S
