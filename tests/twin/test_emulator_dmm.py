"""The multimeter, byte for byte as the facts have it."""

import math

import pytest

from bench.twin.emulators.dmm import Dmm


class Bench:
    def __init__(self) -> None:
        self.value_v = 0.001
        self.sent: list[tuple[float, bytes]] = []
        self.dmm = Dmm(lambda data, due_s: self.sent.append((due_s, data)), self)
        self.time_s = 0.0

    def volts(self, time_s: float) -> float:  # noqa: ARG002
        return self.value_v

    def say(self, data: bytes, duration_s: float = 1.0) -> bytes:
        self.sent.clear()
        self.dmm.receive(data, self.time_s)
        self.time_s += duration_s
        while self.dmm.next_event_s() <= self.time_s:
            self.dmm.run_until(self.dmm.next_event_s())
        return b"".join(data for _, data in self.sent)


ONE_MV = b"+1.00000000E-03"


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"*IDN?\n", b"pumpbench twin,34461A simulated,TWIN0001,A.01.00-twin\n"),
        (b"*idn?\r\n", b"pumpbench twin,34461A simulated,TWIN0001,A.01.00-twin\n"),
        (b"*RST\n*OPC?\n", b"1\n"),
        (b"SYST:ERR?\n", b'+0,"No error"\n'),
        (b":system:error:next?\n", b'+0,"No error"\n'),
        (b"SYST:VERS?\n", b"1994.0\n"),
        (b"READ?\n", ONE_MV + b"\n"),
        (b"CONF:VOLT:DC 10\nVOLT:DC:NPLC 1\nTRIG:SOUR IMM\nREAD?\n", ONE_MV + b"\n"),
        (b"CONF:VOLT:DC 10;:SENS:VOLT:DC:NPLC 1;:READ?\n", ONE_MV + b"\n"),
        (b"MEAS:VOLT:DC?\n", ONE_MV + b"\n"),
        (b"SAMP:COUN 3\nREAD?\n", b",".join([ONE_MV] * 3) + b"\n"),
        (b"SAMP:COUN 2\nINIT\nFETC?\n", b",".join([ONE_MV] * 2) + b"\n"),
        (b"INIT\nFETC?\nFETC?\nDATA:POIN?\n", ONE_MV + b"\n" + ONE_MV + b"\n+1\n"),
        (b"INIT;*OPC?\n", b"1\n"),
        (b"VOLT:NPLC 0.3;NPLC?\n", b"+1.00000000E+00\n"),
        (b"VOLT:DC:NPLC? MAX\n", b"+1.00000000E+02\n"),
        (b"TRIG:SOUR?;SOUR BUS;SOUR?\n", b"IMM;BUS\n"),
        (b"CONF:VOLT:DC 10\nCONF?\n", b'"VOLT +1.00000000E+01,+3.00000000E-06"\n'),
        (b"FETC?\nSYST:ERR?\n", b'-230,"Data corrupt or stale"\n'),
        (b"MEAS:CURR?\nSYST:ERR?\n", b'-113,"Undefined header"\n'),
        (b"CONF:VOLT:DC 10;VOLT:DC:NPLC 1\nSYST:ERR?\n", b'-113,"Undefined header"\n'),
        (b"VOLT:NPLC\nSYST:ERR?\n", b'-109,"Missing parameter"\n'),
        (b"VOLT:NPLC 1,2\nSYST:ERR?\n", b'-108,"Parameter not allowed"\n'),
        (b"VOLT:NPLC one\nSYST:ERR?\n", b'-104,"Data type error"\n'),
        (b"VOLT:NPLC 1000\nSYST:ERR?\n", b'-222,"Data out of range"\n'),
        (b"TRIG:SOUR NEVER\nSYST:ERR?\n", b'-224,"Illegal parameter value"\n'),
        (b"TRIG:SOUR BUS\nREAD?\nSYST:ERR?\n", b'-214,"Trigger deadlock"\n'),
        (b"*TRG\nSYST:ERR?\n", b'-211,"Trigger ignored"\n'),
        (b"???\nSYST:ERR?\n", b'-102,"Syntax error"\n'),
        (b"BAD\n*CLS\nSYST:ERR?\n", b'+0,"No error"\n'),
        (b"SAMP:COUN 2\nINIT\n", b""),
        (b"INIT\nABOR\nFETC?\nSYST:ERR?\n", b'-230,"Data corrupt or stale"\n'),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_a_reading_takes_the_mains_cycles_that_were_asked_for() -> None:
    bench = Bench()
    bench.say(b"VOLT:NPLC 10\n", 0.0)
    bench.say(b"READ?\n", 0.199)
    assert bench.sent == []
    bench.dmm.run_until(0.203)
    assert [(round(due_s, 9), data) for due_s, data in bench.sent] == [(0.205, ONE_MV + b"\n")]


def test_what_comes_while_it_reads_waits() -> None:
    assert Bench().say(b"READ?\n*OPC?\n") == ONE_MV + b"\n1\n"


def test_a_bus_trigger_starts_the_reading() -> None:
    bench = Bench()
    assert bench.say(b"TRIG:SOUR BUS\nINIT\nFETC?\nABOR\nINIT\n*TRG\nFETC?\n") == ONE_MV + b"\n"


def test_an_external_trigger_that_never_comes_leaves_a_query_without_answer_until_abort() -> None:
    bench = Bench()
    assert bench.say(b"TRIG:SOUR EXT\nREAD?\n*OPC?\n", 3600.0) == b""
    assert bench.say(b"ABOR\n") == b"1\n"


def test_beyond_the_range_it_reads_overload() -> None:
    bench = Bench()
    bench.value_v = 1.3
    assert bench.say(b"CONF:VOLT:DC 1\nREAD?\n") == b"+9.90000000E+37\n"
    bench.value_v = -1.3
    assert bench.say(b"READ?\n") == b"-9.90000000E+37\n"
    assert bench.say(b"VOLT:RANG:AUTO ON\nREAD?\n") == b"-1.30000000E+00\n"


def test_readings_can_be_taken_as_a_block() -> None:
    bench = Bench()
    bench.say(b"SAMP:COUN 2\nINIT\n")
    assert bench.say(b"R?\n") == b"#231" + ONE_MV + b"," + ONE_MV + b"\n"
    assert bench.say(b"DATA:POIN?\n") == b"+0\n"


def test_the_error_queue_overflows_at_twenty() -> None:
    bench = Bench()
    bench.say(b"BAD\n" * 25)
    errors = bench.say(b"SYST:ERR?\n" * 21).splitlines()
    assert errors[:19] == [b'-113,"Undefined header"'] * 19
    assert errors[19:] == [b'-350,"Queue overflow"', b'+0,"No error"']
    assert bench.dmm.next_event_s() == math.inf
