"""What holds of a syringe pump whatever happens on the wire: an answer is right or an error, and it can be stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.link import BUFFER_LIMIT, Link
from drivers.roles import BolusStatus, DeliveryState, Identity, Suspends
from drivers.syringe_pump import SyringePump
from tests.drivers.emulated_pump import PumpLink
from tests.drivers.test_driver_fuzz import outcome

LONGEST_S = 60.0
"""No verb takes longer, whatever comes."""
ASKS = 10
"""How many things `asked` can ask for."""


@dataclass(frozen=True)
class Doses:
    """What is delivered, for how long, and by how much the count may lag behind or be ahead of what has moved."""

    rate_ul_per_h: float = 100.0
    rate_s: float = 36.0
    bolus_ul: float = 2.0
    bolus_s: float = 20.0
    behind_ul: float = 0.02
    ahead_ul: float = 0.02
    rounding_ul: float = 0.02


DOSES = Doses()


def in_time(link: Link, ask: Callable[[], object]) -> object:
    began_s = link.clock.now_s()
    answer = outcome(ask)
    assert link.clock.now_s() - began_s < LONGEST_S
    return answer


def work(pump: SyringePump, link: PumpLink, doses: Doses = DOSES) -> None:
    """Deliver something, whatever it comes to; every answer is right or an error."""
    in_time(link, lambda: pump.start_basal(doses.rate_ul_per_h))
    link.clock.sleep_s(doses.rate_s)
    for _ in range(3):
        least_ul = link.moved_ul - doses.behind_ul
        counted_ul = in_time(link, pump.delivered_ul)
        assert counted_ul is None or least_ul <= counted_ul <= link.moved_ul + doses.ahead_ul  # type: ignore[operator]
        state = in_time(link, pump.state)
        assert state in (None, DeliveryState.ALARM) or (state is DeliveryState.BASAL) == link.drive.running
        in_time(link, lambda: pump.poll(link.clock.now_s()))
    in_time(link, pump.take_alarms)
    if isinstance(pump, Suspends):
        in_time(link, pump.suspend)
        in_time(link, pump.resume)
    in_time(link, pump.stop)
    in_time(link, lambda: pump.start_bolus(doses.bolus_ul))
    link.clock.sleep_s(doses.bolus_s)
    status = in_time(link, pump.bolus_status)
    assert status is None or isinstance(status, BolusStatus)
    in_time(link, pump.stop)


def recover(pump: SyringePump, link: PumpLink, doses: Doses = DOSES, *, may_tell_of_a_lost_count: bool = False) -> None:
    """With a sound line again the pump is stopped, and counts what it gave."""
    link.faults = iter(())
    link.clock.sleep_s(2.0)
    pump.stop()
    assert not link.drive.running
    assert pump.state() in (DeliveryState.STOPPED, DeliveryState.ALARM)
    if may_tell_of_a_lost_count:
        outcome(pump.delivered_ul)
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=doses.rounding_ul)


def stand_a_flood(pump: SyringePump, link: PumpLink, *floods: bytes) -> None:
    """Be talked to without end: that is neither kept nor waited for, and the pump can be stopped afterwards."""
    receive = link._receive
    for flood in floods:

        def endless(may_wait: bool, flood: bytes = flood) -> bytes:
            if may_wait:
                link.clock.sleep_s(0.001)
            return flood

        link._receive = endless  # type: ignore[method-assign]
        for ask in (pump.state, pump.delivered_ul, pump.stop, lambda: pump.poll(math.inf)):
            assert in_time(link, ask) in (None, math.inf)  # nothing is due of some pumps
            assert len(link.unread) <= BUFFER_LIMIT + len(flood)
    link._receive = receive  # type: ignore[method-assign]
    pump.stop()
    assert not link.drive.running


def asked(pump: SyringePump, link: Link, ask: int, doses: Doses = DOSES) -> None:
    """Ask for something, by its number; what comes is an error or may be right."""
    asks: list[Callable[[], object]] = [
        pump.state,
        pump.bolus_status,
        pump.delivered_ul,
        pump.take_alarms,
        pump.stop,
        lambda: pump.start_bolus(doses.bolus_ul),
        lambda: pump.start_basal(doses.rate_ul_per_h),
        lambda: pump.poll(link.clock.now_s()),
        getattr(pump, "line_pressure_kpa", pump.cancel_bolus),
        pump.identify,  # type: ignore[attr-defined]
    ]
    answer = in_time(link, asks[ask])
    assert answer is None or isinstance(answer, (DeliveryState, BolusStatus, float, list, Identity))
    if isinstance(answer, float) and asks[ask] == pump.delivered_ul:
        assert math.isfinite(answer)
