"""Whatever happens on the wire, the Harvard driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.pump.harvard_ultra import HarvardUltraPump, Options
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, late
from tests.drivers.harvard_ultra_peer import elsewhere, lost_line, noise, opened
from tests.drivers.pump_faults import ASKS, LONGEST_S, asked, recover, stand_a_flood, work
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

FAULTS: list[Fault] = [drop, cut, late, doubled, doubled_late, elsewhere, noise, lost_line]
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
OPENING = [
    b"\n:", b"\n:\x11", b"\n:\x11", b"\nPHD ULTRA 3.0.5\r\n:\x11", b"\n:\x11", b"\n:\x11", b"\n4.699 mm\r\n:\x11",
    b"\nTarget time not set\r\n:\x11", b"\n3 nl/min to 3 ml/min\r\n:\x11", b"\n0 0 0 i..TI.\r\n:\x11", b"\n:\x11",
    b"\n0 0 0 i..TI.\r\n:\x11",
]  # fmt: skip
LIKE_IT = st.one_of(NOISE, st.text("\n\r:*<>T\x110123456789 .iIwWSTulmhrn/", max_size=60).map(str.encode))


@FEW
@given(st.lists(st.sampled_from([None, None, *FAULTS]), max_size=60), st.sampled_from([0, 7]))
def test_faults_on_the_wire(faults: Sequence[Fault | None], address: int) -> None:
    pump, link = opened(*faults, driver={"pump_address": address}, address=address, model="legato")
    work(pump, link)
    recover(pump, link, may_tell_of_a_lost_count=True)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_at_each_reply_of_a_start_and_a_stop(fault: Fault) -> None:
    for hit in range(24):
        pump, link = opened(*[None] * hit, fault)
        work(pump, link)
        recover(pump, link, may_tell_of_a_lost_count=True)


def test_a_touched_screen_does_not_keep_it_from_being_stopped() -> None:
    pump, link = opened(touched="30 s")
    pump.start_basal(100.0)
    link.clock.sleep_s(60.0)
    pump.stop()
    assert not link.drive.running


def test_a_flood_is_neither_kept_nor_waited_for() -> None:
    pump, link = opened()
    stand_a_flood(pump, link, b"\n:ver" * 4096)


@FEW
@given(st.lists(LIKE_IT, min_size=1, max_size=6), st.integers(0, ASKS - 1))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = ScriptedLink([*OPENING, *replies])
    asked(HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm"})), link, ask)


@FEW
@given(st.lists(LIKE_IT, min_size=1, max_size=14))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm"})))
    assert link.clock.now_s() < LONGEST_S
