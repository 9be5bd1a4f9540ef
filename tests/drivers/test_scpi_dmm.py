"""The multimeter driver through pyvisa over a loopback socket."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from bench.quantities import parse_quantity
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.pressure.scpi_dmm import Options, ScpiDmm, open_dmm
from drivers.roles import Identity
from tests.drivers.peers import Answer, Script, TcpPeer

NO_ERROR = b'+0,"No error"\n'
OPENING = [
    (b"*CLS", None),
    (b"*IDN?", b"Keysight Technologies,34465A,MY1,A.03.01\n"),
    (b"CONF:VOLT:DC 10", None),
    (b"SYST:ERR?", NO_ERROR),
    (b"VOLT:DC:NPLC 1", None),
    (b"SYST:ERR?", NO_ERROR),
]
MakeTcp = Callable[[Answer, bytes], TcpPeer]


def open_at(answer: Answer, make: MakeTcp, clock: RealClock, **options: str) -> ScpiDmm:
    given = {"scale": parse_quantity("20 kPa/V", "pressure per voltage")} | {
        key: parse_quantity(value, "pressure" if key == "offset" else "voltage") for key, value in options.items()
    }
    return open_dmm(make(answer, b"\n").visa_address, Options.model_validate(given), clock)


@pytest.mark.parametrize(
    ("reply", "offset", "kpa", "status"),
    [
        (b"+1.00000000E-03\n", "0 kPa", 0.02, "ok"),
        (b"-2.50000000E-01\n", "0 kPa", -5.0, "ok"),
        (b"+5.00000000E+00\n", "-12 kPa", 88.0, "ok"),
        (b"1\n", "100 hPa", 30.0, "ok"),
        (b"+9.90000000E+37\n", "0 kPa", math.nan, "overload"),
        (b"-9.90000000E+37\n", "0 kPa", math.nan, "overload"),
        (b"+9.91000000E+37\n", "0 kPa", math.nan, "overload"),
    ],
)
def test_pressure_is_voltage_times_scale_plus_offset(
    reply: bytes, offset: str, kpa: float, status: str, tcp_peer: MakeTcp, clock: RealClock
) -> None:
    script = Script([*OPENING, (b"READ?", reply)])
    dmm = open_at(script, tcp_peer, clock, offset=offset)
    reading = dmm.read()
    identity = dmm.identify()
    dmm.close()
    assert reading.value == pytest.approx(kpa, rel=1e-12, nan_ok=True)
    assert (reading.status, reading.text) == (status, reply.decode().strip())
    assert identity == Identity("Keysight Technologies", "34465A", "MY1", "A.03.01")
    script.check()


def test_the_range_is_the_rig_s(tcp_peer: MakeTcp, clock: RealClock) -> None:
    script = Script([*OPENING[:2], (b"CONF:VOLT:DC 0.1", None), *OPENING[3:]])
    open_at(script, tcp_peer, clock, range="100 mV").close()
    script.check()


def test_a_range_that_it_does_not_have(tcp_peer: MakeTcp, clock: RealClock) -> None:
    script = Script([*OPENING[:3], (b"SYST:ERR?", b'-222,"Data out of range"\n'), (b"SYST:ERR?", NO_ERROR)])
    with pytest.raises(RefusedError, match=r"^pressure at TCPIP0.*Data out of range"):
        open_at(script, tcp_peer, clock)


def test_two_readings_in_one_answer_are_garbled(tcp_peer: MakeTcp, clock: RealClock) -> None:
    dmm = open_at(Script([*OPENING, (b"READ?", b"+1.0E-03,+2.0E-03\n")]), tcp_peer, clock)
    with pytest.raises(GarbledReplyError, match=r"answered no number; sent b'READ\?'; saw b'\+1.0E-03,"):
        dmm.read()
    dmm.close()


def test_silence_in_the_middle_and_back_in_step(tcp_peer: MakeTcp, clock: RealClock) -> None:
    replies = iter([None, b"+2.0E+00\n"])

    def answer(command: bytes) -> bytes | None:
        return next(replies) if command == b"READ?" else NO_ERROR if command == b"SYST:ERR?" else dict(OPENING)[command]

    dmm = open_at(answer, tcp_peer, clock)
    dmm._reading_timeout_s = 0.3
    with pytest.raises(NoReplyError, match=r"no answer within 0\.3 s.*is its language SCPI"):
        dmm.read()
    assert dmm.read().value == 40.0
    dmm.close()
