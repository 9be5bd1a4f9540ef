"""The supply's driver: over a loopback socket by the bytes of its manual, and before the twin's own supply."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.power.scpi_supply import Options, ScpiSupply, open_supply
from tests.drivers.peers import Answer, PtyPeer, Script, TcpPeer

NO_ERROR = b'+0,"No error"\n'
OPENING: list[tuple[bytes, bytes | None]] = [
    (b"*CLS", None),
    (b"*IDN?", b"Keysight Technologies,E36103B,MY1,1.0.4\n"),
    (b"CURR 0.5", None),
    (b"SYST:ERR?", NO_ERROR),
    (b"VOLT 1.5000", None),
    (b"SYST:ERR?", NO_ERROR),
    (b"OUTP ON", None),
    (b"SYST:ERR?", NO_ERROR),
    (b"OUTP?", b"1\n"),
]
MakeTcp = Callable[[Answer, bytes], TcpPeer]
MakePty = Callable[[Answer, bytes], PtyPeer]


def options(**changes: object) -> Options:
    return Options.model_validate({"voltage": "1.5 V", "current_limit_a": 0.5, **changes})


def supply(more: list[tuple[bytes, bytes | None]], make: MakeTcp, clock: RealClock) -> tuple[ScpiSupply, Script]:
    script = Script([*OPENING, *more])
    return open_supply(make(script, b"\n").visa_address, options(), clock), script


def test_it_is_opened_at_the_batterys_voltage_and_switched_on(tcp_peer: MakeTcp, clock: RealClock) -> None:
    made, script = supply([(b"MEAS:VOLT?", b"+1.49987000E+00\n"), (b"MEAS:CURR?", b"+2.1E-02\n")], tcp_peer, clock)
    assert made.identify().model == "E36103B"
    assert made.read_voltage_v() == 1.49987
    assert made.read_current_a() == 0.021
    script.check()
    made.close()


def test_an_output_that_stays_off_is_told(tcp_peer: MakeTcp, clock: RealClock) -> None:
    made, _ = supply([(b"OUTP OFF", None), (b"SYST:ERR?", NO_ERROR), (b"OUTP?", b"1\n")], tcp_peer, clock)
    with pytest.raises(InstrumentError, match="its output stays on"):
        made.switch_off()
    made.close()


def test_an_answer_that_is_no_state_is_garbled(tcp_peer: MakeTcp, clock: RealClock) -> None:
    made, _ = supply([(b"OUTP OFF", None), (b"SYST:ERR?", NO_ERROR), (b"OUTP?", b"maybe\n")], tcp_peer, clock)
    with pytest.raises(GarbledReplyError, match="neither 0 nor 1"):
        made.switch_off()
    made.close()


def test_on_a_serial_line_it_is_told_to_be_remote_and_need_not_know_it(pty_peer: MakePty, clock: RealClock) -> None:
    unknown: list[tuple[bytes, bytes | None]] = [
        (b"SYST:REM", None),
        (b"SYST:ERR?", b'-113,"Undefined header"\r\n'),
        (b"SYST:ERR?", b'0,"No error"\r\n'),
    ]
    script = Script([*OPENING[:2], *unknown, *OPENING[2:]])
    open_supply(pty_peer(script, b"\n").address, options(), clock).close()
    script.check()
    script = Script(OPENING)
    open_supply(pty_peer(script, b"\n").address, options(remote=False), clock).close()
    script.check()


def test_an_output_of_several_is_selected_first(tcp_peer: MakeTcp, clock: RealClock) -> None:
    script = Script([*OPENING[:2], (b"INST:NSEL 2", None), (b"SYST:ERR?", NO_ERROR), *OPENING[2:]])
    open_supply(tcp_peer(script, b"\n").visa_address, options(channel=2), clock).close()
    script.check()


@pytest.fixture
def simulated() -> SimulatedClock:
    return SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_before_the_twins_supply(simulated: SimulatedClock) -> None:
    with Twin("twin", Simulation(), 1, simulated) as twin:
        address = "TCPIP0::power.twin::5025::SOCKET"
        made = open_supply(address, options(), simulated, visa_library="@twin")
        made.set_voltage_v(1.234)
        assert made.read_voltage_v() == pytest.approx(1.234)
        assert twin.world.supply.terminals_v == pytest.approx(1.234)
        made.switch_off()
        assert (made.read_voltage_v(), made.read_current_a(), twin.world.supply.on) == (0.0, 0.0, False)
        with pytest.raises(RefusedError, match="-222"):
            made.set_voltage_v(60.0)
        made.switch_on()
        assert made.read_current_a() == pytest.approx(0.02)
        made.close()


def test_a_pump_on_the_supply_is_silent_without_power_and_answers_again(simulated: SimulatedClock) -> None:
    from drivers.pump.scpi_insulin_pump import DRIVER as PUMP

    simulation = Simulation.model_validate({"supply": {"connected": True}})
    with Twin("twin", simulation, 1, simulated):
        made = open_supply("TCPIP0::power.twin::5025::SOCKET", options(), simulated, visa_library="@twin")
        pump = PUMP.factory(
            "TCPIP0::pump.twin::5025::SOCKET", PUMP.Options.model_validate({}), simulated, visa_library="@twin"
        )
        pump.start_basal(10.0)
        made.switch_off()
        with pytest.raises(NoReplyError):
            pump.state()
        made.switch_on()
        simulated.sleep_s(2.5)
        assert str(pump.state()) == "alarm"
        assert [alarm.code for alarm in pump.take_alarms()] == ["POWER"]
        made.close()
        pump.close()
