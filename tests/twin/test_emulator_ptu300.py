"""The Vaisala PTU300, byte for byte as the facts have it."""

import math

import pytest

from bench.twin.emulators.ptu300 import Ptu300


class Bench:
    def __init__(self) -> None:
        self.values = (31.1, 1013.2, 38.3)
        self.sent: list[tuple[float, bytes]] = []
        self.sensor = Ptu300(lambda data, due_s: self.sent.append((due_s, data)), self)

    def read(self, time_s: float) -> tuple[float, float, float]:  # noqa: ARG002
        return self.values

    def say(self, data: bytes, time_s: float = 0.0) -> bytes:
        self.sent.clear()
        self.sensor.receive(data, time_s)
        return b"".join(data for _, data in self.sent)


MESSAGE = b"P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n"


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"SEND\r", b"SEND\r\n" + MESSAGE + b">"),
        (b"send\r\n", b"send\r\n" + MESSAGE + b">"),
        (b"SEND 0\r", b"SEND 0\r\n" + MESSAGE + b">"),
        (b"SEND 7\r", b"SEND 7\r\n>"),
        (b"\r", b"\r\n>"),
        (b"NONSENSE\r", b"NONSENSE\r\nUnknown command\r\n>"),
        (b"ECHO OFF\r", b"ECHO OFF\r\nEcho : OFF\r\n"),
        (b"ECHO\r", b"ECHO\r\nEcho : ON\r\n>"),
        (b"INTV 10 S\r", b"INTV 10 S\r\nOutput interval : 10 S\r\n>"),
        (b"INTV 1 YEAR\r", b"INTV 1 YEAR\r\nUnknown command\r\n>"),
        (b"SERI\r", b"SERI\r\nBaud P D S : 4800 E 7 1\r\n>"),
        (b"ADDR 3\r", b"ADDR 3\r\nAddress : 3\r\n>"),
        (b"SMODE\r", b"SMODE\r\nSerial mode : STOP\r\n>"),
        (b"FORM bogus\r", b"FORM bogus\r\nUnknown command\r\n>"),
    ],
)
def test_conversation(sent: bytes, received: bytes) -> None:
    assert Bench().say(sent) == received


def test_with_echo_off_there_is_neither_echo_nor_prompt() -> None:
    bench = Bench()
    bench.say(b"ECHO OFF\r")
    assert bench.say(b"SEND\r") == MESSAGE
    assert bench.say(b"ECHO ON\r") == b"Echo : ON\r\n>"
    assert bench.say(b"SEND\r") == b"SEND\r\n" + MESSAGE + b">"


def test_values_keep_their_columns_and_a_missing_one_is_starred_out() -> None:
    bench = Bench()
    bench.say(b"ECHO OFF\r")
    bench.values = (-3.04, 998.74, 8.26)
    assert bench.say(b"SEND\r") == b"P=  998.7 hPa T= -3.0 'C RH=  8.3 %RH\r\n"
    bench.values = (21.0, math.nan, math.nan)
    assert bench.say(b"SEND\r") == b"P=    *** hPa T= 21.0 'C RH=  *** %RH\r\n"


def test_a_stream_runs_at_its_interval_until_s() -> None:
    bench = Bench()
    bench.say(b"INTV 2 S\r")
    assert bench.say(b"R\r", 10.0) == b"R\r\n"
    bench.sent.clear()
    assert bench.sensor.next_event_s() == 12.0
    bench.sensor.run_until(14.0)
    assert bench.sent == [(12.0, MESSAGE), (14.0, MESSAGE)]
    assert bench.say(b"S\r", 15.0) == b"S\r\n>"
    assert bench.sensor.next_event_s() == math.inf


def test_in_poll_mode_only_its_address_is_answered_until_the_line_is_opened() -> None:
    bench = Bench()
    bench.say(b"ADDR 2\r")
    bench.say(b"SMODE POLL\r")
    assert bench.say(b"RESET\r") == b"RESET\r\nPTU300 simulated / 1.00\r\n"
    assert bench.say(b"SEND\r") == b""
    assert bench.say(b"SEND 1\r") == b""
    assert bench.say(b"SEND 2\r") == MESSAGE
    assert bench.say(b"OPEN 2\r") == b"PTU300: 2 line opened for operator commands\r\n>"
    assert bench.say(b"ADDR\r") == b"ADDR\r\nAddress : 2\r\n>"


def test_the_form_can_be_set_with_a_checksum_and_put_back() -> None:
    bench = Bench()
    bench.say(b"ECHO OFF\r")
    assert bench.say(b'FORM "T=" 3.2 T U2 CS3 #r#n\r') == b"Unknown command\r\n"
    assert bench.say(b'FORM "T=" 3.2 T U2 " " CS2 #r #n\r') == b"OK\r\n"
    body = b"T= 31.10'C "
    assert bench.say(b"SEND\r") == body + f"{sum(body) % 256:02X}".encode() + b"\r\n"
    assert bench.say(b"FORM /\r") == b"OK\r\n"
    assert bench.say(b"SEND\r") == MESSAGE


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (b'4.2 P " " CS4 #r#n', b"1013.20 0175\r\n"),
        (b'4.1 P U " " 2.1 T U " " ERR #r #n', b"1013.2hPa 31.1'C 0000\r\n"),
        (b'SN " " ADDR " " OK #013 #010', b"TWIN0001   0 OK\r\n"),
    ],
)
def test_other_forms(form: bytes, message: bytes) -> None:
    bench = Bench()
    bench.say(b"ECHO OFF\r")
    assert bench.say(b"FORM " + form + b"\r") == b"OK\r\n"
    assert bench.say(b"SEND\r") == message


def test_error_flags_tell_which_probe_is_missing() -> None:
    bench = Bench()
    bench.values = (21.0, math.nan, 40.0)
    bench.say(b"ECHO OFF\r")
    bench.say(b"FORM ERR #r #n\r")
    assert bench.say(b"SEND\r") == b"1000\r\n"


def test_it_describes_itself() -> None:
    text = Bench().say(b"?\r").decode()
    assert text.startswith("?\r\nPTU300 simulated / 1.00\r\n")
    assert "Serial number   : TWIN0001\r\n" in text
    assert text.endswith("Echo            : ON\r\n>")
