"""The Vaisala driver against the manual's lines, and the climate that a rig declares."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.quantities import Quantity
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.climate import vaisala_ptu300
from drivers.climate.fixed_climate import Options as FixedOptions
from drivers.climate.fixed_climate import open_fixed_climate
from drivers.climate.vaisala_ptu300 import Options, VaisalaPtu300, checksum, open_ptu300
from drivers.errors import GarbledReplyError, NoReplyError
from drivers.roles import Climate, Identity
from tests.drivers.peers import Answer, PtyPeer
from tests.drivers.served import served_instrument

LINE = b"P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH"
MakePty = Callable[[Answer, bytes], PtyPeer]


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaisala_ptu300, "_TIMEOUT_S", 0.4)
    monkeypatch.setattr(vaisala_ptu300, "_QUIET_S", 0.05)


def open_at(answer: Answer, make: MakePty, clock: RealClock, **options: Any) -> VaisalaPtu300:
    return open_ptu300(make(answer, b"\r").address, Options(**options), clock)


def answering(send: bytes, describe: bytes = b"", first_line: bytes = LINE) -> Answer:
    first = [first_line + b"\r\n"]
    return lambda command: (
        (first.pop() if first else send) if command == b"SEND" else describe if command == b"?" else b""
    )


@pytest.mark.parametrize(
    ("line", "temperature_c", "pressure_hpa", "humidity_pct"),
    [
        (LINE, 31.1, 1013.2, 38.3),
        (b"SEND\r\n" + LINE, 31.1, 1013.2, 38.3),
        (b">SEND\r\nP=  998.7 hPa T= -3.0 'C RH=  5.1 %RH ", -3.0, 998.7, 5.1),
        (b"P= *** hPa T= 20.0 'C RH= *** %RH", 20.0, math.nan, math.nan),
        (b"P= *** T= 20.0 'C RH= 40.0 %RH", 20.0, math.nan, 40.0),
        (b"P= 101.32 kPa T= 68.0 'F RH= 40.0 %RH", 20.0, 1013.2, 40.0),
        (b"P= 1013.2hPa T= 31.1'C RH= 38.3%RH", 31.1, 1013.2, 38.3),
        (b"RH= 40.0 %RH T= 20.0 'C Td= 6.0 'C P= 1000.0 hPa", 20.0, 1000.0, 40.0),
    ],
)
def test_reading(
    line: bytes, temperature_c: float, pressure_hpa: float, humidity_pct: float, pty_peer: MakePty, clock: RealClock
) -> None:
    sensor = open_at(answering(line + b"\r\n>"), pty_peer, clock)
    climate = sensor.read()
    sensor.close()
    assert climate.measured
    assert (climate.temperature_c, climate.pressure_hpa, climate.humidity_pct) == pytest.approx(
        (temperature_c, pressure_hpa, humidity_pct), nan_ok=True
    )


@pytest.mark.parametrize(
    "line",
    [
        b"P= 1013.2 furlong T= 31.1 'C RH= 38.3 %RH",
        b"P= 1013.2 hPa T= 3x.1 'C RH= 38.3 %RH",
        b"P= 1013.2 hPa T= 31.1",
        b"P=",
        b"\xf0\x81 = \x90",
        b"Unknown command",
    ],
)
def test_a_line_that_is_no_reading(line: bytes, pty_peer: MakePty, clock: RealClock) -> None:
    sensor = open_at(answering(line + b"\r\n"), pty_peer, clock)
    with pytest.raises(GarbledReplyError, match="4800 7E1") as caught:
        sensor.read()
    sensor.close()
    assert caught.value.seen


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [(b" 994.16 ", "CS4", "017B"), (b"1010.09 ", "CS4", "0179"), (b"1010.09 ", "CS2", "79"), (b"AB", "CSX", "03")],
)
def test_checksums_are_those_of_the_manual(message: bytes, kind: str, told: str) -> None:
    assert checksum(message, kind) == told


@pytest.mark.parametrize("kind", ["CS2", "CS4", "CSX"])
def test_a_checksum_is_taken_off_and_checked(kind: Any, pty_peer: MakePty, clock: RealClock) -> None:
    message = b"P=  998.7 hPa T= -3.0 'C RH=  5.1 %RH "
    good = message + checksum(message, kind).encode()
    sensor = open_at(answering(good + b" \r\n>", first_line=good), pty_peer, clock, checksum=kind)
    assert sensor.read().pressure_hpa == 998.7
    sensor.close()


@pytest.mark.parametrize(
    "line",
    [
        b"P=  998.9 hPa T= -3.0 'C RH=  5.1 %RH 7B",  # a digit changed on the way
        b"P=  998.7 hPa T= -3.0 'C RH=  5.1 %RH",
        b"P=  998.7 hPa T= -3.0 'C RH=  5.1 %RH xx",
    ],
)
def test_a_wrong_or_missing_checksum_is_no_reading(line: bytes, pty_peer: MakePty, clock: RealClock) -> None:
    good = b"P=  998.7 hPa T= -3.0 'C RH=  5.1 %RH "
    first = good + checksum(good, "CS2").encode()
    sensor = open_at(answering(line + b"\r\n", first_line=first), pty_peer, clock, checksum="CS2")
    with pytest.raises(GarbledReplyError, match=r"without the right checksum \(CS2\)"):
        sensor.read()
    sensor.close()


def test_a_checksum_that_the_rig_file_does_not_mention_is_no_reading(pty_peer: MakePty, clock: RealClock) -> None:
    sensor = open_at(answering(LINE + b" 5F\r\n"), pty_peer, clock)
    with pytest.raises(GarbledReplyError, match="sent no reading"):
        sensor.read()
    sensor.close()


def test_one_on_a_bus_is_called_by_its_address(pty_peer: MakePty, clock: RealClock) -> None:
    replies = {
        b"SEND 7": LINE + b"\r\n",
        b"OPEN 7": b"PTU300: 7 line opened for operator commands\r\n",
        b"?": b"PTU300 / 2.03\r\nSerial number  : A3040012\r\n",
    }
    peer = pty_peer(replies.get, b"\r")
    sensor = open_ptu300(peer.address, Options(bus_address=7), clock)
    assert sensor.identify() == Identity("Vaisala", "PTU300", "A3040012", "2.03")
    assert sensor.read().pressure_hpa == 1013.2
    sensor.close()
    assert peer.received[-4:] == [b"OPEN 7", b"?", b"CLOSE", b"SEND 7"]


@contextmanager
def on_twin(*settings: bytes, **options: Any) -> Iterator[VaisalaPtu300]:
    """Set the twin's transmitter as a person at a terminal would, and open it."""
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    with Twin("twin", Simulation(), 1, clock) as twin:
        port = twin.ports["climate"]
        port.open()
        for each in settings:
            port.write(each + b"\r")
        port.close()
        sensor = open_ptu300("sim://twin/climate", Options(**options), clock)
        yield sensor
        sensor.close()


FORM = b'FORM "P= " 4.1 P " " U3 " T= " 2.1 T " " U2 " RH= " 2.1 RH " " U3 " " %s #r #n'


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ((b"ECHO OFF",), {}),
        ((FORM % b"CS2",), {"checksum": "CS2"}),
        ((b"ECHO OFF", FORM % b"CS4"), {"checksum": "CS4"}),
        ((FORM % b"CSX", b"SMODE RUN", b"RESET"), {"checksum": "CSX"}),
        ((b"ADDR 7", b"SMODE POLL", b"RESET"), {"bus_address": 7}),
        ((b"INTV 1 S", b"R"), {}),
    ],
)
def test_the_twin_s_transmitter_as_it_may_be_set(settings: tuple[bytes, ...], options: dict[str, Any]) -> None:
    with on_twin(*settings, **options) as sensor:
        assert sensor.identify().serial_number == "SIM-PTU-1"
        climate = sensor.read()
        assert 15.0 < climate.temperature_c < 30.0
        assert 950.0 < climate.pressure_hpa < 1050.0


def test_it_answers_over_a_socket(tmp_path: Path, clock: RealClock) -> None:
    with served_instrument(tmp_path, "climate", "vaisala_ptu300", "ptu300") as served:
        sensor = open_ptu300(f"socket://127.0.0.1:{served.tcp_port}", Options(), clock)
        assert 15.0 < sensor.read().temperature_c < 30.0
        assert sensor.identify().serial_number == "SIM-PTU-1"
        sensor.close()


def test_identity(pty_peer: MakePty, clock: RealClock) -> None:
    described = b"?\r\nPTU300 / 2.03\r\nSerial number  : A3040012\r\nBatch number   : A3050059\r\n>"
    sensor = open_at(answering(LINE, described), pty_peer, clock)
    assert sensor.identify() == Identity("Vaisala", "PTU300", "A3040012", "2.03")
    sensor.close()


def test_a_transmitter_that_does_not_describe_itself(pty_peer: MakePty, clock: RealClock) -> None:
    sensor = open_at(answering(LINE), pty_peer, clock)
    assert sensor.identify() == Identity("Vaisala", "", "", "")
    sensor.close()


def test_silence_at_opening(pty_peer: MakePty, clock: RealClock) -> None:
    with pytest.raises(NoReplyError, match=r"sent b'SEND\\r'; saw nothing. Is it switched on"):
        open_at(lambda _: None, pty_peer, clock)


def test_a_declared_climate_is_marked_as_not_measured(clock: RealClock) -> None:
    options = FixedOptions(
        temperature=Quantity(23.0, "°C"), pressure=Quantity(1013.0, "hPa"), humidity=Quantity(45.0, "%")
    )
    sensor = open_fixed_climate("", options, clock)
    climate = sensor.read()
    sensor.close()
    assert climate == Climate(climate.time_s, 23.0, 1013.0, 45.0, False, "declared")
    assert sensor.identify().manufacturer == "rig file"
