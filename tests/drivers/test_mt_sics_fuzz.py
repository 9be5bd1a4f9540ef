"""The Mettler Toledo driver on lines that lose, double, delay and invent: a right value or its own error, in time."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.balance.mettler_mt_sics import ADJUSTMENT_TIMEOUT_S, MettlerMtSics, Options
from drivers.errors import InstrumentError
from drivers.roles import Identity, Reading, WeighingRange
from tests.drivers.memory_link import MemoryLink

IN_MEMORY = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
IDENTITY = b'I4 A "B021002593"\r\n'
NOISE = st.one_of(
    st.binary(max_size=60),
    st.text('SDABILTEMUCPRK@+-. 0123456789gmk"\r\n', max_size=60).map(str.encode),
    st.lists(
        st.sampled_from(
            [
                b"S S    1.5 g\r\n",
                b"S I\r\n",
                b"ES\r\n",
                b"C3 B\r\n",
                IDENTITY,
                b"M28 B 1 2\r\n",
                b'I0 B 0 "S"\r\n',
                b"\r\n",
            ]
        ),
        max_size=5,
    ).map(b"".join),
)
FAULTS = st.sampled_from(["", "", "lost", "doubled", "late", "very late", "headless", "unasked", "cut"])
LONGEST_S = ADJUSTMENT_TIMEOUT_S + 60.0

ASKS: list[Callable[[MettlerMtSics], Any]] = [
    lambda balance: balance.identify(),
    lambda balance: balance.commands(),
    lambda balance: balance.weighing_range(),
    lambda balance: balance.temperatures_c(),
    lambda balance: balance.tare_g(),
    lambda balance: balance.update_rate_hz(),
    lambda balance: balance.set_update_rate(10.0),
    lambda balance: balance.read(),
    lambda balance: balance.read_stable(),
    lambda balance: balance.read_within(2.0),
    lambda balance: balance.zero(),
    lambda balance: balance.tare_now(),
    lambda balance: balance.adjust(),
]


def is_sound(told: object) -> bool:
    """Tell whether what a driver returns is of the form that it promises."""
    if isinstance(told, Reading):
        return math.isfinite(told.value) == (told.status in ("stable", "dynamic"))
    if isinstance(told, float):
        return math.isfinite(told)
    if isinstance(told, tuple):
        return all(math.isfinite(value) for value in told)
    if isinstance(told, WeighingRange):
        return not math.isinf(told.maximum_g) and not math.isinf(told.readability_g)
    return told is None or isinstance(told, (Identity, frozenset))


@IN_MEMORY
@given(
    st.lists(NOISE, max_size=8), st.lists(st.sampled_from(ASKS), min_size=1, max_size=4), st.sampled_from([None, 1.0])
)
def test_noise(replies: list[bytes], asks: list[Callable[[MettlerMtSics], Any]], digits: float | None) -> None:
    waiting = [IDENTITY, *replies]
    link = MemoryLink(lambda _: waiting.pop(0) if waiting else None)
    try:
        balance = MettlerMtSics(link, Options(stable_timeout_s=5.0, stable_within_digits=digits))
    except InstrumentError:
        return
    for ask in asks:
        begin_s = link.clock.now_s()
        with contextlib.suppress(InstrumentError):
            assert is_sound(ask(balance))
        assert link.clock.now_s() - begin_s < LONGEST_S
    balance.close()


class Faulty:
    """A balance each of whose weights is the number of its request; its line does wrong, in order, and then no more."""

    def __init__(self, faults: list[str]) -> None:
        self.asked = 0
        self.faults = faults
        self.link = MemoryLink(self._answer)
        self._free_s = 0.0

    def _answer(self, command: bytes) -> bytes | None:
        if command == b"SI":
            self.asked += 1
        answers = {
            b"@": IDENTITY,
            b"M21": b"M21 A 0 0\r\n",
            b"SI": b"S D %10.2f g\r\n" % self.asked,
            b"T": b"T S 1.00 g\r\n",
        }
        reply = answers.get(command, b"ES\r\n")
        fault = self.faults.pop(0) if self.faults else ""
        now_s = self.link.clock.now_s()
        # A line hands over in the order of sending: nothing overtakes what is late.
        self._free_s = max(self._free_s, now_s + {"late": 4.0, "very late": 11.0}.get(fault, 0.0))
        after_s = self._free_s - now_s
        distorted = {
            "lost": b"",
            "doubled": reply * 2,
            "headless": reply[3:],
            "unasked": b"K C 7\r\nZ A\r\n" + reply,
            "cut": reply[:-4],
        }.get(fault, reply)
        self.link.say(distorted, after_s)
        return None


@IN_MEMORY
@given(st.lists(FAULTS, max_size=12), st.lists(st.booleans(), min_size=1, max_size=8))
def test_a_weight_is_that_of_its_own_request(faults: list[str], tares: list[bool]) -> None:
    peer = Faulty(["", "", *faults])
    balance = MettlerMtSics(peer.link, Options(stable_timeout_s=5.0))
    for tare in tares:
        begin_s = peer.link.clock.now_s()
        try:
            if tare:
                balance.tare()
            else:
                assert balance.read().value == peer.asked
        except InstrumentError:
            pass
        assert peer.link.clock.now_s() - begin_s < 20.0
    peer.faults.clear()
    peer.link.clock.sleep_s(30.0)
    for _ in range(2):  # a line that was cut spoils the reset that follows it
        try:
            assert balance.read().value == peer.asked
            break
        except InstrumentError:
            continue
    assert balance.read().value == peer.asked


@IN_MEMORY
@given(st.lists(st.one_of(NOISE, st.just(b"S D    1.5 g\r\n")), max_size=20))
def test_stream(lines: list[bytes]) -> None:
    link = MemoryLink({b"@": IDENTITY, b"M21": b"ES\r\n"}.get)
    balance = MettlerMtSics(link, Options(stable_within_digits=2.0))
    balance.start_stream()
    for number, line in enumerate(lines):
        link.say(line, after_s=0.1 * number)
    for _ in range(40):
        begin_s = link.clock.now_s()
        try:
            reading = balance.next_reading(begin_s + 0.5)
            assert reading is None or reading.status == "busy" or is_sound(reading)
        except InstrumentError:
            pass
        assert link.clock.now_s() - begin_s < 6.0
    try:
        balance.stop_stream()
    except InstrumentError:
        balance.stop_stream()


@pytest.mark.parametrize("noise", [b"\xff" * 3_000_000, b"S D    1.5 g\r\n" * 200_000])
def test_megabytes_leave_nothing_behind(noise: bytes) -> None:
    link = MemoryLink({b"@": IDENTITY, b"M21": b"ES\r\n", b"SI": b"S S    7.0 g\r\n"}.get)
    balance = MettlerMtSics(link, Options())
    link.say(noise)
    for _ in range(3):
        try:
            assert balance.read().value == 7.0
        except InstrumentError:
            continue
    assert balance.read().value == 7.0
    assert len(link.unread) < 65536
