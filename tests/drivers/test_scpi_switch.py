"""The switch unit's driver: by the bytes of its manual over a loopback socket, and before the twin's own unit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.clock import RealClock, SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, ReadBackError, RefusedError
from drivers.occluder.scpi_switch import Options, ScpiSwitch, open_switch
from drivers.roles import Identity
from tests.drivers.peers import Answer, PtyPeer, Script, TcpPeer
from tests.drivers.scripted_link import ScriptedLink
from tests.drivers.served import served_instrument
from tests.drivers.test_driver_fuzz import NOISE, outcome

NO_ERROR = (b"SYST:ERR?", b'+0,"No error"\n')
IDENTITY = (b"*IDN?", b"Keysight Technologies,DAQ970A,MY1,A.02.01\n")
OPENING = [(b"*CLS", None), IDENTITY, (b"ROUT:CLOS? (@101)", b"0\n")]
SHUT = [(b"ROUT:CLOS (@101)", None), NO_ERROR, (b"*OPC?", b"1\n")]
OPEN = [(b"ROUT:OPEN (@101)", None), NO_ERROR, (b"*OPC?", b"1\n")]
CLOSED = (b"ROUT:CLOS? (@101)", b"1\n")
OPENED = (b"ROUT:CLOS? (@101)", b"0\n")
MakeTcp = Callable[[Answer, bytes], TcpPeer]
MakePty = Callable[[Answer, bytes], PtyPeer]


def opened(
    more: list[tuple[bytes, bytes | None]], make: MakeTcp, clock: RealClock, **options: Any
) -> tuple[ScpiSwitch, Script]:
    script = Script([*OPENING, *more])
    made = open_switch(make(script, b"\n").visa_address, Options.model_validate({"channel": 101, **options}), clock)
    return made, script


def test_shutting_and_opening_are_waited_for_and_read_back(tcp_peer: MakeTcp, clock: RealClock) -> None:
    unit, script = opened([*SHUT, CLOSED, CLOSED, *OPEN, OPENED, OPENED], tcp_peer, clock)
    unit.occlude()
    assert unit.is_occluded()
    unit.release()
    assert not unit.is_occluded()
    assert unit.identify() == Identity("Keysight Technologies", "DAQ970A", "MY1", "A.02.01")
    unit.close()
    script.check()


def test_a_valve_that_the_released_relay_shuts(tcp_peer: MakeTcp, clock: RealClock) -> None:
    unit, script = opened([*OPEN, OPENED, OPENED, *SHUT, CLOSED], tcp_peer, clock, closed_when="released")
    unit.occlude()
    assert unit.is_occluded()
    unit.release()
    unit.close()
    script.check()


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ([*SHUT, OPENED], ReadBackError, r"channel \(@101\) reads open after `ROUT:CLOS \(@101\)`"),
        ([*SHUT, (b"ROUT:CLOS? (@101)", b"1,0\n")], GarbledReplyError, "neither 0 nor 1"),
        ([*SHUT[:2], (b"*OPC?", b"0\n")], GarbledReplyError, "neither done nor not"),
        (
            [SHUT[0], (b"SYST:ERR?", b'+305,"Not able to perform requested operation"\n'), NO_ERROR],
            RefusedError,
            "Not able to perform",
        ),
    ],
)
def test_what_does_not_obey(
    more: list[tuple[bytes, bytes | None]], error: type[Exception], says: str, tcp_peer: MakeTcp, clock: RealClock
) -> None:
    unit, _ = opened(more, tcp_peer, clock)
    with pytest.raises(error, match=says):
        unit.occlude()
    unit.close()


def test_on_a_serial_line_it_is_told_to_be_remote(pty_peer: MakePty, clock: RealClock) -> None:
    identity = (b"*IDN?", b"HEWLETT-PACKARD,34970A,0,13-2-2\r\n")
    no_error = (b"SYST:ERR?", b'+0,"No error"\r\n')
    script = Script([(b"*CLS", None), identity, (b"SYST:REM", None), no_error, (b"ROUT:CLOS? (@101)", b"0\r\n")])
    unit = open_switch(pty_peer(script, b"\n").address, Options(channel=101), clock)
    assert unit.identify() == Identity("HEWLETT-PACKARD", "34970A", "", "13-2-2")
    unit.close()
    script.check()


@pytest.mark.parametrize(("remote", "refused"), [(None, False), (True, True)])
def test_one_that_does_not_know_remote_is_used_unless_the_rig_file_wants_it(
    remote: bool | None, refused: bool, pty_peer: MakePty, clock: RealClock
) -> None:
    unknown = [(b"SYST:REM", None), (b"SYST:ERR?", b'-113,"Undefined header"\n'), NO_ERROR]
    script = Script([*OPENING[:2], *unknown, OPENED])
    options = Options(channel=101, remote=remote)
    address = pty_peer(script, b"\n").address
    if refused:
        with pytest.raises(RefusedError, match="Undefined header"):
            open_switch(address, options, clock)
    else:
        open_switch(address, options, clock).close()
        script.check()


def test_a_channel_has_three_digits() -> None:
    with pytest.raises(ValidationError, match="channel"):
        Options(channel=1)


@settings(max_examples=100)
@given(st.lists(NOISE, min_size=1, max_size=6))
def test_whatever_is_answered(replies: list[bytes]) -> None:
    link = ScriptedLink([b"", b"a,b,c,d\n", b"0\n", *replies])
    unit = ScpiSwitch(link, Options(channel=101))
    for _ in range(3):
        begun_s = link.clock.now_s()
        assert outcome(unit.is_occluded) in (True, False, None)
        outcome(unit.occlude)
        assert link.clock.now_s() < begun_s + 60.0


# -- before the twin's


@contextmanager
def on_twin(emulator: dict[str, Any], **options: Any) -> Iterator[tuple[ScpiSwitch, Twin, SimulatedClock]]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    told = Simulation.model_validate({"emulators": {"occluder": {"emulator": "scpi_switch", **emulator}}})
    serial = emulator.get("interface") == "rs232"
    address = "sim://twin/occluder" if serial else "TCPIP0::occluder.twin::5025::SOCKET"
    with Twin("twin", told, 1, clock) as twin:
        made = open_switch(address, Options.model_validate({"channel": 101, **options}), clock, visa_library="@twin")
        try:
            yield made, twin, clock
        finally:
            made.close()


@pytest.mark.parametrize(
    ("emulator", "options"),
    [
        ({}, {}),
        ({"model": "34970A", "interface": "rs232", "baudrate": 9600}, {"baudrate": 9600}),
        ({"module": "34901A", "channel": 305}, {"channel": 305}),
        ({"closed_when": "released"}, {"closed_when": "released"}),
    ],
)
def test_it_shuts_and_opens_the_line(emulator: dict[str, Any], options: dict[str, Any]) -> None:
    with on_twin(emulator, **options) as (unit, twin, _):
        assert "simulated" in unit.identify().model
        for shut in (True, False, True):
            (unit.occlude if shut else unit.release)()
            assert unit.is_occluded() is shut
            assert twin.world.occluder.closed is shut


def test_faults_are_told() -> None:
    with on_twin({"stuck": True}) as (unit, _, _), pytest.raises(ReadBackError, match="reads open"):
        unit.occlude()
    with pytest.raises(RefusedError, match="channel number out of range"), on_twin({}, channel=140):
        pass
    rs232 = {"interface": "rs232"}
    with on_twin(rs232, remote=False) as (unit, _, _), pytest.raises(RefusedError, match="not allowed in local"):
        unit.occlude()
    with pytest.raises(InstrumentError), on_twin(rs232, baudrate=9600):
        pass


def test_a_unit_that_falls_silent_is_told() -> None:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    faults = [{"fault": "silent_instrument", "instrument": "occluder", "first": "10 s"}]
    told = Simulation.model_validate({"emulators": {"occluder": "scpi_switch"}, "faults": faults})
    with Twin("twin", told, 1, clock):
        unit = open_switch("TCPIP0::occluder.twin::5025::SOCKET", Options(channel=101), clock, visa_library="@twin")
        clock.sleep_s(20.0)
        with pytest.raises(NoReplyError):
            unit.occlude()
        unit.close()


def test_over_a_served_terminal_and_tcp(tmp_path: Path, clock: RealClock) -> None:
    with served_instrument(tmp_path, "occluder", "scpi_switch", "scpi_switch", channel=101) as served:
        addresses = (
            served.terminal,
            f"socket://127.0.0.1:{served.tcp_port}",
            f"TCPIP0::127.0.0.1::{served.tcp_port}::SOCKET",
        )
        for address in addresses:
            unit = open_switch(address, Options(channel=101), clock)
            unit.occlude()
            assert unit.is_occluded()
            unit.release()
            unit.close()
