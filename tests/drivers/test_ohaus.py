"""The Ohaus driver against the manuals' bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from drivers.balance import ohaus
from drivers.balance.ohaus import DRIVER, Ohaus, Options
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.roles import AdjustsInternally, Balance, Identity
from tests.drivers.desk import Answer, Desk
from tests.drivers.peers import Answer as PeerAnswer
from tests.drivers.peers import PtyPeer

OPENING = [b"0P\r\n", b"PSN\r\n", b"IP\r\n"]
OK = b"OK!\r\n"


def opened(answer: Answer | dict[bytes, bytes] | None = None, **options: object) -> tuple[Ohaus, Desk]:
    desk = Desk({b"IP\r\n": b"     192.21 g\r\n"}.get)
    balance = Ohaus(desk, Options.model_validate(options))
    if answer is not None:
        desk.answer = answer.get if isinstance(answer, dict) else answer
    return balance, desk


def printing(*lines: bytes, **others: bytes) -> Answer:
    """Return a balance that answers `IP` by these lines in turn, by the last one from then on."""
    left = list(lines)
    replies = {f"{name}\r\n".encode(): reply for name, reply in others.items()}

    def answer(sent: bytes) -> bytes | None:
        if sent != b"IP\r\n":
            return replies.get(sent)
        return (left.pop(0) if len(left) > 1 else left[0]) + b"\r\n"

    return answer


def test_what_it_can_do() -> None:
    assert issubclass(DRIVER.instrument, Balance)
    assert not issubclass(DRIVER.instrument, AdjustsInternally)
    assert Options() == Options(baudrate=9600, bytesize=8, parity="N", stopbits=1)


@pytest.mark.parametrize(
    ("line", "value_g", "status"),
    [
        (b"     192.21 g", 192.21, "stable"),
        (b"       0.01 g ?", 0.01, "dynamic"),
        (b"       0.01 g   00:00:00", 0.01, "stable"),
        (b"     176.30 g ? 00:00:15", 176.30, "dynamic"),
        (b"      -0.01 g", -0.01, "stable"),
        (b"      12.72 g    ?", 12.72, "dynamic"),
        (b"     0.4500 oz    ", 0.45 * 28.349523125, "stable"),
        (b"       0.01 g   N", 0.01, "stable"),
        (b"       0.01 g     ", 0.01, "stable"),
        (b"      0.211 kg ?", 211.0, "dynamic"),
        (b"   1234.567 mg", 1.234567, "stable"),
        (b"   12.34567 g?", 12.34567, "dynamic"),
        (b"Err 8.3", math.nan, "overload"),
        (b"Error 8.4", math.nan, "underload"),
    ],
)
def test_lines(line: bytes, value_g: float, status: str) -> None:
    balance, desk = opened(printing(line))
    reading = balance.read()
    assert reading.value == pytest.approx(value_g, rel=1e-15, nan_ok=True)
    assert (reading.status, reading.text) == (status, line.decode())
    assert desk.sent == [*OPENING, b"IP\r\n"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"     207.80 g TOTAL", "sent no weight of the pan"),
        (b"     207.80 g   T", "sent no weight of the pan"),
        (b"          3 PCS", "known unit, but in PCS"),
        (b"       1.25 mom", "known unit, but in mom"),
        (b"     192.21", "sent no weight"),
        (b"   192.21 g", "sent no weight"),  # the first columns are missing
        (b"92.21 g", "sent no weight"),
        (b"            192.21 g", "sent no weight"),
        (b"     192.2     192.21 g", "sent no weight"),
        (b"     192.21 g     192.21 g", "sent no weight"),
        (b"     1e3.21 g", "sent no weight"),
        (b"hello", "sent no weight"),
    ],
)
def test_lines_that_are_no_weight_are_garbled(line: bytes, says: str) -> None:
    balance, _ = opened(printing(line))
    with pytest.raises(GarbledReplyError, match=says) as caught:
        balance.read()
    assert caught.value.seen == line


def test_refusals_and_errors_are_told() -> None:
    balance, _ = opened(printing(b"ES"))
    with pytest.raises(RefusedError, match="cannot do it now"):
        balance.read()
    balance, _ = opened(printing(b"Err 9.5"))
    with pytest.raises(RefusedError, match=r"reports error 9\.5"):
        balance.read()


def test_identity() -> None:
    balance, desk = opened({b"PV\r\n": b"Explorer\r\nSr1.20\r\n", b"PSN\r\n": b"B123456789\r\n"})
    assert balance.identify() == Identity("Ohaus", "Explorer Sr1.20", "B123456789")
    assert desk.sent == [*OPENING, b"PV\r\n", b"PSN\r\n"]
    balance, _ = opened({b"PV\r\n": b"ES\r\n"})
    assert balance.identify() == Identity("Ohaus", "", "")


@pytest.mark.parametrize("taken", [OK, b""])
def test_tare_and_zero_are_read_back(taken: bytes) -> None:
    balance, desk = opened(printing(b"      20.00 g", b"       0.30 g ?", b"       0.02 g", T=taken, Z=taken))
    balance.tare()
    assert desk.sent[len(OPENING) :] == [b"T\r\n", b"IP\r\n", b"IP\r\n", b"IP\r\n"]
    balance.zero()
    assert desk.sent[-2:] == [b"Z\r\n", b"IP\r\n"]


def test_a_zero_that_is_refused_or_not_done() -> None:
    balance, _ = opened(printing(b"      20.00 g", Z=b"ES\r\n"))
    with pytest.raises(RefusedError, match="load within the range") as caught:
        balance.zero()
    assert (caught.value.sent, caught.value.seen) == (b"Z\r\n", b"ES")
    balance, _ = opened(printing(b"      20.00 g", Z=OK))
    with pytest.raises(RefusedError, match="does not show zero"):
        balance.zero()


def test_a_stable_reading_is_waited_for() -> None:
    balance, _ = opened(printing(b"      20.00 g ?", b"      20.00 g ?", b"      20.01 g"))
    assert balance.read_stable().value == 20.01
    balance, _ = opened(printing(b"      20.00 g ?"), stable_timeout_s=5)
    with pytest.raises(RefusedError, match="did not come to rest within 5 s"):
        balance.read_stable()


def test_stream_without_end() -> None:
    balance, desk = opened()
    clock = desk.clock

    def answer(sent: bytes) -> bytes | None:
        if sent == b"CP\r\n":
            for number in range(100):
                desk.say_unasked(b"%11.2f g ?\r\n" % (number / 100), 0.1 * number + 0.1)
        if sent == b"0P\r\n":
            desk._unasked.clear()
        return {b"CP\r\n": OK, b"IP\r\n": b"      77.00 g\r\n"}.get(sent)

    desk.answer = answer
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 1.0) for _ in range(3)]
    assert [reading.value for reading in readings if reading] == [0.0, 0.01, 0.02]
    assert balance.read().value == 0.03
    balance.stop_stream()
    assert balance.read().value == 77.0
    assert desk.sent[len(OPENING) :] == [b"CP\r\n", b"0P\r\n", b"PU\r\n", b"IP\r\n", b"IP\r\n"]


def test_a_balance_that_prints_not_without_end_says_so_and_is_asked_instead() -> None:
    balance, _ = opened(printing(b"      20.00 g", CP=b"ES\r\n"))
    with pytest.raises(RefusedError, match="stream: polled"):
        balance.start_stream()
    assert balance.read().value == 20.0
    balance, desk = opened(printing(b"      20.00 g"), stream="polled", poll_rate_hz=2)
    balance.start_stream()
    readings = [balance.next_reading(desk.clock.now_s() + 1.0) for _ in range(3)]
    times = [reading.time_s - readings[0].time_s for reading in readings if reading and readings[0]]
    assert times == pytest.approx([0.0, 0.5, 1.0])


def test_a_late_weight_answers_no_later_request() -> None:
    balance, desk = opened()

    def late(sent: bytes) -> bytes | None:
        if sent == b"IP\r\n":
            desk.say(b"      11.11 g\r\n", after_s=4.0)
        return None

    desk.answer = late
    with pytest.raises(NoReplyError):
        balance.read()
    desk.answer = printing(b"      22.22 g")
    assert balance.read().value == 22.22


def test_silence_and_standby_name_the_way_out() -> None:
    with pytest.raises(NoReplyError, match="factory setting 9600 8N1"):
        Ohaus(Desk(lambda _: None), Options())
    with pytest.raises(RefusedError, match="Is it weighing"):
        Ohaus(Desk(lambda _: b"ES\r\n"), Options())


def test_it_is_opened_on_a_terminal(
    clock: RealClock, pty_peer: Callable[[PeerAnswer, bytes], PtyPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ohaus, "_QUIET_S", 0.05)
    peer = pty_peer({b"IP": b"     192.21 g\r\n", b"PSN": b"B1\r\n"}.get, b"\r\n")
    balance = DRIVER.factory(peer.address, Options(), clock)
    assert balance.read().value == 192.21
    balance.close()
    with pytest.raises(InstrumentError):
        balance.read()
