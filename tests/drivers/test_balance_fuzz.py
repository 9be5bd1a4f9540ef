"""Whatever happens to the lines of a balance, its driver raises an InstrumentError or returns what was displayed."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.clock import SimulatedClock
from bench.twin.emulators.and_standard import AndBalance
from bench.twin.emulators.and_standard import Options as AndMenu
from bench.twin.emulators.ohaus import OhausBalance
from bench.twin.emulators.radwag import RadwagBalance
from bench.twin.emulators.sartorius_sbi import Options as SbiMenu
from bench.twin.emulators.sartorius_sbi import SbiBalance
from drivers.errors import InstrumentError
from drivers.link import SLICE_S, Link
from drivers.registry import driver
from drivers.roles import Reading
from tests.drivers.desk import Desk

Value = TypeVar("Value")
FEW = settings(max_examples=50)
OUTPUT_S = 0.1
STEP_G = 0.001
FIRST_G = 20.0

# Driver, its options, and the balance that it talks to.
TALKS: dict[str, tuple[str, dict[str, Any], Callable[..., Any]]] = {
    "sbi": ("sartorius_sbi", {"output": "polled"}, SbiBalance),
    "sbi 16": ("sartorius_sbi", {"output": "polled"}, lambda s, p: SbiBalance(s, p, SbiMenu(line_length=16))),
    "sbi autoprint": (
        "sartorius_sbi",
        {"output": "autoprint"},
        lambda s, p: SbiBalance(s, p, SbiMenu(autoprint="any")),
    ),
    "and": ("and_standard", {}, AndBalance),
    "and erCd 1": ("and_standard", {}, lambda s, p: AndBalance(s, p, AndMenu(error_codes=True))),
    "ohaus": ("ohaus", {}, OhausBalance),
    "ohaus polled": ("ohaus", {"stream": "polled"}, OhausBalance),
    "radwag": ("radwag", {}, RadwagBalance),
}
NOISE = st.one_of(
    st.binary(max_size=60),
    st.text('STUSQLNGSI,+-. 0123456789gmk?^vADE"\r\n!OKstathig\x1b\x06', max_size=60).map(str.encode),
)
HARM = st.one_of(
    st.just(("none", 0)),
    st.just(("lost", 0)),
    st.just(("doubled", 0)),
    st.tuples(st.just("cut"), st.integers(1, 25)),
    st.tuples(st.just("late"), st.sampled_from([0.5, 2.0, 3.5, 6.0])),
    st.tuples(st.just("noise"), st.binary(min_size=1, max_size=20)),
)

UNHARMED: tuple[str, Any] = ("none", 0)


class RisingScale:
    """A pan that shows another weight at each output, so that a weight tells when it was displayed."""

    readability_g = 0.0001
    maximum_g = 120.0
    output_rate_hz = 1.0 / OUTPUT_S
    serial = "T000042"

    def indication_g(self, time_s: float) -> float:
        return FIRST_G + STEP_G * math.floor(time_s / OUTPUT_S + 1e-6)

    def stable(self, time_s: float) -> bool:
        return math.floor(time_s) % 3 > 0


class Harmed(Link):
    """A link to an emulated balance; replies are lost, cut, doubled, late or preceded by noise, and none overtakes."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__("balance", "memory", SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), None)
        self.harms: list[tuple[str, Any]] = []
        self.balance = make(self._say, RisingScale())
        self._coming: list[tuple[float, bytes]] = []

    def _say(self, data: bytes, due_s: float) -> None:
        kind, much = self.harms.pop(0) if self.harms else UNHARMED
        if kind == "lost":
            return
        if kind == "cut":
            data = data[:-much]
        elif kind == "doubled":
            data += data
        elif kind == "late":
            due_s += much
        elif kind == "noise":
            data = much + data
        self._coming.append((max(due_s, self._coming[-1][0]) if self._coming else due_s, data))

    def _send(self, data: bytes) -> None:
        self.balance.run_until(self.clock.now_s())
        self.balance.receive(data, self.clock.now_s())

    def _receive(self, may_wait: bool) -> bytes:
        data = self._take()
        if not data and may_wait:
            next_s = min(self.balance.next_event_s(), self._coming[0][0] if self._coming else math.inf)
            self.clock.sleep_s(max(1e-6, min(SLICE_S, next_s - self.clock.now_s())))
            data = self._take()
        return data

    def _take(self) -> bytes:
        self.balance.run_until(self.clock.now_s())
        data = b""
        while self._coming and self._coming[0][0] <= self.clock.now_s() + 1e-9:
            data += self._coming.pop(0)[1]
        return data

    def _shut(self) -> None: ...


def opened(talk: str) -> tuple[Any, Harmed]:
    name, options, make = TALKS[talk]
    link = Harmed(make)
    entry = driver(name)
    return entry.instrument(link, entry.Options.model_validate(options)), link  # type: ignore[call-arg]


def outcome(ask: Callable[[], Value]) -> Value | None:
    """Return what `ask` returns; None for an InstrumentError, the only error that there may be."""
    try:
        return ask()
    except InstrumentError:
        return None


def displayed_s(reading: Reading) -> float:
    """Return when the balance displayed a weight, and fail if it never did."""
    output = round((reading.value - FIRST_G) / STEP_G)
    assert reading.value == pytest.approx(FIRST_G + STEP_G * output, abs=1e-9), reading
    return output * OUTPUT_S


@pytest.mark.parametrize("talk", TALKS)
@FEW
@given(harms=st.lists(HARM, max_size=6))
def test_a_reading_is_what_was_displayed_since_it_was_asked_for(talk: str, harms: list[tuple[str, Any]]) -> None:
    balance, link = opened(talk)
    link.harms = list(harms)
    for ask in (balance.read, balance.read, balance.read_stable, balance.read, balance.read):
        asked_s = link.clock.now_s()
        reading = outcome(ask)
        assert link.clock.now_s() < asked_s + 75.0
        if reading is not None and not math.isnan(reading.value):
            assert displayed_s(reading) <= reading.time_s + 1e-6
            # What a balance prints by itself tells not how long it was on its way.
            assert talk == "sbi autoprint" or displayed_s(reading) >= asked_s - 2 * OUTPUT_S
            assert ask != balance.read_stable or reading.status == "stable"
    link.harms.clear()
    outcome(balance.read)
    assert balance.read().status in ("stable", "dynamic", "no unit")  # it has got back into step


@pytest.mark.parametrize("talk", TALKS)
@FEW
@given(harms=st.lists(HARM, max_size=8))
def test_a_stream_tells_what_was_displayed_by_its_deadline(talk: str, harms: list[tuple[str, Any]]) -> None:
    balance, link = opened(talk)
    link.harms = list(harms)
    outcome(balance.start_stream)
    for _ in range(8):
        deadline_s = link.clock.now_s() + 2.0
        reading = outcome(partial(balance.next_reading, deadline_s))
        assert link.clock.now_s() < deadline_s + 8.0  # it may be getting back into step
        if reading is not None and not math.isnan(reading.value):
            assert displayed_s(reading) <= reading.time_s + 1e-6
    outcome(balance.identify)
    outcome(balance.stop_stream)
    link.harms.clear()
    outcome(balance.read)
    assert balance.read().status in ("stable", "dynamic", "no unit")


@pytest.mark.parametrize("talk", TALKS)
@FEW
@given(harms=st.lists(HARM, max_size=6))
def test_a_tare_that_is_confirmed_was_done(talk: str, harms: list[tuple[str, Any]]) -> None:
    balance, link = opened(talk)
    link.balance._scale.stable = lambda _: True
    link.balance._scale.indication_g = lambda _: FIRST_G
    link.harms = list(harms)
    try:
        balance.tare()
    except InstrumentError:
        return
    assert link.balance._pan.tare_g + link.balance._pan.zero_g == FIRST_G


OPENINGS: dict[str, Callable[[bytes], bytes | None]] = {
    "sbi": {b"\x1bx1_\r\n": b"MSE\r\n"}.get,
    "and": {b"Q\r\n": b"ST,+0001.234  g\r\n"}.get,
    "ohaus": {b"IP\r\n": b"     192.21 g\r\n"}.get,
    "radwag": {b"C0\r\n": b"C0 A\r\n", b"NB\r\n": b'NB A "1"\r\n'}.get,
}


@pytest.mark.parametrize("talk", OPENINGS)
@FEW
@given(replies=st.lists(NOISE, min_size=1, max_size=6))
def test_whatever_is_answered(talk: str, replies: list[bytes]) -> None:
    name, options, _ = TALKS[talk]
    desk = Desk(OPENINGS[talk])
    entry = driver(name)
    balance: Any = entry.instrument(desk, entry.Options.model_validate(options))  # type: ignore[call-arg]
    left = list(replies)
    desk.answer = lambda _: left.pop(0) if left else None
    for ask in (balance.read, balance.read_stable, balance.start_stream, balance.identify, balance.tare):
        begun_s = desk.clock.now_s()
        reading = outcome(ask)
        assert desk.clock.now_s() < begun_s + 90.0
        if isinstance(reading, Reading):
            assert math.isfinite(reading.value) == (reading.status in ("stable", "dynamic"))
    outcome(lambda: balance.next_reading(desk.clock.now_s() + 1.0))
    outcome(balance.stop_stream)


@pytest.mark.parametrize("talk", OPENINGS)
@pytest.mark.parametrize("noise", [b"\xfe" * 2_000_000, b"x\r\n" * 50_000])
def test_megabytes_of_noise_end_at_the_deadline(talk: str, noise: bytes) -> None:
    name, options, _ = TALKS[talk]
    desk = Desk(OPENINGS[talk])
    entry = driver(name)
    balance: Any = entry.instrument(desk, entry.Options.model_validate(options))  # type: ignore[call-arg]
    desk.answer = lambda _: noise
    assert outcome(balance.read) is None
    assert outcome(balance.read) is None
    assert desk.clock.now_s() < 60.0
