"""The Mettler Toledo driver against the manual's bytes, over a real pseudo-terminal."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from bench.clock import RealClock
from drivers import mt_sics_talk
from drivers.balance import mettler_mt_sics
from drivers.balance.mettler_mt_sics import MettlerMtSics, Options, open_balance
from drivers.errors import GarbledReplyError, InstrumentError, LinkError, NoReplyError, RefusedError
from drivers.roles import Identity
from tests.drivers.peers import Answer, PtyPeer, Script

RESET = (b"@", b'I4 A "B021002593"\r\n')
UNKNOWING = {b"M21": b"ES\r\n", b"I0": b"ES\r\n"}
"""A balance that sets no unit and tells no list of its commands."""
Open = Callable[..., MettlerMtSics]


@pytest.fixture
def open_at(
    clock: RealClock, pty_peer: Callable[[Answer, bytes], PtyPeer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    monkeypatch.setattr(mettler_mt_sics, "REPLY_TIMEOUT_S", 0.4)
    monkeypatch.setattr(mt_sics_talk, "REPLY_TIMEOUT_S", 0.4)
    monkeypatch.setattr(mt_sics_talk, "_RESET_TIMEOUT_S", 0.6)
    opened: list[MettlerMtSics] = []

    def make(answer: Answer, *, knows: Mapping[bytes, bytes] = UNKNOWING, **options: float) -> MettlerMtSics:
        peer = pty_peer(lambda sent: knows[sent] if sent in knows else answer(sent), b"\r\n")
        balance = open_balance(peer.address, Options(**options), clock)
        balance.peer = peer  # type: ignore[attr-defined]
        opened.append(balance)
        return balance

    yield make
    for balance in opened:
        balance.close()


def test_identity(open_at: Open) -> None:
    script = Script(
        [
            RESET,
            (b"I2", b'I2 A "XS204 Excellence 220.0090 g"\r\n'),
            (b"I3", b'I3 A "2.10 10.28.0.493.142"\r\n'),
            (b"I4", b'I4 A "B021002593"\r\n'),
            (b"I1", b'I1 A "0123" "2.30" "2.22" "2.33" "2.20"\r\n'),
        ]
    )
    balance = open_at(script)
    assert balance.identify() == Identity("Mettler Toledo", "XS204 Excellence", "B021002593", "2.10")
    assert balance.levels() == "0123 2.30 2.22 2.33 2.20"
    script.check()


def test_identity_of_a_balance_without_i2_and_i3(open_at: Open) -> None:
    script = Script([RESET, (b"I2", b"ES\r\n"), (b"I3", b"I3 I\r\n"), (b"I4", b'I4 A "1"\r\n')])
    assert open_at(script).identify() == Identity("Mettler Toledo", "", "1", "")
    script.check()


@pytest.mark.parametrize(
    ("reply", "value_g", "status"),
    [
        (b"S S     100.00 g\r\n", 100.0, "stable"),
        (b"S D      -0.01234 g\r\n", -0.01234, "dynamic"),
        (b"SI S       12.5 g\r\n", 12.5, "stable"),
        (b"S S    1234.56 mg\r\n", 1.23456, "stable"),
        (b"S S     12.345 kg\r\n", 12345.0, "stable"),
        (b"S S      150.0 \xb5g\r\n", 0.00015, "stable"),
        (b"S S      150.0 ug\r\n", 0.00015, "stable"),
        (b"S S        5.0 ct\r\n", 1.0, "stable"),
        (b"S +\r\n", math.nan, "overload"),
        (b"S -\r\n", math.nan, "underload"),
    ],
)
def test_reading_now(reply: bytes, value_g: float, status: str, open_at: Open, clock: RealClock) -> None:
    script = Script([RESET, (b"SI", reply)])
    balance = open_at(script)
    before_s = clock.now_s()
    reading = balance.read()
    assert reading.value == pytest.approx(value_g, rel=1e-12, nan_ok=True)
    assert reading.status == status
    assert reading.text == reply.rstrip().decode("latin-1")
    assert before_s <= reading.time_s <= clock.now_s()
    script.check()


def test_reading_once_stable_zero_and_tare(open_at: Open) -> None:
    script = Script(
        [
            RESET,
            (b"S", b"S S     100.00 g\r\n"),
            (b"Z", b"Z A\r\n"),
            (b"ZI", b"ZI D\r\n"),
            (b"T", b"T S     100.00 g\r\n"),
            (b"TI", b"TI D     100.01 g\r\n"),
            (b"TA", b"TA A       1.50 g\r\n"),
            (b"TAC", b"TAC A\r\n"),
        ]
    )
    balance = open_at(script)
    assert balance.read_stable().value == 100.0
    balance.zero()
    balance.zero_now()
    balance.tare()
    balance.tare_now()
    assert balance.tare_g() == 1.5
    balance.clear_tare()
    script.check()


@pytest.mark.parametrize(
    ("command", "reply", "says"),
    [
        ("zero", b"Z I\r\n", "busy, or the pan did not come to rest"),
        ("zero", b"Z +\r\n", "above the range for zero"),
        ("zero", b"Z -\r\n", "below the range for zero"),
        ("tare", b"T I\r\n", "did not come to rest"),
        ("tare", b"T +\r\n", "overloaded"),
        ("zero", b"ES\r\n", "does not know the command"),
        ("zero", b"ET\r\n", "transmission error"),
        ("zero", b"EL\r\n", "cannot execute"),
        ("read", b"S I\r\n", "cannot weigh now"),
        ("read", b"S L\r\n", "does not take that value"),
        ("read_stable", b"S S   Error 10b\r\n", "reports error 10b of its own, EEPROM error of its electronics"),
        ("read", b"S S    Error 1t\r\n", "reports error 1t of its own, boot error of its terminal"),
        ("read", b"S S Error\r\n", "reports error without a number"),
    ],
)
def test_refusals_name_command_and_reply(command: str, reply: bytes, says: str, open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else reply)
    with pytest.raises(RefusedError, match=says) as caught:
        getattr(balance, command)()
    assert caught.value.seen == reply.rstrip()
    assert str(caught.value).startswith("balance at /dev/")


@pytest.mark.parametrize(
    "reply",
    [
        b"S S     100.00 stone\r\n",
        b"S S     nan g\r\n",
        b"S S     1_0.0 g\r\n",
        b"S S     1e5 g\r\n",
        b"S X     1.0 g\r\n",
        b"S S     1.0\r\n",
        b"S\r\n",
    ],
)
def test_weights_that_are_none_are_garbled(reply: bytes, open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else reply)
    with pytest.raises(GarbledReplyError, match="sent no weight"):
        balance.read()


def test_silence_at_opening_names_the_way_out(open_at: Open) -> None:
    with pytest.raises(NoReplyError) as caught:
        open_at(lambda _: None)
    assert str(caught.value).endswith(
        r"no answer within 0.6 s; sent b'@\r\n'; saw nothing. Is it switched on, and is its host interface set to "
        "MT-SICS? Do baud rate and parity of the rig file and of the balance's menu agree (factory setting 9600 8N1)?"
    )


@pytest.mark.parametrize("noise", [b"\xf8\x00\x80\xf8", b"\xf8\x80\x00\r\n\xff", b"hello there\r\n"])
def test_garbage_at_opening_is_told_from_silence(noise: bytes, open_at: Open) -> None:
    with pytest.raises(GarbledReplyError, match="baud rate") as caught:
        open_at(lambda _: noise)
    assert caught.value.seen


def test_a_late_reply_answers_no_later_request(open_at: Open) -> None:
    """The reply to S comes after the driver gave up: it must not be taken for the next one's."""
    late = threading.Event()
    stable = 0

    def answer(sent: bytes) -> bytes | None:
        nonlocal stable
        if sent == b"S":
            stable += 1
            late.set()
            return None
        if sent == b"@":
            return b"S S      11.11 g\r\n" + RESET[1] if late.is_set() else RESET[1]
        return b"S S      22.22 g\r\n"

    balance = open_at(answer)
    object.__setattr__(balance._options, "stable_timeout_s", 0.2)
    with pytest.raises(NoReplyError):
        balance.read_stable()
    assert balance.read().value == 22.22
    assert balance.peer.received == [b"@", b"M21", b"S", b"@", b"SI"]  # type: ignore[attr-defined]


def test_lines_with_another_id_are_passed_over(open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else b"S S      11.11 g\r\nZ A\r\n")
    balance.zero()


def test_only_another_id_is_no_reply_and_is_shown(open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else b"TI S      11.11 g\r\n")
    with pytest.raises(NoReplyError, match="TI S") as caught:
        balance.read()
    assert caught.value.seen == b"TI S      11.11 g"


def test_half_a_line_is_garbled(open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else b"S S      11.1")
    with pytest.raises(GarbledReplyError, match="no whole line"):
        balance.read()


def test_noise_without_end_is_bounded(open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else b"\xfe" * 70000)
    object.__setattr__(balance._options, "stable_timeout_s", 20.0)
    with pytest.raises(GarbledReplyError, match="bytes came without"):
        balance.read_stable()


def test_a_link_closed_in_the_middle(open_at: Open) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else None)
    threading.Timer(0.1, balance.peer.hang_up).start()  # type: ignore[attr-defined]
    with pytest.raises(LinkError, match="the link broke"):
        balance.read_stable()


class Streaming:
    """A balance that streams `SIR` in bursts of three until any other command."""

    def __init__(self) -> None:
        self.value = 0

    def __call__(self, sent: bytes) -> bytes:
        if sent == b"SIR":
            lines = b""
            for _ in range(3):
                self.value += 1
                lines += b"S D %10.2f g\r\n" % self.value
            return lines
        if sent == b"@":
            return b"S D      99.99 g\r\nS D      88.88 g\r\n" + RESET[1]
        return {b"T": b"T S       1.00 g\r\n", b"SI": b"S S       7.00 g\r\n"}[sent]


def test_stream(open_at: Open, clock: RealClock) -> None:
    balance = open_at(Streaming())
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 2.0) for _ in range(3)]
    assert [reading.value for reading in readings if reading] == [1.0, 2.0, 3.0]
    assert balance.next_reading(clock.now_s() + 0.05) is None
    balance.tare()  # ends the stream, tares, and streams again
    reading = balance.next_reading(clock.now_s() + 2.0)
    assert reading is not None
    assert reading.value == 4.0
    assert balance.read().value == 5.0
    balance.stop_stream()
    assert balance.read().value == 7.0  # nothing of the stream is left on the link
    assert balance.peer.received == [b"@", b"M21", b"SIR", b"@", b"T", b"SIR", b"@", b"SI"]  # type: ignore[attr-defined]
    with pytest.raises(RefusedError, match="no stream was started"):
        balance.next_reading(clock.now_s() + 0.1)


def test_units_may_change_in_the_stream(open_at: Open, clock: RealClock) -> None:
    lines = b"S S     1.5000 g\r\nS S     1500.0 mg\r\nS +\r\nS I\r\n"
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else lines)
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 2.0) for _ in range(4)]
    assert [(r.value, r.status) for r in readings if r][:2] == [(1.5, "stable"), (1.5, "stable")]
    assert [r.status for r in readings if r][2:] == ["overload", "busy"]


@pytest.mark.parametrize(
    ("line", "says"),
    [(b"ES\r\n", "does not know"), (b'I4 A "B0"\r\n', "restarted"), (b"S S 1.0 stone\r\n", "known unit, but in stone")],
)
def test_what_else_comes_in_a_stream_is_an_error(line: bytes, says: str, open_at: Open, clock: RealClock) -> None:
    balance = open_at(lambda sent: RESET[1] if sent == b"@" else line)
    balance.start_stream()
    with pytest.raises(InstrumentError, match=says):
        balance.next_reading(clock.now_s() + 2.0)


def test_the_stream_s_rate_is_set_where_the_rig_says(open_at: Open) -> None:
    rate = [(b"UPD", b"UPD A 10\r\n"), (b"UPD 20", b"UPD A\r\n"), (b"UPD", b"UPD A 18.311\r\n")]
    script = Script([RESET, *rate, (b"SIR", None), RESET, (b"SIR", None), RESET])
    balance = open_at(script, update_rate_hz=20.0)
    balance.start_stream()
    balance.start_stream()
    balance.stop_stream()
    balance.start_stream()
    balance.stop_stream()
    script.check()


def test_it_is_taken_up_again_without_a_reset_in_the_middle_of_its_stream(
    clock: RealClock, pty_peer: Callable[[Answer, bytes], PtyPeer]
) -> None:
    """What the balance still sends of its stream, a cut line first, comes before the answers."""
    script = Script(
        [
            (b"SI", b"1.2345 g\r\nS D     1.2346 g\r\nS S     1.2347 g\r\n"),
            (b"I4", b'I4 A "B021002593"\r\n'),
            (b"SIR", b"S S     1.2348 g\r\n"),
        ]
    )
    peer = pty_peer(script, b"\r\n")
    assert mettler_mt_sics.DRIVER.reopen is not None
    balance = mettler_mt_sics.DRIVER.reopen(peer.address, Options(), clock)
    try:
        balance.start_stream()
        reading = balance.next_reading(clock.now_s() + 5.0)
        assert (reading.value, reading.status) == (1.2348, "stable")
        script.check()  # no @, which would clear the tare
    finally:
        balance.close()
