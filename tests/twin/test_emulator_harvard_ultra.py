r"""The Harvard Protocol 11 pump, byte for byte as the facts have it: addresses, prompts, echo, poll mode, errors.

Every reply is `\n[NN:]text\r` for each line, then `\n[NN]prompt` without a terminator.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from bench.twin.emulators.harvard_ultra import HarvardUltra, Options
from tests.twin.pump_bench import PumpBench

START = dt.datetime(2026, 1, 1, 13, 0, tzinfo=dt.UTC)


class Bench(PumpBench[HarvardUltra]):
    def __init__(self, **options: Any) -> None:
        told = Options.model_validate(options)
        super().__init__(
            lambda send, drive: HarvardUltra(send, drive, told, START, lambda: self.starts, lambda: self.powered), 0.01
        )

    def tell(self, command: str) -> str:
        """Send a command; return what came, `|` for a line's begin and `^` for its end."""
        return self.say(command.encode() + b"\r").decode().replace("\n", "|").replace("\r", "^")

    def tell_all(self, *commands: str) -> list[str]:
        return [self.tell(command) for command in commands]


def test_the_grammar_of_replies() -> None:
    assert Bench().say(b"ver\r") == b"\nPHD ULTRA 3.0.5\r\n:"
    assert Bench().say(b"version\r") == (b"\nFirmware:      v3.0.5\r\nPump address:  0\r\nSerial number: D401460\r\n:")
    assert Bench().say(b"irate 500 ul/min\r") == b"\n:"
    assert Bench(address=12).say(b"12:irat\r") == b"\n12:100 ul/min\r\n12:"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\r", b"\n:"), (b" \r\n", b"\n:"), (b"0\r", b"\n00:"), (b"0   \r\n", b"\n00:"), (b"00:\r", b"\n00:"),
        (b"ivolume\r\n", b"\n0 ul\r\n:"), (b"IVOLUME\r", b"\n0 ul\r\n:"), (b"ivol\r", b"\n0 ul\r\n:"),
        (b"@ivol\r", b"\n0 ul\r\n:"), (b"ivolu\r", b"\n0 ul\r\n:"), (b" ivolume \r", b"\n0 ul\r\n:"),
        (b"0ivolume\r", b"\n00:0 ul\r\n00:"), (b"00:ivol\r", b"\n00:0 ul\r\n00:"), (b"@00ivol\r", b"\n00:0 ul\r\n00:"),
        (b"00@ivol\r", b"\n00:0 ul\r\n00:"),
        (b"ivo\r", b"\nCommand error:\r\n   Unknown command\r\n:"),
        (b"ivolumes\r", b"\nCommand error:\r\n   Unknown command\r\n:"),
        (b"ivolume 1\r", b"\nArgument error: 1\r\n   Unexpected argument\r\n:"),
        (b"7ivol\r", b""), (b"12:\r", b""), (b"ivol", b""), (b"\n", b""),
        (b"\x11\x00ivol\r", b"\n0 ul\r\n:"), (b"!\r", b"\nCommand error:\r\n   Unknown command\r\n:"),
    ],
)  # fmt: skip
def test_addresses_case_cut_names_and_line_ends(sent: bytes, answer: bytes) -> None:
    assert Bench().say(sent) == answer


def test_a_command_without_an_address_is_for_the_pump_on_the_usb_port_or_at_address_0() -> None:
    usb, serial = Bench(address=5), Bench(address=5, baudrate=38400)
    assert usb.say(b"ivol\r") == usb.say(b"5ivol\r") == usb.say(b"05:ivol\r") == b"\n05:0 ul\r\n05:"
    assert serial.say(b"ivol\r") == b""
    assert serial.say(b"5ivol\r") == b"\n05:0 ul\r\n05:"
    assert usb.pump.line is None
    assert serial.pump.line is not None
    assert serial.pump.line.baudrate == 38400
    assert serial.say(b"5baud 9600\r5:baud\r") == b"\n05:\n05:9600 baud\r\n05:"
    assert serial.pump.line.baudrate == 9600


def test_the_address_can_be_changed() -> None:
    assert Bench().tell_all("address", "addr 3", "3addr", "0addr", "3addr 0", "addr") == [
        "|Pump address is 0^|:", "|03:", "|03:Pump address is 3^|03:", "", "|00:", "|Pump address is 0^|:",
    ]  # fmt: skip


@pytest.mark.parametrize("model", ["phd_ultra", "pump_11_elite", "legato"])
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("diameter", "4.6990 mm"), ("svolume", "1 ml"), ("force", "50%"), ("irate", "100 ul/min"),
        ("gang", "1 syringes"), ("wrate", "100 ul/min"), ("wvolume", "0 ul"), ("itime", "0 seconds"),
        ("wtime", "0 seconds"), ("echo", "OFF"), ("poll", "OFF"), ("nvram", "ON"), ("dim", "100%"),
        ("baud", "115200 baud"), ("ttime", "Target time not set"), ("ftswitch", "Momentary"), ("input", "High."),
        ("iramp", "Ramp not set up."), ("smooth", "ON"), ("cmd", "ULTRA"), ("syrm", "Custom, 1 ml, 4.6990 mm"),
        ("time", "01/01/26 01:00:00 PM"), ("load", "Quick Start - Infuse/Withdraw"),
    ],
)  # fmt: skip
def test_queries(model: str, command: str, answer: str) -> None:
    assert Bench(model=model).tell(command) == f"|{answer}^|:"


@pytest.mark.parametrize(
    ("model", "version", "target", "limits", "status"),
    [
        ("phd_ultra", "PHD ULTRA 3.0.5", "Target volume not set", "3.1216 nl/min to 3.3089 ml/min", "0 0 0 i..TI"),
        ("pump_11_elite", "11 ELITE I/W Single 3.0.4", "Target volume not set.", "2.6553 nl/min to 2.7575 ml/min",
         "0 0 0 i..TI."),
        ("legato", "Legato 110 2.0.2", "Target volume not set", "3.1216 nl/min to 3.3089 ml/min", "0 0 0 i..TI."),
    ],
)  # fmt: skip
def test_dialects(model: str, version: str, target: str, limits: str, status: str) -> None:
    bench = Bench(model=model)
    for command, answer in (("ver", version), ("tvolume", target), ("irate lim", limits), ("status", status)):
        assert bench.tell(command) == f"|{answer}^|:"
    assert bench.tell("metrics").startswith("|Pump type          ")
    assert "^|Direction          Infuse/withdraw^|" in bench.tell("metrics")


@pytest.mark.parametrize(
    ("sets", "asks", "answer"),
    [
        ("diameter 14.567", "diam", "14.5670 mm"), ("diameter 9.525 mm", "diameter", "9.5250 mm"),
        ("svolume 2.500000000000000 m", "svol", "2.5 ml"), ("svolume 500 ul", "svol", "500 ul"),
        ("FORCE 30", "force", "30%"), ("force 030", "force", "30%"),
        ("irate 0.0123456789 m/m", "irate", "0.0123457 ml/min"), ("irate 3.2 u/m", "irat", "3.2 ul/min"),
        ("irate 10 ul/hr", "irate", "10 ul/hr"), ("irate 10 u/h", "irate", "10 ul/hr"),
        ("irate .5 ul/min", "irate", "0.5 ul/min"), ("irate 5 n/s", "irate", "5 nl/sec"),
        ("irate 500nl/min", "irate", "500 nl/min"), ("IRATE 1 ML/MIN", "irate", "1 ml/min"),
        ("irate max", "irate", "3.3089 ml/min"), ("wrate min", "wrate", "3.1216 nl/min"),
        ("wrate 2 ul/min", "wrate", "2 ul/min"), ("tvolume 0.01234 ml", "tvolume", "0.01234 ml"),
        ("tvolume 5 u", "tvol", "5 ul"), ("ttime 30", "ttime", "30 seconds"), ("ttime 90", "ttime", "00:01:30"),
        ("ttime 02:03:04", "ttime", "02:03:04"), ("ttime 1:30", "ttime", "00:01:30"), ("nvram none", "nvram", "NONE"),
        ("NVRAM off", "nvram", "OFF"), ("dim 15", "dim", "15%"), ("gang 2", "gang", "2 syringes"),
        ("ftswitch fall", "ftswitch", "Active low"), ("load qs i", "load", "Quick Start - Infuse only"),
        ("load qs w", "mode", "Quick Start - Withdraw only"),
        ("syrmanu bdp 1 ml", "syrm", "BD plastic, 1 ml, 4.6990 mm"),
        ("iramp 1 ul/min 2 ul/min 30", "iramp", "1 ul/min to 2 ul/min in 30 seconds"),
    ],
)  # fmt: skip
def test_settings_are_kept(sets: str, asks: str, answer: str) -> None:
    assert Bench().tell_all(sets, asks) == ["|:", f"|{answer}^|:"]


def test_the_clock_tells_the_time_that_it_was_told() -> None:
    bench = Bench()
    assert bench.tell("time 11/27/26 04:22:49") == "|11/27/26 04:22:49 AM^|:"
    bench.run(3600.0)
    assert bench.tell("time") == "|11/27/26 05:22:49 AM^|:"


@pytest.mark.parametrize(
    ("command", "argument", "text"),
    [
        ("irate 99999 ml/min", "99999", "Out of range"), ("irate 0 ul/min", "0", "Out of range"),
        ("irate 10", "", "Unknown argument"), ("irate fast", "fast", "Unknown argument"),
        ("irate 1 ul", "ul", "Unknown argument"), ("irate -1 ul/min", "-1 ul/min", "Unknown argument"),
        ("tvolume 5", "", "Unknown argument"), ("tvolume 0 ul", "0", "Out of range"),
        ("diameter 99", "99", "Out of range"), ("diameter x", "x", "Unknown argument"),
        ("diameter 4 cm", "cm", "Unknown argument"), ("force 0", "0", "Out of range"),
        ("force 101", "101", "Out of range"), ("force 3.5", "3.5", "Unknown argument"),
        ("address 100", "100", "Out of range"), ("echo maybe", "maybe", "Unknown argument"),
        ("poll 1", "1", "Unknown argument"), ("baud 300", "300", "Unknown argument"),
        ("ttime soon", "soon", "Unknown argument"), ("load xx", "xx", "Unknown argument"),
        ("load qs", "", "Unknown argument"), ("syrmanu xyz", "xyz", "Unknown syringe"),
        ("syrmanu bdp 7 ml", "7 ml", "Unknown syringe"), ("time now", "now", "Unknown argument"),
        ("output", "", "Unknown argument"), ("irun now", "now", "Unexpected argument"),
        ("iramp 1 ul/min", "", "Unknown argument"), ("svolume ml", "ml", "Unknown argument"),
    ],
)  # fmt: skip
def test_wrong_arguments(command: str, argument: str, text: str) -> None:
    bench = Bench()
    before = bench.tell(command.split()[0]) if command.split()[0] not in ("irun", "output") else ""
    assert bench.tell(command) == f"|{f'Argument error: {argument}'.rstrip()}^|   {text}^|:"
    assert command.split()[0] in ("irun", "output") or bench.tell(command.split()[0]) == before
    assert bench.moved_ul == 0.0


def test_a_legato_101_knows_no_nvram_none() -> None:
    bench = Bench(model="legato", nvram_none=False)
    assert bench.tell("nvram none") == "|Argument error: none^|   Unknown argument^|:"
    assert bench.tell_all("nvram off", "nvram") == ["|:", "|OFF^|:"]


def test_parameter_commands_need_the_run_screen() -> None:
    bench = Bench(run_screen=False)
    refused = "|Command error:^|   Not available on this screen^|:"
    assert bench.tell_all("irate", "diameter 4", "tvolume 1 ul", "civolume", "force 30") == [refused] * 5
    assert bench.tell_all("ver", "status", "stp", "irun", "address") == [
        "|PHD ULTRA 3.0.5^|:", "|0 0 0 i..TI^|:", "|:", "|>", "|Pump address is 0^|>",
    ]  # fmt: skip


def test_a_touched_screen_makes_it_deaf_until_a_carriage_return() -> None:
    bench = Bench(touched="10 s")
    assert bench.tell("irun") == "|>"
    bench.run(10.0)
    assert bench.tell_all("stp", "stp") == ["|>", "|:"]


def test_echo() -> None:
    bench = Bench(echo=True)
    assert bench.say(b"irate\r\n") == b"irate\r\n100 ul/min\r\n:"
    assert bench.say(b"echo off\r") == b"echo off\r\n:"
    assert bench.say(b"echo on\rdim\r") == b"\n:dim\r\n100%\r\n:"


def test_poll_mode_ends_each_reply_with_xon_and_tells_nothing_unasked() -> None:
    bench = Bench(address=3)
    assert bench.say(b"3:poll on\r") == b"\n03:\x11"
    assert bench.say(b"3:poll\r") == b"\n03:ON\r\n03:\x11"
    assert bench.tell_all("tvolume 1 ul", "irate 60 ul/min", "irun") == ["|03:\x11", "|03:\x11", "|03>\x11"]
    assert bench.run(5.0) == b""
    assert bench.say(b"3\r") == b"\n03T*\x11"
    assert bench.say(b"3poll remote\r") == b""
    assert bench.say(b"3ver\r") == b"\n03:PHD ULTRA 3.0.5"
    assert bench.say(b"3echo on\r") == b"\n03:Argument error: on\n03:   Unknown argument"
    assert bench.say(b"3poll off\r") == b"\n03T*"


def test_without_poll_mode_an_end_is_told_at_once() -> None:
    bench = Bench()
    bench.tell_all("tvolume 1 ul", "irate 60 ul/min", "irun")
    assert bench.run(5.0) == b"\r\nT*"
    assert bench.tell("ivolume") == "|1 ul^|T*"
    # Within a session with addresses the prompt bears one.
    bench.tell_all("00civolume", "00irun")
    assert bench.run(5.0) == b"\r\n00T*"


def test_what_it_pumps_it_counts_in_femtolitres_and_milliseconds() -> None:
    bench = Bench(model="legato")
    assert bench.tell_all("irate 60 ul/min", "irun") == ["|:", "|>"]
    bench.run(2.5)
    assert bench.tell_all("status", "crate", "ivolume", "itime", "irun") == [
        "|1000000000 2500 2500000000 I..TI.^|>", "|Infusing at 60 ul/min^|>", "|2.5 ul^|>", "|2.5 seconds^|>", "|>",
    ]  # fmt: skip
    assert bench.tell("irate 120 ul/min") == "|>"
    bench.run(1.0)
    assert bench.tell_all("stp", "status", "crate") == ["|:", "|0 3500 4500000000 i..TI.^|:", "|:"]
    assert bench.moved_ul == pytest.approx(4.5)
    assert bench.tell_all("rrun", "crate") == ["|<", "|Withdrawing at 100 ul/min^|<"]
    bench.run(0.6)
    assert bench.tell_all("run", "status", "irun") == ["|<", "|1666666667 600 1000000000 W..TW.^|<", "|>"]
    assert bench.tell_all("stop", "wvolume", "cwvolume", "wvolume", "civol", "ctime", "itime", "status") == [
        "|:", "|1 ul^|:", "|:", "|0 ul^|:", "|:", "|:", "|0 seconds^|:", "|0 0 0 i..TI.^|:",
    ]  # fmt: skip
    assert bench.moved_ul == pytest.approx(3.5)


def test_the_phd_ultra_counts_seconds() -> None:
    bench = Bench()
    bench.tell_all("irate 60 ul/min", "irun")
    bench.run(2.5)
    assert bench.tell("status") == "|1000000000 2 2500000000 I..TI^|>"


def test_targets_of_volume_and_time() -> None:
    bench = Bench(model="legato")
    bench.tell_all("poll on", "irate 60 ul/min", "tvolume 2 ul", "irun")
    bench.run(3.0)
    assert bench.tell("status") == "|0 2000 2000000000 i..TIT^|T*\x11"
    assert bench.moved_ul == pytest.approx(2.0, abs=1e-9)
    assert {stream for _, _, stream in bench.pushed} == {"bolus"}
    # It has reached what it counts to until the count is cleared.
    assert bench.tell_all("irun", "civolume", "irun") == ["|T*\x11", "|:\x11", "|>\x11"]
    bench.run(1.0)
    assert bench.tell_all("stp", "ctvolume", "ttime 3", "citime", "irun") == ["|:\x11"] * 4 + ["|>\x11"]
    bench.run(2.9)
    assert bench.tell("") == "|>\x11"
    bench.run(0.2)
    assert bench.tell("itime") == "|3 seconds^|T*\x11"
    assert bench.tell_all("cttime", "ttime") == ["|:\x11", "|Target time not set^|:\x11"]
    assert bench.moved_ul == pytest.approx(6.0, abs=1e-6)


def test_a_stall() -> None:
    bench = Bench(model="pump_11_elite")
    bench.tell_all("irate 60 ul/min", "irun")
    bench.blocked = True
    assert bench.run(1.0) == b"\r\n*"
    assert bench.tell("status") == "|0 100 0 i.STI.^|*"
    assert bench.tell_all("ver", "stp") == ["|11 ELITE I/W Single 3.0.4^|*", "|:"]


def test_limit_switches() -> None:
    bench = Bench(model="legato", infuse_limit="2 µL", withdraw_limit="1 µL")
    bench.tell_all("irate 60 ul/min", "wrate 60 ul/min", "irun")
    assert bench.run(5.0) == b"\r\n>*"
    assert bench.tell_all("status", "irun", "wrun") == ["|0 2000 2000000000 ii.TI.^|>*", "|>*", "|<"]
    assert bench.run(5.0) == b"\r\n<*"
    assert bench.tell("status") == "|0 3000 3000000000 ww.TW.^|<*"
    assert bench.moved_ul == pytest.approx(-1.0)


def test_what_it_refuses_while_it_runs_and_by_its_mode() -> None:
    bench = Bench()
    bench.tell("irun")
    running = "|Command error:^|   Not while the pump is running^|>"
    assert bench.tell_all("diameter 5", "svolume 1 ml", "load qs i", "iramp 1 u/m 2 u/m 3") == [running] * 4
    assert bench.tell_all("stp", "load qs i", "wrun") == [
        "|:",
        "|:",
        "|Command error:^|   Not available in this mode^|:",
    ]


def test_a_ramp() -> None:
    bench = Bench()
    bench.tell_all("iramp 60 ul/min 120 ul/min 2", "irun")
    bench.run(1.0)
    assert bench.tell("crate") == "|Infusing at 90 ul/min^|>"
    bench.run(2.0)
    assert bench.tell("status").startswith("|2000000000 3 ")
    assert bench.tell_all("stp", "cttime", "iramp")[-1] == "|Ramp not set up.^|:"
    assert bench.moved_ul == pytest.approx(5.0, abs=0.1)


def test_the_bore_and_the_force_are_the_drive_s() -> None:
    bench = Bench(bore="9.398 mm", force=30)
    assert bench.drive.bore_factor == pytest.approx(4.0)
    assert bench.drive.force == 0.3
    bench.tell_all("diameter 9.398", "force 80")
    assert bench.drive.bore_factor == pytest.approx(1.0)
    assert bench.drive.force == 0.8
    bench.tell("syrmanu bdp 5 ml")
    assert bench.drive.bore_factor == pytest.approx((9.398 / 11.99) ** 2)


def test_without_power_it_is_silent_and_forgets_what_it_may_not_store() -> None:
    bench = Bench()
    bench.tell_all(
        "irate 60 ul/min", "nvram off", "irate 30 ul/min", "dim 20", "nvram none", "dim 40", "poll on", "irun"
    )
    bench.run(1.0)
    bench.powered = False
    assert bench.say(b"ver\r") == b""
    assert not bench.drive.running
    bench.powered, bench.starts = True, 1
    assert bench.tell_all("irate", "dim", "poll", "nvram", "status") == [
        "|60 ul/min^|:", "|20%^|:", "|OFF^|:", "|OFF^|:", "|0 0 0 i..TI^|:",
    ]  # fmt: skip


def test_endless_lines_are_not_kept() -> None:
    bench = Bench()
    assert bench.say(b"x" * 100_000) == b""
    assert len(bench.pump._line) < 1000
    assert bench.tell_all("", "ivol") == ["|Command error:^|   Unknown command^|:", "|0 ul^|:"]
