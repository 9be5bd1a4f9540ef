"""Whatever happens on the wire, the New Era driver raises its own error or is right, and the pump can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.pump.new_era import NewEraPump, Options
from drivers.roles import DeliveryState
from tests.drivers.emulated_pump import Fault, cut, doubled, doubled_late, drop, flip, late
from tests.drivers.new_era_peer import elsewhere, noise, opened
from tests.drivers.pump_faults import ASKS, LONGEST_S, asked, recover, stand_a_flood, work
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.test_driver_fuzz import NOISE, outcome

BASIC: list[Fault] = [drop, cut, late, doubled, doubled_late, elsewhere, noise]
SAFE: list[Fault] = [drop, cut, late, doubled, doubled_late, noise, flip]
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


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
    stand_a_flood(pump, link, b"\x0200S" * 4096)


@FEW
@given(st.lists(NOISE, min_size=1, max_size=6), st.integers(0, ASKS - 1))
def test_any_bytes(replies: list[bytes], ask: int) -> None:
    link = ScriptedLink([b"\x0200SNE1000V3.93\x03", *replies])
    asked(NewEraPump(link, Options.model_validate({"diameter": "4.699 mm"})), link, ask)


@FEW
@given(st.lists(NOISE, min_size=1, max_size=6))
def test_any_bytes_when_it_is_opened(replies: list[bytes]) -> None:
    link = ScriptedLink(replies)
    outcome(lambda: NewEraPump(link, Options.model_validate({"diameter": "4.699 mm"})))
    assert link.clock.now_s() < LONGEST_S
