"""The Radwag balance, byte for byte as the facts have it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.radwag import Options, RadwagBalance
from bench.twin.port import LineSettings
from tests.twin.talking import Talking


def balance(mass_g: float = 12.3456, unit: str = "g", tare_key_s: float = math.inf, **options: Any) -> Talking:
    return Talking(RadwagBalance, Options(**options), mass_g, unit, tare_key_s=tare_key_s)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"SI\r\n", b"SI      12.3456 g  \r\n"),
        (b"SUI\r\n", b"SUI     12.3456 g  \r\n"),
        (b"SIA\r\n", b"P1      12.3456 g  \r\n"),
        (b"S\r\n", b"S A\r\nS       12.3456 g  \r\n"),
        (b"SU\r\n", b"SU A\r\nSU      12.3456 g  \r\n"),
        (b"Z\r\n", b"Z A\r\nZ ^\r\n"),  # 12 g are more than 2 % of 220 g
        (b"T\r\nOT\r\n", b"T A\r\nT D\r\nOT   12.3456 g   \r\n"),
        (b"OT\r\n", b"OT    0.0000 g   \r\n"),
        (b"UT 5.25\r\nOT\r\nSI\r\n", b"UT OK\r\nOT    5.2500 g   \r\nSI       7.0956 g  \r\n"),
        (b"UT x\r\n", b"ES\r\n"),
        (b"UT 999\r\n", b"UT I\r\n"),
        (b"NB\r\n", b'NB A "T000042"\r\n'),
        (b"BN\r\n", b'BN A "TWIN-PS"\r\n'),
        (b"FS\r\n", b'FS A "220.0000"\r\n'),
        (b"RV\r\n", b'RV A "1.1.1"\r\n'),
        (b"UG\r\n", b"UG g OK\r\n"),
        (b"UI\r\n", b'UI "g" OK\r\n'),
        (b"US g\r\n", b"US OK\r\n"),
        (b"K1\r\nK0\r\nBP 300\r\nIC1\r\nIC0\r\n", b"K1 OK\r\nK0 OK\r\nBP OK\r\nIC1 OK\r\nIC0 OK\r\n"),
        (b"SS\r\n", b"SS OK\r\n        12.3456 g  \r\n"),
        (b"C0\r\n", b"C0 A\r\n"),
        (b"CU0\r\n", b"CU0 A\r\n"),
        (b"NT\r\n", b"NT   10    12.3456 g      0.0000 g   0\r\n"),
        (b"si\r\n", b"ES\r\n"),
        (b"XYZ\r\n", b"ES\r\n"),
        (b"SI 1\r\n", b"ES\r\n"),
        (b"\r\n", b"ES\r\n"),
        (b"x" * 100, b"ES\r\n"),
        (b"SI\n", b""),
        (b"SI\r", b""),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert balance().say(sent) == received


def test_all_that_it_lists_is_understood() -> None:
    names = balance().say(b"PC\r\n").decode().split('"')[1].split(",")
    assert {"Z", "T", "S", "SI", "SU", "SUI", "C1", "C0", "CU1", "CU0", "NB", "BN", "FS", "IC", "UT"} <= set(names)
    for name in names:
        sent = {"UT": "UT 1"}.get(name, f"{name} 1" if name in ("A", "EV", "FIS", "ARS", "LDS", "BP") else name)
        assert not balance().say(f"{sent}\r\n".encode()).startswith(b"ES")


@pytest.mark.parametrize(
    ("mass_g", "frame"),
    [
        (0.0, b"SI       0.0000 g  \r\n"),
        (-0.00004, b"SI       0.0000 g  \r\n"),
        (-0.0012, b"SI   -   0.0012 g  \r\n"),
        (219.9999, b"SI     219.9999 g  \r\n"),
        (221.0, b"SI ^   221.0000 g  \r\n"),
        (-12.0, b"SI v -  12.0000 g  \r\n"),
    ],
)
def test_frames_have_twenty_one_characters(mass_g: float, frame: bytes) -> None:
    assert balance(mass_g).say(b"SI\r\n") == frame
    assert len(frame) == 21


def test_the_manual_s_own_examples() -> None:
    bench = balance(18.5)
    bench.balance._pan.decimals = 1
    bench.balance._pan.unit = "kg"
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"SI\r\n") == b"SI ?       18.5 kg \r\n"
    bench.scale.mass_g, bench.scale.stable_from_s = -8.5, 0.0
    bench.balance._pan.unit = "g"
    assert bench.say(b"S\r\n") == b"S A\r\nS    -      8.5 g  \r\n"
    bench.scale.mass_g = -5.0
    assert bench.say(b"SU\r\n") == b"SU A\r\nSU   -      5.0 g  \r\n"


def test_some_accept_an_immediate_request_first() -> None:
    assert balance(accepts_immediate=True).say(b"SI\r\n") == b"SI A\r\nSI      12.3456 g  \r\n"


def test_a_stable_weight_zero_and_tare_are_waited_for() -> None:
    bench = balance(3.0)
    for command in (b"S", b"Z", b"T"):
        bench.scale.stable_from_s = bench.time_s + 1.0
        assert bench.say(command + b"\r\n", 0.8) == command + b" A\r\n"
        assert bench.run(0.4) in (b"S        3.0000 g  \r\n", command + b" D\r\n")
    bench.scale.stable_from_s = math.inf
    for command in (b"S", b"SU", b"Z", b"T"):
        assert bench.say(command + b"\r\n", 14.0) == command + b" A\r\n"
        assert bench.run(2.0) == command + b" E\r\n"


def test_what_comes_meanwhile_is_done_afterwards() -> None:
    bench = balance(3.0)
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"T\r\nNB\r\nSI\r\n", 0.5) == b"T A\r\n"
    assert bench.run(0.6) == b'T D\r\nNB A "T000042"\r\nSI       0.0000 g  \r\n'


def test_ranges_of_zero_and_tare() -> None:
    bench = balance(4.0)
    assert bench.say(b"Z\r\nSI\r\n") == b"Z A\r\nZ D\r\nSI       0.0000 g  \r\n"
    bench.scale.mass_g = -4.0
    assert bench.say(b"T\r\n") == b"T A\r\nT v\r\n"


def test_the_stream_is_switched_on_and_off() -> None:
    bench = balance()
    assert bench.say(b"C1\r\n", 0.35) == b"C1 A\r\n" + b"SI      12.3456 g  \r\n" * 3
    bench.scale.stable_from_s = math.inf
    assert bench.run(0.2) == b"SI ?    12.3456 g  \r\n" * 2
    assert bench.say(b"NB\r\n", 0.02) == b'NB A "T000042"\r\n'
    assert bench.say(b"C0\r\n", 1.0) == b"C0 A\r\n"
    assert bench.say(b"CU1\r\n", 0.2) == b"CU1 A\r\n" + b"SUI?    12.3456 g  \r\n" * 2
    assert bench.say(b"CU0\r\n", 1.0) == b"CU0 A\r\n"


def test_an_adjustment() -> None:
    bench = balance(0.0)
    assert bench.say(b"IC\r\nSI\r\n", 19.0) == b"IC A\r\nSI I\r\n"
    assert bench.run(2.0) == b"IC D\r\n"
    assert balance(50.0).say(b"IC\r\n") == b"IC A\r\nIC E\r\n"
    assert balance(0.0, internal_weight=False).say(b"IC\r\n") == b"IC I\r\n"


@pytest.mark.parametrize(
    ("unit", "frame"),
    [("mg", b"SI      12345.6 mg \r\n"), ("ct", b"SI       61.728 ct \r\n"), ("mom", b"SI      3.29216 mom\r\n")],
)
def test_the_wrong_unit(unit: str, frame: bytes) -> None:
    assert balance(unit=unit).say(b"SI\r\n") == frame


def test_a_tare_key_pressed_by_hand_takes_the_load_off_the_stream() -> None:
    bench = balance(tare_key_s=0.25)
    frames = b"SI      12.3456 g  \r\n" * 2 + b"SI       0.0000 g  \r\n" * 2
    assert bench.say(b"C1\r\n", 0.4) == b"C1 A\r\n" + frames


def test_the_terminal_s_frame_has_its_fields_where_a_client_looks_for_them() -> None:
    bench = balance()
    bench.say(b"T\r\n")
    bench.scale.mass_g, bench.scale.stable_from_s = 10.0, math.inf
    frame = bench.say(b"NT\r\n").decode()
    assert (frame[3], frame[8:18], frame[19:22], frame[23:32], frame[37]) == (
        "?",
        "   -2.3456",
        "g  ",
        "  12.3456",
        "0",
    )


def test_the_line_is_set_as_it_comes() -> None:
    assert balance().balance.line == LineSettings(9600)
