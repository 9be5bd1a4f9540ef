"""The Radwag driver against the manuals' bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from drivers.balance.radwag import DRIVER, Options, Radwag
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.roles import AdjustsInternally, Balance, Identity, TellsItsRange
from tests.drivers.desk import Answer, Desk
from tests.drivers.peers import Answer as PeerAnswer
from tests.drivers.peers import PtyPeer

NUMBER = b'NB A "1234567"\r\n'
OPENING = [b"C0\r\n", b"NB\r\n"]
AGAIN = [b"C0\r\n", b"BN\r\n"]
LATER = [b"C0\r\n", b"RV\r\n"]
EMPTY = {b"C0\r\n": b"C0 A\r\n", b"NB\r\n": NUMBER, b"BN\r\n": b'BN A "PS"\r\n', b"RV\r\n": b'RV A "1"\r\n'}


def opened(answer: Answer | None = None, /, **replies: bytes) -> tuple[Radwag, Desk]:
    told = EMPTY | {f"{name}\r\n".encode(): reply for name, reply in replies.items()}
    desk = Desk(EMPTY.get)
    balance = Radwag(desk, Options())
    desk.answer = answer or told.get
    return balance, desk


def test_what_it_can_do() -> None:
    assert issubclass(DRIVER.instrument, Balance)
    assert issubclass(DRIVER.instrument, AdjustsInternally)
    assert issubclass(DRIVER.instrument, TellsItsRange)
    assert Options() == Options(baudrate=9600, bytesize=8, parity="N", stopbits=1)


@pytest.mark.parametrize(
    ("reply", "value_g", "status"),
    [
        (b"SI ?       18.5 kg ", 18500.0, "dynamic"),
        (b"SI      172.135 g  ", 172.135, "stable"),
        (b"SI   -   58.237 g  ", -58.237, "stable"),
        (b"SI ? -  0.00020 g  ", -0.0002, "dynamic"),
        (b"SI      0.50000 mg ", 0.0005, "stable"),
        (b"SI ^  120.00000 g  ", math.nan, "overload"),
        (b"SI v            g  ", math.nan, "underload"),
        (b"SI A\r\nSI         18.5 g  ", 18.5, "stable"),
        (b"S          11.5 g  \r\nT D\r\nSI         18.5 g  ", 18.5, "stable"),
    ],
)
def test_frames(reply: bytes, value_g: float, status: str) -> None:
    balance, desk = opened(SI=reply + b"\r\n")
    reading = balance.read()
    assert reading.value == pytest.approx(value_g, rel=1e-15, nan_ok=True)
    assert (reading.status, reading.text) == (status, reply.splitlines()[-1].decode())
    assert desk.sent == [*OPENING, b"SI\r\n"]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (b"SI      172.135 N  ", "known unit, but in N"),
        (b"SI      172.135 mom", "known unit, but in mom"),
        (b"SI      172.135", "sent no weight"),
        (b"SI     172.135 g  ", "sent no weight"),
        (b"SI ?            g  ", "sent no weight"),
        (b"SI x    172.135 g  ", "sent no weight"),
        (b"SI     1e+2.135 g  ", "sent no weight"),
        (b"SI      172.135 g", "sent no weight"),
        (b"I ?       18.5 kg ", "answered not as a Radwag balance does"),
        (b"hello", "answered not as a Radwag balance does"),
    ],
)
def test_frames_that_are_none_are_garbled(frame: bytes, says: str) -> None:
    balance, _ = opened(SI=frame + b"\r\n")
    with pytest.raises(GarbledReplyError, match=says) as caught:
        balance.read()
    assert caught.value.seen == frame


def test_a_stable_reading_zero_and_tare() -> None:
    balance, desk = opened(S=b"S A\r\nS    -      8.5 g  \r\n", Z=b"Z A\r\nZ D\r\n", T=b"T A\r\nT OK\r\n")
    assert balance.read_stable().value == -8.5
    balance.zero()
    balance.tare()
    assert desk.sent[2:] == [b"S\r\n", b"Z\r\n", b"T\r\n"]


@pytest.mark.parametrize(
    ("verb", "reply", "says"),
    [
        ("zero", b"Z A\r\nZ ^\r\n", "above its range"),
        ("zero", b"Z A\r\nZ E\r\n", "did not come to rest in time"),
        ("zero", b"Z I\r\n", "cannot do that now"),
        ("tare", b"T A\r\nT v\r\n", "below its range"),
        ("tare", b"ES\r\n", "does not know the command"),
        ("read", b"SI I\r\n", "cannot do that now"),
        ("read_stable", b"S A\r\nS E\r\n", "did not come to rest in time"),
        ("adjust", b"IC A\r\nIC E\r\n", "could not do it"),
        ("adjust", b"IC I\r\n", "cannot do that now"),
    ],
)
def test_refusals_name_command_and_reply(verb: str, reply: bytes, says: str) -> None:
    name = {"zero": "Z", "tare": "T", "read": "SI", "read_stable": "S", "adjust": "IC"}[verb]
    balance, _ = opened(**{name: reply})
    with pytest.raises(RefusedError, match=says) as caught:
        getattr(balance, verb)()
    assert (caught.value.sent, caught.value.seen) == (f"{name}\r\n".encode(), reply.split(b"\r\n")[-2])


def test_a_command_that_is_taken_and_never_done_is_told() -> None:
    balance, _ = opened(T=b"T A\r\n")
    with pytest.raises(NoReplyError, match="took the command, but is not done within 60 s"):
        balance.tare()


def test_identity_and_range() -> None:
    balance, desk = opened(
        BN=b'BN A "PS R2"\r\n', RV=b'RV A "1.1.1"\r\n', FS=b'FS A "220.0000"\r\n', SI=b"SI       0.0000 g  \r\n"
    )
    assert balance.identify() == Identity("Radwag", "PS R2", "1234567", "1.1.1")
    told = balance.weighing_range()
    assert told.maximum_g == 220.0
    assert math.isnan(told.readability_g)
    assert desk.sent[2:] == [b"BN\r\n", b"NB\r\n", b"RV\r\n", b"FS\r\n", b"SI\r\n"]
    balance, _ = opened(BN=b"BN I\r\n", RV=b"ES\r\n", FS=b'FS A "6"\r\n', SI=b"SI        0.000 kg \r\n")
    assert balance.identify() == Identity("Radwag", "", "1234567", "")
    assert balance.weighing_range().maximum_g == 6000.0
    balance, _ = opened(FS=b"ES\r\n", SI=b"SI        0.000 kg \r\n")
    assert math.isnan(balance.weighing_range().maximum_g)


def test_stream() -> None:
    balance, desk = opened()
    clock = desk.clock
    replies = EMPTY | {
        b"C1\r\n": b"C1 A\r\n",
        b"T\r\n": b"T A\r\nT D\r\n",
        b"SI\r\n": b"SI        7.000 g  \r\n",
    }

    def answer(sent: bytes) -> bytes | None:
        if sent == b"C1\r\n":
            for number in range(100):
                desk.say_unasked(b"SI ?  %9.3f g  \r\n" % (number / 1000), 0.1 * number + 0.1)
        if sent == b"C0\r\n":
            desk._unasked.clear()
        return replies.get(sent)

    desk.answer = answer
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 1.0) for _ in range(3)]
    assert [reading.value for reading in readings if reading] == [0.0, 0.001, 0.002]
    balance.tare()
    assert balance.read().value == 0.0
    balance.stop_stream()
    assert balance.read().value == 7.0
    assert desk.sent[2:] == [b"C1\r\n", *AGAIN, b"T\r\n", b"C1\r\n", *LATER, b"SI\r\n"]


def test_a_late_frame_answers_no_later_request() -> None:
    balance, desk = opened()

    def late(sent: bytes) -> bytes | None:
        if sent == b"SI\r\n":
            desk.say(b"SI       11.110 g  \r\n", after_s=4.0)
        return EMPTY.get(sent)

    desk.answer = late
    with pytest.raises(NoReplyError):
        balance.read()
    desk.answer = (EMPTY | {b"SI\r\n": b"SI       22.220 g  \r\n"}).get
    assert balance.read().value == 22.22


def test_a_balance_without_a_serial_number_still_weighs() -> None:
    desk = Desk({b"SI\r\n": b"SI       22.220 g  \r\n", b"C0\r\n": b"ES\r\n", b"NB\r\n": b"ES\r\n"}.get)
    assert Radwag(desk, Options()).read().value == 22.22
    with pytest.raises(GarbledReplyError, match="answered not as a Radwag balance does"):
        Radwag(Desk(lambda sent: b"S S     100.00 g\r\n" if sent == b"SI\r\n" else b"ES\r\n"), Options())


def test_silence_names_the_way_out() -> None:
    with pytest.raises(NoReplyError, match="factory setting 9600 8N1"):
        Radwag(Desk(lambda _: None), Options())


def test_it_is_opened_on_a_terminal(clock: RealClock, pty_peer: Callable[[PeerAnswer, bytes], PtyPeer]) -> None:
    replies = {command[:-2]: reply for command, reply in EMPTY.items()} | {b"SI": b"SI       22.220 g  \r\n"}
    peer = pty_peer(replies.get, b"\r\n")
    balance = DRIVER.factory(peer.address, Options(), clock)
    assert balance.read().value == 22.22
    balance.close()
    with pytest.raises(InstrumentError):
        balance.read()
