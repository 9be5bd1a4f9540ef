"""The SBI balance, byte for byte as the facts have it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.sartorius_sbi import Options, SbiBalance
from bench.twin.port import LineSettings
from tests.twin.talking import Talking

LINE = b"N     +  12.3456 g  \r\n"


def balance(mass_g: float = 12.3456, unit: str = "g", tare_key_s: float = math.inf, **options: Any) -> Talking:
    return Talking(SbiBalance, Options(**options), mass_g, unit, tare_key_s=tare_key_s)


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"\x1bP", LINE),
        (b"\x1bP\r\n", LINE),
        (b"\x1bP\r", LINE),
        (b"P\r\n", LINE),  # Entris II: ESC is optional
        (b"P", b""),
        (b"\x1bkP_", LINE),
        (b"\x1bkP_\r\n", LINE),
        (b"\x1bkP\r\n", LINE),
        (b"\x1bp_\r\n", LINE),
        (b"\x1bP\x1bP\r\n", LINE + LINE),
        (b"\x1bx1_", b"TWIN-SBI\r\n"),
        (b"\x1bx1_\r\n", b"TWIN-SBI\r\n"),
        (b"\x1bx2_\r\n", b"T000042\r\n"),
        (b"\x1bx3_\r\n", b"00-01-00\r\n"),
        (b"\x1bx2_\x1bx1_", b"T000042\r\nTWIN-SBI\r\n"),
        (b"\x1bT\r\n", b""),
        (b"\x1bU\r\n", b""),
        (b"\x1bV\r\n", b""),
        (b"\x1bK\r\n\x1bL\r\n\x1bM\r\n\x1bN\r\n\x1bO\r\n\x1bR\r\n\x1bQ\r\n\x1bs3_\r\n", b""),
        (b"\x1b!\r\n\x1bx9_\r\nhello\r\n", b""),
        (b"\x1bp\r\n", b""),
        (b"\x1b\r\n", b""),
        (b"\x1bxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_\x1bP", LINE),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert balance().say(sent) == received


@pytest.mark.parametrize(
    ("mass_g", "line"),
    [
        (12.3456, b"+  12.3456 g  \r\n"),
        (0.0, b"+   0.0000 g  \r\n"),
        (-0.00004, b"+   0.0000 g  \r\n"),
        (-0.0012, b"-   0.0012 g  \r\n"),
        (219.9999, b"+ 219.9999 g  \r\n"),
        (221.0, b"      High    \r\n"),
        (-12.0, b"      Low     \r\n"),
    ],
)
def test_lines_of_sixteen_and_twenty_two_characters(mass_g: float, line: bytes) -> None:
    assert balance(mass_g, line_length=16).say(b"\x1bP") == line
    head = b"Stat  " if line.startswith(b"      ") else b"N     "
    assert balance(mass_g).say(b"\x1bP") == head + line
    assert len(head + line) == 22


def test_a_moving_pan_has_no_unit() -> None:
    bench = balance()
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"\x1bP") == b"N     +  12.3456    \r\n"


def test_output_after_stability_is_held_back() -> None:
    bench = balance(output="stable")
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"\x1bP\x1bP", 0.9) == b""
    assert bench.run(0.2) == LINE
    assert bench.say(b"\x1bP") == LINE


def test_one_key_zeroes_or_tares_and_the_others_do_one_of_both() -> None:
    bench = balance(2.0)
    assert bench.say(b"\x1bT\x1bP", 0.2) == b"N     +   2.0000 g  \r\n"  # not done before the next output
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    bench.scale.mass_g = 30.0
    bench.say(b"\x1bT")
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    bench.scale.mass_g = 31.0
    bench.say(b"\x1bU")
    bench.scale.mass_g = 30.5
    assert bench.say(b"\x1bP") == b"N     -   0.5000 g  \r\n"
    bench.scale.mass_g = 1.5
    bench.say(b"\x1bV")
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"


@pytest.mark.parametrize(("key", "mass_g", "error"), [(b"\x1bV", 30.0, b"  2"), (b"\x1bU", 0.0, b" 11")])
def test_a_key_that_cannot_be_obeyed_shows_an_error_for_a_while(key: bytes, mass_g: float, error: bytes) -> None:
    bench = balance(mass_g)
    bench.say(key)
    assert bench.say(b"\x1bP") == b"Stat     ERR " + error + b"    \r\n"
    bench.run(3.0)
    assert bench.say(b"\x1bP") == b"N     + %8.4f g  \r\n" % mass_g


def test_keys_wait_for_a_stable_pan_until_the_balance_s_own_limit() -> None:
    bench = balance(2.0)
    bench.scale.stable_from_s = 5.0
    bench.say(b"\x1bT", 4.0)
    assert bench.say(b"\x1bP") == b"N     +   2.0000    \r\n"
    bench.run(2.0)
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    bench.scale.stable_from_s = 100.0
    bench.scale.mass_g = 3.0
    bench.say(b"\x1bT", 95.0)
    assert bench.say(b"\x1bP") == b"N     +   1.0000 g  \r\n"


def test_autoprint_streams_and_a_print_stops_and_starts_it() -> None:
    bench = balance(autoprint="any")
    assert bench.run(0.35) == LINE * 3
    bench.scale.stable_from_s = 0.6
    assert bench.run(0.4) == b"N     +  12.3456    \r\n" * 2 + LINE * 2
    assert bench.say(b"\x1bP", 0.5) == b""
    assert bench.say(b"\x1bx2_", 0.05) == b"T000042\r\n"
    assert bench.say(b"\x1bP", 0.2) == LINE * 2
    bench = balance(autoprint="stable")
    bench.scale.stable_from_s = 0.25
    assert bench.say(b"", 0.4) == LINE * 2


def test_an_adjustment_shows_in_place_of_weights() -> None:
    bench = balance(0.0)
    assert bench.say(b"\x1bZ\x1bP", 11.9) == b"Stat     Cal.Int.   \r\n"
    bench.run(0.2)
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    bench = balance(50.0)
    bench.say(b"\x1bx0_")
    assert bench.say(b"\x1bP") == b"Stat     ERR   2    \r\n"
    bench = balance(0.0, internal_weight=False)
    assert bench.say(b"\x1bZ\x1bP") == b"N     +   0.0000 g  \r\n"


def test_a_restart_forgets_the_tare_and_is_silent_for_a_while() -> None:
    bench = balance(30.0)
    bench.say(b"\x1bU")
    bench.say(b"\x1bS")
    assert bench.say(b"\x1bP") == b""
    bench.run(3.0)
    assert bench.say(b"\x1bP") == b"N     +  30.0000 g  \r\n"


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("mg", b"N     +  12345.6 mg \r\n"),
        ("ct", b"N     +   61.728 ct \r\n"),
        ("oz", b"N     +  0.43548 oz \r\n"),
        ("mom", b"N     +  3.29216 mom\r\n"),
    ],
)
def test_the_wrong_unit(unit: str, line: bytes) -> None:
    assert balance(unit=unit).say(b"\x1bP") == line


def test_a_value_too_wide_for_its_columns_is_a_display_error() -> None:
    bench = balance()
    bench.balance._pan.decimals = 7
    assert bench.say(b"\x1bP") == b"Stat     DIS.ERR    \r\n"


def test_a_tare_key_pressed_by_hand_takes_the_load_off() -> None:
    bench = balance(tare_key_s=1.05)
    bench.run(1.0)
    assert bench.say(b"\x1bP", 0.2) == LINE
    assert bench.say(b"\x1bP") == b"N     +   0.0000 g  \r\n"


def test_the_line_is_set_as_on_entris() -> None:
    assert balance().balance.line == LineSettings(9600, 8, "O", 1)
    assert balance(baudrate=1200, bytesize=7).balance.line == LineSettings(1200, 7, "O", 1)
