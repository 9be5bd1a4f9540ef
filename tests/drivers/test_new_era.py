"""The New Era driver: its bytes by the facts' vectors, its numbers, alarms, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.errors import GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.new_era_numbers import RATES_UL_PER_H, VOLUMES_UL, Setting, setting, written
from drivers.pulse_schedule import PulseSchedule
from drivers.pump.new_era import NewEraSafePump, Options
from drivers.roles import (
    DeliversBasal,
    DeliversBolus,
    DeliveryState,
    HasWatchdog,
    NeedsPolling,
    Pump,
    RaisesAlarms,
    ReportsDelivery,
)
from tests.drivers.new_era_peer import opened
from tests.drivers.scripted_link import Conversation

VERSION = b"\x0200SNE1000V3.93\x03"


def scripted(*pairs: tuple[bytes, bytes], **options: Any) -> tuple[NewEraSafePump, Conversation]:
    number = str(options.get("pump_address", 0)).encode()
    link = Conversation((number + b"VER\r", VERSION.replace(b"00S", b"%02dS" % int(number))), *pairs)
    return NewEraSafePump(link, Options.model_validate({"diameter": "4.699 mm", **options})), link


def test_it_is_what_the_bench_asks_of_such_a_pump() -> None:
    pump, _ = scripted()
    assert isinstance(pump, Pump)
    assert isinstance(pump, DeliversBasal)
    assert isinstance(pump, DeliversBolus)
    assert isinstance(pump, ReportsDelivery)
    assert isinstance(pump, RaisesAlarms)
    assert isinstance(pump, HasWatchdog)
    assert isinstance(pump, NeedsPolling)
    assert math.isnan(pump.pump_time_s() + pump.reservoir_ul())
    assert math.isnan(pump.battery_pct())
    assert pump.concentration_u_per_ml is None


# -- bytes


SAFE_STATUS = (bytes.fromhex("02 05 30 36 53 03"), bytes.fromhex("02 07 30 30 53 AA A6 03"))


def test_safe_packets_are_those_of_the_facts() -> None:
    pump, link = scripted(
        (b"0\r", b"\x0200S\x03"),
        (b"0SAF10\r", bytes.fromhex("02 07 30 30 53 AA A6 03")),
        # The checksums of `0SAF` and `00S10` by the bitwise definition of the CRC.
        (b"\x02\x080SAF\x3d\x88\x03", b"\x02\x0900S10\x27\x6e\x03"),
        SAFE_STATUS,
        SAFE_STATUS,
        (bytes.fromhex("02 09 30 53 41 46 30 59 AD 03"), b"\x0200S\x03"),
        (b"0SAF\r", b"\x0200S0\x03"),
    )
    pump.arm_watchdog(10.9)
    assert pump.state() is DeliveryState.STOPPED
    pump.disarm_watchdog()
    assert link.left == []


def test_stop_is_sent_until_the_pump_is_stopped() -> None:
    pump, link = scripted((b"0STP\r", b"\x0200P\x03"), (b"0STP\r", b"\x0200S\x03"))
    pump.stop()
    assert link.left == []


def test_a_pump_that_refuses_to_stop_again_is_stopped() -> None:
    pump, _ = scripted((b"0STP\r", b"\x0200S?NA\x03"))
    pump.stop()


def test_a_pump_that_goes_on_is_not_stopped() -> None:
    pump, link = scripted(*[(b"0STP\r", b"\x0200I\x03")] * 18)
    with pytest.raises(RefusedError, match="does not stop"):
        pump.stop()
    assert link.left == []


def test_an_alarm_takes_the_reply_s_place_once_and_the_command_is_sent_again() -> None:
    pump, link = scripted((b"0STP\r", b"\x0200A?S\x03"), (b"0STP\r", b"\x0200S\x03"), (b"0\r", b"\x0200S\x03"))
    pump.stop()
    [alarm] = pump.take_alarms()
    assert (alarm.sequence, alarm.code, alarm.text) == (1, "OCCLUSION", "Pump motor stalled (A?S)")
    assert math.isnan(alarm.pump_time_s)
    assert link.left == []
    assert pump.identify().model == "NE-1000"


@pytest.mark.parametrize(
    ("version", "model", "firmware"),
    [
        ("NE1000V3.93", "NE-1000", "3.93"),
        ("NE1000X2V3.61", "NE-1000X2", "3.61"),
        ("NE500V3.919", "NE-500", "3.919"),
        ("NE8000XV3.9", "NE-8000X", "3.9"),
        ("AL1010V3.1", "AL1010V3.1", ""),
    ],
)
def test_any_version_will_do(version: str, model: str, firmware: str) -> None:
    pump = NewEraSafePump(
        Conversation((b"0VER\r", b"\x0200S" + version.encode() + b"\x03")),
        Options.model_validate({"diameter": "4.699 mm"}),
    )
    assert (pump.identify().model, pump.identify().firmware) == (model, firmware)


def test_ignored_and_damaged_commands_are_sent_again() -> None:
    pump, link = scripted(
        (b"7\r", b"\x0207S?IGN\x03"), (b"7\r", b"\x0207S?COM\x03"), (b"7\r", b"\x0207P\x03"), pump_address=7
    )
    assert pump.state() is DeliveryState.SUSPENDED
    assert link.left == []


@pytest.mark.parametrize(
    ("letter", "state"),
    [
        ("I", DeliveryState.BASAL),
        ("W", DeliveryState.PRIMING),
        ("S", DeliveryState.STOPPED),
        ("P", DeliveryState.SUSPENDED),
        ("T", DeliveryState.SUSPENDED),
        ("U", DeliveryState.SUSPENDED),
        ("X", DeliveryState.PRIMING),
    ],
)
def test_states(letter: str, state: DeliveryState) -> None:
    pump, _ = scripted((b"0\r", b"\x0200" + letter.encode() + b"\x03"))
    assert pump.state() is state


@pytest.mark.parametrize(
    "reply",
    [
        b"\x0201S\x03",
        b"\x020S\x03",
        b"\x0200Q\x03",
        b"\x0200A?Q\x03",
        b"00S\x03",
        b"\x0200S\x02\x03",
        b"\x02\x07\x30\x30\x53\xaa\xa6\x03",
        b"\x02" + b"0" * 100 + b"\x03",
        b"\x03",
    ],
)
def test_what_is_no_reply_of_this_pump_is_an_error_with_the_bytes(reply: bytes) -> None:
    pump, _ = scripted((b"0\r", reply))
    with pytest.raises(GarbledReplyError) as error:
        pump.state()
    assert error.value.sent == b"0"
    assert error.value.seen
    assert "pump_address" in error.value.advice


def test_the_error_tells_both_addresses() -> None:
    pump, _ = scripted((b"0\r", b"\x0205S\x03"))
    with pytest.raises(GarbledReplyError, match="at address 5 answered for the one at 0"):
        pump.state()


@pytest.mark.parametrize(
    ("reply", "told"),
    [(b"?", "does not know"), (b"?NA", "cannot do that now"), (b"?OOR", "out of range"), (b"?XY", "answered [?]XY")],
)
def test_a_refusal_says_what_was_refused(reply: bytes, told: str) -> None:
    pump, _ = scripted((b"0\r", b"\x0200S" + reply + b"\x03"))
    with pytest.raises(RefusedError, match=told):
        pump.state()


def test_nobody_there() -> None:
    link = Conversation(*[(sent, b"") for sent in (b"0VER\r", bytes.fromhex("02 08 30 56 45 52 48 09 03"), b"0VER\r")])
    with pytest.raises(NoReplyError, match="neither in basic nor in safe mode"):
        NewEraSafePump(link, Options.model_validate({"diameter": "4.699 mm"}))
    assert link.clock.now_s() < 8.0


# -- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"), (1.0, "1.000"), (9.999, "9.999"), (10.0, "10.00"), (99.99, "99.99"), (123.4, "123.4"),
        (9999.0, "9999"), (0.1 + 0.2, "0.300"), (1.2345, None), (12.345, None), (1234.5, None), (10000.0, None),
        (0.0005, None), (-1.0, None), (math.nan, None), (math.inf, None),
    ],
)  # fmt: skip
def test_four_digits(value: float, text: str | None) -> None:
    assert written(value) == text


@given(st.integers(1, 9999), st.integers(0, 3))
def test_every_number_of_four_digits_can_be_written(digits: int, decimals: int) -> None:
    text = written(digits / 10**decimals)
    assert text is not None
    assert float(text) == digits / 10**decimals
    assert sum(each.isdigit() for each in text) <= 4
    assert len(text.partition(".")[2]) <= 3


@given(st.floats(1e-6, 1e9))
def test_what_is_told_is_what_was_meant_or_refused_with_what_could_be(rate: float) -> None:
    told: Setting | None = None
    advice = ""
    try:
        told = setting(rate, RATES_UL_PER_H, "pump", "rate")
    except RefusedError as error:
        advice = error.advice
    if told is None:
        assert "nearest" in advice
    else:
        assert told.value * RATES_UL_PER_H[told.unit] == pytest.approx(rate, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "units", "told"),
    [
        (10.0, RATES_UL_PER_H, ("10.00", "UH")),
        (10_000.0, RATES_UL_PER_H, ("10.00", "MH")),
        (0.25 * 3600, RATES_UL_PER_H, ("900.0", "UH")),
        (60.0 / 7.0 * 7.0, RATES_UL_PER_H, ("60.00", "UH")),
        (1.5, VOLUMES_UL, ("1.500", "UL")),
        (12_340.0, VOLUMES_UL, ("12.34", "ML")),
    ],
)
def test_units_are_the_finest_that_hold_the_value(value: float, units: Any, told: tuple[str, str]) -> None:
    assert setting(value, units, "pump", "value") == Setting(*told)


def test_a_volume_with_more_digits_is_refused_with_its_neighbours_and_nothing_is_sent() -> None:
    pump, link = opened()
    sent = len(link.written)
    with pytest.raises(RefusedError, match=r"volume of 12.345 µL .* nearest .* 12.34 µL or 12.35 µL"):
        pump.start_bolus(12.345)
    with pytest.raises(RefusedError, match=r"rate of 0.33333\d* µL/h .* 0.333 µL/h or 0.334 µL/h"):
        pump.start_basal(1.0 / 3.0)
    with pytest.raises(RefusedError, match="above zero"):
        pump.start_basal(0.0)
    assert len(link.written) == sent


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "diameter"),
        ({"diameter": "4.699 mm", "basal": "pulsed"}, "goes with either"),
        ({"diameter": "4.699 mm", "basal": "pulsed", "pulse": "1 µL", "pulse_interval": "3 min"}, "goes with either"),
        ({"diameter": "4.699 mm", "pulse": "1 µL"}, "goes with either"),
        ({"diameter": "4.699 mm", "basal": "pulsed", "pulse": "0.05 U"}, "needs `insulin`"),
        ({"diameter": "4.699 mm", "bolus_rate": "1 U/min"}, "needs `insulin`"),
        ({"diameter": "4.699 mm", "pump_address": 100}, "less than or equal to 99"),
        ({"diameter": "4.699 mm", "baudrate": 115200}, "Input should be"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Options.model_validate(options)


def test_a_diameter_of_five_digits_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"diameter of 14\.425 mm"):
        scripted(diameter="14.425 mm")


# -- the schedule of pulses


def test_a_new_rate_carries_what_is_over_of_the_interval() -> None:
    pulses = PulseSchedule(0.5, None)
    assert pulses.next_s == math.inf
    pulses.start(10.0, 1180.0)
    assert pulses.next_s == pytest.approx(1180.0)
    pulses.given()
    assert pulses.next_s == pytest.approx(1360.0)
    pulses.start(20.0, 1270.0)  # half of an interval is over: half of a new one is left
    assert pulses.next_s == pytest.approx(1315.0)
    pulses.stop()
    assert not pulses.on


def test_at_fixed_intervals_the_volume_goes_with_the_rate() -> None:
    pulses = PulseSchedule(None, 180.0)
    assert pulses.volume_at(10.0) == pytest.approx(0.5)
    pulses.start(10.0, 0.0)
    pulses.given()
    pulses.start(30.0, 90.0)
    assert pulses.pulse_ul == pytest.approx(1.5)
    assert pulses.next_s == pytest.approx(180.0)


@pytest.mark.parametrize("rate_ul_per_h", [0.0, -1.0, math.nan, math.inf])
def test_pulses_make_no_rate_that_is_none(rate_ul_per_h: float) -> None:
    pump, link = scripted(basal="pulsed", pulse="0.5 µL")
    with pytest.raises(RefusedError, match="cannot be made of pulses"):
        pump.start_basal(rate_ul_per_h)
    assert link.left == []


# -- alarms and the watchdog, against the emulator


def test_a_pending_reset_is_kept_and_blocks_until_it_is_acknowledged() -> None:
    pump, _ = opened(reset_alarm=True)
    assert pump.state() is DeliveryState.ALARM
    with pytest.raises(RefusedError, match="has not been acknowledged: Pump was reset"):
        pump.start_basal(10.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["POWER"]
    pump.acknowledge_alarms()
    pump.start_basal(10.0)
    assert pump.state() is DeliveryState.BASAL


@pytest.mark.parametrize("watchdog_s", [0.0, 60.0])
def test_a_stall_is_one_alarm_whether_it_was_told_by_itself_or_not(watchdog_s: float) -> None:
    pump, link = opened()
    if watchdog_s:
        pump.arm_watchdog(watchdog_s)
    pump.start_basal(100.0)
    link.clock.sleep_s(10.0)
    link.blocked = True
    link.clock.sleep_s(20.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
    assert pump.take_alarms() == []
    assert pump.state() is DeliveryState.ALARM
    assert pump.poll(link.clock.now_s()) == math.inf
    pump.stop()
    pump.acknowledge_alarms()
    assert pump.state() is DeliveryState.STOPPED


def test_an_alarm_that_is_told_while_a_command_is_on_its_way() -> None:
    """The pump tells the alarm by itself and then acknowledges it in reply to that command: one alarm, not two."""
    pump, link = opened()
    pump.arm_watchdog(60.0)
    pump.start_basal(100.0)
    link.clock.sleep_s(10.0)
    send = link.emulator.receive

    def stall_first(data: bytes, time_s: float) -> None:
        link.emulator.receive = send  # type: ignore[method-assign]
        link.blocked = True
        link.drive.run_due(time_s + 10.0)
        link.emulator.run_until(time_s)
        send(data, time_s)

    link.emulator.receive = stall_first  # type: ignore[method-assign]
    assert pump.state() is DeliveryState.ALARM
    assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
    pump.acknowledge_alarms()
    link.blocked = False
    pump.start_basal(50.0)
    assert pump.take_alarms() == []


@pytest.mark.parametrize("basal", [{}, {"basal": "pulsed", "pulse": "0.5 µL"}])
def test_after_an_alarm_nothing_starts_by_itself(basal: dict[str, str]) -> None:
    pump, link = opened(driver=basal)
    pump.start_basal(100.0)
    pump.start_bolus(5.0)
    link.blocked = True
    link.clock.sleep_s(10.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
    link.blocked = False
    pump.acknowledge_alarms()
    for _ in range(60):
        pump.poll(link.clock.now_s())
        link.clock.sleep_s(1.0)
    assert not pump.bolus_status().active
    assert pump.state() is DeliveryState.STOPPED
    assert not link.drive.running


def test_a_safe_reply_with_any_bit_flipped_is_found() -> None:
    for at in range(8):
        for bit in range(8):
            pump, link = opened()
            pump.arm_watchdog(60.0)

            def flip(reply: bytes, due_s: float, at: int = at, bit: int = bit) -> list[tuple[bytes, float]]:
                return [(reply[:at] + bytes([reply[at] ^ (1 << bit)]) + reply[at + 1 :], due_s)]

            link.faults = iter([flip])
            with pytest.raises(GarbledReplyError):
                pump.state()


def test_the_watchdog_stops_a_pump_whose_host_is_silent() -> None:
    pump, link = opened()
    pump.arm_watchdog(30.0)
    pump.start_basal(100.0)
    link.clock.sleep_s(40.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["WATCHDOG"]
    assert pump.state() is DeliveryState.ALARM
    assert not link.drive.running
    with pytest.raises(RefusedError, match="1 s to 255 s"):
        pump.arm_watchdog(256.0)
    with pytest.raises(RefusedError, match="1 s to 255 s"):
        pump.arm_watchdog(0.5)


def test_polling_keeps_the_watchdog_quiet() -> None:
    pump, link = opened()
    pump.arm_watchdog(10.0)
    pump.start_basal(100.0)
    for _ in range(60):
        pump.poll(link.clock.now_s())
        link.clock.sleep_s(pump.longest_silence_s)
    assert link.drive.running
    assert pump.take_alarms() == []


def test_an_armed_pump_is_found_again_in_safe_mode_and_left_in_the_mode_of_the_rig_file() -> None:
    _, link = opened(safe_timeout=255)
    again = NewEraSafePump(link, Options.model_validate({"diameter": "4.699 mm"}))
    assert again.state() is DeliveryState.STOPPED
    assert link.written[-1] == bytes.fromhex("02 05 30 36 53 03")
    basic = NewEraSafePump(link, Options.model_validate({"diameter": "4.699 mm", "mode": "basic"}))
    assert basic.state() is DeliveryState.STOPPED
    assert link.written[-1] == b"0\r"


# -- what is written into the pump's memory


def test_settings_are_written_only_where_they_are_others() -> None:
    pump, link = opened(diameter="26.59 mm")
    pump.start_bolus(2.0)
    link.clock.sleep_s(20.0)
    first = [each for each in link.written if each[1:4] in (b"DIA", b"FUN", b"VOL", b"RAT", b"DIR") and len(each) > 5]
    assert first == [b"0DIA4.699\r", b"0VOL2.000\r", b"0RAT900.0UH\r"]
    del link.written[:]
    for _ in range(5):
        assert not pump.bolus_status().active
        pump.start_bolus(2.0)
        link.clock.sleep_s(20.0)
    assert not [each for each in link.written if each[1:4] in (b"VOL", b"RAT", b"FUN", b"DIA", b"SAF", b"PHN")]
    assert pump.delivered_ul() == pytest.approx(12.0, abs=1e-6)


def test_a_rate_is_changed_while_pumping_and_units_are_not() -> None:
    pump, link = opened()
    pump.start_basal(10.0)
    del link.written[:]
    pump.start_basal(20.0)
    assert link.written == [b"0\r", b"0RAT20.00\r", b"0RAT\r"]
    del link.written[:]
    pump.start_basal(10_000.0)  # mL/h: it has to stop for that
    assert link.written[:2] == [b"0STP\r", b"0STP\r"]
    assert b"0RAT10.00MH\r" in link.written
    assert link.written[-1] == b"0RUN\r"


def test_a_setting_that_the_pump_has_not_taken_is_an_error_and_nothing_is_started() -> None:
    pump, link = opened()
    receive = link.emulator.receive
    link.emulator.receive = lambda data, time_s: receive(b"0\r" if data == b"0VOL5.000\r" else data, time_s)  # type: ignore[method-assign]
    with pytest.raises(GarbledReplyError, match=r"has not taken 5.000 µL"):
        pump.start_bolus(5.0)
    assert not link.drive.running


def test_two_boluses_at_once_are_refused() -> None:
    pump, _ = opened()
    pump.start_bolus(5.0)
    with pytest.raises(RefusedError, match="in progress"):
        pump.start_bolus(1.0)
    pump.cancel_bolus()
    assert not pump.bolus_status().active
    pump.cancel_bolus()


def test_a_counter_that_goes_back_is_an_error() -> None:
    pump, link = opened()
    pump.start_bolus(5.0)
    link.clock.sleep_s(30.0)
    assert pump.delivered_ul() == pytest.approx(5.0)
    link.emulator.receive(b"CLDINF\r", link.clock.now_s())
    link.clock.sleep_s(1.0)
    with pytest.raises(InstrumentError, match="counts back from 5 µL"):
        pump.delivered_ul()
    assert pump.delivered_ul() == pytest.approx(5.0)
