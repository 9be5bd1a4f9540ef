r"""The Harvard Protocol 11 driver: its bytes by the facts' vectors, its numbers, alarms, and what it refuses.

Replies are `\n[NN:]text\r`, then `\n[NN]prompt` and, in poll mode, XON.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers import harvard_ultra_numbers as numbers
from drivers.errors import GarbledReplyError, NoReplyError, RefusedError
from drivers.link import Link
from drivers.pulse_schedule import PulseSchedule
from drivers.pump.harvard_ultra import DRIVER, HarvardUltraPump, Options
from drivers.roles import (
    BolusStatus,
    DeliversBasal,
    DeliversBolus,
    DeliveryState,
    HasWatchdog,
    NeedsPolling,
    Pump,
    RaisesAlarms,
    ReportsDelivery,
    Suspends,
)
from tests.drivers.harvard_ultra_peer import opened
from tests.drivers.scripted_link import Conversation

XON = b"\x11"
IDLE, RUNS = b"\n:\x11", b"\n>\x11"
Pair = tuple[bytes, bytes]


def line(text: bytes, prompt: bytes = b":") -> bytes:
    return b"\n" + text + b"\r\n" + prompt + XON


def status(text: bytes, prompt: bytes = b":") -> Pair:
    return b"status\r", line(text, prompt)


STILL = status(b"0 0 0 i..TI.")
OPENING: list[Pair] = [
    (b"\r", b"\n:"),
    (b"poll on\r", IDLE),
    (b"echo off\r", IDLE),
    (b"ver\r", line(b"Legato 110 2.0.2")),
    (b"stp\r", IDLE),
    (b"nvram none\r", IDLE),
    (b"diameter\r", line(b"4.6990 mm")),
    (b"ttime\r", line(b"Target time not set")),
    (b"irate lim\r", line(b".0404 nl/min to 26.0035 ml/min")),
    STILL,
    (b"civolume\r", IDLE),
    STILL,
]


def made(link: Link, **options: Any) -> HarvardUltraPump:
    return HarvardUltraPump(link, Options.model_validate({"diameter": "4.699 mm", **options}))


def scripted(*pairs: Pair, **options: Any) -> tuple[HarvardUltraPump, Conversation]:
    link = Conversation(*OPENING, *pairs)
    return made(link, **options), link


def replaced(command: bytes, *pairs: Pair) -> list[Pair]:
    """The opening with something else for one command."""
    at = next(index for index, pair in enumerate(OPENING) if pair[0] == command)
    return [*OPENING[:at], *pairs, *OPENING[at + 1 :]]


def test_it_is_what_the_bench_asks_of_such_a_pump() -> None:
    pump, link = scripted()
    assert link.left == []
    for role in (Pump, DeliversBasal, DeliversBolus, Suspends, ReportsDelivery, RaisesAlarms, NeedsPolling):
        assert isinstance(pump, role)
    assert not isinstance(pump, HasWatchdog)
    assert math.isnan(pump.pump_time_s() + pump.reservoir_ul())
    assert math.isnan(pump.battery_pct())
    assert pump.concentration_u_per_ml is None


# -- opening


def test_opening_stops_it_and_sets_the_syringe_and_reads_it_back() -> None:
    link = Conversation(
        *OPENING[:4],
        (b"stp\r", b"\n>\x11"),
        (b"stp\r", IDLE),
        (b"nvram none\r", b"\nArgument error: none\r\n   Unknown argument\r\n:\x11"),
        (b"nvram off\r", IDLE),
        (b"diameter\r", line(b"14.5670 mm")),
        (b"diameter 4.699\r", IDLE),
        (b"diameter\r", line(b"4.6990 mm")),
        (b"svolume\r", line(b"1 ml")),
        (b"force\r", line(b"100%")),
        (b"force 30\r", IDLE),
        (b"force\r", line(b"30%")),
        (b"ttime\r", line(b"19.988 seconds")),
        (b"cttime\r", IDLE),
        (b"ttime\r", line(b"Target time not set.")),
        *OPENING[8:],
    )
    made(link, syringe_volume="1 mL", force=30)
    assert link.left == []


def test_a_pump_that_echoes_is_told_not_to() -> None:
    link = Conversation(
        (b"\r", b"\r\n:"), (b"poll on\r", b"poll on\r" + IDLE), (b"echo off\r", b"echo off\r" + IDLE), *OPENING[3:]
    )
    made(link)
    assert link.left == []


@pytest.mark.parametrize(
    ("command", "reply", "problem"),
    [
        (b"diameter\r", line(b"4.7 mm"), "has not taken diameter 4.699"),
        (b"irate lim\r", line(b"26 ml/min"), "sent no limits"),
        (b"irate lim\r", line(b"26 ml/min to 1 nl/min"), "sent no limits"),
        (b"status\r", line(b"0 0 0 i..TI.."), "sent no status"),
    ],
)
def test_a_setting_that_was_not_taken_is_an_error(command: bytes, reply: bytes, problem: str) -> None:
    pairs = [(command, reply)]
    if command == b"diameter\r":
        pairs = [(command, line(b"9 mm")), (b"diameter 4.699\r", IDLE), *pairs]
    link = Conversation(*replaced(command, *pairs))
    with pytest.raises(GarbledReplyError, match=problem):
        made(link)


def test_a_count_that_was_not_cleared_is_an_error() -> None:
    count = status(b"0 9 5000000000 i..TI.")
    link = Conversation(*OPENING[:-3], count, (b"civolume\r", IDLE), count)
    with pytest.raises(GarbledReplyError, match="has not cleared its count"):
        made(link)


def test_nobody_there() -> None:
    link = Conversation(*[(b"\r", b""), (b"poll on\r", b"")] * 3)
    with pytest.raises(NoReplyError) as error:
        made(link)
    assert error.value.sent == b"poll on\r"
    assert "pump_address" in error.value.advice
    assert link.clock.now_s() < 10.0


@pytest.mark.parametrize(
    ("version", "maker", "model", "firmware"),
    [
        (b"PHD ULTRA 3.0.5", "Harvard Apparatus", "PHD ULTRA", "3.0.5"),
        (b"11 ELITE I/W Single 3.0.4", "Harvard Apparatus", "11 ELITE I/W Single", "3.0.4"),
        (b"Legato 110 v2.01", "KD Scientific", "Legato 110", "2.01"),
        (b"Something", "", "Something", ""),
    ],
)
def test_who_it_is(version: bytes, maker: str, model: str, firmware: str) -> None:
    told = b"\nFirmware:      v3.0.5\r\nPump address:  0\r\nSerial number: D401460\r\n:\x11"
    link = Conversation(*replaced(b"ver\r", (b"ver\r", line(version))), (b"version\r", told))
    found = made(link).identify()
    assert (found.manufacturer, found.model, found.firmware, found.serial_number) == (maker, model, firmware, "D401460")


# -- addresses


@pytest.mark.parametrize(("form", "prefix"), [("colon", b"12:"), ("plain", b"12")])
def test_another_address_stands_before_commands_and_replies(form: str, prefix: bytes) -> None:
    def numbered(reply: bytes) -> bytes:
        lines = reply.split(b"\n")[1:]
        return b"".join(b"\n12:" + each for each in lines[:-1]) + b"\n12" + lines[-1]

    pairs = [OPENING[0], *((prefix + sent, numbered(reply)) for sent, reply in OPENING[1:])]
    link = Conversation(*pairs, (prefix + b"stp\r", b"\n12:\x11"))
    pump = made(link, pump_address=12, address_form=form)
    pump.stop()
    assert link.left == []


def test_a_pump_at_address_0_may_write_it_and_times_are_no_addresses() -> None:
    pump, _ = scripted((b"stp\r", b"\n00:\x11"), (b"version\r", b"\n00:Serial number: 7\r\n00:\x11"))
    pump.stop()
    assert pump.identify().serial_number == "7"
    link = Conversation(
        *replaced(
            b"ttime\r",
            (b"ttime\r", line(b"00:01:30")),
            (b"cttime\r", IDLE),
            (b"ttime\r", line(b"Target time not set")),
        )
    )
    made(link)
    assert link.left == []


@pytest.mark.parametrize(
    "reply",
    [
        b"\n05:\x11", b"\n05:0 0 0 i..TI.\r\n05:\x11", b"\n05:0 0 0 i..TI.\r\n00:\x11", b"0 0 0 i..TI.\r\n:\x11",
        b"\n0 0 0 i..TI.\r\n;\x11", b"\n0 0 0 i..TI.\r\n\x11", b"\n0 0 0 i..TI.\n:\x11", b"\n0 0 0 i.\xc5TI.\r\n:\x11",
        b"\n0 0 0 i..TI.\r\nT\x11", b"\n:\x11", b"\n1 2 3\r\n:\x11", b"\n0 0 0 i..TI\r\n:\x11",
        b"\n0 0 -1 i..TI.\r\n:\x11",
        b"\n0 0 0 i..TI.\r\n0 0 0 i..TI.\r\n:\x11", b"\n" + b"0" * 5000 + b"\r\n:\x11",
        b"status\r\n0 0 0 i..TI.\r\n:\x11",
    ],
)  # fmt: skip
def test_what_is_no_reply_of_this_pump_is_an_error_with_the_bytes(reply: bytes) -> None:
    pump, _ = scripted((b"status\r", reply))
    with pytest.raises(GarbledReplyError) as error:
        pump.state()
    assert error.value.sent == b"status\r"
    assert error.value.seen


def test_a_reply_without_its_end_is_no_reply() -> None:
    pump, _ = scripted((b"status\r", b"\n0 0 0 i..TI.\r\n:"))
    with pytest.raises(GarbledReplyError, match="no whole reply within 1 s"):
        pump.state()


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"\nCommand error:\r\n   Unknown command\r\n:\x11", "command error: Unknown command"),
        (b"\nArgument error: 9\r\n   Out of range\r\n:\x11", "argument error: Out of range"),
        (b"\nRange error: 9\r\n:\x11", "range error: no reason told"),
    ],
)
def test_a_refusal_says_what_was_refused(reply: bytes, told: str) -> None:
    pump, link = scripted((b"status\r", reply), STILL)
    with pytest.raises(RefusedError, match=told):
        pump.state()
    assert pump.state() is DeliveryState.STOPPED  # still in step
    assert link.left == []


def test_after_a_reply_too_many_it_gets_into_step_again() -> None:
    pump, link = scripted((b"stp\r", IDLE + IDLE), *OPENING[:4], STILL)
    pump.stop()
    assert pump.state() is DeliveryState.STOPPED
    assert link.left == []


def test_another_pump_in_its_place_is_noticed() -> None:
    pump, link = scripted((b"stp\r", b""), *OPENING[:3], (b"ver\r", line(b"PHD ULTRA 3.0.5")), *OPENING[:4], STILL)
    with pytest.raises(NoReplyError):
        pump._pumping.ask("stp")
    assert pump.state() is DeliveryState.STOPPED
    assert link.left == []


# -- what it does


@pytest.mark.parametrize(
    ("flags", "prompt", "state"),
    [
        (b"i..TI.", b":", DeliveryState.STOPPED),
        (b"i..TIT", b"T*", DeliveryState.STOPPED),
        (b"i..TIT", b":T*", DeliveryState.STOPPED),
        (b"I..TI.", b">", DeliveryState.BASAL),
        (b"W..TW.", b"<", DeliveryState.PRIMING),
        (b"i.STI.", b"*", DeliveryState.ALARM),
        (b"i.STI.", b":", DeliveryState.ALARM),
        (b"ii.TI.", b">*", DeliveryState.ALARM),
        (b"wW.TW.", b"<*", DeliveryState.ALARM),
        (b"iI.TI.", b":", DeliveryState.ALARM),
    ],
)
def test_states(flags: bytes, prompt: bytes, state: DeliveryState) -> None:
    pump, _ = scripted(status(b"0 0 0 " + flags, prompt))
    assert pump.state() is state


def test_a_basal_rate_is_told_and_read_back_and_changed_on_the_way() -> None:
    pump, link = scripted(
        (b"stp\r", IDLE), STILL, (b"civolume\r", IDLE), STILL,
        (b"tvolume\r", line(b"5 ul")), (b"ctvolume\r", IDLE), (b"tvolume\r", line(b"Target volume not set.")),
        (b"irate\r", line(b"500 ul/min")), (b"irate 10 ul/hr\r", IDLE), (b"irate\r", line(b"0.01 ml/hr")),
        (b"irun\r", RUNS),
        status(b"2777778 3600000 10000000000 I..TI.", b">"),
        status(b"2777778 3600000 10000000000 I..TI.", b">"),
        (b"irate\r", line(b"10 ul/hr", b">")), (b"irate 7.33333 ul/hr\r", RUNS),
        (b"irate\r", line(b".122222 ul/min", b">")), (b"stp\r", IDLE),
    )  # fmt: skip
    pump.start_basal(10.0)
    assert pump.delivered_ul() == 10.0
    pump.start_basal(22.0 / 3.0)
    pump.stop()
    assert link.left == []


def test_a_bolus_is_a_target_volume_and_its_count_is_in_femtolitres() -> None:
    start: list[Pair] = [
        (b"stp\r", IDLE), STILL, (b"civolume\r", IDLE), STILL,
        (b"tvolume\r", line(b"Target volume not set")), (b"tvolume 2.5 ul\r", IDLE), (b"tvolume\r", line(b"2.5 ul")),
        (b"irate\r", line(b"900 ul/hr")), (b"irun\r", RUNS),
    ]  # fmt: skip
    pump, link = scripted(
        *start,
        status(b"250000000 4000 1000000001 I..TI.", b">"),
        status(b"0 10000 2500000000 i..TIT", b"T*"),
        status(b"0 10000 2500000000 i..TIT", b"T*"),
        status(b"0 10000 2500000000 i..TIT", b"T*"),
    )
    pump.start_bolus(2.5)
    assert pump.bolus_status() == BolusStatus(True, 2.5, 1.000000001)
    assert pump.bolus_status() == BolusStatus(False, 2.5, 2.5)
    assert pump.state() is DeliveryState.STOPPED
    assert pump.delivered_ul() == 2.5
    assert link.left == []


@pytest.mark.parametrize(
    ("prompt", "flags", "code"),
    [
        (b"*", b"i.STI.", "OCCLUSION"),
        (b">*", b"ii.TI.", "EMPTY"),
        (b":", b"i..TI.", "SYSTEM"),
        (b"T*", b"i..TIT", "SYSTEM"),
    ],
)
def test_what_stops_a_basal_rate_is_an_alarm_told_once(prompt: bytes, flags: bytes, code: str) -> None:
    end = status(b"0 60000 1000000000 " + flags, prompt)
    pump, link = scripted(
        (b"stp\r", IDLE), STILL, (b"civolume\r", IDLE), STILL, (b"tvolume\r", line(b"Target volume not set")),
        (b"irate\r", line(b"10 ul/hr")), (b"irun\r", RUNS), end, end, end, end, (b"stp\r", IDLE), end,
    )  # fmt: skip
    pump.start_basal(10.0)
    assert [alarm.code for alarm in pump.take_alarms()] == [code]
    assert pump.take_alarms() == []
    with pytest.raises(RefusedError, match="an alarm has not been acknowledged"):
        pump.start_bolus(1.0)
    assert pump.state() is DeliveryState.ALARM
    pump.acknowledge_alarms()
    assert pump.state() is not DeliveryState.ALARM
    assert link.left == []


def test_a_run_that_does_not_begin_is_an_error() -> None:
    pump, _ = scripted(
        (b"stp\r", IDLE), STILL, (b"civolume\r", IDLE), STILL, (b"tvolume\r", line(b"Target volume not set")),
        (b"irate\r", line(b"10 ul/hr")), (b"irun\r", IDLE),
    )  # fmt: skip
    with pytest.raises(GarbledReplyError, match="was started and does not infuse"):
        pump.start_basal(10.0)


def test_a_pump_that_goes_on_is_not_stopped() -> None:
    pump, link = scripted(*[(b"stp\r", RUNS)] * 12)
    with pytest.raises(RefusedError, match="does not stop"):
        pump.stop()
    assert link.left == []


def test_closing_stops_it_whatever_comes_of_that() -> None:
    pump, link = scripted((b"stp\r", b""))
    pump.close()
    pump.close()
    assert link.left == []


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda pump: pump.start_basal(1e6 * 60.0), r"beyond what it can do with a syringe of 4.699 mm"),
        (lambda pump: pump.start_basal(1e-9), "It takes 0.002424 to"),
        (lambda pump: pump.start_basal(-1.0), "cannot be told"),
        (lambda pump: pump.start_basal(math.nan), "cannot be told"),
        (lambda pump: pump.start_bolus(0.0), "cannot be told"),
        (lambda pump: pump.start_bolus(math.inf), "cannot be told"),
        (lambda pump: pump.resume(), "nothing is suspended"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_moves(act: Any, problem: str) -> None:
    pump, link = scripted()
    with pytest.raises(RefusedError, match=problem):
        act(pump)
    assert link.left == []


def test_a_bolus_rate_beyond_the_limits_is_refused_when_it_is_opened() -> None:
    with pytest.raises(RefusedError, match="beyond what it can do"):
        scripted(bolus_rate="100 mL/min")


def test_a_count_that_goes_back_is_an_error_and_nothing_is_lost() -> None:
    pump, _ = scripted(
        status(b"0 1000 3000000000 i..TI."), status(b"0 0 1000000000 i..TI."), *OPENING[:4],
        status(b"0 0 1500000000 i..TI."),
    )  # fmt: skip
    assert pump.delivered_ul() == 3.0
    with pytest.raises(GarbledReplyError, match="counts back from 3 µL"):
        pump.delivered_ul()
    assert pump.delivered_ul() == 4.5


def test_what_somebody_withdraws_is_left_out_of_account() -> None:
    pump, _ = scripted(status(b"0 1000 3000000000 i..TI."), status(b"9 9 500000000 W..TW.", b"<"))
    assert pump.delivered_ul() == pump.delivered_ul() == 3.0


# -- suspension


def test_suspension_keeps_a_basal_rate() -> None:
    pump, link = opened()
    pump.start_basal(100.0)
    link.clock.sleep_s(36.0)
    pump.suspend()
    pump.suspend()
    assert pump.state() is DeliveryState.SUSPENDED
    with pytest.raises(RefusedError, match="is suspended"):
        pump.start_bolus(1.0)
    link.clock.sleep_s(36.0)
    pump.resume()
    assert pump.state() is DeliveryState.BASAL
    link.clock.sleep_s(36.0)
    assert pump.delivered_ul() == pytest.approx(2.0, abs=0.01)
    pump.suspend()
    pump.stop()
    assert pump.state() is DeliveryState.STOPPED


def test_suspension_keeps_the_rest_of_a_bolus_and_the_basal_rate_behind_it() -> None:
    pump, link = opened()
    pump.start_basal(100.0)
    pump.start_bolus(5.0)  # at 0.25 µL/s
    link.clock.sleep_s(8.0)
    pump.suspend()
    assert pump.bolus_status().active
    assert pump.bolus_status().delivered_ul == pytest.approx(2.0, abs=0.01)
    assert pump.state() is DeliveryState.SUSPENDED
    link.clock.sleep_s(60.0)
    pump.resume()
    assert pump.state() is DeliveryState.BOLUS
    link.clock.sleep_s(4.0)
    assert pump.bolus_status().delivered_ul == pytest.approx(3.0, abs=0.01)
    link.clock.sleep_s(10.0)
    assert not pump.bolus_status().active
    assert pump.bolus_status().delivered_ul == pytest.approx(5.0, abs=1e-6)
    assert pump.state() is DeliveryState.BASAL


@pytest.mark.parametrize("suspended", [False, True])
def test_a_bolus_is_cancelled_and_the_basal_rate_goes_on(suspended: bool) -> None:
    pump, link = opened()
    pump.cancel_bolus()
    pump.start_basal(100.0)
    pump.start_bolus(5.0)
    link.clock.sleep_s(8.0)
    if suspended:
        pump.suspend()
    pump.cancel_bolus()
    if suspended:
        assert pump.state() is DeliveryState.SUSPENDED
        pump.resume()
    assert pump.state() is DeliveryState.BASAL
    assert not pump.bolus_status().active
    assert pump.bolus_status().delivered_ul == pytest.approx(2.0, abs=0.01)


def test_pulses_are_put_off_by_a_suspension() -> None:
    schedule = PulseSchedule(0.5, None)
    schedule.start(10.0, 0.0)
    schedule.given()
    schedule.put_off(60.0)
    assert schedule.next_s == 240.0
    pump, link = opened(driver={"basal": "pulsed", "pulse": "0.5 µL"})
    pump.start_basal(10.0)
    link.clock.sleep_s(100.0)
    pump.suspend()
    assert pump.poll(link.clock.now_s()) == math.inf
    link.clock.sleep_s(1000.0)
    pump.resume()
    assert pump.poll(link.clock.now_s()) - link.clock.now_s() == pytest.approx(80.0, abs=0.1)
    assert pump.delivered_ul() == pytest.approx(0.5)


# -- pulses


def test_pulses_that_the_bolus_rate_cannot_give_are_refused() -> None:
    pump, link = opened(driver={"basal": "pulsed", "pulse": "0.5 µL", "bolus_rate": "20 µL/h"})
    with pytest.raises(RefusedError, match="make no rate of 11 µL/h"):
        pump.start_basal(11.0)
    assert link.moved_ul == 0.0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"basal": "pulsed"}, "goes with either"),
        ({"pulse": "0.5 µL"}, "goes with either"),
        ({"basal": "pulsed", "pulse": "0.05 U"}, "`pulse` in U needs"),
        ({"bolus_rate": "1.5 U/min"}, "`bolus_rate` in U needs"),
        ({"syringe_volume": "100 U"}, "`syringe_volume` in U needs"),
        ({"force": 0}, "greater than or equal to 1"),
        ({"pump_address": 100}, "less than or equal to 99"),
    ],
)
def test_a_rig_file_that_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Options.model_validate({"diameter": "4.699 mm", **options})


# -- numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500 ul/min", 30_000.0), (".0404 nl/min", 0.002424), ("26.0035 ml/min", 1_560_210.0), ("10 ul/hr", 10.0),
        ("0.01 ml/h", 10.0), ("1 pl/s", 0.0036), ("5", None), ("5 ul", None), ("1e3 ul/min", None), ("-1 ul/min", None),
        ("5 ul/min ", None), (". ul/min", None), ("nan ul/min", None), ("5 l/min", None),
    ],
)  # fmt: skip
def test_rates(text: str, value: float | None) -> None:
    assert numbers.rate_ul_per_h(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.01234 ml", 12.34), ("0 ul", 0.0), ("2.28205 ul", 2.28205), ("7 nl", 0.007), ("Target volume not set", None)],
)
def test_volumes(text: str, value: float | None) -> None:
    assert numbers.volume_ul(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("text", ["0 0 0 i..TI", "0 0 0 w..TI.", "250000000 4000 1000000001 I..TI.", "1 2 3 WW.TWT"])
def test_status_lines(text: str) -> None:
    found = numbers.status(text)
    assert found is not None
    assert found.flags == len(text.split()[3])
    assert found.volume_ul == int(text.split()[2]) / 1e9


@given(st.floats(1e-4, 1e5))
def test_what_is_told_is_within_six_digits(value: float) -> None:
    told = numbers.told_volume(value, "pump")
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)? ul", told)
    assert numbers.volume_ul(told) == pytest.approx(value, rel=5.1e-6)


def test_discovery_finds_it_by_its_version() -> None:
    [probe] = DRIVER.probes
    assert probe.send == b"VER\r"
    found = re.search(probe.answer, b"\n11 ELITE I/W Single 3.0.4\r\n:")
    assert found is not None
    assert (found["model"], found["firmware"]) == (b"11 ELITE I/W Single", b"3.0.4")
    assert re.search(probe.answer, b"ver\n\r00000008\n\r>") is None
