"""The multimeter driver through pyvisa over a loopback socket."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from pyvisa.constants import StatusCode

from bench.clock import RealClock
from bench.quantities import parse_quantity
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.link import Link
from drivers.pressure.scpi_dmm import Options, ScpiDmm, open_dmm
from drivers.roles import Identity
from drivers.visa_link import VisaLink
from tests.drivers.desk import Desk
from tests.drivers.peers import Answer, PtyPeer, Script, TcpPeer

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
MakePty = Callable[[Answer, bytes], PtyPeer]


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


def test_a_channel_of_a_multiplexer(tcp_peer: MakeTcp, clock: RealClock) -> None:
    script = Script(
        [
            *OPENING[:2],
            *((b"CONF:VOLT:DC 10,(@103)", None), (b"SYST:ERR?", NO_ERROR)),
            *((b"VOLT:DC:NPLC 1,(@103)", None), (b"SYST:ERR?", NO_ERROR)),
            (b"READ?", b"+1.00000000E-03\n"),
        ]
    )
    options = Options.model_validate({"scale": "20 kPa/V", "channel": 103})
    dmm = open_dmm(tcp_peer(script, b"\n").visa_address, options, clock)
    assert dmm.read().value == pytest.approx(0.02)
    dmm.close()
    script.check()


def test_on_a_serial_line_with_cr_lf_after_it_was_told_to_be_remote(pty_peer: MakePty, clock: RealClock) -> None:
    """As a 34401A on RS-232 answers."""
    no_error = (b"SYST:ERR?", b'+0,"No error"\r\n')
    script = Script(
        [
            (b"*CLS", None),
            (b"*IDN?", b"HEWLETT-PACKARD,34401A,0,11-5-2\r\n"),
            *((b"SYST:REM", None), no_error),
            *((b"CONF:VOLT:DC 10", None), no_error),
            *((b"VOLT:DC:NPLC 1", None), no_error),
            (b"READ?", b"+1.00000000E-03\r\n"),
        ]
    )
    options = Options.model_validate({"scale": "20 kPa/V"})
    dmm = open_dmm(pty_peer(script, b"\n").address, options, clock)
    assert dmm.read().value == pytest.approx(0.02)
    dmm.close()
    script.check()


def test_over_a_bus_of_messages_the_end_of_a_message_ends_a_line(clock: RealClock) -> None:
    """USBTMC and VXI-11 mark the end themselves; not every instrument sends a line feed before it."""
    answers = iter(
        [
            (b"Keithley,DMM6500,04,1.7", StatusCode.success),
            (b'0,"No error"\n', StatusCode.success_termination_character_read),
            (b'0,"No error"', StatusCode.success),
            (b"+1.0E-0", StatusCode.success_max_count_read),
            (b"3", StatusCode.success),
        ]
    )
    written: list[bytes] = []

    class Library:
        def write(self, _: int, data: bytes) -> tuple[int, StatusCode]:
            written.append(data)
            return len(data), StatusCode.success

        def read(self, _session: int, _size: int) -> tuple[bytes, StatusCode]:
            return next(answers)

    link: Any = VisaLink.__new__(VisaLink)
    Link.__init__(link, "pressure", "USB0::0x05E6::0x6500::04::INSTR", clock, None)
    link._visa, link._session, link._streams, link._tells_waiting = Library(), 1, False, False
    dmm = ScpiDmm(link, Options.model_validate({"scale": "20 kPa/V"}))
    assert dmm.read().value == pytest.approx(0.02)
    assert dmm.identify() == Identity("Keithley", "DMM6500", "04", "1.7")
    assert written[0] == b"*CLS\n"


class LateMultimeter:
    """A multimeter whose answers come in order, each as late as it is told."""

    def __init__(self, late_s: list[float]) -> None:
        self.late_s = late_s
        self.readings = 0
        self.desk = Desk(self.answer)

    def answer(self, written: bytes) -> None:
        for command in written.split(b"\n")[:-1]:
            reply = {b"*IDN?": b"Acme,34465A,MY1,1\n", b"SYST:ERR?": NO_ERROR}.get(command)
            if command == b"READ?":
                self.readings += 1
                reply = b"%d\n" % self.readings
            if reply is not None:
                self.desk.say(reply, self.late_s.pop(0) if self.late_s else 0.0)


@pytest.mark.parametrize("late_s", [[4.0], [4.0, 4.0], [0.0, 5.0, 3.5], [6.0, 0.0, 3.5, 3.5, 0.0, 4.0], [3.2] * 6])
def test_late_answers_are_never_taken_for_later_ones(late_s: list[float]) -> None:
    """Two questions for the identity may be unanswered when the first is answered at last."""
    meter = LateMultimeter([])
    dmm = ScpiDmm(meter.desk, Options.model_validate({"scale": "1 kPa/V"}))
    meter.late_s = list(late_s)
    for _ in range(12):
        try:
            value = dmm.read().value
        except InstrumentError:
            meter.desk.clock.sleep_s(0.5)
            continue
        assert value == meter.readings
    assert dmm.read().value == meter.readings


def test_an_answer_that_came_twice_is_not_taken_for_the_next(clock: RealClock) -> None:
    answers = {b"READ?\n": [b"1\n1\n", b"2\n"], b"*IDN?\n": [b"Acme,34465A,MY1,1\n"] * 2}

    def answer(written: bytes) -> bytes | None:
        if written == b"SYST:ERR?\n":
            return NO_ERROR
        return answers[written].pop(0) if written in answers else None

    dmm = ScpiDmm(Desk(answer), Options.model_validate({"scale": "1 kPa/V"}))
    assert (dmm.read().value, dmm.read().value) == (1.0, 2.0)
