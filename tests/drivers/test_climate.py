"""The Vaisala driver against the manual's lines, and the climate that a rig declares."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from bench.quantities import Quantity
from drivers.climate import vaisala_ptu300
from drivers.climate.fixed_climate import Options as FixedOptions
from drivers.climate.fixed_climate import open_fixed_climate
from drivers.climate.vaisala_ptu300 import Options, VaisalaPtu300, open_ptu300
from drivers.errors import GarbledReplyError, NoReplyError
from drivers.roles import Climate, Identity
from tests.drivers.peers import Answer, PtyPeer

LINE = b"P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH"
MakePty = Callable[[Answer, bytes], PtyPeer]


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaisala_ptu300, "_TIMEOUT_S", 0.4)
    monkeypatch.setattr(vaisala_ptu300, "_QUIET_S", 0.05)


def open_at(answer: Answer, make: MakePty, clock: RealClock) -> VaisalaPtu300:
    return open_ptu300(make(answer, b"\r").address, Options(), clock)


def answering(send: bytes, describe: bytes = b"") -> Answer:
    first = [LINE + b"\r\n"]
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
