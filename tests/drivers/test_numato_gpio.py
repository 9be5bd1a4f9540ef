"""The alarm input against the module's framing, and on the simulated bench."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from bench.clock import SimulatedClock
from bench.twin.settings import Simulation
from bench.twin.twin import Twin
from drivers.alarm.numato_gpio import NumatoGpio, Options, open_gpio
from drivers.errors import GarbledReplyError, NoReplyError
from drivers.roles import AlarmInput, Identity
from tests.drivers.memory_link import MemoryLink
from tests.drivers.peers import Script

WAKE = (b"", b"\n\r>")
VERSION = (b"ver", b"ver\n\r00000008\n\r>")


def framed(command: bytes, value: bytes) -> tuple[bytes, bytes]:
    return command, command + b"\n\r" + value + b"\n\r>"


def gpio_at(pairs: Sequence[tuple[bytes, bytes | None]], **options: Any) -> tuple[NumatoGpio, MemoryLink, Script]:
    script = Script([WAKE, VERSION, *pairs])
    link = MemoryLink(script, b"\r")
    return NumatoGpio(link, Options(**options)), link, script


def test_a_contact_is_read_at_its_pin() -> None:
    gpio, _, script = gpio_at([framed(b"gpio read A", b"0"), framed(b"gpio read A", b"1")], channel=10)
    assert isinstance(gpio, AlarmInput)
    assert not gpio.signal().on
    signal = gpio.signal()
    assert (signal.on, signal.text) == (True, "input 10 high")
    script.check()


def test_a_contact_may_be_closed_to_ground() -> None:
    gpio, _, _ = gpio_at([framed(b"gpio read 3", b"1"), framed(b"gpio read 3", b"0")], channel=3, alarm_when="low")
    assert [gpio.signal().on, gpio.signal().on] == [False, True]


def test_a_sound_has_a_threshold_and_a_hysteresis() -> None:
    readings = [b"299", b"300", b"281", b"280", b"279", b"299"]
    pairs = [framed(b"adc read 1", each) for each in readings]
    gpio, _, _ = gpio_at(pairs, channel=1, signal="sound", threshold=300, hysteresis=20)
    signals = [gpio.signal() for _ in readings]
    assert [each.on for each in signals] == [False, True, True, True, False, False]
    assert signals[1].text == "sound 300 of 1023 at input 1"


def test_who_it_is() -> None:
    gpio, _, _ = gpio_at([framed(b"id get", b"BENCH-04")])
    assert gpio.identify() == Identity("Numato Lab", "GPIO module", "BENCH-04", "00000008")


def test_what_the_module_says_unasked_is_passed_over() -> None:
    gpio, link, _ = gpio_at([framed(b"gpio read 0", b"1")])
    link.say(b"# 0000 0001 FFFF\n\r")
    assert gpio.signal().on


@pytest.mark.parametrize(
    ("options", "reply", "error", "says"),
    [
        ({}, None, NoReplyError, "no answer within 2 s"),
        ({}, b"gpio read 1\n\r1\n\r>", GarbledReplyError, "did not echo"),
        ({}, b"gpio read 0\n\r2\n\r>", GarbledReplyError, "told no level"),
        ({}, b"gpio read 0\n\r>", GarbledReplyError, "told not one value"),
        ({"signal": "sound", "threshold": 5}, b"adc read 0\n\r1024\n\r>", GarbledReplyError, "beyond the converter's"),
        ({"signal": "sound", "threshold": 5}, b"adc read 0\n\r-12\n\r>", GarbledReplyError, "no reading"),
        ({"signal": "sound", "threshold": 5}, b"adc read 0\n\r00012\n\r>", GarbledReplyError, "no reading"),
    ],
)
def test_what_is_no_answer(options: dict[str, Any], reply: bytes | None, error: type[Exception], says: str) -> None:
    command = b"adc read 0" if options else b"gpio read 0"
    gpio, _, _ = gpio_at([(command, reply)], **options)
    with pytest.raises(error, match=says):
        gpio.signal()


def test_an_answer_that_came_too_late_is_not_the_next_ones() -> None:
    # The line is ended and what comes then is passed over before anything is asked again.
    gpio, link, script = gpio_at([(b"gpio read 0", None), WAKE, framed(b"gpio read 0", b"0")])
    with pytest.raises(NoReplyError):
        gpio.signal()
    link.say(b"gpio read 0\n\r1\n\r>")
    assert not gpio.signal().on
    script.check()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"signal": "sound"}, "goes with a `threshold`"),
        ({"threshold": 100}, "goes with a `threshold`"),
        ({"signal": "sound", "threshold": 10, "hysteresis": 10}, "a sound never ends"),
        ({"pause": "-1 s"}, "no less than 0 s"),
        ({"channel": 32}, "less than or equal to 31"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Options.model_validate(options)


@pytest.fixture
def twin() -> Iterator[Twin]:
    clock = SimulatedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    with Twin("twin", Simulation(), 1, clock) as made:
        made.clock = clock  # type: ignore[attr-defined]
        yield made


@pytest.mark.parametrize(
    "options",
    [
        {"channel": 0},
        {"channel": 1, "signal": "sound", "threshold": 400, "hysteresis": 50, "least": "2 s", "pause": "1500 ms"},
    ],
)
def test_the_simulated_pumps_alarm_is_noticed_and_dated(twin: Twin, options: dict[str, Any]) -> None:
    clock: SimulatedClock = twin.clock  # type: ignore[attr-defined]
    gpio = open_gpio("sim://twin/alarm", Options.model_validate(options), clock)
    for _ in range(40):
        assert not gpio.signal().on
        clock.sleep_s(0.25)
    began_s = clock.now_s() + 0.11
    clock.sleep_s(0.11)
    twin.run_until(began_s)
    twin.world.pump.raise_alarm("OCCLUSION")
    signals = []
    for _ in range(40):
        clock.sleep_s(0.25)
        signals.append(gpio.signal())
    assert not math.isnan(signals[-1].earliest_s)
    assert signals[-1].earliest_s <= began_s <= signals[-1].latest_s
    assert signals[-1].latest_s - signals[-1].earliest_s < 0.25 + 0.11 + 0.25 + 0.01
    assert len({(each.earliest_s, each.latest_s) for each in signals if each.on}) == 1
    twin.world.pump.acknowledge()
    for _ in range(10):
        clock.sleep_s(0.25)
        after = gpio.signal()
    assert not after.on
    gpio.close()
