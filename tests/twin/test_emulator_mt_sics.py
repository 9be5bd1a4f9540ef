"""The MT-SICS balance, byte for byte as the facts have it."""

import math

import pytest

from drivers.mt_sics import parse_weight
from tests.twin.mt_sics_bench import IDENTITY, Bench


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"@\r\n", IDENTITY),
        (b"I1\r\n", b'I1 A "012" "2.30" "2.22" "2.33" ""\r\n'),
        (b"I2\r\n", b'I2 A "TWIN-XPR simulated 220.00000 g"\r\n'),
        (b"I3\r\n", b'I3 A "1.0 0.0.0.0.1"\r\n'),
        (b"I4\r\n", IDENTITY),
        (b"I5\r\n", b'I5 A "00000001A"\r\n'),
        (b"I10\r\n", b'I10 A "balance"\r\n'),
        (b'I10 "my balance"\r\nI10\r\n', b'I10 A\r\nI10 A "my balance"\r\n'),
        (b'I10 "a name that is too long"\r\n', b"I10 L\r\n"),
        (b'I10 "say \\"place 4\\""\r\nI10\r\n', b'I10 A\r\nI10 A "say \\"place 4\\""\r\n'),
        (b"I11\r\n", b'I11 A "TWIN-XPR simulated"\r\n'),
        (b"I14 0\r\n", b'I14 B 0 1 "Bridge"\r\nI14 A 0 2 "Terminal"\r\n'),
        (b"I14 4\r\n", b'I14 B 4 1 "T000042B"\r\nI14 A 4 2 "T000042"\r\n'),
        (b"I14 6\r\n", b"I14 L\r\n"),
        (b"I14\r\n", b"I14 L\r\n"),
        (b"I15\r\n", b"I15 A 0\r\n"),
        (b"S\r\n", b"S S    1.23457 g\r\n"),
        (b"SI\r\n", b"S S    1.23457 g\r\n"),
        (b"SU\r\n", b"S S    1.23457 g\r\n"),
        (b"SIU\r\n", b"S S    1.23457 g\r\n"),
        (b"M21 1 3\r\nSIU\r\nSU\r\nSI\r\n", b"M21 A\r\n" + b"S S    1234.57 mg\r\n" * 2 + b"S S    1.23457 g\r\n"),
        (b"SC 1000\r\n", b"S S    1.23457 g\r\n"),
        (b"SC\r\n", b"S L\r\n"),
        (b"SC 65536\r\n", b"S L\r\n"),
        (b"SC 1.5\r\n", b"S L\r\n"),
        (b"SIS\r\n", b'SIS A 0 "1.23457" 0 5 1 0 0\r\n'),
        (b"TI\r\nSIS\r\n", b'TI S    1.23457 g\r\nSIS A 0 "0.00000" 0 5 1 0 1\r\n'),
        (b"TA 1 g\r\nSIS\r\n", b'TA A    1.00000 g\r\nSIS A 0 "0.23457" 0 5 1 0 2\r\n'),
        (b"Z\r\n", b"Z A\r\n"),
        (b"Z\r\nSI\r\n", b"Z A\r\nS S    0.00000 g\r\n"),
        (b"ZI\r\n", b"ZI S\r\n"),
        (b"T\r\n", b"T S    1.23457 g\r\n"),
        (b"T\r\nSI\r\nTA\r\n", b"T S    1.23457 g\r\nS S    0.00000 g\r\nTA A    1.23457 g\r\n"),
        (b"TI\r\n", b"TI S    1.23457 g\r\n"),
        (b"ZC 500\r\n", b"ZC S\r\n"),
        (b"ZC 0\r\n", b"ZC L\r\n"),
        (b"TC 500\r\nSI\r\n", b"TC S    1.23457 g\r\nS S    0.00000 g\r\n"),
        (b"TC\r\n", b"TC L\r\n"),
        (b"T\r\nZ\r\nTA\r\n", b"T S    1.23457 g\r\nZ A\r\nTA A    0.00000 g\r\n"),
        (b"TA 1234.567 mg\r\n", b"TA A    1.23457 g\r\n"),
        (b"TA 1e-1 g\r\n", b"TA L\r\n"),
        (b"TA 221 g\r\n", b"TA L\r\n"),
        (b"TA 1.5 g\r\nSI\r\n", b"TA A    1.50000 g\r\nS S   -0.26543 g\r\n"),
        (b"TA -1 g\r\n", b"TA L\r\n"),
        (b"TA x g\r\n", b"TA L\r\n"),
        (b"TI\r\nTAC\r\nTA\r\n", b"TI S    1.23457 g\r\nTAC A\r\nTA A    0.00000 g\r\n"),
        (b'D "HELLO"\r\n', b"D A\r\n"),
        (b"D HELLO\r\n", b"D L\r\n"),
        (b'D "place 4\\" filter"\r\n', b"D A\r\n"),
        (b"DW\r\n", b"DW A\r\n"),
        (b"C\r\n", b"C B\r\nC A\r\n"),
        (b"K 2\r\n", b"K A\r\n"),
        (b"K\r\n", b"K L\r\n"),
        (b"M01\r\nM01 1\r\nM01\r\nM01 4\r\n", b"M01 A 0\r\nM01 A\r\nM01 A 1\r\nM01 L\r\n"),
        (b"M02\r\nM02 3\r\nM02\r\n", b"M02 A 2\r\nM02 A\r\nM02 A 3\r\n"),
        (b"M03\r\nM03 0\r\nM03\r\n", b"M03 A 1\r\nM03 A\r\nM03 A 0\r\n"),
        (b"M29\r\nM29 5\r\n", b"M29 A 2\r\nM29 L\r\n"),
        (b"M67\r\nM67 60\r\nM67\r\nM67 x\r\n", b"M67 A 5\r\nM67 A\r\nM67 A 60\r\nM67 L\r\n"),
        (b"ST\r\nST 1\r\nST\r\n@\r\nST\r\n", b"ST A 0\r\nST A\r\nST A 1\r\n" + IDENTITY + b"ST A 0\r\n"),
        (b"M21\r\n", b"M21 B 0 0\r\nM21 B 1 0\r\nM21 A 2 0\r\n"),
        (b"M21 0\r\n", b"M21 A 0 0\r\n"),
        (b"M21 3\r\n", b"M21 L\r\n"),
        (b"M21 0 0\r\n", b"M21 A\r\n"),
        (b"M21 0 99\r\n", b"M21 L\r\n"),
        (b"M28\r\n", b"M28 B 1 21.8\r\nM28 A 2 22.1\r\n"),
        (b"UPD\r\n", b"UPD A 10\r\n"),
        (b"UPD 4\r\nUPD\r\n", b"UPD A\r\nUPD A 5\r\n"),
        (b"UPD fast\r\n", b"UPD L\r\n"),
        (b"UPD 0\r\n", b"UPD L\r\n"),
        (b"UPD 290\r\n", b"UPD L\r\n"),
        (b"UPD 23\r\n@\r\nUPD\r\n", b"UPD A\r\n" + IDENTITY + b"UPD A 10\r\n"),
        (b"si\r\n", b"ES\r\n"),
        (b"@ \r\n", b"ES\r\n"),
        (b"XYZ\r\n", b"ES\r\n"),
        (b"\r\n", b"ES\r\n"),
        (b"S 3\r\n", b"S L\r\n"),
        (b"SI 3\r\n", b"S L\r\n"),
        (b"T 3\r\n", b"T L\r\n"),
        (b"TI 3\r\n", b"TI L\r\n"),
        (b"TAC 3\r\n", b"TAC L\r\n"),
        (b"Z 3\r\n", b"EL\r\n"),
        (b"C3 1\r\n", b"EL\r\n"),
        (b"SI\nSI\r\n", b"ET\r\n"),
        (b"\x00SI\r\n", b"ET\r\n"),
        (b"I4 now\r\n", b"EL\r\n"),
        (b"SI\n", b""),
        (b"SI\r", b""),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    bench = Bench()
    bench.scale.mass_g = 1.234567
    assert bench.say(sent, 0.5) == received


def test_the_list_of_commands_is_the_list_of_what_is_understood() -> None:
    lines = Bench().say(b"I0\r\n").decode().splitlines()
    assert lines[0] == 'I0 B 0 "I0"'
    assert 'I0 B 0 "@"' in lines
    assert all(line.startswith("I0 B ") for line in lines[:-1])
    assert lines[-1] == 'I0 A 2 "ZC"'
    names = [line.split('"')[1] for line in lines]
    for name in names:
        assert not Bench().say(f"{name}\r\n".encode()).startswith(b"ES")
    levels_zero_and_one = "@ I0 I1 I2 I3 I4 I5 S SI SIR Z ZI D DW K SR T TA TAC TI"
    others = "C3 I10 I11 I14 M01 M02 M03 M21 M28 M29 SC SIRU SIU SNR SNRU SRU SU TC UPD ZC"
    assert set(names) >= set(f"{levels_zero_and_one} {others}".split())


def test_bytes_may_come_one_by_one_and_two_commands_at_once() -> None:
    bench = Bench()
    assert b"".join(bench.say(bytes([byte])) for byte in b"I4\r\n") == IDENTITY
    assert bench.say(b"I4\r\nS\r\nI4\r\n") == IDENTITY + b"S S    0.00000 g\r\n" + IDENTITY


def test_a_moving_pan_is_dynamic_and_holds_back_s_z_and_t_until_it_is_stable() -> None:
    bench = Bench()
    bench.scale.stable_from_s = 2.0
    assert bench.say(b"SI\r\n", 0.0) == b"S D    0.00000 g\r\n"
    assert bench.say(b"ZI\r\n", 0.0) == b"ZI D\r\n"
    assert bench.say(b"TI\r\n", 0.0) == b"TI D    0.00000 g\r\n"
    assert bench.say(b"SC 200\r\n", 0.3) == b"S D    0.00000 g\r\n"
    assert bench.say(b"Z\r\n", 1.0) == b""
    bench.balance.run_until(2.0)
    assert [(round(due_s, 9), data) for due_s, data in bench.sent] == [(2.002, b"Z A\r\n")]


@pytest.mark.parametrize("command", ["S", "Z", "T", "SR", "SNR"])
def test_a_pan_that_never_settles_ends_the_wait_with_i(command: str) -> None:
    bench = Bench()
    bench.scale.stable_from_s = math.inf
    assert bench.say(f"{command}\r\n".encode(), 4.9) == b""
    assert bench.run(0.2) == (f"{command[0]} I\r\n".encode() if command in ("S", "Z", "T") else b"S I\r\n")
    assert bench.balance.next_event_s() == math.inf


def test_commands_wait_behind_one_that_waits_and_at_cancels_them_all() -> None:
    bench = Bench()
    bench.scale.stable_from_s = 1.0
    assert bench.say(b"T\r\nI4\r\nSI\r\n", 0.5) == b""
    assert bench.run(0.6) == b"T S    0.00000 g\r\n" + IDENTITY + b"S S    0.00000 g\r\n"
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"S\r\nI2\r\n@\r\n", 10.0) == IDENTITY


@pytest.mark.parametrize(("clears", "then"), [(False, b"S S    0.00000 g\r\n"), (True, b"S S    2.00000 g\r\n")])
def test_cancelling_keeps_the_zero_and_the_tare_but_on_older_models(clears: bool, then: bytes) -> None:
    bench = Bench(reset_clears_tare=clears)
    bench.scale.mass_g = 1.0
    bench.say(b"ZI\r\n")
    bench.scale.mass_g = 3.0
    bench.say(b"TI\r\n")
    assert bench.say(b"SI\r\n") == b"S S    0.00000 g\r\n"
    assert bench.say(b"@\r\nSI\r\n") == IDENTITY + then


def test_the_stream_comes_at_the_output_rate_while_commands_are_answered_and_ends_at_si() -> None:
    bench = Bench()
    bench.balance.receive(b"SIR\r\n", 0.05)
    for time_s in (0.1, 0.2, 0.3):
        bench.balance.run_until(time_s)
    assert [round(due_s, 9) for due_s, _ in bench.sent] == [0.1, 0.2, 0.3]
    assert {data for _, data in bench.sent} == {b"S S    0.00000 g\r\n"}
    bench.time_s = 0.3
    bench.sent.clear()
    assert bench.say(b"I4\r\n", 0.1) == IDENTITY + b"S S    0.00000 g\r\n"
    assert bench.say(b"SI\r\n", 1.0) == b"S S    0.00000 g\r\n"


def test_the_stream_goes_on_while_a_tare_waits_and_follows_the_update_rate() -> None:
    bench = Bench()
    bench.scale.stable_from_s = 1.0
    bench.say(b"SIR\r\n", 0.0)
    assert bench.say(b"T\r\n", 0.95) == b"S D    0.00000 g\r\n" * 9
    assert bench.run(0.1) == b"S S    0.00000 g\r\nT S    0.00000 g\r\n"
    bench.say(b"UPD 1\r\n", 0.05)
    assert bench.run(3.0) == b"S S    0.00000 g\r\n" * 3


def test_a_day_of_stream_stays_on_the_grid_of_the_output_rate() -> None:
    bench = Bench()
    bench.balance.receive(b"SIR\r\n", 86400.0)
    bench.balance.run_until(86400.1)
    assert bench.sent == [(864001 / 10, b"S S    0.00000 g\r\n")]


def test_values_round_to_the_readability_and_never_show_minus_zero() -> None:
    bench = Bench()
    bench.scale.mass_g = -0.000004
    assert bench.say(b"SI\r\n") == b"S S    0.00000 g\r\n"
    bench.scale.mass_g = -0.000006
    assert bench.say(b"SI\r\n") == b"S S   -0.00001 g\r\n"
    bench.say(b"SIR\r\n", 0.0)
    assert bench.run(0.1) == b"S S   -0.00001 g\r\n"
    bench.scale.mass_g = 0.000004
    assert bench.run(0.1) == b"S S    0.00000 g\r\n"


def test_over_and_underload() -> None:
    bench = Bench()
    bench.scale.mass_g = 221.0
    assert bench.say(b"SI\r\n") == b"S +\r\n"
    assert bench.say(b"S\r\n") == b"S +\r\n"
    assert bench.say(b"T\r\n") == b"T +\r\n"
    assert bench.say(b"Z\r\n") == b"Z +\r\n"
    assert bench.say(b"ZI\r\n") == b"ZI +\r\n"
    assert bench.say(b"SIR\r\n", 0.1) == b"S +\r\n"
    bench.scale.mass_g = -20.0
    assert bench.run(0.1) == b"S -\r\n"
    assert bench.say(b"SI\r\n") == b"S -\r\n"
    assert bench.say(b"TI\r\n") == b"TI -\r\n"
    assert bench.say(b"Z\r\n") == b"Z -\r\n"


def test_send_on_change_announces_the_change_and_then_the_new_weight() -> None:
    bench = Bench()
    bench.scale.mass_g = 1.0
    assert bench.say(b"SR\r\n") == b"S S    1.00000 g\r\n"
    bench.scale.mass_g = 1.1
    assert bench.run(1.0) == b""
    bench.scale.mass_g = 1.2
    bench.scale.stable_from_s = bench.time_s + 0.35
    assert bench.run(1.0) == b"S D    1.20000 g\r\nS S    1.20000 g\r\n"
    assert bench.say(b"SNR 50 mg\r\n") == b"S S    1.20000 g\r\n"
    bench.scale.mass_g = 1.26
    assert bench.run(1.0) == b"S S    1.26000 g\r\n"
    assert bench.say(b"SR 1 lb\r\n") == b"S L\r\n"


def test_an_adjustment_takes_its_time_and_what_comes_meanwhile_waits() -> None:
    bench = Bench()
    assert bench.say(b"C3\r\nI4\r\n", 14.9) == b"C3 B\r\n"
    assert bench.run(0.2) == b"C3 A\r\n" + IDENTITY


@pytest.mark.parametrize(
    ("unit", "line", "mass_g"),
    [
        ("mg", b"S S   12345.67 mg\r\n", 12.34567),
        ("ct", b"S S   61.7284 ct\r\n", 12.34568),
        ("oz", b"S S   0.435481 oz\r\n", 12.34568),
        ("mom", b"S S   3.292179 mom\r\n", None),
    ],
)
def test_a_balance_in_another_unit_is_understood_or_refused_and_never_misread(
    unit: str, line: bytes, mass_g: float | None
) -> None:
    bench = Bench(host_unit=unit)
    bench.scale.mass_g = 12.34567
    assert bench.say(b"SI\r\n").split() == line.split()
    weight = parse_weight(line.rstrip())
    assert (weight is None) == (mass_g is None)
    if weight is not None:
        assert weight[0] == pytest.approx(mass_g, abs=2e-5)


def test_a_tare_key_pressed_by_hand_takes_the_load_off_the_stream() -> None:
    bench = Bench(tare_key_s=1.05)
    bench.scale.mass_g = 2.5
    assert bench.say(b"SIR\r\n", 1.02) == b"S S    2.50000 g\r\n" * 10
    assert bench.run(0.5) == b"S S    0.00000 g\r\n" * 5
    bench.scale.mass_g = 2.6
    assert bench.run(0.1) == b"S S    0.10000 g\r\n"


def test_endless_rubbish_is_refused() -> None:
    assert Bench().say(b"x" * 1000) == b"ES\r\n"
