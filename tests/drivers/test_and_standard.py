"""The A&D driver against the manuals' bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bench.clock import RealClock
from drivers.balance import and_standard
from drivers.balance.and_standard import DRIVER, AndStandard, Options
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.roles import AdjustsInternally, Balance, Identity
from tests.drivers.desk import Answer, Desk
from tests.drivers.peers import Answer as PeerAnswer
from tests.drivers.peers import PtyPeer

ST = b"ST,+0001.234  g\r\n"
AK = b"\x06\r\n"
OPENING = [b"C\r\n", b"?SN\r\n", b"Q\r\n"]
AGAIN = [b"C\r\n", b"?TN\r\n", b"Q\r\n"]


def opened(answer: Answer | dict[bytes, bytes] | None = None, **options: object) -> tuple[AndStandard, Desk]:
    """Open a driver; what is not told, `Q` among it at first, is answered as a balance at erCd 0 does."""
    desk = Desk({b"Q\r\n": ST}.get)
    balance = AndStandard(desk, Options.model_validate(options))
    if answer is not None:
        desk.answer = answer.get if isinstance(answer, dict) else answer
    return balance, desk


def weighing(*lines: bytes, command: bytes = b"Q\r\n", **others: bytes) -> Answer:
    """Return a balance that answers a command by these lines in turn, by the last one from then on."""
    left = list(lines)
    replies = {f"{name}\r\n".encode(): reply for name, reply in others.items()}

    def answer(sent: bytes) -> bytes | None:
        if sent != command:
            return replies.get(sent)
        return (left.pop(0) if len(left) > 1 else left[0]) + b"\r\n"

    return answer


def test_what_it_can_do() -> None:
    assert issubclass(DRIVER.instrument, Balance)
    assert issubclass(DRIVER.instrument, AdjustsInternally)
    assert Options() == Options(baudrate=2400, bytesize=7, parity="E", stopbits=1)


@pytest.mark.parametrize(
    ("line", "value_g", "status"),
    [
        (b"ST,+0001.234 kg", 1234.0, "stable"),
        (b"ST,+00012.34  g", 12.34, "stable"),
        (b"US,-183.9627  g", -183.9627, "dynamic"),
        (b"ST,+00081.7227  g", 81.7227, "stable"),
        (b"ST,+001.2345 mg", 0.0012345, "stable"),
        (b"ST,+00005.00 ct", 1.0, "stable"),
        (b"ST,OK,+0001.234  g", 1.234, "stable"),
        (b"ST,+1.234567 oz", 1.234567 * 28.349523125, "stable"),
        (b"ST,-00000001  g", -1.0, "stable"),
        (b"OL,+9999999E+19", math.nan, "overload"),
        (b"OL,-9999999E+19", math.nan, "underload"),
        (b"OL,+0000.234  g", math.nan, "overload"),
    ],
)
def test_lines(line: bytes, value_g: float, status: str) -> None:
    balance, desk = opened(weighing(line))
    reading = balance.read()
    assert reading.value == pytest.approx(value_g, rel=1e-15, nan_ok=True)
    assert (reading.status, reading.text) == (status, line.decode())
    assert desk.sent == [*OPENING, b"Q\r\n"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"QT,+00001234 PC", "sent no weight"),
        (b"ST,+0001.234 tl", "known unit, but in tl"),
        (b"ST,+0001.234  %", "known unit, but in %"),
        (b"ST,+0001.234mom", "known unit, but in mom"),
        (b"ST,+0001.2", "sent no weight"),
        (b"ST,+0001.234 k", "sent no weight"),
        (b"T,+0001.234  g", "sent no weight"),
        (b"ST,+0001.234  gST,+0001.234  g", "sent no weight"),
        (b"ST,0001.234  g", "sent no weight"),
        (b"ST,+  01.234  g", "sent no weight"),
        (b"ST,+1_01.234  g", "sent no weight"),
    ],
)
def test_lines_that_are_no_weight_are_garbled(line: bytes, says: str) -> None:
    balance, _ = opened(weighing(line))
    with pytest.raises(GarbledReplyError, match=says) as caught:
        balance.read()
    assert caught.value.seen == line


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (b"EC,E00", "transmission error"),
        (b"EC,E01", "does not know the command"),
        (b"EC,E02", "cannot do that now"),
        (b"EC,E03", "timed out"),
        (b"EC,E04", "too long"),
        (b"EC,E06", "form wrong"),
        (b"EC,E07", "beyond its range"),
        (b"EC,E11", "did not come to rest"),
        (b"EC,E20", "reports an error"),
    ],
)
def test_error_codes_are_told(code: bytes, says: str) -> None:
    balance, _ = opened(weighing(code, Z=code + b"\r\n"), zero_command="Z")
    with pytest.raises(RefusedError, match=says):
        balance.read()
    with pytest.raises(RefusedError, match=says) as caught:
        balance.zero()
    assert (caught.value.sent, caught.value.seen) == (b"Z\r\n", code)


def test_identity() -> None:
    replies = {
        b"?TN\r\n": b"TN,FX-300i\r\n",
        b"?SN\r\n": b"SN,     15612345\r\n",
        b"?ID\r\n": b"ID,LAB-0123\r\n",
    }
    balance, desk = opened(replies)
    assert balance.identify() == Identity("A&D", "FX-300i", "15612345")
    assert balance.id_number() == "LAB-0123"
    assert desk.sent == [*OPENING, *replies]


@pytest.mark.parametrize("reply", [b"EC,E01\r\n", b""])
def test_an_older_balance_does_not_tell_who_it_is(reply: bytes) -> None:
    balance, _ = opened({b"?TN\r\n": reply, b"?SN\r\n": reply})
    assert balance.identify() == Identity("A&D", "", "")


def test_a_stable_reading() -> None:
    balance, desk = opened(weighing(b"ST,+00012.34  g", command=b"S\r\n"))
    assert balance.read_stable().value == 12.34
    assert desk.sent[-1] == b"S\r\n"
    balance, desk = opened({b"Q\r\n": ST}, stable_timeout_s=5)
    with pytest.raises(RefusedError, match="did not come to rest within 5 s"):
        balance.read_stable()
    assert desk.sent[len(OPENING) :] == [b"S\r\n", *AGAIN]  # cancelled, so that it does not come later


def test_tare_and_zero_by_error_code_1_wait_for_the_second_acknowledgement() -> None:
    balance, desk = opened()

    def answer(sent: bytes) -> bytes | None:
        if sent == b"R\r\n":
            desk.say(AK)
            desk.say(AK, after_s=7.0)
        return b"ST,+0000.000  g\r\n" if sent == b"Q\r\n" else None

    desk.answer = answer
    begun_s = desk.clock.now_s()
    balance.tare()
    assert desk.clock.now_s() - begun_s == pytest.approx(7.2)
    assert desk.sent[len(OPENING) :] == [b"R\r\n", b"Q\r\n"]


def test_an_acknowledgement_that_came_twice_is_no_tare() -> None:
    balance, _ = opened({b"R\r\n": AK + AK, b"Q\r\n": b"ST,+0020.000  g\r\n"})
    with pytest.raises(RefusedError, match="does not show zero"):
        balance.tare()


def test_an_acknowledged_command_may_fail_or_never_end() -> None:
    balance, _ = opened({b"T\r\n": AK + b"EC,E11\r\n"}, tare_command="T")
    with pytest.raises(RefusedError, match="did not come to rest"):
        balance.tare()
    balance, _ = opened({b"T\r\n": AK}, tare_command="T", stable_timeout_s=5)
    with pytest.raises(NoReplyError, match="took the command, but is not done within 5 s"):
        balance.tare()


def test_tare_and_zero_by_error_code_0_are_silent_and_read_back() -> None:
    balance, desk = opened(weighing(b"US,+00020.00  g", b"ST,+00000.03  g"))
    balance.tare()
    assert desk.sent[len(OPENING) :] == [b"R\r\n", b"Q\r\n", b"Q\r\n"]
    balance, _ = opened(weighing(b"ST,+00020.00  g"))
    with pytest.raises(RefusedError, match="does not show zero"):
        balance.zero()


def test_a_balance_that_is_silent_while_it_zeroes_is_asked_again() -> None:
    silent = [None, None, b"ST,+00000.00  g\r\n"]
    balance, _ = opened(lambda sent: silent.pop(0) if sent == b"Q\r\n" else None)
    balance.zero()
    assert silent == []


def test_an_adjustment() -> None:
    balance, desk = opened({b"?\r\n": b"EC,E01\r\n"}, built_in_weight=True)
    busy = [b"EC,E02\r\n", ST]

    def answer(sent: bytes) -> bytes | None:
        if sent == b"CAL\r\n":
            desk.say(AK + AK)  # the first twice, by mistake
            desk.say_unasked(AK, 20.0)
        if sent == b"Q\r\n":
            return busy.pop(0)
        return b"EC,E01\r\n" if sent == b"?\r\n" else None

    desk.answer = answer
    balance.adjust()
    assert desk.clock.now_s() > 20.0
    assert desk.sent[len(OPENING) :] == [b"?\r\n", b"CAL\r\n", b"Q\r\n", b"Q\r\n"]


def test_an_adjustment_that_would_ask_for_a_weight_or_not_tell_its_end_is_refused() -> None:
    balance, desk = opened({})
    with pytest.raises(RefusedError, match="no built-in weight, by the rig file"):
        balance.adjust()
    assert desk.sent == OPENING
    balance, desk = opened({}, built_in_weight=True)
    with pytest.raises(RefusedError, match="would not tell when an adjustment is done"):
        balance.adjust()
    assert b"CAL\r\n" not in desk.sent


def streaming(desk: Desk) -> Answer:
    """Let a balance send ten weights a second after `SIR`, for ten seconds."""

    def answer(sent: bytes) -> bytes | None:
        if sent == b"SIR\r\n":
            for number in range(100):
                desk.say_unasked(b"US,+%08.3f  g\r\n" % (number / 1000), 0.1 * number)
        if sent == b"C\r\n":
            desk._unasked.clear()
        return {b"Q\r\n": b"ST,+0000.003  g\r\n", b"R\r\n": AK + AK}.get(sent)

    return answer


def test_stream() -> None:
    balance, desk = opened()
    clock = desk.clock
    desk.answer = streaming(desk)
    balance.start_stream()
    readings = [balance.next_reading(clock.now_s() + 1.0) for _ in range(5)]
    assert [reading.value for reading in readings if reading] == [0.0, 0.001, 0.002, 0.003, 0.004]
    balance.tare()  # ends the stream, tares, and streams again
    assert balance.read().value == 0.0
    balance.stop_stream()
    assert balance.read().value == 0.003
    assert desk.sent[len(OPENING) :] == [b"SIR\r\n", *AGAIN, b"R\r\n", b"Q\r\n", b"SIR\r\n", *OPENING, b"Q\r\n"]


def test_a_stream_that_cannot_be_stopped_is_told() -> None:
    desk = Desk(lambda _: None)
    for number in range(1000):
        desk.say_unasked(ST, 0.1 * number)
    with pytest.raises(GarbledReplyError, match="went on sending for 5 s"):
        AndStandard(desk, Options())


def test_a_late_weight_answers_no_later_request() -> None:
    balance, desk = opened()

    def late(sent: bytes) -> bytes | None:
        if sent == b"Q\r\n":
            desk.say(b"ST,+00011.11  g\r\n", after_s=4.0)
        return None

    desk.answer = late
    with pytest.raises(NoReplyError):
        balance.read()
    desk.answer = weighing(b"ST,+00022.22  g")
    assert balance.read().value == 22.22


def test_silence_and_a_display_that_is_off_name_the_way_out() -> None:
    with pytest.raises(NoReplyError, match="factory setting 2400 7E1"):
        AndStandard(Desk(lambda _: None), Options())
    with pytest.raises(RefusedError, match="cannot do that now"):
        AndStandard(Desk({b"C\r\n": AK, b"Q\r\n": b"EC,E02\r\n"}.get), Options())


def test_it_is_opened_on_a_terminal_with_its_parity(
    clock: RealClock, pty_peer: Callable[[PeerAnswer, bytes], PtyPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(and_standard, "_QUIET_S", 0.05)
    peer = pty_peer({b"Q": ST, b"?SN": b"SN,1\r\n"}.get, b"\r\n")
    balance = DRIVER.factory(peer.address, Options(), clock)
    assert balance.read().value == 1.234
    balance.close()
    with pytest.raises(InstrumentError):
        balance.read()
