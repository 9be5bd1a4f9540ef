"""What the Mettler Toledo driver finds out about a balance, and does about what it lacks, by the manual's bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from drivers.balance.mettler_mt_sics import MettlerMtSics, Options
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.roles import AdjustsInternally, Balance, TellsItsRange, WeighingRange
from tests.drivers.memory_link import MemoryLink

GRAMS = b"M21 B 0 0\r\nM21 B 1 3\r\nM21 A 2 5\r\n"
LIST = b'I0 B 0 "I0"\r\nI0 B 0 "@"\r\nI0 B 1 "D"\r\nI0 B 2 "C3"\r\nI0 B 2 "M28"\r\nI0 A 3 "SM4"\r\n'


class Peer:
    """A balance with fixed answers; what it does not know, it answers by `ES`."""

    def __init__(self, answers: dict[bytes, bytes | list[bytes]] | None = None, **options: float) -> None:
        self.answers = {b"@": b'I4 A "B021002593"\r\n', b"M21": GRAMS, **(answers or {})}
        self.link = MemoryLink(self._answer)
        self.balance = MettlerMtSics(self.link, Options(**options))

    @property
    def sent(self) -> list[bytes]:
        """What came after the opening."""
        return self.link.received[2:]

    def _answer(self, command: bytes) -> bytes:
        answer = self.answers.get(command, b"ES\r\n")
        return (answer.pop(0) if len(answer) > 1 else answer[0]) if isinstance(answer, list) else answer


def test_it_is_what_the_bench_asks_of_a_balance() -> None:
    balance = Peer().balance
    assert isinstance(balance, Balance)
    assert isinstance(balance, TellsItsRange)
    assert isinstance(balance, AdjustsInternally)


# -- the unit


@pytest.mark.parametrize(
    ("units", "sets"),
    [
        (GRAMS, False),
        (b"M21 A 0 g\r\n", False),
        (b"M21 B 0 3\r\nM21 A 1 0\r\n", True),
        (b"M21 B 0 12\r\nM21 B 1 0\r\nM21 A 2 0\r\n", True),
        (b"M21 I\r\n", False),
        (b"M21 A\r\n", False),
        (b"ES\r\n", False),
    ],
)
@pytest.mark.parametrize("reply", [b"M21 A\r\n", b"M21 L\r\n"])
def test_the_host_s_unit_is_set_to_g_where_it_is_another(units: bytes, sets: bool, reply: bytes) -> None:
    peer = Peer({b"M21": units, b"M21 0 0": reply, b"SI": b"S S       1.50 g\r\n"})
    assert peer.balance.read().value == 1.5
    assert peer.sent == ([b"M21 0 0", b"SI"] if sets else [b"SI"])


def test_a_balance_that_is_silent_about_its_unit_is_got_back_into_step() -> None:
    peer = Peer({b"M21": b"", b"SI": b"S S       1.50 g\r\n"})
    assert peer.balance.read().value == 1.5
    assert peer.link.received == [b"@", b"M21", b"@", b"SI"]


def test_pounds_and_ounces_are_named_and_not_read() -> None:
    peer = Peer({b"SI": b"S D   12:07.50 lb:oz\r\n"})
    with pytest.raises(GarbledReplyError, match=r"in lb:oz; .* Set the balance's host unit to g"):
        peer.balance.read()


@pytest.mark.parametrize("number", [b"9" * 400, b"1.5.5", b"-", b"0x10", b"\xb2"])
def test_what_is_no_number_is_no_weight(number: bytes) -> None:
    with pytest.raises(GarbledReplyError, match="sent no weight"):
        Peer({b"SI": b"S S " + number + b" g\r\n"}).balance.read()


# -- what it can do


def test_the_list_of_commands_is_read_to_its_end_and_asked_for_once() -> None:
    peer = Peer({b"I0": LIST.replace(b'"@"\r\n', b'"@"\r\nS S      11.11 g\r\n'), b"M28": b"M28 A 1 22.5\r\n"})
    assert peer.balance.commands() == {"I0", "@", "D", "C3", "M28", "SM4"}
    assert peer.balance.commands() == peer.balance.commands()
    assert peer.balance.temperatures_c() == (22.5,)
    assert peer.sent == [b"I0", b"M28"]


@pytest.mark.parametrize(
    ("do", "command"),
    [
        (lambda balance: balance.zero_now(), "ZI"),
        (lambda balance: balance.tare_now(), "TI"),
        (lambda balance: balance.clear_tare(), "TAC"),
        (lambda balance: balance.tare_g(), "TA"),
        (lambda balance: balance.set_update_rate(10.0), "UPD"),
        (lambda balance: balance.update_rate_hz(), "UPD"),
    ],
)
def test_what_it_lacks_is_refused_and_not_sent(do: Callable[[MettlerMtSics], object], command: str) -> None:
    peer = Peer({b"I0": LIST})
    with pytest.raises(RefusedError, match=f"has no command {command}, by its own list"):
        do(peer.balance)
    assert peer.sent == [b"I0"]


@pytest.mark.parametrize("told", [b"ES\r\n", b'I0 A "mt-xs204" "B24" "2.30" "220 g" "0.0001 g"\r\n', b"I0 A\r\n"])
def test_a_balance_without_a_proper_list_is_asked_all_the_same(told: bytes) -> None:
    peer = Peer({b"I0": told, b"TAC": b"TAC A\r\n"})
    peer.balance.clear_tare()
    assert peer.balance.commands() == frozenset()
    with pytest.raises(RefusedError, match="does not know the command"):
        peer.balance.zero_now()
    assert peer.sent == [b"I0", b"TAC", b"ZI"]


def test_a_balance_too_busy_for_its_list_is_asked_again() -> None:
    peer = Peer({b"I0": [b"I0 I\r\n", LIST]})
    assert peer.balance.commands() == frozenset()
    assert "C3" in peer.balance.commands()


def test_a_list_without_an_end_is_given_up() -> None:
    peer = Peer({b"I0": b'I0 B 0 "S"\r\n' * 2000})
    with pytest.raises(GarbledReplyError, match="1000 lines has no end"):
        peer.balance.commands()
    cut = Peer({b"I0": b'I0 B 0 "S"\r\nI0 B 0'})
    with pytest.raises(GarbledReplyError, match="no whole line"):
        cut.balance.commands()


# -- range and temperatures


@pytest.mark.parametrize(
    ("capacity", "settled", "maximum_g", "readability_g"),
    [
        (b'I2 A "XS204 Excellence 220.0090 g"\r\n', None, 220.009, 1e-4),
        (b'I2 A "WXS205SDU WXA-Bridge 220.00900 g"\r\n', None, 220.009, 1e-5),
        (b'I2 A "ICS469 OU 60.18 kg"\r\n', None, 60180.0, 10.0),
        (b'I2 A "JE1002G/A 1200.90 g"\r\n', b'SIS A 0 "100.00" 0 2 5 10 0\r\n', 1200.9, 0.05),
        (b'I2 A "XPR 5.1 g"\r\n', b'SIS A 1 "1000.0" 3 1 2 0 1\r\n', 5.1, 2e-4),
        (b'I2 A "XPR 5.1 g"\r\n', b'SIS A 4 ""\r\n', 5.1, 0.1),
        (b'I2 A "no capacity"\r\n', None, math.nan, math.nan),
        (b"I2 I\r\n", None, math.nan, math.nan),
    ],
)
def test_range(capacity: bytes, settled: bytes | None, maximum_g: float, readability_g: float) -> None:
    listed = b'I0 B 0 "I2"\r\nI0 A 2 "SIS"\r\n' if settled else LIST
    told = Peer({b"I0": listed, b"I2": capacity, b"SIS": settled or b"ES\r\n"}).balance.weighing_range()
    expected = WeighingRange(maximum_g, readability_g)
    assert told.maximum_g == pytest.approx(expected.maximum_g, nan_ok=True)
    assert told.readability_g == pytest.approx(expected.readability_g, nan_ok=True)


def test_temperatures() -> None:
    assert Peer({b"M28": b"M28 B 1 21.8\r\nM28 A 2 22.1\r\n"}).balance.temperatures_c() == (21.8, 22.1)
    assert Peer({b"M28": b"M28 B 1 -1.5\r\nM28 A\r\n"}).balance.temperatures_c() == (-1.5,)
    with pytest.raises(GarbledReplyError, match="tells no temperatures"):
        Peer({b"M28": b"M28 B 1 21.8\r\nM28 A 2 warm\r\n"}).balance.temperatures_c()
    with pytest.raises(RefusedError, match="did not do it: busy"):
        Peer({b"M28": b"M28 I\r\n"}).balance.temperatures_c()


# -- the rate


def test_a_rate_that_it_has_already_is_not_written_again() -> None:
    peer = Peer({b"UPD": b"UPD A 23\r\n"})
    assert peer.balance.set_update_rate(23.0) == 23.0
    assert peer.balance.update_rate_hz() == 23.0
    assert b"UPD 23" not in peer.sent


def test_a_rate_that_it_cannot_have_is_refused() -> None:
    peer = Peer({b"UPD": b"UPD A 10\r\n", b"UPD 290": b"UPD L\r\n"})
    with pytest.raises(RefusedError, match="does not take that value"):
        peer.balance.set_update_rate(290.0)
    with pytest.raises(GarbledReplyError, match="answered something else"):
        Peer({b"UPD": b"UPD A fast\r\n"}).balance.update_rate_hz()


# -- adjustment


def test_an_adjustment_is_waited_for() -> None:
    peer = Peer({b"I0": LIST, b"C3": b"C3 B\r\n"})
    peer.link.say(b"S S      11.11 g\r\nC3 A\r\n", after_s=100.0)
    peer.balance.adjust()
    assert 100.0 <= peer.link.clock.now_s() < 101.0
    assert peer.sent == [b"I0", b"C3"]


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        (b"C3 I\r\n", "did not adjust itself"),
        (b"C3 B\r\nC3 I\r\n", "did not adjust itself: .* Empty the pan"),
        (b"C3 L\r\n", "cannot adjust itself.*no built-in weight"),
        (b"ES\r\n", "does not know the command"),
    ],
)
def test_an_adjustment_that_is_refused_or_fails(replies: bytes, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        Peer({b"C3": replies}).balance.adjust()


def test_an_adjustment_that_never_ends_is_aborted_before_anything_else() -> None:
    peer = Peer({b"C3": b"C3 B\r\n", b"SI": b"S S       1.50 g\r\n"})
    with pytest.raises(NoReplyError, match="no answer within 300 s"):
        peer.balance.adjust()
    assert peer.balance.read().value == 1.5
    assert peer.sent == [b"I0", b"C3", b"@", b"SI"]
    with pytest.raises(NoReplyError):
        peer.balance.adjust()
    peer.balance.close()
    peer.balance.close()
    assert peer.sent[-1] == b"@"
    assert peer.sent.count(b"@") == 2


# -- readings


def test_within_a_time_by_the_balance_itself_or_by_asking_again() -> None:
    able = Peer({b"I0": b'I0 A 2 "SC"\r\n', b"SC 1500": b"S D       1.50 g\r\n"})
    assert able.balance.read_within(1.5).status == "dynamic"
    assert able.sent == [b"I0", b"SC 1500"]
    moving, resting = b"S D       1.50 g\r\n", b"S S       1.52 g\r\n"
    unable = Peer({b"I0": LIST, b"SI": [moving, moving, resting]})
    assert unable.balance.read_within(1.5).value == 1.52
    restless = Peer({b"I0": LIST, b"SI": moving})
    assert restless.balance.read_within(1.5).status == "dynamic"
    assert 1.5 <= restless.link.clock.now_s() < 2.0


def test_what_a_print_key_sent_meanwhile_is_no_answer() -> None:
    peer = Peer({b"SI": b"S S       1.50 g\r\n", b"I4": b'I4 A "1"\r\n'})
    peer.link.say(b"S S      99.99 g\r\nK C 7\r\n")
    assert peer.balance.read().value == 1.5


def test_a_restart_in_the_stream_is_told_and_the_stream_begins_anew() -> None:
    peer = Peer({b"SIR": b"S S       1.50 g\r\n"})
    clock = peer.link.clock
    peer.balance.start_stream()
    assert peer.balance.next_reading(clock.now_s() + 1.0) is not None
    peer.link.say(b'I4 A "B021002593"\r\n', after_s=3.0)
    assert peer.balance.next_reading(clock.now_s() + 1.0) is None
    with pytest.raises(GarbledReplyError, match=r"has been restarted .* Was its power interrupted"):
        peer.balance.next_reading(clock.now_s() + 5.0)
    reading = peer.balance.next_reading(clock.now_s() + 1.0)
    assert reading is not None
    assert reading.value == 1.5
    assert peer.sent == [b"SIR", b"@", b"SIR"]


class Talker(MemoryLink):
    """Says the same without end, whatever it is asked, once it has been opened."""

    def _receive(self, may_wait: bool) -> bytes:  # noqa: ARG002
        opened = super()._receive(may_wait=False)
        if opened or b"M21" not in self.received:
            return opened
        self.clock.sleep_s(0.1)
        return b"S D       1.50 g\r\n" * 5


def test_an_endless_talker_is_given_up_at_the_deadline() -> None:
    link = Talker({b"@": b'I4 A "1"\r\n', b"M21": GRAMS}.get)
    balance = MettlerMtSics(link, Options(stable_timeout_s=20.0))
    begin_s = link.clock.now_s()
    with pytest.raises(NoReplyError, match="no answer within 20 s"):
        balance.zero()
    assert link.clock.now_s() - begin_s < 25.0


# -- balances that never say that they are stable


def test_the_bench_s_own_rule_makes_readings_stable() -> None:
    lines = b"".join(b"S D     %.2f g\r\n" % (1.50 + 0.02 * (number < 3)) for number in range(30))
    peer = Peer({b"SIR": b""}, stable_within_digits=1, stable_for_s=1.0)
    balance, clock = peer.balance, peer.link.clock
    balance.start_stream()
    for number, line in enumerate(lines.splitlines(keepends=True)):
        peer.link.say(line, after_s=0.25 * (number + 1))
    statuses = []
    for _ in range(12):
        reading = balance.next_reading(clock.now_s() + 1.0)
        assert reading is not None
        statuses.append(reading.status)
    assert statuses == ["dynamic"] * 7 + ["stable"] * 5


def test_zero_and_tare_wait_by_that_rule_and_are_done_at_once_then() -> None:
    answers = {b"SI": b"S D       1.50 g\r\n", b"ZI": b"ZI D\r\n", b"TI": b"TI D       1.50 g\r\n"}
    peer = Peer({**answers}, stable_within_digits=1, stable_for_s=1.0)
    peer.balance.zero()
    assert 1.0 <= peer.link.clock.now_s() < 2.0
    peer.balance.tare()
    assert peer.balance.read_stable().status == "stable"
    assert [command for command in peer.sent if command != b"SI"] == [b"I0", b"ZI", b"TI"]
    approved = Peer({**answers, b"I0": LIST, b"Z": b"Z A\r\n"}, stable_within_digits=1)
    approved.balance.zero()
    assert approved.sent[-1] == b"Z"


def test_a_pan_that_keeps_moving_by_that_rule_is_refused() -> None:
    moving = [b"S D     %.2f g\r\n" % (0.1 * number) for number in range(400)]
    peer = Peer({b"SI": moving}, stable_within_digits=1, stable_timeout_s=5.0)
    with pytest.raises(RefusedError, match="did not come to rest within 5 s"):
        peer.balance.read_stable()
    over = Peer({b"SI": b"S +\r\n"}, stable_within_digits=1)
    assert over.balance.read_stable().status == "overload"
