"""The Sartorius driver against the manuals' bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from bench.clock import RealClock
from drivers.balance import sartorius_sbi
from drivers.balance.sartorius_sbi import DRIVER, Options, SartoriusSbi
from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.roles import AdjustsInternally, Balance, Identity, TellsItsRange
from tests.drivers.desk import Answer, Desk
from tests.drivers.peers import Answer as PeerAnswer
from tests.drivers.peers import PtyPeer

MODEL = b"\x1bx1_\r\n"
SERIAL_NUMBER = b"\x1bx2_\r\n"
PRINT = b"\x1bP\r\n"
OPENING = [MODEL, SERIAL_NUMBER, PRINT]
NOTHING_YET = b"Stat                \r\n"


def opened(answer: Answer = lambda _: None, **options: object) -> tuple[SartoriusSbi, Desk]:
    """Open a driver that asks for each weight; it is told the model, and at opening no weight yet."""

    def of_the_model(sent: bytes) -> bytes | None:
        return b"QUINTIX224-1S\r\n" if sent == MODEL else answer(sent)

    desk = Desk(lambda sent: NOTHING_YET if sent == PRINT else of_the_model(sent))
    balance = SartoriusSbi(desk, Options.model_validate({"output": "polled", **options}))
    desk.answer = of_the_model
    return balance, desk


def printing(*lines: bytes) -> Answer:
    """Return a balance that prints these, one at each `ESC P`, and the last one from then on."""
    left = list(lines)

    def answer(sent: bytes) -> bytes | None:
        if sent != PRINT:
            return None
        return (left.pop(0) if len(left) > 1 else left[0]) + b"\r\n"

    return answer


def test_what_it_can_do() -> None:
    assert issubclass(DRIVER.instrument, Balance)
    assert issubclass(DRIVER.instrument, AdjustsInternally)
    assert not issubclass(DRIVER.instrument, TellsItsRange)
    assert Options() == Options(baudrate=9600, bytesize=8, parity="O", stopbits=1)
    with pytest.raises(ValidationError, match="none of g, mg"):
        Options(unit="stone")


@pytest.mark.parametrize(
    ("line", "value_g", "status"),
    [
        (b"+  12.3456 g  ", 12.3456, "stable"),
        (b"N     +  12.3456 g  ", 12.3456, "stable"),
        (b"N     +   123.56 g  ", 123.56, "stable"),
        (b"G#    +   1255.7 g  ", 1255.7, "stable"),
        (b"-   0.0012 kg ", -1.2, "stable"),
        (b"-  12.3456 g  ", -12.3456, "stable"),
        (b"  -12.3456 g  ", -12.3456, "stable"),
        (b"   12.3456 g  ", 12.3456, "stable"),
        (b"N     + 1.234567 mg ", 0.001234567, "stable"),
        (b"N     +   5.0000 ct ", 1.0, "stable"),
        (b"N     +      253 g  ", 253.0, "stable"),
        (b"N     +  123.5[6]g  ", 123.56, "stable"),
        (b"      High    ", math.nan, "overload"),
        (b"Stat        High    ", math.nan, "overload"),
        (b"Stat        Low     ", math.nan, "underload"),
        (b"Stat     Cal.Ext.   ", math.nan, "busy"),
        (b"Stat                ", math.nan, "busy"),
        (b"      H       ", math.nan, "overload"),
        (b"Stat        L       ", math.nan, "underload"),
        (b"Stat        C       ", math.nan, "busy"),
    ],
)
def test_lines(line: bytes, value_g: float, status: str) -> None:
    balance, desk = opened(printing(line))
    reading = balance.read()
    assert reading.value == pytest.approx(value_g, rel=1e-15, nan_ok=True)
    assert reading.status == status
    assert reading.text == line.decode()
    assert desk.sent == [*OPENING, PRINT]


def test_a_moving_pan_has_no_unit_and_is_read_in_the_last_one() -> None:
    moving, in_mg, in_mom = b"N     +  12.3456    ", b"N     +  12.3456 mg ", b"N     +  12.3456 mom"
    balance, _ = opened(printing(moving, in_mg, moving, in_mom, moving))
    first = balance.read()
    assert (math.isnan(first.value), first.status) == (True, "no unit")
    assert (balance.read().value, balance.read().value) == (0.0123456, 0.0123456)
    with pytest.raises(GarbledReplyError, match="known unit, but in mom"):
        balance.read()
    assert balance.read().status == "no unit"  # that of before is no longer its unit


def test_the_rig_may_say_which_unit_it_weighs_in() -> None:
    balance, _ = opened(printing(b"N     -  12.3456    "), unit="mg")
    assert (balance.read().value, balance.read().status) == (-0.0123456, "dynamic")


@pytest.mark.parametrize(
    "line",
    [
        b"N     +  12.34",  # cut, and as long as a shorter line is
        b"N     +  12.3456 ",
        b"     +  12.3456 g  ",
        b"+  12.3456 g",
        b"+  12,3456 g  ",
        b"+  12.3.56 g  ",
        b"+  nan     g  ",
        b"+  1e3     g  ",
        b"T     +  12.3456 g  ",  # a tare memory
        b"Nom.  +  12.3456 g  ",
        b"hello",
    ],
)
def test_lines_that_are_no_weight_are_garbled(line: bytes) -> None:
    balance, _ = opened(printing(line))
    with pytest.raises(GarbledReplyError, match="sent no weight") as caught:
        balance.read()
    assert caught.value.seen == line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"Stat     ERR 123    ", "reports ERR 123"),
        (b"   ERR  54    ", "reports ERR  54"),
        (b"Stat     APP.ER(    ", "reports APP.ER"),
        (b"Stat     DIS.ERR    ", "reports DIS.ERR"),
        (b"Stat     PRT.ER)    ", "reports PRT.ER"),
        (b"Stat       OFF      ", "reports OFF"),
    ],
)
def test_errors_are_told(line: bytes, says: str) -> None:
    balance, _ = opened(printing(line))
    with pytest.raises(RefusedError, match=says):
        balance.read()


@pytest.mark.parametrize(
    ("serial_number", "told"),
    [
        (b"0037402012", "0037402012"),
        (b"  37454321    ", "37454321"),
        (b"SerNo.    0031801165", "0031801165"),
        (b"", ""),
    ],
)
def test_identity(serial_number: bytes, told: str) -> None:
    replies = {b"\x1bx2_\r\n": serial_number + b"\r\n", b"\x1bx3_\r\n": b"00-20-12.01\r\n"}
    balance, desk = opened(replies.get)
    assert balance.identify() == Identity("Sartorius", "QUINTIX224-1S", told, "00-20-12.01")
    assert desk.sent == [*OPENING, MODEL, b"\x1bx2_\r\n", b"\x1bx3_\r\n"]


def test_tare_and_zero_are_silent_and_read_back() -> None:
    loaded, moving, empty = b"N     +  25.0000 g  ", b"N     +   0.4000    ", b"N     +   0.0003 g  "
    balance, desk = opened(printing(loaded, moving, empty))
    balance.tare()
    balance.zero()
    assert desk.sent == [*OPENING, b"\x1bT\r\n", PRINT, PRINT, PRINT, b"\x1bV\r\n", PRINT]


def test_a_tare_that_was_not_done_is_refused() -> None:
    balance, _ = opened(printing(b"N     +  25.0000 g  "))
    with pytest.raises(RefusedError, match="did not do it: the pan does not show zero") as caught:
        balance.zero()
    assert (caught.value.sent, caught.value.seen) == (b"\x1bV\r\n", b"N     +  25.0000 g  ")
    balance, _ = opened(printing(b"N     +  25.0000    "))
    with pytest.raises(RefusedError, match="does not come to rest"):
        balance.tare()


def test_a_stable_reading_is_waited_for() -> None:
    moving = b"N     +  25.0000    "
    balance, _ = opened(printing(moving, moving, b"N     +  25.0001 g  "))
    assert balance.read_stable().value == 25.0001
    balance, _ = opened(printing(moving), stable_timeout_s=5)
    with pytest.raises(RefusedError, match="did not come to rest within 5 s"):
        balance.read_stable()


def test_an_adjustment_lasts_until_weights_come_again() -> None:
    busy, empty = b"Stat     Cal.Int.   ", b"N     +   0.0000 g  "
    balance, desk = opened(printing(empty, busy, busy, empty))
    balance.adjust()
    assert desk.sent == [*OPENING, b"\x1bZ\r\n", *[PRINT] * 4]
    balance, _ = opened(printing(empty))
    with pytest.raises(RefusedError, match="no sign of an adjustment"):
        balance.adjust()
    balance, _ = opened(printing(b"Stat     ERR  02    "))
    with pytest.raises(RefusedError, match="ERR  02"):
        balance.adjust()


def test_silence_at_opening_names_the_way_out() -> None:
    with pytest.raises(NoReplyError, match=r"factory setting 9600 8O1") as caught:
        SartoriusSbi(Desk(lambda _: None), Options())
    assert caught.value.sent == MODEL


@pytest.mark.parametrize("noise", [b"\xf8\x00\x80\xf8", b"\xf8\x80\x00\r\n"])
def test_garbage_at_opening_is_told_from_silence(noise: bytes) -> None:
    with pytest.raises(GarbledReplyError, match="parity"):
        SartoriusSbi(Desk(lambda _: noise), Options())


def test_any_text_may_name_a_model_and_only_a_weight_is_sbi() -> None:
    answers = {MODEL: b"QUINTIX224-1S\r\n", PRINT: b"7?Z1]Q8\r\n"}
    with pytest.raises(GarbledReplyError, match="parity") as caught:
        SartoriusSbi(Desk(answers.get), Options(output="polled"))
    assert (caught.value.sent, caught.value.seen) == (PRINT, b"7?Z1]Q8")


def test_a_late_print_answers_no_later_request() -> None:
    desk = Desk(lambda sent: b"QUINTIX224-1S\r\n" if sent == MODEL else None)
    balance = SartoriusSbi(desk, Options(output="polled"))

    def late(sent: bytes) -> bytes | None:
        if sent == PRINT:
            desk.say(b"N     +  11.1111 g  \r\n", after_s=5.0)
        return b"QUINTIX224-1S\r\n" if sent == MODEL else None

    desk.answer = late
    with pytest.raises(NoReplyError):
        balance.read()
    desk.answer = lambda sent: {MODEL: b"QUINTIX224-1S\r\n", PRINT: b"N     +  22.2222 g  \r\n"}.get(sent)
    assert balance.read().value == 22.2222


def test_a_doubled_print_answers_once() -> None:
    number = 0

    def answer(sent: bytes) -> bytes | None:
        nonlocal number
        number += sent == PRINT
        return b"N     +  %7d g  \r\n" % number * 2 if sent == PRINT else None

    balance, _ = opened(answer)
    assert [balance.read().value for _ in range(3)] == [1.0, 2.0, 3.0]


def autoprinting(desk: Desk, lines: int, first: bytes = b"") -> None:
    """Let a balance print ten times a second."""
    desk.say_unasked(first, 0.0)
    for number in range(lines):
        desk.say_unasked(b"N     + %8.4f g  \r\n" % (number / 1e4), 0.1 * number)


@pytest.mark.parametrize("output", ["auto", "autoprint"])
def test_a_balance_that_prints_by_itself_is_listened_to(output: str) -> None:
    replies = {b"\x1bx1_\r\n": b"QUINTIX224-1S\r\n", b"\x1bx2_\r\n": b"37402012\r\n", b"\x1bx3_\r\n": b"00-20\r\n"}
    desk = Desk(replies.get)
    autoprinting(desk, 80, first=b"3456 g  \r\n")
    balance = SartoriusSbi(desk, Options.model_validate({"output": output}))
    balance.start_stream()
    readings = [balance.next_reading(desk.clock.now_s() + 1.0) for _ in range(20)]
    values = [round(reading.value * 1e4) for reading in readings if reading is not None]
    assert values == list(range(values[0], values[0] + 20))
    assert [round(reading.time_s, 6) for reading in readings if reading] == [round(value / 10, 6) for value in values]
    assert balance.identify().serial_number == "37402012"
    assert balance.read_stable().status == "stable"
    balance.stop_stream()
    assert PRINT not in desk.sent


def test_a_stream_asks_at_its_rate_and_again_when_no_answer_comes() -> None:
    lost = iter([False, True, False, False])
    balance, desk = opened(
        lambda sent: b"N     +  25.0000 g  \r\n" if sent == PRINT and not next(lost) else None, poll_rate_hz=4
    )
    clock = desk.clock
    balance.start_stream()
    begun_s = clock.now_s()
    times = []
    for _ in range(3):
        reading = balance.next_reading(clock.now_s() + 5.0)
        assert reading is not None
        times.append(round(reading.time_s - begun_s, 6))
    assert times[0] == 0.0
    assert times[1] == pytest.approx(1.55, abs=0.25)  # 0.25, and a second without an answer, and the model asked for
    assert desk.sent == [*OPENING, PRINT, PRINT, MODEL, PRINT, PRINT]
    assert balance.next_reading(clock.now_s() + 0.01) is None
    balance.stop_stream()
    with pytest.raises(RefusedError, match="no stream was started"):
        balance.next_reading(clock.now_s() + 1.0)


def test_noise_without_end_is_bounded() -> None:
    balance, _ = opened(lambda sent: b"\xfe" * 70000 if sent == PRINT else None)
    with pytest.raises(GarbledReplyError, match="bytes came without"):
        balance.read()


def test_it_is_opened_on_a_terminal_with_its_parity(
    clock: RealClock, pty_peer: Callable[[PeerAnswer, bytes], PtyPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sartorius_sbi, "_LINE_S", 0.05)
    replies = {b"\x1bx1_": b"QUINTIX224-1S\r\n", b"\x1bx2_": b"1\r\n", b"\x1bP": b"N     +  12.3456 g  \r\n"}
    peer = pty_peer(replies.get, b"\r\n")
    balance = DRIVER.factory(peer.address, Options(output="polled"), clock)
    assert balance.read().value == 12.3456
    balance.close()
    balance.close()
    with pytest.raises(InstrumentError):
        balance.read()
