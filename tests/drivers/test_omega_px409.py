"""The Omega driver against the bytes of the command reference and of a recorded transducer."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.clock import RealClock, SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.pressure import omega_px409
from drivers.pressure.omega_px409 import OmegaPx409, Options, open_px409
from drivers.registry import driver
from drivers.roles import Identity
from tests.drivers.desk import Desk
from tests.drivers.peers import Answer, PtyPeer
from tests.drivers.served import served_instrument

ENQ = b"USBPX2\r\n4.0.10.0\r\n0.0 to 15.0 psi G\r\n>"
SNR = b"SNR = 487740\r\n>"
ANSWERS = {b"ENQ\r": ENQ, b"SNR\r": SNR, b"P\r": b"14.6959 psi G\r\n>"}
PSI_KPA = 6.894757293168
MakePty = Callable[[Answer, bytes], PtyPeer]


def opened(answers: dict[bytes, Any] | None = None, **options: Any) -> tuple[OmegaPx409, Desk]:
    known = ANSWERS | (answers or {})

    def answer(sent: bytes) -> bytes | None:
        reply = known.get(sent)
        return reply.pop(0) if isinstance(reply, list) else reply

    desk = Desk(answer)
    return OmegaPx409(desk, Options.model_validate(options)), desk


@pytest.mark.parametrize(
    ("reply", "kpa", "status"),
    [
        (b"14.6959 psi G\r\n>", 14.6959 * PSI_KPA, "ok"),
        (b"-0.0031 psi G\r\n>", -0.0031 * PSI_KPA, "ok"),
        (b"\r\n  1.5 psi G \r\n>", 1.5 * PSI_KPA, "ok"),
        (b">14.6959 psi G\r\n>", 14.6959 * PSI_KPA, "ok"),
        (b"15.2900 psi G\r\n>", 15.29 * PSI_KPA, "ok"),
        (b"15.3100 psi G\r\n>", math.nan, "overload"),
        (b"-0.3100 psi G\r\n>", math.nan, "underload"),
    ],
)
def test_readings_are_in_kpa_above_the_air(reply: bytes, kpa: float, status: str) -> None:
    transducer, desk = opened({b"P\r": reply})
    reading = transducer.read()
    assert reading.value == pytest.approx(kpa, nan_ok=True, rel=1e-12)
    assert reading.status == status
    assert transducer.identify() == Identity("Omega", "USBPX2", "487740", "4.0.10.0")
    assert desk.sent == [b"ENQ\r", b"SNR\r", b"P\r"]


@pytest.mark.parametrize(
    ("unit", "kpa"),
    [("bar", 100.0), ("mbar", 0.1), ("hPa", 0.1), ("kPa", 1.0), ("mmHg", 0.133322387415)],
)
def test_units(unit: str, kpa: float) -> None:
    word = unit.encode()
    enq = b"A\r\nB\r\n-100.0 to 1500.0 " + word + b" G\r\n>"
    transducer, _ = opened({b"ENQ\r": enq, b"P\r": b"2.5 " + word + b" G\r\n>"})
    assert transducer.read().value == pytest.approx(2.5 * kpa)


def test_an_absolute_transducer_needs_the_air_s_pressure_and_a_gauge_one_refuses_it() -> None:
    absolute = {b"ENQ\r": ENQ.replace(b"15.0 psi G", b"30.0 psi A"), b"P\r": b"14.6959 psi A\r\n>"}
    with pytest.raises(RefusedError, match=r"does not measure from the air's pressure \(absolute\): declare"):
        opened(absolute)
    transducer, _ = opened(absolute, ambient="1013.25 hPa")
    assert transducer.read().value == pytest.approx(14.6959 * PSI_KPA - 101.325)
    with pytest.raises(RefusedError, match=r"gauge\), and the rig file declares `ambient`"):
        opened(ambient="1013.25 hPa")


@pytest.mark.parametrize(
    ("enq", "error", "says"),
    [
        (b"A\r\nB\r\n0.0 to 15.0 furlong G\r\n>", GarbledReplyError, "measures in 'furlong'"),
        (b"A\r\nB\r\n0.0 to 15.0 psi D\r\n>", RefusedError, "neither gauge nor absolute"),
        (b"A\r\nB\r\n0.0-15.0 psi G\r\n>", GarbledReplyError, "answered no range"),
        (b"A\r\n0.0 to 15.0 psi G\r\n>", GarbledReplyError, "no description with a range in its third line"),
    ],
)
def test_another_description_is_refused(enq: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        opened({b"ENQ\r": enq})


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (b"\r\n@P unsupported\r\n>", RefusedError, r"refused the command; sent b'P\\r'"),
        (b"@P unsupported\r\n>", RefusedError, "refused the command"),
        (b"14.6959 psi A\r\n>", GarbledReplyError, "measures in psi A, and said psi G"),
        (b"14.6959 bar G\r\n>", GarbledReplyError, "measures in bar G"),
        (b"14.69.59 psi G\r\n>", GarbledReplyError, "no pressure"),
        (b"14.6959 psi\r\n>", GarbledReplyError, "no pressure"),
        (b"14.6959 psi G\r\n14.6959 psi G\r\n>", GarbledReplyError, "not one line"),
        (b"14.6959 psi G\r\n", GarbledReplyError, "no prompt"),
        (None, NoReplyError, "no answer within 2 s"),
    ],
)
def test_what_is_no_reading(reply: bytes | None, error: type[Exception], says: str) -> None:
    transducer, _ = opened({b"P\r": reply})
    with pytest.raises(error, match=says):
        transducer.read()


def test_nothing_is_sent_until_the_prompt_is_back_and_no_two_commands_within_20_ms() -> None:
    written: list[float] = []

    class Timed(Desk):
        def _send(self, data: bytes) -> None:
            written.append(self.clock.now_s())
            super()._send(data)

    desk = Timed(lambda _: None)
    desk.answer = lambda sent: desk.say(ANSWERS[sent], 0.5)
    transducer = OmegaPx409(desk, Options())
    for _ in range(2):
        transducer.read()
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(written)]
    assert gaps_s == pytest.approx([0.52] * 3, abs=1e-6)


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    transducer, desk = opened({b"P\r": None})
    with pytest.raises(NoReplyError):
        transducer.read()
    desk.say(b"1.0000 psi G\r\n>", 0.3)
    desk.answer = lambda sent: ENQ if sent == b"ENQ\r" else b"2.0000 psi G\r\n>"
    assert transducer.read().value == pytest.approx(2.0 * PSI_KPA)
    assert desk.sent[-3:] == [b"P\r", b"ENQ\r", b"P\r"]


def test_another_transducer_after_a_silence_is_found_out() -> None:
    transducer, desk = opened({b"P\r": None})
    with pytest.raises(NoReplyError):
        transducer.read()
    desk.answer = lambda sent: ENQ.replace(b"15.0", b"30.0") if sent == b"ENQ\r" else b"2.0000 psi G\r\n>"
    with pytest.raises(GarbledReplyError, match="describes itself otherwise"):
        transducer.read()


def test_it_waits_for_a_transducer_that_is_starting() -> None:
    silent_until_s = 6.0
    desk = Desk(lambda _: None)
    desk.answer = lambda sent: ANSWERS[sent] if desk.clock.now_s() >= silent_until_s else None
    assert OmegaPx409(desk, Options()).read().status == "ok"
    assert desk.clock.now_s() < 9.0


def test_what_another_program_had_typed_spoils_only_the_first_question() -> None:
    transducer, _ = opened({b"ENQ\r": [b"\r\n@SNENQ unsupported\r\n>", ENQ]})
    assert transducer.read().status == "ok"


def test_nothing_there() -> None:
    with pytest.raises(NoReplyError, match=r"sent b'ENQ\\r'; saw nothing. Is the baud rate right"):
        OmegaPx409(Desk(lambda _: None), Options())


def test_over_a_terminal(pty_peer: MakePty, clock: RealClock) -> None:
    peer = pty_peer(lambda command: ANSWERS[command + b"\r"], b"\r")
    transducer = open_px409(peer.address, Options(), clock)
    assert transducer.read().value == pytest.approx(14.6959 * PSI_KPA)
    transducer.close()
    assert peer.received == [b"ENQ", b"SNR", b"P"]


# -- before the twin's


def press(clock: SimulatedClock) -> None:
    """Shut the line and let the twin's pump push into it for a minute."""
    occluder = driver("numato_relay").factory("sim://twin/occluder", driver("numato_relay").Options(), clock)
    occluder.occlude()
    occluder.close()
    entry = driver("scpi_insulin_pump")
    pump = entry.factory("TCPIP0::pump.twin::5025::SOCKET", entry.Options(), clock, visa_library="@twin")
    pump.start_bolus(10.0)
    clock.sleep_s(60.0)
    pump.close()


@contextmanager
def on_twin(emulator: dict[str, Any], **options: Any) -> Iterator[tuple[OmegaPx409, Twin, SimulatedClock]]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    told = Simulation.model_validate({"emulators": {"pressure": {"emulator": "px409", **emulator}}})
    with Twin("twin", told, 1, clock) as twin:
        transducer = open_px409("sim://twin/pressure", Options.model_validate(options), clock)
        try:
            yield transducer, twin, clock
        finally:
            transducer.close()


@pytest.mark.parametrize(
    ("emulator", "options"),
    [
        ({}, {}),
        ({"unit": "bar", "full_scale": 4.0, "baudrate": 9600}, {"baudrate": 9600}),
        ({"reference": "A"}, {"ambient": "1013.25 hPa"}),
        ({"starts_after_s": 6.0}, {}),
    ],
)
def test_readings_are_the_line_s_pressure(emulator: dict[str, Any], options: dict[str, Any]) -> None:
    with on_twin(emulator, **options) as (transducer, twin, clock):
        air_kpa = 0.1 * (twin.world.climate.read(clock.now_s())[1] - 1013.25) if options.get("ambient") else 0.0
        assert transducer.identify().serial_number == "SIM-DMM-1"
        assert transducer.read().value == pytest.approx(air_kpa, abs=0.2)
        press(clock)
        true_kpa = twin.world.line.pressure_kpa(clock.now_s())
        assert true_kpa > 50.0
        assert transducer.read().value == pytest.approx(true_kpa + air_kpa, abs=0.3)


def test_a_stream_that_another_program_left_is_ended() -> None:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    told = Simulation.model_validate({"emulators": {"pressure": "px409"}})
    with Twin("twin", told, 1, clock) as twin:
        port = twin.ports["pressure"]
        port.open()
        port.write(b"RATE 8\r")
        clock.sleep_s(0.1)
        port.write(b"PC\r")
        port.close()
        transducer = open_px409("sim://twin/pressure", Options(), clock)
        assert transducer.read().status == "ok"
        transducer.close()


def test_a_wrong_baud_rate_is_told() -> None:
    with pytest.raises(InstrumentError, match="Is the baud rate right"), on_twin({"baudrate": 9600}):
        pass


def test_over_served_links(tmp_path: Path, clock: RealClock) -> None:
    with served_instrument(tmp_path, "pressure", "omega_px409", "px409") as served:
        tcp = f"socket://127.0.0.1:{served.tcp_port}"
        for address in (served.terminal, tcp, f"ASRL{tcp}::INSTR", f"ASRL{served.terminal}::INSTR"):
            transducer = open_px409(address, Options(), clock)
            assert transducer.read().value == pytest.approx(0.0, abs=0.2)
            transducer.close()


def test_the_pauses_are_as_documented() -> None:
    assert (omega_px409._PAUSE_S, omega_px409._START_S) == (0.02, 8.0)
