"""The Keller driver against the frames of the protocol's description, with and without the adapter's echo."""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.keller_frames import crc, frame
from drivers.pressure.keller_bus import KellerBus, Options, open_keller
from drivers.roles import Identity, Reading
from tests.drivers.desk import Desk
from tests.drivers.peers import Answer, PtyPeer
from tests.drivers.served import client, served_instrument
from tests.drivers.test_omega_px409 import press
from tests.twin.test_emulator_keller import framed

MakePty = Callable[[Answer, bytes], PtyPeer]
INIT, SERIAL, P1 = b"\x01\x30\x34\x00", framed(1, 69), b"\x01\x49\x01\x50\xd6"
ABOUT = framed(1, 48, 5, 20, 12, 28, 10, 1)
NUMBER = framed(1, 69, *(110477).to_bytes(4, "big"))


def bar(value: float, status: int = 0, address: int = 1) -> bytes:
    return framed(address, 73, *struct.pack(">f", value), status)


def opened(
    answers: dict[bytes, Any] | None = None, *, echo: bool = True, address: int = 1, **options: Any
) -> tuple[KellerBus, Desk]:
    known = {INIT: ABOUT, SERIAL: NUMBER, P1: bar(0.5)} | (answers or {})

    def answer(sent: bytes) -> bytes | None:
        reply = known.get(sent)
        reply = reply.pop(0) if isinstance(reply, list) else reply
        return (sent if echo else b"") + (reply or b"") or None

    desk = Desk(answer)
    return KellerBus(desk, Options.model_validate({"reference": "gauge", "bus_address": address, **options})), desk


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (b"\x01\x30", b"\x01\x30\x34\x00"),
        (b"\x01\x49\x01", b"\x01\x49\x01\x50\xd6"),
        (bytes((250, 73, 1)), bytes((250, 73, 1, 161, 167))),
        (bytes((250, 48)), bytes((250, 48, 4, 67))),
    ],
)
def test_the_manual_s_own_frames(body: bytes, whole: bytes) -> None:
    assert body + crc(body) == whole == frame(body[0], body[1], body[2:])


@pytest.mark.parametrize("echo", [True, False])
def test_a_reading_with_and_without_echo(echo: bool) -> None:
    sensor, desk = opened({P1: [bar(0.5), bar(-0.0123)]}, echo=echo)
    reading = sensor.read()
    assert reading.value == pytest.approx(-1.23)
    assert (reading.status, reading.text) == ("ok", "P1 -0.0123 bar, status 00000000")
    assert sensor.identify() == Identity("Keller", "class 5.20", "110477", "12.28")
    assert desk.sent == [INIT, SERIAL, P1, P1]


@pytest.mark.parametrize(
    ("value", "status", "kpa", "told"),
    [
        (1.0, 0b0000_0000, 100.0, "ok"),
        (1.0, 0b0100_0000, 100.0, "ok"),  # the analogue output is saturated
        (1.0, 0b0010_1101, 100.0, "ok"),  # channels that are not read
        (1.0, 0b0000_0010, math.nan, "error"),
        (1.0, 0b0001_0000, math.nan, "error"),
        (1.0, 0b1000_0000, math.nan, "error"),
        (math.nan, 0, math.nan, "error"),
        (math.inf, 0b0000_0010, math.nan, "overload"),
        (-math.inf, 0b0000_0010, math.nan, "underload"),
    ],
)
def test_the_status_byte_decides(value: float, status: int, kpa: float, told: str) -> None:
    reading = opened({P1: bar(value, status)})[0].read()
    assert reading.value == pytest.approx(kpa, nan_ok=True)
    assert reading.status == told


def test_other_channels_have_bits_of_their_own() -> None:
    p2 = framed(1, 73, 2)
    sensor, _ = opened({p2: bar(2.0, 0b0001_0010)}, channel="P2")
    assert sensor.read().value == pytest.approx(200.0)
    assert opened({p2: bar(2.0, 0b0010_0000)}, channel="P2")[0].read().status == "error"


def test_a_lone_transmitter_is_asked_its_address_and_called_by_it() -> None:
    alone = {
        bytes((250, 48, 4, 67)): framed(250, 48, 5, 20, 12, 28, 10, 1),
        framed(250, 66, 0): framed(250, 66, 9),
        framed(9, 69): framed(9, 69, 0, 0, 0, 7),
        framed(9, 73, 1): bar(0.25, address=9),
    }
    sensor, desk = opened(alone, address=250)
    assert sensor.read().value == pytest.approx(25.0)
    assert desk.sent[-1] == framed(9, 73, 1)


@pytest.mark.parametrize(
    ("reference", "ambient", "kpa"),
    [("gauge", None, 50.0), ("absolute", "1013.25 hPa", 50.0 - 101.325), ("sealed gauge", "1013.25 hPa", 48.675)],
)
def test_what_it_measures_from(reference: str, ambient: str | None, kpa: float) -> None:
    sensor, _ = opened(reference=reference, ambient=ambient)
    assert sensor.read().value == pytest.approx(kpa)


@pytest.mark.parametrize(("reference", "ambient"), [("gauge", "1013 hPa"), ("absolute", None), ("sealed gauge", None)])
def test_the_air_s_pressure_is_declared_where_it_is_needed_only(reference: str, ambient: str | None) -> None:
    with pytest.raises(RefusedError, match="ambient"):
        opened(reference=reference, ambient=ambient)


def test_a_transmitter_that_lost_its_supply_is_initialised_again() -> None:
    sensor, desk = opened({P1: [bar(0.5), framed(1, 73 | 128, 32), bar(0.75)]})
    assert sensor.read().value == pytest.approx(75.0)
    assert desk.sent[-3:] == [P1, INIT, P1]


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (framed(1, 73 | 128, 2), RefusedError, "does not have the channel or parameter"),
        (framed(1, 73 | 128, 99), RefusedError, "refused the command by error 99"),
        (framed(2, 73, 0, 0, 0, 0, 0), GarbledReplyError, "no answer to what was asked"),
        (framed(1, 69, 0, 0, 0, 0), GarbledReplyError, "no answer to what was asked"),
        (bar(0.5)[:-1] + b"\0", GarbledReplyError, "checksum is wrong"),
        (bar(0.5)[:-1], GarbledReplyError, "no whole frame"),
        (b"\x01", GarbledReplyError, "no whole frame"),
        (None, NoReplyError, r"no answer within 0\.5 s \(but for the adapter"),
    ],
)
def test_what_is_no_reading(reply: bytes | None, error: type[Exception], says: str) -> None:
    sensor, _ = opened({P1: [bar(0.5), reply]})
    with pytest.raises(error, match=says):
        sensor.read()


def test_an_echo_that_is_another_one_is_told() -> None:
    sensor, desk = opened()
    desk.answer = lambda sent: sent[:-1] + b"\0" + bar(0.5)
    with pytest.raises(GarbledReplyError, match="heard something else"):
        sensor.read()


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    sensor, desk = opened({P1: [bar(0.5), None]})
    with pytest.raises(NoReplyError):
        sensor.read()
    desk.say(bar(1.0), 0.02)
    desk.answer = lambda sent: sent + {SERIAL: NUMBER, P1: bar(2.0)}[sent]
    assert sensor.read().value == pytest.approx(200.0)


def test_another_transmitter_after_a_silence_is_found_out() -> None:
    sensor, desk = opened({P1: [bar(0.5), None]})
    with pytest.raises(NoReplyError):
        sensor.read()
    desk.answer = lambda sent: sent + {SERIAL: framed(1, 69, 0, 0, 0, 1), P1: bar(2.0)}[sent]
    with pytest.raises(GarbledReplyError, match="another serial number"):
        sensor.read()


def test_the_round_trip_is_that_of_the_answer_and_not_of_the_echo() -> None:
    sensor, desk = opened()

    def answer(sent: bytes) -> bytes:
        desk.say(sent)
        desk.say(bar(0.5), 0.1)
        return b""

    desk.answer = answer
    desk.round_trips_s.clear()
    reading = sensor.read()
    assert list(desk.round_trips_s) == pytest.approx([0.1])
    assert reading.time_s == pytest.approx(desk.clock.now_s())


def test_nothing_there() -> None:
    with pytest.raises(NoReplyError, match="Are address, baud rate"):
        KellerBus(Desk(lambda _: None), Options(reference="gauge"))
    with pytest.raises(NoReplyError, match="but for the adapter"):
        KellerBus(Desk(lambda sent: sent), Options(reference="gauge"))


# -- before the twin's


@contextmanager
def on_twin(emulator: dict[str, Any], **options: Any) -> Iterator[tuple[KellerBus, Twin, SimulatedClock]]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    told = Simulation.model_validate({"emulators": {"pressure": {"emulator": "keller", **emulator}}})
    with Twin("twin", told, 1, clock) as twin:
        sensor = open_keller("sim://twin/pressure", Options.model_validate({"reference": "gauge", **options}), clock)
        try:
            yield sensor, twin, clock
        finally:
            sensor.close()


@pytest.mark.parametrize(
    ("emulator", "options"),
    [
        ({}, {}),
        ({"echo": False, "baudrate": 115200, "bus_address": 7}, {"baudrate": 115200, "bus_address": 7}),
        ({"reference": "absolute"}, {"reference": "absolute", "ambient": "1013.25 hPa"}),
        ({"reference": "sealed gauge"}, {"reference": "sealed gauge", "ambient": "1013.25 hPa"}),
        ({"restarts_at_s": 10.0}, {}),
    ],
)
def test_readings_are_the_line_s_pressure(emulator: dict[str, Any], options: dict[str, Any]) -> None:
    with on_twin(emulator, **options) as (sensor, twin, clock):
        air_kpa = 0.1 * (twin.world.climate.read(clock.now_s())[1] - 1013.25) if options.get("ambient") else 0.0
        assert sensor.identify().serial_number == "110477"
        assert sensor.read().value == pytest.approx(air_kpa, abs=0.2)
        press(clock)
        true_kpa = twin.world.line.pressure_kpa(clock.now_s())
        assert true_kpa > 50.0
        assert sensor.read().value == pytest.approx(true_kpa + air_kpa, abs=0.3)


def test_a_wrong_baud_rate_or_address_is_told() -> None:
    for options in ({"baudrate": 115200}, {"bus_address": 3}):
        with pytest.raises(InstrumentError, match="Are address, baud rate"), on_twin({}, **options):
            pass


KELLER_PROTOCOL = """
import json, math, sys
from keller_protocol.keller_protocol import KellerProtocol
bus = KellerProtocol(sys.argv[1], baud_rate=9600, timeout=0.3, echo=True)
seen = {"f48": bus.f48(1), "f69": bus.f69(1), "f73": bus.f73(1, 1), "tob1": bus.f73(250, 4), "f74": bus.f74(1, 1)}
seen["f66"] = [bus.f66(1, 42), bus.f66(250, 0), bus.f66(42, 1)]
bus.f31(1, 65, 2.1)
seen["f30"] = bus.f30(1, 65)
bus.f33(1, 3, 1)
seen["f32"] = bus.f32(1, 3)
bus.f95(1, 0)
seen["zeroed"] = bus.f73(1, 1)
bus.f95(1, 1)
seen["f100"] = list(bus.f100(1, 2))
bus.f101(1, 2, 0, 0, 0, 0, 0)
try:
    bus.f73(1, 9)
except Exception as error:
    seen["error"] = str(error)
print(json.dumps(seen))
"""


def test_keller_protocol_talks_to_the_emulator(tmp_path: Path) -> None:
    """A client of the maker's, which opens and closes the terminal for every frame."""
    with served_instrument(tmp_path, "pressure", "keller_bus", "keller", reference="gauge") as served:
        seen = client(KELLER_PROTOCOL, served.terminal)
    assert (seen["f48"], seen["f69"], seen["f66"]) == ("5.20-12.28", 110477, [42, 42, 1])
    assert seen["f73"] == pytest.approx(0.0, abs=2e-3)
    assert seen["f74"] == pytest.approx(0.0, abs=200)
    assert 20.0 < seen["tob1"] < 26.0
    assert seen["f30"] == pytest.approx(2.1)
    assert (seen["f32"], seen["f100"]) == (1, [0, 0, 0, 0, 0])
    assert seen["zeroed"] == pytest.approx(0.0, abs=2e-3)
    assert "201" in seen["error"]


def test_the_driver_over_a_served_terminal(tmp_path: Path, clock: RealClock) -> None:
    with served_instrument(tmp_path, "pressure", "keller_bus", "keller", reference="gauge") as served:
        tcp = f"socket://127.0.0.1:{served.tcp_port}"
        for address in (served.terminal, tcp, f"ASRL{tcp}::INSTR", f"ASRL{served.terminal}::INSTR"):
            sensor = open_keller(address, Options(reference="gauge"), clock)
            reading = sensor.read()
            sensor.close()
            assert isinstance(reading, Reading)
            assert reading.value == pytest.approx(0.0, abs=0.2)
