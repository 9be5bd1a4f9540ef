"""Drivers that need others on the rig: they come after them, ask the operator, and are refused without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from bench.clock import Clock
from bench.rig.fitness import misfits
from bench.rig.load import load_rig
from bench.rig.open import OpenRig, RigOpenError, open_rig
from drivers import registry
from drivers.beside import Beside
from drivers.errors import InstrumentError, LinkError, NoReplyError
from drivers.registry import DriverEntry
from drivers.roles import DeliveryState, Identity, OperatorAction, OperatorRequest, Suspends
from tests.rig.conftest import Bench

WEIGHT = OperatorRequest(OperatorAction.PLACE_WEIGHT, "Place the weight of 20 g", 20.0, "g")


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    patience_s: float = 60.0
    suspends: bool = False


class HandPump:
    concentration_u_per_ml = None

    def __init__(self, beside: Beside, patience_s: float) -> None:
        self.beside = beside
        self.asked = beside.ask(WEIGHT, patience_s)

    def identify(self) -> Identity:
        return Identity("hand", "pump", "")

    def stop(self) -> None: ...

    def state(self) -> DeliveryState:
        return DeliveryState.STOPPED

    def close(self) -> None: ...


class SuspendedByHand(HandPump):
    def suspend(self) -> None: ...

    def resume(self) -> None: ...


def open_pump(
    address: str,
    options: Options,
    clock: Clock,
    wire_log: Any = None,
    visa_library: str = "@py",
    beside: Beside | None = None,
) -> HandPump:
    del address, clock, wire_log, visa_library
    assert beside is not None
    return HandPump(beside, options.patience_s)


HAND_PUMP = DriverEntry(
    name="hand_pump",
    role="pump",
    instrument=HandPump,
    factory=open_pump,
    Options=Options,
    summary="",
    needs_address=False,
    needs=("operator",),
    able=lambda options: SuspendedByHand if options.suspends else HandPump,
)
RIG = """\
rig: by-hand
instruments:
  pump:     {{driver: hand_pump, {pump}}}
{operator}
  climate:  {{driver: fixed_climate, temperature: 23 °C, pressure: 1013 hPa, humidity: 50 %}}
simulation: {{seed: 1}}
"""
OPERATOR = '  operator: {driver: line_terminal, address: "sim://twin/operator"}'


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    found, unusable = registry._all()
    monkeypatch.setattr(registry, "_all", lambda: ({**found, "hand_pump": HAND_PUMP}, unusable))


@pytest.fixture
def by_hand(bench: Callable[..., Bench]) -> Callable[..., Bench]:
    def build(pump: str = "patience_s: 60", operator: str = OPERATOR) -> Bench:
        made = bench()
        made.rig = load_rig(RIG.format(pump=pump, operator=operator), name="by-hand.yaml")
        return made

    return build


def pump_of(rig: OpenRig) -> HandPump:
    pump = rig.pump
    assert isinstance(pump, HandPump)
    return pump


def test_it_is_opened_after_those_that_it_needs_and_asks_the_operator(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand()
    with open_rig(bench.rig, bench.clock, record=bench.record) as rig:
        asked = pump_of(rig).asked
    assert asked.answer.done
    assert asked.answer.time_s - asked.shown_s == pytest.approx(20.0, abs=0.1)
    asked_event, confirmed = bench.events[:2]
    assert (asked_event[0], asked_event[1]["words"]) == ("operator asked", "Place the weight of 20 g")
    assert (confirmed[0], confirmed[1]["asked_s"]) == ("operator confirmed", asked.shown_s)


def test_an_operator_who_does_not_answer_is_not_waited_for_without_end(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand("patience_s: 5")
    with (
        pytest.raises(RigOpenError, match=r"pump +FAILED +operator: did not answer within 5 s: Place the"),
        open_rig(bench.rig, bench.clock, record=bench.record),
    ):
        pass
    assert "operator confirmed" not in [kind for kind, _ in bench.events]


def test_without_an_operator_it_is_refused_before_anything_is_touched(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand(operator="")
    (lacking,) = misfits(bench.rig, {"pump": ()})
    assert lacking.startswith("needs a pump, whose driver hand_pump needs an operator, and the rig has none")
    with pytest.raises(RigOpenError, match="the rig has none who could be asked"), open_rig(bench.rig, bench.clock):
        pass


def test_what_it_can_do_may_hang_on_its_options() -> None:
    able, unable = (load_rig(RIG.format(pump=f"suspends: {can}", operator=OPERATOR)) for can in ("true", "false"))
    assert misfits(able, {"pump": [Suspends]}) == []
    (lacking,) = misfits(unable, {"pump": [Suspends]})
    assert "which driver hand_pump does not have, by what the rig file says of this one" in lacking


def test_the_run_goes_on_while_the_operator_is_waited_for(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand()
    told: list[str] = []
    with open_rig(bench.rig, bench.clock, record=bench.record) as rig:
        rig.while_asking = told.append
        pump_of(rig).beside.ask(WEIGHT, 60.0)
        assert told[0] == "waiting for the operator: Place the weight of 20 g"
        assert len(told) > 30

        def interrupt(_: str) -> None:
            raise KeyboardInterrupt

        rig.while_asking = interrupt
        with pytest.raises(KeyboardInterrupt):
            pump_of(rig).beside.ask(WEIGHT, 60.0)


def test_others_are_the_ones_that_the_rig_has_now(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand()
    with open_rig(bench.rig, bench.clock, record=bench.record) as rig:
        beside = pump_of(rig).beside
        assert beside.instrument("climate").read().temperature_c == 23.0
        assert beside.instrument("pressure") is None


def test_an_operator_whose_link_was_lost_is_asked_again(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand()
    port = bench.twin.ports["operator"]
    with open_rig(bench.rig, bench.clock, record=bench.record) as rig:
        port.unplug_at(bench.clock.now_s() + 5.0, bench.clock.now_s() + 15.0)
        shown_s = bench.clock.now_s()
        asked = pump_of(rig).beside.ask(WEIGHT, 60.0)
    assert asked.answer.done
    assert asked.shown_s == shown_s
    assert asked.answer.time_s - shown_s > 30.0
    kinds = [kind for kind, _ in bench.events]
    assert kinds[2:6] == ["operator asked", "link lost", "link back", "operator asked"]


def test_an_operator_whose_link_stays_lost_is_no_lost_pump(by_hand: Callable[..., Bench]) -> None:
    bench = by_hand()
    with open_rig(bench.rig, bench.clock, record=bench.record) as rig:
        bench.twin.ports["operator"].plug(False)
        with pytest.raises(InstrumentError, match="did not come back") as caught:
            pump_of(rig).beside.ask(WEIGHT, 60.0)
    assert not isinstance(caught.value, LinkError | NoReplyError)
