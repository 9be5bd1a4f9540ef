"""Whatever happens on the wire, the Alaris driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.alaris import frame
from drivers.pump.alaris_asena import AlarisAsena, Options
from drivers.roles import DeliveryState
from tests.drivers.alaris_peer import aborted, another, opened
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, flip, late
from tests.drivers.new_era_peer import noise
from tests.drivers.pump_faults import ASKS, LONGEST_S, Doses, asked, recover, stand_a_flood, work
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

FAULTS: list[Fault] = [drop, cut, late, doubled, doubled_late, noise, flip, another, aborted]
FEW = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
RATE_UL_PER_H = 36_000.0
ROUNDING_UL = 0.6
"""The pump counts whole µL, its motor steps of 0.1 µL."""
DOSES = Doses(
    rate_ul_per_h=RATE_UL_PER_H,
    rate_s=3.0,
    bolus_ul=100.0,
    bolus_s=5.0,
    # A doubled reply that comes late may be up to as old as it is late.
    behind_ul=RATE_UL_PER_H / 3600.0 + ROUNDING_UL,
    ahead_ul=1.0 + ROUNDING_UL,
    rounding_ul=ROUNDING_UL,
)
LIKE_FRAMES = st.one_of(
    NOISE,
    st.lists(
        st.sampled_from([b"INF", b"ALARM", b"^", b"0.00", b"ml/h", b"-", b"HLD", b"8002-51740", b"1.234", b"ml"])
    ).map(lambda parts: frame(b"".join(parts))),
)


@FEW
@given(st.lists(st.sampled_from([None, None, *FAULTS]), max_size=60))
def test_faults_on_the_wire(faults: Sequence[Fault | None]) -> None:
    pump, link = opened(*faults)
    work(pump, link, DOSES)
    recover(pump, link, DOSES)


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
    stand_a_flood(pump, link, b"!INF^8002-51740" * 4096, frame(b"INF_RATE^0.10^ml/h") * 4096, b"\x00" * 65536)


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
@given(st.lists(LIKE_FRAMES, min_size=1, max_size=8), st.integers(0, ASKS - 1))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = opening(*replies)
    asked(AlarisAsena(link, Options()), link, ask, DOSES)


@FEW
@given(st.lists(LIKE_FRAMES, min_size=1, max_size=6))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: AlarisAsena(link, Options()))
    assert link.clock.now_s() < LONGEST_S
