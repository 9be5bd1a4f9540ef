"""The pump bridge over the pump's physics, byte for byte as docs/pump-bridge.md has it."""

import math

import pytest

from bench.quantities import Quantity
from bench.twin.emulators.insulin_pump import InsulinPump
from bench.twin.settings import PumpSettings, Simulation
from bench.twin.world import World


class Bench:
    def __init__(self, **pump: Quantity) -> None:
        self.world = World(Simulation(pump=PumpSettings.model_validate(pump)))
        self.sent: list[tuple[float, bytes]] = []
        self.bridge = InsulinPump(
            lambda data, due_s: self.sent.append((due_s, data)), self.world.pump, serial="SIM-PUMP-1"
        )

    def say(self, *lines: str) -> str:
        self.sent.clear()
        for line in lines:
            self.bridge.receive(line.encode() + b"\n", self.world.now_s)
        return b"".join(data for _, data in self.sent).decode()

    def run(self, duration_s: float) -> None:
        end_s = self.world.now_s + duration_s
        while (event_s := min(self.world.next_event_s(), self.bridge.next_event_s())) <= end_s:
            self.world.run_until(event_s)
            self.bridge.run_until(event_s)
        self.world.run_until(end_s)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("*IDN?", "pumpbench twin,TWIN-PUMP simulated,SIM-PUMP-1,1.0"),
        ("*idn?\r", "pumpbench twin,TWIN-PUMP simulated,SIM-PUMP-1,1.0"),
        ("*OPC?", "1"),
        ("SYST:ERR?", '0,"No error"'),
        ("SYST:VERS?", "1999.0"),
        ("SYSTEM:BRIDGE?", "1.0"),
        ("SYST:TIME?", "3600.000"),
        ("SYST:WATC?", "0"),
        ("SYST:WATC 30;WATC?", "30"),
        ("INS:CONC?", "100"),
        ("BAS:RATE?", "0"),
        ("BAS:RATE 1.5;RATE?", "1.5"),
        ("BAS:RATE 1E0\n:basal:rate?", "1"),
        ("BAS:RATE? MIN;RATE? MAX", "0.05;30"),
        ("BAS:RATE MAX;RATE?", "30"),
        ("BAS:INCR?", "0.05"),
        ("BAS:STAT?", "0"),
        ("BAS:RATE 1\nBAS:STAT ON\nBAS:STAT?\nDEL:STAT?", "1\nBAS"),
        ("BAS:RATE 1;BAS:STAT 1;BAS:STAT 0;BAS:STAT?;DEL:STAT?", "0;STOP"),
        ("BAS:TEMP?", "NONE,0,0"),
        ("BAS:RATE 1;STAT ON;TEMP:PERC 150,3600\nBAS:TEMP?", "PERC,150,3600"),
        ("BAS:RATE 1;STAT ON;TEMP:RATE 0.5,1800;CANC\nBAS:TEMP?", "NONE,0,0"),
        ("BAS:RATE 1;STAT ON;TEMP:RATE 0.5,1800\nBAS:TEMP?", "RATE,0.5,1800"),
        ("BAS:PROF?", "NONE"),
        ("BAS:PROF 0,1,21600,1.25,72000,0.8\nBAS:PROF?", "0,1,21600,1.25,72000,0.8"),
        ("BAS:PROF 0,1\nBAS:PROF:CLE\nBAS:PROF?", "NONE"),
        ("BOL:STAT?", "IDLE,0.0000,0.0000"),
        ("BOL:IMM 2\nBOL:STAT?\nDEL:STAT?", "NORM,2.0000,0.0000\nBOL"),
        ("BOL:EXT 2,3600\nBOL:STAT?", "EXT,2.0000,0.0000"),
        ("BOL:DUAL 1,2,3600\nBOL:STAT?", "DUAL,3.0000,0.0000"),
        ("BOL:IMM 2;CANC\nBOL:STAT?", "IDLE,2.0000,0.0000"),
        ("BOL:CANC\nSYST:ERR?", '0,"No error"'),
        ("BOL:INCR?;MAX?;SPE?", "0.05;30;1.5"),
        ("DEL:STAT?", "STOP"),
        ("BAS:RATE 1;STAT ON\nDEL:SUSP\nDEL:STAT?\nDEL:RES\nDEL:STAT?", "SUSP\nBAS"),
        ("DEL:VOL?;VOL:BAS?;BOL?;PRIM?", "0.0000;0.0000;0.0000;0.0000"),
        ("PRIM 1\nDEL:STAT?", "PRIM"),
        ("RES:VOL?", "300.0000"),
        ("RES:FILL 200\nRES:VOL?", "200.0000"),
        ("BATT:LEV?", "100"),
        ("ALAR:COUN?", "0"),
        ("ALAR:NEXT?", '0,0,NONE,"No alarm"'),
        ("ALAR:ACT?", "NONE"),
        ("ALAR:OCCL:LEV?", "MED"),
        ("ALAR:OCCL:LEV HIGH;LEV?", "HIGH"),
        ("ALAR:OCCL:LEV medium;LEV?", "MED"),
        ("BAS:RATE 2;STAT ON;TEMP:PERC 50,60;:BAS:PROF 0,1;:SYST:WATC 5\n*RST\nBAS:RATE?;STAT?;TEMP?", "0;0;NONE,0,0"),
        ("BAS:PROF 0,1;:SYST:WATC 5\n*RST\nBAS:PROF?;:SYST:WATC?", "NONE;0"),
        ("BAD\n*CLS\nSYST:ERR?", '0,"No error"'),
    ],
)
def test_conversation(sent: str, received: str) -> None:
    assert Bench().say(sent) == received + "\n"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("!", '-102,"Syntax error"'),
        ("BAS:RATE fast", '-104,"Data type error"'),
        ("BAS:RATE 1 U/h", '-104,"Data type error"'),
        ("BAS:STAT maybe", '-104,"Data type error"'),
        ("BAS:RATE 1,2", '-108,"Parameter not allowed"'),
        ("BAS:PROF:CLE 1", '-108,"Parameter not allowed"'),
        ("BAS:PROF " + ",".join(f"{60 * n},1" for n in range(49)), '-108,"Parameter not allowed"'),
        ("BAS:RATE", '-109,"Missing parameter"'),
        ("BAS:PROF 0,1,3600", '-109,"Missing parameter"'),
        ("BOL:EXT 2", '-109,"Missing parameter"'),
        ("BASA:RATE 1", '-113,"Undefined header"'),
        ("BAS:CURR?", '-113,"Undefined header"'),
        ("BOL:IMM 1;IMM 1", '-221,"Settings conflict"'),
        ("BAS:RATE 1;STAT ON;:PRIM 1", '-221,"Settings conflict"'),
        ("BAS:TEMP:PERC 50,60", '-221,"Settings conflict"'),
        ("BAS:RATE 31", '-222,"Data out of range"'),
        ("BAS:RATE -1", '-222,"Data out of range"'),
        ("BOL:IMM 31", '-222,"Data out of range"'),
        ("BAS:RATE 1;STAT ON;TEMP:PERC 251,60", '-222,"Data out of range"'),
        ("SYST:WATC 0.5", '-222,"Data out of range"'),
        ("SYST:WATC 3601", '-222,"Data out of range"'),
        ("BAS:PROF 0,1,86400,1", '-222,"Data out of range"'),
        ("BOL:IMM 0.07", '-224,"Illegal parameter value"'),
        ("BAS:PROF 60,1", '-224,"Illegal parameter value"'),
        ("BAS:PROF 0,1,60,1,60,2", '-224,"Illegal parameter value"'),
        ("ALAR:OCCL:LEV SHRILL", '-224,"Illegal parameter value"'),
        ("BAS:RATE? AVG", '-224,"Illegal parameter value"'),
        ("RES:FILL 1;:BOL:IMM 2", '101,"Reservoir empty"'),
    ],
)
def test_what_is_refused_answers_nothing_and_is_queued(sent: str, error: str) -> None:
    bench = Bench()
    assert bench.say(sent) == ""
    assert bench.say("SYST:ERR?", "SYST:ERR?") == f'{error}\n0,"No error"\n'


def test_a_refusal_leaves_everything_as_it_was() -> None:
    bench = Bench()
    bench.say("BAS:RATE 1;STAT ON", "BOL:IMM 1", "BOL:IMM 2", "BAS:RATE 99")
    assert bench.say("BAS:RATE?;STAT?;:BOL:STAT?") == "1;1;NORM,1.0000,0.0000\n"


def test_the_newest_of_twenty_errors_gives_way() -> None:
    bench = Bench()
    bench.say(*["BAD"] * 21)
    errors = bench.say(*["SYST:ERR?"] * 21).splitlines()
    assert errors[18:] == ['-113,"Undefined header"', '-350,"Queue overflow"', '0,"No error"']


def test_a_reply_comes_two_milliseconds_after_its_line() -> None:
    bench = Bench()
    bench.run(10.0)
    bench.say("*OPC?")
    assert [(round(due_s, 9), data) for due_s, data in bench.sent] == [(10.002, b"1\n")]


def test_a_bolus_is_counted_as_it_goes_and_basal_goes_on() -> None:
    bench = Bench()
    bench.say("BAS:RATE 1;STAT ON", "BOL:IMM 1")
    bench.run(120.0)
    assert bench.say("BOL:STAT?;:DEL:STAT?;VOL:BOL?;:RES:VOL?") == "IDLE,1.0000,1.0000;BAS;1.0000;299.0000\n"
    bench.run(3480.0)
    basal_u = float(bench.say("DEL:VOL:BAS?"))
    assert basal_u == pytest.approx(1.0, abs=0.051)
    assert float(bench.say("DEL:VOL?")) == pytest.approx(1.0 + basal_u)


def test_alarms_queue_with_the_pump_s_time_block_delivery_and_are_acknowledged() -> None:
    bench = Bench(reservoir=Quantity(20.05, "U"))
    bench.say("BOL:IMM 20")
    bench.run(3600.0)
    assert bench.say("DEL:STAT?;:ALAR:COUN?") == "STOP;1\n"
    sequence, time_s, code, text = bench.say("ALAR:NEXT?").strip().split(",")
    assert (sequence, code, text) == ("1", "LOWRES", '"Reservoir low"')
    assert 3600.0 < float(time_s) < 3605.0
    bench.say("BOL:IMM 0.05")
    bench.run(10.0)
    assert bench.say("DEL:STAT?;:ALAR:ACT?") == "ALAR;LOWRES,EMPTY\n"
    bench.say("BAS:RATE 1;STAT ON")
    assert bench.say("SYST:ERR?") == '-221,"Settings conflict"\n'
    bench.say("DEL:STOP", "ALAR:ACKN")
    assert bench.say("DEL:STAT?;:ALAR:NEXT?;:ALAR:NEXT?;:SYST:ERR?").startswith("STOP;2,")


def test_the_watchdog_stops_the_pump_exactly_at_its_time_after_the_last_line() -> None:
    bench = Bench()
    bench.say("BAS:RATE 6;STAT ON", "SYST:WATC 30")
    bench.run(20.0)
    bench.say("*OPC?")
    assert bench.bridge.next_event_s() == 50.0
    bench.run(29.999)
    assert bench.world.pump.state == "BAS"
    bench.run(1.0)
    assert bench.bridge.next_event_s() == math.inf
    assert bench.say("DEL:STAT?;:BAS:STAT?;:ALAR:ACT?") == "ALAR;0;WATCHDOG\n"
    sequence, time_s, code, text = bench.say("ALAR:NEXT?").strip().split(",")
    assert (sequence, code, text) == ("1", "WATCHDOG", '"Host silent"')
    assert float(time_s) == pytest.approx(3650.0, abs=0.01)
    assert bench.bridge.next_event_s() == pytest.approx(bench.world.now_s + 30.0)
    bench.say("SYST:WATC 0")
    assert bench.bridge.next_event_s() == math.inf


def test_an_unfinished_line_does_not_feed_the_watchdog() -> None:
    bench = Bench()
    bench.say("SYST:WATC 10")
    bench.run(5.0)
    bench.bridge.receive(b"*OPC", 5.0)
    assert bench.bridge.next_event_s() == 10.0
