"""The Alaris driver: its bytes by recorded frames, remote control, numbers, alarms, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.alaris import frame, payload_in
from drivers.alaris_replies import rate_text, status_in, volume_text
from drivers.errors import ControlLostError, GarbledReplyError, InstrumentError, NoReplyError, RefusedError
from drivers.pump.alaris_asena import AlarisAsena, Options
from drivers.roles import (
    DeliversBasal,
    DeliversBolus,
    DeliveryState,
    HasWatchdog,
    Identity,
    MeasuresLinePressure,
    NeedsPolling,
    Pump,
    RaisesAlarms,
    ReportsDelivery,
)
from tests.drivers.alaris_peer import opened, pass_time
from tests.drivers.scripted_link import Conversation

# Recorded from pumps, or computed outside this project.
OPENING = [
    (b"!COMMS_PROTOCOL|E8DA\r", b"!COMMS_PROTOCOL^Asena Rev 2.1.5|661A\r"),
    (b"!INST_SERIALNO|457D\r", b"!INST_SERIALNO^8002-51740|050B\r"),
    (b"!COMMS_RESPONSE_MAX|7E29\r", b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r"),
]
ENABLE = (b"!REMOTE_CTRL^ENABLED^3CC1|B1F1\r", b"!REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0\r")
STATUS = b"!INF|4961\r"


def inf(text: str, serial: str = "8002-51740") -> bytes:
    return frame(f"INF^{serial}^{text}".encode())


HOLD = inf("-^HLD^0.00^ml/h^^1.234^ml^17.91^mmHg^24+^EVENT^127904")
INFUSING = inf("-^SET^0.10^ml/h^^1.234^ml^17.91^mmHg^24+^EVENT^127904")


def scripted(*pairs: tuple[bytes, bytes], **options: Any) -> tuple[AlarisAsena, Conversation]:
    link = Conversation(*OPENING, (STATUS, HOLD), *pairs)
    return AlarisAsena(link, Options.model_validate(options)), link


def test_it_is_what_the_bench_asks_of_such_a_pump() -> None:
    pump, link = scripted()
    assert isinstance(pump, Pump)
    assert isinstance(pump, DeliversBasal)
    assert isinstance(pump, DeliversBolus)
    assert isinstance(pump, ReportsDelivery)
    assert isinstance(pump, RaisesAlarms)
    assert isinstance(pump, NeedsPolling)
    assert isinstance(pump, MeasuresLinePressure)
    assert not isinstance(pump, HasWatchdog)  # its time cannot be set
    assert math.isnan(pump.pump_time_s() + pump.reservoir_ul())
    assert math.isnan(pump.battery_pct())
    assert pump.concentration_u_per_ml is None
    assert pump.longest_silence_s == 3.0
    assert pump.remote_control == "none"
    assert pump.identify() == Identity("Alaris", "Asena", "8002-51740", "Asena Rev 2.1.5")
    assert link.left == []  # it has asked only, and took no control


def test_a_basal_rate_is_started_by_recorded_frames() -> None:
    pump, link = scripted(
        (b"!INF_RATE_MAX_SYRINGE|8F30\r", b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r"),
        (b"!SYRINGE_STATUS|4102\r", b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8\r"),
        ENABLE,
        (b"!INF_STOP|CD57\r", b"!INF_STOP|CD57\r"),
        (STATUS, HOLD),
        (b"!INF_RATE_MAX_SYRINGE|8F30\r", b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r"),
        (b"!INF_VTBI^DEACT|D8C5\r", frame(b"INF_VTBI^DEACT^^^")),
        (b"!INF_RATE^0.10^ml/h|D407\r", b"!INF_RATE^0.10^ml/h|D407\r"),
        (b"!INF_START|38F3\r", b"!INF_START|38F3\r"),
        (STATUS, INFUSING),
        (STATUS, INFUSING),
    )
    pump.start_basal(100.0)
    assert pump.remote_control == "held"
    assert pump.state() is DeliveryState.BASAL
    assert link.left == []


def test_a_bolus_is_a_volume_after_which_the_pump_stops() -> None:
    pump, link = scripted(
        (b"!INF_RATE_MAX_SYRINGE|8F30\r", b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r"),
        (b"!SYRINGE_STATUS|4102\r", b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8\r"),
        ENABLE,
        (b"!INF_STOP|CD57\r", b"!INF_STOP|CD57\r"),
        (STATUS, HOLD),
        (STATUS, HOLD),
        (b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r", b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r"),
        (b"!INF_RATE^3.50^ml/h|3885\r", b"!INF_RATE^3.50^ml/h|3885\r"),
        (b"!INF_START|38F3\r", b"!INF_START|38F3\r"),
        (STATUS, inf("-^SET^3.50^ml/h^^1.236^ml^17.91^mmHg^03:08:31^EVENT^127905")),
        (STATUS, inf("A^HLD^0.00^ml/h^^12.234^ml^17.91^mmHg^00:00:00^EVENT^127906")),
        (b"!ALARM|50B2\r", frame(b"ALARM^AL_VTBIS^ ^ ")),
        (b"!INF_VTBI^DEACT|D8C5\r", frame(b"INF_VTBI^DEACT^^^")),
        (b"!ALARM|50B2\r", b"!ALARM^AL_NOALM^ ^ |C73B\r"),
        bolus_rate="3.5 mL/h",
    )
    pump.start_bolus(11_000.0)
    status = pump.bolus_status()
    assert (status.active, status.programmed_ul, status.delivered_ul) == (False, 11_000.0, 11_000.0)
    assert pump.take_alarms() == []  # that its volume is done is what was asked for
    assert link.left == []


def test_pressure_volume_and_rate_of_a_recorded_status() -> None:
    fields = "8002-51733^A^HLD^0.00^ml/h^^0.969^ml^530.15^mmHg^00:04:09^EVENT^214725"
    assert payload_in(b"!INF^" + fields.encode() + b"|DB9D") == b"INF^" + fields.encode()
    status = status_in(fields.split("^"), "8002-51733")
    assert status is not None
    assert (status.alarmed, status.infusing, status.volume_ul) == (True, False, 969.0)
    assert status.pressure_kpa == pytest.approx(70.68, abs=0.01)


@pytest.mark.parametrize(
    "changed",
    [
        ("8002-51740", "8002-51741"), ("ml/h", "ul/h"), ("1.234^ml", "1.234^l"), ("1.234", "-1.234"),
        ("1.234", "1.2.3"), ("1.234", ""), ("1.234", "nan"), ("0.00^", "0.10^"), ("HLD^", "HLD^^"), ("17.91", "x"),
        ("mmHg", "bar"), ("-^HLD", "^HLD"),
    ],
)  # fmt: skip
def test_a_status_that_makes_no_sense_is_an_error(changed: tuple[str, str]) -> None:
    payload = payload_in(HOLD[:-1])
    assert payload is not None
    wrong = frame(payload.replace(changed[0].encode(), changed[1].encode(), 1))
    pump, _ = scripted((STATUS, wrong))
    with pytest.raises(GarbledReplyError, match="sent no status of this pump"):
        pump.delivered_ul()


def test_a_pump_without_a_transducer_tells_no_pressure() -> None:
    pump, _ = scripted((STATUS, inf("-^HLD^0.00^ml/h^DRUG^1.234^ml^^^24+^EVENT^1")))
    assert math.isnan(pump.line_pressure_kpa())


# -- frames


@pytest.mark.parametrize(
    "line",
    [
        b"", b"!", b"INF|4961", b"!INF|4960", b"!INF|496", b"!INF", b"!|FFFF", b"!inf|4961", b"!IN\x1bF|4961",
        b"!INF|4961x", b"!INF\n|0000",
    ],
)  # fmt: skip
def test_what_is_no_frame(line: bytes) -> None:
    assert payload_in(line) is None


@pytest.mark.parametrize("line", [b"!INF|4961", b"\n!INF|4961", b"!INST_SER\x1b!INF|4961", b"!ALA!INF|4961"])
def test_what_comes_before_a_frame_does_not_count(line: bytes) -> None:
    assert payload_in(line) == b"INF"


@given(st.text("ABC^_. 019-", min_size=1, max_size=40), st.integers(0, 200), st.integers(0, 7))
def test_one_bit_is_found(text: str, at: int, bit: int) -> None:
    payload = b"INF^" + text.encode()
    line = bytearray(frame(payload)[:-1])
    assert payload_in(bytes(line)) == payload
    line[at % len(line)] ^= 1 << bit
    assert payload_in(bytes(line)) is None


def test_nobody_there() -> None:
    link = Conversation(*[(OPENING[0][0], b"")] * 10)
    with pytest.raises(NoReplyError, match=r"does not answer within 1 s.*38400 8N1"):
        AlarisAsena(link, Options())
    assert link.clock.now_s() < 15.0


def test_something_else_there() -> None:
    link = Conversation(*[(OPENING[0][0], b"ES\r\n")] * 10)
    with pytest.raises(GarbledReplyError, match="sent no reply to that"):
        AlarisAsena(link, Options())


def test_a_late_reply_is_not_taken_for_the_next() -> None:
    pump, link = scripted(
        (STATUS, b""),
        OPENING[0],
        (STATUS, inf("-^HLD^0.00^ml/h^^2.000^ml^17.91^mmHg^24+^EVENT^127904")),
    )
    link.left[1] = (OPENING[0][0], HOLD + OPENING[0][1])  # the late one comes before what was asked to get into step
    assert pump.delivered_ul() == 766.0


def test_a_reply_that_comes_twice_is_not_taken_for_the_next() -> None:
    pump, link = opened()
    stale = frame(b"INF^8002-51740^-^SET^5.00^ml/h^^0.000^ml^17.91^mmHg^24+^EVENT^127904")
    link._coming.append((link.clock.now_s(), stale))
    assert pump.state() is DeliveryState.STOPPED
    assert link.written[-2:] == [OPENING[0][0], STATUS]


# -- remote control


@pytest.mark.parametrize(
    "answer", [b"REMOTE_CTRL^DISABLED^****^PERMIT^0^ms", b"REMOTE_CTRL^DISABLED^^^^", b"REMOTE_CTRL^ENABLED^****^DENY"]
)
def test_a_pump_that_permits_no_remote_control_is_told_with_the_way_out(answer: bytes) -> None:
    pump, _ = scripted((ENABLE[0], frame(answer)))
    with pytest.raises(RefusedError, match=r"does not permit remote control.*versions after 2\.3\.6"):
        pump.poll(0.0)
    assert pump.remote_control == "none"


def test_software_that_has_it_disabled_starts_nothing_and_can_be_stopped() -> None:
    pump, link = opened(remote_control=False)
    with pytest.raises(RefusedError, match=r"does not permit"):
        pump.start_basal(1000.0)
    pump.stop()  # it is on hold: that is what was wanted
    assert not link.drive.running


def test_polling_keeps_control_for_as_long_as_wanted() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    pass_time(pump, link, 60.0)
    kept = [each for each in link.written if each == ENABLE[0]]
    assert 58 <= len(kept) <= 63
    assert link.drive.running
    pump.stop()
    assert link.moved_ul == pytest.approx(600.0, abs=2.0)
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=1.0)


def test_a_lapse_while_it_infuses_is_an_error_once_and_control_is_taken_again() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    link.clock.sleep_s(6.0)
    with pytest.raises(
        ControlLostError, match=r"lost remote control: the bench was silent for 6\.\d s, and it lasts 4 s"
    ):
        pump.poll(link.clock.now_s())
    assert pump.remote_control == "held"
    pass_time(pump, link, 5.0)
    pump.stop()
    assert not link.drive.running


def test_control_that_is_no_longer_granted_is_lost() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    link.told = [(ENABLE[1], frame(b"REMOTE_CTRL^DISABLED^****^PERMIT^0^ms"))]
    link.clock.sleep_s(1.5)
    with pytest.raises(ControlLostError, match="no longer grants it"):
        pump.poll(link.clock.now_s())
    assert pump.remote_control == "lost"
    link.told = []
    pump.stop()
    assert pump.remote_control == "held"


def test_at_rest_a_lapse_is_none() -> None:
    pump, link = opened()
    pump.poll(link.clock.now_s())
    link.clock.sleep_s(60.0)
    pump.poll(link.clock.now_s())
    pump.start_basal(1000.0)
    assert link.drive.running


def test_a_host_that_is_silent_for_longer_finds_a_pump_in_alarm() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    link.clock.sleep_s(20.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["WATCHDOG"]
    assert pump.state() is DeliveryState.ALARM
    pump.acknowledge_alarms()
    assert pump.state() is DeliveryState.STOPPED


def test_the_unlock_code_is_kept_out_of_logs_and_errors() -> None:
    pump, link = opened()
    pump.poll(0.0)
    assert ENABLE[0] in link.written
    assert (b"!REMOTE_CTRL^ENABLED^****|B1F1\r") in [data for direction, data in link.log if direction == "tx"]
    assert all(b"3CC1" not in data for _, data in link.log)
    link.told = [(ENABLE[1], b"")]
    link.clock.sleep_s(2.0)
    with pytest.raises(NoReplyError) as raised:
        pump.poll(link.clock.now_s())
    assert "3CC1" not in str(raised.value)
    assert "REMOTE_CTRL^ENABLED^****" in str(raised.value)


def test_closing_stops_the_pump_and_gives_control_back() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    pump.close()
    assert not link.drive.running
    assert link.written[-1] == b"!REMOTE_CTRL^DISABLED|EF95\r"
    sent = len(link.written)
    pump.close()
    assert len(link.written) == sent


def test_closing_a_pump_that_was_only_asked_changes_nothing() -> None:
    pump, link = opened()
    pump.state()
    pump.close()
    assert {each.split(b"|")[0] for each in link.written} == {
        b"!COMMS_PROTOCOL", b"!INST_SERIALNO", b"!COMMS_RESPONSE_MAX", b"!INF",
    }  # fmt: skip


# -- numbers


@pytest.mark.parametrize(
    ("ul_per_h", "text"),
    [(100.0, "0.10"), (1000.0, "1.00"), (1230.0, "1.23"), (0.1 * 3 * 1000.0, "0.30"), (1_200_000.0, "1200.00")],
)
def test_rates(ul_per_h: float, text: str) -> None:
    assert rate_text(ul_per_h, 1_200_000.0, "pump") == text


@pytest.mark.parametrize(
    ("ul_per_h", "told"),
    [
        (99.0, r"0.10 to 1200.00 mL/h, which is 10 to 120000 U/h of U-100.*diluted"),
        (1_200_001.0, "out of the pump's range"),
        (-1.0, "out of the pump's range"),
        (math.nan, "out of the pump's range"),
        (1234.5, r"more than the 2 decimals.*1.23 or 1.24 mL/h"),
    ],
)
def test_rates_that_cannot_be_told(ul_per_h: float, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        rate_text(ul_per_h, 1_200_000.0, "pump", 100.0)


def test_volumes() -> None:
    assert [volume_text(each, "pump") for each in (1.0, 500.0, 12_345.0)] == ["0.001", "0.500", "12.345"]
    with pytest.raises(RefusedError, match=r"3 decimals.*0.500 or 0.501 mL"):
        volume_text(500.5, "pump")
    for wrong in (0.0, -5.0, math.nan, math.inf):
        with pytest.raises(RefusedError, match="above zero"):
            volume_text(wrong, "pump")


@given(st.floats(1e-3, 1e7))
def test_what_is_told_is_what_was_meant_or_refused(ul: float) -> None:
    told: str | None = None
    advice = ""
    try:
        told = volume_text(ul, "pump")
    except RefusedError as error:
        advice = error.advice
    if told is None:
        assert "nearest" in advice
    else:
        assert float(told) * 1000.0 == pytest.approx(ul, rel=1e-6, abs=1e-3)


def test_what_cannot_be_told_sends_no_setting() -> None:
    pump, link = opened(driver={"insulin": "U-100"})
    for start, value in ((pump.start_basal, 10.0), (pump.start_bolus, 0.5), (pump.start_basal, 2e6)):
        with pytest.raises(RefusedError):
            start(value)
    assert not any(each.startswith((b"!REMOTE", b"!INF_RATE^", b"!INF_VTBI", b"!INF_ST")) for each in link.written)


# -- what it verifies


def test_a_setting_that_was_not_taken_is_an_error_and_nothing_is_started() -> None:
    pump, link = opened()
    link.told = [(b"!INF_RATE^3.50^ml/h|3885\r", b"!INF_RATE^0.10^ml/h|D407\r")]
    with pytest.raises(GarbledReplyError, match=r"has not taken 3.50 mL/h"):
        pump.start_basal(3500.0)
    assert not link.drive.running


def test_a_volume_that_was_not_taken_is_an_error_and_nothing_is_started() -> None:
    pump, link = opened()
    link.told = [(b"!INF_VTBI^ACTIV^11.000^ml^STOP|4433\r", frame(b"INF_VTBI^DEACT^^^"))]
    with pytest.raises(GarbledReplyError, match=r"has not taken a volume of 11.000 mL"):
        pump.start_bolus(11_000.0)
    assert not link.drive.running
    assert not pump.bolus_status().active


def test_a_pump_that_was_started_and_does_not_infuse() -> None:
    pump, link = opened()
    pump._pumping.control.take()
    start = link.emulator.receive
    link.emulator.receive = lambda data, time_s: (  # type: ignore[method-assign]
        link._answer(data, time_s) if data == b"!INF_START|38F3\r" else start(data, time_s)
    )
    with pytest.raises(GarbledReplyError, match="was started and does not infuse"):
        pump.start_basal(1000.0)


def test_a_pump_that_goes_on_is_not_stopped() -> None:
    pump, link = opened()
    pump.start_basal(1000.0)
    obey = link.emulator.receive
    link.emulator.receive = lambda data, time_s: (  # type: ignore[method-assign]
        link._answer(data, time_s) if data == b"!INF_STOP|CD57\r" else obey(data, time_s)
    )
    with pytest.raises(RefusedError, match=r"does not stop.*by hand"):
        pump.stop()


@pytest.mark.parametrize(
    ("options", "driver", "told"),
    [
        ({"syringe_confirmed": False}, {}, r"not confirmed: BD PLASTIPAK 50 mL, NCONF.*confirm it at the pump"),
        (
            {"syringe": "TERUMO"},
            {"syringe": "BD PLASTIPAK 50"},
            r"has a syringe TERUMO 50 mL, and the rig file says BD",
        ),
        ({"syringe_size": 20}, {"syringe": "BD PLASTIPAK 50"}, r"has a syringe BD PLASTIPAK 20 mL"),
    ],
)
def test_the_syringe_is_checked(options: dict[str, Any], driver: dict[str, Any], told: str) -> None:
    pump, link = opened(driver=driver, **options)
    for start in (pump.start_basal, pump.start_bolus):
        with pytest.raises(RefusedError, match=told):
            start(1000.0)
    assert not link.drive.running


def test_the_right_syringe_is_taken_and_its_highest_rate_kept() -> None:
    pump, _ = opened(driver={"syringe": "BD PLASTIPAK  20"}, syringe_size=20)
    pump.start_basal(600_000.0)
    with pytest.raises(RefusedError, match=r"0.10 to 600.00 mL/h"):
        pump.start_basal(600_010.0)


def test_a_count_that_goes_back_is_an_error_once() -> None:
    pump, link = opened()
    pump.start_bolus(500.0)
    pass_time(pump, link, 30.0)
    assert pump.delivered_ul() == 500.0
    link.emulator.receive(b"!INF_VI_CLEAR|A706\r", link.clock.now_s())
    link.clock.sleep_s(1.0)
    with pytest.raises(GarbledReplyError, match="counts back from 500 µL"):
        pump.delivered_ul()
    assert pump.delivered_ul() == 500.0


# -- alarms


def test_an_occlusion_is_one_alarm_and_blocks_until_it_is_acknowledged() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    pass_time(pump, link, 5.0)
    link.pressure_kpa = 80.0
    pass_time(pump, link, 5.0)
    [alarm] = pump.take_alarms()
    assert (alarm.code, alarm.text) == ("OCCLUSION", "Occlusion (AL_OCCLU)")
    assert pump.take_alarms() == []
    assert pump.state() is DeliveryState.ALARM
    assert pump.line_pressure_kpa() == pytest.approx(80.0, abs=0.01)
    with pytest.raises(RefusedError, match="has not been acknowledged: Occlusion"):
        pump.start_basal(1000.0)
    link.pressure_kpa = 2.0
    pump.acknowledge_alarms()
    pump.start_basal(36_000.0)
    assert pump.state() is DeliveryState.BASAL


def test_a_syringe_that_ends_warns_and_then_stops() -> None:
    pump, link = opened()
    link.syringe_ul = 200.0
    pump.start_basal(36_000.0)
    pass_time(pump, link, 3.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["LOWRES"]
    assert pump.state() is DeliveryState.BASAL
    pass_time(pump, link, 30.0)
    assert [alarm.code for alarm in pump.take_alarms()] == ["EMPTY"]
    assert pump.state() is DeliveryState.ALARM


@pytest.mark.parametrize(
    ("told", "code", "text"),
    [
        (b"ALARM^AL_ACDIS^ ^ ", "AL_ACDIS", "Alarm of the pump (AL_ACDIS)"),
        (b"ALARM^AL DRDIS^DRIVE DISENGAGED^", "AL DRDIS", "Alarm of the pump (AL DRDIS: DRIVE DISENGAGED)"),
        (b"ALARM^AL_VTBIS^^", "AL_VTBIS", "Alarm of the pump (AL_VTBIS)"),
        (b"ALARM^NEVER_SEEN", "NEVER_SEEN", "Alarm of the pump (NEVER_SEEN)"),
        (b"ALARM^AL_FAULT^ ^ ", "SYSTEM", "Pump fault (AL_FAULT)"),
    ],
)
def test_alarms_that_are_not_known_are_told_as_they_come(told: bytes, code: str, text: str) -> None:
    pump, link = opened()
    link.told = [(b"!ALARM^AL_NOALM^ ^ |C73B\r", frame(told))]
    pump.start_basal(1000.0)
    [alarm] = pump.take_alarms()
    assert (alarm.code, alarm.text) == (code, text)
    assert pump.take_alarms() == []
    with pytest.raises(RefusedError, match=r"still stands.*clear it at the pump"):
        pump.acknowledge_alarms()
    link.told = []
    pump.acknowledge_alarms()


def test_an_alarm_without_a_code_is_garbled() -> None:
    pump, link = opened()
    for told in (b"ALARM", b"ALARM^ ^ ^ "):
        link.told = [(b"!ALARM^AL_NOALM^ ^ |C73B\r", frame(told))]
        with pytest.raises(GarbledReplyError, match="does not tell its alarm"):
            pump.take_alarms()


def test_an_alarm_during_a_bolus_ends_it_and_no_basal_rate_follows() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    pump.start_bolus(1000.0)
    pass_time(pump, link, 5.0)
    link.pressure_kpa = 80.0
    pass_time(pump, link, 5.0)
    status = pump.bolus_status()
    assert not status.active
    assert 0.0 < status.delivered_ul < 1000.0
    assert [alarm.code for alarm in pump.take_alarms()] == ["OCCLUSION"]
    pass_time(pump, link, 10.0)
    assert not link.drive.running


# -- basal and boluses together


def test_a_basal_rate_waits_for_a_bolus_and_goes_on() -> None:
    pump, link = opened()
    pump.start_basal(36_000.0)
    pass_time(pump, link, 10.0)
    pump.start_bolus(500.0)
    assert pump.state() is DeliveryState.BOLUS
    with pytest.raises(RefusedError, match="in progress"):
        pump.start_bolus(100.0)
    pump.start_basal(72_000.0)  # holds from the end of the bolus on
    pass_time(pump, link, 25.0)
    status = pump.bolus_status()
    assert (status.active, status.programmed_ul, status.delivered_ul) == (False, 500.0, 500.0)
    assert pump.state() is DeliveryState.BASAL
    assert pump.take_alarms() == []
    before_ul = link.moved_ul
    pass_time(pump, link, 10.0)
    assert link.moved_ul - before_ul == pytest.approx(200.0, abs=10.0)
    assert pump.delivered_ul() == pytest.approx(link.moved_ul, abs=3.0)


def test_a_bolus_that_is_cancelled_or_stopped() -> None:
    pump, link = opened()
    for end in (pump.cancel_bolus, pump.stop):
        pump.start_bolus(500.0)
        pass_time(pump, link, 5.0)
        end()
        assert not link.drive.running
        status = pump.bolus_status()
        assert not status.active
        assert status.delivered_ul == pytest.approx(140.0, abs=15.0)
        pump.cancel_bolus()
    assert pump.take_alarms() == []
    pump.start_basal(36_000.0)
    pass_time(pump, link, 60.0)
    assert link.drive.running  # no volume is left at which it would stop


def test_a_small_bolus_is_over_before_it_is_looked_at() -> None:
    pump, link = opened(driver={"bolus_rate": "600 mL/h"})
    pump.start_bolus(1.0)
    link.clock.sleep_s(1.0)
    assert pump.bolus_status().delivered_ul == 1.0
    assert pump.take_alarms() == []


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ValidationError, match="needs `insulin`"):
        Options.model_validate({"bolus_rate": "10 U/h"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Options.model_validate({"baudrate": 9600})
    assert isinstance(ControlLostError("pump", "x"), InstrumentError)
