"""The New Era pump, byte for byte as the facts have it: packets, commands, alarms, safe mode, its program."""

from __future__ import annotations

from typing import Any

import pytest

from bench.twin.emulators.new_era import NewEra, Options
from tests.twin.pump_bench import PumpBench

STEP_UL = 0.01


class Bench(PumpBench[NewEra]):
    said_for_s = 0.01

    def __init__(self, **options: Any) -> None:
        told = Options.model_validate({"reset_alarm": False, **options})
        super().__init__(
            lambda send, drive: NewEra(send, drive, told, lambda: self.starts, lambda: self.powered), STEP_UL
        )

    def tell(self, command: str) -> str:
        """Send a command in basic mode; return the text of its answer."""
        answer = self.say(command.encode("latin-1") + b"\r")
        assert answer[:1] == b"\x02"
        assert answer[-1:] == b"\x03"
        return answer[1:-1].decode()

    def tell_all(self, *commands: str) -> list[str]:
        return [self.tell(command) for command in commands]


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


# Vectors of the facts (text, CRC), computed outside this project.
VECTORS = [
    ("SAF0", "55 43"), ("0SAF0", "59 AD"), ("0SAF10", "63 BE"), ("0", "36 53"), ("0RUN", "44 07"), ("0STP", "B3 F9"),
    ("0DIS", "30 46"), ("00S", "AA A6"), ("00I", "19 DD"), ("00A?R", "65 86"), ("00A?S", "75 A7"), ("00A?T", "05 40"),
    ("00S?OOR", "23 3F"), ("00S?NA", "52 37"),
]  # fmt: skip


def safe(text: str) -> bytes:
    crc = next(hexed(crc) for known, crc in VECTORS if known == text)
    return bytes([2, len(text) + 4]) + text.encode() + crc + b"\x03"


def test_the_packets_of_the_facts() -> None:
    assert safe("SAF0") == hexed("02 08 53 41 46 30 55 43 03")
    assert safe("0SAF0") == hexed("02 09 30 53 41 46 30 59 AD 03")
    assert safe("0SAF10") == hexed("02 0A 30 53 41 46 31 30 63 BE 03")
    assert safe("00S") == hexed("02 07 30 30 53 AA A6 03")


@pytest.mark.parametrize("sent", [b"\r", b"0\r", b"00\r", b" 0 \n\r", b"*\r"])
def test_an_empty_command_asks_for_the_status(sent: bytes) -> None:
    assert Bench().say(sent) == b"\x0200S\x03"


@pytest.mark.parametrize(
    "sent", [b"VER\r", b"0VER\r", b"ver\r", b" 0 v e\tr\n\r", b"0\x07VER\r", b"*VER\r", b"\nVER\r"]
)
def test_spaces_control_characters_and_case_do_not_count(sent: bytes) -> None:
    assert Bench().say(sent) == b"\x0200SNE1000V3.93\x03"


def test_another_pump_s_command_is_not_answered() -> None:
    bench = Bench(network_address=7)
    assert bench.say(b"0VER\r") == bench.say(b"VER\r") == bench.say(b"\r") == bench.say(b"77\r") == b""
    assert bench.say(b"7VER\r") == bench.say(b"07VER\r") == bench.say(b"*VER\r") == b"\x0207SNE1000V3.93\x03"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("VER", "00SNE1000V3.93"), ("DIA", "00S4.699"), ("RAT", "00S1.000MH"), ("VOL", "00S0.000UL"),
        ("DIR", "00SINF"), ("DIS", "00SI0.000W0.000UL"), ("PHN", "00S01"), ("FUN", "00SRAT"), ("SAF", "00S0"),
        ("TRG", "00SFT"), ("AL", "00S1"), ("PF", "00S0"), ("BP", "00S1"), ("LN", "00S0"), ("LOC", "00S0"),
        ("ROM", "00S0"), ("DIN", "00S0"), ("IN2", "00S1"), ("OUT50", "00S"), ("BUZ13", "00S"), ("*ADR", "00S00"),
        ("XYZ", "00S?"), ("V", "00S?"), ("ADR", "00S?"), ("RESET", "00S?"), ("VER1", "00S?"), ("LN2", "00S?OOR"),
        ("IN9", "00S?OOR"), ("TRGXX", "00S?"),
    ],
)  # fmt: skip
def test_queries_and_what_is_no_command(command: str, answer: str) -> None:
    assert Bench().tell(command) == answer


@pytest.mark.parametrize(
    ("sets", "asks", "answer"),
    [
        ("DIA 4.699", "DIA", "4.699"), ("DIA10", "DIA", "10.00"), ("DIA 26.59", "VOL", "0.000ML"),
        ("RAT500UM", "RAT", "500.0UM"), ("RAT 10.00 UH", "RAT", "10.00UH"), ("RAT 0.73 UH", "RAT", "0.730UH"),
        ("RATC 5 MH", "RAT", "5.000MH"), ("RAT2", "RAT", "2.000MH"), ("VOL10", "VOL", "10.00UL"),
        ("VOL ML", "VOL", "0.000ML"), ("VOL 9999", "VOL", "9999.UL"), ("VOL.5", "VOL", "0.500UL"),
        ("DIR WDR", "DIR", "WDR"), ("DIRREV", "DIR", "WDR"), ("DIRSTK", "DIR", "STK"), ("PHN 2", "FUN", "STP"),
        ("PHN41", "PHN", "41"), ("FUNPAS30", "FUN", "PAS30"), ("FUN PAS 0.5", "FUN", "PAS0.5"),
        ("FUN JMP 3", "FUN", "JMP03"), ("FUNLST", "FUN", "LST"), ("LN1", "LN", "1"), ("TRG LE", "TRG", "LE"),
        ("SAF0", "SAF", "0"),
    ],
)  # fmt: skip
def test_settings_are_kept_and_answered_with_a_point(sets: str, asks: str, answer: str) -> None:
    bench = Bench()
    assert bench.tell(sets) == "00S"
    assert bench.tell(asks) == "00S" + answer


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("VOL12345", "?OOR"), ("VOL1.2345", "?OOR"), ("VOLXL", "?"), ("VOL1.2.3", "?OOR"), ("DIA0", "?OOR"),
        ("DIA50.1", "?OOR"), ("RAT0.72UH", "?OOR"), ("RAT53.2MH", "?OOR"), ("RAT0MH", "?OOR"), ("RATXX", "?"),
        ("RAT1XX", "?"), ("DIRUP", "?"), ("PHN0", "?OOR"), ("PHN42", "?OOR"), ("FUNXYZ", "?"),
        ("FUNJMP42", "?OOR"), ("CLD", "?"), ("CLDXXX", "?"), ("RUN42", "?NA"), ("SAF256", "?OOR"),
        ("*ADR100", "?OOR"), ("*ADR1B115200", "?OOR"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_and_changes_nothing(command: str, error: str) -> None:
    bench = Bench()
    before = bench.tell_all("DIA", "RAT", "VOL", "DIR", "PHN", "FUN", "SAF", "*ADR")
    assert bench.tell(command) == "00S" + error
    assert bench.tell_all("DIA", "RAT", "VOL", "DIR", "PHN", "FUN", "SAF", "*ADR") == before


def test_rate_limits_are_those_of_the_manual_s_table() -> None:
    """BD 1 mL, 4.699 mm: 53.07 mL/h and 0.73 µL/h."""
    bench = Bench()
    assert bench.tell_all("RAT53.07MH", "RAT53.2MH", "RAT0.73UH") == ["00S", "00S?OOR", "00S"]


def test_a_volume_is_pumped_at_its_rate_and_ends_stopped() -> None:
    bench = Bench()
    assert bench.tell_all("RAT600UM", "VOL10", "RUN") == ["00S", "00S", "00I"]
    bench.run(0.48)
    assert bench.tell("DIS") == "00II4.900W0.000UL"
    bench.run(0.51)
    assert bench.tell_all("", "DIS") == ["00S", "00SI10.00W0.000UL"]
    assert bench.moved_ul == pytest.approx(10.0, abs=1e-9)
    assert {stream for *_, stream in bench.pushed} == {"bolus"}
    assert bench.tell_all("DIR WDR", "RUN") == ["00S", "00W"]
    bench.run(2.0)
    assert bench.tell_all("DIS", "CLD INF", "DIS", "CLDWDR", "DIS") == [
        "00SI10.00W10.00UL", "00S", "00SI0.000W10.00UL", "00S", "00SI0.000W0.000UL",
    ]  # fmt: skip
    assert bench.moved_ul == pytest.approx(0.0, abs=1e-9)


def test_without_a_volume_it_pumps_until_it_is_stopped_twice() -> None:
    bench = Bench()
    assert bench.tell_all("RAT60UM", "RUN", "RUN", "STP", "") == ["00S", "00I", "00I?NA", "00P", "00P"]
    rested_ul = bench.moved_ul
    bench.run(5.0)
    assert bench.moved_ul == rested_ul
    assert bench.tell("RUN") == "00I"
    bench.run(10.0)
    assert bench.tell_all("STP", "STP", "STP") == ["00P", "00S", "00S"]
    assert bench.moved_ul == pytest.approx(10.03, abs=1e-6)


def test_a_paused_volume_goes_on_where_it_was_and_a_stopped_one_begins_anew() -> None:
    bench = Bench()
    bench.tell_all("RAT60UM", "VOL10", "RUN")
    bench.run(4.0)
    bench.tell("STP")
    assert bench.tell("RUN") == "00I"
    bench.run(10.0)
    assert bench.moved_ul == pytest.approx(10.0, abs=1e-9)
    bench.tell("RUN")
    bench.run(4.0)
    bench.tell_all("STP", "STP", "RUN")
    bench.run(20.0)
    assert bench.moved_ul == pytest.approx(24.01, abs=1e-6)


def test_while_it_runs_a_rate_may_change_and_little_else() -> None:
    bench = Bench()
    bench.tell_all("RAT60UM", "RUN")
    assert bench.tell_all("RAT120", "RAT 120 UM", "RAT") == ["00I", "00I", "00I120.0UM"]
    refused = ["RAT1MM", "DIA5", "VOL1", "VOLML", "CLDINF", "PHN2", "FUNSTP", "PUR"]
    assert bench.tell_all(*refused) == ["00I?NA"] * 8
    before_ul = bench.moved_ul
    bench.run(10.0)
    assert bench.moved_ul - before_ul == pytest.approx(20.0, abs=0.5)
    assert bench.tell_all("DIRREV", "DIR") == ["00W", "00WWDR"]
    assert bench.tell("DIRSTK") == "00W?NA"
    bench.tell_all("STP", "STP", "VOL5", "RUN")
    assert bench.tell("DIRINF") == "00W?NA"


def test_rates_that_change_within_a_motor_step_lose_nothing() -> None:
    bench = Bench()
    bench.tell_all("RAT0.1UM", "RUN")  # a step takes 6 s
    for index in range(50):
        bench.tell(f"RAT{0.1 + 0.01 * index:.2f}")
        bench.run(0.99)
    bench.tell_all("STP")
    assert bench.moved_ul == pytest.approx(sum(0.1 + 0.01 * index for index in range(50)) / 60.0, abs=1e-4)


def test_a_purge_goes_at_full_speed_until_it_is_stopped() -> None:
    bench = Bench()
    assert bench.tell("PUR") == "00X"
    bench.run(0.99)
    assert bench.tell_all("RUN", "STP", "") == ["00X?NA", "00S", "00S"]
    assert bench.moved_ul == pytest.approx(53.07e3 / 3600.0 * 1.01, rel=1e-3)


def test_another_diameter_clears_the_counters_and_the_true_bore_stays_what_it_is() -> None:
    bench = Bench(bore="9.398 mm")
    bench.tell_all("RAT600UM", "VOL2", "RUN")
    bench.run(1.0)
    assert bench.moved_ul == pytest.approx(8.0)
    assert bench.tell_all("DIA9.398", "DIS", "RUN") == ["00S", "00SI0.000W0.000UL", "00I"]
    bench.run(1.0)
    assert bench.moved_ul == pytest.approx(10.0)


def test_a_counter_has_four_digits() -> None:
    bench = Bench()
    bench.tell_all("RAT 50 MH", "RUN")
    bench.run(100.0)
    assert bench.tell("DIS") == "00II1389.W0.000UL"


# -- alarms


def test_an_alarm_is_told_once_in_the_place_of_a_reply_and_the_command_is_not_obeyed() -> None:
    bench = Bench(reset_alarm=True)
    assert bench.tell_all("RAT5MH", "RAT", "RAT5MH", "RAT") == ["00A?R", "00S1.000MH", "00S", "00S5.000MH"]


def test_a_stall_stops_the_pump() -> None:
    bench = Bench()
    bench.tell_all("RAT60UM", "RUN")
    bench.blocked = True
    assert bench.run(5.0) == b""  # in basic mode it never speaks first
    assert bench.tell_all("RUN", "") == ["00A?S", "00S"]


def test_a_rate_that_another_diameter_does_not_allow_is_an_alarm_at_the_start() -> None:
    bench = Bench()
    assert bench.tell_all("RAT50MH", "DIA1", "RUN", "") == ["00S", "00S", "00A?O", "00S"]


def test_a_program_without_end_is_an_alarm() -> None:
    assert Bench().tell_all("FUNJMP1", "RUN", "") == ["00S", "00A?E", "00S"]


def test_power_lost_and_returned_is_an_alarm_and_a_rate_set_while_pumping_is_gone() -> None:
    bench = Bench()
    bench.tell_all("RAT60UM", "RUN", "RAT120")
    bench.powered = False
    bench.drive.stop(bench.time_s)
    assert bench.say(b"VER\r") == b""
    bench.powered, bench.starts = True, 1
    assert bench.tell_all("", "", "RAT") == ["00A?R", "00S", "00S60.00UM"]


def test_with_power_fail_mode_it_goes_on_by_itself() -> None:
    bench = Bench()
    bench.tell_all("RAT60UM", "PF1", "RUN")
    bench.powered = False
    bench.drive.stop(bench.time_s)
    bench.run(1.0)
    bench.powered, bench.starts = True, 1
    assert bench.tell_all("", "") == ["00A?R", "00I"]


# -- safe mode


def test_safe_mode_and_back() -> None:
    bench = Bench()
    assert bench.tell("DIA") == "00S4.699"
    assert bench.say(safe("0SAF10")) == safe("00S")
    assert bench.say(b"VER\r") == b""  # what is no packet is no command
    assert bench.say(safe("0")) == safe("00S")
    assert bench.say(safe("0RUN")) == safe("00I")
    assert bench.say(safe("0STP"))[2:5] == b"00P"
    assert bench.say(safe("SAF0")) == b"\x0200P\x03"
    assert bench.tell("SAF") == "00P0"


def test_basic_mode_is_set_by_a_packet_whatever_the_mode() -> None:
    bench = Bench()
    assert bench.say(safe("SAF0")) == b"\x0200S\x03"
    assert bench.say(b"DI" + safe("0SAF0") + b"VER\r") == b"\x0200S\x03\x0200SNE1000V3.93\x03"


def test_safe_mode_is_set_by_text_as_well() -> None:
    bench = Bench()
    assert bench.say(b"SAF10\r") == safe("00S")


@pytest.mark.parametrize("timeout_s", [0, 10])
@pytest.mark.parametrize("asked", ["0SAF0", "0SAF10"])
def test_an_alarm_in_reply_to_a_mode_comes_in_that_mode(timeout_s: int, asked: str) -> None:
    bench = Bench(reset_alarm=True, safe_timeout=timeout_s)
    wanted = {"0SAF0": (b"\x0200A?R\x03", b"\x0200S\x03"), "0SAF10": (safe("00A?R"), safe("00S"))}[asked]
    assert (bench.say(safe(asked)), bench.say(safe(asked))) == wanted


def test_a_damaged_packet_is_answered_as_such() -> None:
    bench = Bench(safe_timeout=10)
    flipped = bytearray(safe("0RUN"))
    flipped[-2] ^= 1
    answer = bench.say(bytes(flipped))
    assert answer[2:9] == b"00S?COM"
    assert bench.say(safe("0")) == safe("00S")
    assert bench.say(safe("0RUN")[:-1] + b"\x04")[2:9] == b"00S?COM"


def test_half_a_packet_is_forgotten_after_half_a_second() -> None:
    bench = Bench(safe_timeout=10)
    assert bench.say(safe("0RUN")[:4]) == b""
    bench.run(0.3)
    assert bench.say(safe("0RUN")[4:]) == safe("00I")
    assert bench.say(safe("0STP")[:4]) == b""
    bench.run(0.6)
    assert bench.say(safe("0STP")[4:]) == b""
    assert bench.say(safe("0")) == safe("00I")


def test_silence_stops_it_with_an_alarm_that_is_told_at_once_and_acknowledged_by_a_reply() -> None:
    bench = Bench(safe_timeout=10)
    assert bench.run(60.0) == b""  # the time begins with the first valid packet
    bench.say(safe("0RUN"))
    bench.run(9.0)
    assert bench.say(safe("0")) == safe("00I")
    assert bench.run(9.9) == b""
    assert bench.run(0.2) == safe("00A?T")
    moved_ul = bench.moved_ul
    assert bench.run(60.0) == b""
    assert bench.moved_ul == moved_ul
    assert [bench.say(safe("0")), bench.say(safe("0"))] == [safe("00A?T"), safe("00S")]


def test_a_stall_in_safe_mode_is_told_at_once() -> None:
    bench = Bench(safe_timeout=255)
    bench.say(safe("0RUN"))
    bench.blocked = True
    assert bench.run(60.0) == safe("00A?S")
    assert bench.say(safe("0RUN")) == safe("00A?S")


def test_safe_mode_outlasts_a_loss_of_power_and_its_time_does_not() -> None:
    bench = Bench(safe_timeout=10)
    bench.say(safe("0"))
    bench.starts = 1
    assert bench.say(b"") == safe("00A?R")
    assert bench.run(60.0) == b""
    assert bench.say(safe("0")) == safe("00A?R")


# -- address, reset, burst, program


def test_address_and_baud_rate() -> None:
    bench = Bench()
    assert bench.tell("*ADR 5 B 1200") == "05S"
    assert bench.pump.line.baudrate == 1200
    assert bench.say(b"VER\r") == b""
    assert bench.tell("*ADR") == "05S05"
    assert bench.tell("*RESET") == "00S"


def test_a_reset_forgets_the_program_and_returns_to_basic_mode() -> None:
    bench = Bench(network_address=3, safe_timeout=0)
    bench.tell_all("3RAT5MH", "3PHN2", "3FUNPAS10", "3VOLML", "3LN1")
    assert bench.tell("*RESET") == "00S"
    assert bench.tell_all("PHN", "RAT", "VOL", "LN", "PHN2", "FUN") == [
        "00S01", "00S1.000MH", "00S0.000UL", "00S0", "00S", "00SSTP",
    ]  # fmt: skip


def test_a_burst_holds_one_command_for_this_pump() -> None:
    bench = Bench(network_address=1)
    assert bench.say(b"0 RAT 1 MH * 1 RAT 2.5 MH * 2 RAT 3 MH *\r") == b"\x0201S\x03"
    assert bench.tell("1RAT") == "01S2.500MH"
    assert bench.say(b"0RAT5MH*2RAT6MH*\r") == b""


def test_a_program_of_phases() -> None:
    """2 µL, a pause of 5 s, 1 µL back, twice."""
    bench = Bench()
    bench.tell_all(
        "RAT600UM", "VOL2", "PHN2", "FUNPAS5", "PHN3", "FUNRAT", "RAT600UM", "VOL1", "DIRWDR", "PHN4", "FUNLOP2"
    )
    assert bench.tell("RUN") == "00I"
    bench.run(0.3)
    assert bench.tell_all("", "PHN") == ["00T", "00T02"]
    bench.run(5.0)
    assert bench.tell_all("DIS", "") == ["00II2.300W1.000UL", "00I"]
    bench.run(6.0)
    assert bench.tell_all("", "DIS") == ["00S", "00SI4.000W2.000UL"]


def test_increments_and_a_start_at_a_phase() -> None:
    bench = Bench()
    bench.tell_all("PHN2", "FUNRAT", "RAT60UM", "VOL1", "PHN3", "FUNINC", "RAT60UM", "VOL2")
    assert bench.tell("RUN2") == "00I"
    bench.run(2.0)
    assert bench.tell_all("", "DIS") == ["00S", "00SI3.000W0.000UL"]


def test_an_endless_line_is_not_kept() -> None:
    bench = Bench()
    assert bench.say(b"A" * 100_000) == b""
    assert bench.tell("VER") == "00S?"
    assert bench.tell("VER") == "00SNE1000V3.93"
