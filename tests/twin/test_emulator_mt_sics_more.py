"""The MT-SICS balance beyond single replies: units, adjustment, keys, restarts, and what a rig file can make of it."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from pydantic import ValidationError

from bench.clock import SimulatedClock
from bench.twin.emulators.registry import cast
from bench.twin.port import find_port
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from tests.twin.mt_sics_bench import IDENTITY, Bench


def test_an_overload_is_told_at_once_though_the_pan_is_not_stable() -> None:
    bench = Bench()
    bench.scale.stable_from_s = math.inf
    bench.scale.mass_g = 230.0
    for command, reply in ((b"S", b"S +"), (b"T", b"T +"), (b"Z", b"Z +"), (b"SC 500", b"S +"), (b"TC 500", b"TC +")):
        assert bench.say(command + b"\r\n", 0.11) == reply + b"\r\n"
    assert bench.say(b"SIS\r\n") == b'SIS A 4 ""\r\n'


def test_zero_and_tare_within_a_time_are_done_at_its_end_if_the_pan_is_not_stable() -> None:
    bench = Bench()
    bench.scale.stable_from_s = math.inf
    bench.scale.mass_g = 2.5
    assert bench.say(b"TC 500\r\n", 0.45) == b""
    assert bench.run(0.2) == b"TC D    2.50000 g\r\n"
    assert bench.say(b"ZC 500\r\n", 0.7) == b"ZC D\r\n"
    assert bench.say(b"SC 500\r\n", 0.7) == b"S D    0.00000 g\r\n"


def test_the_time_out_is_what_was_set() -> None:
    bench = Bench()
    bench.scale.stable_from_s = math.inf
    assert bench.say(b"M67 2\r\nS\r\n", 1.9) == b"M67 A\r\n"
    assert bench.run(0.2) == b"S I\r\n"


def test_send_on_change_tells_each_time_out_that_there_is_no_stable_weight() -> None:
    bench = Bench()
    assert bench.say(b"SR 1 g\r\n") == b"S S    0.00000 g\r\n"
    bench.scale.mass_g = 5.0
    bench.scale.stable_from_s = math.inf
    assert bench.run(5.05) == b"S D    5.00000 g\r\n"
    assert bench.run(5.0) == b"S I\r\nS D    5.00000 g\r\n"
    bench.scale.stable_from_s = 0.0
    assert bench.run(0.2) == b"S S    5.00000 g\r\n"


def test_stable_weights_on_change_come_after_a_deflection_that_the_readability_gives() -> None:
    bench = Bench()
    assert bench.say(b"SNR\r\n") == b"S S    0.00000 g\r\n"
    bench.scale.mass_g = 0.0099
    assert bench.run(1.0) == b""
    bench.scale.mass_g = 0.01
    assert bench.run(1.0) == b"S S    0.01000 g\r\n"
    bench.scale.mass_g = 230.0
    assert bench.run(1.0) == b"S +\r\n"


def test_the_host_s_unit_holds_for_all_that_is_sent_but_what_shows_as_displayed() -> None:
    bench = Bench()
    bench.scale.mass_g = 1.5
    assert bench.say(b"M21 0 3\r\nT\r\nTA\r\nM21\r\n") == (
        b"M21 A\r\nT S    1500.00 mg\r\nTA A    1500.00 mg\r\nM21 B 0 3\r\nM21 B 1 0\r\nM21 A 2 0\r\n"
    )
    bench.scale.mass_g = 1.6
    assert bench.say(b"SIR\r\n", 0.1) == b"S S     100.00 mg\r\n"
    assert bench.say(b"SIRU\r\n", 0.1) == b"S S    0.10000 g\r\n"
    assert bench.say(b"SIS\r\n", 0.05) == b'SIS A 0 "100.00" 3 2 1 0 1\r\n'
    assert bench.say(b"M21 0 4\r\nSI\r\n") == b"M21 A\r\nS S     100000 \xb5g\r\n"
    assert bench.say(b"M21 0 2\r\n") == b"M21 L\r\n"


# -- adjustment


def test_an_adjustment_by_the_built_in_weight_begins_and_ends() -> None:
    bench = Bench()
    assert bench.say(b"C3\r\n", 14.9) == b"C3 B\r\n"
    assert bench.run(0.3) == b"C3 A\r\n"


@pytest.mark.parametrize("aborts", [b"@\r\n", b"C\r\n"])
def test_an_adjustment_can_be_aborted(aborts: bytes) -> None:
    bench = Bench()
    assert bench.say(b"C3\r\nSI\r\n", 5.0) == b"C3 B\r\n"
    assert bench.say(aborts, 30.0) == (IDENTITY if aborts == b"@\r\n" else b"C B\r\nC A\r\n")


def test_an_adjustment_is_refused_without_a_weight_and_fails_with_a_load_or_a_restless_pan() -> None:
    assert Bench(internal_weight=False).say(b"C3\r\n") == b"C3 L\r\n"
    loaded = Bench()
    loaded.scale.mass_g = 100.0
    assert loaded.say(b"C3\r\n", 20.0) == b"C3 B\r\nC3 I\r\n"
    restless = Bench()
    restless.scale.stable_from_s = math.inf
    assert restless.say(b"C3\r\n", 19.9) == b"C3 B\r\n"
    assert restless.run(0.2) == b"C3 I\r\n"


def test_a_stream_tells_during_an_adjustment_that_there_is_no_weight() -> None:
    bench = Bench()
    assert bench.say(b"SIR\r\n", 0.15) == b"S S    0.00000 g\r\n"
    assert bench.say(b"C3\r\n", 0.2) == b"C3 B\r\n" + b"S I\r\n" * 2


# -- keys


def test_the_print_key_sends_a_weight_unasked_once_it_is_stable() -> None:
    bench = Bench(print_key_s=[1.0])
    bench.scale.mass_g = 7.0
    bench.scale.stable_from_s = 2.0
    assert bench.run(1.95) == b""
    assert bench.run(0.1) == b"S S    7.00000 g\r\n"
    assert bench.balance.next_event_s() == math.inf


def test_a_key_takes_no_output_out_of_the_stream() -> None:
    bench = Bench(tare_key_s=0.5, print_key_s=[0.7])
    assert bench.say(b"SIR\r\n", 1.05) == b"S S    0.00000 g\r\n" * 11


@pytest.mark.parametrize(
    ("mode", "told", "tared"),
    [
        (b"1", b"", True),
        (b"2", b"", False),
        (b"3", b"K C 10\r\n", False),
        (b"4", b"K B 1\r\nK A 1\r\n", True),
    ],
)
def test_keys_do_and_tell_what_the_host_wants(mode: bytes, told: bytes, tared: bool) -> None:
    bench = Bench(tare_key_s=1.0)
    bench.scale.mass_g = 7.0
    assert bench.say(b"K " + mode + b"\r\n", 0.5) == b"K A\r\n"
    assert bench.run(1.0) == told
    assert bench.say(b"TA\r\n") == (b"TA A    7.00000 g\r\n" if tared else b"TA A    0.00000 g\r\n")


# -- restart


def test_a_restart_ends_everything_and_is_told_by_the_serial_number() -> None:
    bench = Bench(restart_s=[1.0], host_unit="mg")
    bench.scale.mass_g = 2.0
    assert bench.say(b"TI\r\nSIR\r\n", 1.05) == b"TI S    2000.00 mg\r\n" + b"S S       0.00 mg\r\n" * 10
    assert bench.say(b"SI\r\nS", 2.9) == b""
    assert bench.run(0.2) == IDENTITY
    bench.scale.mass_g = 3.0
    assert bench.say(b"SI\r\nTA\r\nI15\r\n") == b"S S    1.00000 g\r\nTA A    0.00000 g\r\nI15 A 0\r\n"


# -- as a rig file makes it


def test_a_command_that_it_lacks_is_unknown_and_not_listed() -> None:
    bench = Bench(lacks=["ZI", "SC", "UPD"])
    listed = {line.split('"')[1] for line in bench.say(b"I0\r\n").decode().splitlines()}
    assert not listed & {"ZI", "SC", "UPD"}
    assert bench.say(b"ZI\r\nSC 100\r\nUPD\r\n") == b"ES\r\n" * 3
    assert bench.say(b"I1\r\n") == b'I1 A "01" "2.30" "2.22" "" ""\r\n'
    assert Bench(lacks=["K", "ZC"]).say(b"I1\r\n") == b'I1 A "0" "2.30" "" "" ""\r\n'


@pytest.mark.parametrize(
    "options", [{"lacks": ["@"]}, {"lacks": ["XYZ"]}, {"model": 'a "b"'}, {"host_unit": "stone"}, {"colour": "red"}]
)
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        cast("balance", {"emulator": "mt_sics", **options})


def test_a_parcel_scale_of_a_rig_file_is_never_stable() -> None:
    balance = {
        "emulator": "mt_sics",
        "never_stable": True,
        "model": "BC60 simulated",
        "lacks": ["ZI"],
        "stability_timeout": "2 s",
        "print_key": ["9 s"],
        "restarts": ["20 s"],
    }
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    with Twin("parcel", Simulation.model_validate({"emulators": {"balance": balance}}), 1, clock):
        port = find_port("parcel", "balance")
        port.open()
        clock.sleep_s(10.0)

        def say(text: bytes, duration_s: float = 0.1) -> bytes:
            port.write(text + b"\r\n")
            clock.sleep_s(duration_s)
            return port.take(port.waiting)

        assert say(b"I11") == b'I11 A "BC60 simulated"\r\n'
        assert say(b"SI").startswith(b"S D   ")
        assert say(b"S", 2.2) == b"S I\r\n"
        assert say(b"ZI") == b"ES\r\n"
        assert say(b"I0", 1.0).count(b"\r\n") > 40
        clock.sleep_s(12.0)
        assert port.take(port.waiting) == b'I4 A "SIM-BALANCE-1"\r\n'
