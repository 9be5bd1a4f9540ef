"""The bench supply, byte for byte as its kind answers."""

from __future__ import annotations

import pytest

from bench.twin.emulators.supply import Supply


class Bench:
    on = True
    voltage_v = 1.5
    maximum_v = 6.0

    def __init__(self) -> None:
        self.sent = b""
        self.supply = Supply(self.send, self)

    @property
    def terminals_v(self) -> float:
        return self.voltage_v if self.on else 0.0

    @property
    def current_a(self) -> float:
        return 0.02 if self.on else 0.0

    def set_voltage(self, voltage_v: float) -> None:
        self.voltage_v = voltage_v

    def switch(self, on: bool) -> None:
        self.on = on

    def send(self, data: bytes, due_s: float) -> None:  # noqa: ARG002
        self.sent += data

    def say(self, data: bytes) -> bytes:
        self.sent = b""
        self.supply.receive(data, 0.0)
        return self.sent


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"*IDN?\n", b"pumpbench twin,E36103B simulated,TWIN0001,1.0-twin\n"),
        (b"VOLT 1.2345\nVOLT?\n", b"+1.23450000E+00\n"),
        (b"SOUR:VOLT:LEV:IMM:AMPL 2;:VOLT?\n", b"+2.00000000E+00\n"),
        (b"VOLT MAX;VOLT?\n", b"+6.00000000E+00\n"),
        (b"VOLT? MAX\nCURR? MAX\nVOLT? MIN\n", b"+6.00000000E+00\n+2.00000000E+00\n+0.00000000E+00\n"),
        (b"CURR 0.5\nCURR?\n", b"+5.00000000E-01\n"),
        (b"APPL 3,0.25\nAPPL?\n", b'"+3.00000000E+00,+2.50000000E-01"\n'),
        (b"OUTP OFF\nOUTP?\nMEAS:VOLT?\nMEAS:CURR?\n", b"0\n+0.00000000E+00\n+0.00000000E+00\n"),
        (b"OUTP 1\nOUTP:STAT?\nMEAS?\n", b"1\n+1.50000000E+00\n"),
        (b"INST:NSEL 1\nINST:NSEL?\nINST:SEL CH1\nINST?\n", b"1\nOUT1\n"),
        (b"INST:NSEL 2\nSYST:ERR?\n", b'-222,"Data out of range"\n'),
        (b"VOLT:PROT:TRIP?\nCURR:PROT:TRIP?\nOUTP:PROT:CLE\nSYST:ERR?\n", b'0\n0\n+0,"No error"\n'),
        (b"SYST:REM\nSYST:ERR?\n", b'+0,"No error"\n'),
        (b"VOLT 60\nSYST:ERR?\n", b'-222,"Data out of range"\n'),
        (b"VOLT\nSYST:ERR?\n", b'-109,"Missing parameter"\n'),
        (b"OUTP MAYBE\nSYST:ERR?\n", b'-104,"Data type error"\n'),
        (b"*RST\nOUTP?\nVOLT?\n", b"0\n+0.00000000E+00\n"),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received
