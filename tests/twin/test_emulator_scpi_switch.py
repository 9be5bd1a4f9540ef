"""The switch unit, byte for byte as the 34970A manual has it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.twin.emulators.scpi_switch import Options, ScpiSwitch


class Bench:
    def __init__(self, **options: Any) -> None:
        self.valve: list[tuple[bool, float]] = []
        self.sent: list[tuple[float, bytes]] = []
        self.unit = ScpiSwitch(lambda data, due_s: self.sent.append((due_s, data)), self, Options(**options))

    def set(self, closed: bool, time_s: float) -> None:
        self.valve.append((closed, time_s))

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent.clear()
        self.unit.receive(data, time_s)
        return b"".join(data for _, data in self.sent)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"*IDN?\n", b"pumpbench twin,DAQ970A simulated,TWIN0001,1.0-twin\n"),
        (b"ROUT:CLOS (@101)\nROUT:CLOS? (@101)\n", b"1\n"),
        (b"ROUTE:CLOSE (@101);:ROUT:CLOS? (@101)\r\n", b"1\n"),
        (b"ROUT:CLOS (@101,103)\nROUT:CLOS? (@101:104)\n", b"1,0,1,0\n"),
        (b"ROUT:CLOS (@101:103)\nROUT:OPEN (@102)\nROUT:OPEN? (@101,102,103)\n", b"0,1,0\n"),
        (b"ROUT:CLOS (@101,103)\nROUT:CLOS:EXCL (@102)\nROUT:CLOS? (@101:103)\n", b"0,1,0\n"),
        (b"ROUT:CLOS (@101)\n*RST\nROUT:CLOS? (@101)\n", b"0\n"),
        (b"ROUT:CLOS (@101)\nSYST:CPON 200\nROUT:CLOS? (@101)\nSYST:CPON ALL\nROUT:CLOS? (@101)\n", b"1\n0\n"),
        (b"ROUT:CLOS (@101);*OPC?\n", b"1\n"),
        (b"ROUT:CLOS (@201)\nSYST:ERR?\n", b'+111,"Channel list: slot number out of range"\n'),
        (b"ROUT:CLOS (@121)\nSYST:ERR?\n", b'+112,"Channel list: channel number out of range"\n'),
        (b"ROUT:CLOS? (@121)\nSYST:ERR?\n", b'+112,"Channel list: channel number out of range"\n'),
        (b"ROUT:CLOS 101\nSYST:ERR?\n", b'-102,"Syntax error"\n'),
        (b"ROUT:CLOS (@1)\nSYST:ERR?\n", b'-102,"Syntax error"\n'),
        (b"ROUT:CLOS\nSYST:ERR?\n", b'-109,"Missing parameter"\n'),
        (b"ROUT:SHUT (@101)\nSYST:ERR?\n", b'-113,"Undefined header"\n'),
        (b"SYST:REM\nSYST:ERR?\n", b'+0,"No error"\n'),
        (b"SYST:CTYP? 100\nSYST:CTYP? 200\n", b"pumpbench twin,34903A,0,1.0\npumpbench twin,0,0,0\n"),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_only_its_own_channel_works_the_valve() -> None:
    bench = Bench(channel=203)
    bench.say(b"ROUT:CLOS (@201)\n", 1.0)
    bench.say(b"ROUT:CLOS (@203)\n", 2.0)
    bench.say(b"ROUT:OPEN (@203)\n", 3.0)
    assert bench.valve[-3:] == [(False, 1.0), (True, 2.0), (False, 3.0)]


def test_a_valve_may_be_shut_by_the_released_relay() -> None:
    bench = Bench(closed_when="released")
    bench.say(b"ROUT:CLOS (@101)\n", 1.0)
    assert bench.valve == [(True, 0.0), (False, 1.0)]


def test_opc_waits_for_the_relay_and_nothing_else_does() -> None:
    bench = Bench()
    bench.say(b"ROUT:CLOS (@101)\n*OPC?\nROUT:CLOS? (@101)\n", 10.0)
    assert [due_s for due_s, _ in bench.sent] == pytest.approx([10.017, 10.002])


def test_a_multiplexer_closes_one_shunt_only() -> None:
    bench = Bench(module="34901A")
    assert bench.say(b"ROUT:CLOS (@121)\nROUT:CLOS (@122)\nROUT:CLOS? (@121:122)\n") == b"0,1\n"


def test_on_rs_232_it_is_told_to_be_remote_and_a_34970a_has_no_serial_number() -> None:
    bench = Bench(interface="rs232", model="34970A")
    assert bench.say(b"*IDN?\n") == b"pumpbench twin,34970A simulated,0,1.0-twin\r\n"
    assert bench.say(b"ROUT:CLOS (@101)\nSYST:ERR?\n") == b'+550,"Command not allowed in local"\r\n'
    assert bench.say(b"SYST:REM\nROUT:CLOS (@101)\nROUT:CLOS? (@101)\n") == b"1\r\n"
    assert bench.unit.line is not None
    assert bench.unit.line.baudrate == 57600


def test_a_stuck_relay_says_that_it_has_not_moved() -> None:
    assert Bench(stuck=True).say(b"ROUT:CLOS (@101)\nROUT:CLOS? (@101)\n") == b"0\n"
