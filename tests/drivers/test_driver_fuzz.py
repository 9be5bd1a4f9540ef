"""Whatever an instrument says, a driver raises an InstrumentError or returns a right value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.quantities import Quantity
from drivers.alarm.numato_gpio import NumatoGpio
from drivers.alarm.numato_gpio import Options as GpioOptions
from drivers.balance.mettler_mt_sics import MettlerMtSics
from drivers.balance.mettler_mt_sics import Options as BalanceOptions
from drivers.climate.vaisala_ptu300 import VaisalaPtu300
from drivers.errors import InstrumentError
from drivers.mt_sics import parse_weight
from drivers.occluder.numato_relay import NumatoRelay
from drivers.occluder.numato_relay import Options as RelayOptions
from drivers.pressure.scpi_dmm import Options as DmmOptions
from drivers.pressure.scpi_dmm import ScpiDmm
from drivers.pump.scpi_insulin_pump import ScpiInsulinPump
from drivers.roles import AlarmSignal, BolusStatus, DeliveryState
from tests.drivers.scripted_link import ScriptedLink

Value = TypeVar("Value")
IN_MEMORY = settings(max_examples=150)
# Bytes that look like the protocols' own are likelier to get far than any bytes.
NOISE = st.one_of(
    st.binary(max_size=60),
    st.text("SDITZ+-. 0123456789gmkEr\"\r\n,'NORM_IDLE*>=PHRhCa%#", max_size=60).map(str.encode),
)


@IN_MEMORY
@given(NOISE)
def test_weight_parser(line: bytes) -> None:
    weight = parse_weight(line)
    if weight is not None and not math.isnan(weight[0]):
        words = line.split()
        assert words[0] in (b"S", b"SIR")
        assert math.isfinite(weight[0])
        assert weight[1] in ("stable", "dynamic")
        assert words[3].isascii() or words[3].endswith(b"g")


@IN_MEMORY
@given(st.integers(-99999999, 99999999), st.integers(0, 6), st.sampled_from("SD"))
def test_weight_parser_is_exact(digits: int, decimals: int, status: str) -> None:
    text = f"{digits / 10**decimals:.{decimals}f}"
    weight = parse_weight(f"S {status} {text:>10} g".encode())
    assert weight == (float(text), {"S": "stable", "D": "dynamic"}[status])


def outcome(ask: Callable[[], Value]) -> Value | None:
    """Return what `ask` returns; None for an InstrumentError, the only error that there may be."""
    try:
        return ask()
    except InstrumentError:
        return None


@IN_MEMORY
@given(st.lists(NOISE, max_size=6))
def test_balance(replies: list[bytes]) -> None:
    link = ScriptedLink([b'I4 A "1"\r\n', b"M21 B 0 0\r\nM21 A 1 0\r\n", *replies])
    balance = MettlerMtSics(link, BalanceOptions())
    reading = outcome(balance.read)
    assert reading is None or reading.status in ("stable", "dynamic", "overload", "underload")
    outcome(balance.start_stream)
    outcome(lambda: balance.next_reading(link.clock.now_s() + 1.0))
    outcome(balance.identify)
    outcome(balance.stop_stream)


@IN_MEMORY
@given(st.lists(NOISE, min_size=1, max_size=6), st.integers(0, 5))
def test_pump(replies: list[bytes], ask: int) -> None:
    link = ScriptedLink([b"", b"a,b,c,d\n", b"1.0\n", b"100\n", *replies])
    pump = ScpiInsulinPump(link)
    queries = [pump.state, pump.bolus_status, pump.delivered_ul, pump.take_alarms, pump.stop, pump.pump_time_s]
    answer: object = outcome(queries[ask])
    if isinstance(answer, float):
        assert math.isfinite(answer)
    assert answer is None or isinstance(answer, (DeliveryState, BolusStatus, float, list))


@IN_MEMORY
@given(st.lists(NOISE, min_size=1, max_size=3))
def test_multimeter(replies: list[bytes]) -> None:
    link = ScriptedLink([b"", b"a,b,c,d\n", b"", b'0,""\n', b"", b'0,""\n', *replies])
    dmm = ScpiDmm(link, DmmOptions(scale=Quantity(20.0, "kPa/V")))
    reading = outcome(dmm.read)
    assert reading is None or math.isfinite(reading.value) == (reading.status == "ok")


@IN_MEMORY
@given(st.lists(NOISE, min_size=1, max_size=3))
def test_relay(replies: list[bytes]) -> None:
    link = ScriptedLink([b">", b"ver\n\r1\n\r>", *replies])
    relay = NumatoRelay(link, RelayOptions())
    assert outcome(relay.is_occluded) in (True, False, None)


GPIO_NOISE = st.one_of(
    NOISE,
    st.sampled_from(
        [b"gpio read 0\n\r1\n\r>", b"adc read 0\n\r2000\n\r>", b"adc read 0\n\r-1\n\r>", b"# 00 01 FF\n\r"]
    ),
    st.binary(max_size=8).map(lambda noise: noise * 20000),
)


@IN_MEMORY
@given(st.lists(GPIO_NOISE, min_size=1, max_size=4), st.sampled_from([None, 500]))
def test_alarm_input(replies: list[bytes], threshold: int | None) -> None:
    link = ScriptedLink([b">", b"ver\n\r1\n\r>", *replies])
    gpio = NumatoGpio(link, GpioOptions(signal="sound" if threshold else "contact", threshold=threshold))
    began_s = link.clock.now_s()
    said = b"".join(replies)
    for _ in range(2):
        signal = outcome(gpio.signal)
        assert signal is None or isinstance(signal, AlarmSignal)
        # Nothing is an alarm that no answer to the very question told.
        assert signal is None or not signal.on or (b"gpio read 0" in said and threshold is None)
    assert link.clock.now_s() - began_s < 10.0
    assert len(link.unread) <= 2 * 65536


@IN_MEMORY
@given(st.lists(NOISE, min_size=1, max_size=3))
def test_climate(replies: list[bytes]) -> None:
    link = ScriptedLink([b"", b"P= 1013.2 hPa\r\n", *replies])
    sensor = VaisalaPtu300(link)
    climate = outcome(sensor.read)
    assert climate is None or not math.isinf(climate.temperature_c + climate.pressure_hpa + climate.humidity_pct)
