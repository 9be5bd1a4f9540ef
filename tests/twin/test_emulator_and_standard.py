"""The A&D balance, byte for byte as the facts have it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.twin.emulators.and_standard import AndBalance, Options
from bench.twin.port import LineSettings
from tests.twin.talking import Talking

LINE = b"ST,+012.3456  g\r\n"
AK = b"\x06\r\n"


def balance(mass_g: float = 12.3456, unit: str = "g", tare_key_s: float = math.inf, **options: Any) -> Talking:
    return Talking(AndBalance, Options(**options), mass_g, unit, tare_key_s=tare_key_s)


@pytest.mark.parametrize(
    ("sent", "silent", "told"),
    [
        (b"Q\r\n", LINE, LINE),
        (b"SI\r\n", LINE, LINE),
        (b"S\r\n", LINE, LINE),
        (b"RW\r\n", LINE, LINE),
        (b"\x1bP\r\n", LINE, LINE),
        (b"PRT\r\n", LINE, AK + LINE),
        (b"?ID\r\n", b"ID,TWIN\r\n", b"ID,TWIN\r\n"),
        (b"?SN\r\n", b"SN,T000042\r\n", b"SN,T000042\r\n"),
        (b"?TN\r\n", b"TN,TWIN-FX\r\n", b"TN,TWIN-FX\r\n"),
        (b"?PT\r\n", b"PT,+000.0000  g\r\n", b"PT,+000.0000  g\r\n"),
        (b"ID:LAB-012\r\n?ID\r\n", b"ID,LAB-012\r\n", AK + b"ID,LAB-012\r\n"),
        (b"PT:5.25  g\r\n?PT\r\nQ\r\n", b"PT,+005.2500  g\r\nST,+007.0956  g\r\n", None),
        (b"PT:5.25\r\n", b"", b"EC,E06\r\n"),
        (b"PT:999  g\r\n", b"", b"EC,E07\r\n"),
        (b"R\r\n", b"", AK + AK),
        (b"Z\r\n", b"", AK + AK),
        (b"T\r\n", b"", AK + AK),
        (b"\x1bT\r\n", b"", AK + AK),
        (b"C\r\n", b"", AK),
        (b"U\r\n", b"", AK),
        (b"ON\r\n", b"", AK + AK),
        (b"OFF\r\nQ\r\n", b"", AK + b"EC,E02\r\n"),
        (b"P\r\nQ\r\nP\r\nQ\r\n", LINE, AK + b"EC,E02\r\n" + AK + AK + LINE),
        (b"XYZ\r\n", b"", b"EC,E01\r\n"),
        (b"q\r\n", b"", b"EC,E01\r\n"),
        (b"\r\n", b"", b"EC,E01\r\n"),
        (b"x" * 100, b"", b"EC,E04\r\n"),
        (b"Q\r", b"", b""),
        (b"Q\n", b"", b""),
    ],
)
def test_conversation_by_both_error_code_modes(sent: bytes, silent: bytes, told: bytes | None) -> None:
    assert balance().say(sent) == silent
    if told is not None:
        assert balance(error_codes=True).say(sent) == told


@pytest.mark.parametrize(
    ("mass_g", "line"),
    [
        (0.0, b"ST,+000.0000  g\r\n"),
        (-0.00004, b"ST,+000.0000  g\r\n"),
        (-0.0012, b"ST,-000.0012  g\r\n"),
        (219.9999, b"ST,+219.9999  g\r\n"),
        (221.0, b"OL,+9999999E+19\r\n"),
        (-12.0, b"OL,-9999999E+19\r\n"),
    ],
)
def test_weights(mass_g: float, line: bytes) -> None:
    assert balance(mass_g).say(b"Q\r\n") == line


def test_a_value_is_filled_with_zeros_and_longer_only_where_it_must_be() -> None:
    assert balance(digits=10).say(b"Q\r\n") == b"ST,+00012.3456  g\r\n"
    assert balance(unit="mg").say(b"Q\r\n") == b"ST,+012345.6 mg\r\n"
    bench = balance()
    bench.scale.readability_g, bench.scale.maximum_g = 0.00001, 120.0
    fine = AndBalance(lambda data, due_s: bench.sent.append((due_s, data)), bench.scale)
    fine.receive(b"Q\r\n", 0.0)
    assert bench.sent[-1][1] == b"ST,+12.34560  g\r\n"
    bench.scale.mass_g = 100.5
    fine.receive(b"Q\r\n", 0.1)
    assert bench.sent[-1][1] == b"ST,+100.50000  g\r\n"


def test_a_moving_pan_is_unstable_and_a_stable_weight_is_waited_for() -> None:
    bench = balance(error_codes=True)
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"Q\r\n") == b"US,+012.3456  g\r\n"
    assert bench.say(b"S\r\n", 0.8) == b""
    assert bench.run(0.2) == LINE
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"S\r\n", 29.0) == b""
    assert bench.run(2.0) == b"EC,E11\r\n"
    assert bench.say(b"S\r\n") == b""
    assert bench.say(b"C\r\n", 40.0) == AK


def test_the_stream_runs_until_it_is_cancelled() -> None:
    bench = balance()
    assert bench.say(b"SIR\r\n", 0.35) == LINE * 3
    assert bench.say(b"C\r\n", 1.0) == b""
    assert bench.say(b"SIR\r\n", 0.2) == LINE * 2
    assert bench.say(b"Q\r\n", 1.0) == LINE  # a single weight ends it, too


def test_zero_is_acknowledged_at_receipt_and_when_done() -> None:
    bench = balance(30.0, error_codes=True)
    bench.scale.stable_from_s = 2.0
    assert bench.say(b"R\r\n", 1.0) == AK
    assert bench.say(b"Q\r\n", 0.5) == b"EC,E02\r\n"
    assert bench.run(1.0) == AK
    assert bench.say(b"Q\r\n") == b"ST,+000.0000  g\r\n"
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"Z\r\n", 31.0) == AK + b"EC,E11\r\n"


def test_a_tare_tells_its_weight_and_has_a_range() -> None:
    bench = balance(30.0, error_codes=True)
    assert bench.say(b"T\r\n?PT\r\n") == AK + b"PT,+000.0000  g\r\n" + AK
    assert bench.say(b"?PT\r\n") == b"PT,+030.0000  g\r\n"
    assert bench.say(b"Q\r\n") == b"ST,+000.0000  g\r\n"
    bench.scale.mass_g = -8.0
    assert bench.say(b"T\r\n") == AK + b"EC,E07\r\n"


def test_print_of_stable_weights_waits_and_of_any_does_not() -> None:
    bench = balance()
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"PRT\r\n", 0.9) == b""
    assert bench.run(0.2) == LINE
    bench = balance(print_when="any")
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"PRT\r\n") == b"US,+012.3456  g\r\n"


def test_an_adjustment_takes_its_time_and_refuses_the_rest() -> None:
    bench = balance(0.0, error_codes=True)
    assert bench.say(b"CAL\r\n", 10.0) == AK
    assert bench.say(b"Q\r\n", 5.0) == b"EC,E02\r\n"
    assert bench.run(6.0) == AK
    assert balance(50.0, error_codes=True).say(b"CAL\r\n") == b"EC,E02\r\n"
    assert balance(0.0, error_codes=True, internal_weight=False).say(b"CAL\r\n") == b"EC,E02\r\n"
    assert balance(0.0).say(b"CAL\r\nQ\r\n", 30.0) == b""


@pytest.mark.parametrize(
    ("unit", "line"),
    [("ct", b"ST,+0061.728 ct\r\n"), ("oz", b"ST,+07.76027 oz\r\n"), ("mom", b"ST,+58.66667mom\r\n")],
)
def test_the_wrong_unit(unit: str, line: bytes) -> None:
    mass_g = {"ct": 12.3456, "oz": 220.0, "mom": 220.0}[unit]
    assert balance(mass_g, unit=unit).say(b"Q\r\n") == line


def test_a_tare_key_pressed_by_hand_takes_the_load_off_the_stream() -> None:
    bench = balance(tare_key_s=0.25)
    assert bench.say(b"SIR\r\n", 0.4) == LINE * 2 + b"ST,+000.0000  g\r\n" * 2


def test_the_line_is_set_as_it_comes() -> None:
    assert balance().balance.line == LineSettings(2400, 7, "E", 1)
    assert balance(baudrate=19200, bytesize=8, parity="N").balance.line == LineSettings(19200)
