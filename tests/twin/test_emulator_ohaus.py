"""The Ohaus balance, byte for byte as the facts have it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.ohaus import OhausBalance, Options
from bench.twin.port import LineSettings
from tests.twin.talking import Talking

LINE = b"    12.3456 g\r\n"
OK = b"OK!\r\n"
ES = b"ES\r\n"


def balance(mass_g: float = 12.3456, unit: str = "g", tare_key_s: float = math.inf, **options: Any) -> Talking:
    return Talking(OhausBalance, Options(**options), mass_g, unit, tare_key_s=tare_key_s)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"IP\r\n", LINE),
        (b"IP\r", LINE),
        (b"P\r\n", LINE),
        (b"SP\r\n", LINE),
        (b"IP\r\nIP\r\n", LINE + LINE),
        (b"PSN\r\n", b"T000042\r\n"),
        (b"PV\r\n", b"TWIN-EX 1.00\r\n"),
        (b"V\r\n", b"TWIN-EX 1.00\r\n"),
        (b"PU\r\n", b"g\r\n"),
        (b"PM\r\n", b"Weighing\r\n"),
        (b"PT\r\n", b"     0.0000 g   T\r\n"),
        (b"T\r\n", OK),
        (b"Z\r\n", ES),  # 12 g are more than 2 % of 220 g
        (b"5.25T\r\nPT\r\nIP\r\n", OK + b"     5.2500 g   T\r\n     7.0956 g\r\n"),
        (b"999T\r\n", ES),
        (b"0S\r\n", OK),
        (b"1S\r\n", OK),
        (b"2S\r\n", ES),
        (b"1M\r\n1U\r\n", OK + OK),
        (b"9M\r\n9U\r\n", ES + ES),
        (b"ON\r\n", OK),
        (b"OFF\r\nIP\r\nPSN\r\nON\r\nIP\r\n", OK + ES + b"T000042\r\n" + OK + LINE),
        (b"0RL\r\nT\r\n1RL\r\n", OK),
        (b"0P\r\n", OK),
        (b"3601P\r\n", ES),
        (b"1.5P\r\n", ES),
        (b"ip\r\n", ES),
        (b"XYZ\r\n", ES),
        (b"\r\n", ES),
        (b"AC\r\n", ES),
        (b"x" * 100, ES),
        (b"IP\n", b""),
        (b"IP", b""),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert balance().say(sent) == received


@pytest.mark.parametrize(
    ("mass_g", "line"),
    [
        (0.0, b"     0.0000 g\r\n"),
        (-0.00004, b"     0.0000 g\r\n"),
        (-0.0012, b"    -0.0012 g\r\n"),
        (219.9999, b"   219.9999 g\r\n"),
        (221.0, b"Err 8.3\r\n"),
        (-12.0, b"Err 8.4\r\n"),
    ],
)
def test_weights(mass_g: float, line: bytes) -> None:
    assert balance(mass_g).say(b"IP\r\n") == line
    assert balance(mass_g).say(b"SP\r\n") == line


def test_the_manual_s_own_examples() -> None:
    bench = balance(192.21)
    bench.balance._pan.decimals = 2
    assert bench.say(b"IP\r\n") == b"     192.21 g\r\n"
    bench.scale.mass_g, bench.scale.stable_from_s = 0.01, math.inf
    assert bench.say(b"IP\r\n") == b"       0.01 g ?\r\n"
    bench.scale.stable_from_s = 0.0
    assert bench.say(b"15P\r\n", 1.0) == OK + b"       0.01 g   00:00:00\r\n"
    bench.scale.mass_g, bench.scale.stable_from_s = 176.3, math.inf
    assert bench.run(15.0) == b"     176.30 g ? 00:00:15\r\n"
    bench.scale.mass_g, bench.scale.stable_from_s = 192.08, 0.0
    assert bench.run(15.0) == b"     192.08 g   00:00:30\r\n"
    assert bench.say(b"0P\r\n", 60.0) == OK


def test_the_fields_that_are_blank_are_sent_where_it_is_set_so() -> None:
    bench = balance(blank_fields=True)
    assert bench.say(b"IP\r\n") == b"    12.3456 g    \r\n"
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"IP\r\n") == b"    12.3456 g ?  \r\n"
    bench.scale.stable_from_s = 0.0
    bench.say(b"T\r\n")
    assert bench.say(b"IP\r\n") == b"     0.0000 g   N\r\n"
    assert bench.say(b"1FMT\r\nIP\r\n") == OK + b"     0.0000 g\r\n"
    assert bench.say(b"0FMT\r\nIP\r\n") == OK + b"     0.0000 g   N\r\n"
    assert balance(weight_columns=9).say(b"IP\r\n") == b"  12.3456 g\r\n"


def test_a_print_of_stable_weights_waits_forty_seconds() -> None:
    bench = balance()
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"P\r\n") == b"    12.3456 g ?\r\n"
    assert bench.say(b"1S\r\nP\r\n", 0.8) == OK
    assert bench.run(0.2) == LINE
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"SP\r\n", 39.0) == b""
    assert bench.run(2.0) == ES


def test_printing_without_end_until_0p() -> None:
    bench = balance()
    assert bench.say(b"CP\r\n", 0.35) == OK + LINE * 3
    bench.scale.stable_from_s = bench.time_s + 0.2
    assert bench.run(0.4) == b"    12.3456 g ?\r\n" * 2 + LINE * 2
    assert bench.say(b"0P\r\n", 1.0) == OK
    bench = balance(stable_only=True)
    bench.scale.stable_from_s = 0.25
    assert bench.say(b"CP\r\n", 0.4) == OK + LINE * 2


def test_printing_by_itself_when_the_pan_has_come_to_rest() -> None:
    for command, of_zero in ((b"SLP\r\n", b""), (b"SLZP\r\n", b"     0.0000 g\r\n")):
        bench = balance(0.0)
        assert bench.say(command, 1.0) == OK + of_zero
        bench.scale.mass_g, bench.scale.stable_from_s = 5.0, bench.time_s + 1.0
        assert bench.run(5.0) == b"     5.0000 g\r\n"


def test_keys_wait_for_a_stable_pan() -> None:
    bench = balance(3.0)
    bench.scale.stable_from_s = 2.0
    assert bench.say(b"Z\r\n", 1.0) == OK
    assert bench.say(b"IP\r\n", 1.1) == b"     3.0000 g ?\r\n"
    assert bench.say(b"IP\r\n") == b"     0.0000 g\r\n"
    bench.scale.mass_g = 40.0
    assert bench.say(b"T\r\n") == OK
    assert bench.say(b"IP\r\nPT\r\n") == b"     0.0000 g\r\n    37.0000 g   T\r\n"


def test_an_adjustment_refuses_everything_but_its_end() -> None:
    bench = balance(0.0)
    assert bench.say(b"IC\r\nIP\r\n", 14.0) == OK + ES
    bench.run(2.0)
    assert bench.say(b"IP\r\n") == b"     0.0000 g\r\n"
    assert bench.say(b"IC\r\nAC\r\nIP\r\n") == OK + OK + b"     0.0000 g\r\n"
    assert balance(50.0).say(b"IC\r\n") == ES
    assert balance(0.0, internal_weight=False).say(b"IC\r\n") == ES


@pytest.mark.parametrize(
    ("unit", "line"),
    [("mg", b"    12345.6 mg\r\n"), ("ct", b"     61.728 ct\r\n"), ("mom", b"    3.29216 mom\r\n")],
)
def test_the_wrong_unit(unit: str, line: bytes) -> None:
    assert balance(unit=unit).say(b"IP\r\n") == line


def test_a_tare_key_pressed_by_hand_takes_the_load_off_the_stream() -> None:
    bench = balance(tare_key_s=0.25)
    assert bench.say(b"CP\r\n", 0.4) == OK + LINE * 2 + b"     0.0000 g\r\n" * 2


def test_the_line_is_set_as_it_comes() -> None:
    assert balance().balance.line == LineSettings(9600)
    assert balance(baudrate=2400, bytesize=7, stopbits=2).balance.line == LineSettings(2400, 7, "N", 2)
