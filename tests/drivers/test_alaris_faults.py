"""Whatever happens on the wire, the Alaris driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.alaris import frame
from drivers.link import BUFFER_LIMIT
from drivers.pump.alaris_asena import AlarisAsena, Options
from drivers.roles import BolusStatus, DeliveryState
from tests.drivers.alaris_peer import EmulatedLink, aborted, another, opened
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, flip, late
from tests.drivers.new_era_peer import noise
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

LONGEST_S = 60.0
"""No verb takes longer, whatever comes."""
FAULTS: list[Fault] = [drop, cut, late, doubled, doubled_late, noise, flip, another, aborted]
FEW = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
RATE_UL_PER_H = 36_000.0
ROUNDING_UL = 0.6
"""The pump counts whole µL, its motor steps of 0.1 µL."""
LIKE_FRAMES = st.one_of(
    NOISE,
    st.lists(
        st.sampled_from([b"INF", b"ALARM", b"^", b"0.00", b"ml/h", b"-", b"HLD", b"8002-51740", b"1.234", b"ml"])
    ).map(lambda parts: frame(b"".join(parts))),
)


def in_time(link: EmulatedLink, ask: Callable[[], object]) -> object:
    began_s = link.clock.now_s()
    answer = outcome(ask)
    assert link.clock.now_s() - began_s < LONGEST_S
    return answer


def work(pump: AlarisAsena, link: EmulatedLink) -> None:
    """Deliver something, whatever it comes to; every answer is right or an error."""
    in_time(link, lambda: pump.start_basal(RATE_UL_PER_H))
    link.clock.sleep_s(3.0)
    for _ in range(3):
        moved_ul = link.moved_ul
        counted_ul = in_time(link, pump.delivered_ul)
        # A doubled reply that comes late may be up to as old as it is late.
        least_ul = moved_ul - RATE_UL_PER_H / 3600.0 - ROUNDING_UL
        assert counted_ul is None or least_ul <= counted_ul <= link.moved_ul + 1.0 + ROUNDING_UL  # type: ignore[operator]
        state = in_time(link, pump.state)
        assert state in (None, DeliveryState.ALARM) or (state is DeliveryState.BASAL) == link.drive.running
        in_time(link, lambda: pump.poll(link.clock.now_s()))
    in_time(link, pump.take_alarms)
    in_time(link, pump.stop)
    in_time(link, lambda: pump.start_bolus(100.0))
    link.clock.sleep_s(5.0)
    status = in_time(link, pump.bolus_status)
    assert status is None or isinstance(status, BolusStatus)
    in_time(link, pump.stop)


def recover(pump: AlarisAsena, link: EmulatedLink) -> None:
    """With a sound line again the pump is stopped, and counts what it gave."""
    link.faults = iter(())
    link.clock.sleep_s(2.0)
    pump.stop()
    assert not link.drive.running
    assert pump.state() in (DeliveryState.STOPPED, DeliveryState.ALARM)
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=ROUNDING_UL)


@FEW
@given(st.lists(st.sampled_from([None, None, *FAULTS]), max_size=60))
def test_faults_on_the_wire(faults: Sequence[Fault | None]) -> None:
    pump, link = opened(*faults)
    work(pump, link)
    recover(pump, link)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_a_time_is_made_up_for(fault: Fault) -> None:
    """Whichever reply it meets, the pump is started, polled and stopped."""
    for hit in range(12):
        pump, link = opened(*[None] * hit, fault)
        pump.start_basal(RATE_UL_PER_H)
        for _ in range(3):
            link.clock.sleep_s(0.5)
            pump.poll(link.clock.now_s())
        assert pump.state() is DeliveryState.BASAL
        pump.stop()
        assert not link.drive.running
        assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=ROUNDING_UL)


def test_a_flood_is_neither_kept_nor_waited_for() -> None:
    pump, link = opened()
    pump.start_basal(RATE_UL_PER_H)
    for flood in (b"!INF^8002-51740" * 4096, frame(b"INF_RATE^0.10^ml/h") * 4096, b"\x00" * 65536):

        def endless(may_wait: bool, flood: bytes = flood) -> bytes:
            if may_wait:
                link.clock.sleep_s(0.001)
            return flood

        receive, link._receive = link._receive, endless  # type: ignore[method-assign]
        for ask in (pump.state, pump.delivered_ul, pump.stop, lambda: pump.poll(math.inf)):
            assert in_time(link, ask) is None
            assert len(link.unread) <= BUFFER_LIMIT + len(flood)
        link._receive = receive  # type: ignore[method-assign]
    pump.stop()
    assert not link.drive.running


def opening(*replies: bytes) -> ScriptedLink:
    return ScriptedLink(
        [
            b"!COMMS_PROTOCOL^Asena Rev 2.1.5|661A\r",
            b"!INST_SERIALNO^8002-51740|050B\r",
            b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r",
            frame(b"INF^8002-51740^-^HLD^0.00^ml/h^^1.234^ml^17.91^mmHg^24+^EVENT^127904"),
            *replies,
        ]
    )


@FEW
@given(st.lists(LIKE_FRAMES, min_size=1, max_size=8), st.integers(0, 8))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = opening(*replies)
    pump = AlarisAsena(link, Options())
    asks: list[Callable[[], object]] = [
        pump.state,
        pump.bolus_status,
        pump.delivered_ul,
        pump.take_alarms,
        pump.stop,
        lambda: pump.start_bolus(1.0),
        lambda: pump.start_basal(1000.0),
        lambda: pump.poll(link.clock.now_s()),
        pump.line_pressure_kpa,
    ]
    answer = outcome(asks[ask])
    assert link.clock.now_s() < LONGEST_S
    assert answer is None or isinstance(answer, (DeliveryState, BolusStatus, float, list))
    if isinstance(answer, float):
        assert not math.isinf(answer)


@FEW
@given(st.lists(LIKE_FRAMES, min_size=1, max_size=6))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: AlarisAsena(link, Options()))
    assert link.clock.now_s() < LONGEST_S
